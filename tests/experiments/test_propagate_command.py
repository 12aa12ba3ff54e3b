"""`mlcli propagate` from the command line: contract, exact factors, what trains, bad input."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.experiments.propagate import draws
from mlcli.experiments.propagate.config import PropagateConfig
from mlcli.experiments.propagate.display import _nearest_to_one, next_command
from mlcli.experiments.propagate.tables import SIDES, life, most_change, verdict
from mlcli.experiments.propagate.training import PairTraining
from mlcli.neural.layer_statistics import Signals
from tests.experiments.contract import Cases

Run = Callable[..., Any]
CASES = Cases(
    small="--activations sigmoid,relu --inits he,xavier --depths 3,6 --width 24 --n-rows 8 "
    "--n-seeds 3 --sign-counts 2,3 --batch-sizes 1,16 --n-batches 2 --train-depth 3 "
    "--train-width 16 --train-steps 60 --train-rates 0.01,0.1 --train-rows 100 --train-seeds 2",
    anywhere=(
        "--depths 2 --width 4 --train-steps 4 --train-depth 2 --train-width 4 --train-batch 4 "
        "--threshold 0.9 --train-seeds 1 --batch-sizes 4 --sign-counts 4 --activations relu "
        "--inits he",
    ),
    branches=(
        "--n-seeds 1 --train-seeds 1",
        "--activations gelu",
        "--activations linear --inits xavier",
        "--activations relu,leaky-relu,elu --alpha 0.3",
        "--inits he",
        "--data iris --threshold 0.5",
        "--batch-sizes 1",
        "--train-steps 1",
    ),
    refused={
        "--activations relu,tahn": "got 'tahn'; try tanh",
        "--activations prelu": "got 'prelu'",
        "--alpha 0.3": "--alpha is no parameter of sigmoid; leaky-relu, prelu, elu have one",
        "--activations leaky-relu --alpha 1": "--alpha must be above 0 and below 1 for leaky-relu",
        "--activations elu --alpha 0": "above 0",
        "--activations relu,relu": "each once",
        "--inits xaver": "got 'xaver'; try xavier",
        "--inits zeros": "got 'zeros'",
        "--depths 1": "from 2 to 200",
        "--sign-counts 0": "at least 1",
        "--sign-counts 25": "at most the width 24",
        "--train-batch 300": "at most the 100 rows",
        "--threshold 0.1": "commonest class",
        "--data diabetes": "2 to 100 classes",
        "--width 2048 --n-seeds 900": "below 1 GiB",
    },
)
SMALL = ("propagate", *CASES.small.split(), "--train-rates", "0.01", "--train-rows", "200")
BARE = (*SMALL, "--no-plots", "--quiet", "--json")


def test_factors_signs_and_training_accuracies(mlcli: Run) -> None:
    done = mlcli(
        *BARE, "--n-seeds", "40", "--activations", "sigmoid,relu,tanh", "--train-steps", "150"
    )
    assert done.code == 0, done.err
    metrics = done.json
    for init, exact in (("he", 1.0), ("xavier", 0.5)):
        for side in ("forward", "backward"):
            one = metrics[side]["relu"][init]["depth_6"]
            assert one["theory"] == pytest.approx(exact, rel=1e-9)
            half = one["factor"]["ci_high"] - one["factor"]["mean"]
            assert abs(one["factor"]["mean"] - exact) < 2 * half < 0.2 * exact
    for activation in ("sigmoid", "relu"):
        assert metrics["signs"]["none"][activation]["n_2"]["batch_1"]["mean"] == 1
    assert metrics["signs"]["none"]["tanh"]["n_2"]["batch_1"]["mean"] == pytest.approx(0.5, abs=0.1)
    assert "batch_1" not in metrics["signs"]["batch"]["sigmoid"]["n_2"]
    assert metrics["trains"]["none"]["relu"]["he"]["trains"] is True
    assert metrics["trains"]["none"]["relu"]["he"]["fails"] is False
    assert metrics["trains"]["none"]["relu"]["he"]["accuracy"]["n"] == 2


def test_a_pair_whose_interval_holds_the_threshold_neither_trains_nor_fails() -> None:
    config = PropagateConfig()
    for accuracies, expected in (
        ((0.6, 0.7, 0.65), (True, False)),
        ((0.1, 0.12, 0.11), (False, True)),
        ((0.1, 0.9, 0.5), (False, False)),
        ((0.6,), (True, False)),
        ((0.1,), (False, True)),
    ):
        values = np.array(accuracies)
        found = verdict(config, PairTraining(0.1, values, values, values), 320)
        assert (found["trains"], found["fails"]) == expected, accuracies


def test_variances_beyond_the_range_of_a_float_are_null(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(
        *SMALL,
        "--inits",
        "normal",
        "--depths",
        "200",
        "--width",
        "128",
        "--n-seeds",
        "2",
        "--train-steps",
        "1",
        "--quiet",
        "--json",
        "--out",
        "o",
    )
    assert done.code == 0, done.err
    assert "NaN" not in done.out
    one = done.json["forward"]["relu"]["normal"]["depth_200"]
    assert one["factor"]["mean"] is None
    assert one["theory"] is None


def test_alpha_is_that_of_the_curves_the_signals_and_the_trainings(
    mlcli: Run, empty_folder: Path
) -> None:
    more = ("--activations", "relu,leaky-relu", "--inits", "xavier,he", "--n-seeds", "3")
    usual = mlcli(*BARE, *more, "--out", "usual").json
    other = mlcli(*BARE, *more, "--alpha", "0.5", "--out", "other").json
    assert other["alpha"] == 0.5
    assert "alpha" not in usual
    for side in ("forward", "backward"):
        # (1 + alpha^2) / 2 a layer under Xavier, 1 under He.
        of = other[side]["leaky-relu"]
        assert of["xavier"]["depth_6"]["theory"] == pytest.approx(0.625, rel=1e-9)
        assert of["he"]["depth_6"]["theory"] == pytest.approx(1.0, rel=1e-9)
        assert of["xavier"]["depth_6"]["factor"]["mean"] == pytest.approx(0.625, rel=0.1)
        assert other[side]["relu"] == usual[side]["relu"]
    trained = [of["trains"]["none"]["leaky-relu"]["he"]["loss"]["mean"] for of in (usual, other)]
    assert trained[0] != trained[1]
    with Path("other/tables/activations.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["activation"] == "leaky-relu"]
    assert {row["alpha"] for row in rows} == {"0.5"}
    for row in rows:
        a = float(row["a"])
        assert float(row["value"]) == pytest.approx(max(a, 0.5 * a), abs=1e-6)


def test_the_mean_and_the_variance_over_draws_are_those_of_theory() -> None:
    """E z = E delta = 0, and variances that multiply by n Var(w) from layer to layer."""
    for scheme, forward, backward in (
        ("lecun", [1, 1, 1], [10 / 128 * 4, 10 / 128 * 2, 10 / 128]),
        ("he-fan-out", [1 / 2, 1 / 4, 1 / 8], [1, 1, 1]),
        ("xavier", [2 / 3, 4 / 9, 8 / 27], [20 / 138 * 16 / 9, 20 / 138 * 4 / 3, 20 / 138]),
    ):
        theory, found = draws.expected(scheme), draws.measure_draws(3, scheme)
        np.testing.assert_allclose(theory.forward, forward, rtol=1e-12)
        np.testing.assert_allclose(theory.backward, backward, rtol=1e-12)
        for layers, variances_ in ((found.signal, forward), (found.errors, backward)):
            for one, variance in zip(layers, variances_, strict=True):
                for values, exact in ((one.means, 0.0), (one.squares, variance)):
                    error = values.std(ddof=1) / np.sqrt(draws.N_DRAWS)
                    assert abs(values.mean() - exact) < 4 * error
                    # So many draws that a wrong number of terms would show.
                    assert error < 0.05 * variance**0.5


def entry(forward: float | None, backward: float | None) -> dict[str, Any]:
    return {"factor": {"mean": forward}, "theory": backward}


def test_which_pairs_are_alive_is_decided_by_both_intervals() -> None:
    config = PropagateConfig(activations=("relu",), inits=("he",), depths=(11,))
    most = most_change(config)
    assert most == pytest.approx(10 * np.log10(1.15))

    def of(*changes: float) -> tuple[bool, bool]:
        """Of seeds whose signal and errors change by so many powers of 10."""
        n = len(changes)
        layers = np.linspace(0, np.array(changes), 11)  # (L, seeds)
        quiet = np.zeros((11, n))
        found = {}
        for side in SIDES:
            moves = layers if side == "forward" else layers[::-1]
            one = Signals(**{s: 10.0 ** (moves if s == side else quiet) for s in SIDES})
            other = Signals(np.ones((11, n)), np.ones((11, n)))
            measured = {("none", "he"): {("relu", 11): one}, ("batch", "he"): {("relu", 11): other}}
            found[side] = life(config, measured)["relu", "he"]
            mean = found[side][f"log10_{side}"]["mean"]
            assert mean == pytest.approx(np.mean(changes)) if np.isfinite(changes[0]) else not mean
        assert found["forward"]["alive"] == found["backward"]["alive"]
        assert found["forward"]["lost"] == found["backward"]["lost"]
        return found["forward"]["alive"], found["forward"]["lost"]

    assert of(0.01, 0.02, 0.0) == (True, False)
    assert of(-0.5, -0.51, -0.5) == (True, False)
    assert of(2.0, 2.1, 2.05) == (False, True)
    assert of(-2.0, -2.1, -2.05) == (False, True)
    assert of(0.3, 0.9) == (False, False)
    assert of(0.3) == (True, False)
    assert of(0.9) == (False, True)
    # Beyond the range of a float.
    assert of(np.nan, np.nan) == (False, True)


def test_remarks_say_what_the_numbers_are() -> None:
    def move(**factors: float | None) -> dict[str, Any]:
        return {"relu": {i: {"depth_11": entry(f, 1.0)} for i, f in factors.items()}}

    assert _nearest_to_one(move(he=0.99, lecun=0.5), 11) == (
        "Nearest to 1, which keeps the variance: relu with he has 0.99; farthest: relu with lecun "
        "with 0.5, 10^-3 through 11 layers."
    )
    assert _nearest_to_one(move(he=2.0, lecun=2.0), 11) == (
        "relu with he and lecun have 2; 1 keeps the variance."
    )
    one_gone = _nearest_to_one(move(he=1.5, normal=None), 11)
    assert one_gone == "relu with he has 1.5; 1 keeps the variance. 1 leaves the range of a float."
    assert _nearest_to_one(move(normal=None), 11) == (
        "All variances leave the range of a float within 11 layers."
    )


@pytest.mark.parametrize(
    ("accuracies", "command"),
    [
        (
            {"relu": {"he": 0.9, "normal": 0.1, "xavier": 0.5}, "tanh": {"he": 0.2}},
            "train-mlp --hidden 64-64-64 --activation relu --init he,normal",
        ),
        (
            {"tanh": {"lecun": 0.3}, "linear": {"lecun": 0.8}},
            "train-mlp --hidden 64-64-64 --activation tanh --init lecun --normalisation none,batch",
        ),
        ({"linear": {"he": 0.8}}, "train-mlp --hidden 64-64-64 --init he,normal"),
    ],
)
def test_the_next_command_trains_the_best_beside_the_worst(
    accuracies: dict[str, dict[str, float]], command: str
) -> None:
    pairs = {
        name: {init: {"accuracy": {"mean": value}} for init, value in by_init.items()}
        for name, by_init in accuracies.items()
    }
    assert next_command({"trains": {"none": pairs}}) == command

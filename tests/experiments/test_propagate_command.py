"""`mlcli propagate` from the command line: contract, exact factors, what trains, bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.experiments.propagate.config import PropagateConfig
from mlcli.experiments.propagate.tables import verdict
from mlcli.experiments.propagate.training import PairTraining
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
        "--inits he",
        "--data iris --threshold 0.5",
        "--batch-sizes 1",
        "--train-steps 1",
    ),
    refused={
        "--activations relu,tahn": "got 'tahn'; try tanh",
        "--activations prelu": "got 'prelu'",
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

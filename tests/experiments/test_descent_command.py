"""`mlcli descent` from the command line: contract, theory, divergence, bad input."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.experiments.contract import Cases

Run = Callable[..., Any]
CASES = Cases(
    small="--n-seeds 4 --n-noise 400 --n-steps 50",
    anywhere=("--degree 1 --basis legendre --n-noise 20",),
    branches=(
        "--basis legendre --degree 4",
        "--data diabetes --basis linear",
        "--batch-sizes 1 --noise-rates 0.9",
        "--path-rates 0.3",
        "--degree 1 --momentum 0.5",
    ),
    refused={
        "--learning-rate 0": "above 0",
        "--learning-rate -1": "above 0",
        "--momentum 1": "below 1",
        "--batch-sizes 0": "at least 1",
        "--path-rates a": "numbers above 0, as 0.1,0.5",
        "--path-rates -0.1": "path_rates",
        "--condition-numbers 1": "above 1 each",
        "--flow-steps 20": "at least two numbers",
        "--n-samples 5 --degree 6": "no more than the rows",
    },
    no_answer={
        "--degree 12": "flat along a direction",
    },
)
SMALL = ("descent", *CASES.small.split())
BARE = (*SMALL, "--no-plots", "--quiet", "--json")


def test_measurements_are_what_theory_says(mlcli: Run) -> None:
    done = mlcli(*BARE, "--n-noise", "3000", "--n-steps", "400")
    assert done.code == 0, done.err
    assert done.json["measured_over_critical"]["mean"] == pytest.approx(1, abs=2e-3)
    assert done.json["flow_order"]["mean"] == pytest.approx(1, abs=0.02)
    assert done.json["flow_order_log_cosh"]["mean"] == pytest.approx(1, abs=0.02)
    assert done.json["final_distance"]["mean"] < 1e-9
    one = done.json["noise"]["batch_16"]["rate_0.1"]
    assert one["measured"] == pytest.approx(one["theory"], rel=0.15)
    for kappa, entry in done.json["rates"]["plain"].items():
        assert entry["measured"] == pytest.approx(entry["theory"], rel=0.01), kappa


def test_too_large_a_rate_has_no_answer_and_names_the_step(mlcli: Run) -> None:
    done = mlcli("descent", "--learning-rate", "0.7", "--n-steps", "500", "--n-seeds", "2")
    assert (done.code, done.out) == (4, "")
    assert "descent diverged: at step " in done.err
    assert "try --learning-rate" in done.err
    assert len(done.err.splitlines()) == 1
    assert not Path("runs").exists()
    # Momentum bears more.
    assert mlcli(*BARE, "--learning-rate", "0.7", "--momentum", "0.8").code == 0


def test_a_batch_that_never_settles_is_counted(mlcli: Run) -> None:
    done = mlcli(*BARE, "--batch-sizes", "1", "--noise-rates", "0.9", "--out", "o")
    assert done.json["noise"]["batch_1"]["rate_0.9"] == {
        "measured": None,
        "theory": None,
        "n_diverged": 4,
    }
    with Path("o/tables/noise.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["measured"] == ""


def test_descent_that_has_not_settled_says_so(mlcli: Run) -> None:
    settled = mlcli(*SMALL, "--no-plots", "--json", "--n-steps", "300")
    assert settled.json["certificates"]["descent in 300 steps"]["n_certified"] == 4
    assert "converge" not in settled.err
    short = mlcli(*SMALL, "--no-plots", "--n-steps", "3")
    assert short.code == 0
    assert "descent in 3 steps did not converge for 4 of 4 seeds" in short.err
    assert "0 of 4" in short.out

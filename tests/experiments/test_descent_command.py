"""`mlcli descent` from the command line: contract, theory, divergence, bad input."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlcli.experiments.descent.config import DescentConfig
from mlcli.experiments.descent.studies import overfit_and_regularise
from mlcli.experiments.source import source_of
from mlcli.rng import stream
from tests.experiments.contract import Cases

Run = Callable[..., Any]
CASES = Cases(
    small="--n-seeds 2 --n-noise 200 --n-steps 50",
    anywhere=("--degree 1 --basis legendre --n-noise 20",),
    branches=(
        "--basis legendre --degree 4",
        "--data diabetes --basis linear",
        "--batch-sizes 1 --noise-rates 0.9",
        "--path-rates 0.3",
        "--degree 1 --momentum 0.5",
        "--n-samples 11 --degree 1",
        "--n-seeds 1 --batch-sizes 2,3,5,7,11,13,17",
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
SMALL = ("descent", *CASES.small.split(), "--n-seeds", "4", "--n-noise", "400")
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


def test_the_next_command_follows_from_the_run(mlcli: Run) -> None:
    def proposed(*more: str) -> str:
        done = mlcli(*SMALL, "--no-plots", *more)
        assert done.code == 0, done.err
        return str(done.err.splitlines()[-1].removeprefix("try next: mlcli descent "))

    assert proposed("--n-steps", "3") == "--n-steps 30"
    kept = ("--basis", "legendre", "--degree", "3")
    kappa = mlcli(*BARE, *kept, "--n-steps", "300").json["condition_number"]["mean"]
    best = ((kappa**0.5 - 1) / (kappa**0.5 + 1)) ** 2
    assert proposed(*kept, "--n-steps", "300") == f"--momentum {best:.2g} {' '.join(kept)}"
    more = ("--momentum", "0.3", "--n-steps", "400", "--degree", "1")
    assert proposed(*more) == "--batch-sizes 1,16,256 --noise-rates 0.1,0.3,0.9 --degree 1"


def test_paths_and_spread_are_those_of_the_rows_that_are_drawn(mlcli: Run) -> None:
    done = mlcli(
        *BARE, "--n-noise", "3000", "--batch-sizes", "2,8", "--n-steps", "50", "--out", "o"
    )
    assert done.code == 0, done.err
    stochastic = pd.read_csv("o/tables/stochastic.csv")
    assert stochastic.groupby("batch_size").size().to_dict() == {"2": 51, "8": 51, "all": 51}
    starts = stochastic[stochastic.step == 0]
    assert starts.stiff.nunique() == starts.soft.nunique() == 1
    every = stochastic[stochastic.batch_size == "all"]
    # On every row a step of 0.2 of the critical rate leaves 1 - 0.4 of the stiffest direction.
    np.testing.assert_allclose(every.stiff, every.stiff.iloc[0] * 0.6**every.step, atol=1e-9)
    ratio = every.lambda_min.iloc[0] / every.lambda_max.iloc[0]
    np.testing.assert_allclose(every.soft, every.soft.iloc[0] * (1 - 0.4 * ratio) ** every.step)
    assert (every.stiff_stiff == 0).all()
    spread = pd.read_csv("o/tables/spread.csv")
    assert len(spread) == 2 * 5 * 2
    # At smaller rates 3000 steps are few lifetimes.
    fast = spread[spread.rate >= 0.05]
    np.testing.assert_allclose(fast.measured, fast.theory, rtol=0.2)
    # 1/2 (lambda_max stiff^2 + ... + lambda_min soft^2) is the noise floor of the same runs.
    found = done.json["spread"]
    assert found["rate"] == 0.2
    for batch in ("2", "8"):
        of_batch = stochastic[stochastic.batch_size == batch].iloc[0]
        one = found[f"batch_{batch}"]
        rows = spread[(spread.batch_size == int(batch)) & (spread.rate == 0.2)]
        assert rows.measured.tolist() == [one["stiff_std"]["mean"], one["soft_std"]["mean"]]
        assert rows.theory.tolist() == [one["stiff_theory"], one["soft_theory"]]
        # The ellipse is that of the first data set, the mean over four is near it.
        assert np.sqrt(of_batch.stiff_stiff) == pytest.approx(one["stiff_theory"], rel=0.15)


def test_runs_leave_the_local_minimum_as_often_as_the_chain_says(mlcli: Run) -> None:
    done = mlcli(*BARE, "--n-seeds", "8", "--batch-sizes", "1,8", "--out", "o")
    assert done.code == 0, done.err
    table = pd.read_csv("o/tables/escape.csv")
    plain, runs = table[table.batch_size == "all"], table[table.batch_size != "all"]
    assert (plain.share == 0).all()
    assert (runs.n_runs == 200).all()
    assert runs.share.between(0, 1).all()
    sigma = np.sqrt((runs.theory * (1 - runs.theory)).clip(lower=2e-3) / 200)
    assert ((runs.share - runs.theory).abs() < 4 * sigma).all()
    assert runs.share.max() > 0.9
    for row in runs.itertuples():
        one = done.json["escape"][f"batch_{row.batch_size}"][f"rate_{row.rate:g}"]
        assert (one["share"]["mean"], one["theory"]) == (row.share, row.theory)
        assert 0 <= one["share"]["ci_low"] <= row.share <= one["share"]["ci_high"] <= 1
        # Wilson's interval of 200 runs at least, so that none of 200 is not taken for never.
        assert one["share"]["ci_high"] - one["share"]["ci_low"] > 0.018
    paths = pd.read_csv("o/tables/escape_paths.csv")
    assert paths.groupby("batch_size").size().to_dict() == {"1": 501, "8": 501, "all": 501}
    whole = paths[paths.batch_size == "all"].w
    np.testing.assert_allclose(whole, whole.iloc[0], atol=1e-9)


def test_overfitting_ends_at_the_rows_and_weight_decay_at_ridge(mlcli: Run) -> None:
    done = mlcli(*BARE, "--n-seeds", "3", "--out", "o")
    assert done.code == 0, done.err
    found = done.json["overfit"]
    assert (found["n_train"], found["n_columns"], found["degree"]) == (20, 60, 59)
    memorised, penalised = [], []
    config = DescentConfig(n_seeds=3)
    for index in range(3):
        data = source_of(config).replicate(index, 0)
        rng = stream(0, "overfit", index)
        one = overfit_and_regularise(data, stream(0, "overfit", index))
        assert one is not None
        order = rng.permutation(data.t.size)
        train, validation, test = order[:20], order[20:40], order[40:]
        x = data.X[:, 0]
        u = 2 * (x - x.min()) / (x.max() - x.min()) - 1
        Phi = np.polynomial.legendre.legvander(u, 59)
        t = data.t - data.t[train].mean()
        H = Phi[train].T @ Phi[train] / 20
        top = np.linalg.eigvalsh(H)[-1]

        strengths = np.geomspace(1e-6, 1, 25)
        ends = np.array(
            [
                np.linalg.solve(H + l2 * np.eye(60), Phi[train].T @ t[train] / 20)
                for l2 in strengths * top
            ]
        )

        gaps = (t - ends @ Phi.T) ** 2  # (25, N)
        best = int(gaps[:, validation].mean(axis=1).argmin())
        assert one.strength == pytest.approx(strengths[best])
        expected = [gaps[best, rows].mean() for rows in (train, test)]
        np.testing.assert_allclose(one.errors[1, -1], expected, rtol=1e-4)
        # The first steps, one by one; weight decay starts where they have ended.
        w = np.zeros(60)
        for step in range(1, 4):
            w = w + Phi[train].T @ (t[train] - Phi[train] @ w) / 20 / top
            assert one.steps[step] == step
            gap = (t - Phi @ w) ** 2
            np.testing.assert_allclose(one.errors[0, step], [gap[train].mean(), gap[test].mean()])
        np.testing.assert_allclose(one.errors[1, 0], one.errors[0, -1], atol=1e-12)
        memorised.append(one.errors[0, -1])
        penalised.append(one.errors[1, -1])
    before, after = np.array(memorised), np.array(penalised)
    assert found["overfit_train_mse"]["mean"] == pytest.approx(before[:, 0].mean())
    geometric = np.exp(np.log(before[:, 1]).mean())
    assert found["overfit_test_mse"]["mean"] == pytest.approx(geometric)
    assert found["share_better"] == (after[:, 1] < before[:, 1]).mean()
    table = pd.read_csv("o/tables/overfit.csv")
    last = table[table.part == "regularised"].iloc[-1]
    assert last.test == pytest.approx(np.median(after[:, 1]))


def test_few_rows_are_not_overfitted(mlcli: Run) -> None:
    done = mlcli(*SMALL, "--n-samples", "11", "--degree", "1", "--out", "o", "--quiet")
    assert done.code == 0, done.err
    assert "first overfit" not in done.out
    assert not Path("o/figures/overfit.png").exists()
    assert Path("o/tables/overfit.csv").read_text().count("\n") == 1

"""`mlcli check --flaky`: the chance of a gate to fail with fresh seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from mlcli.linear.statistics import mean_interval
from mlcli.run.details import quantities

Run = Callable[..., Any]
REPORTS = Path(__file__).parents[2] / "reports"
A = [0.1, 0.3, 0.2, 0.5, 0.4, 0.2]
B = [0.2, 0.1, 0.4, 0.3, 0.1, 0.2]


def table(**columns: Sequence[float]) -> None:
    rows = zip(*columns.values(), strict=True)
    text = [",".join(["seed", *columns])]
    text += [",".join(map(repr, [seed, *row])) for seed, row in enumerate(rows)]
    Path("s.csv").write_text("\n".join([*text, ""]))


def gate(mlcli: Run, text: str, *flags: str) -> dict[str, Any]:
    done = mlcli("check", "s.csv", "--assert", text, "--flaky", "--json", *flags)
    assert done.code in (0, 3), done.err
    (found,) = done.json["gates"]
    return dict(found)


def test_the_bootstrap_draws_from_the_seeds_that_there_are(mlcli: Run, empty_folder: Path) -> None:
    table(x=[0.0, 1.0])
    # Only the pair of two zeros has a mean below 1/4.
    assert gate(mlcli, "x.mean >= 0.25")["fails_by_bootstrap"] == pytest.approx(0.25, abs=0.03)
    three = gate(mlcli, "x.mean >= 0.25", "--n-seeds", "3")
    assert three["fails_by_bootstrap"] == pytest.approx(1 / 8, abs=0.03)
    assert three["n_seeds"] == 3


@pytest.mark.parametrize("n", [6, 20])
def test_a_fresh_mean_is_student_s(mlcli: Run, empty_folder: Path, n: int) -> None:
    table(x=A)
    error = np.std(A, ddof=1) * np.sqrt(1 / 6 + 1 / n)
    found = gate(mlcli, "x.mean >= 0.2", "--n-seeds", str(n))
    chance = stats.t.cdf((0.2 - np.mean(A)) / error, 5)
    assert found["fails_by_t"] == pytest.approx(chance, abs=0.02)
    bound = np.mean(A) + error * stats.t.ppf(0.01, 5)
    assert found["bound_for_1_percent"] == pytest.approx(bound, abs=0.35 * error)
    ends = gate(mlcli, "x.mean within 0..1", "--n-seeds", str(n))["bound_for_1_percent"]
    half = error * stats.t.ppf(0.995, 5)
    assert ends == pytest.approx([np.mean(A) - half, np.mean(A) + half], abs=0.6 * error)
    upper = gate(mlcli, "x.mean <= 0.4", "--n-seeds", str(n))
    assert upper["bound_for_1_percent"] > 0.4
    assert upper["fails_by_t"] == pytest.approx(stats.t.sf((0.4 - np.mean(A)) / error, 5), abs=0.02)


def test_two_metrics_of_the_same_seeds_vary_together(mlcli: Run, empty_folder: Path) -> None:
    table(x=A, y=[one - 0.01 for one in A], z=B)
    together = gate(mlcli, "x.mean > y.mean")
    assert (together["fails_by_bootstrap"], together["fails_by_t"]) == (0, 0)
    assert together["bound_for_1_percent"] == pytest.approx(0.01)
    apart = gate(mlcli, "x.mean > z.mean")
    d = np.array(A) - np.array(B)
    error = d.std(ddof=1) * np.sqrt(2 / 6)
    assert apart["fails_by_t"] == pytest.approx(stats.t.cdf(-d.mean() / error, 5), abs=0.02)


def test_the_end_of_an_interval_is_made_anew_from_fresh_seeds(
    mlcli: Run, empty_folder: Path
) -> None:
    table(x=A)
    found = gate(mlcli, "x.ci_low >= 0.05")
    rng = np.random.default_rng(1)
    fresh = [mean_interval(rng.choice(A, 6))[2] for _ in range(4000)]
    assert found["fails_by_bootstrap"] == pytest.approx(np.mean(np.array(fresh) < 0.05), abs=0.03)
    assert found["fails_by_t"] > found["fails_by_bootstrap"]
    assert gate(mlcli, "x.std <= 0.2")["fails_by_bootstrap"] < 0.1


def test_a_constant_metric_never_fails(mlcli: Run, empty_folder: Path) -> None:
    table(x=[1.0, 1.0, 1.0])
    found = gate(mlcli, "x.mean == 1")
    assert (found["fails_by_bootstrap"], found["fails_by_t"]) == (0, 0)
    assert found["bound_for_1_percent"] is None


def test_every_gate_of_the_shipped_reports_is_reported_on(mlcli: Run) -> None:
    params = str(REPORTS.parent / "params.yaml")
    done = mlcli("check", str(REPORTS), "--params", params, "--flaky", "--json")
    assert done.code == 0, done.err
    gates = {one["gate"]: one for one in done.json["gates"]}
    assert len(gates) == done.json["n_gates"]
    known = [one for one in gates.values() if one["n_seeds"] is not None]
    assert len(known) >= 12
    for one in known:
        assert 0 <= one["fails_by_bootstrap"] <= 1
        assert 0 <= one["fails_by_t"] <= 1
    others = [one for one in gates.values() if one["n_seeds"] is None]
    assert {one["unknown"] for one in others} == {"no values per seed"}
    text = mlcli("check", str(REPORTS), "--params", params, "--flaky").out
    assert "the same code with fresh seeds" in text
    assert "Not known (no values per seed): fit_poly.table_1" in text


def test_the_rows_behind_a_share_are_found_again() -> None:
    """So that the interval of fresh seeds is made as that of the run was."""
    from mlcli.review.flaky import _measured
    from mlcli.review.runs import runs_by_section

    runs = dict(runs_by_section(REPORTS))
    n_found = 0
    for section in ("train_mlp", "logistic", "train_cnn", "lr_find"):
        for path, one in quantities(runs[section].metrics).items():
            if not path.endswith("test_accuracy") or not isinstance(one, dict):
                continue
            found = _measured(f"{section}.{path}.ci_low", runs)
            if found is not None:
                n_found += 1
                assert abs(found.offset) < 1e-8, path
    assert n_found >= 5


def test_without_seeds_the_chance_is_not_known(mlcli: Run, empty_folder: Path) -> None:
    table(x=[1.0])
    found = gate(mlcli, "x.mean >= 0")
    assert (found["unknown"], found["fails_by_t"]) == ("one seed has no spread", None)
    assert gate(mlcli, "y.mean >= 0")["unknown"] == "no values per seed"
    assert gate(mlcli, "x.mean >= y.mean")["unknown"] == "the bound is not a number"
    done = mlcli("check", "s.csv", "--assert", "x.mean >= 0", "--n-seeds", "5")
    assert done.code == 2
    assert "--n-seeds has no meaning without --flaky" in done.err

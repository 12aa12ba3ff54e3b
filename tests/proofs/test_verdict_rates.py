"""The rates of wrong verdicts that the guide states, and the gate on scores of real runs."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.review.decisions import NOT_WORSE
from tests.project.documents import table_pattern
from tests.proofs.verdict_rates import FIGURE, NAME, PAGE, table
from tests.review.simulated import LAWS, N_SEEDS, rates
from tests.review.test_decision_rates import decided

Run = Callable[..., Any]


@pytest.mark.parametrize("name", LAWS)
def test_worse_is_wrong_in_at_most_5_of_100(name: str) -> None:
    """When nothing changed, and at the margin; 2.5 % by design, and 0.5 % for the simulation."""
    for n in N_SEEDS:
        found = rates(LAWS[name], n, 10_000, seed=1)
        for wrong in ("worse", "at_margin", "accepted"):
            assert found[wrong] <= 0.035, (n, wrong)


def test_the_table_of_the_guide_is_that_of_the_simulation() -> None:
    shown = table_pattern(NAME).search(PAGE.read_text(encoding="utf-8"))
    assert shown
    made = table()
    for one, other in zip(shown[2].splitlines(), made.splitlines(), strict=True):
        assert re.sub(r"[\d.]+", "", one) == re.sub(r"[\d.]+", "", other)
        numbers = ([float(x) for x in re.findall(r"\d+\.\d", line)] for line in (one, other))
        # Another processor draws the same numbers, and rounds some of them otherwise.
        np.testing.assert_allclose(*numbers, atol=0.2)
    assert FIGURE.stat().st_size < 60_000


def test_changed_seeds_of_real_runs_do_not_pass_for_improvements(
    mlcli: Run, empty_folder: Path
) -> None:
    """200 proposals of 8 fresh seeds each, against 8 other seeds of the same command."""
    done = mlcli(
        *("fit-poly", "--degrees", "3", "--n-seeds", "3200", "--n-samples", "60", "--no-plots"),
        *("--path-penalty", "none", "--compare-solver", "none", "--out", "run", "--quiet"),
    )
    assert done.code == 0, done.err
    with Path("run/seeds.csv").open(newline="") as file:
        values = [
            float(row["value"]) for row in csv.DictReader(file) if row["metric"] == "test_mse"
        ]
    scores = -np.array(values).reshape(200, 2, 8)
    accepted = sum(decided(a, b, 0.0, False, 0.0).verdict == NOT_WORSE for a, b in scores)
    higher = sum(b.mean() > a.mean() for a, b in scores)
    assert accepted <= 10
    assert 80 <= higher <= 120

"""How often a verdict of `mlcli compare --fail-if-worse` is wrong; tests/proofs has more draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlcli.review.decisions import NOT_WORSE, WORSE, Decision, decide
from mlcli.review.runs import FOREIGN, Run
from mlcli.review.scores import Scores
from tests.review.simulated import LAWS, N_SEEDS, Array, Law, loops, rates, verdicts


def run_of(name: str, scores: Array, overlap: float = 0.0) -> Run:
    """A run of another program with these values, one per seed."""
    found = Scores({"score": dict(enumerate(map(float, scores)))}, {"score": overlap})
    manifest = {"command": FOREIGN, "run": None, "config": {}, "data": {}, "versions": {}}
    return Run(name, Path(), manifest | {"seeds": {"n_seeds": scores.size}}, found.metrics(), found)


def decided(a: Array, b: Array, margin: float, paired: bool, overlap: float) -> Decision:
    runs = run_of("a", a, overlap), run_of("b", b, overlap)
    (found,) = decide([runs], {"score": margin}, "largest", unpaired=not paired)
    return found


@pytest.mark.parametrize("name", LAWS)
def test_the_simulated_rule_is_that_of_the_command(name: str) -> None:
    law = LAWS[name]
    rng = np.random.default_rng(1)
    outcomes = set()
    for n in (3, 5, 8):
        a, b = law.draw(rng, 12, n)
        for shift, margin in ((0.0, 0.0), (-law.std, 0.0), (law.std, 0.0), (0.0, 2 * law.std)):
            worse, not_worse = verdicts(a, b + shift, margin, law.paired, law.overlap)
            for i in range(12):
                verdict = decided(a[i], b[i] + shift, margin, law.paired, law.overlap).verdict
                assert (verdict == WORSE, verdict == NOT_WORSE) == (worse[i], not_worse[i])
                outcomes.add(verdict)
    assert len(outcomes) == 3


@pytest.mark.parametrize("n", N_SEEDS)
@pytest.mark.parametrize("name", LAWS)
def test_worse_is_seldom_wrong(name: str, n: int) -> None:
    found = rates(LAWS[name], n, 1000 if "splits" in name else 4000)
    # 2.5 % by design, and what chance adds to it.
    most = 0.025 + 4 * np.sqrt(0.025 * 0.975 / (1000 if "splits" in name else 4000))
    assert found["worse"] <= most
    assert found["at_margin"] <= most
    assert found["accepted"] <= most


def test_more_seeds_find_more() -> None:
    for name in ("paired, seeds correlate by 0.9", "unpaired"):
        found = [rates(LAWS[name], n, 2000) for n in N_SEEDS]
        assert np.all(np.diff([one["power"] for one in found]) >= 0)
        assert np.all(np.diff([one["not_worse"] for one in found]) >= 0)
    assert found[-1]["power"] > 0.7


def test_a_test_that_ignores_shared_rows_would_often_be_wrong() -> None:
    law = LAWS["splits of the same 60 rows, paired"]
    naive = Law(law.draw, law.std, law.paired, overlap=0.0)
    assert rates(naive, 16, 1000)["worse"] > 0.12


def test_a_loop_of_200_changed_seeds_gets_few_through_the_gate() -> None:
    rng = np.random.default_rng(0)
    accepted = higher = 0
    for _ in range(200):
        a, b = rng.normal(0.9, 0.01, (2, 8))
        accepted += decided(a, b, 0.0, False, 0.0).verdict == NOT_WORSE
        higher += b.mean() > a.mean()
    assert accepted <= 10
    assert 80 <= higher <= 120


def test_loops_that_keep_the_higher_mean_report_what_is_not_there() -> None:
    found = loops(50, 200, 8)
    assert found["gate"][0].mean() <= 0.05
    assert found["naive"][0].mean() == pytest.approx(0.5, abs=0.02)
    # The largest of 201 means of 8 seeds is about 2.8 standard errors too high.
    assert np.median(found["naive"][1][:, -1]) == pytest.approx(2.8 / np.sqrt(8), abs=0.1)
    assert np.median(found["gate"][1][:, -1]) < np.median(found["naive"][1][:, -1])

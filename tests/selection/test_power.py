"""The power of tests over seeds, against statsmodels and against simulation."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from mlcli.selection.power import (
    PowerDesign,
    correlation,
    least_difference,
    power,
    seeds_needed,
    smallest_difference,
    std_interval,
)

PAIRS = PowerDesign((1.0,), (0.0,))
GROUPS = PowerDesign((1.0, 1.0), (0.0, 0.0))
SPLITS = PowerDesign((1.0,), (0.25,))


@pytest.mark.parametrize("n", [3, 5, 8, 16, 64])
@pytest.mark.parametrize("difference", [0.01, 0.3, 1.0, 1.5])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_power_of_independent_seeds_is_statsmodels_s(
    n: int, difference: float, confidence: float
) -> None:
    pairs = PowerDesign((1.0,), (0.0,), confidence)
    groups = PowerDesign((1.0, 1.0), (0.0, 0.0), confidence)
    theirs = TTestPower().power(difference, n, 1 - confidence)
    # statsmodels has no number for some tails of SciPy's.
    if np.isfinite(theirs):
        assert power(difference, pairs, n) == pytest.approx(theirs, rel=1e-9)
    theirs = TTestIndPower().power(difference, n, 1 - confidence, ratio=1)
    if np.isfinite(theirs):
        assert power(-difference, groups, n) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("chance", [0.8, 0.95])
@pytest.mark.parametrize("difference", [0.2, 0.5, 1.2])
def test_seeds_and_differences_are_statsmodels_s(chance: float, difference: float) -> None:
    for design, peer in ((PAIRS, TTestPower()), (GROUPS, TTestIndPower())):
        n = float(peer.solve_power(difference, None, 0.05, chance))
        assert seeds_needed(design, difference, chance) == int(np.ceil(n))
        d = float(peer.solve_power(None, 10, 0.05, chance))
        assert smallest_difference(design, 10, chance) == pytest.approx(d, rel=1e-6)


@given(
    st.floats(0.01, 100),
    st.floats(0, 2),
    st.integers(2, 500),
    st.sampled_from([0.5, 0.8, 0.95]),
    st.integers(1, 2),
)
def test_the_smallest_difference_has_the_power(
    std: float, overlap: float, n: int, chance: float, groups: int
) -> None:
    design = PowerDesign((std,) * groups, (overlap,) * groups)
    d = smallest_difference(design, n, chance)
    assert power(d, design, n) == pytest.approx(chance, abs=1e-8)
    assert power(-d, design, n) == power(d, design, n)
    needed = seeds_needed(design, d * (1 + 1e-9), chance)
    assert needed is not None
    assert needed <= n
    assert d > least_difference(design, chance)


def rejected(d: NDArray[np.float64], overlap: float) -> float:
    """How often Nadeau and Bengio's test of the rows of d (n_trials, n) rejects."""
    n = d.shape[1]
    t = d.mean(axis=1) / (d.std(axis=1, ddof=1) * np.sqrt(1 / n + overlap))
    return float((np.abs(t) > stats.t.ppf(0.975, n - 1)).mean())


@pytest.mark.parametrize("n", [3, 5, 8, 16])
def test_power_of_shared_rows_is_that_of_correlated_scores(n: int) -> None:
    """Scores of splits of the same rows correlate by n_test / (n_test + n_train)."""
    rng = np.random.default_rng(n)
    overlap, n_trials = 0.25, 40_000
    rho = overlap / (1 + overlap)
    # The standard deviation over the seeds of one data set is 1.
    shared = rng.normal(0, np.sqrt(rho / (1 - rho)), (n_trials, 1))
    scores = shared + rng.normal(0, 1, (n_trials, n))
    for difference in (0.0, 1.0, 2.0):
        found = rejected(scores + difference, overlap)
        expected = power(difference, SPLITS, n) if difference else 0.05
        assert found == pytest.approx(expected, abs=0.012)


@pytest.mark.parametrize("stds", [(1.0, 1.0), (1.0, 3.0)])
@pytest.mark.parametrize("n", [5, 16])
def test_power_of_welch_s_test_is_that_of_simulated_groups(
    stds: tuple[float, float], n: int
) -> None:
    rng = np.random.default_rng(n)
    design = PowerDesign(stds, (0.0, 0.0))
    d = smallest_difference(design, n, 0.8)
    a, b = (rng.normal(0, std, (40_000, n)) for std in stds)
    found = stats.ttest_ind(a, b + d, axis=1, equal_var=False).pvalue < 0.05
    # For few seeds of unequal spread Welch's degrees of freedom are themselves an estimate.
    assert found.mean() == pytest.approx(0.8, abs=0.03 if n == 5 else 0.01)


def test_shared_rows_leave_a_difference_that_no_number_of_seeds_shows() -> None:
    least = least_difference(SPLITS, 0.8)
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    # But for the other side of the interval.
    assert least == pytest.approx(0.5 * z, rel=1e-5)
    assert seeds_needed(SPLITS, 0.99 * least, 0.8) is None
    assert (seeds_needed(SPLITS, 1.01 * least, 0.8) or 0) > 100
    assert smallest_difference(SPLITS, 10**6, 0.8) == pytest.approx(least, rel=1e-4)
    assert least_difference(PAIRS, 0.8) == 0
    assert seeds_needed(PAIRS, 0.0, 0.8) is None
    assert SPLITS.standard_error(inf) == 0.5


def test_without_spread_every_difference_shows() -> None:
    design = PowerDesign((0.0,), (0.0,))
    assert power(1e-9, design, 2) == 1
    assert power(0.0, design, 2) == 0


def test_the_interval_of_a_spread_holds_it_in_95_of_100_cases() -> None:
    rng = np.random.default_rng(0)
    std = rng.normal(0, 2, (20_000, 6)).std(axis=1, ddof=1)
    low, high = std_interval(1.0, 5)
    inside = (low * std <= 2) & (high * std >= 2)
    assert inside.mean() == pytest.approx(0.95, abs=0.006)
    assert low < 1 < high


def test_a_constant_score_has_no_correlation() -> None:
    a, b = np.array([1.0, 2.0, 4.0]), np.array([2.0, 4.0, 8.5])
    assert correlation(a, np.ones(3)) is None
    assert correlation(a[:1], b[:1]) is None
    assert correlation(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1])

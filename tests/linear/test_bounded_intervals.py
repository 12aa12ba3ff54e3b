"""Intervals of quantities with a range: identities with Wilson's and Student's, and coverage."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mlcli.linear.statistics import (
    ANY,
    AT_MOST_ONE,
    CORRELATION,
    NON_NEGATIVE,
    SHARE,
    SHARE_OF_ROWS,
    Range,
    bounded_interval,
    interval_ends,
    mean_interval,
    wilson_interval,
)

Array = NDArray[np.float64]
RANGES = (
    ANY,
    NON_NEGATIVE,
    AT_MOST_ONE,
    SHARE,
    SHARE_OF_ROWS,
    CORRELATION,
    Range(0.0, 2.0),
    SHARE.of_difference,
)
N_SEEDS = (3, 5, 8, 16)


@given(
    st.sampled_from(RANGES),
    st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1.0]), min_size=2, max_size=9),
    st.sampled_from([None, 1, 30, 1e6]),
)
def test_an_interval_is_in_range_and_has_the_mean_and_all_of_students(
    within: Range, values: list[float], rows: float | None
) -> None:
    if math.isfinite(within.most - within.least):
        values = [within.least + (within.most - within.least) * value for value in values]
    if within == NON_NEGATIVE:
        values = [value * 1e200 for value in values]
    mean, _, low, high, _ = mean_interval(values, within=within, rows=rows)
    _, _, student_low, student_high, _ = mean_interval(values)
    assert low is not None
    assert high is not None
    assert student_low is not None
    assert student_high is not None
    assert within.least <= low <= mean <= high <= within.most
    # Numbers near the smallest ones have few digits.
    slack = 1e-12 * max(abs(value) for value in values) + 1e-300
    assert low <= max(student_low, within.least) + slack
    assert high >= min(student_high, within.most) - slack


@pytest.mark.parametrize("share", [0.02, 0.4, 0.97])
def test_with_the_variance_of_a_count_it_is_wilsons(share: float) -> None:
    half = 1.959963984540054 * math.sqrt(share * (1 - share) / 50)
    low, high = interval_ends(share, half, SHARE)
    wilson = wilson_interval(share, 50)
    assert float(low) == pytest.approx(min(wilson[0], max(share - half, 0)), rel=1e-12)
    assert float(high) == pytest.approx(max(wilson[1], min(share + half, 1)), rel=1e-12)


@pytest.mark.parametrize(
    ("mean", "half", "within", "variance"),
    [
        (2.0, 3.0, NON_NEGATIVE, lambda mu: mu),
        (0.9, 0.3, AT_MOST_ONE, lambda mu: 1 - mu),
        (0.1, 0.3, SHARE, lambda mu: mu * (1 - mu)),
        (-0.9, 0.3, CORRELATION, lambda mu: (1 + mu) * (1 - mu)),
    ],
)
def test_the_far_end_solves_its_equation(
    mean: float, half: float, within: Range, variance: Callable[[float], float]
) -> None:
    low, high = (float(end) for end in interval_ends(mean, half, within))
    far = low if within is AT_MOST_ONE else high
    assert (far - mean) ** 2 == pytest.approx(half**2 * variance(far) / variance(mean), rel=1e-12)
    assert (low, high)[within is AT_MOST_ONE] == (
        within.most if within is AT_MOST_ONE else within.least
    )


def test_ranges_that_mirror_each_other_have_mirrored_intervals() -> None:
    values = [0.01, 0.02, 0.2]
    _, _, low, high, _ = mean_interval(values, within=NON_NEGATIVE)
    _, _, mirrored_low, mirrored_high, _ = mean_interval(
        [1 - v for v in values], within=AT_MOST_ONE
    )
    assert (low, high) == (0.0, pytest.approx(1 - (mirrored_low or 0), rel=1e-12))
    assert mirrored_high == 1.0


def test_equal_values_leave_the_number_of_rows_to_say_how_sure_they_are() -> None:
    assert mean_interval([1.0] * 3, within=SHARE)[2:4] == (1.0, 1.0)
    for within in (SHARE, SHARE_OF_ROWS):
        low, high = mean_interval([1.0] * 3, within=within, rows=90)[2:4]
        assert (low, high) == wilson_interval(1.0, 90)
        assert low == pytest.approx(90 / (90 + 1.959963984540054**2), rel=1e-12)
    # Twice a share: a Brier score.
    low, high = mean_interval([0.0] * 3, within=Range(0.0, 2.0), rows=90)[2:4]
    assert (low, high) == (0.0, pytest.approx(2 * wilson_interval(0.0, 90)[1]))
    # Values that differ speak for themselves, unless they are shares of the rows.
    apart = [1.0, 1.0, 0.967]
    assert mean_interval(apart, within=SHARE, rows=90) == mean_interval(apart, within=SHARE)
    low = mean_interval(apart, within=SHARE_OF_ROWS, rows=90)[2]
    assert low == pytest.approx(wilson_interval(0.989, 90)[0], abs=5e-3)


def test_the_interval_of_a_difference_is_that_of_its_test() -> None:
    within = SHARE.of_difference
    assert (within.least, within.most) == (-1.0, 1.0)
    assert NON_NEGATIVE.of_difference == replace(ANY, skewed=False)
    assert bounded_interval(0.04, 0.041, within, rows=30) == (0.04 - 0.041, 0.04 + 0.041)
    assert bounded_interval(0.9, 0.3, within) == (0.9 - 0.3, 1.0)
    assert bounded_interval(0.0, 0.0, within, rows=30) == (0.0, 0.0)


def coverage(
    draw: Callable[[], Array], truth: float, within: Range, rows: float | None = None
) -> tuple[float, float]:
    """Share of intervals that hold the truth: of `mean_interval`, and of Student's alone."""

    @cache
    def inside(values: tuple[float, ...]) -> tuple[bool, bool]:
        found = mean_interval(values, within=within, rows=rows), mean_interval(values)
        return tuple((one[2] or 0) <= truth <= (one[3] or 0) for one in found)  # type: ignore[return-value]

    return tuple(np.mean([inside(tuple(sorted(row))) for row in draw()], axis=0))  # type: ignore[return-value]


# What chance leaves of a true coverage of 0.93 in so many trials, but for once in 1,000.
N_TRIALS = 1000
LEAST = float(scipy.stats.binom.ppf(0.001, N_TRIALS, 0.93)) / N_TRIALS


@pytest.mark.parametrize("n", N_SEEDS)
def test_accuracies_near_1_are_covered(n: int) -> None:
    rng = np.random.default_rng(n)
    found, student = coverage(
        lambda: rng.binomial(20, 0.99, (N_TRIALS, n)) / 20, 0.99, SHARE_OF_ROWS, rows=20 * n
    )
    assert found >= LEAST
    # All seeds at 1 make a point of Student's interval.
    assert student < 0.85


@pytest.mark.parametrize("n", N_SEEDS)
def test_skew_losses_are_covered(n: int) -> None:
    rng = np.random.default_rng(n)
    found, student = coverage(lambda: rng.exponential(1.0, (N_TRIALS, n)), 1.0, NON_NEGATIVE)
    assert found >= LEAST
    assert student < found - 0.02

"""Variances, intervals, and Student's quantiles against SciPy and closed forms."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from mlcli.linear.statistics import (
    mean_interval,
    r_squared,
    residual_variance,
    residual_variance_or_none,
    student_t_quantile,
)

PROBABILITIES = (
    1e-12,
    1e-6,
    1e-3,
    0.01,
    0.025,
    0.1,
    0.2,
    0.25,
    0.3,
    0.4,
    0.45,
    0.55,
    0.6,
    0.75,
    0.9,
    0.95,
    0.975,
    0.995,
    0.9999,
)


@pytest.mark.parametrize("dof", [1, 1.5, 2, 3, 4, 7, 9, 29.5, 30, 159, 161, 1e3, 1e5, 1e8, 1e12])
def test_quantiles_against_scipy(dof: float) -> None:
    for p in PROBABILITIES:
        peer = float(scipy.stats.t.ppf(p, dof))
        if math.isfinite(peer):
            assert student_t_quantile(p, dof) == pytest.approx(peer, rel=1e-12, abs=0)


def test_quantiles_in_closed_form() -> None:
    for p in (1e-300, 1e-20, 0.01, 0.3, 0.49999999, 0.5000001, 0.75, 0.999):
        cauchy = -1 / math.tan(math.pi * p) if p < 0.1 else math.tan(math.pi * (p - 0.5))
        # tan loses digits of p - 1/2 when multiplied by pi; nothing else does.
        assert student_t_quantile(p, 1) == pytest.approx(cauchy, rel=2e-12)
        two = (2 * p - 1) / math.sqrt(2 * p * (1 - p))
        assert student_t_quantile(p, 2) == pytest.approx(two, rel=1e-12)
    assert student_t_quantile(0.5, 3) == 0.0
    # P(T > t) -> f(0) v^((v+1)/2) / (v t^v); SciPy 1.17 is off by a factor of 2 here.
    far = (18 / (math.pi * math.sqrt(27)) * 1e200) ** (1 / 3)
    assert student_t_quantile(1e-200, 3) == pytest.approx(-far, rel=1e-12)
    normal = float(scipy.special.ndtri(0.975))
    assert student_t_quantile(0.975, 1e15) == pytest.approx(normal, rel=1e-13)


@given(st.floats(1e-9, 0.4999), st.floats(0.5, 1e6))
def test_quantiles_are_odd_and_fall_with_dof(p: float, dof: float) -> None:
    t = student_t_quantile(1 - p, dof)
    assert student_t_quantile(1 - (1 - p), dof) == pytest.approx(-t, rel=1e-12)
    assert student_t_quantile(1 - p, 2 * dof) < t


def test_the_textbook_interval() -> None:
    values = [4.0, 7.0, 6.0, 3.0]
    mean, std, low, high, n = mean_interval(values)
    assert (mean, n) == (5.0, 4)
    assert std == pytest.approx(np.std(values, ddof=1), rel=1e-15)
    expected = scipy.stats.t.interval(0.95, 3, loc=5, scale=np.std(values, ddof=1) / 2)
    assert (low, high) == pytest.approx(expected, rel=1e-12)


def test_a_single_value_has_no_spread_and_equal_ones_none_at_all() -> None:
    assert mean_interval([3.5]) == (3.5, None, None, None, 1)
    assert mean_interval([0.1] * 7) == (0.1, 0.0, 0.1, 0.1, 7)


@given(st.lists(st.floats(-1e150, 1e150), min_size=2, max_size=30), st.randoms())
def test_order_does_not_matter_and_nothing_overflows(
    values: list[float], shuffler: random.Random
) -> None:
    first = mean_interval(values)
    shuffler.shuffle(values)
    assert mean_interval(np.array(values)) == first
    mean, std, low, high, n = first
    assert std is not None
    assert low is not None
    assert high is not None
    assert low <= mean <= high
    assert min(values) <= mean <= max(values)
    assert math.isfinite(std)
    assert n == len(values)


def test_units_scale_the_interval() -> None:
    values = [1.0, 2.5, 3.0, -1.0]
    plain = mean_interval(values)
    for unit in (1e150, 1e300, 1e-200):
        scaled = mean_interval([v * unit for v in values])
        assert [v / unit for v in scaled[:4] if v] == pytest.approx(plain[:4], rel=1e-14)


def test_variances_and_r_squared() -> None:
    t = np.array([1.0, 2.0, 4.0])
    assert residual_variance(6.0, 5, 2) == 2.0
    assert residual_variance_or_none(6.0, 2, 2) is None
    assert residual_variance_or_none(6.0, 5, 2) == 2.0
    assert r_squared(0.0, t) == 1.0
    assert r_squared(((t - t.mean()) ** 2).sum(), t) == pytest.approx(0.0)
    assert r_squared(2.1, t, centred=False) == pytest.approx(0.9)
    assert r_squared(0.0, np.full(6, 0.1)) is None
    assert r_squared(0.0, np.zeros(2), centred=False) is None


def test_refusals() -> None:
    with pytest.raises(ValueError, match="must exceed the degrees of freedom 4, got 4"):
        residual_variance(1.0, 4, 4)
    for values in ([], [1.0, math.inf]):
        with pytest.raises(ValueError, match="one or more finite"):
            mean_interval(values)
    with pytest.raises(ValueError, match="confidence"):
        mean_interval([1.0, 2.0], 1.0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        student_t_quantile(1.0, 3)
    with pytest.raises(ValueError, match="positive and finite"):
        student_t_quantile(0.9, 0.0)

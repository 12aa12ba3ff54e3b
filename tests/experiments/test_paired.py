"""Tests of differences of means, against SciPy and against what they must do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlcli.experiments.paired import holm, paired_test, welch_test
from mlcli.experiments.summary import summary
from mlcli.linear.statistics import ANY, SHARE

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("n", [2, 3, 8, 40])
def test_paired_is_scipy_s(n: int) -> None:
    a, b = RNG.normal(size=n), RNG.normal(0.3, 2.0, size=n)
    found, theirs = paired_test(b - a, 0.0), stats.ttest_rel(b, a)
    interval = theirs.confidence_interval(0.95)
    assert found["p_value"] == pytest.approx(theirs.pvalue, rel=1e-10)
    assert found["ci_low"] == pytest.approx(interval.low, rel=1e-10)
    assert found["ci_high"] == pytest.approx(interval.high, rel=1e-10)


@pytest.mark.parametrize(("n", "m"), [(2, 2), (3, 17), (30, 8)])
def test_welch_is_scipy_s(n: int, m: int) -> None:
    a, b = RNG.normal(size=n), RNG.normal(0.5, 3.0, size=m)
    found = welch_test(summary(a, ANY), summary(b, ANY), (0.0, 0.0))
    theirs = stats.ttest_ind(b, a, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert found["p_value"] == pytest.approx(theirs.pvalue, rel=1e-9)
    assert found["ci_low"] == pytest.approx(interval.low, rel=1e-9)
    assert found["ci_high"] == pytest.approx(interval.high, rel=1e-9)


def test_the_difference_of_two_shares_stays_between_minus_1_and_1() -> None:
    within = SHARE.of_difference
    paired = paired_test(np.array([0.1, 0.9]), 0.0, within)
    assert (paired["ci_low"], paired["ci_high"]) == (-1.0, 1.0)
    a, b = summary([0.0, 0.1], SHARE), summary([0.5, 1.0], SHARE)
    free, held = (welch_test(a, b, (0.0, 0.0), one) for one in (ANY, within))
    assert free["ci_high"] > 1.0 == held["ci_high"]
    assert (held["ci_low"], held["p_value"]) == (max(free["ci_low"], -1.0), free["p_value"])


def test_overlapping_splits_widen_by_nadeau_and_bengio_s_factor() -> None:
    n, overlap = 10, 0.25
    d = RNG.normal(0.2, 1.0, size=n)
    plain, wide = paired_test(d, 0.0), paired_test(d, overlap)
    ratio = (wide["ci_high"] - wide["ci_low"]) / (plain["ci_high"] - plain["ci_low"])
    assert ratio == pytest.approx(np.sqrt((1 / n + overlap) / (1 / n)))
    t = d.mean() / (d.std(ddof=1) * np.sqrt(1 / n + overlap))
    assert wide["p_value"] == pytest.approx(2 * stats.t.sf(abs(t), n - 1))
    assert welch_test(summary(d, ANY), summary(d, ANY), (0.25, 0.25))["p_value"] == 1.0


def test_equal_values_and_single_ones_have_no_probability() -> None:
    same = paired_test(np.zeros(5), 0.0)
    assert (same["mean"], same["p_value"], same["ci_low"]) == (0.0, None, 0.0)
    one = summary([1.0], ANY)
    assert welch_test(one, summary([2.0], ANY), (0.0, 0.0)) == {
        "mean": 1.0,
        "ci_low": None,
        "ci_high": None,
        "p_value": None,
    }
    constant = {"mean": 1.0, "std": 0.0, "n": 4}
    assert welch_test(constant, constant, (0.0, 0.0))["p_value"] is None
    assert paired_test(np.array([1.0, np.nan]), 0.0)["p_value"] is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_never_falls_below(values: list[float]) -> None:
    tests = {str(i): {"p_value": p} for i, p in enumerate(values)}
    holm(tests)
    ordered = sorted(tests.values(), key=lambda one: one["p_value"])
    adjusted = [one["p_holm"] for one in ordered]
    assert adjusted == sorted(adjusted)
    assert all(one["p_value"] <= one["p_holm"] <= 1 for one in ordered)
    assert adjusted[0] == min(1.0, len(values) * ordered[0]["p_value"])

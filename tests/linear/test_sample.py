"""Rows that stand for all of them."""

from __future__ import annotations

import numpy as np

from mlcli.linear.arrays import subsample_indices


def test_the_sample_holds_the_extremes() -> None:
    X = np.random.default_rng(7).normal(size=(100_003, 2))
    rows = subsample_indices(X)
    assert 19_990 < rows.size < 20_005
    np.testing.assert_array_equal(X[rows].max(axis=0), X.max(axis=0))
    np.testing.assert_array_equal(X[rows].min(axis=0), X.min(axis=0))
    np.testing.assert_array_equal(subsample_indices(X[:500]), np.arange(500))


def test_rows_that_repeat_with_a_period_are_all_met() -> None:
    phase = np.arange(160_000) % 8
    counts = np.bincount(phase[subsample_indices(phase[:, None].astype(float))])
    assert counts.size == 8
    assert abs(counts / 2500 - 1).max() < 0.1

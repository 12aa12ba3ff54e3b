"""Random partitions, (2.10)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcli.datasets import split
from mlcli.errors import DataError
from mlcli.rng import stream


@given(n=st.integers(2, 500), fraction=st.floats(0.0, 0.99), seed=st.integers(0, 10))
def test_training_and_test_rows_partition_the_table(n: int, fraction: float, seed: int) -> None:
    n_train = round((1 - fraction) * n)
    if n_train == 0 or (n_train == n and fraction > 0):
        with pytest.raises(DataError, match=r"leaves no (training|test) row"):
            split.train_test_indices(n, fraction, stream(seed))
        return
    train, test = split.train_test_indices(n, fraction, stream(seed))
    assert len(train) == n_train
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(n))
    assert (np.diff(train) > 0).all()
    assert (np.diff(test) > 0).all()


def test_a_fraction_of_zero_leaves_no_test_row() -> None:
    train, test = split.train_test_indices(5, 0.0, stream(0))
    np.testing.assert_array_equal(train, np.arange(5))
    assert test.shape == (0,)


@pytest.mark.parametrize(("n", "n_train"), [(5, 2), (7, 4), (800, 400)])
def test_a_half_is_rounded_to_even(n: int, n_train: int) -> None:
    assert len(split.train_test_indices(n, 0.5, stream(0))[0]) == n_train


def test_every_row_is_as_likely_in_the_test_part() -> None:
    counts = np.zeros(10)
    for i in range(2000):
        counts[split.train_test_indices(10, 0.3, stream(1, i))[1]] += 1
    np.testing.assert_allclose(counts / 2000, 0.3, atol=5 * (0.21 / 2000) ** 0.5)


def test_each_row_of_a_batch_is_drawn_for_the_test_part_alone() -> None:
    mask = split.test_mask(100_000, 0.125, stream(0))
    assert mask.dtype == bool
    assert abs(mask.mean() - 0.125) < 5 * (0.125 * 0.875 / 100_000) ** 0.5
    assert abs(np.corrcoef(mask[1:], mask[:-1])[0, 1]) < 5 * 100_000**-0.5
    assert not split.test_mask(1000, 0.0, stream(0)).any()


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_fractions_out_of_range(fraction: float) -> None:
    for function in (split.train_test_indices, split.test_mask):
        with pytest.raises(DataError, match=r"test_fraction must be in \[0, 1\)"):
            function(10, fraction, stream(0))
    with pytest.raises(DataError, match="at least 1"):
        split.train_test_indices(0, 0.0, stream(0))


def test_a_stratified_split_keeps_the_shares_and_every_class() -> None:
    labels = np.repeat([0, 1, 2, 3], [100, 40, 2, 1])
    train, test = split.stratified_indices(labels, 0.25, np.random.default_rng(0))
    assert sorted([*train, *test]) == list(range(143))
    assert np.bincount(labels[test], minlength=4).tolist() == [25, 10, 1, 0]
    assert np.bincount(labels[train]).tolist() == [75, 30, 1, 1]
    again, _ = split.stratified_indices(labels, 0.25, np.random.default_rng(1))
    assert not np.array_equal(train, again)

"""Splits: partitions, proportions, groups, time, and what can't be split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcli.errors import DataError
from mlcli.selection.folds import (
    Folds,
    grouped,
    k_fold,
    leave_one_out,
    stratified,
    time_ordered,
    train_test,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def is_partition(folds: Folds, n_rows: int) -> None:
    np.testing.assert_array_equal(np.sort(np.concatenate(folds.blocks)), np.arange(n_rows))
    for split in range(folds.n_splits):
        both = np.concatenate([folds.train_rows(split), folds.test_rows(split)])
        np.testing.assert_array_equal(np.sort(both), np.arange(n_rows))


@given(st.integers(2, 60), st.data())
def test_k_fold_tests_each_row_once_in_even_parts(n_rows: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(2, n_rows))
    folds = k_fold(n_rows, k, rng())
    is_partition(folds, n_rows)
    assert folds.n_test.max() - folds.n_test.min() <= 1
    np.testing.assert_array_equal(folds.n_train + folds.n_test, n_rows)


def test_k_fold_is_random_and_repeatable() -> None:
    first, again = k_fold(50, 5, rng()), k_fold(50, 5, rng())
    for a, b in zip(first.blocks, again.blocks, strict=True):
        np.testing.assert_array_equal(a, b)
    other = k_fold(50, 5, np.random.default_rng(1))
    assert any((a != b).any() for a, b in zip(first.blocks, other.blocks, strict=True))
    assert (np.diff(first.blocks[0]) != 1).any()


@given(st.lists(st.integers(5, 20), min_size=2, max_size=4), st.integers(2, 5))
def test_stratified_deals_every_class_evenly(counts: list[int], k: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    folds = stratified(labels, k, rng())
    is_partition(folds, labels.size)
    for label in range(len(counts)):
        per_fold = [int((labels[block] == label).sum()) for block in folds.blocks]
        assert max(per_fold) - min(per_fold) <= 1
    assert folds.n_test.max() - folds.n_test.min() <= 1


def test_groups_stay_whole_and_folds_even() -> None:
    groups = np.repeat(np.arange(12), [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6])
    folds = grouped(groups, 3, rng())
    is_partition(folds, groups.size)
    for split in range(3):
        train, test = groups[folds.train_rows(split)], groups[folds.test_rows(split)]
        assert not set(train) & set(test)
    assert folds.n_test.tolist() == [14, 14, 14]


def test_time_runs_forwards() -> None:
    folds = time_ordered(23, 4)
    assert folds.n_splits == 4
    for split in range(4):
        assert folds.train_rows(split).max() < folds.test_rows(split).min()
    np.testing.assert_array_equal(folds.train_rows(0), np.arange(folds.blocks[0].size))
    assert folds.test_rows(3)[-1] == 22


def test_leave_one_out_is_k_fold_with_a_fold_a_row() -> None:
    folds = leave_one_out(7)
    is_partition(folds, 7)
    assert folds.n_test.tolist() == [1] * 7


def test_train_test_has_the_asked_share() -> None:
    folds = train_test(50, 0.2, rng())
    is_partition(folds, 50)
    assert (folds.n_splits, folds.n_test[0], folds.n_train[0]) == (1, 10, 40)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: k_fold(5, 6, rng()), "at most the 5 rows, got 6"),
        (lambda: k_fold(5, 1, rng()), "at least 2, got 1"),
        (lambda: stratified([0, 0, 0, 1], 2, rng()), "class 1 has 1 member"),
        (lambda: grouped([1, 2, 3, 4], 2, rng()), "each of the 4 rows is a group of its own"),
        (lambda: grouped([1, 1, 2, 2], 3, rng()), "at most the 2 groups, got 3"),
        (lambda: time_ordered(4, 4), "at most the 4 rows, got 5"),
        (lambda: leave_one_out(1), "at least 2"),
        (lambda: train_test(3, 0.1, rng()), "no test row"),
        (lambda: train_test(2, 0.9, rng()), "no training row"),
    ],
)
def test_what_can_not_be_split(make: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        make()  # type: ignore[operator]

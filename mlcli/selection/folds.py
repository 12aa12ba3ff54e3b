"""Which rows train and which test: the splits of section 2.

Every scheme is a partition of the rows into blocks, and for each split the blocks that train and
the one that tests. What is known of a block (its R factor) then serves every split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mlcli.errors import DataError
from mlcli.linear.arrays import Ints


@dataclass(frozen=True)
class Folds:
    """D_train^(i) and D_test^(i) of each split i, as blocks of rows.

    Attributes:
        blocks: disjoint row numbers, each in increasing order.
        train: the blocks that split i trains on.
        test: the block that split i tests on, (n_splits,).
    """

    blocks: tuple[Ints, ...]
    train: tuple[tuple[int, ...], ...]
    test: tuple[int, ...]

    @property
    def n_splits(self) -> int:
        """The number of splits."""
        return len(self.test)

    @property
    def n_train(self) -> Ints:
        """Training rows of each split, (n_splits,)."""
        return np.array([sum(self.blocks[b].size for b in blocks) for blocks in self.train])

    @property
    def n_test(self) -> Ints:
        """Test rows of each split, (n_splits,)."""
        return np.array([self.blocks[b].size for b in self.test])

    def train_rows(self, split: int) -> Ints:
        """The training rows of a split, in increasing order."""
        return np.sort(np.concatenate([self.blocks[b] for b in self.train[split]]))

    def test_rows(self, split: int) -> Ints:
        """The test rows of a split, in increasing order."""
        return self.blocks[self.test[split]]


def every_block_once(blocks: list[Ints]) -> Folds:
    """Every block tests once, all others train."""
    every = range(len(blocks))
    train = tuple(tuple(b for b in every if b != split) for split in every)
    return Folds(tuple(blocks), train, tuple(every))


def _check(n_rows: int, n_folds: int) -> None:
    if n_folds < 2:
        raise DataError("the number of folds", must="at least 2", got=str(n_folds))
    if n_folds > n_rows:
        raise DataError(
            "the number of folds",
            must=f"at most the {n_rows} rows",
            got=str(n_folds),
            hint="fewer --n-folds",
        )


def k_fold(n_rows: int, n_folds: int, rng: np.random.Generator) -> Folds:
    """A random partition into k folds whose sizes differ by at most one.

    Raises:
        DataError: k is below 2 or above the number of rows.
    """
    _check(n_rows, n_folds)
    order = rng.permutation(n_rows)
    return every_block_once([np.sort(part) for part in np.array_split(order, n_folds)])


def stratified(labels: ArrayLike, n_folds: int, rng: np.random.Generator) -> Folds:
    """k folds that hold each class in proportion: its rows per fold differ by at most one.

    Args:
        labels: the class of each row, (N,).
        n_folds: k.
        rng: who goes where.

    Raises:
        DataError: a class has fewer members than there are folds, or k won't do.
    """
    classes, codes, counts = np.unique(
        np.asarray(labels), return_inverse=True, return_counts=True
    )  # (n_classes,), (N,), (n_classes,)
    _check(codes.size, n_folds)
    if counts.min() < n_folds:
        rarest = int(counts.argmin())
        raise DataError(
            f"class {classes[rarest]:g} has {counts[rarest]} member(s), fewer than the "
            f"{n_folds} folds that each need one",
            hint="fewer --n-folds, or --scheme kfold",
        )
    # Dealt round the folds without a stop between classes, so that the folds' sizes stay equal.
    shuffled = rng.permutation(codes.size)
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    return every_block_once([np.sort(order[fold::n_folds]) for fold in range(n_folds)])


def grouped(groups: ArrayLike, n_folds: int, rng: np.random.Generator) -> Folds:
    """k folds that keep each group whole, for rows that are not independent within a group.

    The largest group goes first, each to the fold with the fewest rows; ties are drawn.

    Args:
        groups: the group of each row, (N,).
        n_folds: k.
        rng: breaks ties.

    Raises:
        DataError: each row is a group of its own, or there are fewer groups than folds.
    """
    names, codes, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    _check(codes.size, n_folds)
    if names.size == codes.size:
        raise DataError(
            f"each of the {codes.size} rows is a group of its own, so that grouping changes "
            "nothing",
            hint="--scheme kfold, or another --group-column",
        )
    if names.size < n_folds:
        raise DataError(
            "the number of folds",
            must=f"at most the {names.size} groups",
            got=str(n_folds),
            hint="fewer --n-folds",
        )
    shuffled = rng.permutation(names.size)
    fold_of, sizes = np.empty(names.size, dtype=np.int64), np.zeros(n_folds, dtype=np.int64)
    for group in shuffled[np.argsort(-counts[shuffled], kind="stable")]:
        fold_of[group] = sizes.argmin()
        sizes[fold_of[group]] += counts[group]
    return every_block_once([np.flatnonzero(fold_of[codes] == fold) for fold in range(n_folds)])


def leave_one_out(n_rows: int) -> Folds:
    """Each row is a fold of its own.

    Raises:
        DataError: there is only one row.
    """
    _check(n_rows, n_rows)
    return every_block_once([np.array([row]) for row in range(n_rows)])


def time_ordered(n_rows: int, n_folds: int) -> Folds:
    """The past trains, the next block tests: rows in order of time, cut into k + 1 blocks.

    Split i trains on blocks 0..i and tests on block i + 1, so that no row is predicted from later
    ones.

    Raises:
        DataError: k + 1 blocks need more rows.
    """
    _check(n_rows, n_folds + 1)
    blocks = np.array_split(np.arange(n_rows), n_folds + 1)
    train = tuple(tuple(range(split + 1)) for split in range(n_folds))
    return Folds(tuple(blocks), train, tuple(range(1, n_folds + 1)))


def train_test(n_rows: int, test_fraction: float, rng: np.random.Generator) -> Folds:
    """One random split (2.10), round(test_fraction N) rows of it for testing.

    Raises:
        DataError: a part would have no rows.
    """
    n_test = round(test_fraction * n_rows)
    if not 0 < n_test < n_rows:
        raise DataError(
            f"a test fraction of {test_fraction:g} of {n_rows} rows leaves "
            f"{'no test row' if n_test <= 0 else 'no training row'}",
            hint="another --test-fraction",
        )
    order = rng.permutation(n_rows)
    return Folds((np.sort(order[n_test:]), np.sort(order[:n_test])), ((0,),), (1,))

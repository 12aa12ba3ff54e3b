"""Random train-test splits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import DataError


def train_test_indices(
    n_rows: int, test_fraction: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A random partition of the rows 0..n_rows-1 into D_train and D_test, as in (2.10).

    The training part has ``int(round((1 - test_fraction) * n_rows))`` rows, a half going to the
    even neighbour; the test part has the rest.

    Args:
        n_rows: N, at least 1.
        test_fraction: in [0, 1); 0 leaves every row in training.
        rng: the source of the permutation.

    Returns:
        Row numbers of the training and of the test part, each in increasing order.

    Raises:
        DataError: the fraction is out of range, or a part that should have rows has none.
    """
    _check(n_rows, test_fraction)
    n_train = int(round((1.0 - test_fraction) * n_rows))  # noqa: RUF046 - n_rows may be a NumPy integer
    if n_train == 0 or (n_train == n_rows and test_fraction > 0):
        empty = "training" if n_train == 0 else "test"
        raise DataError(
            f"test_fraction = {test_fraction:g} of {n_rows} rows leaves no {empty} row",
            hint="another fraction or more data",
        )
    order = rng.permutation(n_rows)
    return np.sort(order[:n_train]), np.sort(order[n_train:])


def test_mask(
    n_rows_in_batch: int, test_fraction: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Which rows of a batch go to the test part, each by its own Bernoulli(test_fraction) choice.

    Used where the rows are too many for a permutation: the parts' sizes are then random, but a row
    is in the test part with the same probability as in `train_test_indices`.

    Returns:
        (n_rows_in_batch,), True for a test row.

    Raises:
        DataError: the fraction is out of range.
    """
    _check(n_rows_in_batch, test_fraction)
    mask: NDArray[np.bool_] = rng.random(n_rows_in_batch) < test_fraction
    return mask


# pytest would otherwise collect the function wherever a test module imports it.
test_mask.__test__ = False  # type: ignore[attr-defined]


def _check(n_rows: int, test_fraction: float) -> None:
    if n_rows < 1:
        raise DataError("the number of rows", must="at least 1", got=str(n_rows))
    if not 0.0 <= test_fraction < 1.0:
        raise DataError("test_fraction", must="in [0, 1)", got=f"{test_fraction:g}")


def stratified_indices(
    labels: NDArray[np.int64], test_fraction: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`train_test_indices` within each class, so that both parts have the shares of the whole.

    Every class keeps a row for training, and one of two rows or more has a row for testing.

    Args:
        labels: class of each row, 0..K-1, (N,).
        test_fraction: in (0, 1).
        rng: the source of the permutations.

    Raises:
        DataError: the fraction is out of range.
    """
    _check(labels.size, test_fraction)
    train, test = [], []
    for label in range(int(labels.max()) + 1):
        rows = rng.permutation(np.flatnonzero(labels == label))
        n_test = int(round(test_fraction * rows.size))  # noqa: RUF046 - as above
        n_test = min(max(n_test, int(test_fraction > 0)), max(rows.size - 1, 0))
        test.append(rows[:n_test])
        train.append(rows[n_test:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))

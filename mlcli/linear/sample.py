"""Some rows that stand for all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mlcli.linear.arrays import Ints, as_matrix

SAMPLE_ROWS = 20_000


def subsample_indices(X: ArrayLike, n_rows: int = SAMPLE_ROWS) -> Ints:
    """About `n_rows` row numbers at random, and those of each feature's extremes, sorted.

    One of each run of equal length: rows that repeat with a period are all met.
    """
    matrix = as_matrix(X)
    N = matrix.shape[0]
    starts = np.linspace(0, N, min(n_rows, N) + 1).astype(np.int64)
    chosen = np.random.default_rng(0).integers(starts[:-1], starts[1:])
    return np.unique(np.concatenate([chosen, matrix.argmin(axis=0), matrix.argmax(axis=0)]))

"""Data matrices: their types, their checks, and a sample of their rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlcli.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
EPSILON = float(np.finfo(np.float64).eps)


def as_matrix(X: ArrayLike, n_features: int | None = None) -> Floats:
    """X as finite float64 of shape (N, D); a vector (N,) is read as one feature.

    Raises:
        DataError: X is empty, has more than two axes, other than `n_features` columns, or a value
            that is not finite.
    """
    matrix = np.asarray(X, dtype=np.float64)
    if matrix.ndim == 1:
        matrix = matrix[:, None]  # (N, 1)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise DataError("the inputs X", must="an (N, D) array", got=f"shape {matrix.shape}")
    if n_features is not None and matrix.shape[1] != n_features:
        raise DataError(
            "the inputs X",
            must=f"an array with {n_features} features, as fitted",
            got=f"{matrix.shape[1]}",
        )
    if not np.isfinite(matrix).all():
        raise DataError(
            "the inputs X",
            must="finite",
            got="NaN or infinity",
            hint="dropping those rows",
        )
    return matrix


def as_pair(X: ArrayLike, t: ArrayLike) -> tuple[Floats, Floats]:
    """Inputs (N, D) and targets (N,) that belong together.

    Raises:
        DataError: as `as_matrix`, or the targets are not finite, not (N,), or N is 0.
    """
    matrix = as_matrix(X)
    target = np.asarray(t, dtype=np.float64)
    if target.shape != matrix.shape[:1]:
        raise DataError(
            "the targets t", must=f"of shape ({matrix.shape[0]},)", got=f"shape {target.shape}"
        )
    if target.size == 0:
        raise DataError("the data", must="at least one row", got="none")
    if not np.isfinite(target).all():
        raise DataError(
            "the targets t", must="finite", got="NaN or infinity", hint="dropping those rows"
        )
    return matrix, target


SAMPLE_ROWS = 20_000


def subsample_indices(X: ArrayLike, n_rows: int = SAMPLE_ROWS) -> Ints:
    """About `n_rows` row numbers at random, and those of each feature's extremes, sorted.

    One of each run of equal length, so that no row of a periodic pattern is always missed.
    """
    matrix = as_matrix(X)
    N = matrix.shape[0]
    starts = np.linspace(0, N, min(n_rows, N) + 1).astype(np.int64)
    chosen = np.random.default_rng(0).integers(starts[:-1], starts[1:])
    return np.unique(np.concatenate([chosen, matrix.argmin(axis=0), matrix.argmax(axis=0)]))

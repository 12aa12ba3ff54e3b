"""What counts as a data matrix in this room."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlcli.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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

"""Linear systems with a symmetric positive semidefinite matrix of unit diagonal."""

from __future__ import annotations

import numpy as np

from mlcli.classification.logistic.model import Floats

EPSILON = float(np.finfo(np.float64).eps)
# The least squared pivot of a Cholesky factor at which it is used.
PIVOT = 1e-10


class Solver:
    """Solves H x = b; where H is singular to rounding, by its eigenvectors.

    Args:
        H: (q, q), its diagonal 1 (or 0).
    """

    def __init__(self, H: Floats) -> None:
        self._values: Floats = np.empty(0)
        self._vectors: Floats = np.empty((0, 0))
        self._H: Floats | None = None
        # NumPy's own LAPACK: SciPy's is another library, whose threads would get in its way.
        if is_definite(H):
            self._H = H
            return
        self._values, self._vectors = np.linalg.eigh(H)

    def solve(self, b: Floats, noise: float) -> Floats:
        """x, of the shape of b: (q,), or where H is not singular (q, n).

        Along eigenvectors whose eigenvalue is rounding, b is followed where it is more than `noise`
        and left alone where it is not.
        """
        if self._H is not None:
            return np.asarray(np.linalg.solve(self._H, b), dtype=np.float64)
        floor = null_floor(self._values)
        along = b @ self._vectors
        flat = self._values <= floor
        along[flat & (np.abs(along) <= noise)] = 0.0
        return np.asarray(self._vectors @ (along / np.where(flat, floor, self._values)))


def is_definite(H: Floats) -> bool:
    """Whether H of unit diagonal is far enough from singular to be solved with as it is."""
    try:
        pivots = np.diagonal(np.linalg.cholesky(H)) ** 2
    except np.linalg.LinAlgError:
        return False
    return bool(pivots.min(initial=1.0) > PIVOT)


def null_floor(eigenvalues: Floats) -> float:
    """The eigenvalue below which those of a matrix (q, q) are rounding."""
    return 4.0 * EPSILON * eigenvalues.size * float(max(eigenvalues[-1], EPSILON))

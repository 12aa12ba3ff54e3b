"""Least squares in any columns, made orthonormal one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.linear.arrays import Floats

# A column whose part outside the earlier ones is below this share of it is rounding, not signal:
# two Gram-Schmidt passes leave about 1e-16 times the root of the number of rows.
DEPENDENT = 1e-12


@dataclass(frozen=True)
class ColumnsFit:
    """Least squares in the columns of Phi; a dependent column has the coefficient 0.

    Attributes:
        w: coefficients, (p,).
        rss: residual sum of squares.
        rank: independent columns.
        R: upper triangle with Phi[:, kept] = Q R, (rank, rank).
        kept: which columns are independent, (p,).
    """

    w: Floats
    rss: float
    rank: int
    R: Floats
    kept: np.ndarray

    def unit_std_error(self) -> Floats:
        """Square roots of the diagonal of (Phi^T Phi)^-1 on the kept columns, 0 elsewhere, (p,)."""
        inverse = np.linalg.solve(self.R, np.eye(self.rank))  # (rank, rank)
        unit = np.zeros(self.w.size)
        unit[self.kept] = np.linalg.norm(inverse, axis=1)
        return unit


def fit_columns(Phi: Floats, t: Floats) -> ColumnsFit:
    """Minimise |t - Phi w|^2, eq (3.5), by two Gram-Schmidt passes a column.

    With Phi = Q R the solution of (4.5) is R w = Q^T t: the normal equations, which square the
    condition number, never appear.

    Args:
        Phi: design matrix (4.2), (N, p).
        t: targets, (N,).
    """
    n_rows, p = Phi.shape
    Q, R = np.zeros((p, n_rows)), np.zeros((p, p))
    kept = np.zeros(p, dtype=bool)
    for k in range(p):
        v = Phi[:, k].astype(float)  # (N,)
        size = float(np.linalg.norm(v))
        for _ in range(2):
            h = Q[:k] @ v  # (k,)
            v -= h @ Q[:k]
            R[:k, k] += h
        rest = float(np.linalg.norm(v))
        if rest > DEPENDENT * size:
            kept[k], R[k, k], Q[k] = True, rest, v / rest
    basis, triangle = Q[kept], R[np.ix_(kept, kept)]
    c = basis @ t  # (rank,)
    residual = t - c @ basis  # (N,)
    correction = basis @ residual
    residual -= correction @ basis
    w = np.zeros(p)
    w[kept] = np.linalg.solve(triangle, c + correction)
    return ColumnsFit(w, float(residual @ residual), int(kept.sum()), triangle, kept)

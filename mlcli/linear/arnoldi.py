"""Polynomials that are orthonormal on the data: Vandermonde with Arnoldi.

Raw monomials x^j of (3.8) are hopelessly collinear at high degree; the same functions built as
x times the last one, made orthogonal to all earlier ones, are not (Brubeck, Nakatsukasa and
Trefethen, SIAM Review 63 (2021) 405). The basis is nested: one serves all degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlcli.errors import DataError
from mlcli.linear.arrays import Floats, Ints, as_matrix
from mlcli.linear.graded import Monomial, graded_monomials
from mlcli.linear.gram_schmidt import one_feature, several_features
from mlcli.linear.raw_monomials import raw_coefficients
from mlcli.linear.recurrence import evaluate_rows
from mlcli.linear.triangle import Triangle, independent, triangular

# Rows of a chunk: its columns then stay in the second-level cache.
CHUNK = 8192


@dataclass(frozen=True)
class ArnoldiBasis:
    """The recurrence H[k, k] q_k = z_i q_parent(k) - sum_{j<k} H[j, k] q_j.

    z_i = (x_i - shift_i) / scale_i lies in [-1, 1] on the data; the scale is a power of two, so
    that only the shift can round. The columns without parents are the constant, or with
    ``intercept=False`` the features.

    Attributes:
        degree: the highest total degree.
        shift, scale: one per feature, (D,), in the units of x.
        intercept: whether the constant is a column.
        features: i of each column, (p,); -1 for the constant.
        parents: parent(k) of each column, (p,); -1 for none.
        H: upper triangular, (p, p); a zero on the diagonal marks a column that is a combination of
            earlier ones on the data and is zero everywhere. Tridiagonal above for one feature.
        factor: R (p, p) with P = Q R, Q^T Q = I on all rows, when the basis was built on some of
            them; None when it is orthonormal on all.
    """

    degree: int
    shift: Floats
    scale: Floats
    intercept: bool
    features: Ints
    parents: Ints
    H: Floats
    factor: Floats | None = None

    @property
    def n_columns(self) -> int:
        """The number of columns p, dropped ones included."""
        return int(self.H.shape[0])

    @property
    def rank(self) -> int:
        """The number of columns that are not zero."""
        return int(np.count_nonzero(self.kept))

    @cached_property
    def kept(self) -> np.ndarray:
        """Which columns are not zero, (p,)."""
        return np.asarray(np.diagonal(self.H) != 0)

    def size(self, degree: int) -> int:
        """How many columns have total degree <= degree: the first ones.

        Raises:
            ValueError: the degree is negative or above the basis's own.
        """
        if not 0 <= degree <= self.degree:
            raise ValueError(f"the degree must be from 0 to {self.degree}, got {degree}")
        n_features = self.shift.size
        return comb(n_features + degree, degree) - (0 if self.intercept else 1)

    def scaled(self, X: ArrayLike) -> Floats:
        """z (D, N), the features in rows, each on [-1, 1] over the data of the fit.

        Raises:
            DataError: X is not a finite (N, D) array.
        """
        matrix = as_matrix(X, self.shift.size)
        return np.ascontiguousarray(((matrix - self.shift) / self.scale).T)  # (D, N)

    def evaluate(self, X: ArrayLike) -> Floats:
        """The columns P (N, p) at X (N, D), by the recurrence; column-major in memory.

        At degrees far above the square root of the number of distinct x the polynomials swing so
        wildly between the data that their values even at the data lose all digits: what the fit
        returned there (Q) is right, and a value anywhere else is right for a nearby x.

        Raises:
            DataError: X is not a finite (N, D) array.
        """
        z = self.scaled(X)
        rows = np.empty((self.n_columns, z.shape[1]))
        for start in range(0, z.shape[1], CHUNK):
            part = slice(start, start + CHUNK)
            self.fill(z[:, part], rows[:, part])
        return rows.T  # (N, p)

    def fill(self, z: Floats, rows: Floats) -> None:
        """Write the columns at scaled features z (D, n) into `rows` (p, n)."""
        evaluate_rows(z, self.H, self.features, self.parents, rows)

    def monomials(self, c: ArrayLike, degree: int) -> tuple[Floats, Floats]:
        """Coefficients of raw monomials, eq (3.8), and their standard errors over sigma.

        With p(x) = sum_k c_k q_k(x) and q_k = sum_j T_jk x^j: w = T c, and as T T^T is
        (Phi^T Phi)^-1 of (4.5), the standard error of w_j is sigma times the norm of T's row j.
        Exact integers carry the change of basis, so only c and H as given are rounded.

        Args:
            c: coefficients of the first m columns, (m,), m = size(degree).
            degree: the total degree.

        Returns:
            w (m,) in the graded order of `basis.Basis`, and its unit standard errors (m,). What
            exceeds a float is inf.

        Raises:
            ValueError: c is not of shape (size(degree),).
        """
        coefficients = np.asarray(c, dtype=np.float64)
        m = self.size(degree)
        if coefficients.shape != (m,):
            raise ValueError(f"c must be of shape ({m},), got {coefficients.shape}")
        inverse = None
        if self.factor is not None:
            inverse = np.zeros((m, m))
            R = self.factor[:m, :m]
            kept = independent(Triangle(np.pad(R, (0, 1)), 0))
            # What a dropped column leaves in the others stands in its own row.
            block = R if kept.size == m else triangular(R[:, kept])[: kept.size]
            inverse[np.ix_(kept, kept)] = np.linalg.solve(block, np.eye(kept.size))
        monomials = graded_monomials(self.shift.size, degree, intercept=self.intercept)
        return raw_coefficients(self, monomials, coefficients, inverse)


def fit_arnoldi(
    X: ArrayLike,
    degree: int,
    *,
    intercept: bool = True,
    kept: NDArray[np.bool_] | None = None,
) -> tuple[ArnoldiBasis, Floats]:
    """The basis of all polynomials up to a total degree, orthonormal on X (N, D).

    Args:
        X: inputs, (N, D).
        degree: the highest total degree.
        intercept: whether the constant is a column.
        kept: which columns may be kept, (p,), where others are known to be combinations of earlier
            ones on rows that are not in X.

    Returns:
        The basis and its columns on the data, Q (N, p): Q^T Q is the identity on the columns that
        were kept, and a dependent column is zero.

    Raises:
        DataError: X is empty or not a finite (N, D) array.
        ValueError: the degree is negative, or 0 without an intercept.
    """
    matrix = as_matrix(X)
    n_features = matrix.shape[1]
    if matrix.shape[0] == 0:
        raise DataError("the inputs X", must="at least one row", got="none")
    if degree < 0 or (degree == 0 and not intercept):
        raise ValueError(f"the degree must be at least {int(not intercept)}, got {degree}")
    monomials = graded_monomials(n_features, degree, intercept=intercept)
    features, parents = _family(monomials)
    shift, scale = _box(matrix, intercept)
    z = np.ascontiguousarray(((matrix - shift) / scale).T)  # (D, N)
    if n_features == 1:
        n_kept = None if kept is None else int(np.count_nonzero(kept))
        rows, H = one_feature(z[0], len(monomials), intercept, n_kept)
    else:
        rows, H = several_features(z, monomials, features, parents, kept)
    return ArnoldiBasis(degree, shift, scale, intercept, features, parents, H), rows.T  # (N, p)


def _family(monomials: list[Monomial]) -> tuple[Ints, Ints]:
    where = {monomial: k for k, monomial in enumerate(monomials)}
    features = [monomial[-1] if monomial else -1 for monomial in monomials]
    parents = [where.get(monomial[:-1], -1) if monomial else -1 for monomial in monomials]
    return np.array(features, dtype=np.int64), np.array(parents, dtype=np.int64)


def _box(matrix: Floats, intercept: bool) -> tuple[Floats, Floats]:
    """Shift and power-of-two scale (D,) that bring each feature into [-1, 1]."""
    low, high = matrix.min(axis=0), matrix.max(axis=0)
    # Without a constant a shift would leave the space of the monomials.
    shift = low / 2 + high / 2 if intercept else np.zeros_like(low)
    half = np.maximum(np.abs(low - shift), np.abs(high - shift))
    _, power = np.frexp(np.where(half > 0, half, 0.75))
    return shift, np.ldexp(1.0, power)

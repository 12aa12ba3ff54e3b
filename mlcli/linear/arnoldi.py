"""Polynomials that are orthonormal on the data: Vandermonde with Arnoldi.

Raw monomials x^j of (3.8) are hopelessly collinear at high degree; the same functions built as
x times the last one, made orthogonal to all earlier ones, are not (Brubeck, Nakatsukasa and
Trefethen, SIAM Review 63 (2021) 405). The basis is nested: one serves all degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlcli.errors import DataError
from mlcli.linear.arrays import Floats, Ints, as_matrix
from mlcli.linear.monomials import Monomial, graded_monomials, raw_coefficients
from mlcli.linear.r_factor import RFactor, independent, triangular

# A column whose new part is below this share of it is rounding: after reorthogonalisation that is
# about 1e-16 times the root of the number of rows, while inputs that differ in their last three
# digits still leave 1e-12.
DEPENDENT = 1e-12
# "Twice is enough" (Kahan): a pass that removes less than this share needs no other.
LITTLE_LEFT = 0.5


def one_feature(
    z: Floats, n_columns: int, intercept: bool, n_kept: int | None = None
) -> tuple[Floats, Floats]:
    """Stieltjes' three-term step and a full pass against all earlier columns.

    Args:
        z: the scaled feature, (N,).
        n_columns: p.
        intercept: whether the first column is the constant (else z itself).
        n_kept: how many columns are to be kept at the most; the rest stay zero.

    Returns:
        Q as rows, (p, N), and H (p, p), tridiagonal above.
    """
    Q, H = np.zeros((n_columns, z.size)), np.zeros((n_columns, n_columns))
    v = np.ones_like(z) if intercept else z.copy()
    for k in range(n_columns if n_kept is None else n_kept):
        size = _size(v)
        if k:
            v, size = z * Q[k - 1], _size(v)
            for j in range(max(0, k - 2), k):
                H[j, k] = Q[j] @ v
            v -= H[max(0, k - 2) : k, k] @ Q[max(0, k - 2) : k]
            # The corrections outside the band are rounding and stay out of the recurrence.
            correction = _orthogonalise(v, Q[:k])
            H[max(0, k - 2) : k, k] += correction[-2:]
        rest = _size(v)
        if rest <= DEPENDENT * size:
            break
        H[k, k], Q[k] = rest, v / rest
    return Q, H


def several_features(
    z: Floats,
    monomials: list[Monomial],
    features: Ints,
    parents: Ints,
    kept: NDArray[np.bool_] | None = None,
) -> tuple[Floats, Floats]:
    """Two full Gram-Schmidt passes per column, in the graded order of the monomials.

    A monomial with a dropped divisor is skipped: on the data the divisor is a combination of
    earlier columns, so its multiples are too.

    Args:
        z: the scaled features, (D, N).
        monomials: p of them.
        features, parents: (p,), as in `ArnoldiBasis`.
        kept: which columns may be kept, (p,); None: all.

    Returns:
        Q as rows, (p, N), and H (p, p), upper triangular.
    """
    p = len(monomials)
    Q, H = np.zeros((p, z.shape[1])), np.zeros((p, p))
    dropped: set[Monomial] = set()
    for k, monomial in enumerate(monomials):
        divisors = [monomial[:i] + monomial[i + 1 :] for i in range(len(monomial))]
        if (kept is not None and not kept[k]) or any(one in dropped for one in divisors):
            dropped.add(monomial)
            continue
        v = z[features[k]].copy() if features[k] >= 0 else np.ones(z.shape[1])
        if parents[k] >= 0:
            v *= Q[parents[k]]
        size = _size(v)
        for _ in range(2):
            h = Q[:k] @ v  # (k,)
            v -= h @ Q[:k]
            H[:k, k] += h
        rest = _size(v)
        if rest <= DEPENDENT * size:
            dropped.add(monomial)
            H[:, k] = 0.0
            continue
        H[k, k], Q[k] = rest, v / rest
    return Q, H


def _orthogonalise(v: Floats, Q: Floats) -> Floats:
    """Remove from v (N,), in place, its part along the rows of Q (k, N); return that part (k,)."""
    total = np.zeros(Q.shape[0])
    for _ in range(3):
        before = _size(v)
        h = Q @ v  # (k,)
        v -= h @ Q
        total += h
        if _size(v) > LITTLE_LEFT * before:
            break
    return total


def _size(v: Floats) -> float:
    return sqrt(v @ v)


def evaluate_rows(z: Floats, H: Floats, features: Ints, parents: Ints, rows: Floats) -> None:
    """H[k, k] q_k = z_i q_parent(k) - sum_{j<k} H[j, k] q_j, written into `rows`.

    Args:
        z: scaled features, (D, n).
        H: upper triangular, (p, p).
        features, parents: i and parent(k) of each column, (p,).
        rows: where to write, (p, n).
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        if z.shape[0] == 1:
            _three_term(z[0], H, features, rows)
        else:
            _full(z, H, features, parents, rows)


def _three_term(z: Floats, H: Floats, features: Ints, rows: Floats) -> None:
    p = rows.shape[0]
    # Plain floats: indexing an array element by element costs more than the arithmetic.
    norm = np.diagonal(H).tolist()
    middle, below = np.diagonal(H, 1).tolist(), np.diagonal(H, 2).tolist()
    rank = next((k for k, h in enumerate(norm) if h == 0.0), p)
    rows[rank:] = 0.0
    if rank == 0:
        return
    if features[0] < 0:
        rows[0] = 1.0 / norm[0]
    else:
        np.multiply(z, 1.0 / norm[0], out=rows[0])
    step = np.empty(z.size)
    for k in range(1, rank):
        np.multiply(z, 1.0 / norm[k], out=step)
        step -= middle[k - 1] / norm[k]
        if k == 1:
            np.multiply(step, rows[0], out=rows[1])
            continue
        step *= rows[k - 1]
        np.multiply(rows[k - 2], below[k - 2] / norm[k], out=rows[k])
        np.subtract(step, rows[k], out=rows[k])


def _full(z: Floats, H: Floats, features: Ints, parents: Ints, rows: Floats) -> None:
    for k in range(rows.shape[0]):
        if H[k, k] == 0.0:
            rows[k] = 0.0
            continue
        if features[k] < 0:
            rows[k] = 1.0 / H[k, k]
            continue
        rows[k] = z[features[k]]
        if parents[k] >= 0:
            rows[k] *= rows[parents[k]]
        if k:
            rows[k] -= H[:k, k] @ rows[:k]
        rows[k] /= H[k, k]


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
            kept = independent(RFactor(np.pad(R, (0, 1)), 0))
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

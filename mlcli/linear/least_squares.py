"""Least squares in given columns: made orthonormal one after the other, or by LAPACK."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.linear.arrays import EPSILON, Floats

# A column whose part outside the earlier ones is below this share of it is rounding, not signal:
# two Gram-Schmidt passes leave about 1e-16 times the square root of the number of rows.
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

    def sqrt_factor(self) -> Floats:
        """F with F F^T = (Phi^T Phi)^-1 on the kept columns and 0 elsewhere, (p, rank)."""
        found = np.zeros((self.w.size, self.rank))
        found[self.kept] = np.linalg.solve(self.R, np.eye(self.rank))
        return found

    def unit_std_error(self) -> Floats:
        """Square roots of the diagonal of (Phi^T Phi)^-1 on the kept columns, 0 elsewhere, (p,)."""
        return np.asarray(np.linalg.norm(self.sqrt_factor(), axis=1))


@dataclass(frozen=True)
class OrthonormalColumns:
    """Phi[:, kept] = Q R: any columns, made orthonormal one after the other.

    Attributes:
        Q: (N, p); Q^T Q is the identity on the kept columns, a dependent column is zero.
        R: upper triangular, (p, p), with zero rows for the dependent columns.
        kept: which columns are independent, (p,).
    """

    Q: Floats
    R: Floats
    kept: np.ndarray

    def evaluate(self, Phi: Floats) -> Floats:
        """The same combinations of the columns at other points, Phi (n, p) -> (n, p)."""
        block = self.R[np.ix_(self.kept, self.kept)]
        P = np.zeros_like(Phi)
        P[:, self.kept] = np.linalg.solve(block.T, Phi[:, self.kept].T).T
        return P


def orthonormal_columns(Phi: Floats) -> OrthonormalColumns:
    """Two Gram-Schmidt passes per column over Phi (N, p), eq (4.2)."""
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
    return OrthonormalColumns(Q.T, R, kept)


def fit_columns(Phi: Floats, t: Floats) -> ColumnsFit:
    """Minimise |t - Phi w|^2, eq (3.5), by two Gram-Schmidt passes per column.

    With Phi = Q R the solution of (4.5) is R w = Q^T t: the normal equations, which square the
    condition number, never appear.

    Args:
        Phi: design matrix (4.2), (N, p).
        t: targets, (N,).
    """
    found = orthonormal_columns(Phi)
    kept = found.kept
    basis, r_factor = found.Q.T[kept], found.R[np.ix_(kept, kept)]
    c = basis @ t  # (rank,)
    residual = t - c @ basis  # (N,)
    correction = basis @ residual
    residual -= correction @ basis
    w = np.zeros(kept.size)
    w[kept] = np.linalg.solve(r_factor, c + correction)
    return ColumnsFit(w, float(residual @ residual), int(kept.sum()), r_factor, kept)


@dataclass(frozen=True)
class NormalEquations:
    """(Phi^T Phi) w = Phi^T t, and what solving them as they stand costs.

    Attributes:
        gram: Phi^T Phi, eq (4.4), (p, p).
        moment: Phi^T t, eq (4.3), (p,).
        w: their solution (4.5), (p,); NaN where Phi^T Phi has no inverse to working precision.
        condition: largest over smallest singular value of Phi; inf where the columns are dependent.
        gram_condition: the same of Phi^T Phi, of which it is the square.
    """

    gram: Floats
    moment: Floats
    w: Floats
    condition: float
    gram_condition: float


def normal_equations(Phi: Floats, t: Floats) -> NormalEquations:
    """Form and solve the normal equations of Phi (N, p) and t (N,), as (4.2) to (4.5) have them.

    This is for seeing them. The fits of this program never form Phi^T Phi, since with its condition
    number they would lose twice the digits.
    """
    p = Phi.shape[1]
    nothing = np.full(p, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        gram, moment = Phi.T @ Phi, Phi.T @ t
    if not (np.isfinite(gram).all() and np.isfinite(moment).all()):
        return NormalEquations(gram, moment, nothing, np.inf, np.inf)
    singular = np.linalg.svd(Phi, compute_uv=False)  # (min(N, p),)
    eigenvalues = np.linalg.eigvalsh(gram)  # (p,), rising
    condition = _ratio(singular[0], singular[-1]) if Phi.shape[0] >= p else np.inf
    gram_condition = _ratio(eigenvalues[-1], eigenvalues[0])
    if not (condition < 1 / EPSILON and gram_condition < 1 / EPSILON):
        return NormalEquations(gram, moment, nothing, condition, gram_condition)
    w = np.asarray(np.linalg.solve(gram, moment), dtype=np.float64)
    return NormalEquations(gram, moment, w, condition, gram_condition)


def _ratio(largest: float, smallest: float) -> float:
    """A condition number; inf where the smallest is no more than rounding."""
    return float(largest / smallest) if smallest > EPSILON * largest else np.inf


@dataclass(frozen=True)
class UnitStdError:
    """Standard errors over sigma, from C = (A^T A)^+.

    Attributes:
        unit: square roots of the diagonal of C, (p,).
        sqrt_factor: F (p, rank) with F F^T = C.
    """

    unit: Floats
    sqrt_factor: Floats


@dataclass(frozen=True)
class LapackFit:
    """Minimum-norm least squares.

    Attributes:
        w: weights of the standardised columns, (p,).
        rank: singular values above the cut.
        singular_values: descending, (min(N, p),).
    """

    w: Floats
    rank: int
    singular_values: Floats

    def unit_std_error(self, A: Floats) -> UnitStdError:
        """Standard errors over sigma on the directions that were kept, from the columns A (N, p).

        C = V S^-2 V^T: the covariance of the weights is sigma^2 C.
        """
        R = np.linalg.qr(A, mode="r")  # (min(N, p), p)
        _, s, Vt = np.linalg.svd(R, full_matrices=False)
        sqrt_factor = Vt[: self.rank].T / s[: self.rank]  # (p, rank)
        return UnitStdError(np.sqrt(np.einsum("ij,ij->i", sqrt_factor, sqrt_factor)), sqrt_factor)


def lapack_least_squares(A: Floats, b: Floats, rcond: float | None = None) -> LapackFit:
    """w = A^+ b, eq (4.5) with the Moore-Penrose inverse, by LAPACK's gelsd.

    (4.5)'s own form of the inverse needs full column rank; here singular values below
    `rcond` times the largest count as zero and w is the shortest solution.

    Args:
        A: (N, p).
        b: (N,).
        rcond: None is the machine epsilon, as in scikit-learn before 1.9 (since then 1e-6).

    Raises:
        ValueError: rcond is negative.
    """
    cut = EPSILON if rcond is None else rcond
    if not cut >= 0:
        raise ValueError(f"rcond must be at least 0, got {cut}")
    w, _, rank, s = np.linalg.lstsq(A, b, rcond=cut)
    return LapackFit(np.asarray(w, dtype=np.float64), int(rank), np.asarray(s, dtype=np.float64))

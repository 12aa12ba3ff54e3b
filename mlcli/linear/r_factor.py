"""A least-squares problem of any length as a small triangular factor R.

All that (3.5) asks of the rows is [Phi t]^T [Phi t] = R^T R: the solution (4.5), the residual sum
of squares of any w, and those of every leading block of columns are in R. Three accumulators take
in rows and return R: by QR, which never squares the condition number; by the Gram matrix; and, for
Chebyshev polynomials, by a few sums, since T_i T_j = (T_{i+j} + T_{|i-j|}) / 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from mlcli.linear.arrays import Floats, Ints

CONDITION_LIMIT = 1e6
# Relative to its column, a pivot of R below this is rounding; of many rows, one below the other
# times the root of their number. Columns of one number were seen to leave a quarter of that.
NEGLIGIBLE = 1e-13
ROUNDING_A_ROW = 8 * 2.0**-52


class IllConditioned(ValueError):
    """The columns are too collinear for their Gram matrix to be trusted; use a QR instead."""


@dataclass(frozen=True)
class RFactor:
    """R upper triangular with R^T R = [Phi t]^T [Phi t].

    Attributes:
        R: (p+1, p+1), diagonal >= 0; the last column belongs to t.
        n_rows: N, the number of rows it stands for.
    """

    R: Floats
    n_rows: int

    def merge(self, other: RFactor) -> RFactor:
        """The R factor of both sets of rows.

        Raises:
            ValueError: the two have different columns.
        """
        if self.R.shape != other.R.shape:
            raise ValueError(
                f"R factors must have the same columns, got {self.R.shape} and {other.R.shape}"
            )
        return RFactor(triangular(np.vstack([self.R, other.R])), self.n_rows + other.n_rows)

    def with_target(self, c: Floats) -> RFactor:
        """The R factor of [Phi, t + Phi c], c (p,), in place of that of [Phi t]."""
        R = self.R.copy()
        R[:, -1] += R[:, :-1] @ c
        return RFactor(R, self.n_rows)

    def rss(self, W: Floats) -> Floats:
        """|t - Phi w|^2 = |R [-w; 1]|^2, twice (3.5), for w (p,) -> () or W (p, k) -> (k,)."""
        residual = self.R[:, -1:] - self.R[:, :-1] @ W.reshape(W.shape[0], -1)  # (p+1, k)
        return np.asarray(np.einsum("ij,ij->j", residual, residual).reshape(W.shape[1:]))


class QRAccumulator:
    """Rows in, R factor out, by QR of chunks (TSQR): the condition number is never squared."""

    def __init__(self, n_columns: int) -> None:
        self._R = np.zeros((n_columns + 1, n_columns + 1))
        self._n_rows = 0

    def add(self, Phi: Floats, t: Floats) -> None:
        """Add rows Phi (n, p) and t (n,)."""
        self.add_rows(np.concatenate([Phi.T, t[None]]))

    def add_rows(self, rows: Floats) -> None:
        """Add [Phi t] transposed, (p+1, n)."""
        self._R = triangular(np.vstack([self._R, rows.T]))
        self._n_rows += rows.shape[1]

    def r_factor(self) -> RFactor:
        """The R factor of all rows so far."""
        return RFactor(self._R, self._n_rows)


class GramAccumulator:
    """Rows in, R factor out, by [Phi t]^T [Phi t] (4.4): fast, for nearly orthogonal columns."""

    def __init__(self, n_columns: int) -> None:
        self._gram = np.zeros((n_columns + 1, n_columns + 1))
        self._n_rows = 0

    def add(self, Phi: Floats, t: Floats) -> None:
        """Add rows Phi (n, p) and t (n,)."""
        self.add_rows(np.concatenate([Phi.T, t[None]]))

    def add_rows(self, rows: Floats) -> None:
        """Add [Phi t] transposed, (p+1, n)."""
        with np.errstate(over="ignore"):
            self.add_gram(rows @ rows.T, rows.shape[1])

    def add_gram(self, gram: Floats, n_rows: int) -> None:
        """Add the Gram matrix (p+1, p+1) of `n_rows` rows [Phi t]."""
        self._gram += gram
        self._n_rows += n_rows

    def r_factor(self) -> RFactor:
        """The R factor of all rows so far.

        Raises:
            IllConditioned: the condition number of Phi, its columns brought to one length, is
                above 1e6, or an entry overflowed.
        """
        if not np.isfinite(self._gram).all():
            raise IllConditioned("the sums of a Gram matrix must be finite, got an overflow")
        R = np.zeros_like(self._gram)
        length = np.sqrt(np.diagonal(self._gram))
        kept = np.flatnonzero(length[:-1])
        block = self._gram[np.ix_(kept, kept)] / np.outer(length[kept], length[kept])
        try:
            upper = np.linalg.cholesky(block).T  # (kept, kept)
            number = condition(upper)
        except np.linalg.LinAlgError:
            number = np.inf
        if not number <= CONDITION_LIMIT:
            raise IllConditioned(
                f"the columns' condition number must be at most {CONDITION_LIMIT:.0e} for a Gram"
                f" matrix, got {number:.1e}; try QRAccumulator"
            )
        z = np.linalg.solve(upper.T, self._gram[kept, -1] / length[kept])
        R[np.ix_(kept, kept)] = upper * length[kept]
        R[kept, -1] = z
        R[-1, -1] = np.sqrt(max(0.0, float(self._gram[-1, -1] - z @ z)))
        return RFactor(R, self._n_rows)


def solve_nested(r_factor: RFactor, sizes: Sequence[int]) -> tuple[Floats, Floats]:
    """Least squares in the first m columns, eq (4.5), for each m in `sizes`.

    A column that is a combination of earlier ones gets the weight 0.

    Returns:
        W (p, n_sizes), zero below each size, and the residual sums of squares (n_sizes,).

    Raises:
        ValueError: a size is not from 0 to p.
    """
    p = r_factor.R.shape[0] - 1
    chosen = np.asarray(sizes, dtype=np.int64)
    if chosen.size and not (chosen.min() >= 0 and chosen.max() <= p):
        raise ValueError(f"sizes must be from 0 to {p}, got {list(sizes)}")
    kept = independent(r_factor)
    R = r_factor.R
    if kept.size < p:
        R = triangular(R[:, np.append(kept, p)])  # (kept+1, kept+1)
    inside = kept[:, None] < chosen[None]  # (kept, n_sizes)
    z = R[:-1, -1:]
    W = np.zeros((p, chosen.size))
    W[kept] = np.linalg.solve(R[:-1, :-1], np.where(inside, z, 0.0))
    return W, float(R[-1, -1]) ** 2 + (np.where(inside, 0.0, z) ** 2).sum(axis=0)


def condition(R: Floats) -> float:
    """The condition number of R (p, p) with its columns brought to one length, zero ones apart."""
    length = np.linalg.norm(R, axis=0)
    kept = length > 0
    return float(np.linalg.cond(R[:, kept] / length[kept])) if kept.any() else 1.0


def independent(r_factor: RFactor) -> np.ndarray:
    """The columns of Phi that are no combinations of earlier ones."""
    R, kept = r_factor.R, list[int]()
    negligible = max(NEGLIGIBLE, ROUNDING_A_ROW * sqrt(r_factor.n_rows))
    for k in range(R.shape[0] - 1):
        length = float(np.linalg.norm(R[: k + 1, k]))
        if length == 0.0:
            continue
        # The pivot is the column's distance from all earlier ones only while none was dropped.
        rest = abs(float(R[k, k]))
        if len(kept) < k and rest <= negligible * length:
            rest = abs(float(triangular(R[:, [*kept, k]])[len(kept), len(kept)]))
        if rest > negligible * length:
            kept.append(k)
    return np.array(kept, dtype=np.int64)


def ranks(r_factor: RFactor, sizes: Sequence[int]) -> Ints:
    """How many of the first m columns are no combinations of earlier ones, for each m."""
    kept = independent(r_factor)
    return np.array([np.count_nonzero(kept < size) for size in sizes], dtype=np.int64)


def triangular(rows: Floats) -> Floats:
    """R (q, q) of rows (n, q), n >= q, with a diagonal >= 0, which makes it unique."""
    R = np.linalg.qr(rows, mode="r")
    return np.asarray(R * np.where(np.diagonal(R) < 0, -1.0, 1.0)[:, None])


# Rows at a time: columns stay in the cache, and BLAS does not wake a second thread for a product of
# two of them, which costs more than the product.
CHUNK = 8192


class MomentAccumulator:
    """Rows in, R factor out, for the columns T_0(u) .. T_degree(u), u in [-1, 1] or near it.

    Args:
        degree: of the last column.
    """

    def __init__(self, degree: int) -> None:
        self._degree = degree
        self._squares = np.zeros(degree + 1)
        self._neighbours = np.zeros(max(degree, 1))
        self._first = 0.0
        self._with_t = np.zeros(degree + 1)
        self._tt = 0.0
        self._n_rows = 0
        self._rows = np.empty((degree + 1, CHUNK))

    def add(self, u: Floats, t: Floats, guess: Floats | None = None) -> None:
        """Add u (n,) and t (n,), less T(u) guess where coefficients (degree + 1,) are given."""
        for start in range(0, u.size, CHUNK):
            part = slice(start, start + CHUNK)
            self._add(u[part], t[part], guess)

    def _add(self, u: Floats, t: Floats, guess: Floats | None) -> None:
        rows = self._rows[:, : u.size]
        chebyshev_rows(u, rows)
        rest = t if guess is None else t - guess @ rows
        self._with_t += rows @ rest
        self._tt += float(rest @ rest)
        self._first += float(u.sum())
        self._n_rows += u.size
        for k in range(self._degree + 1):
            self._squares[k] += rows[k] @ rows[k]
            if k < self._degree:
                self._neighbours[k] += rows[k] @ rows[k + 1]

    def gram(self) -> Floats:
        """[T t]^T [T t], (degree + 2, degree + 2)."""
        p = self._degree
        sums = np.empty(2 * p + 1)
        sums[0::2] = 2 * self._squares - self._n_rows
        sums[1::2] = 2 * self._neighbours[:p] - self._first
        k = np.arange(p + 1)
        gram = np.empty((p + 2, p + 2))
        gram[:-1, :-1] = (sums[k[:, None] + k] + sums[np.abs(k[:, None] - k)]) / 2
        gram[:-1, -1] = gram[-1, :-1] = self._with_t
        gram[-1, -1] = self._tt
        return gram

    def r_factor(self) -> RFactor:
        """The R factor of [T t].

        Raises:
            IllConditioned: the rows leave the columns nearly dependent, or an entry overflowed.
        """
        whole = GramAccumulator(self._degree + 1)
        whole.add_gram(self.gram(), self._n_rows)
        return whole.r_factor()


def chebyshev_rows(u: Floats, rows: Floats) -> None:
    """Write T_0(u) .. T_p(u) into rows (p+1, n): T_{k+1} = 2 u T_k - T_{k-1}."""
    rows[0] = 1.0
    if rows.shape[0] == 1:
        return
    rows[1] = u
    twice = 2.0 * u
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(2, rows.shape[0]):
            np.multiply(twice, rows[k - 1], out=rows[k])
            np.subtract(rows[k], rows[k - 2], out=rows[k])


def chebyshev_coefficients(values: Floats) -> Floats:
    """C with p_j = sum_k C_kj T_k, from p_j at `chebyshev_nodes`, (n_nodes, m) -> (n_nodes, m).

    The polynomials T_k are orthogonal over the nodes, so each coefficient is a mean.
    """
    n = values.shape[0]
    T = np.empty((n, n))
    chebyshev_rows(chebyshev_nodes(n), T)
    weights = np.where(np.arange(n) > 0, 2.0, 1.0) / n
    return np.asarray(weights[:, None] * (T @ values))


def chebyshev_nodes(n: int) -> Floats:
    """The n zeros of T_n, in [-1, 1]."""
    return np.asarray(np.cos(np.pi * (np.arange(n) + 0.5) / n))


def changed(r_factor: RFactor, C: Floats) -> RFactor:
    """The R factor of [T C, t] from that of [T t], C (degree + 1, p)."""
    R = np.column_stack([r_factor.R[:, :-1] @ C, r_factor.R[:, -1]])  # (degree + 2, p + 1)
    rows = max(R.shape)
    padded = np.zeros((rows, R.shape[1]))
    padded[: R.shape[0]] = R
    return RFactor(triangular(padded), r_factor.n_rows)

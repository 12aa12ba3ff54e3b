"""The Gram matrix of Chebyshev polynomials from a few sums: the fastest way through many rows.

T_i T_j = (T_{i+j} + T_{|i-j|}) / 2, so all products of two columns are known from the sums of
T_0 .. T_{2p}, and those from the products of each column with itself and with the next one.
"""

from __future__ import annotations

import numpy as np

from mlcli.linear.arrays import Floats
from mlcli.linear.triangle import GramAccumulator, Triangle, triangular

# Rows at a time: columns stay in the cache, and BLAS does not wake a second thread for a product of
# two of them, which costs more than the product.
CHUNK = 8192


class MomentAccumulator:
    """Rows in, triangle out, for the columns T_0(u) .. T_degree(u), u in [-1, 1] or near it.

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
        """Take in u (n,) and t (n,), less T(u) guess where coefficients (degree + 1,) are given."""
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

    def triangle(self) -> Triangle:
        """The triangle of [T t].

        Raises:
            IllConditioned: the rows leave the columns nearly dependent, or an entry overflowed.
        """
        whole = GramAccumulator(self._degree + 1)
        whole.add_gram(self.gram(), self._n_rows)
        return whole.triangle()


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


def changed(triangle: Triangle, C: Floats) -> Triangle:
    """The triangle of [T C, t] from that of [T t], C (degree + 1, p)."""
    R = np.column_stack([triangle.R[:, :-1] @ C, triangle.R[:, -1]])  # (degree + 2, p + 1)
    rows = max(R.shape)
    padded = np.zeros((rows, R.shape[1]))
    padded[: R.shape[0]] = R
    return Triangle(triangular(padded), triangle.n_rows)

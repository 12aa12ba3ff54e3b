"""The problem (3.13) in two forms: quick through A^T A, and slower but safe through A."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from mlcli.linear.arrays import Floats, Ints

# Keep the solve on collinear columns finite; of the size of the rounding in each form.
GRAM_DAMPING = 1e-14
FACTOR_DAMPING = 1e-13


@dataclass(frozen=True)
class Normal:
    """The problem through its normal equations (4.4), divided by N.

    Attributes:
        G: A^T A / N, (p, p).
        c: A^T b / N, (p,).
        bb: b^T b / N.
        l1, l2: strengths.
    """

    G: Floats
    c: Floats
    bb: float
    l1: float
    l2: float

    def products(self, w: Floats) -> tuple[float, float, Floats]:
        """r^T r / N, b^T r / N and A^T r / N (p,), with r = b - A w."""
        used = np.flatnonzero(w)
        correlation = self.c - w[used] @ self.G[used]  # (p,)
        br = self.bb - float(self.c @ w)
        return max(0.0, br - float(w @ correlation)), br, correlation

    def step(self, w: Floats, used: Ints, signs: Floats) -> tuple[Floats, float]:
        """To the minimum over the weights `used` at their signs; and the slope along the way.

        The step d solves (G_SS + 2 l2 I) d = g, g = (A_S^T r / N) - 2 l2 w - l1 signs; the
        objective falls at first by d^T g.
        """
        H = self.G[np.ix_(used, used)]
        g = self.c[used] - H @ w[used] - 2.0 * self.l2 * w[used] - self.l1 * signs
        H[np.diag_indices(used.size)] += 2.0 * self.l2 + GRAM_DAMPING * float(H.diagonal().max())
        try:
            d: Floats = np.asarray(np.linalg.solve(H, g), dtype=np.float64)
        except np.linalg.LinAlgError:
            return np.zeros_like(g), 0.0
        return d, float(d @ g)


@dataclass(frozen=True)
class Factored(Normal):
    """The problem through A itself, whose condition number is the root of that of A^T A.

    Attributes:
        A: (n, p), or a factor of it.
        b: (n,).
        n_rows: N.
    """

    A: Floats
    b: Floats
    n_rows: int

    def products(self, w: Floats) -> tuple[float, float, Floats]:
        used = np.flatnonzero(w)
        r = self.b - self.A[:, used] @ w[used]  # (n,)
        return float(r @ r) / self.n_rows, float(self.b @ r) / self.n_rows, r @ self.A / self.n_rows

    def step(self, w: Floats, used: Ints, signs: Floats) -> tuple[Floats, float]:
        """As `Normal.step`: d = R^-1 (Q^T r - N l1 R^-T signs), Q R = [A_S; sqrt(2 N l2) I]."""
        weight = sqrt(2.0 * self.n_rows * self.l2)
        damping = FACTOR_DAMPING * sqrt(self.n_rows)
        eye = np.eye(used.size)
        columns = self.A[:, used]
        rows = np.concatenate([columns, max(weight, damping) * eye])  # (n+s, s)
        r = np.concatenate([self.b - columns @ w[used], -weight * w[used]])  # (n+s,)
        g = (r @ rows if weight else r[: self.b.size] @ columns) / self.n_rows - self.l1 * signs
        Q, R = np.linalg.qr(rows)
        try:
            pull = np.linalg.solve(R.T, self.n_rows * self.l1 * signs)
            d = np.linalg.solve(R, r @ Q - pull)
        except np.linalg.LinAlgError:
            return np.zeros_like(g), 0.0
        return d, float(d @ g)

"""The loss of a linear model is a quadratic: all about descent on it is in its eigenvalues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quadratic:
    """E(w) = floor + 1/2 (w - w*)^T H (w - w*).

    Attributes:
        H: Hessian, (p, p).
        w_star: the minimum, the closed form (4.5), (p,).
        floor: E at the minimum.
        values: eigenvalues of H, rising, (p,).
        vectors: eigenvectors in columns, (p, p).
    """

    H: Floats
    w_star: Floats
    floor: float
    values: Floats
    vectors: Floats

    @property
    def critical_rate(self) -> float:
        """2 / lambda_max: descent diverges if and only if the learning rate is above it."""
        return 2.0 / float(self.values[-1])

    @property
    def condition_number(self) -> float:
        """lambda_max / lambda_min."""
        return float(self.values[-1] / self.values[0])

    def gradient(self, W: Floats) -> Floats:
        """H (w - w*), for W (p,) or (k, p)."""
        return (W - self.w_star) @ self.H

    def excess(self, W: Floats) -> Floats:
        """E(w) - floor >= 0, without cancellation, for W (p,) -> () or (k, p) -> (k,)."""
        along = (W - self.w_star) @ self.vectors
        with np.errstate(over="ignore"):
            return np.asarray(0.5 * (along**2 @ self.values))


def least_squares_loss(Phi: Floats, t: Floats) -> Quadratic:
    """E(w) = 1/(2N) |t - Phi w|^2: (3.5), with the 1/N of (4.7); H = Phi^T Phi / N.

    Args:
        Phi: design matrix of full column rank, (N, p).
        t: targets, (N,).
    """
    n_rows = t.size
    U, s, Vt = np.linalg.svd(Phi, full_matrices=False)
    w_star = Vt.T @ (U.T @ t / s)
    rest = t - Phi @ w_star
    values = s[::-1] ** 2 / n_rows
    floor = float(rest @ rest) / (2 * n_rows)
    return Quadratic(Phi.T @ Phi / n_rows, w_star, floor, values, Vt[::-1].T)


def diagonal_loss(values: Floats) -> Quadratic:
    """A quadratic with the given eigenvalues (p,), rising, and its minimum 0 at the origin."""
    p = values.size
    return Quadratic(np.diag(values), np.zeros(p), 0.0, values, np.eye(p))

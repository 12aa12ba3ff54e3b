"""Error bars of two coefficients at once: ellipses from the covariance s^2 (Phi^T Phi)^-1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.linear.arrays import Floats
from mlcli.linear.least_squares import fit_columns
from mlcli.linear.statistics import residual_variance_or_none

# Correlations nearer to 1 than this leave no ellipse but a line.
STRAIGHT = 1e-10


@dataclass(frozen=True)
class WeightLaw:
    """The law of least-squares coefficients around what they estimate.

    Attributes:
        w: coefficients, (p,).
        covariance: s^2 (Phi^T Phi)^-1, (p, p), with s^2 the residual variance.
        dof: degrees of freedom of s^2, N - p.
    """

    w: Floats
    covariance: Floats
    dof: float

    def distance_squared(self, point: Floats, pair: tuple[int, int]) -> float:
        """d^T C^-1 d of a point (p,) in the plane of a pair of coefficients, d = point - w.

        Where w estimates the point it is 2 F, and F has Fisher's law with 2 and `dof` degrees.
        """
        at = list(pair)
        d = point[at] - self.w[at]
        return float(d @ np.linalg.solve(self.covariance[np.ix_(at, at)], d))

    def holds(self, point: Floats, pair: tuple[int, int], level: float) -> bool:
        """Whether the ellipse of a level holds a point (p,) in the plane of a pair."""
        return self.distance_squared(point, pair) <= radius_squared(level, self.dof)


def weight_law(Phi: Floats, t: Floats) -> WeightLaw | None:
    """The law of the coefficients of Phi (N, p) fitted to t (N,).

    None where there is none: the columns are dependent, no row is left for the variance, nothing
    is left of the residuals but rounding, or numbers are too large.
    """
    n_rows, p = Phi.shape
    if not (np.isfinite(Phi).all() and n_rows > p):
        return None
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found = fit_columns(Phi, t)
        variance = residual_variance_or_none(found.rss, n_rows, p) if found.rank == p else None
        about = float(t @ t)
        if variance is None or not np.isfinite(about) or found.rss <= 1e-24 * about:
            return None
        factor = found.sqrt_factor()  # (p, p)
        covariance = variance * (factor @ factor.T)
    std = np.sqrt(np.diagonal(covariance))
    if not (np.isfinite(found.w).all() and np.isfinite(covariance).all() and (std > 0).all()):
        return None
    return WeightLaw(found.w, covariance, float(n_rows - p))


def radius_squared(level: float, dof: float) -> float:
    """The d^T C^-1 d that holds a share `level` of two coefficients: 2 F(2, dof) at that level.

    It is dof ((1 - level)^(-2/dof) - 1), which tends to -2 ln(1 - level) as dof grows.
    """
    return float(dof * np.expm1(-2 / dof * np.log1p(-level)))


def outline(centre: Floats, covariance: Floats, radius: float, n: int = 121) -> Floats:
    """Points of {x: (x - centre)^T C^-1 (x - centre) = radius^2}, C (2, 2) -> (n, 2)."""
    angle = np.linspace(0.0, 2.0 * np.pi, n)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)  # (n, 2)
    return np.asarray(centre + radius * circle @ np.linalg.cholesky(covariance).T)


def pairs_of(covariance: Floats, most: int) -> list[tuple[int, int]]:
    """Pairs of coefficients to look at, (p, p) -> those whose errors go together most.

    Where there are more than `most`, the last is the pair whose errors go together least, so that
    both kinds are seen. Pairs on a line are left out, as are those with a coefficient of no error.
    """
    std = np.sqrt(np.diagonal(covariance))
    R = covariance / np.outer(std, std)
    p = len(std)
    every = [(i, j) for i in range(p) for j in range(i + 1, p) if abs(R[i, j]) < 1 - STRAIGHT]
    every.sort(key=lambda pair: (-round(float(abs(R[pair])), 9), pair))
    return every if len(every) <= most else [*every[: most - 1], every[-1]]


def resampled_weights(Phi: Floats, t: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Coefficients of n bootstrap resamples of the rows of Phi (N, p) and t (N,), (n, p).

    A resample whose columns are dependent is left out. The rows are brought into orthonormal
    columns first, in which the normal equations lose no digits.
    """
    Q, R = np.linalg.qr(Phi)  # (N, p), (p, p)
    n_rows, p = Phi.shape
    found = []
    for _ in range(n):
        counts = np.bincount(rng.integers(n_rows, size=n_rows), minlength=n_rows)  # (N,)
        weighted = Q * counts[:, None]
        gram = Q.T @ weighted
        if np.linalg.cond(gram) < 1e12:
            found.append(np.linalg.solve(R, np.linalg.solve(gram, weighted.T @ t)))
    return np.array(found).reshape(-1, p)

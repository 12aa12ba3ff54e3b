"""One singular value decomposition that answers for every pair of precisions."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

import numpy as np
from numpy.typing import ArrayLike

from mlcli.linear.arrays import Floats
from mlcli.linear.triangle import Triangle


@dataclass(frozen=True)
class Spectrum:
    """Phi = U S V^T and what t is along U.

    Attributes:
        s: singular values of Phi, (p,), zeros where there are fewer rows than columns.
        V: right singular vectors in columns, (p, p).
        z: U^T t, (p,).
        rest: |t - U U^T t|^2, the residual sum of squares of maximum likelihood.
        n_rows: N.
    """

    s: Floats
    V: Floats
    z: Floats
    rest: float
    n_rows: int

    def shrunk(self, ratio: float) -> Floats:
        """Posterior mean along V: s z / (ratio + s^2), (p,), ratio = alpha / beta."""
        return self._pull(np.asarray(ratio))

    def mean_square(self, ratio: ArrayLike) -> Floats:
        """m^T m at each ratio, the shape of `ratio`."""
        return np.asarray((self._pull(np.asarray(ratio)) ** 2).sum(axis=-1))

    def rss(self, ratio: ArrayLike) -> Floats:
        """|t - Phi m|^2 at the posterior mean m of each ratio, the shape of `ratio`."""
        left = self._left(np.asarray(ratio))  # (..., p)
        return np.asarray(((self.z * left) ** 2).sum(axis=-1) + self.rest)

    def energy(self, ratio: ArrayLike) -> Floats:
        """rss + ratio m^T m = rest + sum z^2 ratio / (ratio + s^2), without cancellation."""
        left = self._left(np.asarray(ratio))  # (..., p)
        return np.asarray((self.z**2 * left).sum(axis=-1) + self.rest)

    def effective_parameters(self, ratio: ArrayLike) -> Floats:
        """gamma = sum beta s^2 / (alpha + beta s^2): how many weights the data determine."""
        total = np.asarray(ratio)[..., None] + self.s**2  # (..., p)
        return np.asarray(np.where(total > 0, self.s**2 / _positive(total), 0.0).sum(axis=-1))

    def _pull(self, ratio: Floats) -> Floats:
        total = ratio[..., None] + self.s**2  # (..., p)
        return np.where(self.s > 0, self.s * self.z / _positive(total), 0.0)

    def _left(self, ratio: Floats) -> Floats:
        """ratio / (ratio + s^2), 1 along directions without data; (..., p)."""
        total = ratio[..., None] + self.s**2  # (..., p)
        return np.where(total > 0, ratio[..., None] / _positive(total), 1.0)


def _positive(total: Floats) -> Floats:
    return np.where(total > 0, total, 1.0)


def spectrum(triangle: Triangle) -> Spectrum:
    """The spectrum of a problem from its triangle."""
    R = triangle.R
    U, s, Vt = np.linalg.svd(R[:-1, :-1])
    return Spectrum(s, Vt.T, U.T @ R[:-1, -1], float(R[-1, -1]) ** 2, triangle.n_rows)


def log_evidence(data: Spectrum, prior_precision: float, noise_precision: float) -> float:
    """ln p(t | alpha, beta) in nats, for the prior N(0, alpha^-1 I) of (B.14).

    M/2 ln alpha + N/2 ln beta - beta/2 rss - alpha/2 m^T m - 1/2 ln |A| - N/2 ln 2 pi with M
    columns, A = alpha I + beta Phi^T Phi and m of (B.20); the same as ln N(t | 0, I / beta +
    Phi Phi^T / alpha).
    """
    ratio = prior_precision / noise_precision
    # M/2 ln alpha - 1/2 ln |A| = -1/2 sum ln (1 + s^2 / ratio): no difference of large numbers.
    determinant = float(np.log1p(data.s**2 / ratio).sum())
    fit = data.n_rows * log(noise_precision) - noise_precision * float(data.energy(ratio))
    return 0.5 * (fit - determinant - data.n_rows * log(2 * pi))


def log_likelihood(rss: float, n_rows: int, noise_precision: float) -> float:
    """ln p(t | w, beta) of (B.9) in nats, from the residual sum of squares of w."""
    return 0.5 * (n_rows * log(noise_precision / (2 * pi)) - noise_precision * rss)

"""The Gaussian posterior over the weights, and what it predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.errors import InputError
from mlcli.linear.arrays import Floats
from mlcli.linear.bayes.spectrum import Spectrum, spectrum
from mlcli.linear.triangle import Triangle


@dataclass(frozen=True)
class Posterior:
    """N(w | m_N, S_N), eq (B.19).

    Attributes:
        mean: m_N, (p,).
        factor: F with S_N = F F^T, (p, q).
        noise_precision: beta.
    """

    mean: Floats
    factor: Floats
    noise_precision: float

    @property
    def covariance(self) -> Floats:
        """S_N, (p, p)."""
        return self.factor @ self.factor.T

    @property
    def std(self) -> Floats:
        """Standard deviations of the weights, (p,)."""
        return np.asarray(np.linalg.norm(self.factor, axis=1))

    def predict(self, Phi: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of t at rows Phi (n, p), eqs (B.23) and (B.24).

        m_N^T phi and sigma_N = sqrt(1 / beta + phi^T S_N phi): sums of squares, no difference.
        """
        spread = np.linalg.norm(Phi @ self.factor, axis=1)
        return Phi @ self.mean, np.hypot(spread, self.noise_precision**-0.5)

    def draw(self, n_draws: int, rng: np.random.Generator) -> Floats:
        """Weights from the posterior, (p, n_draws)."""
        return self.mean[:, None] + self.factor @ rng.normal(size=(self.factor.shape[1], n_draws))


def isotropic_posterior(
    data: Spectrum, prior_precision: float, noise_precision: float
) -> Posterior:
    """The posterior under N(0, alpha^-1 I), eq (B.20).

    S_N^-1 = alpha I + beta Phi^T Phi and m_N = beta S_N Phi^T t; the notes' m_N lacks the S_N.

    Args:
        data: the spectrum of [Phi t].
        prior_precision: alpha > 0.
        noise_precision: beta > 0.
    """
    mean = data.V @ data.shrunk(prior_precision / noise_precision)
    factor = data.V / np.sqrt(prior_precision + noise_precision * data.s**2)
    return Posterior(mean, factor, noise_precision)


@dataclass(frozen=True)
class Prior:
    """N(w | m_0, S_0) with S_0 = L L^T.

    Attributes:
        mean: m_0, (p,).
        factor: L, lower triangular, (p, p).
    """

    mean: Floats
    factor: Floats


def gaussian_prior(mean: Floats, covariance: Floats) -> Prior:
    """A general prior.

    Args:
        mean: m_0, (p,).
        covariance: S_0, (p, p), symmetric and positive definite.

    Raises:
        InputError: S_0 is not such a matrix.
    """
    p = mean.size
    if covariance.shape != (p, p):
        raise InputError(
            "the prior covariance", must=f"of shape ({p}, {p})", got=f"{covariance.shape}"
        )
    scale = np.abs(covariance).max(initial=0.0)
    if not (np.isfinite(mean).all() and np.isfinite(scale)):
        raise InputError("the prior's mean and covariance", must="finite", got="NaN or infinity")
    if np.abs(covariance - covariance.T).max(initial=0.0) > 1e-10 * scale:
        raise InputError("the prior covariance", must="symmetric", got="a matrix that is not")
    # In units of the single standard deviations, so that their scales play no part.
    diagonal = np.diagonal(covariance)
    unit = np.sqrt(np.where(diagonal > 0, diagonal, np.nan))
    correlation = covariance / np.outer(unit, unit)
    values = np.linalg.eigvalsh(correlation) if np.isfinite(unit).all() else np.zeros(1)
    if values[0] <= np.finfo(np.float64).eps * p:
        raise InputError(
            "the prior covariance",
            must="positive definite",
            got="a singular or indefinite one",
            hint="a small number added to its diagonal",
        )
    return Prior(mean, unit[:, None] * np.linalg.cholesky(correlation))


def whitened(triangle: Triangle, prior: Prior) -> Spectrum:
    """The problem in u with w = m_0 + L u, whose prior is N(0, I).

    Its columns are Phi L and its target t - Phi m_0, both linear in the triangle.
    """
    R = triangle.R.copy()
    R[:, -1] -= R[:, :-1] @ prior.mean
    R[:, :-1] = R[:, :-1] @ prior.factor
    upper = np.asarray(np.linalg.qr(R, mode="r"))
    signs = np.where(np.diagonal(upper) < 0, -1.0, 1.0)
    return spectrum(Triangle(signs[:, None] * upper, triangle.n_rows))


def general_posterior(data: Spectrum, prior: Prior, noise_precision: float) -> Posterior:
    """The posterior under N(m_0, S_0): S_N^-1 = S_0^-1 + beta Phi^T Phi.

    Args:
        data: the `whitened` spectrum.
        prior: m_0 and S_0.
        noise_precision: beta > 0.
    """
    white = isotropic_posterior(data, 1.0, noise_precision)
    mean = prior.mean + prior.factor @ white.mean
    return Posterior(mean, prior.factor @ white.factor, noise_precision)

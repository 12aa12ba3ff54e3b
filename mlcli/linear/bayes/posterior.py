"""The Gaussian posterior over the weights, its evidence, and what it predicts (appendix B).

One singular value decomposition of the R factor serves every pair of precisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

import numpy as np
from numpy.typing import ArrayLike

from mlcli.errors import InputError
from mlcli.linear.arrays import Floats
from mlcli.linear.r_factor import RFactor


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


def spectrum(r_factor: RFactor) -> Spectrum:
    """The spectrum of a problem from its R factor."""
    R = r_factor.R
    U, s, Vt = np.linalg.svd(R[:-1, :-1])
    return Spectrum(s, Vt.T, U.T @ R[:-1, -1], float(R[-1, -1]) ** 2, r_factor.n_rows)


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


def whitened(r_factor: RFactor, prior: Prior) -> Spectrum:
    """The problem in u with w = m_0 + L u, whose prior is N(0, I).

    Its columns are Phi L and its target t - Phi m_0, both linear in the R factor.
    """
    R = r_factor.R.copy()
    R[:, -1] -= R[:, :-1] @ prior.mean
    R[:, :-1] = R[:, :-1] @ prior.factor
    upper = np.asarray(np.linalg.qr(R, mode="r"))
    signs = np.where(np.diagonal(upper) < 0, -1.0, 1.0)
    return spectrum(RFactor(signs[:, None] * upper, r_factor.n_rows))


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


def from_prior(prior: Prior, noise_precision: float) -> Posterior:
    """What is known before any data: the posterior of no rows is the prior."""
    return Posterior(prior.mean, prior.factor, noise_precision)


def updated(before: Posterior, phi: Floats, t: float) -> Posterior:
    """Bayes' theorem (B.1) for one more row, the old posterior being the prior.

    With v = F^T phi and a = 1 / (1/beta + v^T v): m += a F v (t - phi^T m), and F -= a / (1 +
    sqrt(a / beta)) F v v^T (Potter's square root): S_N = F F^T stays positive by construction.

    Args:
        before: the posterior so far.
        phi: the row's columns, (p,).
        t: its target.
    """
    v = before.factor.T @ phi  # (q,)
    gain = 1.0 / (1.0 / before.noise_precision + float(v @ v))
    direction = before.factor @ v  # (p,)
    mean = before.mean + gain * direction * (t - float(phi @ before.mean))
    step = gain / (1.0 + np.sqrt(gain / before.noise_precision))
    factor = before.factor - step * np.outer(direction, v)
    return Posterior(mean, factor, before.noise_precision)


def normal_log_density(t: ArrayLike, mean: ArrayLike, precision: float) -> Floats:
    """ln N(t | mu, 1/beta) = 1/2 ln(beta / 2 pi) - beta/2 (t - mu)^2, eq (B.4), in nats.

    Print has beta / (2 pi) in the exponent, which is no density: it does not integrate to 1.

    Args:
        t: any shape.
        mean: mu, a shape that broadcasts with t.
        precision: beta > 0.
    """
    off = np.asarray(t, dtype=np.float64) - np.asarray(mean, dtype=np.float64)
    return np.asarray(0.5 * np.log(precision / (2 * np.pi)) - 0.5 * precision * off**2)


def log_posterior_unnormalised(
    Phi: Floats, t: Floats, w: Floats, prior_precision: float, noise_precision: float
) -> float:
    """-beta/2 sum_a (t_a - w . phi_a)^2 - alpha/2 sum_j w_j^2, the exponent of (B.15).

    Likelihood times prior, where print says evidence for likelihood; the prior is on w_0 too,
    which (3.13) leaves free.

    Args:
        Phi: design matrix, (N, p).
        t: targets, (N,).
        w: weights, (p,).
        prior_precision: alpha.
        noise_precision: beta.
    """
    off = t - Phi @ w  # (N,)
    return float(-0.5 * noise_precision * (off @ off) - 0.5 * prior_precision * (w @ w))


def exponent(
    Phi: Floats, t: Floats, prior_precision: float, noise_precision: float
) -> tuple[Floats, Floats]:
    """A and b of the exponent -1/2 w^T A w + b^T w of (B.15), eqs (B.16) and (B.17).

    A = alpha I + beta Phi^T Phi is S_N^-1 and b = beta Phi^T t is S_N^-1 m_N, by comparison with
    (B.18). All sums run from 0: w_0 is one of the weights. Arguments as
    `log_posterior_unnormalised`; (p, p) and (p,).
    """
    A = prior_precision * np.eye(Phi.shape[1]) + noise_precision * (Phi.T @ Phi)
    return A, noise_precision * (Phi.T @ t)

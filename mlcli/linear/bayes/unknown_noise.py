"""Unknown noise: the conjugate normal-inverse-gamma posterior and its Student-t predictive.

p(w, sigma^2) = N(w | 0, sigma^2 / ratio I) InvGamma(sigma^2 | a_0, b_0): the prior precision is
ratio times the noise precision, whatever that is, and nothing has to be plugged in for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma, log, pi, sqrt

import numpy as np

from mlcli.certificate import Certificate
from mlcli.errors import NoAnswerError
from mlcli.linear.arrays import Floats
from mlcli.linear.bayes.evidence import evidence_certificate, maxima_along, starts
from mlcli.linear.bayes.posterior import Spectrum
from mlcli.linear.student import student_t_quantile


@dataclass(frozen=True)
class StudentPosterior:
    """NIG(m_N, V_N, a_N, b_N); the weights themselves are Student-t with 2 a_N degrees of freedom.

    Attributes:
        mean: m_N, (p,).
        factor: F with V_N = F F^T, the covariance in units of sigma^2, (p, p).
        shape: a_N.
        rate: b_N, in the units of t squared.
    """

    mean: Floats
    factor: Floats
    shape: float
    rate: float

    @property
    def degrees_of_freedom(self) -> float:
        """2 a_N."""
        return 2.0 * self.shape

    @property
    def covariance(self) -> Floats:
        """Covariance of the weights, b_N / (a_N - 1) V_N, (p, p); infinite for a_N <= 1."""
        return self._variance() * (self.factor @ self.factor.T)

    @property
    def std(self) -> Floats:
        """Standard deviations of the weights, (p,)."""
        return np.asarray(sqrt(self._variance()) * np.linalg.norm(self.factor, axis=1))

    def predict(self, Phi: Floats) -> tuple[Floats, Floats]:
        """Location and scale of t's Student-t at rows Phi (n, p).

        phi^T m_N and sqrt(b_N / a_N (1 + phi^T V_N phi)); its standard deviation is the scale times
        sqrt(nu / (nu - 2)), nu = 2 a_N.
        """
        spread = np.linalg.norm(Phi @ self.factor, axis=1)
        return Phi @ self.mean, sqrt(self.rate / self.shape) * np.hypot(1.0, spread)

    def quantile(self, probability: float) -> float:
        """Of the standard Student-t with 2 a_N degrees of freedom."""
        return student_t_quantile(probability, self.degrees_of_freedom)

    def predictive_std_factor(self) -> float:
        """Standard deviation over scale, sqrt(nu / (nu - 2)); infinite for nu <= 2."""
        nu = self.degrees_of_freedom
        return sqrt(nu / (nu - 2)) if nu > 2 else np.inf

    def draw(self, n_draws: int, rng: np.random.Generator) -> Floats:
        """Weights from the posterior, (p, n_draws): first sigma^2, then w given sigma^2."""
        sigma = np.sqrt(self.rate / rng.gamma(self.shape, size=n_draws))
        normal = rng.normal(size=(self.factor.shape[1], n_draws))
        return self.mean[:, None] + self.factor @ normal * sigma

    def _variance(self) -> float:
        return self.rate / (self.shape - 1.0) if self.shape > 1 else np.inf


def student_posterior(data: Spectrum, ratio: float, shape: float, rate: float) -> StudentPosterior:
    """The posterior: V_N^-1 = ratio I + Phi^T Phi, a_N = a_0 + N / 2,

    b_N = b_0 + (rss + ratio m_N^T m_N) / 2, all terms positive.

    Args:
        data: the spectrum of [Phi t].
        ratio: prior precision over noise precision, > 0.
        shape, rate: a_0 > 0 and b_0 > 0 of the inverse gamma prior.
    """
    return StudentPosterior(
        data.V @ data.shrunk(ratio),
        data.V / np.sqrt(ratio + data.s**2),
        shape + data.n_rows / 2,
        rate + float(data.energy(ratio)) / 2,
    )


def student_log_evidence(data: Spectrum, ratio: float, shape: float, rate: float) -> float:
    """ln p(t) in nats, the noise integrated out.

    -N/2 ln 2 pi - 1/2 sum ln(1 + s^2/ratio) + a_0 ln b_0 - a_N ln b_N + ln Gamma(a_N)/Gamma(a_0)
    """
    a, b = shape + data.n_rows / 2, rate + float(data.energy(ratio)) / 2
    determinant = float(np.log1p(data.s**2 / ratio).sum())
    gammas = lgamma(a) - lgamma(shape) + shape * log(rate) - a * log(b)
    return gammas - 0.5 * (data.n_rows * log(2 * pi) + determinant)


def best_ratio(data: Spectrum, shape: float, rate: float) -> tuple[float, Certificate]:
    """The ratio of precisions with the highest evidence, found as in `maximise_evidence`.

    Returns:
        the ratio, and the derivative of the log evidence by its logarithm.

    Raises:
        NoAnswerError: the evidence has no finite maximum.
    """

    def slope(ratio: Floats) -> Floats:
        beta = (shape + data.n_rows / 2) / (rate + data.energy(ratio) / 2)
        return data.effective_parameters(ratio) - ratio * beta * data.mean_square(ratio)

    top = float(data.s.max(initial=0.0)) ** 2 or 1.0
    found, _ = maxima_along(slope, starts(top, far=True), finite_top=False)
    if not found:
        raise NoAnswerError(
            "the evidence has no maximum: the columns fit the target exactly",
            hint="--prior-precision, a lower --degree, or more rows",
        )
    best = max(found, key=lambda ratio: student_log_evidence(data, ratio, shape, rate))
    steepest = 0.5 * abs(float(slope(np.array([best]))[0]))
    return best, evidence_certificate(steepest, data.n_rows)

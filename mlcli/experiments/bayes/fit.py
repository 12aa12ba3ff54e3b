"""The model of `bayes`: a posterior and its evidence, whatever the prior and the noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.errors import NoAnswerError
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.linear.bayes.evidence import EvidenceMaximum, maximise_evidence
from mlcli.linear.bayes.posterior import (
    Posterior,
    Prior,
    Spectrum,
    general_posterior,
    isotropic_posterior,
    log_likelihood,
    spectrum,
    whitened,
)
from mlcli.linear.bayes.relevance import relevance
from mlcli.linear.bayes.unknown_noise import (
    StudentPosterior,
    best_ratio,
    student_log_evidence,
    student_posterior,
)
from mlcli.linear.r_factor import RFactor, solve_nested
from mlcli.models.bayes import predictive

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PosteriorFit:
    """A posterior and what led to it.

    Attributes:
        posterior: over the weights.
        prior_precisions: alpha of each column, (p,); None for a general prior.
        noise_precision: beta, or its posterior mean a_N / b_N where the noise is unknown.
        log_evidence: in nats.
        effective_parameters: gamma.
        n_maxima: local maxima of the evidence; 1 where nothing was maximised over.
        at_limit: whether the best prior is infinitely narrow.
        certificate: how far from level the log evidence is at the precisions that were looked for;
            None where all were given.
    """

    posterior: Posterior | StudentPosterior
    prior_precisions: Array | None
    noise_precision: float
    log_evidence: float
    effective_parameters: float
    n_maxima: int = 1
    at_limit: bool = False
    certificate: Certificate | None = None

    @property
    def prior_precision(self) -> float | None:
        """The one alpha of an isotropic prior; None where there are several."""
        values = self.prior_precisions
        if values is None or (values != values[0]).any():
            return None
        return float(values[0])

    def predict(self, Phi: Array, level: float = 0.95) -> tuple[Array, Array, Array]:
        """Mean, standard deviation and half width of the central interval of t, (n,) each."""
        return predictive(self.posterior, Phi, level)


def fit(config: BayesConfig, r_factor: RFactor, prior: Prior | None = None) -> PosteriorFit:
    """The posterior of a config.

    Args:
        config: validated parameters.
        r_factor: that of [Phi t].
        prior: m_0 and S_0 for a general prior.

    Raises:
        NoAnswerError: the evidence has no finite maximum.
    """
    if config.prior == "ard":
        return _relevant(config, r_factor)
    data = spectrum(r_factor) if prior is None else whitened(r_factor, prior)
    if config.noise == "student":
        return _unknown_noise(config, data)
    # A general prior is N(0, I) in its own coordinates, whatever the precisions.
    alpha = config.prior_precision if prior is None else 1.0
    best = maximise_evidence(data, alpha, config.noise_precision)
    if prior is not None:
        posterior = general_posterior(data, prior, best.noise_precision)
        return _described(posterior, None, best)
    posterior = isotropic_posterior(data, best.prior_precision, best.noise_precision)
    return _described(posterior, np.full(data.s.size, best.prior_precision), best)


def _described(
    posterior: Posterior, precisions: Array | None, best: EvidenceMaximum
) -> PosteriorFit:
    return PosteriorFit(
        posterior,
        precisions,
        best.noise_precision,
        best.log_evidence,
        best.effective_parameters,
        best.n_maxima,
        best.at_limit,
        best.certificate,
    )


def _unknown_noise(config: BayesConfig, data: Spectrum) -> PosteriorFit:
    shape, rate = config.noise_shape, config.noise_rate
    ratio, certificate = config.prior_precision, None
    if ratio is None:
        ratio, certificate = best_ratio(data, shape, rate)
    posterior = student_posterior(data, ratio, shape, rate)
    beta = posterior.shape / posterior.rate
    value = student_log_evidence(data, ratio, shape, rate)
    precisions = np.full(data.s.size, ratio * beta)
    gamma = float(data.effective_parameters(ratio))
    return PosteriorFit(posterior, precisions, beta, value, gamma, certificate=certificate)


def _relevant(config: BayesConfig, r_factor: RFactor) -> PosteriorFit:
    """ARD: the dropped columns have the weight 0 and no spread."""
    if r_factor.R[-1, -1] == 0.0:
        raise NoAnswerError(
            "the columns fit the target exactly, and the noise precision grows without bound",
            hint="a lower --degree or more rows",
        )
    found = relevance(r_factor)
    kept, p = found.kept, r_factor.R.shape[0] - 1
    R = np.column_stack([r_factor.R[:, kept], r_factor.R[:, -1]])  # (p+1, kept+1)
    upper = np.linalg.qr(R, mode="r")
    small = RFactor(np.sign(np.diagonal(upper))[:, None] * upper, r_factor.n_rows)
    prior = Prior(np.zeros(kept.size), np.diag(found.prior_precisions[kept] ** -0.5))
    data = whitened(small, prior)
    white = general_posterior(data, prior, found.noise_precision)
    mean, factor = np.zeros(p), np.zeros((p, kept.size))
    mean[kept], factor[kept] = white.mean, white.factor
    gamma = float(data.effective_parameters(1.0 / found.noise_precision))
    posterior = Posterior(mean, factor, found.noise_precision)
    return PosteriorFit(
        posterior,
        found.prior_precisions,
        found.noise_precision,
        found.log_evidence,
        gamma,
        certificate=found.certificate,
    )


@dataclass(frozen=True)
class MaximumLikelihood:
    """w_ML of (B.10), beta_ML of (B.12) and the log likelihood there.

    Attributes:
        w: (p,).
        noise_precision: N / rss; None where the fit is exact.
        log_likelihood: in nats; None where the fit is exact.
    """

    w: Array
    noise_precision: float | None
    log_likelihood: float | None


def maximum_likelihood(r_factor: RFactor) -> MaximumLikelihood:
    """The weights and the noise precision that make the data most probable."""
    W, rss = solve_nested(r_factor, [r_factor.R.shape[0] - 1])
    exact = rss[0] <= 1e-24 * float(r_factor.R[:, -1] @ r_factor.R[:, -1])
    if exact:
        return MaximumLikelihood(W[:, 0], None, None)
    beta = r_factor.n_rows / float(rss[0])
    return MaximumLikelihood(W[:, 0], beta, log_likelihood(float(rss[0]), r_factor.n_rows, beta))

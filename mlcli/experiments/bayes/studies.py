"""Beyond the one model: evidence against degree and precisions, coverage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate, require, worst_of
from mlcli.datasets.dataset import Dataset
from mlcli.datasets.synthetic import Generator
from mlcli.errors import NoAnswerError
from mlcli.experiments.bayes.columns import (
    Data,
    basis_of,
    degrees_of,
    in_memory,
    model_degree,
    r_factor_of,
)
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.experiments.bayes.fit import PosteriorFit, fit, maximum_likelihood
from mlcli.experiments.cross_validation.scores import scores_of
from mlcli.experiments.cross_validation.spec import CrossValidationSpec
from mlcli.linear.basis import count_columns
from mlcli.linear.bayes.evidence import EvidenceMaximum, maximise_evidence
from mlcli.linear.bayes.posterior import log_evidence, spectrum
from mlcli.linear.r_factor import RFactor
from mlcli.linear.statistics import normal_cdf
from mlcli.rng import stream
from mlcli.scale.workers import Workers
from mlcli.selection.cross_validation import at_minimum
from mlcli.selection.expected_loss import uniform_quadrature
from mlcli.selection.folds import k_fold

Array = NDArray[np.float64]
N_FOLDS = 10
# Decades on each side of the maximum that the map of the evidence covers.
DECADES = 3.0
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)
METHODS = ("maximum likelihood", "evidence", "unknown noise")
N_NODES = 64


@dataclass(frozen=True)
class EvidenceCurve:
    """The evidence of each degree and the cross-validated error beside it.

    Attributes:
        maxima: one per degree; None where the evidence has no maximum.
        cv_mse: of least squares, (n_degrees,); NaN where it was not computed.
    """

    degrees: tuple[int, ...]
    maxima: tuple[EvidenceMaximum | None, ...]
    cv_mse: Array

    def degree_by_evidence(self) -> int | None:
        """The degree with the highest evidence."""
        values = [-np.inf if one is None else one.log_evidence for one in self.maxima]
        return self.degrees[int(np.argmax(values))] if max(values) > -np.inf else None

    def certificate(self) -> Certificate | None:
        """Of the worst maximum; None where the evidence of no degree has one."""
        return worst_of(*(None if one is None else one.certificate for one in self.maxima))

    def degree_by_kfold(self) -> int | None:
        """The degree with the least cross-validated error."""
        if not np.isfinite(self.cv_mse).any():
            return None
        return self.degrees[at_minimum(self.cv_mse[:, None])[0]]


def evidence_curve(config: BayesConfig, data: Data) -> EvidenceCurve:
    """Maximise the evidence of every degree over both precisions; no error beside it yet."""
    degrees = degrees_of(config)
    maxima: list[EvidenceMaximum | None] = []
    for degree in degrees:
        basis = basis_of(config, data.low, data.high, degree, data.redundant)
        try:
            maxima.append(maximise_evidence(spectrum(r_factor_of(basis, data))))
        except NoAnswerError:
            maxima.append(None)
    return EvidenceCurve(degrees, tuple(maxima), np.full(len(degrees), np.nan))


def with_folds(
    config: BayesConfig, data: Dataset, curve: EvidenceCurve, rng: np.random.Generator
) -> EvidenceCurve:
    """The curve with the cross-validated error of least squares beside it, where rows suffice.

    Args:
        config: validated parameters.
        data: the rows; each fold prepares them by its own training rows.
        curve: the evidence.
        rng: deals rows to folds.
    """
    if data.t.size < 2 * N_FOLDS:
        return curve
    kind = "polynomial" if config.basis == "monomial" else config.basis
    folds = k_fold(data.t.size, N_FOLDS, rng)
    n_train = int(folds.n_train.min())
    fitted = tuple(
        degree
        for degree in curve.degrees
        if count_columns(kind, data.X.shape[1], degree, config.intercept) <= n_train
    )
    if not fitted:
        return curve
    spec = CrossValidationSpec(fitted, basis=kind, intercept=config.intercept)
    scores = scores_of(spec, data, folds, None)
    cv_mse = curve.cv_mse.copy()
    cv_mse[: len(fitted)] = scores.test[:, 0].mean(axis=1)
    return replace(curve, cv_mse=cv_mse)


def evidence_surface(
    config: BayesConfig, r_factor: RFactor, best: PosteriorFit
) -> tuple[Array, Array, Array]:
    """The log evidence around the model's precisions: alphas (n,), betas (n,), values (n, n)."""
    alpha = best.prior_precision
    if alpha is None or config.prior != "isotropic":
        return np.empty(0), np.empty(0), np.empty((0, 0))
    data, steps = spectrum(r_factor), np.linspace(-DECADES, DECADES, config.n_surface)
    alphas = alpha * 10.0**steps
    # The noise is known far better than the prior: its axis is as narrow as the peak.
    betas = best.noise_precision * 10.0 ** (steps / DECADES * _half_width(data.n_rows))
    values = [[log_evidence(data, float(a), float(b)) for b in betas] for a in alphas]
    return alphas, betas, np.array(values)


def _half_width(n_rows: int) -> float:
    """Decades of beta in which the evidence falls by some ten nats: its std is sqrt(2 / N)."""
    return min(1.0, 4.5 * sqrt(2.0 / n_rows) / log(10.0))


def calibration(config: BayesConfig, generator: Generator, workers: Workers) -> Iterator[Array]:
    """Coverage of predictive intervals on fresh data sets, (n_methods, n_levels) each."""
    return workers.map_ordered(
        lambda index: _covered(config, generator, index), range(config.n_calibration)
    )


def _covered(config: BayesConfig, generator: Generator, index: int) -> Array:
    """The exact probability that a new t falls into each interval, averaged over x."""
    data = generator.draw(stream(config.seed, "calibration", index), config.calibration_rows)
    low, high = np.array([generator.chosen.x_min]), np.array([generator.chosen.x_max])
    basis = basis_of(config, low, high, model_degree(config))
    r_factor = r_factor_of(basis, in_memory(data.X, data.t))
    nodes, weights = uniform_quadrature(float(low[0]), float(high[0]), N_NODES)
    Phi, truth = basis.evaluate(nodes[:, None]), generator.spec.truth(nodes[:, None])
    plain = config.model_copy(
        update={
            "prior": "isotropic",
            "noise": "gaussian",
            "prior_precision": None,
            "noise_precision": None,
        }
    )
    unknown = plain.model_copy(update={"noise": "student"})
    likely = maximum_likelihood(r_factor)
    models: list[Sequence[tuple[Array, Array]]] = []
    std = np.nan if likely.noise_precision is None else likely.noise_precision**-0.5
    z = [NormalDist().inv_cdf((1 + level) / 2) for level in LEVELS]
    models.append([(Phi @ likely.w, np.full(nodes.size, q * std)) for q in z])
    for settings in (plain, unknown):
        try:
            fitted = fit(settings, r_factor)
            require(fitted.certificate, "the evidence")
            bands = [fitted.predict(Phi, level) for level in LEVELS]
            models.append([(mean, half) for mean, _, half in bands])
        except NoAnswerError:
            models.append([(truth, np.full(nodes.size, np.nan)) for _ in LEVELS])
    sigma = generator.chosen.noise_std
    return np.array(
        [[_inside(mean, half, truth, weights, sigma) for mean, half in one] for one in models]
    )


def _inside(mean: Array, half: Array, truth: Array, weights: Array, sigma: float) -> float:
    if sigma == 0.0:
        return float(weights @ (np.abs(mean - truth) <= half))
    upper = normal_cdf((mean + half - truth) / sigma)
    return float(weights @ (upper - normal_cdf((mean - half - truth) / sigma)))

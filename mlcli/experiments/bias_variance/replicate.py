"""One seed of `bias-variance`: fit every data set of its ensemble, and decompose the error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate, worst_of
from mlcli.datasets.source import Source
from mlcli.experiments.bias_variance import models
from mlcli.experiments.bias_variance.config import BiasVarianceConfig
from mlcli.experiments.bias_variance.double_descent import DoubleDescent, run_descent
from mlcli.experiments.bias_variance.ensemble import DataSetEnsemble, open_ensemble
from mlcli.experiments.bias_variance.expectations import MeasuredLosses, measure
from mlcli.experiments.bias_variance.models import Predict
from mlcli.selection.bias_variance import (
    Decomposition,
    EnsembleMoments,
    decompose,
    decompose_on_draws,
    largest_share,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DecompositionTerms:
    """What one seed found for k models; each (k,), in the units of t squared but the last three.

    Where f~ is unknown, bias^2 and noise are one term, and NaN on their own.

    Attributes:
        bias_squared, variance, noise, sum: of (A.18), over the ensemble.
        bias_squared_unbiased: less what a finite ensemble adds.
        generalisation_error: mean of (t - y)^2 over test rows and members.
        difference: generalisation_error - sum.
        median_error: median over the members of each one's own error.
        largest_share: of the worst member in the sum of the members' errors.
        identity_residual: what rounding leaves of the identity on the test rows, as a share of
            the error and the mean of t^2 together.
        effective_rank: mean over the members.
    """

    bias_squared: Array
    bias_squared_unbiased: Array
    noise: Array
    bias_squared_plus_noise: Array
    variance: Array
    sum: Array
    generalisation_error: Array
    difference: Array
    median_error: Array
    largest_share: Array
    identity_residual: Array
    effective_rank: Array


class ErrorDecomposer:
    """Adds up the errors of the models of each data set, and decomposes them."""

    def __init__(self, ensemble: DataSetEnsemble) -> None:
        self._ensemble = ensemble
        self._at_nodes: EnsembleMoments | None = None
        self._at_test: EnsembleMoments | None = None
        self._expected: list[Array] = []
        self._measured: list[Array] = []

    def add(self, predict: Predict) -> None:
        """Add the k models of one data set."""
        known, t = self._ensemble.known, self._ensemble.t_test
        y = predict(self._ensemble.X_test)  # (n_test, k)
        if self._at_test is None:
            self._at_test = EnsembleMoments(*y.shape)
        self._at_test.add(y)
        with np.errstate(over="ignore", invalid="ignore"):
            self._measured.append(((t[:, None] - y) ** 2).mean(axis=0))
            if known is None:
                return
            y = predict(known.nodes)  # (n_nodes, k)
            if self._at_nodes is None:
                self._at_nodes = EnsembleMoments(*y.shape)
            self._at_nodes.add(y)
            self._expected.append(known.weights @ (known.at_nodes[:, None] - y) ** 2)

    def terms(self, effective_rank: Array | None) -> DecompositionTerms:
        """The terms of (A.18) over all members."""
        if self._at_test is None:
            raise RuntimeError("no data set was added")
        measured = np.stack(self._measured)  # (S, k)
        known, t = self._ensemble.known, self._ensemble.t_test
        with np.errstate(over="ignore", invalid="ignore"):
            error = measured.mean(axis=0)  # (k,)
            if known is None or self._at_nodes is None:
                same = found = decompose(self._at_test, t, np.full(t.size, 1 / t.size), 0.0)
                own_error, median_error = measured, np.median(measured, axis=0)
            else:
                found = decompose(
                    self._at_nodes, known.at_nodes, known.weights, known.noise_variance
                )
                same = decompose_on_draws(self._at_test, known.at_test, t)
                own_error = np.stack(self._expected)  # (S, k)
                median_error = np.median(own_error, axis=0) + known.noise_variance
            return DecompositionTerms(
                **_bias_and_noise(found, known is not None),
                variance=found.variance,
                sum=found.total,
                generalisation_error=error,
                difference=error - found.total,
                median_error=median_error,
                largest_share=largest_share(own_error),
                identity_residual=np.abs(error - same.total) / _scale(error, t),
                effective_rank=np.full(error.size, np.nan)
                if effective_rank is None
                else effective_rank,
            )


def _scale(error: Array, t: Array) -> Array:
    # An error far below the targets is itself rounding, and so is any share of it.
    scale = error + float((t**2).mean())
    return np.where(scale > 0, scale, 1.0)


def _bias_and_noise(found: Decomposition, apart: bool) -> dict[str, Array]:
    nan = np.full_like(found.bias_squared, np.nan)
    return {
        "bias_squared": found.bias_squared if apart else nan,
        "bias_squared_unbiased": found.bias_squared_unbiased if apart else nan,
        "noise": found.noise if apart else nan,
        "bias_squared_plus_noise": found.bias_squared + found.noise,
    }


@dataclass(frozen=True)
class Pointwise:
    """Fits along x: those of all members, (S, n_grid, n_shown), and the first data set's rows."""

    fits: Array
    X: Array
    t: Array


@dataclass(frozen=True)
class BiasVarianceOutcome:
    """Everything that one seed contributes."""

    degrees: DecompositionTerms
    strengths: DecompositionTerms | None
    relative_gap: float
    certificate: Certificate | None
    pointwise: Pointwise | None
    descent: dict[str, DoubleDescent]
    n_rows: int
    n_test: int
    losses: MeasuredLosses | None = None
    # Products that the penalised columns of the first data set leave out.
    left_out: tuple[str, ...] = ()


def run_replicate(
    config: BiasVarianceConfig, source: Source, index: int, grid: Array | None
) -> BiasVarianceOutcome:
    """Fit and decompose the ensemble of one seed.

    Args:
        index: which of the n_seeds.
        grid: points (n_grid, 1) at which fits are recorded, or None.
    """
    top = max(models.sizes(config)[-1], models.strength_degree(config))
    ensemble = open_ensemble(config, source, index, top)
    degrees = ErrorDecomposer(ensemble)
    strengths = None if config.penalty == "none" else ErrorDecomposer(ensemble)
    curves, ranks, gap, certificate = [], [], 0.0, None
    first: tuple[Array, Array] | None = None
    left_out: tuple[str, ...] = ()
    for X, t in ensemble.members:
        first = first or (X, t)
        fits = models.fit_degrees(config, X, t)
        degrees.add(fits.predict)
        ranks.append(fits.effective_rank)
        if grid is not None:
            curves.append(fits.predict(grid)[:, models.shown(config)])  # (n_grid, n_shown)
        if strengths is not None:
            path = models.fit_strengths(config, X, t, ensemble.related)
            if len(ranks) == 1:
                left_out = tuple(path.basis.left_out_terms(source.feature_names))
            strengths.add(path.predict)
            gap = max(gap, path.relative_gap)
            certificate = worst_of(certificate, path.certificate)
    if first is None:
        raise RuntimeError("an ensemble had no data set")
    along = None if grid is None else Pointwise(np.stack(curves), *first)
    return BiasVarianceOutcome(
        degrees=degrees.terms(np.mean(ranks, axis=0)),
        strengths=None if strengths is None else strengths.terms(None),
        relative_gap=gap,
        certificate=certificate,
        pointwise=along,
        descent=run_descent(config, source, index),
        n_rows=first[1].size,
        n_test=ensemble.t_test.size,
        losses=measure(config, source, index),
        left_out=left_out,
    )

"""One seed's share of `bias-variance`: fit every data set of its ensemble, and decompose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate, worst_of
from mlcli.datasets.source import Source
from mlcli.experiments.bias_variance import models
from mlcli.experiments.bias_variance.config import BiasVarianceConfig
from mlcli.experiments.bias_variance.descent import Descent, run_descent
from mlcli.experiments.bias_variance.ensemble import open_ensemble
from mlcli.experiments.bias_variance.judge import Judge, Terms

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pointwise:
    """Fits along x: those of all members, (S, n_grid, n_shown), and the first data set's rows."""

    fits: Array
    X: Array
    t: Array


@dataclass(frozen=True)
class Outcome:
    """Everything that one seed contributes."""

    degrees: Terms
    strengths: Terms | None
    relative_gap: float
    certificate: Certificate | None
    pointwise: Pointwise | None
    descent: dict[str, Descent]
    n_rows: int
    n_test: int
    # Products that the penalised columns of the first data set leave out.
    left_out: tuple[str, ...] = ()


def shown(config: BiasVarianceConfig) -> list[int]:
    """Which of the fitted degrees are drawn along x; the highest if none of those asked for."""
    degrees = models.sizes(config)
    wanted = [i for i, degree in enumerate(degrees) if degree in config.shown_degrees]
    return wanted or [len(degrees) - 1]


def run_replicate(
    config: BiasVarianceConfig, source: Source, index: int, grid: Array | None
) -> Outcome:
    """Fit and decompose the ensemble of one seed.

    Args:
        index: which of the n_seeds.
        grid: points (n_grid, 1) at which fits are recorded, or None.
    """
    top = max(models.sizes(config)[-1], models.strength_degree(config))
    ensemble = open_ensemble(config, source, index, top)
    degrees = Judge(ensemble)
    strengths = None if config.penalty == "none" else Judge(ensemble)
    curves, ranks, gap, certificate = [], [], 0.0, None
    first: tuple[Array, Array] | None = None
    left_out: tuple[str, ...] = ()
    for X, t in ensemble.members:
        first = first or (X, t)
        fits = models.fit_degrees(config, X, t)
        degrees.add(fits.predict)
        ranks.append(fits.effective_rank)
        if grid is not None:
            curves.append(fits.predict(grid)[:, shown(config)])  # (n_grid, n_shown)
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
    return Outcome(
        degrees=degrees.terms(np.mean(ranks, axis=0)),
        strengths=None if strengths is None else strengths.terms(None),
        relative_gap=gap,
        certificate=certificate,
        pointwise=along,
        descent=run_descent(config, source, index),
        n_rows=first[1].size,
        n_test=ensemble.t_test.size,
        left_out=left_out,
    )

"""The curves of `bias-variance`, each a table with its intervals over the seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.source import Source
from mlcli.experiments.bias_variance import models
from mlcli.experiments.bias_variance.config import BiasVarianceConfig
from mlcli.experiments.bias_variance.double_descent import DoubleDescent, descent_sizes
from mlcli.experiments.bias_variance.replicate import (
    BiasVarianceOutcome,
    DecompositionTerms,
    Pointwise,
)
from mlcli.experiments.summary import band, interval_columns
from mlcli.result import Columns

Array = NDArray[np.float64]
MAX_POINTS = 2000
# Single fits that are drawn beside their mean.
N_MEMBERS = 12
TERMS = (
    "bias_squared",
    "bias_squared_unbiased",
    "variance",
    "noise",
    "bias_squared_plus_noise",
    "sum",
    "generalisation_error",
    "difference",
    "median_error",
    "largest_share",
)
DESCENT = ("bias_squared", "variance", "sum", "median_error", "median_norm")


def decomposition_table(
    config: BiasVarianceConfig, outcomes: Sequence[BiasVarianceOutcome]
) -> Columns:
    """The terms of (A.18) against degree: means over seeds with their intervals."""
    columns: dict[str, list[object]] = {"degree": list(models.sizes(config))}
    return columns | _terms([outcome.degrees for outcome in outcomes])


def strengths_table(config: BiasVarianceConfig, outcomes: Sequence[BiasVarianceOutcome]) -> Columns:
    """The same against the strength of the penalty, weakest first; no rows without a penalty."""
    columns: dict[str, list[object]] = {"strength": models.strengths(config).tolist()}
    found = [outcome.strengths for outcome in outcomes if outcome.strengths is not None]
    if not found:
        names = [f"{name}{end}" for name in TERMS for end in ("", "_ci_low", "_ci_high")]
        return columns | {name: [] for name in names}
    return columns | _terms(found)


def _terms(found: Sequence[DecompositionTerms]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {}
    for name in TERMS:
        columns |= interval_columns(name, np.stack([getattr(one, name) for one in found]))
    return columns


def pointwise_table(
    config: BiasVarianceConfig, source: Source, along: Pointwise | None, grid: Array | None
) -> Columns:
    """(A.17) at each x for the first seed's ensemble: mean, central 95 % of fits, truth, terms."""
    names = (
        "degree",
        "x",
        "mean_fit",
        "low",
        "median",
        "high",
        "truth",
        "bias_squared",
        "variance",
    )
    columns: dict[str, list[object]] = {name: [] for name in names}
    if along is None or grid is None:
        return columns
    truth = None if source.generator is None else source.generator.spec.truth(grid)
    low, median, high = band(along.fits)  # (n_grid, n_shown) each
    with np.errstate(over="ignore", invalid="ignore"):
        mean, variance = along.fits.mean(axis=0), along.fits.var(axis=0)
    for k, index in enumerate(models.shown(config)):
        columns["degree"] += [models.sizes(config)[index]] * len(grid)
        columns["x"] += list(grid[:, 0])
        for key, values in (
            ("mean_fit", mean),
            ("low", low),
            ("median", median),
            ("high", high),
            ("variance", variance),
        ):
            columns[key] += _finite(values[:, k])
        columns["truth"] += [None] * len(grid) if truth is None else list(truth)
        columns["bias_squared"] += (
            [None] * len(grid) if truth is None else _finite((mean[:, k] - truth) ** 2)
        )
    return columns


def _finite(values: Array) -> list[object]:
    return [float(value) if np.isfinite(value) else None for value in values]


def members_table(
    config: BiasVarianceConfig, along: Pointwise | None, grid: Array | None
) -> Columns:
    """Fits to single data sets of the first seed, at most twelve of each degree shown."""
    columns: dict[str, list[object]] = {key: [] for key in ("degree", "member", "x", "fit")}
    if along is None or grid is None:
        return columns
    for k, index in enumerate(models.shown(config)):
        for member, fit in enumerate(along.fits[:N_MEMBERS, :, k]):
            columns["degree"] += [models.sizes(config)[index]] * len(grid)
            columns["member"] += [member] * len(grid)
            columns["x"] += list(grid[:, 0])
            columns["fit"] += _finite(fit)
    return columns


def data_table(source: Source, along: Pointwise | None) -> Columns:
    """The rows of the first data set of the first seed, at most 2,000, for one input."""
    (x_name, *_), t_name = source.feature_names, source.target_name
    if along is None:
        return {x_name: [], t_name: []}
    return {x_name: along.X[:MAX_POINTS, 0].tolist(), t_name: along.t[:MAX_POINTS].tolist()}


def descent_table(config: BiasVarianceConfig, outcomes: Sequence[BiasVarianceOutcome]) -> Columns:
    """Error and norm of the shortest solution against the number of columns, for each kind."""
    names = [f"{name}{end}" for name in DESCENT for end in ("", "_ci_low", "_ci_high")]
    columns: dict[str, list[object]] = {
        name: [] for name in ("basis", "n_rows", "n_columns", *names)
    }
    sizes = descent_sizes(config)
    for kind in outcomes[0].descent:
        found: list[DoubleDescent] = [outcome.descent[kind] for outcome in outcomes]
        columns["basis"] += [kind] * len(sizes)
        columns["n_rows"] += [config.descent_rows] * len(sizes)
        columns["n_columns"] += list(sizes)
        for name in DESCENT:
            stacked = np.stack([getattr(one, name) for one in found])
            for key, values in interval_columns(name, stacked).items():
                columns[key] += values
    return columns

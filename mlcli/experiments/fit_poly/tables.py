"""The curves of `fit-poly`, each a table with its band over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.source import Source
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.fit_poly.prepare import N_GRID, TrainTestRows
from mlcli.experiments.fit_poly.replicate import (
    CURVE_STEP,
    FitPolyOutcome,
    movable,
    shown,
    strengths,
)
from mlcli.experiments.summary import band, interval_columns, summary
from mlcli.linear.statistics import ANY
from mlcli.result import Columns

Array = NDArray[np.float64]
MAX_POINTS = 2000
# 95 % of normal noise is within so many standard deviations.
NORMAL_95 = 1.959963984540054


def data_table(rows: TrainTestRows) -> Columns:
    """The rows of the first seed, at most 2,000 of each part, with the part they fell in."""
    parts = (("train", rows.X_train, rows.t_train), ("test", rows.X_test, rows.t_test))
    X = np.concatenate([part[1][:MAX_POINTS] for part in parts])
    t = np.concatenate([part[2][:MAX_POINTS] for part in parts])
    labels = [part[0] for part in parts for _ in part[2][:MAX_POINTS]]
    columns: dict[str, Any] = {name: X[:, i] for i, name in enumerate(rows.data.feature_names)}
    return columns | {rows.data.target_name: t, "part": labels}


def law_table(source: Source) -> Columns:
    """Where all the rows are that there could be: the regularity and 1.96 noise_std around it.

    Empty where the law is not known, or where there are several inputs.
    """
    generator = source.generator
    if generator is None or len(source.feature_names) != 1:
        return {name: [] for name in ("x", "truth", "low", "high")}
    chosen = generator.chosen
    x = np.linspace(chosen.x_min, chosen.x_max, N_GRID)
    truth = generator.spec.truth(x[:, None])
    reach = NORMAL_95 * chosen.noise_std
    return {"x": x, "truth": truth, "low": truth - reach, "high": truth + reach}


def scores_table(outcomes: Sequence[FitPolyOutcome], degrees: Sequence[int]) -> Columns:
    """Every score of every seed, one row each: the draws behind all intervals."""
    names = ("train_mse", "test_mse", "effective_rank")
    columns: dict[str, list[object]] = {
        key: [] for key in ("estimator", "degree", "seed_index", *names)
    }
    for estimator in outcomes[0].scores:
        for i, degree in enumerate(degrees):
            for index, outcome in enumerate(outcomes):
                values = [getattr(outcome.scores[estimator], name)[i] for name in names]
                for key, value in zip(columns, (estimator, degree, index, *values), strict=True):
                    columns[key].append(value)
    return columns


def errors_table(outcomes: Sequence[FitPolyOutcome], degrees: Sequence[int]) -> Columns:
    """Mean squared error against degree with the intervals of the means, for each estimator."""
    columns: dict[str, list[object]] = {
        key: []
        for key in (
            "estimator",
            "degree",
            "train_mse",
            "train_ci_low",
            "train_ci_high",
            "test_mse",
            "test_ci_low",
            "test_ci_high",
            "test_median",
        )
    }
    for estimator in outcomes[0].scores:
        for i, degree in enumerate(degrees):
            train = np.array([o.scores[estimator].train_mse[i] for o in outcomes])
            test = np.array([o.scores[estimator].test_mse[i] for o in outcomes])
            row: list[object] = [estimator, degree]
            for values in (train, test):
                found = summary(values, "mse")
                row += [found["mean"], found["ci_low"], found["ci_high"]]
            row.append(float(np.median(test)))
            for key, value in zip(columns, row, strict=True):
                columns[key].append(value)
    return columns


def fits_table(
    outcomes: Sequence[FitPolyOutcome],
    degrees: Sequence[int],
    curves: Sequence[tuple[Array, Array | None]],
) -> Columns:
    """Fits along x: the first seed's, and the central 95 % and median over the seeds.

    Args:
        outcomes: of every seed.
        degrees: of the fits.
        curves: for each degree the points on which it is drawn, (n_points, 1), and the regularity
            there where it is known; empty without a curve.
    """
    columns: dict[str, list[object]] = {
        key: [] for key in ("estimator", "degree", "x", "fit", "low", "median", "high", "truth")
    }
    for estimator in outcomes[0].on_grid:
        for i, (degree, (points, truth)) in enumerate(zip(degrees, curves, strict=True)):
            stacked = np.stack([o.on_grid[estimator][i] for o in outcomes])  # (n_seeds, n_points)
            low, median, high = band(stacked)
            columns["estimator"] += [estimator] * len(points)
            columns["degree"] += [degree] * len(points)
            columns["x"] += list(points[:, 0])
            every = (("fit", stacked[0]), ("low", low), ("median", median), ("high", high))
            for key, values in every:
                columns[key] += list(values)
            columns["truth"] += [None] * len(points) if truth is None else list(truth)
    return columns


def path_table(config: FitPolyConfig, outcomes: Sequence[FitPolyOutcome]) -> Columns:
    """Errors, sparsity and degrees of freedom along the path, with bands over the seeds."""
    columns: dict[str, list[object]] = {"strength": []}
    paths = [o.path for o in outcomes if o.path is not None]
    if not paths:
        return columns
    columns["strength"] = strengths(config).tolist()
    for name in ("train_mse", "test_mse", "n_nonzero", "degrees_of_freedom"):
        columns |= interval_columns(name, np.stack([getattr(p, name) for p in paths]))
    columns["largest_relative_gap"] = np.stack([p.relative_gap for p in paths]).max(axis=0).tolist()
    return columns


def path_fits_table(
    config: FitPolyConfig,
    outcomes: Sequence[FitPolyOutcome],
    grid: Array | None,
    truth: Array | None,
) -> Columns:
    """Penalised fits along x for a few strengths (Figure 5), with bands over the seeds."""
    columns: dict[str, list[object]] = {
        key: [] for key in ("strength", "x", "fit", "low", "median", "high", "truth")
    }
    paths = [o.path for o in outcomes if o.path is not None]
    if grid is None or not paths:
        return columns
    stacked = np.stack([p.on_grid for p in paths])  # (n_seeds, n_grid, n_shown)
    low, median, high = band(stacked)
    values = strengths(config)
    for i, index in enumerate(shown(config)):
        columns["strength"] += [float(values[index])] * len(grid)
        columns["x"] += list(grid[:, 0])
        for key, found in (("fit", stacked[0]), ("low", low), ("median", median), ("high", high)):
            columns[key] += list(found[:, i])
        columns["truth"] += [None] * len(grid) if truth is None else list(truth)
    return columns


def path_curves_table(
    config: FitPolyConfig, outcomes: Sequence[FitPolyOutcome], grid: Array | None
) -> Columns:
    """The first seed's penalised fits along x, for up to 25 strengths of the path."""
    columns: dict[str, list[object]] = {key: [] for key in ("strength", "x", "fit")}
    path = outcomes[0].path
    if grid is None or path is None or path.curves is None:
        return columns
    values, x = strengths(config), grid[::CURVE_STEP, 0]
    for fit, index in zip(path.curves.T, movable(config), strict=True):
        columns["strength"] += [float(values[index])] * x.size
        columns["x"] += x.tolist()
        columns["fit"] += fit.tolist()
    return columns


def coefficients_table(
    config: FitPolyConfig,
    outcomes: Sequence[FitPolyOutcome],
    terms: Sequence[str],
    left_out: Sequence[str] = (),
) -> Columns:
    """Standardised coefficients at the highest degree, before and after the penalty (Figures 4, 6).

    The penalised ones are those at the strength with the lowest mean test error (mean training
    error without a test part).

    Args:
        terms: the names of all M columns.
        left_out: those that are no columns of the first seed's fits, which are not shown.
    """
    columns: dict[str, Sequence[object]] = {"term": list(terms)}
    plain = [o.standardised for o in outcomes if o.standardised is not None]
    if plain:
        columns |= _three("least_squares", np.stack(plain))
    paths = [o.path for o in outcomes if o.path is not None]
    if paths:
        best = best_strength(outcomes)
        stacked = np.stack([p.standardised[:, best] for p in paths])  # (n_seeds, M)
        columns |= _three("penalised", stacked)
        columns |= dict(interval_columns("penalised_mean", stacked, ANY))
    there = [place for place, term in enumerate(terms) if term not in left_out]
    return {name: [values[place] for place in there] for name, values in columns.items()}


def _three(name: str, stacked: Array) -> dict[str, Sequence[object]]:
    low, _, high = band(stacked)
    return {name: stacked[0].tolist(), f"{name}_low": low.tolist(), f"{name}_high": high.tolist()}


def path_coefficients_table(
    config: FitPolyConfig, outcomes: Sequence[FitPolyOutcome], terms: Sequence[str]
) -> Columns:
    """The first seed's path, one row per strength and coefficient that is ever used."""
    columns: dict[str, list[object]] = {key: [] for key in ("strength", "term", "coefficient")}
    path = outcomes[0].path
    if path is None:
        return columns
    used = np.flatnonzero(np.abs(path.standardised).max(axis=1) > 0)
    for i in used:
        columns["strength"] += strengths(config).tolist()
        columns["term"] += [terms[int(i)]] * config.n_path
        columns["coefficient"] += path.standardised[i].tolist()
    return columns


def best_strength(outcomes: Sequence[FitPolyOutcome]) -> int:
    """Index of the strength with the lowest mean test error, or training error without a test."""
    paths = [o.path for o in outcomes if o.path is not None]
    test = np.stack([p.test_mse for p in paths]).mean(axis=0)
    train = np.stack([p.train_mse for p in paths]).mean(axis=0)
    return int(np.argmin(test if np.isfinite(test).all() else train))

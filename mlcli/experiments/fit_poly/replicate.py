"""One seed of `fit-poly`: fit its training rows and score both parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate, worst_of
from mlcli.experiments import linear_fits
from mlcli.experiments.fit_poly import algebra, memorised
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.fit_poly.draws import Draw, draw_of
from mlcli.experiments.fit_poly.memorised import Memory
from mlcli.experiments.fit_poly.prepare import FitPolyPrepared, TrainTestRows
from mlcli.experiments.linear_fits import LinearFits, LinearModelSpec
from mlcli.linear.design import Design, build
from mlcli.linear.ellipses import WeightLaw
from mlcli.linear.penalised import fit_path, strength_grid, strengths_of
from mlcli.linear.statistics import r_squared, residual_variance_or_none

Array = NDArray[np.float64]
N_SHOWN = 4
# Of so many strengths a reader of the report can choose, each with a curve of the first seed on
# every CURVE_STEP-th point of the grid.
MOST_CURVES, CURVE_STEP = 25, 4


@dataclass(frozen=True)
class FitScores:
    """What one estimator scored with one seed; one value per degree, (k,).

    `certificate` is that of the worst degree, None for fits in closed form.
    """

    train_mse: Array
    test_mse: Array
    train_r2: Array
    test_r2: Array
    residual_variance: Array
    effective_rank: Array
    degrees_of_freedom: Array
    relative_gap: Array
    certificate: Certificate | None = None


@dataclass(frozen=True)
class PathScores:
    """What a path of penalised fits scored with one seed; one value per strength, (k,)."""

    train_mse: Array
    test_mse: Array
    n_nonzero: Array
    degrees_of_freedom: Array
    relative_gap: Array
    standardised: Array  # (M, k), 0 for products that are left out
    on_grid: Array  # (n_grid, n_shown)
    certificate: Certificate | None
    # (n_points, n_curves) of the first seed; None of the others.
    curves: Array | None = None


@dataclass(frozen=True)
class FitPolyOutcome:
    """Everything that one seed contributes."""

    scores: dict[str, FitScores]
    # Estimator -> a curve for each degree, (n_points of the degree,).
    on_grid: dict[str, list[Array]]
    path: PathScores | None
    # (M,) of the compared estimator at the highest degree; 0 for products that are left out.
    standardised: Array | None
    n_train: int
    n_test: int
    # Of a few coefficients, for their ellipses; None where they have none.
    law: WeightLaw | None = None
    memory: Memory | None = None
    draw: Draw | None = None


def strengths(config: FitPolyConfig) -> Array:
    """The strengths of the path, strongest first, evenly spaced in the logarithm."""
    return strength_grid(config.path_min, config.path_max, config.n_path)


def shown(config: FitPolyConfig) -> list[int]:
    """Which strengths of the path have their fits drawn."""
    return sorted({round(i) for i in np.linspace(0, config.n_path - 1, N_SHOWN)})


def movable(config: FitPolyConfig) -> list[int]:
    """Which strengths of the path a reader of the report can choose."""
    n = min(config.n_path, MOST_CURVES)
    return sorted({round(i) for i in np.linspace(0, config.n_path - 1, n)})


def run_replicate(prepared: FitPolyPrepared, index: int, grid: Array | None) -> FitPolyOutcome:
    """Fit and score everything on the data of one seed.

    Args:
        prepared: the run.
        index: which of the n_seeds.
        grid: points (n_grid, 1) at which fits are recorded, for one input.
    """
    config, spec, rows = prepared.config, prepared.spec, prepared.rows(index)
    families: dict[str, LinearFits] = {
        config.solver: linear_fits.fit(spec, rows.X_train, rows.t_train, (), rows.data.related)
    }
    compared = None
    if compares(config):
        families["lapack"] = linear_fits.fit_lapack(
            spec, rows.X_train, rows.t_train, (), rows.data.related
        )
        compared = families["lapack"]
    curves = {} if grid is None else {k: _curves(prepared, f, grid) for k, f in families.items()}
    path = None
    if config.path_penalty != "none":
        shared = compared.design if compared is not None and config.standardize else None
        design = shared or path_design(prepared.spec, rows)
        points = grid[::CURVE_STEP] if index == 0 and grid is not None else None
        path = _path(config, rows, grid, design, points)
    return FitPolyOutcome(
        {name: _scores(fits, rows, config.intercept) for name, fits in families.items()},
        curves,
        path,
        None if compared is None else compared.standardised,
        rows.t_train.size,
        rows.t_test.size,
        algebra.weight_law_of(prepared, rows),
        memorised.memorise(prepared, rows),
        None if grid is None else draw_of(prepared, rows, index, families[config.solver]),
    )


def _curves(prepared: FitPolyPrepared, fits: LinearFits, grid: Array) -> list[Array]:
    """The fit of each degree, on the points on which it is drawn."""
    on_grid = fits.predict(grid)  # (n_grid, k)
    found = []
    for index, degree in enumerate(fits.degrees):
        points = prepared.fine_grid(grid, degree)
        y = on_grid if points is grid else fits.predict(points)
        found.append(y[:, index])
    return found


def compares(config: FitPolyConfig) -> bool:
    """Whether a second estimator stands beside the first."""
    return (
        config.compare_solver == "lapack"
        and config.solver == "arnoldi"
        and config.penalty == "none"
        and config.basis == "polynomial"
    )


def _scores(fits: LinearFits, rows: TrainTestRows, centred: bool) -> FitScores:
    n_train, n_test = rows.t_train.size, rows.t_test.size
    no_gap = np.full(len(fits.degrees), np.nan)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        residuals = rows.t_test[:, None] - fits.predict(rows.X_test)  # (n_test, k)
        test_rss = (residuals**2).sum(axis=0)  # (k,)
        return FitScores(
            train_mse=fits.train_rss / n_train,
            test_mse=test_rss / n_test if n_test else np.full(len(fits.degrees), np.nan),
            train_r2=_r2(fits.train_rss, rows.t_train, centred),
            test_r2=_r2(test_rss, rows.t_test, centred),
            residual_variance=residual_variances(fits.train_rss, n_train, fits.degrees_of_freedom),
            effective_rank=fits.effective_rank,
            degrees_of_freedom=fits.degrees_of_freedom,
            relative_gap=no_gap if fits.relative_gap is None else fits.relative_gap,
            certificate=worst_of(*fits.certificates),
        )


def _r2(rss: Array, t: Array, centred: bool) -> Array:
    found = [r_squared(float(one), t, centred) for one in rss]
    return np.array([np.nan if value is None else value for value in found])


def residual_variances(rss: Array, n_rows: int, degrees_of_freedom: Array) -> Array:
    """Unbiased estimates of the noise variance, one per degree; NaN where no row is left for it."""
    pairs = zip(rss.tolist(), degrees_of_freedom.tolist(), strict=True)
    found = [residual_variance_or_none(one, n_rows, dof) for one, dof in pairs]
    return np.array([np.nan if value is None else value for value in found])


def path_design(spec: LinearModelSpec, rows: TrainTestRows) -> Design:
    """The columns that the path penalises: those of the highest degree."""
    return build(
        spec.basis,
        rows.X_train,
        rows.t_train,
        spec.degrees[-1],
        intercept=spec.intercept,
        scaled=spec.standardize,
        related=rows.data.related,
    )


def _path(
    config: FitPolyConfig,
    rows: TrainTestRows,
    grid: Array | None,
    design: Design,
    points: Array | None,
) -> PathScores:
    n_train = rows.t_train.size
    values = strengths(config).tolist()
    l1s, l2s = strengths_of(config.path_penalty, values, values)
    found = fit_path(design.A, design.b, n_train, l1s, l2s)
    train = design.b[:, None] - design.A @ found.w  # (n_train, k)
    k = len(values)
    test = rows.t_test[:, None] - design.predict(rows.X_test, found.w)  # (n_test, k)
    keep: Sequence[int] = shown(config)
    return PathScores(
        train_mse=(train**2).mean(axis=0),
        test_mse=(test**2).mean(axis=0) if rows.t_test.size else np.full(k, np.nan),
        n_nonzero=np.count_nonzero(found.w, axis=0).astype(float),
        degrees_of_freedom=found.degrees_of_freedom + float(config.intercept),
        relative_gap=found.relative_gap,
        standardised=design.with_left_out(found.w),
        on_grid=np.empty((0, len(keep)))
        if grid is None
        else design.predict(grid, found.w[:, keep]),
        certificate=found.certificate,
        curves=None if points is None else design.predict(points, found.w[:, movable(config)]),
    )

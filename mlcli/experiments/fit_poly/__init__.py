"""`fit-poly`: linear basis-function models in closed form (sections 3 and 4 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.config.fit_poly import FitPolyConfig
from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source
from mlcli.errors import DataError, InputError
from mlcli.experiments.fit_poly import estimators, paper, tables
from mlcli.experiments.fit_poly.display import display
from mlcli.experiments.fit_poly.replicate import (
    Outcome,
    path_design,
    run_replicate,
    split,
    strengths,
)
from mlcli.result import Columns, Metrics, Progress, Result
from mlcli.scale.jobs import map_ordered

__all__ = ["FILES", "check", "display", "plan", "run"]

Array = NDArray[np.float64]
TABLES = (
    "coefficients",
    "data",
    "errors",
    "fits",
    "path",
    "path_coefficients",
    "path_fits",
    "scores",
    "table_1",
)
FILES = (
    "metrics.json",
    *(f"{name}.csv" for name in TABLES),
    "model/coefficients.csv",
    "model/model.json",
)
N_GRID = 201
MAX_COLUMNS = 5000
SCORES = (
    "train_mse",
    "test_mse",
    "train_r2",
    "test_r2",
    "residual_variance",
    "effective_rank",
    "degrees_of_freedom",
)
DETERMINISM = (
    "each seed's work is done with one BLAS thread and collected in the order of the seeds, so the "
    "bytes do not depend on --jobs; another machine, or another version of numpy, can differ in "
    "the last digits"
)


def n_replicates(config: FitPolyConfig, source: Source) -> int:
    """How many independent repeats there are; one where nothing is random."""
    return config.n_seeds if source.fresh_draws or config.test_fraction > 0 else 1


def check(config: FitPolyConfig, source: Source) -> None:
    """Refuse what can't be fitted, before any work.

    Raises:
        InputError: the device, the number of rows or the size of the basis won't do.
    """
    if config.device not in ("auto", "cpu"):
        raise InputError(
            "--device", must="auto or cpu for fit-poly, which is NumPy", got=config.device
        )
    from mlcli.linear.basis import count_columns

    degrees, n_features = estimators.sizes(config), len(source.feature_names)
    n_test = round(config.test_fraction * source.n_rows)
    n_train = source.n_rows - n_test
    for degree in degrees:
        n_columns = count_columns(config.basis, n_features, degree, config.intercept)
        what = f"degree {degree} of the {config.basis} basis in {n_features} input(s)"
        if n_columns > MAX_COLUMNS:
            raise DataError(
                f"{what} has {n_columns:.3g} columns, at most {MAX_COLUMNS} are fitted",
                hint="--degrees 1,2",
            )
        if n_columns == 0:
            raise DataError(f"{what} has no columns", hint="--intercept or a higher degree")
        if config.penalty == "none" and config.solver != "lapack" and n_train < n_columns:
            raise DataError(
                f"{what} needs at least {n_columns} training rows, got {n_train}",
                hint="a lower --degrees, --penalty l2, or --solver lapack",
            )
    if config.test_fraction > 0 and n_test == 0:
        raise DataError(
            f"no row is left for testing out of {source.n_rows}", hint="--test-fraction 0"
        )


def plan(config: FitPolyConfig, source: Source) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    from mlcli.linear.basis import count_columns

    degrees = estimators.sizes(config)
    return {
        "rows": source.n_rows,
        "inputs": len(source.feature_names),
        "seeds": n_replicates(config, source),
        "degrees": ",".join(map(str, degrees)),
        "columns at the highest degree": count_columns(
            config.basis, len(source.feature_names), degrees[-1], config.intercept
        ),
        "strengths on the path": 0 if config.path_penalty == "none" else config.n_path,
    }


def run(config: FitPolyConfig, source: Source, *, jobs: int | None, progress: Progress) -> Result:
    """Fit all degrees on every seed, score them, and compare with the notes.

    Args:
        config: validated parameters.
        source: where each seed's data come from.
        jobs: workers; never changes a byte.
        progress: told how many seeds are done.
    """
    first = source.replicate(0, config.seed)
    grid = _grid(first)
    total = n_replicates(config, source)
    outcomes: list[Outcome] = []

    def work(index: int) -> Outcome:
        return run_replicate(config, source, index, grid)

    for outcome in map_ordered(work, range(total), jobs=jobs):
        outcomes.append(outcome)
        progress(len(outcomes), total)
    truth = None if grid is None or first.truth is None else first.truth(grid)
    compared = _table_1(source, outcomes, estimators.sizes(config))
    model, info = _model(config, first)
    return Result(
        metrics=_metrics(config, outcomes, compared),
        tables=_tables(config, first, outcomes, grid, truth, compared),
        model_tables=model,
        model_info=info,
        determinism=DETERMINISM,
        warnings=_warnings(config, outcomes),
    )


def _grid(dataset: Dataset) -> Array | None:
    """Points along the range of a single input; several inputs have no curve."""
    if dataset.X.shape[1] != 1:
        return None
    low, high = float(dataset.X.min()), float(dataset.X.max())
    return np.linspace(low, high, N_GRID)[:, None]  # (n_grid, 1)


def _tables(
    config: FitPolyConfig,
    first: Dataset,
    outcomes: Sequence[Outcome],
    grid: Array | None,
    truth: Array | None,
    compared: Mapping[str, Any],
) -> dict[str, Columns]:
    degrees = estimators.sizes(config)
    rows = split(config, first, 0)
    terms = path_design(config, rows).basis.terms(first.feature_names)[int(config.intercept) :]
    return {
        "coefficients": tables.coefficients_table(config, outcomes, terms),
        "data": tables.data_table(config, first),
        "errors": tables.errors_table(outcomes, degrees),
        "fits": tables.fits_table(outcomes, degrees, grid, truth),
        "path": tables.path_table(config, outcomes),
        "path_coefficients": tables.path_coefficients_table(config, outcomes, terms),
        "path_fits": tables.path_fits_table(config, outcomes, grid, truth),
        "scores": tables.scores_table(outcomes, degrees),
        "table_1": _table_1_columns(compared),
    }


def _metrics(
    config: FitPolyConfig, outcomes: Sequence[Outcome], compared: Mapping[str, Any]
) -> Metrics:
    degrees = estimators.sizes(config)
    metrics: Metrics = {
        "n_train": outcomes[0].n_train,
        "n_test": outcomes[0].n_test,
        "n_seeds": len(outcomes),
    }
    for name in outcomes[0].scores:
        found = {
            f"degree_{degree}": _summaries(name, i, outcomes) for i, degree in enumerate(degrees)
        }
        metrics |= found if name == config.solver else {name: found}
    if outcomes[0].path is not None:
        best = tables.best_strength(outcomes)
        paths = [outcome.path for outcome in outcomes if outcome.path is not None]
        metrics["path"] = {
            "lowest_error_strength": float(strengths(config)[best]),
            "train_mse": tables.summary([p.train_mse[best] for p in paths]),
            "n_nonzero": tables.summary([p.n_nonzero[best] for p in paths]),
            "largest_relative_gap": float(max(p.relative_gap.max() for p in paths)),
        }
        if outcomes[0].n_test:
            metrics["path"]["test_mse"] = tables.summary([p.test_mse[best] for p in paths])
    if compared:
        metrics["table_1"] = dict(compared)
    return metrics


def _summaries(estimator: str, index: int, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        name: tables.summary([getattr(o.scores[estimator], name)[index] for o in outcomes])
        for name in SCORES
        if outcomes[0].n_test or not name.startswith("test_")
    }


def _table_1(
    source: Source, outcomes: Sequence[Outcome], degrees: Sequence[int]
) -> Mapping[str, Any]:
    """The notes' table beside ours, for the estimator the notes used, on the notes' data."""
    scores = outcomes[0].scores
    if source.name != "noisy-cubic" or "lapack" not in scores or not outcomes[0].n_test:
        return {}
    pairs = {
        degree: np.array(
            [[o.scores["lapack"].train_mse[i], o.scores["lapack"].test_mse[i]] for o in outcomes]
        )  # (n_seeds, 2)
        for i, degree in enumerate(degrees)
    }
    return paper.compare(pairs)


def _table_1_columns(compared: Mapping[str, Any]) -> Columns:
    columns: dict[str, list[Any]] = {key: [] for key in ("degree", "loss", *_BESIDE)}
    for name, losses in compared.items():
        for loss, values in losses.items():
            columns["degree"].append(int(name.removeprefix("degree_")))
            columns["loss"].append(loss)
            for key in _BESIDE:
                columns[key].append(values[key])
    return columns


_BESIDE = ("paper", "median", "q025", "q975", "mean_ci_low", "mean_ci_high", "inside", "n")


def _model(config: FitPolyConfig, first: Dataset) -> tuple[dict[str, Columns], dict[str, Any]]:
    """Coefficients with standard errors, fitted on the first seed's training rows."""
    rows = split(config, first, 0)
    fits = estimators.fit(config, rows.X_train, rows.t_train, first.feature_names)
    columns: dict[str, list[Any]] = {k: [] for k in ("degree", "term", "estimate", "std_error")}
    for index, degree in enumerate(fits.degrees):
        found = fits.coefficients(index)
        free = rows.t_train.size - fits.degrees_of_freedom[index]
        sigma = np.sqrt(fits.train_rss[index] / free) if free > 0.5 else np.nan
        columns["degree"] += [degree] * len(found.terms)
        columns["term"] += list(found.terms)
        columns["estimate"] += found.estimate.tolist()
        errors = [None] * len(found.terms)
        if found.unit_std_error is not None and np.isfinite(sigma):
            errors = (sigma * found.unit_std_error).tolist()
        columns["std_error"] += errors
    info = {
        "schema": 1,
        "kind": "fit-poly",
        "basis": config.basis,
        "degrees": list(fits.degrees),
        "features": list(first.feature_names),
        "target": first.target_name,
        "penalty": config.penalty,
        "solver": config.solver,
        "fitted_on": "the training rows of the first seed",
    }
    return {"coefficients": columns}, info


def _warnings(config: FitPolyConfig, outcomes: Sequence[Outcome]) -> list[str]:
    found = []
    if config.basis == "linear" and set(config.degrees) != {1}:
        found.append("the linear basis has one size; --degrees was not used")
    first = outcomes[0].scores[config.solver]
    if (
        not np.isfinite(first.train_mse).all()
        or (np.isnan(first.test_mse).any()
        and outcomes[0].n_test)
    ):
        found.append("some errors are too large for a number and are null in metrics.json")
    if len(outcomes) == 1:
        found.append("one repeat has no interval; std and the bounds are null")
    return found

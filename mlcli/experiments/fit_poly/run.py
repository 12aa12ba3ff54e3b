"""`fit-poly`: linear basis-function models in closed form (sections 3 and 4 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import by_solve
from mlcli.datasets.dataset import Dataset
from mlcli.datasets.streaming import StreamSource
from mlcli.experiments.experiment import Context
from mlcli.experiments.fit_poly import algebra, draws, memorised, paper, streamed, tables
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.fit_poly.prepare import FitPolyPrepared
from mlcli.experiments.fit_poly.replicate import (
    FitPolyOutcome,
    compares,
    path_design,
    run_replicate,
    strengths,
)
from mlcli.experiments.linear_fits import LinearFits, fit
from mlcli.experiments.source import prepared_info
from mlcli.experiments.summary import summary
from mlcli.linear.basis import Basis
from mlcli.linear.redundant import left_out_entry, left_out_notes
from mlcli.models import functions
from mlcli.models.functions import Tensors
from mlcli.models.linear import error_entry
from mlcli.models.parts import SCHEMA
from mlcli.result import Columns, Metrics, Progress, Reading, Result

Array = NDArray[np.float64]
ModelFiles = tuple[dict[str, Columns], dict[str, Any], Tensors]
WEAK = "a larger strength, or a lower degree"
SCORES = (
    "train_mse",
    "test_mse",
    "train_r2",
    "test_r2",
    "residual_variance",
    "effective_rank",
    "degrees_of_freedom",
    "relative_gap",
)
DETERMINISM = (
    "each seed's work is done with one BLAS thread and collected in the order of the seeds, so the "
    "bytes do not depend on --jobs; another machine, or another version of numpy, can differ in "
    "the last digits"
)


def run(prepared: FitPolyPrepared, context: Context) -> Result:
    """Fit all degrees on every seed, score them, and compare with the notes."""
    config, source = prepared.config, prepared.source
    if isinstance(source, StreamSource):
        return _run_streamed(prepared, source, context.progress)
    first, grid, total = prepared.first.data, prepared.grid(), prepared.n_replicates
    outcomes: list[FitPolyOutcome] = []

    def work(index: int) -> FitPolyOutcome | ModelFiles:
        # The model goes first: exact coefficients of a high degree take longest.
        return _first_model(prepared) if index < 0 else run_replicate(prepared, index, grid)

    for piece in context.workers.map_ordered(work, range(-1, total)):
        if isinstance(piece, FitPolyOutcome):
            outcomes.append(piece)
            context.progress(len(outcomes), total, reading=Reading(seed=len(outcomes) - 1))
        else:
            model, info, arrays = piece
    compared = _table_1(prepared, outcomes)
    basis = path_design(prepared.spec, prepared.first).basis
    # The other solvers keep a column that depends on earlier ones, with the coefficient 0.
    standardised = config.penalty != "none" or config.solver == "lapack"
    standardised = standardised or compares(config) or config.path_penalty != "none"
    left_out = basis.left_out_terms(first.feature_names) if standardised else []
    seen, seen_tables = _linear_algebra(prepared, outcomes, model["coefficients"])
    metrics = _metrics(prepared, outcomes, compared) | left_out_entry(left_out) | seen
    seen_tables["memorised_errors"] = memorised.errors_table(metrics, prepared.spec.degrees)
    return Result(
        metrics=metrics,
        tables=_tables(prepared, basis, outcomes, grid, compared) | seen_tables,
        model_tables=model,
        model_tensors={"predictor": arrays},
        model_info=_with_errors(info, config, outcomes),
        determinism=DETERMINISM,
        warnings=[*left_out_notes(left_out), *_warnings(config, outcomes)],
        certificates=by_solve(
            {
                "penalised fits": [one.scores[config.solver].certificate for one in outcomes],
                "path": [None if one.path is None else one.path.certificate for one in outcomes],
            }
        ),
        certificate_hint=WEAK,
    )


def _tables(
    prepared: FitPolyPrepared,
    basis: Basis,
    outcomes: Sequence[FitPolyOutcome],
    grid: Array | None,
    compared: Mapping[str, Any],
) -> dict[str, Columns]:
    """The tables of the fits; `basis` is that of the highest degree, as the path has it."""
    config, degrees = prepared.config, prepared.spec.degrees
    regularity = None if grid is None else prepared.first.data.truth
    truth = None if grid is None or regularity is None else regularity(grid)
    points = [] if grid is None else [prepared.fine_grid(grid, degree) for degree in degrees]
    curves = [(x, None if regularity is None else regularity(x)) for x in points]
    names = prepared.source.feature_names
    terms = replace(basis, left_out=()).terms(names)[int(config.intercept) :]
    return {
        "coefficients": tables.coefficients_table(
            config, outcomes, terms, basis.left_out_terms(names)
        ),
        "data": tables.data_table(prepared.first),
        "errors": tables.errors_table(outcomes, degrees),
        "fits": tables.fits_table(outcomes, degrees, curves),
        "path": tables.path_table(config, outcomes),
        "path_coefficients": tables.path_coefficients_table(config, outcomes, terms),
        "path_curves": tables.path_curves_table(config, outcomes, grid),
        "path_fits": tables.path_fits_table(config, outcomes, grid, truth),
        "scores": tables.scores_table(outcomes, degrees),
        "table_1": paper.columns(compared),
        **draws.draw_tables([one.draw for one in outcomes]),
    }


def _metrics(
    prepared: FitPolyPrepared, outcomes: Sequence[FitPolyOutcome], compared: Mapping[str, Any]
) -> Metrics:
    config, degrees = prepared.config, prepared.spec.degrees
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
            "train_mse": summary([p.train_mse[best] for p in paths], "train_mse"),
            "n_nonzero": summary([p.n_nonzero[best] for p in paths], "n_nonzero"),
            "largest_relative_gap": float(max(p.relative_gap.max() for p in paths)),
        }
        if outcomes[0].n_test:
            metrics["path"]["test_mse"] = summary([p.test_mse[best] for p in paths], "test_mse")
    if compared:
        metrics["table_1"] = dict(compared)
    return metrics


def _linear_algebra(
    prepared: FitPolyPrepared, outcomes: Sequence[FitPolyOutcome], coefficients: Columns
) -> tuple[Metrics, dict[str, Columns]]:
    """The linear algebra of a fit, a fit that memorises, and the known law.

    Args:
        prepared: the run.
        outcomes: of every seed.
        coefficients: of the first seed's fits.
    """
    system = algebra.small_system(prepared)
    found = algebra.ellipses(prepared, [one.law for one in outcomes])
    memories = [one.memory for one in outcomes if one.memory is not None]
    metrics: Metrics = {
        "basis": prepared.config.basis,
        "penalty": prepared.config.penalty,
        "n_columns": algebra.columns_of_degrees(prepared),
        "normal_equations": algebra.normal_metrics(system, prepared.first.t_train.size),
    }
    if memories:
        metrics["memorised"] = memorised.metrics(memories)
    if found is not None:
        metrics["ellipses"] = algebra.ellipses_metrics(found)
    return metrics, {
        "basis": algebra.basis_table(prepared, coefficients),
        "ellipses": algebra.ellipses_table(found),
        "law": tables.law_table(prepared.source),
        "memorised": memorised.table(prepared.first),
        "normal_equations": algebra.normal_table(system),
    }


def _summaries(estimator: str, index: int, outcomes: Sequence[FitPolyOutcome]) -> dict[str, Any]:
    return {
        name: summary([getattr(o.scores[estimator], name)[index] for o in outcomes], name)
        for name in SCORES
        if _applies(name, outcomes[0], estimator)
    }


def _applies(name: str, outcome: FitPolyOutcome, estimator: str) -> bool:
    if name == "relative_gap":
        return bool(np.isfinite(outcome.scores[estimator].relative_gap).all())
    return bool(outcome.n_test) or not name.startswith("test_")


def _table_1(prepared: FitPolyPrepared, outcomes: Sequence[FitPolyOutcome]) -> Mapping[str, Any]:
    """The notes' table beside ours, for the estimator the notes used, on the notes' data."""
    of_the_notes = paper.is_of_the_notes(prepared.config, prepared.source)
    if not of_the_notes or "lapack" not in outcomes[0].scores:
        return {}
    pairs = {
        degree: np.array(
            [[o.scores["lapack"].train_mse[i], o.scores["lapack"].test_mse[i]] for o in outcomes]
        )  # (n_seeds, 2)
        for i, degree in enumerate(prepared.spec.degrees)
    }
    return paper.compare(pairs)


def _run_streamed(prepared: FitPolyPrepared, source: StreamSource, progress: Progress) -> Result:
    """The same for a file that is read in batches; what needs all rows at once is left out."""
    config = prepared.config.model_copy(update={"path_penalty": "none", "compare_solver": "none"})
    prepared = replace(prepared, config=config)
    outcomes, fits = streamed.run_streamed(prepared, source, progress)
    model, info, arrays = _model(config, source.sample, fits, outcomes[0].n_train)
    left_out = "the file is read in batches: no path, no second solver, and a sample in the data"
    basis = path_design(prepared.spec, prepared.first).basis
    seen, seen_tables = _linear_algebra(prepared, outcomes, model["coefficients"])
    seen_tables["memorised_errors"] = memorised.errors_table({}, ())
    return Result(
        metrics=_metrics(prepared, outcomes, {}) | seen,
        tables=_tables(prepared, basis, outcomes, None, {}) | seen_tables,
        model_tables=model,
        model_tensors={"predictor": arrays},
        model_info=_with_errors(info, config, outcomes),
        determinism=DETERMINISM,
        warnings=[left_out, *_warnings(config, outcomes)],
    )


def _first_model(prepared: FitPolyPrepared) -> ModelFiles:
    rows, names = prepared.first, prepared.source.feature_names
    fits = fit(prepared.spec, rows.X_train, rows.t_train, names, rows.data.related)
    return _model(prepared.config, rows.data, fits, rows.t_train.size)


def _model(config: FitPolyConfig, first: Dataset, fits: LinearFits, n_train: int) -> ModelFiles:
    """Coefficients with standard errors, fitted on the first seed's training rows."""
    columns: dict[str, list[Any]] = {k: [] for k in ("degree", "term", "estimate", "std_error")}
    errors_of_fits = []
    for index, degree in enumerate(fits.degrees):
        found = fits.coefficients(index)
        free = n_train - fits.degrees_of_freedom[index]
        sigma = np.sqrt(fits.train_rss[index] / free) if free > 0.5 else np.nan
        entry = error_entry(sigma, free if free > 0.5 else None, None, 0)
        errors_of_fits.append({"degree": degree, **entry})
        columns["degree"] += [degree] * len(found.terms)
        columns["term"] += list(found.terms)
        columns["estimate"] += found.estimate.tolist()
        errors = [None] * len(found.terms)
        if found.unit_std_error is not None and np.isfinite(sigma):
            errors = (sigma * found.unit_std_error).tolist()
        columns["std_error"] += errors
    words, arrays = functions.encode(fits.functions())
    basis = None if fits.design is None else fits.design.basis
    info = {
        "schema": SCHEMA,
        "functions": words,
        "fits": errors_of_fits,
        "kind": "fit-poly",
        "basis": config.basis,
        "degrees": list(fits.degrees),
        **left_out_entry([] if basis is None else basis.left_out_terms(first.feature_names)),
        "features": list(first.feature_names),
        "target": first.target_name,
        "penalty": config.penalty,
        "solver": config.solver,
        "fitted_on": "the training rows of the first seed",
        **prepared_info(first),
    }
    return {"coefficients": columns}, info, arrays


def _with_errors(
    info: dict[str, Any], config: FitPolyConfig, outcomes: Sequence[FitPolyOutcome]
) -> dict[str, Any]:
    """What model.json says, with each degree's mean error on held-out rows and the best degree.

    Without a test part the degrees have no such error, and the training error chooses.
    """
    scores = [one.scores[config.solver] for one in outcomes]
    with np.errstate(over="ignore", invalid="ignore"):
        test = np.stack([one.test_mse for one in scores]).mean(axis=0)  # (k,)
        train = np.stack([one.train_mse for one in scores]).mean(axis=0)
    ranked = test if outcomes[0].n_test else train
    fits = [
        entry
        | error_entry(
            entry["residual_std"], entry["degrees_of_freedom"], float(mse), outcomes[0].n_test
        )
        for entry, mse in zip(info["fits"], test, strict=True)
    ]
    best = int(np.argmin(np.where(np.isfinite(ranked), ranked, np.inf)))
    return info | {"fits": fits, "best_degree": info["degrees"][best]}


def _warnings(config: FitPolyConfig, outcomes: Sequence[FitPolyOutcome]) -> list[str]:
    found = []
    if config.basis == "linear" and set(config.degrees) != {1}:
        found.append("the linear basis has one size; --degrees was not used")
    first = outcomes[0].scores[config.solver]
    if not np.isfinite(first.train_mse).all() or (
        np.isnan(first.test_mse).any() and outcomes[0].n_test
    ):
        found.append("some errors are too large for a number and are null in details.json")
    if len(outcomes) == 1:
        found.append("one repeat has no interval; std and the bounds are null")
    return found

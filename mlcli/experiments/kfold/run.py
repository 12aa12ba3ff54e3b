"""`kfold`: which model to take, and how sure to be of its error (section 2 of the notes)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import by_solve
from mlcli.datasets.streaming import StreamSource
from mlcli.experiments.cross_validation.spec import CrossValidationSpec
from mlcli.experiments.experiment import Context
from mlcli.experiments.kfold import tables
from mlcli.experiments.kfold.bounds import Covered, coverage_study, nested_bounds
from mlcli.experiments.kfold.config import KfoldConfig
from mlcli.experiments.kfold.estimates import Cell, Estimates, estimate
from mlcli.experiments.kfold.model import ModelFiles, chosen_model
from mlcli.experiments.kfold.prepare import KfoldPrepared
from mlcli.experiments.kfold.replicate import KfoldOutcome, outcomes
from mlcli.experiments.kfold.streamed import StreamedKfold
from mlcli.experiments.summary import range_of
from mlcli.linear.basis import count_columns
from mlcli.linear.redundant import left_out_entry, left_out_notes
from mlcli.result import Columns, Metrics, Progress, Reading, Result
from mlcli.selection.cross_validation import at_minimum
from mlcli.selection.intervals import Interval

SUFFIX = {"squared": "mse", "absolute": "mae", "zero-one": "error_rate"}
DETERMINISM = (
    "each repeat's work is done with one BLAS thread and collected in order, so the bytes do not "
    "depend on --jobs; another machine, or another version of numpy, can differ in the last digits"
)


def run(prepared: KfoldPrepared, context: Context) -> Result:
    """Cross-validate every model on every repeat, choose, and bound the error of the choice."""
    config, source = prepared.config, prepared.source
    if isinstance(source, StreamSource):
        return _run_streamed(prepared, source, context.progress)
    n_repeats = prepared.n_replicates
    studied = config.n_coverage if source.generator is not None else 0
    found: list[KfoldOutcome] = []
    for outcome in outcomes(prepared, context.workers):
        found.append(outcome)
        context.progress(len(found), n_repeats + studied, reading=Reading(seed=len(found) - 1))
    loss = range_of(SUFFIX[config.loss])
    # One data set has an interval too: that over its folds.
    estimates = estimate(found, source.fresh_draws and len(found) > 1, loss)
    study: list[Covered] = []
    for covered in coverage_study(config, source, context.workers):
        study.append(covered)
        context.progress(n_repeats + len(study), n_repeats + studied)
    first, _ = prepared.first
    degree, strength = _chosen(prepared.spec, estimates.best)
    nested = nested_bounds(prepared, degree, strength, context.workers)
    cell = _written(config, estimates)
    error = estimates.cv(cell)["mean"]
    model = chosen_model(config, first.fitted_to(), *_chosen(prepared.spec, cell), error)
    warnings = _warnings(config, estimates, has_preparation=first.preparation is not None)
    return _result(prepared, estimates, study, nested, model, warnings)


def _run_streamed(prepared: KfoldPrepared, source: StreamSource, progress: Progress) -> Result:
    """The same for a file that is read in batches; what needs all rows at once is left out."""
    config = prepared.config.model_copy(update={"path_penalty": "none"})
    prepared = replace(prepared, config=config)
    pass_ = StreamedKfold(prepared, source, progress)
    found = estimate(pass_.outcomes(), False, range_of(SUFFIX[config.loss]))
    cell = _written(config, found)
    model = pass_.model(_chosen(prepared.spec, cell)[0], found.cv(cell)["mean"])
    left_out = "the file is read in batches: no path, no leave-one-out and no nested interval"
    return _result(prepared, found, [], None, model, [left_out, *_warnings(config, found)])


def _written(config: KfoldConfig, found: Estimates) -> Cell:
    return found.best if config.rule == "minimum" else found.one_se


def _chosen(spec: CrossValidationSpec, cell: Cell) -> tuple[int, float]:
    """The degree and the strength of a cell."""
    return spec.degrees[cell[0]], spec.strengths[cell[1]]


def _result(
    prepared: KfoldPrepared,
    found: Estimates,
    study: Sequence[Covered],
    nested: Interval | None,
    model: ModelFiles,
    warnings: list[str],
) -> Result:
    intervals = dict(found.first_intervals())
    if nested is not None:
        intervals["nested"] = nested.within(found.range_of_loss)
    expected = float(found.outcomes[0].scores.expected[found.best])
    path = _path(found)
    left_out = model[1].get("left_out", [])
    return Result(
        metrics=_metrics(prepared, found, intervals, study)
        | _path_metrics(prepared, path)
        | left_out_entry(left_out),
        tables={
            "choices": tables.choices_table(prepared.spec, found),
            "coverage": tables.coverage_table(study),
            "errors": tables.errors_table(prepared.spec, found),
            "intervals": tables.intervals_table(intervals, expected),
            "splits": tables.splits_table(prepared.spec, found),
            "strengths": _strengths(prepared, found, path),
        },
        model_tables=model[0],
        model_info=model[1],
        model_tensors={"predictor": model[2]},
        determinism=DETERMINISM,
        warnings=[*left_out_notes(left_out), *warnings],
        certificates=by_solve(
            {
                "fits": [one.scores.certificate for one in found.outcomes],
                "path": [one.scores.certificate for one in path.outcomes] if path else [],
            }
        ),
        certificate_hint="a larger --strength-min, or a lower degree",
    )


def _path(found: Estimates) -> Estimates | None:
    along = [one.path for one in found.outcomes if one.path is not None]
    return estimate(along, found.fresh, found.range_of_loss) if along else None


def _strengths(prepared: KfoldPrepared, found: Estimates, path: Estimates | None) -> Columns:
    """The grid of strengths: that of the best degree, or that beside the comparison."""
    along = prepared.path_spec
    if path is not None and along is not None:
        return tables.errors_table(along, path)
    return tables.errors_table(prepared.spec, found, found.best[0])


def _path_metrics(prepared: KfoldPrepared, path: Estimates | None) -> Metrics:
    along = prepared.path_spec
    if path is None or along is None:
        return {}
    strengths, suffix = along.strengths, SUFFIX[along.loss]
    entry: Metrics = {
        "degree": along.degrees[0],
        "best_strength": strengths[path.best[1]],
        "one_se_strength": strengths[path.one_se[1]],
        f"cv_{suffix}": path.cv(path.best),
        "largest_relative_gap": max(one.scores.relative_gap for one in path.outcomes),
    }
    expected = path.of_fit("expected", path.best)
    return {"path": entry if expected is None else entry | {f"expected_{suffix}": expected}}


def _metrics(
    prepared: KfoldPrepared,
    found: Estimates,
    intervals: dict[str, Interval],
    study: Sequence[Covered],
) -> Metrics:
    config, degrees, strengths = prepared.config, prepared.spec.degrees, prepared.spec.strengths
    suffix = SUFFIX[config.loss]
    first = found.outcomes[0]
    metrics: Metrics = {
        "loss": suffix,
        "basis": config.basis,
        "n_columns": {
            f"degree_{d}": count_columns(
                config.basis, len(prepared.source.feature_names), d, config.intercept
            )
            for d in degrees
        },
        "scheme": config.scheme,
        "independent": found.fresh,
        "n_seeds": len(found.outcomes),
        "n_splits": int(first.n_test.size),
        "n_train": _size(first.n_train),
        "n_test": _size(first.n_test),
        "best_degree": degrees[found.best[0]],
        "one_se_degree": degrees[found.one_se[0]],
        "chosen": {rule: found.shares(rule, degrees) for rule in ("minimum", "one_se")},
        "intervals": {kind: _bounds(one) for kind, one in intervals.items()},
        "coverage": _coverage(config, study),
        "n_refits": sum(one.scores.n_refits for one in found.outcomes),
    }
    if config.penalty != "none":
        metrics["best_strength"] = strengths[found.best[1]]
        metrics["one_se_strength"] = strengths[found.one_se[1]]
        gaps = [one.scores.relative_gap for one in found.outcomes]
        metrics["largest_relative_gap"] = max(gaps)
    chosen_within = found.chosen_within()
    if chosen_within is not None:
        metrics["selection_error"] = chosen_within
    for i, degree in enumerate(degrees):
        cell = (i, at_minimum(found.error[i : i + 1])[1])
        names = {
            f"train_{suffix}": "train",
            f"loo_{suffix}": "loo",
            f"expected_{suffix}": "expected",
        }
        if config.loss == "squared":
            names["gcv"] = "gcv"
        scores = {key: found.of_fit(name, cell) for key, name in names.items()}
        entry: dict[str, Any] = {f"cv_{suffix}": found.cv(cell)}
        entry |= {key: score for key, score in scores.items() if score is not None}
        if config.penalty != "none":
            entry["strength"] = strengths[cell[1]]
        metrics[f"degree_{degree}"] = entry
    return metrics


def _size(rows: NDArray[np.int64]) -> int | float:
    """Rows of a split; a mean where the splits differ."""
    return int(rows[0]) if rows.min() == rows.max() else float(rows.mean())


def _bounds(one: Interval) -> dict[str, float]:
    found = asdict(one)
    return {
        "estimate": found["estimate"],
        "std_error": found["std_error"],
        "ci_low": found["low"],
        "ci_high": found["high"],
    }


def _coverage(config: KfoldConfig, study: Sequence[Covered]) -> Metrics:
    rows = tables.coverage_rows(study)
    if not rows:
        return {}
    kept = ("coverage", "ci_low", "ci_high", "median_width")
    found: Metrics = {row["kind"]: {} for row in rows}
    for row in rows:
        found[row["kind"]][row["target"]] = {key: row[key] for key in kept}
    return found | {"n": len(study), "rows": config.coverage_rows, "degree": config.coverage_degree}


def _warnings(config: KfoldConfig, found: Estimates, *, has_preparation: bool = False) -> list[str]:
    warnings = []
    n_refits = sum(one.scores.n_refits for one in found.outcomes)
    if n_refits:
        why = (
            "each fold filling gaps from its own training rows"
            if has_preparation
            else "the exact shortcut being unsafe for them"
        )
        warnings.append(f"{n_refits} fits were made anew, {why}")
    if config.basis == "linear" and set(config.degrees) != {1}:
        warnings.append("the linear basis has one size; --degrees was not used")
    return warnings

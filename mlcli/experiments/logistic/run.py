"""`logistic`: classification by logistic regression (section 5 and appendix C of the notes)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlcli.classification.softmax import n_columns
from mlcli.datasets.source import Source
from mlcli.datasets.streaming import StreamSource
from mlcli.errors import DataError, InputError
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.logistic import streamed, tables
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.experiments.logistic.fit import (
    Classes,
    Classifier,
    class_weights_of,
    classes_of,
    coefficients,
    fit_classifier,
)
from mlcli.experiments.logistic.replicate import Outcome, Parts, parts_of, run_replicate
from mlcli.experiments.logistic.studies import LOSSES, shown_steps
from mlcli.experiments.source import prepared_info
from mlcli.experiments.summary import summary
from mlcli.linear.basis import PRODUCTS, count_columns, fit_basis
from mlcli.linear.redundant import find_redundant, left_out_entry, left_out_notes
from mlcli.models import functions
from mlcli.models.functions import Standardised
from mlcli.models.parts import SCHEMA
from mlcli.result import Columns, Metrics, Result

# Weights whose Hessian is still solved for in seconds.
MAX_NEWTON = 3000
MAX_WEIGHTS = 200_000
DETERMINISM = (
    "each seed's work is done with one BLAS thread and collected in order, so the bytes do not "
    "depend on --jobs; another machine, or another version of numpy, can differ in the last digits"
)


def check(config: LogisticConfig, source: Source) -> None:
    """Refuse what can't be classified, before any work.

    Raises:
        InputError: the device, the rows, the classes, the features or the size won't do.
    """
    if config.device not in ("auto", "cpu"):
        raise InputError(
            "--device", must="auto or cpu for logistic, which is NumPy", got=config.device
        )
    classes = _classes(config, source)
    if not source.streamed and source.replicate(0, config.seed).preparation:
        for index in range(config.n_seeds):
            parts_of(config, source, index)
    class_weights_of(config, classes.labels, classes.size)
    if config.threshold != 0.5 and classes.size > 2:
        raise InputError(
            "--threshold",
            must="left out with more than two classes",
            got=f"{config.threshold:g}",
            hint="--positive to set one class against the others",
        )
    tables.check_plane(config, source.feature_names)
    _check_size(config, source, classes.size)


def _classes(config: LogisticConfig, source: Source) -> Classes:
    if isinstance(source, StreamSource):
        return streamed.check(config, source)
    return classes_of(config, source.replicate(0, config.seed))


def _check_size(config: LogisticConfig, source: Source, n_classes: int) -> None:
    columns = _count_columns(config, source)
    if columns == 0 or columns == int(config.intercept):
        raise DataError(
            f"degree {config.degree} of the {config.basis} basis has no column to fit",
            hint="a higher --degree",
        )
    n_weights = columns * n_columns(n_classes)
    most = MAX_NEWTON if config.solver == "newton" else MAX_WEIGHTS
    if n_weights > most:
        raise DataError(
            f"degree {config.degree} of the {config.basis} basis has {n_weights:,} weights",
            must=f"at most {most:,} for solver {config.solver}",
            got=f"{n_weights:,}",
            hint="--solver lbfgs" if most == MAX_NEWTON else "a lower --degree",
        )


def _count_columns(config: LogisticConfig, source: Source) -> int:
    """The columns of the first seed's model; all of the basis where the rows are not in memory."""
    every = count_columns(config.basis, len(source.feature_names), config.degree, config.intercept)
    has_products = config.basis in PRODUCTS and config.degree > 1
    if source.streamed or not has_products or every > MAX_WEIGHTS:
        return every
    parts = parts_of(config, source, 0)
    X = parts.X[parts.train]
    basis = fit_basis(
        config.basis,
        X.min(axis=0),
        X.max(axis=0),
        config.degree,
        intercept=config.intercept,
        redundant=find_redundant(X, *parts.data.related),
    )
    return basis.n_columns


def plan(config: LogisticConfig, source: Source) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    classes = _classes(config, source)
    columns = _count_columns(config, source)
    return {
        "rows": source.n_rows,
        "classes": classes.size,
        "weights": columns * n_columns(classes.size),
        "repeats": config.n_seeds,
        "steps of each study": config.n_study,
    }


def run(prepared: Prepared[LogisticConfig], context: Context) -> Result:
    """Fit on every seed, score the test rows, and study saturation and separable classes."""
    config, source = prepared.config, prepared.source
    if isinstance(source, StreamSource):
        passes = streamed.run_streamed(config, source, context.progress)
        left_out = (
            "the file is read in batches: a sample in the planes and the studies, and areas under "
            f"curves from counts in bins, off by {passes.auc_error:.0e} at the most"
        )
        return _result(config, source, passes.parts, passes.model, passes.outcomes, [left_out])
    found: list[Outcome] = []
    seeds = range(config.n_seeds)
    for one in context.workers.map_ordered(
        lambda index: run_replicate(config, source, index), seeds
    ):
        found.append(one)
        context.progress(len(found), config.n_seeds)
    parts = parts_of(config, source, 0)
    labels = parts.classes.labels[parts.train]
    model = fit_classifier(
        config, parts.X[parts.train], labels, parts.classes.size, related=parts.data.related
    )
    return _result(config, source, parts, model, found, [])


def _result(
    config: LogisticConfig,
    source: Source,
    parts: Parts,
    model: Classifier,
    found: Sequence[Outcome],
    warnings: list[str],
) -> Result:
    left_out = model.design.basis.left_out_terms(source.feature_names)
    boundary, plane_warnings = tables.boundary_table(config, source.feature_names, parts)
    words, arrays = functions.encode([Standardised(model.design, model.fit.W, model.intercept)])
    return Result(
        metrics=_metrics(config, parts.classes, found) | left_out_entry(left_out),
        tables={
            "boundary": boundary,
            "calibration": tables.calibration_table(found),
            "confusion": tables.confusion_table(parts.classes, found),
            "curves": tables.curves_table(found),
            "points": tables.points_table(config, source.feature_names, parts),
            "saturation": tables.saturation_table(config, found),
            "saturation_errors": tables.saturation_errors_table(config, found),
            "separable": tables.separable_table(config, found),
            "thresholds": tables.thresholds_table(found),
        },
        model_tables={"coefficients": _coefficients(model, parts.classes, source)},
        model_tensors={"predictor": arrays},
        model_info=_info(config, model, parts, source)
        | left_out_entry(left_out)
        | {"functions": words},
        determinism=DETERMINISM,
        warnings=[*left_out_notes(left_out), *warnings, *plane_warnings, *_warnings(found)],
        certificates={
            "logistic regression": [one.certificate for one in found],
            "separable classes with l2": [one.separable.certificate for one in found],
        },
        certificate_hint=_hint(config, found),
    )


def _metrics(config: LogisticConfig, classes: Classes, found: Sequence[Outcome]) -> Metrics:
    metrics: Metrics = {
        name: summary([one.scores[name] for one in found], name, _rows(name, found))
        for name in found[0].scores
    }
    metrics["information"] = {
        name: {
            term: summary([getattr(one.information[name], term) for one in found], term)
            for term in ("entropy", "divergence", "cross_entropy")
        }
        | {
            "largest_gap": float(max(one.information[name].gap for one in found)),
        }
        for name in found[0].information
    }
    ends, half = -1, int(np.searchsorted(shown_steps(config), config.n_study / 2))
    metrics["separable"] = {
        name: {
            "norm_halfway": summary([one.separable.norm[i, half] for one in found], "norm_halfway"),
            "norm_at_end": summary([one.separable.norm[i, ends] for one in found], "norm_at_end"),
        }
        for i, name in enumerate(("no_penalty", "l2"))
    }
    metrics["separable"]["l2"]["norm_of_minimum"] = summary(
        [one.separable.minimum_norm for one in found], "norm_of_minimum"
    )
    metrics["saturation"] = _saturation(config, found)
    return metrics | {
        "classes": list(classes.names),
        "n_classes": classes.size,
        "n_seeds": len(found),
        "threshold": config.threshold,
        "loss": config.loss,
        "solver": config.solver,
    }


# Scores that rest on the rows of one class.
BY_CLASS = ("test_roc_auc", "test_average_precision", "test_precision", "test_recall", "test_f1")


def _rows(name: str, found: Sequence[Outcome]) -> float | None:
    """How many rows a score of one seed rests on; None where that is not what it is made of."""
    if name == "converged":
        return 1
    if name == "train_accuracy":
        return found[0].n_train
    if name.endswith("_accuracy"):
        return float(found[0].confusion.sum())
    if name in BY_CLASS:
        # Birnbaum and Klose: the variance of an area is at most that of a share of the fewer rows.
        return float(min(one.confusion.sum(axis=1).min() for one in found))
    return None


def _saturation(config: LogisticConfig, found: Sequence[Outcome]) -> Metrics:
    metrics: Metrics = {}
    for i, size in enumerate(config.start_activations):
        confidence = [o.saturation.confidence[i] for o in found]
        entry: Metrics = {"confidence": summary(confidence, "confidence")}
        for row, loss in enumerate(LOSSES):
            steps = np.array([o.saturation.steps[row, i] for o in found])
            median = float(np.median(steps))
            entry[loss.replace("-", "_")] = {
                "median_steps": median if np.isfinite(median) else None,
                "share_recovered": float(np.isfinite(steps).mean()),
            }
        metrics[f"activation_{size:g}"] = entry
    return metrics


def _coefficients(model: Classifier, classes: Classes, source: Source) -> Columns:
    """Weights of the columns in x, one row a term and class; of two classes those of C_1."""
    W, errors = coefficients(model)
    terms = model.design.basis.terms(source.feature_names)
    names = classes.names[1:] if classes.size == 2 else classes.names
    nothing = np.full_like(W, np.nan)
    return {
        "class": [name for name in names for _ in terms],
        "term": list(terms) * len(names),
        "estimate": W.T.ravel(),
        "std_error": [
            None if np.isnan(e) else float(e)
            for e in (nothing if errors is None else errors).T.ravel()
        ],
    }


def _info(
    config: LogisticConfig, model: Classifier, parts: Parts, source: Source
) -> dict[str, Any]:
    classes = parts.classes
    return {
        "schema": SCHEMA,
        "kind": "logistic",
        "basis": config.basis,
        "degree": config.degree,
        "low": model.design.basis.low.tolist(),
        "high": model.design.basis.high.tolist(),
        "scale": model.design.scale.tolist(),
        "intercept": config.intercept,
        "classes": list(classes.names),
        "class_values": list(classes.values),
        "threshold": config.threshold,
        "features": list(source.feature_names),
        "target": source.target_name,
        "penalty": config.penalty,
        "fitted_on": "the training rows of the first seed",
        **prepared_info(parts.data),
    }


def _warnings(found: Sequence[Outcome]) -> list[str]:
    said = []
    if len(found) == 1:
        said.append("one repeat has no interval; std and the bounds are null")
    return said


def _hint(config: LogisticConfig, found: Sequence[Outcome]) -> str:
    """What to try where no seed's fit is certified."""
    if any(one.no_minimum for one in found):
        return (
            "--penalty l2: the training rows can be separated, and without a penalty the loss then "
            "falls for ever as the weights grow"
        )
    if config.solver != "newton" and config.loss == "cross-entropy":
        return "--solver newton, or more --max-steps"
    return "more --max-steps, or a penalty"

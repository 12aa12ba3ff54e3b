"""`logistic`: classification by logistic regression (section 5 and appendix C of the notes)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlcli.certificate import Certificate
from mlcli.classification.classifier import LogisticModel, coefficients
from mlcli.classification.softmax import n_columns
from mlcli.datasets.source import Source
from mlcli.datasets.streaming import StreamSource
from mlcli.errors import DataError, InputError
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.logistic import densities, likelihood, streamed, tables
from mlcli.experiments.logistic.classes import (
    TargetClasses,
    class_weights_of,
    classes_of,
    fit_from_config,
)
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.experiments.logistic.replicate import (
    LogisticOutcome,
    LogisticSplit,
    run_replicate,
    split_of,
)
from mlcli.experiments.logistic.studies import LOSSES, shown_steps
from mlcli.experiments.source import prepared_info
from mlcli.experiments.summary import summary
from mlcli.linear.basis import PRODUCTS, count_columns, fit_basis
from mlcli.linear.redundant import find_redundant, left_out_entry, left_out_notes
from mlcli.models import functions
from mlcli.models.functions import Standardised
from mlcli.models.parts import SCHEMA
from mlcli.result import Columns, Metrics, Reading, Result

# The most weights for Newton's method, which then still takes seconds, and for the other solvers.
MAX_NEWTON = 3000
MAX_WEIGHTS = 200_000
DETERMINISM = (
    "each seed's work is done with one BLAS thread and collected in order, so the bytes do not "
    "depend on --jobs; another machine, or another version of numpy, can differ in the last digits"
)


@dataclass(frozen=True)
class PreparedLogistic(Prepared[LogisticConfig]):
    """The classes and the size of the model.

    Attributes:
        classes: of the target; of a table that is read in batches, without labels.
        n_weights: of the first seed's model; an upper bound where products are left out later.
        split: the rows of the first seed; None for a table that is read in batches.
    """

    classes: TargetClasses
    n_weights: int
    split: LogisticSplit | None


def prepare(config: LogisticConfig, source: Source) -> PreparedLogistic:
    """Find the classes, split the rows of the first seed and check the size of the model.

    Raises:
        InputError: the rows, the classes, the features or the size won't do.
    """
    first: LogisticSplit | None = None
    if isinstance(source, StreamSource):
        classes = streamed.classes_in_batches(config, source)
    else:
        data = source.replicate(0, config.seed)
        classes = classes_of(config, data)
        first = split_of(config, source, 0)
        for index in range(1, config.n_seeds) if data.preparation else ():
            split_of(config, source, index)
    class_weights_of(config, classes.labels, classes.size)
    if config.threshold != 0.5 and classes.size > 2:
        raise InputError(
            "--threshold",
            must="left out with more than two classes",
            got=f"{config.threshold:g}",
            hint="--positive to set one class against the others",
        )
    tables.check_plane(config, source.feature_names)
    n_weights = _count_weights(config, source, first, classes.size)
    return PreparedLogistic(config, source, classes, n_weights, first)


def _count_weights(
    config: LogisticConfig, source: Source, first: LogisticSplit | None, n_classes: int
) -> int:
    columns = _count_columns(config, source, first)
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
    return n_weights


def _count_columns(config: LogisticConfig, source: Source, first: LogisticSplit | None) -> int:
    """Columns of the first seed's model; all of the basis where the rows are not in memory."""
    every = count_columns(config.basis, len(source.feature_names), config.degree, config.intercept)
    has_products = config.basis in PRODUCTS and config.degree > 1
    if first is None or not has_products or every > MAX_WEIGHTS:
        return every
    X = first.X[first.train]
    basis = fit_basis(
        config.basis,
        X.min(axis=0),
        X.max(axis=0),
        config.degree,
        intercept=config.intercept,
        redundant=find_redundant(X, *first.data.related),
    )
    return basis.n_columns


def plan(prepared: PreparedLogistic) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    return {
        "rows": prepared.source.n_rows,
        "classes": prepared.classes.size,
        "weights": prepared.n_weights,
        "repeats": prepared.config.n_seeds,
        "steps of each study": prepared.config.n_study,
    }


def run(prepared: PreparedLogistic, context: Context) -> Result:
    """Fit on every seed, score the test rows, and study saturation and separable classes."""
    config, source = prepared.config, prepared.source
    if isinstance(source, StreamSource):
        fits = streamed.run_streamed(config, source, prepared.classes, context.progress)
        warning = (
            "the file is read in batches: a sample in the planes and the studies, and areas under "
            f"curves from counts in bins, off by {fits.auc_error:.0e} at the most"
        )
        return _result(config, source, fits.split, fits.model, fits.outcomes, [warning])
    split = prepared.split
    assert split is not None
    plane = tables.plane_for(config, source.feature_names, split)
    found: list[LogisticOutcome] = []
    for one in context.workers.map_ordered(
        lambda index: run_replicate(config, source, index, plane), range(config.n_seeds)
    ):
        found.append(one)
        context.progress(len(found), config.n_seeds, reading=Reading(seed=len(found) - 1))
    labels = split.classes.labels[split.train]
    model = fit_from_config(
        config, split.X[split.train], labels, split.classes.size, related=split.data.related
    )
    return _result(config, source, split, model, found, [])


def _result(
    config: LogisticConfig,
    source: Source,
    split: LogisticSplit,
    model: LogisticModel,
    found: Sequence[LogisticOutcome],
    warnings: list[str],
) -> Result:
    left_out = model.design.basis.left_out_terms(source.feature_names)
    metadata, arrays = functions.encode([Standardised(model.design, model.fit.W, model.intercept)])
    in_plane = _Plane.of(config, source, split, found)
    of_normal, normal_points = likelihood.normal_model(config.seed)
    return Result(
        metrics=_metrics(config, split.classes, found)
        | in_plane.metrics
        | {
            "likelihood": _likelihood(model, split, found),
            "normal_model": of_normal,
        }
        | left_out_entry(left_out),
        tables={
            **in_plane.tables,
            "calibration": tables.calibration_table(found),
            "confusion": tables.confusion_table(split.classes, found),
            "curves": tables.curves_table(found),
            "information": likelihood.information_table(
                model, split.X, split.classes, split.test[: tables.MAX_POINTS]
            ),
            "normal_model": normal_points,
            "saturation": tables.saturation_table(config, found),
            "saturation_errors": tables.saturation_errors_table(config, found),
            "separable": tables.separable_table(config, found),
            "thresholds": tables.thresholds_table(found),
        },
        model_tables={"coefficients": _coefficients(model, split.classes, source)},
        model_tensors={"predictor": arrays},
        model_info=_info(config, model, split, source)
        | left_out_entry(left_out)
        | {"functions": metadata},
        determinism=DETERMINISM,
        warnings=[*left_out_notes(left_out), *warnings, *_warnings(found)],
        certificates={
            "logistic regression": [one.certificate for one in found],
            "separable classes with l2": [one.separable.certificate for one in found],
        },
        unfinished=in_plane.certificates,
        certificate_hint=_hint(config, found),
    )


@dataclass(frozen=True)
class _Plane:
    """What a run shows in the plane of two features: its tables, numbers and certificates."""

    tables: Mapping[str, Columns]
    metrics: Metrics
    certificates: Mapping[str, Sequence[Certificate]]

    @classmethod
    def of(
        cls,
        config: LogisticConfig,
        source: Source,
        split: LogisticSplit,
        found: Sequence[LogisticOutcome],
    ) -> _Plane:
        names, classes = source.feature_names, split.classes
        plane = tables.plane_for(config, names, split)
        outcomes = [one.plane for one in found if one.plane is not None]
        model = law = None
        metrics: Metrics = {}
        if plane is not None:
            model = densities.fit_in_plane(config, split.X, classes, split.train, plane)
            law = densities.law_of(config, source, split.X, classes, split.train, plane)
            metrics = densities.densities_metrics(
                None if law is None else law[0],
                outcomes,
                [names[k] for k in plane.of],
                densities.count_weights(model, classes.size),
                split.train.size,
                split.test.size,
            )
        return cls(
            {
                "borders": densities.borders_table(outcomes),
                "boundary": tables.boundary_table(config, classes, model, plane),
                "densities": densities.densities_table(law, model, classes, plane),
                "points": tables.points_table(names, split, plane),
            },
            metrics,
            {"fits of two features": [one.certificate for one in outcomes]} if outcomes else {},
        )


def _likelihood(
    model: LogisticModel, split: LogisticSplit, found: Sequence[LogisticOutcome]
) -> Metrics:
    """ln of (5.23) over all test rows, and the first rows of the first seed one by one."""
    return {
        "log_likelihood": summary([one.log_likelihood for one in found], "log_likelihood"),
        "n_test": int(found[0].confusion.sum()),
        "first_rows": likelihood.first_rows(model, split.X, split.classes, split.test),
    }


def _metrics(
    config: LogisticConfig, classes: TargetClasses, found: Sequence[LogisticOutcome]
) -> Metrics:
    metrics: Metrics = {
        name: summary([one.scores[name] for one in found], name, _rows(name, found))
        for name in found[0].scores
    }
    metrics["information"] = {name: _information(name, found) for name in found[0].information}
    metrics["most_confused"] = _most_confused(config, classes, found)
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
        "positive": config.positive,
        "loss": config.loss,
        "solver": config.solver,
    }


def _information(name: str, found: Sequence[LogisticOutcome]) -> Metrics:
    """The terms of (C.5), the entropy without the classes, and how far the log loss is from it.

    For the rows themselves H(p, q) must be the log loss, by another route; the truth expects a log
    loss from which that of the classes that were drawn differs by chance.
    """
    terms = [one.information[name] for one in found]
    of_x = [one.entropy_of_x[name] for one in found]
    losses = [one.scores["test_cross_entropy"] for one in found]
    apart = [
        loss - (one.cross_entropy - x) for one, x, loss in zip(terms, of_x, losses, strict=True)
    ]
    metrics: Metrics = {
        term: summary([getattr(one, term) for one in terms], term)
        for term in ("entropy", "divergence", "cross_entropy")
    }
    metrics["x"] = {"entropy": summary(of_x, "entropy")}
    if name == "rows":
        return metrics | {"largest_difference": float(np.abs(apart).max())}
    return metrics | {"difference": summary(apart, "difference")}


def _most_confused(
    config: LogisticConfig, classes: TargetClasses, found: Sequence[LogisticOutcome]
) -> Metrics:
    """The class of which the largest share of the rows is called one other class, over all seeds.

    `label` is what --positive takes for it.
    """
    counts = np.sum([one.confusion for one in found], axis=0)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, -1.0)
    i, j = divmod(int(shares.argmax()), classes.size)
    value, name = classes.values[i], classes.names[i]
    is_number = value is not None and name == f"{value:g}"
    return {
        "class": name,
        "called": classes.names[j],
        "share": float(shares[i, j]),
        "label": value if is_number else name,
    }


# Scores that are computed from the rows of one class.
BY_CLASS = ("test_roc_auc", "test_average_precision", "test_precision", "test_recall", "test_f1")


def _rows(name: str, found: Sequence[LogisticOutcome]) -> float | None:
    """How many rows a score of one seed is computed from; None if it is not a share of rows."""
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


def _saturation(config: LogisticConfig, found: Sequence[LogisticOutcome]) -> Metrics:
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


def _coefficients(model: LogisticModel, classes: TargetClasses, source: Source) -> Columns:
    """Weights of the columns in x, one row per term and class; of two classes those of C_1."""
    W, errors = coefficients(model)
    terms = model.design.basis.terms(source.feature_names)
    names = classes.names[1:] if classes.size == 2 else classes.names
    unknown = np.full_like(W, np.nan)
    return {
        "class": [name for name in names for _ in terms],
        "term": list(terms) * len(names),
        "estimate": W.T.ravel(),
        "std_error": [
            None if np.isnan(e) else float(e)
            for e in (unknown if errors is None else errors).T.ravel()
        ],
    }


def _info(
    config: LogisticConfig, model: LogisticModel, split: LogisticSplit, source: Source
) -> dict[str, Any]:
    classes = split.classes
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
        **prepared_info(split.data),
    }


def _warnings(found: Sequence[LogisticOutcome]) -> list[str]:
    if len(found) > 1:
        return []
    return ["one repeat has no interval; std and the bounds are null"]


def _hint(config: LogisticConfig, found: Sequence[LogisticOutcome]) -> str:
    """What to try if no seed's fit is certified."""
    for one in found:
        if one.no_minimum is not None:
            return f"--penalty l2: {one.no_minimum}"
    if config.solver != "newton" and config.loss == "cross-entropy":
        return "--solver newton, or more --max-steps"
    return f"more --max-steps, or a {'' if config.penalty == 'none' else 'larger '}penalty"

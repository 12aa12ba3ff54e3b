"""The tables of `logistic`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import DataError
from mlcli.experiments.logistic.classes import TargetClasses, fit_from_config
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.experiments.logistic.replicate import (
    N_GRID,
    LogisticOutcome,
    LogisticSplit,
    predicted_classes,
)
from mlcli.experiments.logistic.studies import LOSSES, shown_steps
from mlcli.experiments.summary import band, interval_columns, summary
from mlcli.linear.statistics import SHARE_OF_ROWS
from mlcli.lists import in_shell
from mlcli.result import Columns

Array = NDArray[np.float64]
MAX_POINTS = 400
SIDE = 61


def check_plane(config: LogisticConfig, names: Sequence[str]) -> None:
    """Check that the features of --plane exist.

    Raises:
        DataError: a name is not a feature's.
    """
    for name in config.plane or ():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            raise DataError(
                "--plane",
                must="two of the features",
                got=repr(name),
                hint=in_shell(near[0]) if near else ", ".join(map(in_shell, names[:8])),
            )


def plane_of(config: LogisticConfig, names: Sequence[str], split: LogisticSplit) -> list[int]:
    """Indices of the two features that are drawn; none if a feature is constant.

    Unless they are named, those with the largest ratio of the variance between the classes to that
    within them, on the training rows.
    """
    if config.plane is not None:
        of = [list(names).index(name) for name in config.plane]
    else:
        X, labels = split.X[split.train], split.classes.labels[split.train]
        counts = np.bincount(labels, minlength=split.classes.size)[:, None]
        sums = np.stack([X[labels == k].sum(axis=0) for k in range(split.classes.size)])
        means = sums / np.maximum(counts, 1)  # (K, D)
        between = (counts * (means - X.mean(axis=0)) ** 2).sum(axis=0)
        within = ((X - means[labels]) ** 2).sum(axis=0)
        ratio = np.where(between > 0, between / np.maximum(within, 1e-300), -1.0)
        of = sorted(np.argsort(-ratio, kind="stable")[:2].tolist())
    return of if len(of) == 2 and (np.ptp(split.X[split.train][:, of], axis=0) > 0).all() else []


def boundary_table(
    config: LogisticConfig, names: Sequence[str], split: LogisticSplit
) -> tuple[Columns, list[str]]:
    """Class and probability over the plane of two features, from a model of these two alone.

    Of two classes the probability is that of C_1, of more that of the most likely one.

    Returns:
        The table, and a warning if the model is not certified.
    """
    of = plane_of(config, names, split)
    columns: dict[str, Any] = {key: [] for key in ("x", "y", "class", "probability")}
    if not of:
        return columns, []
    X = split.X[:, of]
    labels, K = split.classes.labels[split.train], split.classes.size
    model = fit_from_config(config, X[split.train], labels, K)
    low, high = X.min(axis=0), X.max(axis=0)
    margin = 0.03 * (high - low)
    x, y = (np.linspace(low[i] - margin[i], high[i] + margin[i], SIDE) for i in range(2))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)  # (SIDE^2, 2)
    P = model.predict(grid)
    predicted = predicted_classes(config, P)
    certificate, warnings = model.fit.certificate, []
    if not certificate.converged:
        warnings.append(f"the fit of the plane in boundary.csv did not converge: {certificate}")
    columns = {
        "x": grid[:, 0],
        "y": grid[:, 1],
        "class": [split.classes.names[k] for k in predicted],
        "probability": (P[:, 1] if K == 2 else P.max(axis=1)).round(4),
    }
    return columns, warnings


def points_table(config: LogisticConfig, names: Sequence[str], split: LogisticSplit) -> Columns:
    """Test rows of the first seed in that plane."""
    of = plane_of(config, names, split)
    if not of:
        return {key: [] for key in ("x_name", "y_name", "x", "y", "class")}
    rows = split.test[:MAX_POINTS]
    return {
        "x_name": [names[of[0]]] * rows.size,
        "y_name": [names[of[1]]] * rows.size,
        "x": split.X[rows, of[0]],
        "y": split.X[rows, of[1]],
        "class": [split.classes.names[k] for k in split.classes.labels[rows]],
    }


def curves_table(found: Sequence[LogisticOutcome]) -> Columns:
    """Recall against false-positive rate, and precision against recall, means with intervals."""
    columns: dict[str, Any] = {"place": np.linspace(0, 1, N_GRID)}
    for name in ("roc", "precision"):
        curves = [curve for one in found if (curve := getattr(one, name)) is not None]
        stacked = np.array(curves) if curves else np.full((1, N_GRID), np.nan)
        columns |= interval_columns("recall" if name == "roc" else name, stacked)
    return columns


def thresholds_table(found: Sequence[LogisticOutcome]) -> Columns:
    """Precision, recall and accuracy against p_0 of two classes."""
    columns: dict[str, Any] = {"threshold": np.linspace(0, 1, N_GRID)}
    rows = {"accuracy": float(found[0].confusion.sum())}
    for i, name in enumerate(("precision", "recall", "accuracy")):
        curves = [one.by_threshold[i] for one in found if one.by_threshold is not None]
        stacked = np.array(curves) if curves else np.full((1, N_GRID), np.nan)
        columns |= interval_columns(name, stacked, rows=rows.get(name))
    return columns


def calibration_table(found: Sequence[LogisticOutcome]) -> Columns:
    """Observed share against mean prediction of each bin, over the seeds in which it has rows."""
    names = ("predicted", "observed", "ci_low", "ci_high", "rows")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for b in range(found[0].calibration.counts.size):
        filled = [one.calibration for one in found if one.calibration.counts[b]]
        if not filled:
            continue
        n = int(sum(int(c.counts[b]) for c in filled))
        one = summary([float(c.observed[b]) for c in filled], SHARE_OF_ROWS, n / len(filled))
        values = (
            float(np.mean([c.predicted[b] for c in filled])),
            one["mean"],
            one["ci_low"],
            one["ci_high"],
            n,
        )
        for name, value in zip(names, values, strict=True):
            columns[name].append(value)
    return columns


def confusion_table(classes: TargetClasses, found: Sequence[LogisticOutcome]) -> Columns:
    """Mean number of test rows of each class by predicted class, with intervals."""
    names = ("class", "called", "rows", "ci_low", "ci_high")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for i, label in enumerate(classes.names):
        for j, predicted in enumerate(classes.names):
            one = summary([float(o.confusion[i, j]) for o in found], "rows")
            values = (label, predicted, one["mean"], one["ci_low"], one["ci_high"])
            for name, value in zip(names, values, strict=True):
                columns[name].append(value)
    return columns


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def saturation_table(config: LogisticConfig, found: Sequence[LogisticOutcome]) -> Columns:
    """Steps to recovery against the size of the start, median and central 95 % of the seeds."""
    names = ("loss", "activation", "median_steps", "low", "high", "share_recovered")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for row, loss in enumerate(LOSSES):
        for i, size in enumerate(config.start_activations):
            steps = np.array([one.saturation.steps[row, i] for one in found])
            ordered = np.sort(steps)
            # No interpolation: between a number and infinity it has no meaning.
            low, median, high = (
                ordered[int(q * (steps.size - 1) + 0.5)] for q in (0.025, 0.5, 0.975)
            )
            share = float(np.isfinite(steps).mean())
            values = (loss, size, _or_none(median), _or_none(low), _or_none(high), share)
            for name, value in zip(names, values, strict=True):
                columns[name].append(value)
    return columns


def saturation_errors_table(config: LogisticConfig, found: Sequence[LogisticOutcome]) -> Columns:
    """Training error against step from the worst start."""
    columns: dict[str, Any] = {"step": shown_steps(config)}
    for row, loss in enumerate(LOSSES):
        low, median, high = band(np.stack([one.saturation.error[row] for one in found]))
        name = loss.replace("-", "_")
        columns |= {name: median, f"{name}_low": low, f"{name}_high": high}
    return columns


def separable_table(config: LogisticConfig, found: Sequence[LogisticOutcome]) -> Columns:
    """|w| and the cross-entropy against step, without a penalty and with l2."""
    columns: dict[str, Any] = {"step": shown_steps(config)}
    for i, name in enumerate(("no_penalty", "l2")):
        columns |= interval_columns(f"norm_{name}", np.stack([o.separable.norm[i] for o in found]))
        columns |= interval_columns(f"loss_{name}", np.stack([o.separable.loss[i] for o in found]))
    return columns

"""The tables of `logistic`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.classifier import LogisticModel
from mlcli.errors import DataError
from mlcli.experiments.logistic.classes import TargetClasses
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.experiments.logistic.densities import MAX_CLASSES, Plane, activations, short
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
# Columns of thresholds.csv, each with its interval.
RATES = ("precision", "recall", "accuracy", "false_positive_rate")
SHARES = ("true_positives", "false_positives", "false_negatives", "true_negatives")
SIDE = 61
# Of the range of the rows, around the boundary.
MARGIN = 0.03


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


def plane_for(config: LogisticConfig, names: Sequence[str], split: LogisticSplit) -> Plane | None:
    """The two features that are drawn, with the range of the rows; None if one is constant.

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
    if len(of) < 2 or not (np.ptp(split.X[split.train][:, of], axis=0) > 0).all():
        return None
    X = split.X[:, of]
    return Plane((of[0], of[1]), X.min(axis=0), X.max(axis=0))


def boundary_table(
    config: LogisticConfig,
    classes: TargetClasses,
    model: LogisticModel | None,
    plane: Plane | None,
) -> Columns:
    """Class, probability and activations over the plane of two features.

    Of two classes the probability is that of C_1, of more that of the most likely one. The
    activations are the log odds (5.8) of C_1, or a_k of each class (5.19).

    Args:
        config: validated parameters.
        classes: of the rows.
        model: of the two features alone, on the training rows of the first seed.
        plane: the two features.
    """
    columns: dict[str, Any] = {key: [] for key in ("x", "y", "class", "probability")}
    if model is None or plane is None:
        return columns
    K, points = classes.size, plane.grid(SIDE, MARGIN)[2]
    P, A = model.predict(points), activations(model, points)
    columns = {
        "x": points[:, 0],
        "y": points[:, 1],
        "class": [classes.names[k] for k in predicted_classes(config, P)],
        "probability": (P[:, 1] if K == 2 else P.max(axis=1)).round(4),
    }
    shown = range(1, 2) if K == 2 else range(K if K <= MAX_CLASSES else 0)
    return columns | {f"score_{k}": short(A[:, k]) for k in shown}


def points_table(names: Sequence[str], split: LogisticSplit, plane: Plane | None) -> Columns:
    """Test rows of the first seed in that plane."""
    if plane is None:
        return {key: [] for key in ("x_name", "y_name", "x", "y", "class")}
    rows, of = split.test[:MAX_POINTS], plane.of
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
    """Rates against p_0 of two classes, and the four kinds of test rows as shares of all."""
    columns: dict[str, Any] = {"threshold": np.linspace(0, 1, N_GRID)}
    rates = [one.by_threshold for one in found if one.by_threshold is not None]
    shares = [one.shares_by_threshold for one in found if one.shares_by_threshold is not None]
    if not rates or not shares:
        nothing = np.full((1, N_GRID), np.nan)
        return columns | {
            key: column
            for name in (*RATES, *SHARES)
            for key, column in interval_columns(name, nothing).items()
        }
    n = float(found[0].confusion.sum())
    of_kinds = np.stack(shares, axis=1)  # (4, n_seeds, N_GRID)
    true, false, missed, right = n * of_kinds.mean(axis=1)
    # How many rows each rate is the share of, in one seed.
    rows = dict(zip(RATES, (true + false, true + missed, n, false + right), strict=True))
    negatives = of_kinds[1] + of_kinds[3]
    with np.errstate(invalid="ignore"):
        of_rates = [*np.stack(rates, axis=1), of_kinds[1] / negatives]
    for name, stacked in zip(RATES, of_rates, strict=True):
        columns |= interval_columns(name, stacked, rows=rows[name])
    for name, stacked in zip(SHARES, of_kinds, strict=True):
        columns |= interval_columns(name, stacked, rows=n)
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

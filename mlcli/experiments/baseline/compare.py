"""Scores of each fold, their intervals, and which methods beat the constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.baseline.task import BaselineTask
from mlcli.experiments.summary import range_of
from mlcli.linear.statistics import ANY, Range
from mlcli.scores import (
    accuracy,
    brier_score,
    mean_absolute_error,
    mean_cross_entropy,
    mean_squared_error,
    r2_score,
)
from mlcli.selection.intervals import corrected, holm_adjusted, p_value

Array = NDArray[np.float64]
HIGHER_IS_BETTER = ("accuracy", "r2")
# The level of the test, after Holm's adjustment for the number of methods.
SIGNIFICANT = 0.05


def scores_of(task: BaselineTask, predicted: Sequence[Array]) -> dict[str, Array]:
    """Each score on each split, (n_splits,), from the predictions of its test rows."""
    found: dict[str, list[float]] = {}
    for y, (train, test) in zip(predicted, task.splits, strict=True):
        t = task.t[test]
        scores = _of_classes(y, t) if task.n_classes else _of_numbers(y, t, task.t[train])
        for name, value in scores.items():
            found.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in found.items()}


def _of_numbers(y: Array, t: Array, t_train: Array) -> dict[str, float]:
    mse = mean_squared_error(t, y)
    # Against the error of the constant, so that the constant itself has 0.
    of_constant = mean_squared_error(t, np.full(t.size, t_train.mean()))
    return {"mse": mse, "mae": mean_absolute_error(t, y), "r2": r2_score(mse, of_constant)}


def _of_classes(P: Array, t: NDArray[np.int64]) -> dict[str, float]:
    return {
        "accuracy": accuracy(t, P.argmax(axis=1)),
        "brier": brier_score(t, P),
        "cross-entropy": mean_cross_entropy(t, P),
    }


def interval(task: BaselineTask, values: Array, within: Range) -> dict[str, float | int | None]:
    """Mean over the splits with Nadeau and Bengio's interval, which allows for shared rows."""
    if not np.isfinite(values).all():
        return {"mean": None, "ci_low": None, "ci_high": None, "n": values.size}
    tested = np.unique(np.concatenate([test for _, test in task.splits]))
    found = corrected(values, *_sizes(task)).within(within, tested.size)
    return {"mean": found.estimate, "ci_low": found.low, "ci_high": found.high, "n": values.size}


def _sizes(task: BaselineTask) -> tuple[float, float]:
    return tuple(float(np.mean([len(s[i]) for s in task.splits])) for i in (0, 1))  # type: ignore[return-value]


def compare(task: BaselineTask, found: Mapping[str, Mapping[str, Array]]) -> dict[str, Any]:
    """Scores of each method, its paired difference from the constant, and the verdict."""
    models: dict[str, Any] = {}
    for method, scores in found.items():
        models[method] = {
            name: interval(task, values, range_of(name)) for name, values in scores.items()
        }
        if method != "constant":
            gap = scores[task.score] - found["constant"][task.score]
            found_gap = interval(task, gap, range_of(task.score).of_difference)
            models[method]["difference"] = found_gap | {"p_value": _p_value(task, gap)}
    gaps = [entry["difference"] for name, entry in models.items() if name != "constant"]
    for one, p in zip(gaps, holm_adjusted([gap["p_value"] for gap in gaps]), strict=True):
        one["p_holm"] = p
    sign = 1.0 if task.score in HIGHER_IS_BETTER else -1.0
    winners = []
    for method, entry in models.items():
        if method == "constant":
            continue
        one = entry["difference"]
        p, gain = one["p_holm"], one["mean"]
        beats = p is not None and p < SIGNIFICANT and sign * gain > 0
        entry["beats_constant"] = bool(beats)
        winners += [method] if beats else []
    known = {
        m: e[task.score]["mean"] for m, e in models.items() if e[task.score]["mean"] is not None
    }
    best = max(known, key=lambda method: sign * known[method])
    return {
        "models": models,
        "best": best,
        "as_good_as_the_best": ", ".join(_ties(task, found, best)),
        "nothing_beats_the_constant": not winners,
    }


def _ties(task: BaselineTask, found: Mapping[str, Mapping[str, Array]], best: str) -> list[str]:
    """Methods whose difference from the best one has a 95 % interval that contains 0."""
    ties = []
    for method, scores in found.items():
        one = interval(task, scores[task.score] - found[best][task.score], ANY)
        low, high = one["ci_low"], one["ci_high"]
        if method != best and low is not None and high is not None and low <= 0 <= high:
            ties.append(method)
    return ties


def _p_value(task: BaselineTask, gap: Array) -> float | None:
    """p-value of the mean difference over the splits; None if it is unknown."""
    if not np.isfinite(gap).all() or gap.size < 2:
        return None
    # Differences that are equal up to rounding are 0, or can't be due to chance.
    mean, std = float(gap.mean()), float(gap.std(ddof=1))
    if std <= 1e-14 * abs(mean):
        return 1.0 if mean == 0 else 0.0
    n_train, n_test = _sizes(task)
    return p_value(mean, std * sqrt(1 / gap.size + n_test / n_train), gap.size - 1)

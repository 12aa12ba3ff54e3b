"""`baseline`: what simple and standard methods make of the data, and whether any is worth it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.source import Source
from mlcli.errors import MlcliError
from mlcli.experiments.baseline.compare import compare, scores_of
from mlcli.experiments.baseline.config import BaselineConfig
from mlcli.experiments.baseline.methods import METHODS, TrainingRows, polynomial_degrees
from mlcli.experiments.baseline.task import BaselineTask, task_from
from mlcli.experiments.experiment import Context, Prepared
from mlcli.result import NOTHING_READ, Columns, Progress, Reading, Result
from mlcli.rng import stream

if TYPE_CHECKING:
    from mlcli.neural.device import DeviceChoice

Array = NDArray[np.float64]
NETWORKS = ("mlp", "cnn")
DETERMINISM = (
    "each fit of NumPy or scikit-learn has one thread and the results are collected in order, so "
    "the bytes do not depend on --jobs; networks train with a number of threads that depends on "
    "the machine, and another machine or version can differ in the last digits"
)


@dataclass(frozen=True)
class PreparedBaseline(Prepared[BaselineConfig]):
    """The task with its folds."""

    task: BaselineTask


def prepare(config: BaselineConfig, source: Source) -> PreparedBaseline:
    """Check the target and draw the folds.

    Raises:
        InputError: the rows, the classes, the folds, the score or the device won't do.
    """
    if config.device not in ("auto", "cpu"):
        from mlcli.neural.device import find_device

        # A network that can't be trained is left out, but a device that is not there is an error.
        find_device(config.device)
    return PreparedBaseline(config, source, task_from(config, source))


def plan(prepared: PreparedBaseline) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    task = prepared.task
    kept, left_out = _methods(task)
    return {
        "rows": task.t.size,
        "inputs": task.n_features,
        "classes": task.n_classes,
        "splits": len(task.splits),
        "methods": ", ".join(kept),
        "left out": "; ".join(f"{name}: {why}" for name, why in left_out.items()) or "none",
    }


def run(prepared: PreparedBaseline, context: Context) -> Result:
    """Fit every method on every split and compare each with the constant."""
    config, source, task = prepared.config, prepared.source, prepared.task
    methods, left_out = _methods(task)
    if {"neighbours", "trees"} & set(methods):
        # Imported before the workers start, so that their limit of one thread holds for it too.
        import sklearn.ensemble
        import sklearn.neighbors  # noqa: F401
    plain = [method for method in methods if method not in NETWORKS]
    pieces = [(method, i) for method in plain for i in range(len(task.splits))]
    predicted: dict[str, list[Array]] = {method: [] for method in methods}
    seconds: dict[str, float] = dict.fromkeys(methods, 0.0)
    total = len(methods) * len(task.splits)
    choices: list[DeviceChoice] = []

    def fit(piece: tuple[str, int]) -> tuple[Array, float]:
        return _fit(config, task, *piece)

    for (method, _), (y, spent) in zip(
        pieces, context.workers.map_ordered(fit, pieces), strict=True
    ):
        predicted[method].append(y)
        seconds[method] += spent / len(task.splits)
        context.progress(sum(map(len, predicted.values())), total, method)
    for method in [one for one in methods if one in NETWORKS]:
        started, before = time.perf_counter(), sum(map(len, predicted.values()))
        inside = _part_of(context.progress, before, len(task.splits), total, method)
        try:
            predicted[method], chosen = _networks(config, method, task, inside)
            choices += chosen
        except MlcliError as error:
            left_out[method] = str(error)
            del predicted[method]
            continue
        seconds[method] = (time.perf_counter() - started) / len(task.splits)
    found = {method: scores_of(task, ys) for method, ys in predicted.items()}
    compared = compare(task, found)
    return Result(
        metrics=_described(config, source, task) | compared | {"left_out": left_out},
        tables={"folds": _folds(task, found), "methods": _table(task, found, compared)},
        **_provenance(choices),
        warnings=[f"{name} is left out: {why}" for name, why in left_out.items()],
        timings={"seconds_a_fit": {name: seconds[name] for name in predicted}},
    )


def _methods(task: BaselineTask) -> tuple[list[str], dict[str, str]]:
    """The methods that can be fitted, and why others can't."""
    n_features = task.n_features
    if "polynomial" not in task.methods or polynomial_degrees(n_features):
        return list(task.methods), {}
    why = f"products of {n_features} inputs are too many columns"
    return [one for one in task.methods if one != "polynomial"], {"polynomial": why}


def _fit(
    config: BaselineConfig, task: BaselineTask, method: str, index: int
) -> tuple[Array, float]:
    """Predictions of a split's test rows, and the seconds of the fit."""
    train, test = task.splits[index]
    rng = stream(config.seed, "method", index)
    started = time.perf_counter()
    X = task.X(index)
    predict = METHODS[method](TrainingRows(X[train], task.t[train], task.n_classes, rng))
    spent = time.perf_counter() - started
    return predict(X[test]), spent


def _part_of(progress: Progress, before: int, size: int, whole: int, method: str) -> Progress:
    """The progress of a method whose fits are done together, as a part of the whole."""

    def inside(done: float, total: float, note: str = "", reading: Reading = NOTHING_READ) -> None:
        progress(before + size * done / total, whole, method, reading)

    return inside


def _networks(
    config: BaselineConfig, method: str, task: BaselineTask, progress: Progress
) -> tuple[list[Array], list[DeviceChoice]]:
    from mlcli.experiments.baseline.networks import network_predictions

    return network_predictions(config, method, task, progress)


def _provenance(choices: Sequence[DeviceChoice]) -> dict[str, Any]:
    """See `neural.device.provenance`; without networks torch is not imported."""
    if not choices:
        return {"determinism": DETERMINISM}
    from mlcli.neural.device import provenance

    return provenance(DETERMINISM, choices)


def _described(config: BaselineConfig, source: Source, task: BaselineTask) -> dict[str, Any]:
    return {
        "data": source.name,
        "target": source.target_name,
        "task": "classification" if task.n_classes else "regression",
        "score": task.score,
        "n_rows": int(task.t.size),
        "n_features": int(task.n_features),
        "n_folds": config.n_folds,
        "n_seeds": config.n_seeds,
    }


def _folds(task: BaselineTask, found: Mapping[str, Mapping[str, Array]]) -> Columns:
    """Every score of every split."""
    names = list(found["constant"])
    columns: dict[str, list[Any]] = {key: [] for key in ("method", "split", *names)}
    for method, scores in found.items():
        n = len(task.splits)
        columns["method"] += [method] * n
        columns["split"] += list(range(n))
        for name in names:
            columns[name] += scores[name].tolist()
    return columns


def _table(
    task: BaselineTask, found: Mapping[str, Mapping[str, Array]], compared: Mapping[str, Any]
) -> Columns:
    """The score that decides, with its interval, and the difference from the constant."""
    rows = []
    for method in found:
        entry = compared["models"][method]
        one = entry[task.score]
        gap = entry.get("difference", {})
        rows.append(
            {
                "method": method,
                "score": task.score,
                "mean": one["mean"],
                "ci_low": one["ci_low"],
                "ci_high": one["ci_high"],
                "difference": gap.get("mean"),
                "difference_ci_low": gap.get("ci_low"),
                "difference_ci_high": gap.get("ci_high"),
                "p_holm": gap.get("p_holm"),
                "beats_constant": entry.get("beats_constant", False),
            }
        )
    return {name: [row[name] for row in rows] for name in rows[0]}

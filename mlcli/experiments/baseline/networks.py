"""The networks of `baseline`: one per fold, all trained together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.config import config_class
from mlcli.experiments.baseline.config import BaselineConfig
from mlcli.experiments.baseline.task import BaselineTask
from mlcli.experiments.networks.fitting import fit_all
from mlcli.experiments.networks.member_groups import device_of, member_groups_of
from mlcli.experiments.networks.outcome import outcomes_of
from mlcli.experiments.networks.problem import NetworkSplit, Problem, origin_of
from mlcli.experiments.networks.variants import variants_of
from mlcli.linear.statistics import spread
from mlcli.neural.device import DeviceChoice
from mlcli.result import Progress
from mlcli.rng import stream

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
VALIDATION = 0.1


def network_predictions(
    config: BaselineConfig, method: str, task: BaselineTask, progress: Progress
) -> tuple[list[Array], list[DeviceChoice]]:
    """Predictions of a network per split on its test rows: numbers (n,) or probabilities (n, K).

    The second are the devices of the networks.

    Raises:
        MlcliError: the network does not fit these images, or all networks diverged.
    """
    problem = _problem(config, task)
    settings = _settings(config, method, problem)
    programs = member_groups_of(settings, problem, variants_of(settings))
    fitted = fit_all(settings, problem, programs, checkpoint=None, progress=progress)
    outcomes = outcomes_of(settings, problem, fitted)
    by_split = sorted(outcomes, key=lambda one: one.member.seed_index)
    # Test parts were padded to one length.
    predicted = [
        one.predicted[: len(rows)] for one, (_, rows) in zip(by_split, task.splits, strict=True)
    ]
    return predicted, [device_of(settings, one) for one in programs]


def _settings(config: BaselineConfig, method: str, problem: Problem) -> Any:
    n_train = problem.splits[0].train.size
    common: dict[str, Any] = {
        "n_seeds": len(problem.splits),
        "seed": config.seed,
        "device": config.device,
        "batch_size": (min(32, max(1, n_train // 4)),),
        "task": problem.task,
    }
    if method == "cnn":
        section, epochs = "train_cnn", config.cnn_epochs
    else:
        section, epochs = "train_mlp", config.n_epochs
        common["hidden"] = (config.hidden,)
    return config_class(section)(**common, **{"n_epochs": epochs, "patience": epochs})


def _problem(config: BaselineConfig, task: BaselineTask) -> Problem:
    """The folds as splits of a training, padded to one size, since the networks train together.

    If every split fills gaps in its own way, the rows are repeated for every split.
    """
    fewest = min(len(train) for train, _ in task.splits)
    most = max(len(test) for _, test in task.splits)
    n_validation = max(1, round(VALIDATION * fewest))
    own = task.data.preparation is not None
    every = [task.X(index) for index in range(len(task.splits) if own else 1)]
    splits = []
    for index, (train, test) in enumerate(task.splits):
        order = stream(config.seed, "validation", index).permutation(train)[:fewest]
        watched, kept = np.sort(order[:n_validation]), np.sort(order[n_validation:])
        X = every[index if own else 0]
        start = index * task.t.size if own else 0
        splits.append(_split(task, X, (kept, watched, np.resize(test, most)), start))
    whole = np.concatenate(every)  # (N, D)
    origin = origin_of(whole, images=task.image_shape is not None)
    X = (whole - origin if origin.any() else whole).astype(np.float32)
    t, t_origin = np.tile(task.t, len(every)), 0.0
    if not task.n_classes:
        t_origin = float(origin_of(t[:, None])[0])
        t = t[:, None] - t_origin  # (N, 1)
    name = "classification" if task.n_classes else "regression"
    return Problem(
        name, X, t, task.class_names, tuple(splits), task.image_shape, False, (), origin, t_origin
    )


def _split(
    task: BaselineTask, X: Array, parts: tuple[Ints, Ints, Ints], start: int
) -> NetworkSplit:
    """Units of the training rows of X (N, D), and row numbers shifted by `start`."""
    train = parts[0]
    shift, scale = X[train].mean(axis=0), spread(X[train])
    if task.image_shape is not None:
        scale = X[train].std(axis=0)
        scale = np.full_like(scale, float(np.sqrt((scale**2).mean())) or 1.0)
    t_shift, t_scale = 0.0, 1.0
    if not task.n_classes:
        t_shift, t_scale = float(task.t[train].mean()), float(task.t[train].std()) or 1.0
    train, validation, test = (rows + start for rows in parts)
    return NetworkSplit(train, validation, test, shift, scale, t_shift, t_scale)

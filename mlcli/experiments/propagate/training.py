"""Training accuracy of every pair of initialisation and activation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.source import Source
from mlcli.errors import DataError, InputError
from mlcli.experiments.propagate.config import PropagateConfig
from mlcli.linear.statistics import spread
from mlcli.neural.device import DeviceChoice, accelerator, choose_device, repeatable
from mlcli.neural.evaluation import TrainingScores, training_scores
from mlcli.neural.losses import LOSSES
from mlcli.neural.mlp import MLP
from mlcli.neural.optimisers import OPTIMISERS
from mlcli.neural.schedules import one_cycle
from mlcli.neural.training import TrainingSettings, train
from mlcli.rng import stream

Array = NDArray[np.float64]
LOSS = LOSSES["cross-entropy"]
MAX_CLASSES = 100
# Each rate is tried on so many networks, for this share of the steps.
N_TRIALS, TRIAL = 2, 1 / 3


@dataclass(frozen=True)
class TrainingRows:
    """Inputs in z-scores (N, D), labels (N,), and the number of classes."""

    X: Array
    labels: NDArray[np.int64]
    n_classes: int

    @property
    def commonest(self) -> float:
        """The accuracy of always naming the commonest class."""
        return float(np.bincount(self.labels).max() / self.labels.size)


def rows_of(config: PropagateConfig, source: Source) -> TrainingRows:
    """A random choice of the data's rows, the same for all pairs.

    Raises:
        InputError: the target is not a class, or parameters don't fit the rows.
    """
    data = source.replicate(0, config.seed).fitted_to()
    values, labels = np.unique(data.t, return_inverse=True)
    if not 2 <= values.size <= min(MAX_CLASSES, data.t.size // 2):
        raise DataError(
            f"target '{data.target_name}'",
            must=f"of 2 to {MAX_CLASSES} classes",
            got=f"{values.size} values in {data.t.size} rows",
            hint="--data digits",
        )
    order = stream(config.seed, "training rows").permutation(labels.size)[: config.train_rows]
    X = data.X.reshape(labels.size, -1)[order].astype(np.float64)
    X = (X - X.mean(axis=0)) / spread(X)
    rows = TrainingRows(X, labels[order].astype(np.int64), values.size)
    if config.train_batch > labels[order].size:
        raise InputError(
            "--train-batch",
            must=f"at most the {rows.labels.size} rows to train on",
            got=str(config.train_batch),
        )
    if config.threshold <= rows.commonest:
        raise InputError(
            "--threshold",
            must=f"above {rows.commonest:.3g}, the accuracy of always naming the commonest class",
            got=f"{config.threshold:g}",
        )
    return rows


def device_of(config: PropagateConfig) -> DeviceChoice:
    """The device of the trainings and why; where it is not given, the CPU.

    There they run side by side, one per processor, and the measurements beside them in float64. A
    GPU would train one after the other networks of many small layers.

    Raises:
        InputError: there is no such device.
    """
    if config.device != "auto" or accelerator() is None:
        return choose_device(config.device, 0)
    reason = "its trainings are small and run side by side, one per processor"
    return DeviceChoice(choose_device("cpu", 0).device, reason)


@dataclass(frozen=True)
class PairTraining:
    """Result of training one pair.

    Attributes:
        learning_rate: the best of the rates that were tried.
        tried: mean accuracy at each rate, after a third of the steps, (n_rates,).
        accuracy: on the training rows at the end, (train_seeds,).
        loss: cross-entropy there, not finite where the training diverged, (train_seeds,).
    """

    learning_rate: float
    tried: Array
    accuracy: Array
    loss: Array


def train_pairs(
    config: PropagateConfig, rows: TrainingRows, activation: str, normalisation: str
) -> Mapping[str, PairTraining]:
    """Train every initialisation with one activation, all networks at once.

    The rate is chosen on other networks and orders, so that the reported accuracies are not biased
    by the choice.
    """
    members = [(init, rate) for init in config.inits for rate in config.train_rates]
    trials = list(range(N_TRIALS))
    scores = _train_members(
        config,
        rows,
        activation,
        normalisation,
        [member for member in members for _ in trials],
        "rate",
        trials * len(members),
        round(TRIAL * config.train_steps),
    )
    shape = (len(config.inits), len(config.train_rates), N_TRIALS)
    tried = scores.accuracy.reshape(shape).mean(axis=2)
    # Ties in the accuracy, mostly at chance level, are broken by the loss.
    loss = np.nan_to_num(scores.loss, nan=np.inf, posinf=np.inf).reshape(shape).mean(axis=2)
    best = [int(np.lexsort((loss[k], -tried[k]))[0]) for k in range(len(config.inits))]
    chosen = [(init, config.train_rates[best[k]]) for k, init in enumerate(config.inits)]
    seeds = list(range(config.train_seeds))
    scores = _train_members(
        config,
        rows,
        activation,
        normalisation,
        [pair for pair in chosen for _ in seeds],
        "training",
        seeds * len(chosen),
        config.train_steps,
    )
    accuracy, loss = (part.reshape(len(chosen), -1) for part in (scores.accuracy, scores.loss))
    return {
        init: PairTraining(rate, tried[k], accuracy[k], loss[k])
        for k, (init, rate) in enumerate(chosen)
    }


def _train_members(
    config: PropagateConfig,
    rows: TrainingRows,
    activation: str,
    normalisation: str,
    members: Sequence[tuple[str, float]],
    purpose: str,
    seeds: Sequence[int],
    n_steps: int,
) -> TrainingScores:
    """Scores of members (init, rate) after so many steps."""
    streams = [partial(stream, config.seed, purpose, index) for index in seeds]
    sizes = [rows.X.shape[1], *[config.train_width] * config.train_depth, rows.n_classes]
    device = device_of(config).device
    net = MLP(
        sizes,
        [draw("weights") for draw in streams],
        activation=config.h(activation),
        scheme=[init for init, _ in members],
        normalisation=normalisation,
        device=device,
    )
    optimiser = OPTIMISERS["adam"](net.theta, net.decays, [rate for _, rate in members])
    n_epochs = max(1, round(n_steps * config.train_batch / rows.labels.size))
    # Without the warm-up of a cycle the best rates diverge.
    settings = TrainingSettings(
        n_epochs,
        config.train_batch,
        one_cycle(),
        evaluate_training=False,
        raise_on_divergence=False,
    )
    with repeatable(device, 1):
        train(net, optimiser, LOSS, rows.X, rows.labels, settings, streams)
        return training_scores(net, LOSS, rows.X, rows.labels)

"""Trainings that must be the same in one process and in several; started by torchrun too.

As a program: `torchrun --nproc-per-node 2 two_processes.py FILE` trains every case together, and
the first process writes curves and weights to FILE.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from neural_cases import CROSS_ENTROPY, SQUARE, new, optimiser_of, problem, streams_of

from mlcli.neural.augmentation import Augmentation, augmented_steps
from mlcli.neural.batches import Scaling, View
from mlcli.neural.cnn import CNN
from mlcli.neural.data_parallel import ProcessGroup, join
from mlcli.neural.optimisers import AveragedWeights
from mlcli.neural.training import RunEpoch, TrainingSettings, take_steps, train

SEEDS = (3, 4)
Arrays = dict[str, np.ndarray]


def _train(
    net: Any,
    group: ProcessGroup | None,
    data: tuple[np.ndarray, np.ndarray],
    settings: TrainingSettings,
    *,
    optimiser: str = "momentum",
    loss: Any = CROSS_ENTROPY,
    average: float | None = None,
    run_epoch: RunEpoch | None = None,
    validation: Any = None,
    **options: Any,
) -> Arrays:
    net.group = group
    averaged = None if average is None else AveragedWeights(average)
    steps: Callable[..., Any] = run_epoch or take_steps
    if averaged is not None:
        steps = partial(steps, on_step=averaged.update)
    rate = [0.05, 0.02] if optimiser != "adam" else 0.01
    done = train(
        net,
        optimiser_of(net, optimiser, rate, **options),
        loss,
        *data,
        settings,
        streams_of(SEEDS),
        run_epoch=steps,
        validation=validation,
        view=View(X=Scaling(np.ones((2, 1)), np.full((2, 1), 2.0))),
    )
    found = {f"history.{name}": curve for name, curve in done.history.items()}
    found |= {f"net.{name}": array for name, array in net.state_arrays().items()}
    found |= {f"best.{name}": tensor.numpy() for name, tensor in done.best.items()}
    found |= {"best_epoch": done.best_epoch, "stopped": done.stopped}
    return found | ({} if averaged is None else averaged.arrays())


def _mlp(group: ProcessGroup | None, net: Mapping[str, Any], n: int = 50, **more: Any) -> Arrays:
    settings = more.pop("settings", TrainingSettings(n_epochs=3, batch_size=8))
    data = more.pop("data", None) or problem(n)
    return _train(new(SEEDS, **net), group, data, settings, **more)


def images(n: int = 22) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 3, n)
    return rng.normal(size=(n, 36)) + labels[:, None] * np.linspace(0, 1, 36), labels


def _cnn(
    group: ProcessGroup | None, lines: list[str], changes: Augmentation, dtype: torch.dtype
) -> Arrays:
    generators = [s("weights") for s in streams_of(SEEDS)]
    net = CNN(lines, (1, 6, 6), 3, generators, dtype=dtype)
    steps = augmented_steps(changes, (1, 6, 6), -1.0)
    settings = TrainingSettings(n_epochs=2, batch_size=9, clip_norm=0.5)
    return _train(net, group, images(), settings, run_epoch=steps, validation=images(7))


RESIDUAL = [
    "conv 4 3x3 pad 1",
    "batch-norm",
    "prelu",
    "residual 4",
    "dropout 0.3",
    "flatten",
    "dense 6",
    "batch-norm",
    "rrelu",
]
EVERY = Augmentation(flip=True, rotate=20.0, shift=1, crop=1, cutout=2)
X, T = problem()[0], problem()[0][:, :3] ** 2
# The rows of 50 in eights leave 2 over; of 7 in threes 1, which joins; a batch of 1 is no share.
CASES: dict[str, Callable[[ProcessGroup | None], Arrays]] = {
    "plain": partial(_mlp, net={}, optimiser="sgd"),
    "dropout, narrow": partial(_mlp, net={"dropout": 0.4}, optimiser="nesterov", l1=1e-3, l2=1e-3),
    "batch, dropout, clip": partial(
        _mlp,
        net={"normalisation": "batch", "dropout": 0.3, "activation": ["relu", "rrelu"]},
        settings=TrainingSettings(n_epochs=3, batch_size=8, clip_norm=0.1),
        average=0.9,
    ),
    "adam, layer, averaged": partial(
        _mlp, net={"normalisation": "layer"}, optimiser="adam", average=0.8
    ),
    "batches of one row": partial(
        _mlp, net={"dropout": 0.4}, n=5, settings=TrainingSettings(n_epochs=2, batch_size=1)
    ),
    "ragged": partial(
        _mlp,
        net={"normalisation": "batch"},
        n=7,
        settings=TrainingSettings(n_epochs=3, batch_size=3),
    ),
    "early": partial(
        _mlp,
        net={"activation": "tanh"},
        validation=problem(20, 9),
        optimiser="momentum",
        settings=TrainingSettings(n_epochs=40, batch_size=8, patience=2),
    ),
    "targets": partial(_mlp, net={"normalisation": "batch"}, data=(X, T), loss=SQUARE),
    "bfloat16": partial(
        _mlp,
        net={"normalisation": "batch", "dtype": torch.float32},
        settings=TrainingSettings(n_epochs=2, batch_size=8, autocast=True),
    ),
    "float32": partial(
        _mlp, net={"normalisation": "batch", "dropout": 0.2, "dtype": torch.float32}, average=0.9
    ),
    "images": partial(_cnn, lines=RESIDUAL, changes=EVERY, dtype=torch.float64),
    "images, float32": partial(_cnn, lines=RESIDUAL, changes=EVERY, dtype=torch.float32),
}


def main(path: str) -> None:
    import os

    torch.set_num_threads(1)
    group = join(
        *(int(os.environ[k]) for k in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"))
    )
    found = {f"{case}/{k}": array for case, run in CASES.items() for k, array in run(group).items()}
    for name, array in group.from_first(found).items():
        # Every process has the same bits, or their weights would drift apart.
        np.testing.assert_array_equal(array, found[name], err_msg=f"{name}, {group.rank}")
    if group.rank == 0:
        np.savez(path, **found)  # type: ignore[arg-type]
    group.leave()


if __name__ == "__main__":
    main(sys.argv[1])

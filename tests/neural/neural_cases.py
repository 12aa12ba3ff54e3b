"""What the tests of the torch networks share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from mlcli.neural.batched_module import Stream
from mlcli.neural.losses import LOSSES
from mlcli.neural.mlp import MLP
from mlcli.neural.optimisers import OPTIMISERS, Optimiser
from mlcli.neural.training import TrainingResult, TrainingSettings, train
from mlcli.rng import stream

SIZES = (5, 7, 6, 3)
CROSS_ENTROPY, SQUARE = LOSSES["cross-entropy"], LOSSES["square"]


def streams_of(seeds: Sequence[int]) -> list[Stream]:
    return [partial(stream, seed, "test") for seed in seeds]


def problem(n: int = 50, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three overlapping classes in five dimensions."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    return rng.normal(size=(n, 5)) + 1.5 * np.eye(3, 5)[labels], labels


def new(seeds: Sequence[int], sizes: Sequence[int] = SIZES, **options: Any) -> MLP:
    options = {"dtype": torch.float64, "activation": "tanh", "scheme": "xavier"} | options
    return MLP(sizes, [s("weights") for s in streams_of(seeds)], **options)


def optimiser_of(net: MLP, name: str = "momentum", eta: Any = 0.05, **options: Any) -> Optimiser:
    return OPTIMISERS[name](net.theta, net.decays, eta, **options)


def trained(
    net: MLP,
    seeds: Sequence[int],
    *,
    optimiser: Optimiser | None = None,
    data: tuple[np.ndarray, np.ndarray] | None = None,
    settings: TrainingSettings | None = None,
    **options: Any,
) -> TrainingResult:
    X, t = data or problem()
    settings = settings or TrainingSettings(n_epochs=4, batch_size=8)
    optimiser = optimiser or optimiser_of(net)
    return train(net, optimiser, CROSS_ENTROPY, X, t, settings, streams_of(seeds), **options)

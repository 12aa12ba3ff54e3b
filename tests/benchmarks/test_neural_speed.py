"""Members in one program against a plain torch loop, in one run: ratios, never a gate."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch

from mlcli.neural.losses import LOSSES
from mlcli.neural.mlp import MLP
from mlcli.neural.optimisers import SGD
from mlcli.neural.training import Settings, train
from mlcli.rng import stream

N_EPOCHS = 1
N_SAMPLES = 6400
SIZES = (64, 128, 128, 10)


def seconds(work: Callable[[], Any]) -> float:
    t_start = time.perf_counter()
    work()
    return time.perf_counter() - t_start


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Noisy copies of the 8 x 8 digits: (N_SAMPLES, 64) and labels."""
    from sklearn.datasets import load_digits

    X, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(X), N_SAMPLES)
    noisy = X[rows] / 16 + rng.normal(0, 0.1, (N_SAMPLES, 64))
    return noisy.astype(np.float32), labels[rows]


def plain_loop(X: torch.Tensor, labels: torch.Tensor) -> None:
    """The loop of every tutorial, without evaluation."""
    layers: list[torch.nn.Module] = []
    for n_in, n_out in pairwise(SIZES):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    loss = torch.nn.CrossEntropyLoss()
    for _ in range(N_EPOCHS):
        order = torch.randperm(N_SAMPLES)
        for start in range(0, N_SAMPLES, 64):
            rows = order[start : start + 64]
            optimiser.zero_grad()
            E = loss(net(X[rows]), labels[rows])
            E.backward()
            optimiser.step()


@pytest.mark.parametrize(("n_members", "metrics"), [(1, True), (8, False), (8, True)])
def test_an_epoch_of_members_against_a_plain_loop(n_members: int, metrics: bool) -> None:
    torch.set_num_threads(2)
    X, labels = digits()
    streams = [partial(stream, seed) for seed in range(n_members)]
    as_torch = torch.from_numpy(X), torch.from_numpy(labels)

    settings = Settings(N_EPOCHS, 64, evaluate_training=metrics)

    def ours() -> None:
        net = MLP(SIZES, [s("weights") for s in streams])
        optimiser = SGD(net.theta, net.decays, 0.01, momentum=0.9)
        train(
            net, optimiser, LOSSES["cross-entropy"], X, labels, settings, streams,
            validation=(X[:1000], labels[:1000]) if metrics else None,
        )  # fmt: skip

    def theirs() -> None:
        plain_loop(*as_torch)

    ours(), theirs()
    times = [(seconds(ours), seconds(theirs)) for _ in range(15)]
    found = sorted(n_members * plain / own for own, plain in times)
    rate = N_EPOCHS * N_SAMPLES / median(plain for _, plain in times)
    own_rate = n_members * N_EPOCHS * N_SAMPLES / median(own for own, _ in times)
    print(
        f"\n{n_members} members, metrics {'on' if metrics else 'off'}: {own_rate:,.0f} samples/s; "
        f"a plain loop without {rate:,.0f}; "
        f"ratio {median(found):.2f} ({found[0]:.2f}-{found[-1]:.2f})"
    )

"""The `basic` preset on images of 28 x 28 pixels against a plain torch loop and Lightning.

Ratios of images per second, never a gate. A peer is written as its own
tutorial writes it: a Dataset, a DataLoader that shuffles, the layers as modules, as images come.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch

from mlcli.neural.architecture import PRESETS
from mlcli.neural.batches import member_rows
from mlcli.neural.cnn import CNN
from mlcli.neural.device import threads
from mlcli.neural.evaluation import evaluate
from mlcli.neural.losses import LOSSES
from mlcli.neural.optimisers import Adam
from mlcli.neural.training import TrainingSettings, train
from mlcli.rng import stream
from mlcli.scale.threads import cores, n_threads
from tests.benchmarks.conftest import Stopwatch

N_IMAGES = 5120
N_ROUNDS = 5
MULTIPLICATIONS = 2_000_000  # of `basic` for one image, for the choice of threads
Work = Callable[[], Any]


def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_IMAGES, 1, 28, 28)).astype(np.float32)
    return X, rng.integers(0, 10, N_IMAGES)


def ours(X: np.ndarray, labels: np.ndarray, batch_size: int) -> tuple[Work, Work]:
    """One epoch of training, and one evaluation of all images."""
    loss, streams = LOSSES["cross-entropy"], [partial(stream, 0)]
    count = n_threads(MULTIPLICATIONS, 1, batch_size)
    net = CNN(PRESETS["basic"], (1, 28, 28), 10, [streams[0]("weights")])
    rows = X.reshape(N_IMAGES, -1)

    def training() -> None:
        optimiser = Adam(net.theta, net.decays, 0.001)
        settings = TrainingSettings(1, batch_size, evaluate_training=False)
        with threads(count):
            train(net, optimiser, loss, rows, labels, settings, streams)

    def judging() -> None:
        with threads(count):
            evaluate(net, loss, member_rows(net, loss, rows, labels))

    return training, judging


def new_net() -> torch.nn.Sequential:
    """`basic` as modules."""
    nn = torch.nn
    layers: list[torch.nn.Module] = []
    for n_in, n_out in ((1, 16), (16, 32), (32, 64)):
        layers += [
            nn.Conv2d(n_in, n_out, 3, padding=1),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
        ]
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(576, 96), nn.ReLU(), nn.Dropout(0.25), nn.Linear(96, 10)
    )


def loader(X: np.ndarray, labels: np.ndarray, batch_size: int) -> Any:
    from torch.utils.data import DataLoader, TensorDataset

    rows = TensorDataset(torch.from_numpy(X), torch.from_numpy(labels))
    return DataLoader(rows, batch_size=batch_size, shuffle=True)


def plain_loop(X: np.ndarray, labels: np.ndarray, batch_size: int) -> tuple[str, Work]:
    net, batches = new_net(), loader(X, labels, batch_size)
    optimiser, loss = torch.optim.Adam(net.parameters(), lr=0.001), torch.nn.CrossEntropyLoss()

    def work() -> None:
        net.train()
        for x, t in batches:
            optimiser.zero_grad()
            loss(net(x), t).backward()
            optimiser.step()

    return f"a plain loop of torch {torch.__version__}", work


def lightning(X: np.ndarray, labels: np.ndarray, batch_size: int) -> tuple[str, Work]:
    pl = pytest.importorskip("lightning", reason="lightning is not installed: make bench does it")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Classifier(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.loss = new_net(), torch.nn.CrossEntropyLoss()

        def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
            x, t = batch
            return self.loss(self.net(x), t)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=0.001)

    def work() -> None:
        trainer = pl.Trainer(
            max_epochs=1,
            accelerator="cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Classifier(), loader(X, labels, batch_size))

    return f"Lightning {pl.__version__}", work


@pytest.mark.parametrize(("key", "peer"), [("loop", plain_loop), ("lightning", lightning)])
@pytest.mark.parametrize("batch_size", [256, 64])
def test_basic_against_a_peer(
    stopwatch: Stopwatch, key: str, peer: Callable[..., tuple[str, Work]], batch_size: int
) -> None:
    X, labels = images()
    training, judging = ours(X, labels, batch_size)
    with warnings.catch_warnings(action="ignore"), threads(cores()):
        name, theirs = peer(X, labels, batch_size)
        times = stopwatch.rounds([training, theirs, judging], N_ROUNDS)
    own, other, judged = (N_IMAGES / median(column) for column in zip(*times, strict=True))
    stopwatch.keep(
        f"images-{key}" + ("" if batch_size == 256 else "-64"),
        [t[1] / t[0] for t in times],
        f"{name} with a DataLoader",
        f"{own:,.0f} images/s, theirs {other:,.0f}",
    )
    if (key, batch_size) == ("loop", 256):
        stopwatch.keep(
            "images-evaluation",
            [t[0] / t[2] for t in times],
            "our own training",
            f"{judged:,.0f} images/s",
        )

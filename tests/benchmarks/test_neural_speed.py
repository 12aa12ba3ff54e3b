"""Members in one program against a plain torch loop, scikit-learn, Lightning and skorch.

Ratios of samples per second, never a gate. Every peer trains one member on the
same rows for the same epochs, in its own idiomatic code, and judges nothing after an epoch. Ours
takes the threads that `train-mlp` takes; a peer has its own default, and is also held to one
thread, where it may be faster, above all where other work runs on the machine.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from mlcli.neural.batches import member_rows
from mlcli.neural.device import threads
from mlcli.neural.evaluation import evaluate
from mlcli.neural.losses import LOSSES
from mlcli.neural.mlp import MLP
from mlcli.neural.optimisers import SGD
from mlcli.neural.training import TrainingSettings, train
from mlcli.rng import stream
from mlcli.scale.threads import cores, n_threads
from tests.benchmarks.conftest import Stopwatch
from tests.benchmarks.data import digits

N_EPOCHS = 3
N_SAMPLES = 6400
BATCH_SIZE = 64
N_STEPS = N_EPOCHS * N_SAMPLES // BATCH_SIZE
N_ROUNDS = 9
SIZES = (64, 128, 128, 10)

Work = Callable[[], None]
# Given the rows and labels: what the peer is called, with its version, and its whole training.
Peer = Callable[[np.ndarray, np.ndarray], tuple[str, Work]]


def quietly(work: Callable[[], Any]) -> Any:
    """Without the warnings of a peer, which pytest would make errors."""
    with warnings.catch_warnings(action="ignore"):
        return work()


def members(n_members: int, metrics: bool, X: np.ndarray, labels: np.ndarray) -> Work:
    """Our training of all members, bare or as `train-mlp` does it: judged on validation rows after
    each epoch and at the end on all rows, and the best weights kept.
    """
    streams = [partial(stream, seed) for seed in range(n_members)]
    settings = TrainingSettings(N_EPOCHS, BATCH_SIZE, evaluate_training=False, keep_best=metrics)
    loss = LOSSES["cross-entropy"]

    def work() -> None:
        net = MLP(SIZES, [s("weights") for s in streams])
        optimiser = SGD(net.theta, net.decays, 0.01, momentum=0.9)
        done = train(
            net,
            optimiser,
            loss,
            X,
            labels,
            settings,
            streams,
            validation=(X[:640], labels[:640]) if metrics else None,
        )
        assert done.n_steps == N_STEPS
        if metrics:
            evaluate(net, loss, member_rows(net, loss, X, labels))

    def on_its_threads() -> None:
        count = n_threads(sum(a * b for a, b in pairwise(SIZES)), n_members, BATCH_SIZE)
        with threads(count), threadpool_limits(count):
            work()

    return on_its_threads


def new_net() -> torch.nn.Sequential:
    """The network of one member as every tutorial writes it."""
    layers: list[torch.nn.Module] = []
    for n_in, n_out in pairwise(SIZES):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def plain_loop(X: np.ndarray, labels: np.ndarray) -> tuple[str, Work]:
    """The loop of every tutorial, without evaluation."""
    inputs, targets = torch.from_numpy(X), torch.from_numpy(labels)

    def work() -> None:
        net = new_net()
        optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
        loss = torch.nn.CrossEntropyLoss()
        for _ in range(N_EPOCHS):
            order = torch.randperm(N_SAMPLES)
            for start in range(0, N_SAMPLES, BATCH_SIZE):
                rows = order[start : start + BATCH_SIZE]
                optimiser.zero_grad()
                E = loss(net(inputs[rows]), targets[rows])
                E.backward()
                optimiser.step()

    return f"a plain loop of torch {torch.__version__}", work


def scikit_learn(X: np.ndarray, labels: np.ndarray) -> tuple[str, Work]:
    """MLPClassifier; on float32 rows it computes in float32 too."""
    import sklearn
    from sklearn.neural_network import MLPClassifier

    def work() -> None:
        peer = MLPClassifier(
            (128, 128),
            solver="sgd",
            alpha=0.0,
            batch_size=BATCH_SIZE,
            learning_rate_init=0.01,
            momentum=0.9,
            nesterovs_momentum=False,
            max_iter=N_EPOCHS,
            tol=0.0,
            n_iter_no_change=N_EPOCHS + 1,
        )
        peer.fit(X, labels)
        assert peer.n_iter_ == N_EPOCHS

    return f"MLPClassifier of scikit-learn {sklearn.__version__}", work


def lightning(X: np.ndarray, labels: np.ndarray) -> tuple[str, Work]:
    """A LightningModule, a DataLoader and a Trainer that neither logs nor saves nor shows."""
    pl = pytest.importorskip("lightning", reason="lightning is not installed: make bench does it")
    from torch.utils.data import DataLoader, TensorDataset

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # no tips in the log

    class Classifier(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = new_net()
            self.loss = torch.nn.CrossEntropyLoss()

        def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
            x, t = batch
            return self.loss(self.net(x), t)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)

    rows = TensorDataset(torch.from_numpy(X), torch.from_numpy(labels))

    def work() -> None:
        batches = DataLoader(rows, batch_size=BATCH_SIZE, shuffle=True)
        trainer = pl.Trainer(
            max_epochs=N_EPOCHS,
            accelerator="cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Classifier(), batches)
        assert trainer.global_step == N_STEPS

    return f"Lightning {pl.__version__}", work


def skorch(X: np.ndarray, labels: np.ndarray) -> tuple[str, Work]:
    """NeuralNetClassifier with its default callbacks, all rows to train on, in shuffled order."""
    peers = pytest.importorskip("skorch", reason="skorch is not installed: make bench does it")

    def work() -> None:
        peer = peers.NeuralNetClassifier(
            new_net,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.SGD,
            lr=0.01,
            optimizer__momentum=0.9,
            max_epochs=N_EPOCHS,
            batch_size=BATCH_SIZE,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )
        peer.fit(X, labels)
        assert len(peer.history) == N_EPOCHS

    return f"NeuralNetClassifier of skorch {peers.__version__}", work


def on_threads(count: int | None, work: Callable[[], Any]) -> Work:
    """The work on so many threads; None: as many as it takes by itself."""

    def limited() -> None:
        n = count or cores()
        with threads(n), threadpool_limits(n):
            work()

    return limited


@pytest.mark.parametrize("peer_threads", [None, 1])
@pytest.mark.parametrize(
    ("key", "peer", "n_members"),
    [
        ("member-loop", plain_loop, 1),
        ("members-loop", plain_loop, 8),
        ("members-scikit-learn", scikit_learn, 8),
        ("members-lightning", lightning, 8),
        ("members-skorch", skorch, 8),
    ],
)
def test_members_against_a_peer(
    stopwatch: Stopwatch, key: str, peer: Peer, n_members: int, peer_threads: int | None
) -> None:
    X, labels = digits(N_SAMPLES)
    name, peer_work = quietly(partial(peer, X, labels))
    works = [
        members(n_members, False, X, labels),
        members(n_members, True, X, labels),
        on_threads(peer_threads, partial(quietly, peer_work)),
    ]
    times = stopwatch.rounds(works, N_ROUNDS)
    n_samples = N_EPOCHS * N_SAMPLES
    own, own_judged, theirs = (n_samples / median(column) for column in zip(*times, strict=True))
    judged = n_members == 1
    ratios = [n_members * t[2] / t[1 if judged else 0] for t in times]
    other = median(n_members * t[2] / t[0 if judged else 1] for t in times)
    stopwatch.keep(
        key,
        ratios,
        f"{name}, {'one thread' if peer_threads else 'threads by default'}",
        f"{other:.2f} {'without' if judged else 'with all'} metrics; "
        f"{n_members * own:,.0f} samples/s, {n_members * own_judged:,.0f} with metrics, "
        f"theirs {theirs:,.0f}",
    )

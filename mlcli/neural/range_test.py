"""The range test of section 7.4: the loss as the learning rate grows at each step.

The network, its optimiser and every generator are afterwards bit for bit what they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlcli.neural.batched_module import BatchedModule, Stream
from mlcli.neural.batches import View
from mlcli.neural.losses import Loss
from mlcli.neural.optimisers import Optimiser
from mlcli.neural.training import EpochReport, TrainingSettings, train

Floats = NDArray[np.float64]


@contextmanager
def untouched(net: BatchedModule, optimiser: Optimiser) -> Iterator[None]:
    """Restore members and optimiser after the block, however it ends.

    Saved are parameters, buffers, the gradient, training or evaluation mode, each member's noise,
    the optimiser's state and frozen members, and torch's global generator.
    """
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    gradient, training = net.gradient.clone(), net.training
    noise = [generator.get_state() for generator in net.noise]
    memory, minus_eta = optimiser.state_dict(), optimiser.minus_eta
    # Of the devices' own generators nothing is drawn.
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            net.load_state_dict(state)
            net.gradient.copy_(gradient)
            net.train(training)
            for generator, before in zip(net.noise, noise, strict=True):
                generator.set_state(before)
            optimiser.load_state_dict(memory)
            # `freeze` replaces this tensor and never writes into it.
            optimiser.minus_eta = minus_eta


def range_test(
    net: BatchedModule,
    optimiser: Optimiser,
    loss: Loss,
    X: NDArray[Any],
    t: NDArray[Any],
    rates: Floats,
    streams: Sequence[Stream],
    *,
    batch_size: int,
    view: View | None = None,
    clip_norm: float | None = None,
    autocast: bool = False,
) -> Floats:
    """E of each minibatch before its step with the rate eta_t, for all members at once.

    The optimiser starts without momentum, and every member, frozen or not, has the same rates.
    A member whose loss is no longer finite is frozen at the end of the epoch.

    Args:
        net: M members; the same afterwards.
        optimiser: of `net.theta`; the same afterwards.
        loss: E.
        X: inputs, (N, ...).
        t: labels (N,) or targets (N, K).
        rates: eta_0, eta_1, ... of the steps, (n,).
        streams: randomness of each member, as `neural.training.train` draws from them.
        batch_size: rows of a minibatch.
        view: which rows each member trains on, in which units; None: all, as they are.
        clip_norm: longest gradient of a member, or None.
        autocast: forward passes in bfloat16.

    Returns:
        (n, M); NaN at steps after the last member diverged.

    Raises:
        ValueError: the arguments don't belong together.
    """
    losses = np.full((len(rates), net.n_members), np.nan)

    def on_epoch(report: EpochReport) -> None:
        losses[report.step - len(report.step_losses) : report.step] = report.step_losses

    settings = _settings(rates, batch_size, clip_norm, autocast)
    with untouched(net, optimiser):
        optimiser.n_steps = 0
        for tensor in optimiser.buffers().values():
            tensor.zero_()
        # With eta = 1 the schedule is the rate itself.
        optimiser.minus_eta = -torch.ones_like(optimiser.learning_rate)
        train(net, optimiser, loss, X, t, settings, streams, view=view, on_epoch=on_epoch)
    return losses


def _settings(
    rates: Floats, batch_size: int, clip_norm: float | None, autocast: bool
) -> TrainingSettings:
    """A training with one step per rate, which goes on when a member diverges."""
    return TrainingSettings(
        # Never too few: an epoch has at least one step.
        n_epochs=len(rates),
        max_steps=len(rates),
        batch_size=batch_size,
        schedule=lambda step, n_steps: float(rates[step]),
        clip_norm=clip_norm,
        evaluate_training=False,
        raise_on_divergence=False,
        autocast=autocast,
    )

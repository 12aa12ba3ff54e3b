"""Minibatch gradient descent with momentum (sections 4.1.1 and 6.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.backpropagation.backpropagation import backward, forward
from mlcli.backpropagation.layers import Network, on_one_vector, parameters, update_running
from mlcli.backpropagation.losses import Loss, Targets
from mlcli.errors import NoAnswerError

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network.

    Attributes:
        network: with the parameters after the last step.
        losses: E of each minibatch before its step, (n_steps,).
        velocity: v after the last step, in the order of `layers.on_one_vector`, (n_w,).
    """

    network: Network
    losses: Floats
    velocity: Floats


class DivergedError(NoAnswerError):
    """The loss of a step is not finite.

    Attributes:
        step: its number, from 1.
        loss: its value.
    """

    def __init__(self, step: int, loss: float) -> None:
        super().__init__(
            f"the loss at step {step}", must="finite", got=f"{loss}", hint="a smaller learning rate"
        )
        self.step, self.loss = step, loss


def minibatches(
    rng: np.random.Generator, n_samples: int, batch_size: int, n_epochs: int
) -> Iterator[Ints]:
    """Indices of the rows of each minibatch; every epoch visits all rows in a new order.

    The last minibatch of an epoch has the remaining rows. A single remaining row joins the one
    before, since batch normalisation needs two rows.

    Raises:
        ValueError: the batch size is not positive.
    """
    if batch_size < 1:
        raise ValueError(f"the batch size must be at least 1, got {batch_size}")
    cuts = list(range(0, n_samples, batch_size))
    if len(cuts) > 1 and batch_size > 1 and n_samples - cuts[-1] == 1:
        cuts.pop()
    bounds = [*cuts, n_samples]
    for _ in range(n_epochs):
        order = rng.permutation(n_samples)
        for start, end in pairwise(bounds):
            yield order[start:end]


def train(
    network: Network,
    X: Floats,
    targets: Targets,
    loss: Loss,
    batches: Iterable[Ints],
    *,
    learning_rate: float | Callable[[int], float],
    momentum: float = 0.0,
    velocity: Floats | None = None,
    rng: np.random.Generator | None = None,
) -> TrainedNetwork:
    """v <- momentum v + dE/dw, w <- w - learning_rate v, once for each minibatch; v = 0 at first.

    Without momentum it is (4.6) with the gradient of (4.8).

    Args:
        network: where to start; not changed.
        X: inputs, (N, D), of the network's dtype.
        targets: (N, K), or labels (N,), as the loss requires.
        loss: E of a minibatch and delta of its outputs.
        batches: rows of each minibatch, see `minibatches`.
        learning_rate: eta of (4.6), positive; of a schedule, eta(t) of step t = 0, 1, ...
        momentum: factor of the velocity in each step, 0 <= momentum < 1.
        velocity: initial v, such as that of an earlier training, (n_w,); by default 0.
        rng: for the slopes of RReLU; only they need it.

    Raises:
        DivergedError: the loss is no longer a finite number.
        ValueError: the learning rate or the momentum is out of range.
    """
    if not callable(learning_rate) and not learning_rate > 0:
        raise ValueError(f"the learning rate must be positive, got {learning_rate}")
    if not 0 <= momentum < 1:
        raise ValueError(f"the momentum must be at least 0 and below 1, got {momentum}")
    network, w = on_one_vector(network)
    gradient_network, gradient = on_one_vector(network)
    places = [parameters((layer,)) for layer in gradient_network]
    velocity = np.zeros_like(w) if velocity is None else velocity.copy()
    step_size = np.empty_like(w)
    losses: list[float] = []
    # A diverging run overflows before its loss does; the loss is what is checked.
    with np.errstate(over="ignore", invalid="ignore"):
        for step, rows in enumerate(batches):
            outputs, caches = forward(network, X[rows], rng)
            E, delta = loss(outputs, targets[rows])
            if not math.isfinite(E):
                raise DivergedError(step + 1, E)
            losses.append(E)
            backward(network, caches, delta, places)
            velocity *= momentum
            velocity += gradient
            eta = learning_rate(step) if callable(learning_rate) else learning_rate
            w -= np.multiply(velocity, eta, out=step_size)
            for layer, past in zip(network, caches, strict=True):
                if layer.norm is not None and past.normalised is not None:
                    update_running(layer.norm, past.normalised)
    return TrainedNetwork(network, np.array(losses), velocity)

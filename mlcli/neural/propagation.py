"""What flows forward and backward through a network as it was drawn (sections 7.1 to 7.3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mlcli.neural.losses import Loss
from mlcli.neural.members import Members
from mlcli.neural.mlp import MLP, Seen

Floats = NDArray[np.float64]


class Signals(NamedTuple):
    """Mean squares over rows and neurons of the hidden layers l = 1, ..., L; each array (L, M).

    Attributes:
        forward: of a^(l) as it enters h; its mean over the weights is 0.
        backward: of delta^(l) = dE/da^(l).
    """

    forward: Floats
    backward: Floats


def signals(net: MLP, activation: str, X: Floats, errors: Floats) -> Signals:
    """Send rows forward and given errors backward, (7.1), with statistics of the minibatch.

    The errors stand at the output, so that what is measured depends on no loss.

    Args:
        net: M members; from now on with `activation`, so that one draw of the weights can serve
            all activations of equal gain.
        activation: h of every member.
        X: inputs, (M, N, D).
        errors: delta^(L+1), (M, N, K).
    """
    net.activations = [activation] * net.n_members
    net.train()
    seen: list[Seen] = []
    A = net(_like(net, X), seen)  # (M, N, K)
    layers = [layer.a for layer in seen]
    deltas = torch.autograd.grad(A, layers, _like(net, errors))
    forward = torch.stack([a.detach().square().mean(dim=(1, 2)) for a in layers])
    backward = torch.stack([delta.square().mean(dim=(1, 2)) for delta in deltas])
    return Signals(forward.cpu().numpy(), backward.cpu().numpy())


def weight_gradient(net: MLP, layer: int, X: Floats, errors: Floats) -> Floats:
    """dE/dW^(l) of one minibatch, (7.23) summed over its rows, (M, n^(l-1), n^(l)).

    Args:
        net: M members.
        layer: l.
        X: inputs, (M, B, D).
        errors: delta^(L+1), (M, B, K).
    """
    net.train()
    A = net(_like(net, X))
    (gradient,) = torch.autograd.grad(A, net.leaves[f"W{layer}"], _like(net, errors))
    return gradient.cpu().numpy().astype(np.float64)


def one_signed(gradients: Floats, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many gradients of n weights of one neuron have no two entries of opposite signs.

    Args:
        gradients: (M, n_in, n_out), one neuron a column.
        n: entries that are looked at together, at most n_in.

    Returns:
        Of each member how many have one sign, and of how many that are not all zero, (M,) each.
    """
    n_members, n_in, n_out = gradients.shape
    groups = gradients[:, : n_in // n * n].reshape(n_members, n_in // n, n, n_out)
    low, high = groups.min(axis=2), groups.max(axis=2)
    alive = (low != 0) | (high != 0)
    one_sign = alive & ((low >= 0) | (high <= 0))
    return one_sign.sum(axis=(1, 2)), alive.sum(axis=(1, 2))


class TrainingScores(NamedTuple):
    """Loss and accuracy of each member on its training rows, (M,) each."""

    loss: Floats
    accuracy: Floats


@torch.no_grad()
def training_scores(net: Members, loss: Loss, X: NDArray[Any], t: NDArray[Any]) -> TrainingScores:
    """Scores as training sees them: batch normalisation takes the statistics of these rows.

    After few steps its moving averages still lag behind the weights, and would judge the lag.

    Args:
        net: M members.
        loss: E, of labels.
        X: inputs, (N, D).
        t: labels, (N,).
    """
    net.train()
    rows = _like(net, X).expand(net.n_members, *X.shape)  # (M, N, D)
    labels = torch.as_tensor(t, device=net.theta.device).expand(net.n_members, len(t))
    A = net(rows)
    right = (A.argmax(dim=2) == labels).double().mean(dim=1)
    E = loss.value(A, labels).double()
    return TrainingScores(E.cpu().numpy(), right.cpu().numpy())


def _like(net: Members, values: NDArray[Any]) -> torch.Tensor:
    return torch.as_tensor(values).to(net.theta)


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch computes on one thread, and numbers too small for full precision are zero.

    The way a sum is split among threads decides its last bits, and a worker process must not use
    the threads that its parent started. Vanishing gradients are full of numbers below 1e-38, on
    which a processor is some 100 times as slow.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)

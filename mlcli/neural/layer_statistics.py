"""Statistics of activations, errors and gradients of each layer (sections 7.1 to 7.3)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.activations import activate, find_activation
from mlcli.neural.batches import View, member_rows
from mlcli.neural.device import on_device, to_numpy
from mlcli.neural.losses import Loss
from mlcli.neural.mlp import MLP, LayerOutputs

Floats = NDArray[np.float64]
# A neuron is saturated on a row where h' is below this share of `reference_derivative`.
SATURATION = 0.05


class LayerStatistics(NamedTuple):
    """One hidden layer l on a batch; each array (M,).

    Attributes:
        layer: l = 1, ..., L.
        preactivation_mean: of a, as it enters h, over rows and neurons.
        preactivation_std: of a.
        activation_mean: of z = h(a).
        activation_std: of z.
        dead: share of neurons with h' = 0 on every row, whose weights get no gradient.
        saturated: share of rows and neurons where h' is below 5 % of `reference_derivative`.
        error_rms: root of the mean square of delta^(l) = dE/da times the number of rows, (7.1).
        gradient_rms: root of the mean square of dE/dW^(l).
    """

    layer: int
    preactivation_mean: Floats
    preactivation_std: Floats
    activation_mean: Floats
    activation_std: Floats
    dead: Floats
    saturated: Floats
    error_rms: Floats
    gradient_rms: Floats


STATISTICS = LayerStatistics._fields[1:]


def layer_statistics(
    net: MLP, loss: Loss, X: NDArray[Any], t: NDArray[Any], view: View | None = None
) -> list[LayerStatistics]:
    """Statistics of each hidden layer on one batch, in evaluation mode; the network is not changed.

    Args:
        net: M members.
        loss: E.
        X: inputs, (N, D).
        t: labels (N,) or targets (N, K).
        view: rows and units of each member; None: all rows, as they are.
    """
    part = member_rows(net, loss, X, t, view)
    net.eval()
    seen: list[LayerOutputs] = []
    rows, targets = part.rows(0, part.n_rows, net.n_members)
    A = net(rows, seen)  # (M, N, K)
    delta = loss.value_and_delta(A.detach(), targets)[1]
    deltas = torch.autograd.grad(A, [layer.a for layer in seen], delta, retain_graph=True)
    gradients = net.unpack(net.backward(A, delta))
    return [
        _of_layer(net, layer, delta, gradients[f"W{layer.layer}"])
        for layer, delta in zip(seen, deltas, strict=True)
    ]


def _of_layer(net: MLP, seen: LayerOutputs, delta: Tensor, gradient: Tensor) -> LayerStatistics:
    derivatives = _derivatives(net, seen).abs()  # (M, N, n)
    reference = [find_activation(name).reference_derivative for name in net.activations]
    bound = SATURATION * on_device(reference, derivatives).view(-1, 1, 1)
    n_rows = delta.shape[1]
    found = [
        seen.a.mean(dim=(1, 2)),
        seen.a.std(dim=(1, 2), correction=0),
        seen.z.mean(dim=(1, 2)),
        seen.z.std(dim=(1, 2), correction=0),
        _share((derivatives == 0).all(dim=1)),
        _share(derivatives < bound),
        n_rows * delta.square().mean(dim=(1, 2)).sqrt(),
        gradient.square().mean(dim=(1, 2)).sqrt(),
    ]
    arrays = [to_numpy(tensor).astype(np.float64) for tensor in found]
    return LayerStatistics(seen.layer, *arrays)


def _share(flags: Tensor) -> Tensor:
    """The share of flags (M, ...) that are set, (M,), in float64 on the CPU."""
    return flags.flatten(1).sum(dim=1).cpu().double() / flags[0].numel()


def _derivatives(net: MLP, seen: LayerOutputs) -> Tensor:
    """h'(a) of a layer, (M, N, n)."""
    a = seen.a.detach().requires_grad_()
    slopes = net.unpack(net.theta).get(f"slope{seen.layer}")
    z = activate(net.activations, a, slopes)
    (h_prime,) = torch.autograd.grad(z.sum(), a)
    return h_prime


class Signals(NamedTuple):
    """Mean squares over rows and neurons of the hidden layers l = 1, ..., L; each array (L, M).

    Attributes:
        forward: of a^(l) as it enters h; its mean over the weights is 0.
        backward: of delta^(l) = dE/da^(l).
    """

    forward: Floats
    backward: Floats


def signals(net: MLP, activation: str, X: Floats, delta: Floats) -> Signals:
    """Propagate rows forward and a given delta backward, (7.1), with minibatch statistics.

    delta is given at the output, so that the measurement depends on no loss.

    Args:
        net: M members; its activation is set, so that one draw of the weights can serve all
            activations of equal gain.
        activation: h of every member.
        X: inputs, (M, N, D).
        delta: delta^(L+1), (M, N, K).
    """
    net.activations = [activation] * net.n_members
    net.train()
    seen: list[LayerOutputs] = []
    A = net(on_device(X, net.theta), seen)  # (M, N, K)
    layers = [layer.a for layer in seen]
    deltas = torch.autograd.grad(A, layers, on_device(delta, net.theta))
    forward = torch.stack([a.detach().square().mean(dim=(1, 2)) for a in layers])
    backward = torch.stack([delta.square().mean(dim=(1, 2)) for delta in deltas])
    return Signals(to_numpy(forward), to_numpy(backward))


def layer_values(net: MLP, X: Floats, delta: Floats) -> tuple[list[Floats], list[Floats]]:
    """z^(l) and delta^(l) = dE/da^(l) of each hidden layer for a given delta at the output, (7.1).

    Args:
        net: M members.
        X: inputs, (M, N, D).
        delta: delta^(L+1), (M, N, K).

    Returns:
        Two lists of L arrays (M, N, n^(l)).
    """
    seen: list[LayerOutputs] = []
    A = net(on_device(X, net.theta), seen)  # (M, N, K)
    deltas = torch.autograd.grad(A, [layer.a for layer in seen], on_device(delta, net.theta))
    return [to_numpy(layer.z) for layer in seen], [to_numpy(one) for one in deltas]


def weight_gradient(net: MLP, layer: int, X: Floats, delta: Floats) -> Floats:
    """dE/dW^(l) of one minibatch, (7.23) summed over its rows, (M, n^(l-1), n^(l)).

    Args:
        net: M members.
        layer: l.
        X: inputs, (M, B, D).
        delta: delta^(L+1), (M, B, K).
    """
    net.train()
    A = net(on_device(X, net.theta))
    (gradient,) = torch.autograd.grad(A, net.leaves[f"W{layer}"], on_device(delta, net.theta))
    return to_numpy(gradient).astype(np.float64)


def one_signed(gradients: Floats, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count gradients of n weights of one neuron whose entries have no opposite signs.

    Args:
        gradients: (M, n_in, n_out), one neuron per column.
        n: entries per group, at most n_in.

    Returns:
        Per member the number of groups with one sign, and of groups that are not all zero, (M,).
    """
    n_members, n_in, n_out = gradients.shape
    groups = gradients[:, : n_in // n * n].reshape(n_members, n_in // n, n, n_out)
    low, high = groups.min(axis=2), groups.max(axis=2)
    alive = (low != 0) | (high != 0)
    one_sign = alive & ((low >= 0) | (high <= 0))
    return one_sign.sum(axis=(1, 2)), alive.sum(axis=(1, 2))

"""What flows forward and backward through each layer of each member (sections 7.1 and 7.2)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.activations import activate, find_activation
from mlcli.neural.batches import View, part_of
from mlcli.neural.losses import Loss
from mlcli.neural.mlp import MLP, Seen

Floats = NDArray[np.float64]
# A neuron is saturated on a row where h' is below this share of the largest h'.
SATURATION = 0.05


class LayerStatistics(NamedTuple):
    """One hidden layer l on a batch; each array (M,).

    Attributes:
        layer: l = 1, ..., L.
        preactivation_mean: of a, as it enters h, over rows and neurons.
        preactivation_std: of a.
        activation_mean: of z = h(a).
        activation_std: of z.
        dead: share of neurons with h' = 0 on every row: none of their weights moves.
        saturated: share of rows and neurons where h' is below 5 % of its largest value.
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
    """Statistics of each hidden layer on one batch, in evaluation mode; the network stays as it is.

    Args:
        net: M members.
        loss: E.
        X: inputs, (N, D).
        t: labels (N,) or targets (N, K).
        view: which rows each member sees, in which units; None: all, as they are.
    """
    part = part_of(net, loss, X, t, view)
    net.eval()
    seen: list[Seen] = []
    rows, targets = part.rows(0, part.n_rows, net.n_members)
    A = net(rows, seen)  # (M, N, K)
    errors = loss.with_errors(A.detach(), targets)[1]
    deltas = torch.autograd.grad(A, [layer.a for layer in seen], errors, retain_graph=True)
    gradients = net.unpack(net.backward(A, errors))
    return [
        _of_layer(net, layer, delta, gradients[f"W{layer.layer}"])
        for layer, delta in zip(seen, deltas, strict=True)
    ]


def _of_layer(net: MLP, seen: Seen, delta: Tensor, gradient: Tensor) -> LayerStatistics:
    slopes = _slopes(net, seen).abs()  # (M, N, n)
    steepest = [find_activation(name).steepest for name in net.activations]
    bound = SATURATION * torch.tensor(steepest).to(slopes).view(-1, 1, 1)
    n_rows = delta.shape[1]
    found = [
        seen.a.mean(dim=(1, 2)),
        seen.a.std(dim=(1, 2), correction=0),
        seen.z.mean(dim=(1, 2)),
        seen.z.std(dim=(1, 2), correction=0),
        (slopes == 0).all(dim=1).double().mean(dim=1),
        (slopes < bound).double().mean(dim=(1, 2)),
        n_rows * delta.square().mean(dim=(1, 2)).sqrt(),
        gradient.square().mean(dim=(1, 2)).sqrt(),
    ]
    arrays = [tensor.detach().cpu().numpy().astype(np.float64) for tensor in found]
    return LayerStatistics(seen.layer, *arrays)


def _slopes(net: MLP, seen: Seen) -> Tensor:
    """h'(a) of a layer, (M, N, n)."""
    a = seen.a.detach().requires_grad_()
    slopes = net.unpack(net.theta).get(f"slope{seen.layer}")
    z = activate(net.activations, a, slopes)
    (h_prime,) = torch.autograd.grad(z.sum(), a)
    return h_prime

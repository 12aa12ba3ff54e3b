"""The passes of one row as the sums of section 6.3, index by index: to be read beside the page.

`backpropagation.forward` and `backward` are the same in matrices, as in section 6.4. Lists are
numbered as in the notes: entry l is layer l, and entry 0 the inputs z^(0) = x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.backpropagation.activations import ActivationFunction
from mlcli.backpropagation.layers import DenseLayer, Network

Floats = NDArray[np.floating[Any]]
Values = list[float]


@dataclass(frozen=True)
class ForwardSums:
    """What the forward pass of one row finds, layer by layer.

    Attributes:
        a: preactivations a_k^(l); a[0] is empty.
        z: activations z_k^(l), z[0] = x; those of the last layer are the outputs y.
    """

    a: list[Values]
    z: list[Values]


@dataclass(frozen=True)
class BackwardSums:
    """What the backward pass of one row finds, layer by layer; entry 0 is empty.

    Attributes:
        slope: h'(a_j^(l)); empty for the last layer, whose h^(out) is part of the loss.
        delta: delta_j^(l) = dE_alpha/da_j^(l).
        W: dE_alpha/dw_kj^(l), a list for each unit k.
        b: dE_alpha/db_k^(l).
    """

    slope: list[Values]
    delta: list[Values]
    W: list[list[Values]]
    b: list[Values]


def forward_sums(
    network: Network, x: Sequence[float], output: Callable[[Floats], Floats]
) -> ForwardSums:
    """a_k^(l) = sum_j w_kj^(l) z_j^(l-1) + w_k0^(l), z_k^(l) = h^(l)(a_k^(l)), (6.12) to (6.15).

    Printed in (6.30) is z^(l), and in (6.20) the sum stands outside of h; here they are right.

    Args:
        network: layers 1..L+1 without normalisation; not changed.
        x: inputs, D numbers.
        output: h^(out), from (1, K) to (1, K).
    """
    a: list[Values] = [[]]
    z: list[Values] = [list(x)]
    for layer in network:
        W, b, before = layer.W.tolist(), layer.b.tolist(), z[-1]
        a.append([_sum_of_products(W[k], before) + b[k] for k in range(len(b))])
        z.append(_function_of(layer).value(np.array(a[-1])).tolist())
    z[-1] = output(np.array([a[-1]]))[0].tolist()
    return ForwardSums(a, z)


def backward_sums(network: Network, found: ForwardSums, delta: Sequence[float]) -> BackwardSums:
    """delta, then every gradient of one row, by (6.33) to (6.36).

    delta_j^(l) = h'(a_j^(l)) sum_k delta_k^(l+1) w_kj^(l+1), where k runs from 1: the constant 1
    behind the bias, k = 0 in print, has no error. dE/dw_kj^(l) = delta_k^(l) z_j^(l-1) and
    dE/db_k^(l) = delta_k^(l).

    Args:
        network: as in `forward_sums`.
        found: of the forward pass.
        delta: delta^(L+1) = dE_alpha/da^(L+1), (6.27), K numbers; y - t for the losses of the
            notes, (6.25).
    """
    last = len(network)
    deltas: list[Values] = [[] for _ in range(last + 1)]
    slopes: list[Values] = [[] for _ in range(last + 1)]
    deltas[last] = list(delta)
    for i in reversed(range(1, last)):
        after = network[i].W.tolist()  # w_kj^(i+1)
        slopes[i] = _function_of(network[i - 1]).derivative(np.array(found.z[i])).tolist()
        deltas[i] = [
            slope * _sum_of_products(deltas[i + 1], [w_k[j] for w_k in after])
            for j, slope in enumerate(slopes[i])
        ]
    W = [
        [[delta_k * z_j for z_j in found.z[i - 1]] for delta_k in deltas[i]] if i else []
        for i in range(last + 1)
    ]
    return BackwardSums(slopes, deltas, W, [list(one) for one in deltas])


def multiplications(sizes: Sequence[int]) -> tuple[int, int]:
    """Multiplications of one row's forward and backward pass, without those inside of h and h'.

    Forward: one for each weight w_kj, biases left out. Backward: one for each in (6.36), and in
    (6.34) one for each weight above layer 1 and one for each hidden unit.

    Args:
        sizes: D, n^(1), ..., n^(L), K.
    """
    products = [n_in * n_out for n_in, n_out in pairwise(sizes)]
    return sum(products), sum(products) + sum(products[1:]) + sum(sizes[1:-1])


def _sum_of_products(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(one * other for one, other in zip(left, right, strict=True))


def _function_of(layer: DenseLayer) -> ActivationFunction:
    if not isinstance(layer.h, ActivationFunction):
        raise TypeError("a layer of sums must have an activation without slopes of its own")
    return layer.h

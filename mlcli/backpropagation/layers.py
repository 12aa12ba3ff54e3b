"""A dense layer: affine map, batch normalisation if wanted, activation (sections 6.2 and 7.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mlcli.backpropagation.activations import Activation, identity
from mlcli.backpropagation.batch_norm import BatchNorm, new_batch_norm
from mlcli.backpropagation.initialisation import draw_weights
from mlcli.backpropagation.leaky import Leaky, PReLU

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Layer:
    """One layer l: a = W z^(l-1) + b, then (7.24) if normalised, then h.

    Attributes:
        W: weights, (n_out, n_in).
        b: biases, (n_out,): w_k0 of (6.14), printed there as w_j0.
        h: activation; a PReLU's slopes are parameters of the layer.
        norm: batch normalisation between a and h, or None.
    """

    W: Floats
    b: Floats
    h: Activation | Leaky
    norm: BatchNorm | None = None


Network = tuple[Layer, ...]


def new_network(
    rng: np.random.Generator,
    sizes: Sequence[int],
    h: Activation | Leaky,
    *,
    scheme: str = "xavier",
    distribution: Literal["normal", "uniform"] = "normal",
    normalised: bool = False,
    dtype: DTypeLike = np.float64,
) -> Network:
    """Layers of (6.12)-(6.15), biases zero; the output layer is affine, without h and (7.24).

    Args:
        rng: for the weights.
        sizes: D, n^(1), ..., n^(L), K.
        h: activation of the hidden layers; each neuron gets a slope of its own from a PReLU.
        scheme: variance of the weights, see `initialisation.variance`.
        distribution: normal or uniform.
        normalised: batch normalisation in each hidden layer.
        dtype: of every array.

    Raises:
        ValueError: fewer than two sizes, or one that is not positive.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes must be at least two positive numbers, got {list(sizes)}")
    layers = []
    for i, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
        hidden = i < len(sizes) - 1
        W = draw_weights(rng, n_in, n_out, scheme, distribution, dtype)
        norm = new_batch_norm(n_out, dtype) if hidden and normalised else None
        own = PReLU(np.full(n_out, h.alpha, dtype)) if isinstance(h, PReLU) else h
        layers.append(Layer(W, np.zeros(n_out, dtype), own if hidden else identity(), norm))
    return tuple(layers)


def parameters(network: Network) -> list[Floats]:
    """W, b, then gamma, beta where normalised and alpha of a PReLU: what each layer learns."""
    found = []
    for layer in network:
        found += [layer.W, layer.b]
        if layer.norm is not None:
            found += [layer.norm.gamma, layer.norm.beta]
        if isinstance(layer.h, PReLU):
            found.append(layer.h.alpha)
    return found


def on_one_vector(network: Network) -> tuple[Network, Floats]:
    """A copy of the network whose parameters are views of one vector, and that vector (n_w,).

    A step of gradient descent is then one operation on w, however many layers there are. The
    running statistics are copied too, outside the vector.
    """
    w = np.concatenate([array.ravel() for array in parameters(network)])  # (n_w,)
    start = 0

    def view(array: Floats) -> Floats:
        nonlocal start
        start += array.size
        return w[start - array.size : start].reshape(array.shape)

    layers = []
    for layer in network:
        W, b, norm, h = view(layer.W), view(layer.b), layer.norm, layer.h
        if norm is not None:
            norm = replace(
                norm,
                gamma=view(norm.gamma),
                beta=view(norm.beta),
                running_mean=norm.running_mean.copy(),
                running_var=norm.running_var.copy(),
            )
        if isinstance(h, PReLU):
            h = PReLU(view(h.alpha))
        layers.append(Layer(W, b, h, norm))
    return tuple(layers), w

"""Forward pass and vectorised backpropagation (sections 6.2 to 6.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.backpropagation.activations import (
    ActivationFunction,
    LeakyCache,
    leak,
    leak_backward,
    leak_frozen,
)
from mlcli.backpropagation.layers import (
    BatchNormCache,
    Network,
    normalise,
    normalise_backward,
    normalise_frozen,
)

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class LayerCache:
    """What the backward pass needs of one layer.

    Attributes:
        z_in: z^(l-1), (m_B, n_in).
        z: z^(l) = h(a), (m_B, n_out).
        normalised: of the batch normalisation, or None.
        leaked: of a PReLU or RReLU, or None.
    """

    z_in: Floats
    z: Floats
    normalised: BatchNormCache | None
    leaked: LeakyCache | None


@dataclass(frozen=True)
class LayerGradient:
    """Derivatives of E by the parameters of one layer.

    Attributes:
        delta: dE/da with the factor 1/m_B of (6.39) included, (m_B, n_out).
        arrays: dE/dW (n_out, n_in), dE/db (n_out,), then dE/dgamma and dE/dbeta (n_out,) where
            normalised and dE/dalpha of a PReLU: the order of `layers.parameters`.
    """

    delta: Floats
    arrays: tuple[Floats, ...]


def forward(
    network: Network, X: Floats, rng: np.random.Generator | None = None
) -> tuple[Floats, list[LayerCache]]:
    """a^(l) = z^(l-1) W^(l)T + b^(l), z^(l) = h^(l)(a^(l)), eq (6.19), on one minibatch.

    (6.20) must have h outside its sum: y_k = h(sum_j w_kj z_j).

    Args:
        network: layers 1..L+1; not changed.
        X: z^(0), (m_B, D).
        rng: for the slopes of RReLU, needed only there.

    Returns:
        Outputs of the last layer (m_B, K), and what `backward` needs of each layer.
    """
    z, caches = X, []
    for layer in network:
        a: Floats = z @ layer.W.T  # (m_B, n_out)
        a += layer.b
        normalised = None
        if layer.norm is not None:
            a, normalised = normalise(layer.norm, a)
        leaked = None
        if isinstance(layer.h, ActivationFunction):
            z_out = layer.h.value(a)
        else:
            z_out, leaked = leak(layer.h, a, rng)
        caches.append(LayerCache(z, z_out, normalised, leaked))
        z = z_out
    return z, caches


def predict(network: Network, X: Floats) -> Floats:
    """`forward` with running statistics and mean slopes: (m, D) to (m, K)."""
    z = X
    for layer in network:
        a: Floats = z @ layer.W.T + layer.b  # (m, n_out)
        if layer.norm is not None:
            a = normalise_frozen(layer.norm, a)
        z = layer.h.value(a) if isinstance(layer.h, ActivationFunction) else leak_frozen(layer.h, a)
    return z


def backward(
    network: Network,
    caches: Sequence[LayerCache],
    delta: Floats,
    out: Sequence[Sequence[Floats]] | None = None,
) -> list[LayerGradient]:
    """Gradients of every layer by the recursion of (6.40).

    delta^(l) = [delta^(l+1) W^(l+1)] * h'(a^(l)), dE/dW^(l) = delta^(l)T z^(l-1),
    dE/db^(l) = sum_alpha delta^(l), eq (6.39). Printed in (6.40) is delta^(L+1), in (6.39)
    z^(l)T: both should have the indices above. b has its own array, so W has no bias column to
    drop.

    Args:
        network: as in `forward`.
        caches: from `forward`.
        delta: dE/da of the output layer with the factor 1/m_B, as the losses return it, (m_B, K).
        out: where to write each layer's gradients, shaped like `layers.parameters`; new arrays if
            left out.

    Returns:
        One gradient for each layer, first layer first.
    """
    gradients: list[LayerGradient] = []
    for i in reversed(range(len(network))):
        layer, past = network[i], caches[i]
        extra: tuple[Floats, ...] = ()
        if past.leaked is not None:
            delta, extra = leak_backward(past.leaked, delta)
        elif isinstance(layer.h, ActivationFunction):
            delta = delta * layer.h.derivative(past.z)
        if layer.norm is not None and past.normalised is not None:
            delta, *scale_and_shift = normalise_backward(layer.norm, past.normalised, delta)
            extra = (*scale_and_shift, *extra)
        arrays = (np.empty_like(layer.W), np.empty_like(layer.b)) if out is None else out[i][:2]
        np.matmul(delta.T, past.z_in, out=arrays[0])  # (n_out, n_in)
        np.add.reduce(delta, axis=0, out=arrays[1])  # (n_out,)
        if out is not None:
            for place, array in zip(out[i][2:], extra, strict=True):
                place[...] = array
            extra = tuple(out[i][2:])
        gradients.append(LayerGradient(delta, (*arrays, *extra)))
        if i > 0:
            delta = delta @ layer.W  # (m_B, n_in)
    return gradients[::-1]

"""Dense layers and batch normalisation (sections 6.2 and 7.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mlcli.backpropagation.activations import ActivationFunction, Leaky, PReLU, identity
from mlcli.backpropagation.initialisation import draw_weights

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class BatchNorm:
    """Parameters and running statistics of one normalised layer.

    Attributes:
        gamma: learnt scale, (n,).
        beta: learnt shift, (n,).
        running_mean: moving average of mu_B, (n,); updated in place.
        running_var: moving average of the unbiased variance, (n,); updated in place.
        epsilon: added to the variance before the square root.
        rate: weight of the newest batch in the moving averages.
    """

    gamma: Floats
    beta: Floats
    running_mean: Floats
    running_var: Floats
    epsilon: float = 1e-5
    rate: float = 0.1


@dataclass(frozen=True)
class BatchNormCache:
    """What the backward pass and the running statistics need of one minibatch.

    Attributes:
        x_hat: normalised inputs, (m_B, n).
        inverse_std: 1 / sqrt(sigma_B^2 + epsilon), (n,).
        mean: mu_B, (n,).
        var: sigma_B^2, divided by m_B, (n,).
    """

    x_hat: Floats
    inverse_std: Floats
    mean: Floats
    var: Floats


def new_batch_norm(n: int, dtype: DTypeLike = np.float64) -> BatchNorm:
    """gamma = 1, beta = 0, running mean 0 and variance 1, each (n,)."""
    return BatchNorm(np.ones(n, dtype), np.zeros(n, dtype), np.zeros(n, dtype), np.ones(n, dtype))


def normalise(norm: BatchNorm, X: Floats) -> tuple[Floats, BatchNormCache]:
    """z^(i) = gamma * x_hat^(i) + beta, x_hat = (x - mu_B) / sqrt(sigma_B^2 + epsilon), eq (7.24).

    The printed (7.24) lacks the superscript of x_hat.

    Args:
        norm: parameters; not changed here.
        X: one minibatch, (m_B, n).

    Returns:
        Z (m_B, n) and what `normalise_backward` needs.

    Raises:
        ValueError: the minibatch has one row, which has no variance.
    """
    if len(X) < 2:
        raise ValueError(f"batch normalisation needs at least 2 rows, got {len(X)}")
    mean = X.mean(axis=0)  # (n,)
    centred = X - mean
    var = np.asarray((centred * centred).mean(axis=0))  # (n,)
    inverse_std = 1.0 / np.sqrt(var + norm.epsilon)
    x_hat = centred * inverse_std
    return norm.gamma * x_hat + norm.beta, BatchNormCache(x_hat, inverse_std, mean, var)


def normalise_frozen(norm: BatchNorm, X: Floats) -> Floats:
    """(7.24) with the running statistics, for evaluation; (m, n) to (m, n)."""
    scale = norm.gamma / np.sqrt(norm.running_var + norm.epsilon)
    return np.asarray((X - norm.running_mean) * scale + norm.beta)


def update_running(norm: BatchNorm, cache: BatchNormCache) -> None:
    """Move the running statistics towards those of the minibatch, in place.

    running += rate (batch - running); the variance enters with the factor m_B / (m_B - 1), which
    the notes leave out, so that it estimates the variance of the data without bias.
    """
    m = len(cache.x_hat)
    for running, batch in (
        (norm.running_mean, cache.mean),
        (norm.running_var, cache.var * (m / (m - 1))),
    ):
        running += norm.rate * (batch - running)


def normalise_backward(
    norm: BatchNorm, cache: BatchNormCache, delta: Floats
) -> tuple[Floats, Floats, Floats]:
    """Derivatives of E by the inputs and parameters of (7.24) from those by its outputs.

    With d^(i) = dE/dz^(i):
    dE/dgamma = sum_i d^(i) * x_hat^(i), dE/dbeta = sum_i d^(i),
    dE/dx^(i) = gamma / sqrt(sigma_B^2 + epsilon)
                * (d^(i) - dE/dbeta / m_B - x_hat^(i) * dE/dgamma / m_B):
    mu_B and sigma_B^2 depend on every row, which removes two directions from d.

    Args:
        norm: parameters.
        cache: from `normalise`.
        delta: d, (m_B, n).

    Returns:
        dE/dx (m_B, n), dE/dgamma (n,), dE/dbeta (n,).
    """
    m = len(delta)
    gamma_gradient = np.asarray((delta * cache.x_hat).sum(axis=0))  # (n,)
    beta_gradient = np.asarray(delta.sum(axis=0))  # (n,)
    within = delta - beta_gradient / m - cache.x_hat * (gamma_gradient / m)
    return (norm.gamma * cache.inverse_std) * within, gamma_gradient, beta_gradient


@dataclass(frozen=True)
class DenseLayer:
    """One layer l: a = W z^(l-1) + b, then (7.24) if normalised, then h.

    Attributes:
        W: weights, (n_out, n_in).
        b: biases, (n_out,): w_k0 of (6.14), printed there as w_j0.
        h: activation; a PReLU's slopes are parameters of the layer.
        norm: batch normalisation between a and h, or None.
    """

    W: Floats
    b: Floats
    h: ActivationFunction | Leaky
    norm: BatchNorm | None = None


Network = tuple[DenseLayer, ...]


def new_network(
    rng: np.random.Generator,
    sizes: Sequence[int],
    h: ActivationFunction | Leaky,
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
        h: activation of the hidden layers; with a PReLU each neuron has its own slope.
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
        layers.append(DenseLayer(W, np.zeros(n_out, dtype), own if hidden else identity(), norm))
    return tuple(layers)


def parameters(network: Network) -> list[Floats]:
    """The parameters layer by layer: W, b, then gamma, beta if normalised and alpha of a PReLU."""
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
        layers.append(DenseLayer(W, b, h, norm))
    return tuple(layers), w

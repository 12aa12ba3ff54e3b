"""Batch normalisation, forward and backward (section 7.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class BatchNorm:
    """Parameters and running statistics of one normalised layer.

    Attributes:
        gamma: learnt scale, (n,).
        beta: learnt shift, (n,).
        running_mean: moving average of mu_B, (n,); updated in place.
        running_var: moving average of the unbiased variance, (n,); updated in place.
        epsilon: added to the variance before the root.
        rate: weight of the newest batch in the moving averages.
    """

    gamma: Floats
    beta: Floats
    running_mean: Floats
    running_var: Floats
    epsilon: float = 1e-5
    rate: float = 0.1


@dataclass(frozen=True)
class Normalised:
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


def normalise(norm: BatchNorm, X: Floats) -> tuple[Floats, Normalised]:
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
    return norm.gamma * x_hat + norm.beta, Normalised(x_hat, inverse_std, mean, var)


def normalise_frozen(norm: BatchNorm, X: Floats) -> Floats:
    """(7.24) with the running statistics in place of the minibatch's: testing; (m, n) to (m, n)."""
    scale = norm.gamma / np.sqrt(norm.running_var + norm.epsilon)
    return np.asarray((X - norm.running_mean) * scale + norm.beta)


def update_running(norm: BatchNorm, kept: Normalised) -> None:
    """Move the running statistics towards those of the minibatch, in place.

    running += rate (batch - running); the variance enters with the factor m_B / (m_B - 1), which
    the notes leave out, so that it estimates the variance of the data without bias.
    """
    m = len(kept.x_hat)
    for running, batch in (
        (norm.running_mean, kept.mean),
        (norm.running_var, kept.var * (m / (m - 1))),
    ):
        running += norm.rate * (batch - running)


def normalise_backward(
    norm: BatchNorm, kept: Normalised, delta: Floats
) -> tuple[Floats, Floats, Floats]:
    """Errors of the inputs of (7.24) from those of its outputs.

    With d^(i) = dE/dz^(i):
    dE/dgamma = sum_i d^(i) * x_hat^(i), dE/dbeta = sum_i d^(i),
    dE/dx^(i) = gamma / sqrt(sigma_B^2 + epsilon)
                * (d^(i) - dE/dbeta / m_B - x_hat^(i) * dE/dgamma / m_B):
    mu_B and sigma_B^2 depend on every row, which takes two directions out of d.

    Args:
        norm: parameters.
        kept: from `normalise`.
        delta: d, (m_B, n).

    Returns:
        dE/dx (m_B, n), dE/dgamma (n,), dE/dbeta (n,).
    """
    m = len(delta)
    gamma_gradient = np.asarray((delta * kept.x_hat).sum(axis=0))  # (n,)
    beta_gradient = np.asarray(delta.sum(axis=0))  # (n,)
    within = delta - beta_gradient / m - kept.x_hat * (gamma_gradient / m)
    return (norm.gamma * kept.inverse_std) * within, gamma_gradient, beta_gradient

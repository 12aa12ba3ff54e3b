"""Activation functions h and their derivatives (sections 7.1.2 and 7.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.classification import softmax

Floats = NDArray[np.floating[Any]]

# The pair that keeps mean 0 and variance 1 a fixed point (Klambauer et al. 2017).
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@dataclass(frozen=True)
class ActivationFunction:
    """An activation function.

    Attributes:
        name: its common name.
        value: z = h(a), any shape to the same shape.
        derivative: h'(a) as a function of z = h(a), any shape to the same shape. All functions
            here are monotone, so z determines it and a need not be stored. At a kink it is the
            derivative from the left.
        smooth: whether h has derivatives of every order; else h' or h'' jumps at a = 0, and z > 0
            tells on which side a is.
    """

    name: str
    value: Callable[[Floats], Floats]
    derivative: Callable[[Floats], Floats]
    smooth: bool = True


def identity() -> ActivationFunction:
    """h(a) = a, h'(a) = 1: the output of regression, below (6.15)."""
    return ActivationFunction("identity", lambda a: a, np.ones_like)


def sigmoid() -> ActivationFunction:
    """h(a) = 1 / (1 + exp(-a)), h' = z (1 - z) <= 1/4: the reason why (7.2) vanishes."""
    return ActivationFunction("sigmoid", softmax.sigmoid, lambda z: z * (1.0 - z))


def tanh() -> ActivationFunction:
    """h(a) = tanh a, h' = 1 - z^2: saturates, but is centred at zero (section 7.2)."""
    return ActivationFunction("tanh", np.tanh, lambda z: 1.0 - z * z)


def relu() -> ActivationFunction:
    """h(a) = max(0, a), eq (7.20); h' = 1 if z > 0, else 0.

    Not centred at zero, whatever the caption of figure 12 says.
    """
    return ActivationFunction(
        "relu", lambda a: np.maximum(a, 0.0), lambda z: (z > 0).astype(z.dtype), smooth=False
    )


def leaky_relu(alpha: float = 0.01) -> ActivationFunction:
    """h(a) = max(alpha a, a), eq (7.21); h' = 1 if z > 0, else alpha.

    Args:
        alpha: slope on the left, 0 < alpha < 1.

    Raises:
        ValueError: alpha is outside (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    return ActivationFunction(
        "leaky_relu",
        lambda a: np.maximum(alpha * a, a),
        lambda z: np.asarray(np.where(z > 0, 1.0, alpha), dtype=z.dtype),
        smooth=False,
    )


def _exponential(name: str, alpha: float, scale: float) -> ActivationFunction:
    def value(a: Floats) -> Floats:
        # The branch not taken must not overflow.
        left = alpha * np.expm1(np.minimum(a, 0.0))
        return np.asarray(scale * np.where(a > 0, a, left), dtype=a.dtype)

    def derivative(z: Floats) -> Floats:
        # scale alpha e^a = z + scale alpha on the left.
        return np.asarray(np.where(z > 0, scale, z + scale * alpha), dtype=z.dtype)

    return ActivationFunction(name, value, derivative, smooth=False)


def elu(alpha: float = 1.0) -> ActivationFunction:
    """h(a) = a if a > 0, else alpha (e^a - 1), eq (7.22); h' = 1, or z + alpha on the left.

    Differentiable at 0 only for alpha = 1, not for every alpha as the notes have it.

    Args:
        alpha: minus the limit on the left, positive.

    Raises:
        ValueError: alpha is not positive.
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be positive, got {alpha}")
    return _exponential("elu", alpha, 1.0)


def selu() -> ActivationFunction:
    """h(a) = s a if a > 0, else s alpha (e^a - 1): a scaled (7.22).

    s = SELU_SCALE, alpha = SELU_ALPHA keep mean 0, variance 1; h' = s, or z + s alpha on the left.
    """
    return _exponential("selu", SELU_ALPHA, SELU_SCALE)


# Every activation of section 7 with its usual parameters.
ACTIVATIONS: Mapping[str, ActivationFunction] = MappingProxyType(
    {h.name: h for h in (identity(), sigmoid(), tanh(), relu(), leaky_relu(), elu(), selu())}
)


@dataclass(frozen=True)
class PReLU:
    """Parametric leaky ReLU.

    Attributes:
        alpha: learnt slope of each neuron, (n,), or one for all, (1,).
    """

    alpha: Floats


@dataclass(frozen=True)
class RReLU:
    """Randomised leaky ReLU: alpha ~ U(low, high) per entry in training, its mean in evaluation.

    Attributes:
        low: smallest slope.
        high: largest slope.
    """

    low: float = 1 / 8
    high: float = 1 / 3


Leaky = PReLU | RReLU


@dataclass(frozen=True)
class LeakyCache:
    """What `leak_backward` needs of the forward pass.

    Attributes:
        a: preactivations, (m_B, n): z does not show their sign where a learnt slope is negative.
        alpha: slopes that were used, (n,), (1,) or (m_B, n).
        learnt: whether alpha has a gradient.
    """

    a: Floats
    alpha: Floats
    learnt: bool


def new_prelu(alpha: float = 0.25) -> PReLU:
    """A PReLU with one slope for all, (1,), which starts at 1/4 as in He et al. (2015)."""
    return PReLU(np.array([alpha]))


def leak(h: Leaky, a: Floats, rng: np.random.Generator | None) -> tuple[Floats, LeakyCache]:
    """z = a if a > 0, else alpha a: (7.21) with alpha learnt or drawn.

    Args:
        h: a PReLU or an RReLU.
        a: preactivations, (m_B, n).
        rng: for the slopes of RReLU.

    Returns:
        z (m_B, n) and what `leak_backward` needs.

    Raises:
        ValueError: there is no generator for an RReLU.
    """
    if isinstance(h, PReLU):
        alpha = h.alpha
    elif rng is None:
        raise ValueError("RReLU draws its slopes: training it needs a generator, got none")
    else:
        alpha = rng.uniform(h.low, h.high, a.shape).astype(a.dtype)  # (m_B, n)
    return np.asarray(np.where(a > 0, a, alpha * a)), LeakyCache(a, alpha, isinstance(h, PReLU))


def leak_frozen(h: Leaky, a: Floats) -> Floats:
    """`leak` in evaluation, any shape: RReLU uses the mean slope (low + high) / 2."""
    alpha = h.alpha if isinstance(h, PReLU) else (h.low + h.high) / 2
    return np.asarray(np.where(a > 0, a, alpha * a))


def leak_backward(cache: LeakyCache, delta: Floats) -> tuple[Floats, tuple[Floats, ...]]:
    """dE/da = delta * (1 if a > 0, else alpha); dE/dalpha = sum delta * min(a, 0) for PReLU.

    Args:
        cache: from `leak`.
        delta: dE/dz, (m_B, n).

    Returns:
        dE/da (m_B, n), and dE/dalpha in the shape of alpha where it is learnt.
    """
    by_a = np.asarray(np.where(cache.a > 0, delta, cache.alpha * delta))
    if not cache.learnt:
        return by_a, ()
    by_alpha = (delta * np.minimum(cache.a, 0.0)).sum(axis=0)  # (n,)
    if cache.alpha.size == 1:
        by_alpha = by_alpha.sum(keepdims=True)  # (1,)
    return by_a, (np.asarray(by_alpha),)

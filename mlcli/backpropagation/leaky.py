"""Leaky ReLU whose slope on the left is learnt or random (section 7.1.2, below 7.21)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class PReLU:
    """Parametric leaky ReLU.

    Attributes:
        alpha: learnt slope of each neuron, (n,), or one for all, (1,).
    """

    alpha: Floats


@dataclass(frozen=True)
class RReLU:
    """Randomised leaky ReLU: alpha ~ U(low, high) for every entry in training, its mean in tests.

    Attributes:
        low: smallest slope.
        high: largest slope.
    """

    low: float = 1 / 8
    high: float = 1 / 3


Leaky = PReLU | RReLU


@dataclass(frozen=True)
class Leaked:
    """What `leak_backward` needs.

    Attributes:
        a: preactivations, (m_B, n): a learnt slope may turn negative, and then z hides the sign.
        alpha: slopes that were used, (n,), (1,) or (m_B, n).
        learnt: whether alpha has a gradient.
    """

    a: Floats
    alpha: Floats
    learnt: bool


def new_prelu(alpha: float = 0.25) -> PReLU:
    """A PReLU with one slope for all, (1,): 1/4 as He et al. (2015) start it."""
    return PReLU(np.array([alpha]))


def leak(h: Leaky, a: Floats, rng: np.random.Generator | None) -> tuple[Floats, Leaked]:
    """z = a if a > 0, else alpha a: (7.21) with alpha learnt or drawn.

    Args:
        h: which of the two.
        a: preactivations, (m_B, n).
        rng: for the slopes of RReLU.

    Returns:
        z (m_B, n) and what `leak_backward` needs.

    Raises:
        ValueError: RReLU without a generator.
    """
    if isinstance(h, PReLU):
        alpha = h.alpha
    elif rng is None:
        raise ValueError("RReLU draws its slopes: training it needs a generator, got none")
    else:
        alpha = rng.uniform(h.low, h.high, a.shape).astype(a.dtype)  # (m_B, n)
    return np.asarray(np.where(a > 0, a, alpha * a)), Leaked(a, alpha, isinstance(h, PReLU))


def leak_frozen(h: Leaky, a: Floats) -> Floats:
    """`leak` in tests: RReLU takes the mean slope (low + high) / 2; any shape to the same shape."""
    alpha = h.alpha if isinstance(h, PReLU) else (h.low + h.high) / 2
    return np.asarray(np.where(a > 0, a, alpha * a))


def leak_backward(kept: Leaked, delta: Floats) -> tuple[Floats, tuple[Floats, ...]]:
    """dE/da = delta * (1 if a > 0, else alpha); dE/dalpha = sum delta * min(a, 0) for PReLU.

    Args:
        kept: from `leak`.
        delta: dE/dz, (m_B, n).

    Returns:
        dE/da (m_B, n), and dE/dalpha in the shape of alpha where it is learnt.
    """
    by_a = np.asarray(np.where(kept.a > 0, delta, kept.alpha * delta))
    if not kept.learnt:
        return by_a, ()
    by_alpha = (delta * np.minimum(kept.a, 0.0)).sum(axis=0)  # (n,)
    if kept.alpha.size == 1:
        by_alpha = by_alpha.sum(keepdims=True)  # (1,)
    return by_a, (np.asarray(by_alpha),)

"""Batch gradient descent, with and without momentum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# A weight beyond this has diverged: its square still fits into a float.
FAR = 1e150


@dataclass(frozen=True)
class Path:
    """Where descent went.

    Attributes:
        W: weights after 0, 1, ... steps, (n_steps + 1, p); fewer where it diverged.
        diverged_at: the step at which a weight passed all bounds, or None.
    """

    W: Floats
    diverged_at: int | None


def descend(
    gradient: Callable[[Floats], Floats],
    start: Floats,
    learning_rate: float,
    n_steps: int,
    *,
    momentum: float = 0.0,
) -> Path:
    """w <- w - eta grad E(w), eq (4.6); with momentum v <- mu v - eta grad E(w), w <- w + v.

    The gradient of (4.1) lacks its minus sign in print.

    Args:
        gradient: of the loss, (p,) -> (p,).
        start: w_0, (p,).
        learning_rate: eta > 0.
        n_steps: steps to take.
        momentum: mu in [0, 1).
    """
    W = np.empty((n_steps + 1, start.size))
    W[0] = start
    w, v = start.copy(), np.zeros_like(start)
    for step in range(1, n_steps + 1):
        v = momentum * v - learning_rate * gradient(w)
        w = w + v
        if not np.abs(w).max() < FAR:
            return Path(W[:step].copy(), step)
        W[step] = w
    return Path(W, None)


def momentum_critical_rate(largest: float, momentum: float) -> float:
    """2 (1 + mu) / lambda_max: with momentum descent bears a larger learning rate."""
    return 2.0 * (1.0 + momentum) / largest

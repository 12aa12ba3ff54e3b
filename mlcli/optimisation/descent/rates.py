"""How fast descent converges: the condition number decides."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from mlcli.optimisation.descent.gradient import descend
from mlcli.optimisation.descent.quadratic import Quadratic

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tuned:
    """The best fixed settings for a quadratic, and the factor by which a step then shrinks errors.

    Attributes:
        learning_rate, momentum: eta and mu.
        rate: the asymptotic factor a step.
    """

    learning_rate: float
    momentum: float
    rate: float


def best_plain(smallest: float, largest: float) -> Tuned:
    """eta = 2 / (lambda_min + lambda_max): the rate is (kappa - 1) / (kappa + 1)."""
    return Tuned(2.0 / (smallest + largest), 0.0, (largest - smallest) / (largest + smallest))


def best_momentum(smallest: float, largest: float) -> Tuned:
    """Polyak's heavy ball: the rate is (sqrt kappa - 1) / (sqrt kappa + 1).

    eta = 4 / (sqrt lambda_max + sqrt lambda_min)^2 and mu = rate^2.
    """
    root = sqrt(largest) + sqrt(smallest)
    rate = (sqrt(largest) - sqrt(smallest)) / root
    return Tuned(4.0 / root**2, rate**2, rate)


def measured_rate(loss: Quadratic, start: Floats, tuned: Tuned, n_steps: int) -> float:
    """The factor a step over the second half of a run, from the distance to the minimum."""
    path = descend(loss.gradient, start, tuned.learning_rate, n_steps, momentum=tuned.momentum)
    distance = np.linalg.norm(path.W - loss.w_star, axis=1)
    half = n_steps // 2
    return float((distance[-1] / distance[half]) ** (1.0 / (n_steps - half)))


def measured_critical_rate(
    loss: Quadratic, start: Floats, *, n_steps: int = 2000, n_halvings: int = 16
) -> float:
    """The learning rate above which the loss has grown after many steps, by bisection.

    Nothing about eigenvalues is used: only whether runs end lower than they began.

    Args:
        loss: the quadratic.
        start: w_0, not the minimum, (p,).
        n_steps: steps of each run.
        n_halvings: halvings of the bracket, whose ends differ by a factor of 4 at first.
    """
    low, high = loss.critical_rate / 2, loss.critical_rate * 2
    first = float(loss.excess(start))
    for _ in range(n_halvings):
        middle = (low + high) / 2
        path = descend(loss.gradient, start, middle, n_steps)
        grown = path.diverged_at is not None or float(loss.excess(path.W[-1])) > first
        low, high = (low, middle) if grown else (middle, high)
    return (low + high) / 2

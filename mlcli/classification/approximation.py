"""Any function of x from threshold units in one hidden layer, eqs (6.3) to (6.11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.perceptron import ThresholdUnit
from mlcli.classification.softmax import sigmoid

Floats = NDArray[np.float64]
BLOCK = 4096


def step_unit(s: float, w: float = 1.0) -> ThresholdUnit:
    """Theta(w x + b) with b = -w s, eq (6.7): it fires where x > s if w > 0, else where x < s.

    Raises:
        ValueError: w is 0, so that the unit has no threshold.
    """
    if w == 0:
        raise ValueError("the weight of a step must not be 0")
    return ThresholdUnit((w,), -w * s)


def bump(x: Floats, s_1: float, s_2: float, h: float, w: float = 1.0) -> Floats:
    """h (f_{s_1}(x) - f_{s_2}(x)), eqs (6.8) and (6.9): h between s_1 and s_2 and 0 elsewhere.

    That needs w > 0, which (6.9) does not say: negative weights invert the sign.

    Args:
        x: points, (n,).
        s_1: where the bump starts.
        s_2: where it ends, s_2 > s_1.
        h: its height.
        w: weight of both units.
    """
    rows = x[:, None]  # (n, 1)
    return np.asarray(h * (step_unit(s_1, w).fire(rows) - step_unit(s_2, w).fire(rows)), np.float64)


@dataclass(frozen=True)
class Staircase:
    """f_0 of (6.5): N bumps of width w between `edges`, each from two units.

    Attributes:
        edges: x_0 .. x_N of (6.4), (N + 1,).
        heights: f at the middles of the bins (6.6), (N,).
    """

    edges: Floats
    heights: Floats

    def evaluate(self, x: Floats, steepness: float | None = None) -> Floats:
        """sum_j h_j (f_{x_{j-1}}(x) - f_{x_j}(x)), eq (6.11), at x (n,).

        Args:
            x: points.
            steepness: lambda of sigma(lambda (x - s)) in place of Theta(x - s); the step is its
                limit lambda to infinity, where (5.15) prints 0.
        """
        # Units at the same edge are one: its output weight is the difference of two heights.
        weights = np.diff(self.heights, prepend=0.0, append=0.0)  # (N + 1,)
        found = np.empty(x.size)
        for start in range(0, x.size, BLOCK):
            part = slice(start, start + BLOCK)
            found[part] = self._units(x[part], steepness) @ weights
        return found

    def _units(self, x: Floats, steepness: float | None) -> Floats:
        distance = x[:, None] - self.edges  # (n, N + 1)
        if steepness is None:
            return (distance > 0).astype(np.float64)
        with np.errstate(over="ignore"):
            return sigmoid(steepness * distance)


def staircase(f: Callable[[Floats], Floats], low: float, high: float, n_bins: int) -> Staircase:
    """The approximation of f over [low, high] with n_bins bins."""
    edges = np.linspace(low, high, n_bins + 1)
    return Staircase(edges, f(edges[:-1] / 2 + edges[1:] / 2))

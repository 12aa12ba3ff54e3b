"""Any function of x from threshold units in one hidden layer, eqs (6.3) to (6.11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCK = 4096


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
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(0.5 * (1.0 + np.tanh(0.5 * steepness * distance)))


def staircase(f: Callable[[Floats], Floats], low: float, high: float, n_bins: int) -> Staircase:
    """The approximation of f over [low, high] with n_bins bins."""
    edges = np.linspace(low, high, n_bins + 1)
    return Staircase(edges, f(edges[:-1] / 2 + edges[1:] / 2))

"""The quadratic that one Newton step minimises, with or without an l1 term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.classification.logistic.model import Floats
from mlcli.classification.logistic.objective import Bools
from mlcli.classification.logistic.sparse import sparse_target
from mlcli.classification.logistic.symmetric import EPSILON, Solver

# Relative to sqrt(E): slopes along directions without curvature that are taken for rounding.
NOISE = 1e-13


@dataclass(frozen=True)
class Step:
    """The way to the minimum of the quadratic.

    Attributes:
        direction: (p, K).
        decrease: delta >= 0, twice the fall of the quadratic for a smooth penalty. If no activation
            moves by more than 1, E(W) - min E is at most delta.
        solved: whether the minimum was found to rounding.
    """

    direction: Floats
    decrease: float
    solved: bool


class Quadratic:
    """E near W: gradient and Hessian of its smooth part, and the l1 term.

    Weights are measured in units that make the diagonal of H 1, so that columns of any scale are
    solved for with the same accuracy. Along a gauge direction (`Objective.gauge`) E is constant:
    there H gets a curvature of 1, and since the gradient is 0 there the minimum does not move.

    Args:
        H: (K p, K p), the weights of a class next to each other.
        gauge: columns with a gauge direction, (p,).
    """

    def __init__(self, H: Floats, gauge: Bools) -> None:
        p = gauge.size
        k = H.shape[0] // p
        diagonal = np.diagonal(H)
        self._scale = np.where(diagonal > 0, np.sqrt(np.maximum(diagonal, 0.0)), 1.0)  # (K p,)
        self._gauge = gauge
        scaled = H / self._scale / self._scale[:, None]
        of = np.flatnonzero(gauge)
        if of.size:
            n = self._scale.reshape(k, p)[:, of]  # (K, m)
            n = n / np.sqrt((n**2).sum(axis=0))
            blocks = scaled.reshape(k, p, k, p)
            blocks[:, of, :, of] += np.einsum("jm,km->mjk", n, n)
        self._H = scaled
        self._solver: Solver | None = None

    def step(self, W: Floats, gradient: Floats, l1: Floats, value: float) -> Step:
        """To the minimum.

        Args:
            W: weights, (p, K).
            gradient: of the smooth part at W, (p, K).
            l1: strengths, (p,).
            value: E(W), in whose units slopes are known to be rounding.
        """
        p, k = W.shape
        if self._gauge.any():
            mean = gradient.mean(axis=1, keepdims=True)
            gradient = np.where(self._gauge[:, None], gradient - mean, gradient)
        g = gradient.T.ravel() / self._scale
        noise, solved = NOISE * float(np.sqrt(value)), True
        if l1.any():
            w = W.T.ravel() * self._scale
            target, solved = sparse_target(self._H, g, np.tile(l1, k) / self._scale, w, noise)
            # A weight that becomes 0 becomes exactly 0.
            step = np.where(target == 0, -W.T.ravel(), (target - w) / self._scale)
        else:
            if self._solver is None:
                self._solver = Solver(self._H)
            step = -self._solver.solve(g, noise) / self._scale
        direction = step.reshape(k, p).T
        if self._gauge.any():
            mean = direction.mean(axis=1, keepdims=True)
            direction = np.where(self._gauge[:, None], direction - mean, direction)
        decrease, downhill = _decrease(W, direction, gradient, l1[:, None])
        return Step(direction, decrease, solved and downhill)


def _decrease(W: Floats, direction: Floats, gradient: Floats, l1: Floats) -> tuple[float, bool]:
    """-g^T d - l1 (|W + d|_1 - |W|_1), without cancellation where no weight changes its sign.

    Returns:
        It, with its own rounding added; and whether it is not negative but for that rounding.
    """
    s = np.where(W != 0, np.sign(W), np.sign(direction))
    turned = np.where(np.sign(W + direction) == -s, 2.0 * np.abs(W + direction), 0.0)
    falls = -(gradient + l1 * s) * direction - l1 * turned
    total, rounding = float(falls.sum()), 4.0 * EPSILON * float(np.abs(falls).sum())
    return max(0.0, total) + rounding, total >= -falls.size * rounding

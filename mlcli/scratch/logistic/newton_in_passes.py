"""Newton's method where the rows come in batches: each pass adds up E, its gradient and Hessian."""

from __future__ import annotations

from math import log

import numpy as np

from mlcli.scratch.logistic.model import Floats, n_columns
from mlcli.scratch.logistic.newton import (
    GAUGE,
    HALVINGS,
    ROUNDING,
    TOLERANCE,
    Fit,
    newton_direction,
)
from mlcli.scratch.logistic.objective import Ints, Objective


class NewtonInPasses:
    """Minimises E of `Objective` with the cross-entropy, as `newton.fit_newton` does.

    Between `add`, for all rows, and `finish_pass` any number of problems can share a pass. The
    weights of all rows must add up to 1.

    Args:
        n_classes: K.
        start: weights to begin with, (p, K) or (p, 1); given up for zeros where those are better.
        l1, l2: strengths.
        free: columns without a penalty.
        max_steps: at most so many steps.

    Attributes:
        trial: the weights at which the next pass adds up, (p, K) or (p, 1).
        fit: the answer, or None while another pass is needed.
        curvature: the Hessian there, (K p, K p).
        violation: as `Objective.violation`.
    """

    def __init__(
        self,
        n_classes: int,
        start: Floats,
        *,
        l1: float,
        l2: float,
        free: tuple[int, ...],
        max_steps: int,
    ) -> None:
        self.trial = start
        self.fit: Fit | None = None
        self.curvature: Floats = np.empty((0, 0))
        self.violation = np.inf
        self._n_classes, self._l2, self._max_steps = n_classes, l2, max_steps
        self._penalised = np.ones((start.shape[0], 1))
        self._penalised[list(free)] = 0.0
        self._l1 = l1 * self._penalised  # (p, 1)
        self._W: Floats | None = None
        self._at_W = np.inf
        self._direction = np.zeros_like(start)
        self._size, self._n_steps, self._n_halvings = 1.0, 0, 0
        self._clear()

    def _clear(self) -> None:
        size = self.trial.size
        self._value, self._gradient = 0.0, np.zeros_like(self.trial)
        self._H = np.zeros((size, size))

    def add(self, Phi: Floats, labels: Ints, row_weights: Floats) -> None:
        """Take in rows Phi (n, p) with the numbers of their classes and their weights, (n,)."""
        part = Objective(Phi, labels, self._n_classes, row_weights)
        value, gradient = part.smooth(self.trial)
        self._value += value
        self._gradient += gradient
        self._H += part.hessian(self.trial)

    def finish_pass(self) -> None:
        """All rows were added: decide about the trial weights, and try others."""
        value = self._value + float((self._l1 * np.abs(self.trial)).sum())
        value += self._l2 * float((self._penalised * self.trial**2).sum())
        if self._W is None:
            # Without weights every class is as likely: E is ln K, as no pass needs to find out.
            if not value <= log(self._n_classes) and self.trial.any():
                self.trial = np.zeros_like(self.trial)
            else:
                self._accept(value)
        elif value <= self._at_W + ROUNDING * abs(self._at_W):
            self._accept(value)
        else:
            self._shorten(self._W)
        self._clear()

    def _accept(self, value: float) -> None:
        W = self.trial
        moved = np.inf if self._W is None else float(np.abs(self._direction).max())
        self._W, self._at_W, self._size, self._n_halvings = W, value, 1.0, 0
        gradient = self._gradient + 2.0 * self._l2 * self._penalised * W
        H = self._H
        penalty = np.tile(2.0 * self._l2 * self._penalised[:, 0], n_columns(self._n_classes))
        H[np.diag_indices_from(H)] += penalty + GAUGE
        self.violation = _violation(W, gradient, self._l1)
        self.curvature = H
        converged = bool(moved <= TOLERANCE * (1.0 + np.abs(W).max()))
        if converged or self._n_steps >= self._max_steps:
            self.fit = Fit(W, self._n_steps, converged)
            return
        self._direction = newton_direction(H, W, self._at_rest(gradient), self._l1[:, 0])
        self._n_steps += 1
        self.trial = W + self._direction

    def _at_rest(self, gradient: Floats) -> Floats:
        """Without the slope along what changes no probability, which is rounding.

        It is one number added to the weights of a column in all classes, where no penalty minds.
        """
        if gradient.shape[1] == 1:
            return gradient
        unminded = (self._l1 == 0) & (self._l2 * self._penalised == 0)  # (p, 1)
        return np.where(unminded, gradient - gradient.mean(axis=1, keepdims=True), gradient)

    def _shorten(self, W: Floats) -> None:
        self._n_halvings += 1
        if self._n_halvings >= HALVINGS:
            self.fit = Fit(W, self._n_steps, True)
            return
        self._size /= 2
        self.trial = W + self._size * self._direction


def _violation(W: Floats, gradient: Floats, l1: Floats) -> float:
    """The largest component of the least subgradient."""
    at_zero = np.maximum(np.abs(gradient) - l1, 0.0)
    return float(np.where(W == 0, at_zero, np.abs(gradient + l1 * np.sign(W))).max())

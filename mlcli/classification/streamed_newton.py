"""Newton's method for rows that come in batches: each pass adds up E, its gradient and Hessian."""

from __future__ import annotations

from math import log

import numpy as np

from mlcli.certificate import Certificate
from mlcli.classification.newton import (
    ARMIJO,
    HALVINGS,
    PATIENCE,
    ROUNDING,
    SEPARATED,
    TARGET,
    VANISHED,
    LogisticFit,
    gap_certificate,
    largest_move,
)
from mlcli.classification.objective import Bools, Ints, Objective, kkt_violation
from mlcli.classification.quadratic import NewtonQuadratic, NewtonStep
from mlcli.classification.softmax import Floats, n_columns


class StreamedNewton:
    """Minimises E of `Objective` with the cross-entropy, as `newton.fit_newton` does.

    A pass is `add` for every batch and then `finish_pass`; several problems can share the passes
    over a file. The weights of all rows must add up to 1.

    Args:
        n_classes: K.
        start: initial weights, (p, K) or (p, 1); zeros replace them where E is smaller there.
        l1, l2: strengths.
        free: columns without a penalty.
        max_steps: the largest number of steps.

    Attributes:
        trial: the weights at which the next pass adds up, (p, K) or (p, 1).
        fit: the result, or None while another pass is needed.
        curvature: the Hessian there, (K p, K p).
        gauge: as `Objective.gauge`.
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
        self.fit: LogisticFit | None = None
        self.curvature: Floats = np.empty((0, 0))
        self.violation = np.inf
        self._n_classes, self._l2, self._max_steps = n_classes, l2, max_steps
        self._penalised = np.ones((start.shape[0], 1))
        self._penalised[list(free)] = 0.0
        self._l1 = l1 * self._penalised  # (p, 1)
        free = self._penalised[:, 0] * (l1 + l2) == 0
        self.gauge: Bools = free & (start.shape[1] > 1)
        self._W: Floats | None = None
        self._at_W = np.inf
        self._step = NewtonStep(np.zeros_like(start), np.inf, False)
        self._certificate: Certificate | None = None
        self._size, self._n_steps, self._n_halvings, self._n_idle = 1.0, 0, 0, 0
        self._clear()

    def _clear(self) -> None:
        size = self.trial.size
        self._value, self._gradient = 0.0, np.zeros_like(self.trial)
        self._H = np.zeros((size, size))
        self._margin = np.inf
        self._squares = np.zeros(self.trial.shape[0])
        self._largest = np.zeros(self.trial.shape[0])

    def add(self, Phi: Floats, labels: Ints, row_weights: Floats) -> None:
        """Add a batch of rows Phi (n, p) with their class labels and weights, (n,) each."""
        part = Objective(Phi, labels, self._n_classes, row_weights)
        # A trial step may overflow: E is then NaN, and the step is halved.
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            value, gradient = part.smooth(self.trial)
            self._value += value
            self._gradient += gradient
            self._H += part.hessian(self.trial)
            self._margin = min(self._margin, part.margin(self.trial))
        self._squares += np.einsum("n,nj,nj->j", row_weights, Phi, Phi)
        self._largest = np.maximum(self._largest, np.abs(Phi).max(axis=0, initial=0.0))

    def finish_pass(self) -> None:
        """Accept or reject the trial weights once all rows were added; choose the next."""
        value = self._value + float((self._l1 * np.abs(self.trial)).sum())
        value += self._l2 * float((self._penalised * self.trial**2).sum())
        if self._W is None:
            # Without weights every class has the probability 1/K, so E is ln K.
            if not value <= log(self._n_classes) and self.trial.any():
                self.trial = np.zeros_like(self.trial)
            else:
                self._accept(value)
        else:
            goal = self._at_W - ARMIJO * self._size * self._step.decrease
            if value <= goal + ROUNDING * abs(self._at_W):
                self._accept(value)
            else:
                self._shorten(self._W)
        self._clear()

    def _accept(self, value: float) -> None:
        W, before, last = self.trial, self._at_W, self._step.decrease
        self._W, self._at_W, self._size, self._n_halvings = W, value, 1.0, 0
        gradient = self._gradient + 2.0 * self._l2 * self._penalised * W
        H = self._H
        penalty = np.tile(2.0 * self._l2 * self._penalised[:, 0], n_columns(self._n_classes))
        H[np.diag_indices_from(H)] += penalty
        scale = np.where(self._squares > 0, np.sqrt(self._squares), 1.0)[:, None]
        self.violation = kkt_violation(W, gradient, self._l1, scale)
        self.curvature = H
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            self._step = NewtonQuadratic(H, self.gauge).step(W, gradient, self._l1[:, 0], value)
        move = largest_move(self._largest, self._step.direction)
        self._certificate = gap_certificate(value, self._step, move)
        decrease = self._step.decrease
        idle = value >= before * (1.0 - 1e-15) and decrease > 0.5 * last
        self._n_idle = self._n_idle + 1 if idle else 0
        stalled = self._certificate.converged and decrease > 0.25 * last
        if (
            self._certificate.value <= TARGET
            or stalled
            or self._n_idle >= PATIENCE
            or self._n_steps >= self._max_steps
        ):
            self.fit = LogisticFit(W, self._n_steps, self._certificate)
        elif not self._certificate.converged and self._separable(value):
            self.fit = LogisticFit(W, self._n_steps, self._certificate, separable=True)
        else:
            self._n_steps += 1
            self.trial = W + self._step.direction

    def _separable(self, value: float) -> bool:
        """As in `newton.fit_newton`."""
        if self._step.solved and self._step.decrease <= VANISHED * value:
            return True
        penalised = self._l2 > 0 or bool((self._l1 > 0).any())
        return not penalised and value <= SEPARATED and self._margin > 0

    def _shorten(self, W: Floats) -> None:
        self._n_halvings += 1
        if self._n_halvings >= HALVINGS:
            assert self._certificate is not None
            self.fit = LogisticFit(W, self._n_steps - 1, self._certificate)
            return
        self._size /= 2
        self.trial = W + self._size * self._step.direction

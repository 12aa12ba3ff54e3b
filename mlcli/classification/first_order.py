"""Gradient descent and L-BFGS: solvers that need no Hessian."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlcli.classification.newton import (
    LogisticFit,
    certificate_at,
    concluded,
    without_absent_classes,
)
from mlcli.classification.objective import CentredObjective, Objective
from mlcli.classification.quadratic import soft_threshold
from mlcli.classification.softmax import Floats

# E may rise for a few steps; once it is this far above its start, descent has diverged.
RISE = 1.0
# Below this speed, changes of the weights are rounding.
LEAST_SPEED = 1e-15
# L-BFGS is restarted so often if it stops before the answer is certified.
ATTEMPTS = 5


def fit_descent(
    objective: Objective,
    start: Floats,
    learning_rate: float | None,
    max_steps: int,
    tolerance: float = 1e-8,
) -> LogisticFit:
    """W <- soft(W - eta grad E, eta l1): gradient descent (4.6), with l1 its proximal form.

    Args:
        objective: E.
        start: weights, (p, K) or (p, 1).
        learning_rate: eta; by default 1 / `Objective.curvature_bound`, which never diverges.
        max_steps: the largest number of steps.
        tolerance: a certificate is computed once no weight changes by more than eta times this, and
            again whenever the changes are ten times smaller; descent ends with the first that is
            converged.
    """
    centring = CentredObjective.of(objective)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        eta = 1.0 / objective.curvature_bound() if learning_rate is None else learning_rate
        threshold = eta * objective.l1 * objective.penalised
        W = without_absent_classes(objective, start.copy())
        first = objective.value(W)
        for step in range(1, max_steps + 1):
            value, gradient = objective.smooth(W)
            if not value <= first + RISE:
                return LogisticFit(W, step, certificate_at(objective, W), diverged_at=step)
            moved = soft_threshold(W - eta * gradient, threshold)
            speed = float(np.abs(moved - W).max()) / eta
            W = moved
            if speed <= tolerance:
                certificate = certificate_at(objective, W)
                if certificate.converged or tolerance < LEAST_SPEED:
                    break
                tolerance /= 10.0
        else:
            step, certificate = max_steps, certificate_at(objective, W)
        found = concluded(centring, centring.centred(W), step, certificate)
        return replace(found, W=W)


def fit_lbfgs(objective: Objective, start: Floats, max_steps: int) -> LogisticFit:
    """SciPy's L-BFGS, which approximates the Hessian from the last ten gradients.

    It works on centred columns that are scaled to a mean square of 1.

    Raises:
        ValueError: there is an l1 term, which has no gradient at 0.
    """
    from scipy.optimize import minimize

    if objective.l1:
        raise ValueError("L-BFGS needs a gradient everywhere, which l1 does not have")
    centring = CentredObjective.of(objective)
    objective, start = centring.objective, centring.centred(start)
    shape, scale = start.shape, objective.column_scale

    def both(flat: Floats) -> tuple[float, Floats]:
        value, gradient = objective.smooth(flat.reshape(shape) / scale)
        return value, (gradient / scale).ravel()

    W, n_steps = without_absent_classes(objective, start), 0
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for _ in range(ATTEMPTS):
            left = max_steps - n_steps
            settings = {"maxiter": left, "maxfun": 2 * left, "ftol": 1e-16, "gtol": 1e-9}
            found = minimize(
                both, (W * scale).ravel(), jac=True, method="L-BFGS-B", options=settings
            )
            W, n_steps = found.x.reshape(shape) / scale, n_steps + int(found.nit)
            certificate = certificate_at(objective, W)
            if certificate.converged or n_steps >= max_steps or not found.nit:
                break
        return concluded(centring, W, n_steps, certificate)

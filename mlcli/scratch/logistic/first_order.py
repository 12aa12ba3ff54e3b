"""Gradient descent and L-BFGS: solvers that need no Hessian."""

from __future__ import annotations

import numpy as np

from mlcli.scratch.logistic.model import Floats
from mlcli.scratch.logistic.newton import Fit
from mlcli.scratch.logistic.objective import Objective
from mlcli.scratch.logistic.sparse import soft_threshold

# E may rise for a step or two; so far above its start it does not come back.
RISE = 1.0


def fit_descent(
    objective: Objective,
    start: Floats,
    learning_rate: float | None,
    max_steps: int,
    tolerance: float = 1e-8,
) -> Fit:
    """W <- soft(W - eta grad E, eta l1): gradient descent (4.6), with l1 its proximal form.

    Args:
        objective: E.
        start: weights, (p, K) or (p, 1).
        learning_rate: eta; left out, one over `Objective.curvature_bound`, which never diverges.
        max_steps: at most so many steps.
        tolerance: converged when no weight moves faster than this per unit of eta.
    """
    eta = 1.0 / objective.curvature_bound() if learning_rate is None else learning_rate
    threshold = eta * objective.l1 * objective.penalised
    W, first = start.copy(), objective.value(start)
    for step in range(1, max_steps + 1):
        value, gradient = objective.smooth(W)
        if not value <= first + RISE:
            return Fit(W, step, False, diverged_at=step)
        moved = soft_threshold(W - eta * gradient, threshold)
        speed = float(np.abs(moved - W).max()) / eta
        W = moved
        if speed <= tolerance:
            return Fit(W, step, True)
    return Fit(W, max_steps, False)


def fit_lbfgs(objective: Objective, start: Floats, max_steps: int) -> Fit:
    """SciPy's L-BFGS, which builds a Hessian from the last ten gradients.

    Raises:
        ValueError: there is an l1 term, which has no gradient at 0.
    """
    from scipy.optimize import minimize

    if objective.l1:
        raise ValueError("L-BFGS needs a gradient everywhere, which l1 does not have")
    shape = start.shape

    def both(flat: Floats) -> tuple[float, Floats]:
        value, gradient = objective.smooth(flat.reshape(shape))
        return value, gradient.ravel()

    settings = {"maxiter": max_steps, "maxfun": 2 * max_steps, "ftol": 1e-16, "gtol": 1e-9}
    found = minimize(both, start.ravel(), jac=True, method="L-BFGS-B", options=settings)
    # It also stops where rounding lets E fall no further, which is as good a minimum.
    small = float(np.abs(found.jac).max()) <= 1e-6
    return Fit(found.x.reshape(shape), int(found.nit), bool(small and np.isfinite(found.fun)))

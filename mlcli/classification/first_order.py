"""Gradient descent and L-BFGS: solvers that need no Hessian."""

from __future__ import annotations

import numpy as np

from mlcli.classification.newton import Fit, certificate_at, separates, without_absent_classes
from mlcli.classification.objective import Centring, Objective
from mlcli.classification.quadratic import soft_threshold
from mlcli.classification.softmax import Floats

# E may rise for a step or two; so far above its start it does not come back.
RISE = 1.0
# Speeds of the weights below this are rounding.
LEAST_SPEED = 1e-15
# L-BFGS begins anew so often where it stops before the answer is certified.
ATTEMPTS = 5


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
        tolerance: the first certificate is computed when no weight moves faster than this per unit
            of eta, and others each time that they are ten times slower; descent ends with the
            first that is at most its own tolerance.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        eta = 1.0 / objective.curvature_bound() if learning_rate is None else learning_rate
        threshold = eta * objective.l1 * objective.penalised
        W = without_absent_classes(objective, start.copy())
        first = objective.value(W)
        for step in range(1, max_steps + 1):
            value, gradient = objective.smooth(W)
            if not value <= first + RISE:
                return Fit(W, step, certificate_at(objective, W), diverged_at=step)
            moved = soft_threshold(W - eta * gradient, threshold)
            speed = float(np.abs(moved - W).max()) / eta
            W = moved
            if speed <= tolerance:
                certificate = certificate_at(objective, W)
                if certificate.converged or tolerance < LEAST_SPEED:
                    return Fit(W, step, certificate)
                tolerance /= 10.0
        certificate = certificate_at(objective, W)
        return Fit(W, max_steps, certificate, separable=separates(objective, W, certificate))


def fit_lbfgs(objective: Objective, start: Floats, max_steps: int) -> Fit:
    """SciPy's L-BFGS, which builds a Hessian from the last ten gradients.

    It works on centred columns in units of their scales, as if all had a mean square of 1.

    Raises:
        ValueError: there is an l1 term, which has no gradient at 0.
    """
    from scipy.optimize import minimize

    if objective.l1:
        raise ValueError("L-BFGS needs a gradient everywhere, which l1 does not have")
    centring = Centring.of(objective)
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
    separable = separates(objective, W, certificate)
    return Fit(centring.raw(W), n_steps, certificate, separable=separable)

"""How far weights of logistic regression are from the minimum, computed from the weights alone."""

from __future__ import annotations

import numpy as np

from mlcli.certificate import Certificate
from mlcli.classification.logistic.model import Floats
from mlcli.classification.logistic.objective import Objective
from mlcli.classification.logistic.quadratic import Quadratic, Step

GAP = "relative duality gap"
TOLERANCE = 1e-9
SLOPE = "largest KKT violation / E"
SLOPE_TOLERANCE = 1e-6
# The largest move of an activation at which a Newton step gives a bound; 1 is enough in exact
# arithmetic.
LARGEST_MOVE = 0.5
# Multiplications of a Hessian that is computed for a certificate alone, and its largest order.
MOST_WORK = 2e10
MOST_WEIGHTS = 3000


def gap_certificate(
    value: float, step: Step, move: float, drift: float = 0.0, *, one_class: bool = False
) -> Certificate:
    r"""An upper bound of (E(W) - min E) / E(W) from a Newton step at W: between 0 and 1.

    Let s_n be the probabilities at W, S_n = diag(s_n) - s_n s_n^T, and d the step to the minimum
    of the quadratic, which moves the activations by D_n = d^T phi_n. Then s_n + S_n D_n are
    probabilities as long as no row's activations move against each other by more than 1, and they
    are a feasible point of the dual problem, because the quadratic's minimum has exactly their
    gradient. The gap of the two is sum_n r_n KL(s_n + S_n D_n | s_n) plus that of the penalty,
    which is at most `Step.decrease`, since KL <= chi^2. Where H was computed at other weights,
    whose activations differ by at most c, the gap is at most e^c times as much.

    Where an activation moves by more, there is no such point, and since E > 0 the bound is 1: so
    weights on separable classes, whose E has no finite minimum, are never certified.

    Args:
        value: E(W).
        step: from W.
        move: at least the largest move of a row's activations against each other along the step.
        drift: c.
        one_class: whether all rows are of one class, so that E is 0 at its minimum.
    """
    bound = 0.0 if one_class and value == 0 else 1.0
    if step.solved and drift < 1.0 and move * np.exp(drift) <= LARGEST_MOVE and value > 0:
        bound = min(1.0, float(np.exp(drift)) * step.decrease / value)
    return Certificate(GAP, bound, TOLERANCE)


def largest_move(largest_values: Floats, direction: Floats) -> float:
    """At least the largest move of a row's activations against each other, from max_n |phi_nj|."""
    return float(largest_values @ _spread(direction))


def exact_move(Phi: Floats, direction: Floats) -> float:
    """The largest move itself on the rows Phi (N, p)."""
    return float(_spread(Phi @ direction).max())


def _spread(moves: Floats) -> Floats:
    if moves.shape[1] == 1:
        return np.asarray(np.abs(moves[:, 0]))
    return np.asarray(moves.max(axis=1) - moves.min(axis=1))


def certificate_at(objective: Objective, W: Floats) -> Certificate:
    """The certificate of weights that any solver found, (p, K) or (p, 1).

    It is the relative duality gap where E is convex and the Hessian is affordable. For the mean
    square, which is not convex and has no such bound, or very many weights, it is the largest
    slope of E along the weight of a standardised column, divided by E: on separable classes that
    does not go to 0 either.
    """
    work = objective.labels.size * float(W.size) ** 2
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        value, gradient = objective.evaluate(W)
        if not np.isfinite(value):
            return Certificate(SLOPE, np.nan, SLOPE_TOLERANCE)
        if objective.loss == "square" or W.size > MOST_WEIGHTS or work > MOST_WORK:
            slope = objective.violation(W)
            relative = slope / value if value > 0 else float(slope > 0)
            return Certificate(SLOPE, relative, SLOPE_TOLERANCE)
        quadratic = Quadratic(objective.hessian(W), objective.gauge)
        step = quadratic.step(W, gradient, objective.l1 * objective.penalised[:, 0], value)
        move = exact_move(objective.Phi, step.direction)
        return gap_certificate(value, step, move, one_class=objective.one_class)

"""Newton's method, which for logistic regression is iteratively reweighted least squares."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mlcli.scratch.logistic.model import Floats
from mlcli.scratch.logistic.objective import Ints, Objective, even_weights
from mlcli.scratch.logistic.sparse import sparse_target

# Relative to the weights. What is left after such a step is a tenth of it or less.
TOLERANCE = 1e-8
# Relative to E: a rise that is rounding.
ROUNDING = 1e-14
# Halvings of a step before it is taken to be as good as zero.
HALVINGS = 40
# A Hessian is used again as long as each step is so much shorter than the last.
SHRINKS = 0.1
# Keeps the direction that changes no probability (one number added to every constant) at rest.
GAUGE = 1e-10
# With more rows a weight than this, steps on some of them first save steps on all.
MANY_ROWS = 100


@dataclass(frozen=True)
class Fit:
    """Weights of the classes.

    Attributes:
        W: (p, 1) for two classes, else (p, K).
        n_steps: steps taken.
        converged: whether the last step was negligible.
        diverged_at: the step at which the loss had grown without bound, or None.
    """

    W: Floats
    n_steps: int
    converged: bool
    diverged_at: int | None = None


def fit_newton(objective: Objective, start: Floats | None = None, max_steps: int = 100) -> Fit:
    """Minimise E by damped Newton steps, W <- W - H^-1 grad E.

    Each step solves a weighted least-squares problem, whence IRLS; with an l1 term it solves the
    lasso on the same quadratic (`sparse_target`). Steps are halved until E falls. H is kept while
    the steps shrink tenfold each, since a new one costs as much as many gradients.

    Args:
        objective: E, with the cross-entropy loss.
        start: weights to begin with; left out, those of a part of the rows where there are many,
            else zeros.
        max_steps: at most so many steps.

    Raises:
        ValueError: the loss is the mean square, whose Hessian need not be positive.
    """
    if objective.loss != "cross-entropy":
        raise ValueError("Newton's method needs the cross-entropy, whose Hessian is positive")
    W, H = _start(objective) if start is None else (start.copy(), None)
    value, gradient = _evaluate(objective, W)
    last = np.inf
    for step in range(1, max_steps + 1):
        fresh = H is None
        if H is None:
            H = _curvature(objective, W)
        direction = _direction(objective, H, W, gradient)
        length = float(np.abs(direction).max())
        if not fresh and length > SHRINKS * last:
            H = _curvature(objective, W)
            direction = _direction(objective, H, W, gradient)
            length = float(np.abs(direction).max())
        size = 1.0
        for _ in range(HALVINGS):
            trial, slope = _evaluate(objective, W + size * direction)
            if trial <= value + ROUNDING * abs(value):
                break
            size /= 2
        else:
            return Fit(W, step, True)
        W, value, gradient = W + size * direction, trial, slope
        if length <= TOLERANCE * (1.0 + np.abs(W).max()):
            return Fit(W, step, True)
        last = length
        if size < 1.0:
            H = None
    return Fit(W, max_steps, False)


def _evaluate(objective: Objective, W: Floats) -> tuple[float, Floats]:
    """E(W), and the gradient of its smooth part."""
    value, gradient = objective.smooth(W)
    return value + objective.l1 * float((objective.penalised * np.abs(W)).sum()), gradient


def _curvature(objective: Objective, W: Floats) -> Floats:
    H = objective.hessian(W)
    H[np.diag_indices_from(H)] += GAUGE
    return H


def _direction(objective: Objective, H: Floats, W: Floats, gradient: Floats) -> Floats:
    return newton_direction(H, W, gradient, objective.l1 * objective.penalised[:, 0])


def newton_direction(H: Floats, W: Floats, gradient: Floats, l1: Floats) -> Floats:
    """From W to the minimum of the quadratic with gradient (p, K) and H (K p, K p), l1 (p,)."""
    p, k = W.shape
    g, w = gradient.T.ravel(), W.T.ravel()  # (K p,)
    if l1.any():
        step = sparse_target(H, H @ w - g, np.tile(l1, k), w) - w
    else:
        step = np.asarray(-np.linalg.solve(H, g), dtype=np.float64)
    return np.asarray(step).reshape(k, p).T  # (p, K)


def _start(objective: Objective) -> tuple[Floats, Floats | None]:
    """The fit of every so many-th row, and its Hessian: near those of all, for a fraction."""
    stride = objective.labels.size // (MANY_ROWS * int(np.prod(objective.shape)))
    if stride < 4:
        return np.zeros(objective.shape), None
    some = slice(None, None, stride)
    part = replace(
        objective, Phi=np.ascontiguousarray(objective.Phi[some]), labels=objective.labels[some],
        row_weights=objective.row_weights[some] / objective.row_weights[some].sum(),
    )  # fmt: skip
    W = fit_newton(part, np.zeros(objective.shape)).W
    return W, _curvature(part, W)


def standard_errors(objective: Objective, W: Floats) -> Floats:
    """Square roots of the diagonal of (N H)^-1, W's shape: the curvature at the minimum.

    What a maximum-likelihood fit with even row weights would vary by from one sample of N rows to
    another; a penalty makes it smaller, and the estimate biased.
    """
    return errors_of_curvature(_curvature(objective, W), W.shape[0], objective.labels.size)


def errors_of_curvature(H: Floats, n_columns: int, n_rows: int) -> Floats:
    """The same from H (K p, K p) itself and N, (p, K)."""
    variance = np.diag(np.linalg.inv(H)) / n_rows
    return np.asarray(np.sqrt(np.maximum(variance, 0.0))).reshape(-1, n_columns).T  # (p, K)


def fit_logistic(
    Phi: Floats,
    labels: Ints,
    n_classes: int,
    l2: float,
    *,
    free: Ints | None = None,
    start: Floats | None = None,
    max_steps: int = 100,
) -> Fit:
    """The minimum of the mean cross-entropy + l2 |W|^2, with a column of weights for every class.

    Two classes have the column 0 and that of class 1, so that Phi W are activations for `softmax`.

    Args:
        Phi: columns, (N, p).
        labels: class of each row, 0..K-1, (N,).
        n_classes: K.
        l2: strength > 0: classes that can be separated have no finite minimum without it.
        free: columns without a penalty, usually the constant.
        start: weights to begin with, (p, K).
        max_steps: at most so many steps.

    Raises:
        ValueError: the strength is not positive.
    """
    if not l2 > 0:
        raise ValueError(f"the strength l2 must be positive, got {l2}")
    unpenalised = () if free is None else tuple(free.tolist())
    objective = Objective(
        Phi, labels, n_classes, even_weights(labels.size), l2=l2, free=unpenalised
    )
    binary = n_classes == 2
    begin = start[:, 1:] if start is not None and binary else start
    found = fit_newton(objective, begin, max_steps)
    if binary:
        return replace(found, W=np.hstack([np.zeros_like(found.W), found.W]))  # (p, 2)
    return found

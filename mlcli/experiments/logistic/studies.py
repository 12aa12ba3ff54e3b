"""A confidently wrong start (5.12), and classes that a line separates (5.15)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.classification.classifier import LogisticModel
from mlcli.classification.newton import fit_newton
from mlcli.classification.objective import Objective, even_weights
from mlcli.classification.softmax import sigmoid
from mlcli.experiments.logistic.config import LogisticConfig

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
LOSSES = ("cross-entropy", "square")
N_SHOWN = 60
# Recovered: the error has fallen by this share of its excess over that of the fit.
RECOVERED = 0.9
# The most rows in the studies, for thousands of steps.
MAX_ROWS = 500


@dataclass(frozen=True)
class Saturation:
    """Descent from a confidently wrong start, with the same learning rate for both losses.

    Attributes:
        confidence: mean of max(s, 1 - s) at each start, (n_starts,).
        steps: until most of the excess error is gone, (2, n_starts); infinite where it never was.
        error: share of rows on the wrong side at shown steps, from the worst start, (2, n_shown).
    """

    confidence: Array
    steps: Array
    error: Array


@dataclass(frozen=True)
class Separable:
    """Descent on classes that the fitted boundary separates.

    Attributes:
        norm: |w| at shown steps, without a penalty and with l2, (2, n_shown).
        loss: cross-entropy alone, the same shape.
        minimum_norm: |w| at the minimum with l2.
        certificate: the worse one of that minimum and of the boundary.
    """

    norm: Array
    loss: Array
    minimum_norm: float
    certificate: Certificate


def shown_steps(config: LogisticConfig) -> Ints:
    """Steps at which the studies are shown: 0, then evenly spaced in the logarithm."""
    even = np.geomspace(1, config.n_study, N_SHOWN).round().astype(np.int64)
    return np.unique(np.concatenate([[0], even]))


def binary_objective(model: LogisticModel) -> Objective:
    """The training rows as two classes, class 1 or the last one against the others; no penalty."""
    objective = model.objective
    rows = slice(None, None, -(-objective.labels.size // MAX_ROWS))
    labels = (objective.labels[rows] == objective.n_classes - 1).astype(np.int64)
    Phi = np.ascontiguousarray(objective.Phi[rows])
    return Objective(Phi, labels, 2, even_weights(labels.size), free=objective.free)


def saturation(config: LogisticConfig, model: LogisticModel) -> Saturation:
    """How long each loss takes to recover from starts that are more and more confidently wrong.

    A start is the fitted boundary with its sides exchanged, scaled to a mean |a|.
    """
    objective = binary_objective(model)
    Phi, t = objective.Phi, objective.labels[:, None]
    fitted = fit_newton(replace(objective, l2=max(config.l2, 1e-3))).W  # (p, 1)
    a = Phi @ fitted
    sizes = np.array(config.start_activations)
    starts = -fitted / max(float(np.abs(a).mean()), 1e-300) * sizes  # (p, n_starts)
    A = Phi @ starts
    first, last = _error(A, t), float(_error(a, t)[0])
    goal = last + (1.0 - RECOVERED) * (first - last)
    shown = shown_steps(config)
    steps, errors = np.full((2, sizes.size), np.inf), np.empty((2, shown.size))
    for step, W in _descend_both(objective, starts, config.n_study):
        wrong = _error(Phi @ W, t).reshape(2, -1)
        steps = np.where((wrong <= goal) & np.isinf(steps), step, steps)
        errors[:, shown == step] = wrong[:, -1:]
    s = sigmoid(A)
    return Saturation(np.maximum(s, 1 - s).mean(axis=0), steps, errors)


def _descend_both(objective: Objective, starts: Array, n_steps: int) -> Iterator[tuple[int, Array]]:
    """Steps 0, 1, ... of descent from each start, (p, 2 n_starts), cross-entropy first."""
    Phi, t, n = objective.Phi, objective.labels[:, None], starts.shape[1]
    eta = 1.0 / objective.curvature_bound()
    W = np.hstack([starts, starts])  # (p, 2 n_starts)
    for step in range(n_steps + 1):
        yield step, W
        S = sigmoid(Phi @ W)  # (N, 2 n_starts)
        slope = S - t
        slope[:, n:] *= S[:, n:] * (1.0 - S[:, n:])
        W = W - eta * (Phi.T @ slope) / t.size


def _error(A: Array, t: Ints) -> Array:
    return np.asarray(((A > 0) != (t == 1)).mean(axis=0))


def separable(config: LogisticConfig, model: LogisticModel) -> Separable:
    """Descent on the training rows with the labels that the fitted boundary would give them."""
    objective = binary_objective(model)
    boundary = fit_newton(replace(objective, l2=max(config.l2, 1e-3)))
    labels = ((objective.Phi @ boundary.W)[:, 0] > 0).astype(np.int64)
    plain = replace(objective, labels=labels)
    strengths = np.array([0.0, config.separable_l2])
    shown = shown_steps(config)
    norms, losses = np.empty((2, shown.size)), np.empty((2, shown.size))
    eta = 1.0 / replace(plain, l2=config.separable_l2).curvature_bound()
    W = np.zeros((objective.Phi.shape[1], 2))
    for step in range(config.n_study + 1):
        if (at := shown == step).any():
            norms[:, at] = np.linalg.norm(plain.penalised * W, axis=0)[:, None]
            losses[:, at] = [[plain.value(w[:, None])] for w in W.T]
        slope = plain.Phi.T @ (sigmoid(plain.Phi @ W) - labels[:, None]) / labels.size  # (p, 2)
        W = W - eta * (slope + 2.0 * strengths * plain.penalised * W)
    lowest = fit_newton(replace(plain, l2=config.separable_l2))
    norm = float(np.linalg.norm(plain.penalised * lowest.W))
    worst = max(boundary.certificate, lowest.certificate, key=lambda one: one.ratio)
    return Separable(norms, losses, norm, worst)

"""Logistic regression for two or more classes, by Newton's method (section 5 of the notes)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Relative to the size of the weights: a smaller step would change no digit that matters.
TOLERANCE = 1e-10
# Halvings of a step before it is taken to be as good as zero.
HALVINGS = 40
# Keeps the direction that changes no probability (one number added to every constant) at rest.
GAUGE = 1e-10


@dataclass(frozen=True)
class LogisticFit:
    """Weights of the classes.

    Attributes:
        W: (p, K).
        n_steps: Newton steps taken.
        converged: whether the last step was negligible.
    """

    W: Floats
    n_steps: int
    converged: bool


def softmax(A: Floats) -> Floats:
    """p(C_k|x) = exp(a_k) / sum_j exp(a_j), eq (5.20) as it should read; (N, K) -> (N, K)."""
    shifted = np.exp(A - A.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def cross_entropy(Phi: Floats, labels: Ints, W: Floats, l2: float, free: Ints) -> float:
    """-1/N sum_n ln p(C_t|x_n) + l2 |W|^2, eq (5.22) divided by N, with the penalty of (3.13).

    Args:
        Phi: columns, (N, p).
        labels: class of each row, 0..K-1, (N,).
        W: weights, (p, K).
        l2: strength; rows of W in `free` are not penalised.
        free: which columns of Phi carry no penalty.
    """
    A = Phi @ W  # (N, K)
    top = A.max(axis=1)
    log_sum = top + np.log(np.exp(A - top[:, None]).sum(axis=1))
    penalised = np.delete(W, free, axis=0)
    return float((log_sum - A[np.arange(labels.size), labels]).mean() + l2 * (penalised**2).sum())


def fit_logistic(
    Phi: Floats,
    labels: Ints,
    n_classes: int,
    l2: float,
    *,
    free: Ints | None = None,
    start: Floats | None = None,
    max_steps: int = 50,
) -> LogisticFit:
    """Minimise `cross_entropy` by damped Newton steps.

    The gradient is Phi^T (S - T) / N + 2 l2 W, with the sign (s - t) that (5.11) should have; the
    Hessian's block of classes j, k is Phi^T diag(s_j (delta_jk - s_k)) Phi / N + 2 l2 delta_jk.
    With two classes only the difference of their weights matters, and it carries half the penalty
    that a single weight vector would.

    Args:
        Phi: columns, (N, p).
        labels: class of each row, 0..K-1, (N,).
        n_classes: K.
        l2: strength > 0: classes that can be separated have no finite minimum without it.
        free: columns without a penalty, usually the constant.
        start: weights to begin with, (p, K); zeros if left out.
        max_steps: at most so many steps.

    Raises:
        ValueError: the strength is not positive.
    """
    if not l2 > 0:
        raise ValueError(f"the strength l2 must be positive, got {l2}")
    unpenalised = np.empty(0, dtype=np.int64) if free is None else free
    n_rows, p = Phi.shape
    T = np.eye(n_classes)[labels]  # (N, K)
    strength = np.full(p, 2.0 * l2)
    strength[unpenalised] = 0.0
    W = np.zeros((p, n_classes)) if start is None else start.copy()
    value = cross_entropy(Phi, labels, W, l2, unpenalised)
    for step in range(1, max_steps + 1):
        S = softmax(Phi @ W)  # (N, K)
        gradient = Phi.T @ (S - T) / n_rows + strength[:, None] * W  # (p, K)
        direction = _newton(Phi, S, strength, gradient)
        size, before = 1.0, value
        for _ in range(HALVINGS):
            trial = cross_entropy(Phi, labels, W - size * direction, l2, unpenalised)
            if trial <= value:
                break
            size /= 2
        else:
            return LogisticFit(W, step, True)
        W, value = W - size * direction, trial
        if np.abs(direction).max() <= TOLERANCE * (1.0 + np.abs(W).max()) or before == value:
            return LogisticFit(W, step, True)
    return LogisticFit(W, max_steps, False)


def _newton(Phi: Floats, S: Floats, strength: Floats, gradient: Floats) -> Floats:
    """H^-1 gradient, (p, K); H is (K p, K p), the weights of a class next to each other."""
    n_rows, p = Phi.shape
    n_classes = S.shape[1]
    H = np.empty((n_classes, p, n_classes, p))
    for j in range(n_classes):
        for k in range(j, n_classes):
            weight = S[:, j] * (float(j == k) - S[:, k]) / n_rows
            H[j, :, k] = H[k, :, j] = Phi.T @ (weight[:, None] * Phi)
        H[j, np.arange(p), j, np.arange(p)] += strength
    flat = H.reshape(n_classes * p, n_classes * p)
    flat[np.diag_indices_from(flat)] += GAUGE
    step = np.asarray(np.linalg.solve(flat, gradient.T.ravel()), dtype=np.float64)
    return step.reshape(n_classes, p).T  # (p, K)

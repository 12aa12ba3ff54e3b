"""A quadratic with an l1 term: what one Newton step of an l1 penalty has to solve."""

from __future__ import annotations

import numpy as np

from mlcli.scratch.logistic.model import Floats

# Proximal steps between attempts to solve for the support exactly, and in all.
ROUND = 25
MAX_STEPS = 5000
# Relative to l1: optimality of the weights that are 0.
SLACK = 1e-9


def soft_threshold(v: Floats, amount: Floats | float) -> Floats:
    """sign(v) max(|v| - amount, 0), the proximal map of amount |v|."""
    return np.asarray(np.sign(v) * np.maximum(np.abs(v) - amount, 0.0))


def sparse_target(H: Floats, c: Floats, l1: Floats, start: Floats) -> Floats:
    """The v that minimises v^T H v / 2 - c^T v + sum_j l1_j |v_j|.

    Accelerated proximal steps find which weights are 0; for the others the minimum is a linear
    system. Its solution is taken as soon as it has the signs it was solved for and no weight that
    is 0 would leave.

    Args:
        H: (q, q), positive definite.
        c: (q,).
        l1: strengths, (q,), 0 for a weight without a penalty.
        start: (q,).
    """
    step = 1.0 / _largest_eigenvalue(H)
    v, ahead, momentum = start.copy(), start.copy(), 1.0
    for _ in range(MAX_STEPS // ROUND):
        exact = _on_support(H, c, l1, v)
        if exact is not None:
            return exact
        for _ in range(ROUND):
            new = soft_threshold(ahead - step * (H @ ahead - c), step * l1)
            # A step that turns back has gone too far ahead: begin anew.
            if (ahead - new) @ (new - v) > 0:
                momentum = 1.0
            following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
            ahead = new + (momentum - 1.0) / following * (new - v)
            v, momentum = new, following
    return v


def _on_support(H: Floats, c: Floats, l1: Floats, v: Floats) -> Floats | None:
    """The exact minimum if v has the right support and signs, else None."""
    kept = np.flatnonzero((v != 0) | (l1 == 0))
    signs = np.sign(v[kept])
    solved = np.linalg.solve(H[np.ix_(kept, kept)], c[kept] - l1[kept] * signs)
    if ((np.sign(solved) != signs) & (l1[kept] > 0)).any():
        return None
    found = np.zeros_like(v)
    found[kept] = solved
    away = np.ones(v.size, dtype=bool)
    away[kept] = False
    pull = np.abs(c - H @ found)[away]
    return found if (pull <= l1[away] * (1.0 + SLACK)).all() else None


def _largest_eigenvalue(H: Floats) -> float:
    """A bound from above that is nearly tight: power steps, and what they may have missed."""
    x = np.ones(H.shape[0]) / np.sqrt(H.shape[0])
    for _ in range(30):
        y = H @ x
        size = float(np.linalg.norm(y))
        x = y / max(size, 1e-300)
    return min(1.2 * size, float(np.abs(H).sum(axis=1).max()))

"""How far from the minimum of (3.13) a point can at most be."""

from __future__ import annotations

import numpy as np

from mlcli.linear.arrays import Floats


def duality_gap(A: Floats, b: Floats, n_rows: int, w: Floats, l1: float, l2: float) -> float:
    """An upper bound on E(w) - min E for (3.13), from any w; no reference solution is needed.

    The elastic net is the lasso on rows A~ = [A; sqrt(2 N l2) I], b~ = [b; 0]. With r~ = b~ - A~ w
    every theta = c r~ with |A~^T theta| <= N l1 gives (|b~|^2 - |b~ - theta|^2) / (2 N) <= min E.
    With l2 > 0 so does, for every theta, (|b|^2 - |b - theta|^2) / (2 N)
    - sum max(|A_j^T theta| / N - l1, 0)^2 / (4 l2), where theta = r is taken; the better of the two
    counts. With both strengths 0 theta is the part of r that is orthogonal to A.

    Args:
        A: centred columns, (n, p), or a compressed factor of them.
        b: centred targets, (n,).
        n_rows: N of the objective.
        w: weights, (p,).
        l1, l2: strengths >= 0.

    Raises:
        ValueError: a strength is negative or not finite.
    """
    if not (0 <= l1 < np.inf and 0 <= l2 < np.inf):
        raise ValueError(f"the strengths must be finite and at least 0, got {l1} and {l2}")
    r = b - A @ w
    if l1 == 0 and l2 == 0:
        outside = r - A @ np.linalg.lstsq(A, r, rcond=None)[0]
        return max(0.0, float(r @ r - outside @ outside) / (2 * n_rows))
    return gap_from_products(
        float(r @ r) / n_rows, float(b @ r) / n_rows, A.T @ r / n_rows, w, l1, l2
    )


def gap_from_products(
    rr: float, br: float, correlation: Floats, w: Floats, l1: float, l2: float
) -> float:
    """`duality_gap` from r^T r / N, b^T r / N and A^T r / N (p,)."""
    square = 2.0 * l2 * float(w @ w)
    primal = (rr + square) / 2 + l1 * float(np.abs(w).sum())
    residual = rr + square
    gradient = correlation - 2.0 * l2 * w
    steepest = float(np.abs(gradient).max(initial=0.0))
    # theta is scaled to be feasible, and within that to make the bound as high as it can be.
    room = l1 / steepest if steepest > 0 else np.inf
    best = br / residual if residual > 0 else 1.0
    c = float(np.clip(best, -room, room))
    dual = c * br - c * c * residual / 2
    if l2 > 0:
        excess = np.maximum(np.abs(correlation) - l1, 0.0)
        dual = max(dual, br - rr / 2 - float(excess @ excess) / (4 * l2))
    return max(0.0, primal - dual)

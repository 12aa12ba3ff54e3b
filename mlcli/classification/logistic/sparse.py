"""A quadratic with an l1 term: what one Newton step of an l1 penalty has to solve."""

from __future__ import annotations

import numpy as np

from mlcli.classification.logistic.model import Floats
from mlcli.classification.logistic.objective import Ints
from mlcli.classification.logistic.symmetric import EPSILON, Solver

# Rounds of a sweep and an exact solve; each lowers the objective.
MAX_ROUNDS = 1000
# Weights at 0 that one sweep may take in beside those that are not 0.
NEWCOMERS = 10
# Exact solves after one sweep.
SOLVES = 50


def soft_threshold(v: Floats, amount: Floats | float) -> Floats:
    """sign(v) max(|v| - amount, 0), the proximal map of amount |v|."""
    return np.asarray(np.sign(v) * np.maximum(np.abs(v) - amount, 0.0))


def sparse_target(
    H: Floats, g: Floats, l1: Floats, start: Floats, noise: float = 0.0
) -> tuple[Floats, bool]:
    """The v that minimises g^T (v - start) + (v - start)^T H (v - start) / 2 + sum_j l1_j |v_j|.

    Sweeps of coordinate descent find which weights are 0; for the others the minimum is a linear
    system, towards whose solution v moves as far as the objective falls. It ends where the
    conditions of the minimum (KKT) hold to rounding.

    Args:
        H: (q, q), positive semidefinite.
        g: gradient at the start, (q,).
        l1: strengths, (q,), 0 for a weight without a penalty.
        start: (q,).
        noise: slopes along directions without curvature that are taken for rounding.

    Returns:
        v (q,), and whether the conditions hold there.
    """
    v = start.copy()
    least, solved = np.inf, False
    size = np.abs(H)
    for _ in range(MAX_ROUNDS):
        for _ in range(SOLVES):
            if not _solve_support(H, g, l1, start, v, noise):
                break
        d = v - start
        downhill = -(g + H @ d)
        excess = _violations(downhill, l1, v)
        rounding = 8.0 * EPSILON * (np.abs(g) + size @ np.abs(d) + l1)
        # Rounding of H itself is in `excess` too: 1000 times as much still counts as solved.
        solved = bool((excess <= 1000.0 * rounding + noise).all())
        if (excess <= rounding).all():
            break
        objective = float(0.5 * (g - downhill) @ d + l1 @ np.abs(v))
        if not objective < least:
            break
        least = objective
        _sweep(H, l1, v, downhill, _working_set(excess, l1, v))
    return v, solved


def _violations(downhill: Floats, l1: Floats, v: Floats) -> Floats:
    """The least-norm subgradient's components, without their signs, (q,)."""
    at_zero = np.maximum(np.abs(downhill) - l1, 0.0)
    return np.where(v == 0, at_zero, np.abs(downhill - l1 * np.sign(v)))


def _working_set(excess: Floats, l1: Floats, v: Floats) -> Ints:
    """The weights at 0 that most want to leave, then those that are not 0 or have no penalty."""
    used = (v != 0) | (l1 == 0)
    n_used = int(used.sum())
    out = np.flatnonzero(~used & (excess > 0))
    worst = out[np.argsort(-excess[out], kind="stable")][: max(NEWCOMERS, n_used)]
    return np.concatenate([worst, np.flatnonzero(used)])


def _sweep(H: Floats, l1: Floats, v: Floats, downhill: Floats, working: Ints) -> None:
    """One pass of coordinate descent, v_j = soft(v_j + r_j / H_jj, l1_j / H_jj); changes v."""
    block = H[np.ix_(working, working)]
    diagonal, strengths = np.diagonal(block).tolist(), l1[working].tolist()
    r, values = downhill[working], v[working].tolist()
    for i, h in enumerate(diagonal):
        if h <= 0.0:
            continue
        old = values[i]
        pull = float(r[i]) + h * old
        size = abs(pull) - strengths[i]
        new = 0.0 if size <= 0.0 else (size if pull > 0 else -size) / h
        if new != old:
            r -= (new - old) * block[i]
            values[i] = new
    v[working] = values


def _solve_support(
    H: Floats, g: Floats, l1: Floats, start: Floats, v: Floats, noise: float
) -> bool:
    """Move towards the minimum over the weights that are not 0 at their signs; changes v.

    Along that line the objective is a convex piecewise quadratic, with a corner where a weight
    changes its sign: v goes to its lowest point, and a weight that ends at a corner is 0.

    Returns:
        Whether a weight became 0 or changed its sign, so that another solve may go further.
    """
    used = np.flatnonzero((v != 0) | (l1 == 0))
    if used.size == 0:
        return False
    signs = np.sign(v[used]) * (l1[used] > 0)
    d = v - start
    block = H[np.ix_(used, used)]
    slope = -(g[used] + H[used] @ d) - l1[used] * signs
    step = Solver(block).solve(slope, noise)
    fall = float(step @ slope)
    if not fall > 0.0:
        return False
    crossing = np.flatnonzero((v[used] + step) * signs < 0.0)
    if crossing.size == 0:
        v[used] += step
        return False
    at = -v[used[crossing]] / step[crossing]  # in (0, 1)
    order = np.argsort(at, kind="stable")
    at, crossing = at[order], crossing[order]
    curvature = float(step @ (block @ step))
    # The slope just after each corner.
    kinks = 2.0 * np.cumsum(l1[used[crossing]] * np.abs(step[crossing]))
    before = np.concatenate([[0.0], kinks[:-1]])
    uphill_before = at * curvature - fall + before >= 0.0
    uphill_after = at * curvature - fall + kinks >= 0.0
    ends = np.flatnonzero(uphill_before | uphill_after)
    last = int(ends[0]) if ends.size else at.size
    kinked = float(kinks[last - 1]) if last else 0.0
    if last < at.size and not uphill_before[last]:
        share, corner = float(at[last]), int(crossing[last])
    else:
        share, corner = (fall - kinked) / curvature if curvature > 0 else 1.0, -1
    v[used] += share * step
    if corner >= 0:
        v[used[corner]] = 0.0
    return True

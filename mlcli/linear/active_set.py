"""The two moves that lower (3.13): one coordinate at a time, and all non-zero ones at once."""

from __future__ import annotations

import numpy as np

from mlcli.linear.arrays import Floats, Ints
from mlcli.linear.normal import Normal

# A full step on an ill-conditioned set is repeated on its own residual, as refinement.
REFINEMENTS = 2


def sweep(problem: Normal, w: Floats, downhill: Floats, working: Ints) -> None:
    """One pass of coordinate descent over a working set; changes w (p,).

    w_j = S(g_j + h_j w_j, l1) / h_j with h_j = G_jj + 2 l2, g minus the gradient (4.1), which the
    notes print with the opposite sign, and S the soft threshold; g is kept up to date by columns
    of G (covariance updates).

    Args:
        problem: strengths and Gram matrix.
        w: weights, (p,).
        downhill: A^T r / N - 2 l2 w, (p,).
        working: indices of the weights to visit, in order.
    """
    curvature = problem.G[np.ix_(working, working)]
    curvature[np.diag_indices(working.size)] += 2.0 * problem.l2
    diagonal = np.diagonal(curvature).tolist()
    g = downhill[working]
    values = w[working].tolist()
    for i, h in enumerate(diagonal):
        if h <= 0.0:
            continue
        old = values[i]
        pull = float(g[i]) + h * old
        size = abs(pull) - problem.l1
        new = 0.0 if size <= 0.0 else (size if pull > 0 else -size) / h
        if new != old:
            g -= (new - old) * curvature[i]
            values[i] = new
    w[working] = values


def polish(problem: Normal, w: Floats) -> None:
    """Go to the minimum over the non-zero weights at their signs; changes w (p,).

    Where a weight would change its sign on the way, the step ends there, the weight becomes zero
    and the rest goes on. Every step lowers the objective, and each but the last few drops a
    weight, so the loop ends.
    """
    used = np.flatnonzero(w)
    refinements = 0
    while used.size and refinements < REFINEMENTS:
        signs = np.sign(w[used])
        step, slope = problem.step(w, used, signs)
        if not slope > 0.0:
            return
        crossing = np.flatnonzero((w[used] + step) * signs <= 0.0)
        if crossing.size == 0:
            w[used] += step
            refinements += 1
            continue
        shares = -w[used[crossing]] / step[crossing]
        first = int(shares.argmin())
        w[used] += float(shares[first]) * step
        w[used[crossing[first]]] = 0.0
        used = used[w[used] * signs > 0.0]

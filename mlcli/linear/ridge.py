"""Ridge regression: all strengths from one decomposition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.linear.arrays import Floats
from mlcli.linear.least_squares import EPSILON


@dataclass(frozen=True)
class RidgePath:
    """Ridge solutions, one a strength.

    Attributes:
        w: (p, k).
        degrees_of_freedom: trace of the hat matrix without the intercept, (k,).
    """

    w: Floats
    degrees_of_freedom: Floats


def ridge_path(A: Floats, b: Floats, n_rows: int, l2s: Sequence[float]) -> RidgePath:
    """Minimise (3.13) with l1 = 0: w = (A^T A + 2 N l2 I)^-1 A^T b.

    With A = U S V^T, w = V S (S^2 + 2 N l2)^-1 U^T b and the degrees of freedom are
    sum s^2 / (s^2 + 2 N l2). At l2 = 0 this is the minimum-norm solution of (4.5).

    Args:
        A: centred columns, (n, p); may be a factor with the same A^T A and A^T b and fewer rows.
        b: centred targets, (n,).
        n_rows: N of the objective.
        l2s: k strengths >= 0.

    Raises:
        ValueError: a strength is negative or not finite.
    """
    strengths = np.asarray(l2s, dtype=np.float64)
    if not (np.isfinite(strengths).all() and (strengths >= 0).all()):
        raise ValueError(f"l2 strengths must be finite and at least 0, got {list(l2s)}")
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    squares = s[:, None] ** 2  # (r, 1)
    total = squares + 2.0 * n_rows * strengths  # (r, k)
    used = (total > 0) & ((strengths > 0) | (s > EPSILON * s.max(initial=0.0))[:, None])
    total = np.where(used, total, 1.0)
    weights = np.where(used, s[:, None] / total, 0.0)
    dof = np.where(used, squares / total, 0.0).sum(axis=0)
    return RidgePath(Vt.T @ (weights * (U.T @ b)[:, None]), dof)

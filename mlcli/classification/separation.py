"""Classes that weights can tell apart, wholly or in part, so that E has no finite minimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlcli.classification.objective import Bools, Ints, Objective
from mlcli.classification.softmax import Floats

EPSILON = float(np.finfo(np.float64).eps)
# A lead along a direction counts as 0 up to so many roundings of its sum.
ROUNDINGS = 64.0
# A class whose activation is less than this below a row's own is at first taken to stay level.
LEVEL = 5.0
# Certified weights are looked into where a row's own activation leads by more than this.
FAR_AHEAD = 20.0
# The most times that classes which fall behind join those that must stay level.
ROUNDS = 50
# Of the pairs that must stay level, so many per weight are tried before all of them.
SAMPLE = 20
# A part of the weights that is smaller than this share of them is rounding.
NOTHING = 1e-12
# The most multiplications for the directions along which classes stay level.
MOST_WORK = 2e10


@dataclass(frozen=True)
class Separation:
    """A direction D along which E falls for ever, which proves that it has no finite minimum.

    The lead of a row n over a class k is (d_y - d_k)^T phi_n, y being the row's own class. If no
    lead is negative and some are positive, E(W + t D) falls with t for every W. (Albert and
    Anderson, 1984, call this complete separation where all leads are positive, else
    quasi-complete.) The infimum of E is then the minimum over the classes that stay level.

    Attributes:
        direction: D, (p, K), or (p, 1) for class 1 of two.
        n_level: rows of which another class stays level with their own, 0 if D separates all.
        level_classes: the classes that these rows are of, or that stay level with them.
        infimum: of E; NaN if no certificate of it was found.
    """

    direction: Floats
    n_level: int
    level_classes: tuple[int, ...]
    infimum: float

    def exception(self, names: Sequence[str] | None = None) -> str:
        """The rows that D does not separate, as ``, all but 5 of the classes 1 and 3``, or empty.

        Args:
            names: of the classes; by default their numbers.
        """
        if not self.n_level:
            return ""
        named = [str(k) if names is None else names[k] for k in self.level_classes]
        return f", all but {self.n_level} of the classes {', '.join(named[:-1])} and {named[-1]}"


def find_direction(
    objective: Objective, W: Floats, least: float
) -> tuple[Floats, Bools, Bools] | None:
    """A direction along which E falls for ever, made from weights W that grow along it.

    W itself is one if every row's own activation leads. Otherwise the classes that are close to a
    row's own must stay level: D is the part of W that leaves them so, a projection. Classes that
    fall behind along it must stay level too, until there are none. The leads along D that is
    found are computed from D; they are 0 up to rounding or positive.

    Args:
        objective: E, its columns centred; without a penalty, or there is none.
        W: (p, K) or (p, 1).
        least: some lead along W must be larger than this.

    Returns:
        D, of W's shape, which classes a row's own leads along it, and which stay level with it,
        (N, K) each; or None if no direction was found.
    """
    if objective.l1 or objective.l2 or not np.isfinite(W).all():
        return None
    rows = replace(objective, Phi=objective.Phi / objective.column_scale.T)
    w = W * objective.column_scale
    reach = ROUNDINGS * EPSILON * np.abs(rows.Phi).sum(axis=1, keepdims=True)  # (N, 1)
    lead, counts = _leads(rows, w), _counted(rows)
    if (lead > reach * np.abs(w).max())[counts].all():
        return (W, counts, np.zeros_like(counts)) if counts.any() else None
    if objective.loss == "square" or not (lead > least)[counts].any():
        return None
    level = counts & (lead < LEVEL)
    for _ in range(ROUNDS):
        d = _staying_level(rows, level, w)
        if d is None:
            return None
        lead, slack = _leads(rows, d), reach * np.abs(d).max()
        behind = counts & (lead < -slack)
        ahead = counts & (lead > slack)
        if not ahead.any() or (level & (behind | ahead)).any():
            return None
        if not behind.any():
            return d / objective.column_scale, ahead, counts & ~ahead
        level |= behind
    return None


def _counted(objective: Objective) -> Bools:
    """Pairs of a row and another class of which the lead counts, (N, K).

    Rows of weight 0 don't, nor classes without rows, to which a free constant gives no
    probability.
    """
    counts = np.arange(objective.n_classes) != objective.labels[:, None]
    counts &= (objective.row_weights > 0)[:, None]
    if objective.free_constant is not None:
        counts &= np.bincount(objective.labels, objective.row_weights, objective.n_classes) > 0
    return np.asarray(counts)


def _leads(objective: Objective, W: Floats) -> Floats:
    """By how much each row's own activation is above that of each class, (N, K)."""
    A = objective.Phi @ W
    if A.shape[1] == 1:
        A = np.hstack([np.zeros_like(A), A])
    return np.asarray(np.take_along_axis(A, objective.labels[:, None], axis=1) - A)


def _staying_level(objective: Objective, level: Bools, w: Floats) -> Floats | None:
    """The part of w (p, K) along which all leads of the pairs `level` are 0: a projection.

    None where that is nothing, or too much work to find. Mostly some of the pairs leave nothing.
    """
    n, k = np.nonzero(level)
    stride = n.size // (SAMPLE * w.size)
    if stride > 1 and _projection(objective, n[::stride], k[::stride], w) is None:
        return None
    if n.size * float(w.size) ** 2 > MOST_WORK:
        return None
    return _projection(objective, n, k, w)


def _projection(objective: Objective, n: Ints, k: Ints, w: Floats) -> Floats | None:
    p, K = w.shape
    differences = np.zeros((n.size, K, p))
    of = np.arange(n.size)
    if K == 1:
        differences[:, 0] = objective.Phi[n]
    else:
        differences[of, objective.labels[n]] = objective.Phi[n]
        differences[of, k] = -objective.Phi[n]
    R = np.linalg.qr(differences.reshape(n.size, K * p), mode="r")
    _, values, V = np.linalg.svd(R)
    rank = int((values > EPSILON * max(n.size, K * p) * values.max(initial=0.0)).sum())
    flat = V[rank:]
    d = (flat.T @ (flat @ w.T.ravel())).reshape(K, p).T
    return np.asarray(d) if np.abs(d).max() > NOTHING * np.abs(w).max() else None

"""Lasso and elastic net along a path of strengths, each with a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.certificate import Certificate
from mlcli.linear.active_set import polish, sweep
from mlcli.linear.arrays import Floats, Ints
from mlcli.linear.duality import duality_gap, gap_from_products
from mlcli.linear.least_squares import EPSILON
from mlcli.linear.normal import Factored, Normal
from mlcli.linear.ridge import ridge_path

__all__ = ["PenalisedPath", "duality_gap", "elastic_net_path", "l1_max"]

# New columns that one sweep may take in beside the non-zero ones.
NEWCOMERS = 10
# Rounds through A^T A before its rounding is suspected and A itself is used.
QUICK_SWEEPS = 20
# With fewer rows a column than this, factoring A costs more than its rows do.
WORTH_FACTORING = 4
# Rounds without a lower objective before rounding is taken to have stopped the descent.
PATIENCE = 3
# The largest gap of a certified fit, as a share of its own objective; the descent aims at half.
TOLERANCE = 1e-8
# Below this share of E(0) an objective through A^T A is rounding.
BLURRED = 1e-5
# Of the lengths of a column and the target: what rounding can add to their product with a residual.
ROUNDING = 1e-13


@dataclass(frozen=True)
class PenalisedPath:
    """Solutions of (3.13), one a pair of strengths, in the order given.

    Attributes:
        w: (p, k).
        gap: duality gaps, upper bounds on E(w) - min E, (k,).
        bound: the gaps as rounding allows, (k,): a correlation can't be held to an l1 below its own
            rounding e, so that the dual may pass it by e, and 2 e |w|_1 is added.
        scale: E(w), or 1e-5 of E(0) where that is larger, (k,).
        n_sweeps: sweeps spent, (k,); 0 where warm starts or a closed form were enough.
        n_nonzero: weights that are not 0, (k,).
        degrees_of_freedom: trace of X_S (X_S^T X_S + 2 N l2 I)^-1 X_S^T over the non-zero columns
            S, for the lasso their rank; without the intercept, (k,).
    """

    w: Floats
    gap: Floats
    bound: Floats
    scale: Floats
    n_sweeps: Ints
    n_nonzero: Ints
    degrees_of_freedom: Floats

    @property
    def certificate(self) -> Certificate:
        """Of the worst pair of strengths: how far E(w) can be above its minimum, as a share.

        Of `scale`: rounding is a share of E(0), which an objective far below it can't show.
        """
        shares = self.bound / np.where(self.scale > 0, self.scale, 1.0)
        return Certificate("relative duality gap", float(shares.max(initial=0.0)), TOLERANCE)


def l1_max(A: Floats, b: Floats, n_rows: int) -> float:
    """The smallest l1 at which all weights of (3.13) are zero: max_j |A_j^T b| / N."""
    return float(np.abs(A.T @ b).max(initial=0.0)) / n_rows


def elastic_net_path(
    A: Floats,
    b: Floats,
    n_rows: int,
    l1s: Sequence[float],
    l2s: Sequence[float],
    *,
    tolerance: float = 1e-10,
    max_sweeps: int = 1000,
) -> PenalisedPath:
    """Minimise (3.13) for pairs of strengths by coordinate descent on the Gram matrix.

    Each round sweeps over the non-zero weights and the columns that most violate optimality, then
    solves for the non-zero ones exactly: sweeps alone crawl when columns are nearly collinear, as
    powers of x are. Strengths are taken from large to small, each from the last one's solution.

    Args:
        A: centred columns, (n, p); may be a factor with the same A^T A and A^T b and fewer rows.
        b: centred targets, (n,).
        n_rows: N of the objective.
        l1s, l2s: k strengths >= 0 each, paired (one may be a single number).
        tolerance: stop at a gap of this share of E(0), and of half of 1e-8 of E(w).
        max_sweeps: per pair; where it is reached, `gap` says how far the result may be off.

    Raises:
        ValueError: a strength is negative or not finite, the tolerance is not positive, or the
            lengths differ.
    """
    first, second = np.broadcast_arrays(np.atleast_1d(l1s), np.atleast_1d(l2s))
    strong, square = first.astype(np.float64), second.astype(np.float64)
    both = np.concatenate([strong, square])
    if not (np.isfinite(both).all() and (both >= 0).all()):
        raise ValueError("the strengths l1 and l2 must be finite and at least 0")
    if not tolerance > 0:
        raise ValueError(f"the tolerance must be positive, got {tolerance}")
    W = np.zeros((A.shape[1], strong.size))
    n_sweeps = np.zeros(strong.size, dtype=np.int64)
    smooth = np.flatnonzero(strong == 0)
    if smooth.size:
        W[:, smooth] = ridge_path(A, b, n_rows, square[smooth].tolist()).w
    path = _Path(A, b, n_rows, tolerance, max_sweeps)
    for k in np.lexsort((-square, -strong)):
        if strong[k] > 0:
            W[:, k], n_sweeps[k] = path.advance(float(strong[k]), float(square[k]))
    gaps, bounds, objectives = _gaps(A, b, n_rows, W, strong, square)
    dof = [_degrees_of_freedom(A, n_rows, W[:, k], square[k]) for k in range(strong.size)]
    scale = np.maximum(objectives, BLURRED * float(b @ b) / (2 * n_rows))
    return PenalisedPath(
        W, gaps, bounds, scale, n_sweeps, np.count_nonzero(W, axis=0), np.array(dof)
    )


class _Path:
    """The walk from strong to weak penalties: where it is, and how carefully it must step."""

    def __init__(
        self, A: Floats, b: Floats, n_rows: int, tolerance: float, max_sweeps: int
    ) -> None:
        self._A, self._b, self._n_rows = A, b, n_rows
        self._G, self._c = A.T @ A / n_rows, A.T @ b / n_rows
        self._bb = float(b @ b) / n_rows
        self._goal, self._max_sweeps = tolerance * self._bb / 2, max_sweeps
        self._w = np.zeros(A.shape[1])
        self._factor: tuple[Floats, Floats] | None = None

    def advance(self, l1: float, l2: float) -> tuple[Floats, int]:
        """The solution at the next strengths, and the sweeps it took."""
        spent = 0
        start = self._w
        if self._factor is None:
            quick = Normal(self._G, self._c, self._bb, l1, l2)
            found = _descend(quick, start, self._goal, min(QUICK_SWEEPS, self._max_sweeps))
            self._w, spent = found.w, found.n_sweeps
            if found.certified and found.objective > BLURRED * self._bb / 2:
                return self._w, spent
            self._factor = self._factorise()
        A, b = self._factor
        safe = Factored(self._G, self._c, self._bb, l1, l2, A, b, self._n_rows)
        # What the quick form left behind may be spoilt by rounding.
        if _objective(safe, start) < _objective(safe, self._w):
            self._w = start
        found = _descend(safe, self._w, self._goal, self._max_sweeps - spent)
        self._w = found.w
        return self._w, spent + found.n_sweeps

    def _factorise(self) -> tuple[Floats, Floats]:
        """A and b, or a factor of them with no more rows than columns."""
        n, p = self._A.shape
        if n <= WORTH_FACTORING * (p + 1):
            return self._A, self._b
        rows = np.column_stack([self._A, self._b])  # (n, p+1)
        R: Floats = np.asarray(np.linalg.qr(rows, mode="r"))  # (p+1, p+1)
        return R[:, :-1], R[:, -1]


@dataclass(frozen=True)
class _Descent:
    w: Floats
    objective: float
    certified: bool
    n_sweeps: int


def _descend(problem: Normal, start: Floats, goal: float, max_sweeps: int) -> _Descent:
    """Rounds of sweep and polish until the gap is small enough, or nothing moves any more."""
    w = start.copy()
    polish(problem, w)
    best, stalled, n_sweeps = _Descent(start, np.inf, False, 0), 0, 0
    while True:
        rr, br, correlation = problem.products(w)
        gap = gap_from_products(rr, br, correlation, w, problem.l1, problem.l2)
        objective = rr / 2 + _penalty(problem, w)
        certified = gap <= min(goal, TOLERANCE / 2 * objective)
        stalled = 0 if objective < best.objective else stalled + 1
        if certified or objective < best.objective:
            best = _Descent(w.copy(), objective, certified, n_sweeps)
        if certified or stalled >= PATIENCE or n_sweeps >= max_sweeps:
            return best
        downhill = correlation - 2.0 * problem.l2 * w
        sweep(problem, w, downhill, _working_set(problem, w, downhill))
        polish(problem, w)
        n_sweeps += 1


def _penalty(problem: Normal, w: Floats) -> float:
    return problem.l1 * float(np.abs(w).sum()) + problem.l2 * float(w @ w)


def _objective(problem: Normal, w: Floats) -> float:
    return problem.products(w)[0] / 2 + _penalty(problem, w)


def _working_set(problem: Normal, w: Floats, downhill: Floats) -> Ints:
    """Violators of |g_j| <= l1 at zero weights, the worst first, then the non-zero weights."""
    used = np.flatnonzero(w)
    excess = np.abs(downhill) - problem.l1
    excess[used] = 0.0
    out = np.flatnonzero(excess > 0)
    worst = out[np.argsort(-excess[out], kind="stable")][: max(NEWCOMERS, used.size)]
    return np.concatenate([worst, used])


def _gaps(
    A: Floats, b: Floats, n_rows: int, W: Floats, l1s: Floats, l2s: Floats
) -> tuple[Floats, Floats, Floats]:
    """`duality_gap`, its bound and E of each column of W, from true residuals."""
    R = b[:, None] - A @ W  # (n, k)
    correlations = A.T @ R / n_rows  # (p, k)
    squares = (R**2).sum(axis=0) / n_rows  # (k,)
    lengths = np.sqrt((A**2).sum(axis=0).max(initial=0.0) * float(b @ b)) / n_rows
    rounding, sizes = ROUNDING * lengths, np.abs(W).sum(axis=0)
    gaps, bounds = np.empty(W.shape[1]), np.empty(W.shape[1])
    for k, (l1, l2) in enumerate(zip(l1s.tolist(), l2s.tolist(), strict=True)):
        if l1 == 0 and l2 == 0:
            gaps[k] = bounds[k] = duality_gap(A, b, n_rows, W[:, k], l1, l2)
            continue
        rr, br = float(squares[k]), float(b @ R[:, k]) / n_rows
        w, correlation = W[:, k], correlations[:, k]
        gaps[k] = gap_from_products(rr, br, correlation, w, l1, l2)
        blurred = gap_from_products(rr, br, correlation, w, l1 + rounding, l2)
        bounds[k] = min(gaps[k], blurred + rounding * sizes[k])
    return gaps, bounds, squares / 2 + l1s * sizes + l2s * (W**2).sum(axis=0)


def _degrees_of_freedom(A: Floats, n_rows: int, w: Floats, l2: float) -> float:
    used = np.flatnonzero(w)
    if used.size == 0:
        return 0.0
    s = np.linalg.svd(A[:, used], compute_uv=False)
    s = s[s > EPSILON * max(A.shape[0], used.size) * s.max()]
    return float((s**2 / (s**2 + 2 * n_rows * l2)).sum())

"""Penalised least squares, eq (3.13): ridge, lasso and elastic net along paths of strengths.

    E(w) = 1/2N |b - A w|^2 + l1 |w|_1 + l2 |w|^2

Ridge has a closed form. Fits with an l1 penalty are found by coordinate descent; each has a
duality gap, an upper bound on E(w) - min E that is computed from w alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from mlcli.certificate import Certificate
from mlcli.linear.arrays import EPSILON, Floats, Ints


@dataclass(frozen=True)
class RidgePath:
    """Ridge solutions, one per strength.

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
    limit = l1 / steepest if steepest > 0 else np.inf
    best = br / residual if residual > 0 else 1.0
    c = float(np.clip(best, -limit, limit))
    dual = c * br - c * c * residual / 2
    if l2 > 0:
        excess = np.maximum(np.abs(correlation) - l1, 0.0)
        dual = max(dual, br - rr / 2 - float(excess @ excess) / (4 * l2))
    return max(0.0, primal - dual)


# Keep the solve on collinear columns finite; of the size of the rounding in each form.
GRAM_DAMPING = 1e-14
FACTOR_DAMPING = 1e-13


@dataclass(frozen=True)
class Normal:
    """The problem through its normal equations (4.4), divided by N.

    Attributes:
        G: A^T A / N, (p, p).
        c: A^T b / N, (p,).
        bb: b^T b / N.
        l1, l2: strengths.
    """

    G: Floats
    c: Floats
    bb: float
    l1: float
    l2: float

    def products(self, w: Floats) -> tuple[float, float, Floats]:
        """r^T r / N, b^T r / N and A^T r / N (p,), with r = b - A w."""
        used = np.flatnonzero(w)
        correlation = self.c - w[used] @ self.G[used]  # (p,)
        br = self.bb - float(self.c @ w)
        return max(0.0, br - float(w @ correlation)), br, correlation

    def step(self, w: Floats, used: Ints, signs: Floats) -> tuple[Floats, float]:
        """To the minimum over the weights `used` at their signs; and the slope along the way.

        The step d solves (G_SS + 2 l2 I) d = g, g = (A_S^T r / N) - 2 l2 w - l1 signs; the
        objective falls at first by d^T g.
        """
        H = self.G[np.ix_(used, used)]
        g = self.c[used] - H @ w[used] - 2.0 * self.l2 * w[used] - self.l1 * signs
        H[np.diag_indices(used.size)] += 2.0 * self.l2 + GRAM_DAMPING * float(H.diagonal().max())
        try:
            d: Floats = np.asarray(np.linalg.solve(H, g), dtype=np.float64)
        except np.linalg.LinAlgError:
            return np.zeros_like(g), 0.0
        return d, float(d @ g)


@dataclass(frozen=True)
class Factored(Normal):
    """The problem through A itself, whose condition number is the root of that of A^T A.

    Attributes:
        A: (n, p), or a factor of it.
        b: (n,).
        n_rows: N.
    """

    A: Floats
    b: Floats
    n_rows: int

    def products(self, w: Floats) -> tuple[float, float, Floats]:
        used = np.flatnonzero(w)
        r = self.b - self.A[:, used] @ w[used]  # (n,)
        return float(r @ r) / self.n_rows, float(self.b @ r) / self.n_rows, r @ self.A / self.n_rows

    def step(self, w: Floats, used: Ints, signs: Floats) -> tuple[Floats, float]:
        """As `Normal.step`: d = R^-1 (Q^T r - N l1 R^-T signs), Q R = [A_S; sqrt(2 N l2) I]."""
        weight = sqrt(2.0 * self.n_rows * self.l2)
        damping = FACTOR_DAMPING * sqrt(self.n_rows)
        eye = np.eye(used.size)
        columns = self.A[:, used]
        rows = np.concatenate([columns, max(weight, damping) * eye])  # (n+s, s)
        r = np.concatenate([self.b - columns @ w[used], -weight * w[used]])  # (n+s,)
        g = (r @ rows if weight else r[: self.b.size] @ columns) / self.n_rows - self.l1 * signs
        Q, R = np.linalg.qr(rows)
        try:
            pull = np.linalg.solve(R.T, self.n_rows * self.l1 * signs)
            d = np.linalg.solve(R, r @ Q - pull)
        except np.linalg.LinAlgError:
            return np.zeros_like(g), 0.0
        return d, float(d @ g)


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


# New columns that one sweep may add to the non-zero ones.
NEWCOMERS = 10
# Rounds through A^T A before its rounding is suspected and A itself is used.
QUICK_SWEEPS = 20
# With fewer rows per column than this, factoring A costs more than its rows do.
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
    """Solutions of (3.13), one per pair of strengths, in the order given.

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


@dataclass(frozen=True)
class PathFits:
    """Minima of (3.13) along k pairs of strengths, from the solver that suits the penalty.

    Attributes:
        w: (p, k).
        degrees_of_freedom: traces of the hat matrices without the intercept, (k,).
        relative_gap: duality gaps as shares of E(0), (k,); 0 for ridge, which is exact.
        certificate: of the worst pair of strengths; None for ridge.
    """

    w: Floats
    degrees_of_freedom: Floats
    relative_gap: Floats
    certificate: Certificate | None


def fit_path(
    A: Floats, b: Floats, n_rows: int, l1s: Sequence[float] | None, l2s: Sequence[float]
) -> PathFits:
    """Ridge by one SVD, or the lasso and the elastic net by coordinate descent.

    Args:
        A: centred columns, (n, p); may be a factor with the same A^T A and A^T b and fewer rows.
        b: centred targets, (n,).
        n_rows: N of the objective.
        l1s: k strengths >= 0; None for ridge.
        l2s: k strengths >= 0.

    Raises:
        ValueError: a strength is negative or not finite.
    """
    if l1s is None:
        ridge = ridge_path(A, b, n_rows, l2s)
        return PathFits(ridge.w, ridge.degrees_of_freedom, np.zeros(len(l2s)), None)
    found = elastic_net_path(A, b, n_rows, l1s, l2s)
    at_zero = float(b @ b) / (2 * n_rows) or 1.0
    return PathFits(found.w, found.degrees_of_freedom, found.gap / at_zero, found.certificate)


def strengths_of(
    penalty: str, l1s: Sequence[float], l2s: Sequence[float]
) -> tuple[list[float] | None, list[float]]:
    """The strengths that a penalty uses, as `fit_path` takes them: the others are 0 or None.

    Args:
        penalty: l1, l2 or elastic.
        l1s, l2s: k strengths each.
    """
    if penalty == "l2":
        return None, list(l2s)
    return list(l1s), list(l2s) if penalty == "elastic" else [0.0] * len(l1s)


def strength_grid(weakest: float, strongest: float, n: int) -> Floats:
    """`n` strengths, strongest first, evenly spaced in the logarithm."""
    values = np.geomspace(strongest, weakest, n)
    # geomspace is off by an ulp inside; ten digits make the decades exact.
    return np.array([float(f"{value:.10g}") for value in values])

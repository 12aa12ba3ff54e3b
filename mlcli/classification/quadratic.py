"""The quadratic that one Newton step minimises, with or without an l1 term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.classification.objective import Bools, Ints
from mlcli.classification.softmax import Floats

EPSILON = float(np.finfo(np.float64).eps)
# The least squared pivot of a Cholesky factor at which it is used.
PIVOT = 1e-10
# The most rounds of a sweep and exact solves; each lowers the objective.
MAX_ROUNDS = 1000
# So many weights that are 0 may join a sweep, or as many as are not 0 if that is more.
NEWCOMERS = 10
# The most exact solves after one sweep.
SOLVES = 50
# Relative to sqrt(E): slopes up to this along directions without curvature are rounding.
NOISE = 1e-13


class SymmetricSolver:
    """Solves H x = b for positive semidefinite H, by eigenvectors where H is singular to rounding.

    Args:
        H: (q, q), its diagonal 1 (or 0).
    """

    def __init__(self, H: Floats) -> None:
        self._values: Floats = np.empty(0)
        self._vectors: Floats = np.empty((0, 0))
        self._H: Floats | None = None
        # NumPy's own LAPACK: that of SciPy has its own threads, which slow NumPy's down.
        if is_definite(H):
            self._H = H
            return
        self._values, self._vectors = np.linalg.eigh(H)

    def solve(self, b: Floats, noise: float) -> Floats:
        """x, of the shape of b: (q,), or where H is not singular (q, n).

        Along eigenvectors whose eigenvalue is rounding, components of b up to `noise` are ignored.
        """
        if self._H is not None:
            return np.asarray(np.linalg.solve(self._H, b), dtype=np.float64)
        floor = null_floor(self._values)
        along = b @ self._vectors
        flat = self._values <= floor
        along[flat & (np.abs(along) <= noise)] = 0.0
        return np.asarray(self._vectors @ (along / np.where(flat, floor, self._values)))


def is_definite(H: Floats) -> bool:
    """Whether H with unit diagonal is far enough from singular for a direct solution."""
    try:
        pivots = np.diagonal(np.linalg.cholesky(H)) ** 2
    except np.linalg.LinAlgError:
        return False
    return bool(pivots.min(initial=1.0) > PIVOT)


def null_floor(eigenvalues: Floats) -> float:
    """The eigenvalue below which those of a matrix (q, q) are rounding."""
    return 4.0 * EPSILON * eigenvalues.size * float(max(eigenvalues[-1], EPSILON))


def soft_threshold(v: Floats, amount: Floats | float) -> Floats:
    """sign(v) max(|v| - amount, 0), the proximal map of amount |v|."""
    return np.asarray(np.sign(v) * np.maximum(np.abs(v) - amount, 0.0))


def sparse_target(
    H: Floats, g: Floats, l1: Floats, start: Floats, noise: float = 0.0
) -> tuple[Floats, bool]:
    """The v that minimises g^T (v - start) + (v - start)^T H (v - start) / 2 + sum_j l1_j |v_j|.

    Sweeps of coordinate descent find which weights are 0; for the others the minimum solves a
    linear system, towards whose solution v moves as far as the objective falls. The loop ends when
    the KKT conditions hold to rounding.

    Args:
        H: (q, q), positive semidefinite.
        g: gradient at the start, (q,).
        l1: strengths, (q,), 0 for a weight without a penalty.
        start: (q,).
        noise: slopes up to this along directions without curvature count as rounding.

    Returns:
        v (q,), and whether the KKT conditions hold there.
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
    """Absolute components of the least-norm subgradient, (q,)."""
    at_zero = np.maximum(np.abs(downhill) - l1, 0.0)
    return np.where(v == 0, at_zero, np.abs(downhill - l1 * np.sign(v)))


def _working_set(excess: Floats, l1: Floats, v: Floats) -> Ints:
    """Weights at 0 that violate the KKT conditions most, then those that are not 0 or are free."""
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
    """Move towards the minimum over the weights that are not 0, their signs fixed; changes v.

    Along that line the objective is a convex piecewise quadratic, with a kink where a weight
    changes its sign: v goes to its lowest point, and a weight that ends at a kink becomes 0.

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
    step = SymmetricSolver(block).solve(slope, noise)
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


@dataclass(frozen=True)
class NewtonStep:
    """The step to the minimum of the quadratic.

    Attributes:
        direction: (p, K).
        decrease: delta >= 0, twice the fall of the quadratic for a smooth penalty. If no activation
            moves by more than 1, E(W) - min E is at most delta.
        solved: whether the minimum was found to rounding.
    """

    direction: Floats
    decrease: float
    solved: bool


class NewtonQuadratic:
    """E near W: gradient and Hessian of its smooth part, and the l1 term.

    Weights are in units that make the diagonal of H equal 1, so that columns of any scale are
    solved with the same accuracy. Along a gauge direction (`Objective.gauge`) E is constant:
    there H gets a curvature of 1, and since the gradient along it is 0 the minimum stays.

    Args:
        H: (K p, K p), ordered class by class.
        gauge: columns with a gauge direction, (p,).
    """

    def __init__(self, H: Floats, gauge: Bools) -> None:
        p = gauge.size
        k = H.shape[0] // p
        diagonal = np.diagonal(H)
        roots = np.sqrt(np.maximum(diagonal, 0.0)).reshape(k, p)
        # A weight without curvature is in the units of its column in the other classes.
        units = np.where(roots.max(axis=0) > 0, roots.max(axis=0), 1.0)
        self._scale = np.where(roots > 0, roots, units).ravel()  # (K p,)
        self._gauge = gauge
        scaled = H / self._scale / self._scale[:, None]
        of = np.flatnonzero(gauge)
        if of.size:
            n = self._scale.reshape(k, p)[:, of]  # (K, m)
            n = n / np.sqrt((n**2).sum(axis=0))
            blocks = scaled.reshape(k, p, k, p)
            blocks[:, of, :, of] += np.einsum("jm,km->mjk", n, n)
        self._H = scaled
        self._solver: SymmetricSolver | None = None

    def step(self, W: Floats, gradient: Floats, l1: Floats, value: float) -> NewtonStep:
        """The step from W to the minimum.

        Args:
            W: weights, (p, K).
            gradient: of the smooth part at W, (p, K).
            l1: strengths, (p,).
            value: E(W), which sets the size of slopes that are rounding.
        """
        p, k = W.shape
        if self._gauge.any():
            mean = gradient.mean(axis=1, keepdims=True)
            gradient = np.where(self._gauge[:, None], gradient - mean, gradient)
        g = gradient.T.ravel() / self._scale
        noise, solved = NOISE * float(np.sqrt(value)), True
        if l1.any():
            w = W.T.ravel() * self._scale
            target, solved = sparse_target(self._H, g, np.tile(l1, k) / self._scale, w, noise)
            # A weight that becomes 0 becomes exactly 0.
            step = np.where(target == 0, -W.T.ravel(), (target - w) / self._scale)
        else:
            if self._solver is None:
                self._solver = SymmetricSolver(self._H)
            step = -self._solver.solve(g, noise) / self._scale
        direction = step.reshape(k, p).T
        if self._gauge.any():
            mean = direction.mean(axis=1, keepdims=True)
            direction = np.where(self._gauge[:, None], direction - mean, direction)
        decrease, downhill = _decrease(W, direction, gradient, l1[:, None])
        return NewtonStep(direction, decrease, solved and downhill)


def _decrease(W: Floats, direction: Floats, gradient: Floats, l1: Floats) -> tuple[float, bool]:
    """-g^T d - l1 (|W + d|_1 - |W|_1), without cancellation where no weight changes its sign.

    Returns:
        It plus a bound of its rounding, and whether it is at least 0 up to that rounding.
    """
    s = np.where(W != 0, np.sign(W), np.sign(direction))
    turned = np.where(np.sign(W + direction) == -s, 2.0 * np.abs(W + direction), 0.0)
    falls = -(gradient + l1 * s) * direction - l1 * turned
    total, rounding = float(falls.sum()), 4.0 * EPSILON * float(np.abs(falls).sum())
    return max(0.0, total) + rounding, total >= -falls.size * rounding

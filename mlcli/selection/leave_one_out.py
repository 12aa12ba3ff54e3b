"""Leave-one-out and generalised cross-validation of linear smoothers, from one fit.

y = H t with a hat matrix H that does not depend on t: the residual of a row by the fit that never
saw it is e_i / (1 - h_ii), so no row is ever left out in fact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.linear.arrays import Floats
from mlcli.linear.column_families import NestedColumns
from mlcli.linear.penalised import ridge_path
from mlcli.linear.r_factor import RFactor, independent, solve_nested
from mlcli.scores import squared
from mlcli.selection.cross_validation import Loss
from mlcli.selection.penalised import centred

CHUNK = 8192
# Rounding in e / (1 - h) is about 1e-16 / (1 - h)^2 of it: with at least this, below 1e-10.
SAFE_REST = 1e-3

# The prediction of row i by model m when row i is left out in fact.
RefitOne = Callable[[int, int], float]


@dataclass(frozen=True)
class LeaveOneOut:
    """One value per model, (n_models,) each, in the units of the loss.

    Attributes:
        loo: mean loss of the left-out rows.
        gcv: N rss / (N - tr H)^2, the squared error with every h_ii at its mean; NaN where no
            degree of freedom is left.
        train: mean loss on the rows of the fit.
        degrees_of_freedom: tr H.
        n_refits: left-out rows that were fitted anew, their h_ii being too near 1.
        rows: the loss of each left-out row, (N, n_models), if `keep_rows`.
    """

    loo: Floats
    gcv: Floats
    train: Floats
    degrees_of_freedom: Floats
    n_refits: int
    rows: Floats | None = None


def least_squares_loo(
    columns: NestedColumns,
    t: Floats,
    r_factor: RFactor,
    loss: Loss = squared,
    *,
    refit: RefitOne | None = None,
    keep_rows: bool = False,
) -> LeaveOneOut:
    """For least squares of every degree: h_ii = |q_i|^2 over the leading orthonormal columns.

    With [P t] = Q R on all rows, q_i^T = p_i^T R^-1.

    Args:
        columns: P.
        t: targets, (N,).
        r_factor: R of all rows.
        loss: one of `mlcli.selection.cross_validation`.
        refit: leaves a row out in fact, where its h_ii is too near 1; without it, NaN.
        keep_rows: whether the losses of the single rows are wanted.
    """
    kept = independent(r_factor)
    to_orthonormal = np.linalg.solve(r_factor.R[np.ix_(kept, kept)], np.eye(kept.size))
    W, rss = solve_nested(r_factor, columns.sizes)
    inside = (kept[:, None] < np.asarray(columns.sizes)).astype(np.float64)  # (rank, n_models)

    def hat(rows: slice) -> tuple[Floats, Floats, Floats]:
        P = columns.rows(rows)[:, : columns.sizes[-1]]  # (n, p)
        Q = (P if kept.size == P.shape[1] else P[:, kept]) @ to_orthonormal  # (n, rank)
        y = P @ W  # (n, n_models)
        return Q**2 @ inside, y, y

    return _left_out(t, hat, inside.sum(axis=0), rss, loss, refit, keep_rows)


def ridge_loo(
    columns: NestedColumns,
    t: Floats,
    r_factor: RFactor,
    size: int,
    l2s: Sequence[float],
    loss: Loss = squared,
    *,
    refit: RefitOne | None = None,
    keep_rows: bool = False,
) -> LeaveOneOut:
    """For ridge (3.13) at each strength: H = 1 1^T / N + A (A^T A + a I)^-1 A^T.

    A are the centred columns. For gcv and the training error a = 2 N l2, as in the fit of all rows;
    for leave-one-out a = 2 (N - 1) l2, as in the fits of N - 1 rows, for which e_i / (1 - h_ii) is
    then exact. With A = U S V^T, h_ii = sum_j (A V)_ij^2 / (s_j^2 + a) divides by no small s.

    Args:
        columns: [1, A], or A alone; A's first columns are penalised.
        t: targets, (N,).
        r_factor: that of [columns t] on all rows.
        size: how many columns belong to the model.
        l2s: k strengths > 0.
        loss: one of `mlcli.selection.cross_validation`.
        refit: leaves a row out in fact, where its h_ii is too near 1; without it, NaN.
        keep_rows: whether the losses of the single rows are wanted.
    """
    n, first = t.size, int(columns.has_constant)
    problem = centred(r_factor, size, columns.has_constant)
    strengths = np.asarray(l2s, dtype=np.float64)
    _, s, Vt = np.linalg.svd(problem.A, full_matrices=False)
    one_less = (strengths * (n - 1) / n).tolist()
    left = problem.with_constant(ridge_path(problem.A, problem.b, n, one_less).w)  # (size, k)
    full = problem.with_constant(ridge_path(problem.A, problem.b, n, l2s).w)  # (size, k)
    shares = 1.0 / (s[:, None] ** 2 + 2.0 * (n - 1) * strengths)  # (M, k)

    def hat(rows: slice) -> tuple[Floats, Floats, Floats]:
        P = columns.rows(rows)[:, :size]
        A = P if problem.slope is None else P[:, 1:] - problem.slope
        Z = A @ Vt.T  # (n, M)
        return Z**2 @ shares + first / n, P @ left, P @ full

    rss = r_factor.rss(_padded(full, r_factor))
    dof = (s[:, None] ** 2 / (s[:, None] ** 2 + 2.0 * n * strengths)).sum(axis=0) + first
    return _left_out(t, hat, dof, rss, loss, refit, keep_rows)


def _padded(W: Floats, r_factor: RFactor) -> Floats:
    rest = r_factor.R.shape[0] - 1 - W.shape[0]
    return np.concatenate([W, np.zeros((rest, W.shape[1]))])  # (p, k)


def _left_out(
    t: Floats,
    hat: Callable[[slice], tuple[Floats, Floats, Floats]],
    dof: Floats,
    rss: Floats,
    loss: Loss,
    refit: RefitOne | None,
    keep_rows: bool,
) -> LeaveOneOut:
    """Add up the losses; `hat` gives h_ii, y_i for leaving out, and y_i of the fit of all rows."""
    loo, train = np.zeros(dof.size), np.zeros(dof.size)
    n_refits = 0
    kept = np.empty((t.size, dof.size)) if keep_rows else None
    for rows in _chunks(t.size):
        h, y, fitted = hat(rows)  # (n, n_models) each
        rest = 1.0 - h
        unsafe = rest < SAFE_REST
        target = t[rows]
        out = target[:, None] - (target[:, None] - y) / np.where(unsafe, 1.0, rest)
        if refit is None:
            out[unsafe] = np.nan
        else:
            for row, model in np.argwhere(unsafe):
                out[row, model] = refit(rows.start + int(row), int(model))
            n_refits += int(unsafe.sum())
        losses = loss(target, out)  # (n, n_models)
        loo += losses.sum(axis=0)
        if kept is not None:
            kept[rows] = losses
        train += loss(target, fitted).sum(axis=0)
    return LeaveOneOut(loo / t.size, _gcv(t.size, rss, dof), train / t.size, dof, n_refits, kept)


def _gcv(n_rows: int, rss: Floats, dof: Floats) -> Floats:
    """N rss / (N - tr H)^2; NaN where nothing is left."""
    free = n_rows - dof
    return np.where(free > 0.5, n_rows * rss / np.where(free > 0.5, free, 1.0) ** 2, np.nan)


def _chunks(n_rows: int) -> Iterator[slice]:
    for start in range(0, n_rows, CHUNK):
        yield slice(start, min(start + CHUNK, n_rows))

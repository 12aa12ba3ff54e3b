"""Cross-validation of least squares without refits: exact, for all degrees at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.linear.arrays import Floats, Ints
from mlcli.linear.nested import NestedColumns
from mlcli.linear.triangle import Triangle, condition, solve_nested
from mlcli.scores import squared
from mlcli.selection.blocks import training_triangles
from mlcli.selection.folds import Folds
from mlcli.selection.losses import Loss

# Rounding in the shortcut is about 1e-15 times the condition number of the training columns: with
# at most this it stays below 1e-10.
SAFE_CONDITION = 1e4

# A fit made anew: training rows, test rows, number of the model -> predictions on the test rows.
Refit = Callable[[Ints, Ints, int], Floats]


@dataclass(frozen=True)
class FoldFits:
    """The fit of every model on every split's training rows.

    Attributes:
        W: coefficients of the columns, (n_splits, p, n_models).
        unsafe: where the shortcut can't be trusted and a refit is due, (n_splits, n_models).
    """

    W: Floats
    unsafe: np.ndarray


@dataclass(frozen=True)
class FoldLosses:
    """Mean losses on the test parts.

    Attributes:
        test: (n_models, n_splits), in the units of the loss.
        n_refits: fits that were made anew because the shortcut was unsafe.
    """

    test: Floats
    n_refits: int


def least_squares_fits(parts: Sequence[Triangle], folds: Folds, sizes: Sequence[int]) -> FoldFits:
    """Solution (4.5) on each split's training rows, for each leading block of columns.

    With thin Q of all rows this is the same as e_cv = (I - Q_T Q_T^T)^-1 e on the test rows T
    (the hat matrix's identity), computed through the triangle of the other rows instead.

    Args:
        parts: the triangle of [P t] of each block.
        folds: the splits of those blocks.
        sizes: columns of each model, rising.
    """
    W, unsafe = [], []
    for triangle in training_triangles(parts, folds):
        found, _ = solve_nested(triangle, sizes)
        W.append(found)
        unsafe.append(_unsafe(triangle, sizes))
    return FoldFits(np.stack(W), np.stack(unsafe))  # (n_splits, p, n_models)


def _unsafe(triangle: Triangle, sizes: Sequence[int]) -> np.ndarray:
    R = triangle.R[:-1, :-1]
    # The condition number of leading columns never falls as columns join.
    if condition(R) <= SAFE_CONDITION:
        return np.zeros(len(sizes), dtype=bool)
    return np.array([condition(R[:size, :size]) > SAFE_CONDITION for size in sizes])


def fold_losses(
    columns: NestedColumns,
    t: Floats,
    folds: Folds,
    fits: FoldFits,
    loss: Loss = squared,
    *,
    parts: Sequence[Triangle] | None = None,
    refit: Refit | None = None,
) -> FoldLosses:
    """Mean loss (2.7) of every model on every test part.

    Args:
        columns: what the coefficients belong to.
        t: targets, (N,).
        folds: the splits.
        fits: the coefficients.
        loss: one of `mlcli.selection.losses`.
        parts: the blocks' triangles: with them the squared loss needs no second pass.
        refit: makes the unsafe fits anew; without it they are taken as they are.
    """
    test = np.empty((fits.W.shape[2], folds.n_splits))
    n_refits = 0
    for split in range(folds.n_splits):
        if parts is not None and loss is squared:
            part = parts[folds.test[split]]
            test[:, split] = part.rss(fits.W[split]) / part.n_rows
        else:
            rows = folds.test_rows(split)
            test[:, split] = loss(t[rows], columns.rows(rows) @ fits.W[split]).mean(axis=0)
        if refit is None or not fits.unsafe[split].any():
            continue
        train, rows = folds.train_rows(split), folds.test_rows(split)
        for model in np.flatnonzero(fits.unsafe[split]):
            test[model, split] = loss(t[rows], refit(train, rows, int(model))).mean()
            n_refits += 1
    return FoldLosses(test, n_refits)


def held_out(
    columns: NestedColumns, folds: Folds, fits: FoldFits, n_rows: int, refit: Refit | None = None
) -> Floats:
    """Each row's prediction by the fits that did not see it, (N, n_models); NaN if none did."""
    y = np.full((n_rows, fits.W.shape[2]), np.nan)
    for split in range(folds.n_splits):
        rows = folds.test_rows(split)
        y[rows] = columns.rows(rows) @ fits.W[split]
        if refit is not None:
            for model in np.flatnonzero(fits.unsafe[split]):
                y[rows, model] = refit(folds.train_rows(split), rows, int(model))
    return y


def inner_losses(
    parts: Sequence[Triangle],
    folds: Folds,
    fit: Callable[[Sequence[Triangle], Folds], FoldFits],
) -> Floats:
    """The whole cross-validation done again within each split's training blocks, squared loss.

    Choosing by these, and testing the choice on the split's own test block, estimates the error of
    choosing and fitting together, which the least cross-validated error is too low for.

    Args:
        parts: the triangle of [P t] of each block.
        folds: a partition in which each block tests once.
        fit: makes the fits of every model from parts and splits.

    Returns:
        (n_models, n_splits)
    """
    k = folds.n_splits
    inner = Folds(
        tuple(np.arange(0) for _ in range(k - 1)),
        tuple(tuple(b for b in range(k - 1) if b != split) for split in range(k - 1)),
        tuple(range(k - 1)),
    )
    found = []
    for split in range(k):
        left = [part for block, part in enumerate(parts) if block != folds.test[split]]
        W = fit(left, inner).W
        losses = [part.rss(W[b]) / part.n_rows for b, part in enumerate(left)]
        found.append(np.mean(losses, axis=0))
    return np.stack(found, axis=1)

"""Cross-validation of least squares without refits: exact, for all degrees at once.

One pass over the rows leaves one small R factor per block of rows. That of a training part is that
of its blocks put below each other, so no fit needs the rows again. Here are the fits of every
split, their losses, cross-validation within cross-validation, and the choice of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.linear.arnoldi import ArnoldiBasis, fit_arnoldi
from mlcli.linear.arrays import Floats, Ints, subsample_indices
from mlcli.linear.column_families import NestedColumns
from mlcli.linear.polynomial import MANY_ROWS, compressed
from mlcli.linear.r_factor import QRAccumulator, RFactor, condition, solve_nested
from mlcli.scores import absolute, squared, zero_one
from mlcli.selection.folds import Folds

Loss = Callable[[Floats, Floats], Floats]


LOSSES: dict[str, Loss] = {"squared": squared, "absolute": absolute, "zero-one": zero_one}


# Rows gathered at a time, so that what is gathered stays in the cache.
GATHERED = 65_536


def block_r_factors(columns: NestedColumns, t: Floats, blocks: Sequence[Ints]) -> list[RFactor]:
    """The R factor of [P t] on each block of rows, by QR; t (N,)."""
    n_columns = columns.sizes[-1]
    return [_of_rows(columns.rows(block), t[block], n_columns) for block in blocks]


def _of_rows(P: Floats, t: Floats, n_columns: int) -> RFactor:
    accumulator = QRAccumulator(n_columns)
    accumulator.add(P[:, :n_columns], t)
    return accumulator.r_factor()


def polynomial_blocks(
    X: Floats,
    t: Floats,
    degrees: tuple[int, ...],
    blocks: Sequence[Ints],
    *,
    intercept: bool = True,
) -> tuple[NestedColumns, list[RFactor]]:
    """Polynomial columns for least squares and their R factors on each block.

    Few rows: columns orthonormal on all of them. Many: orthonormal on a sample, so nearly so on
    all, and each block is compressed by its Gram matrix in one pass, without loss; where a block's
    columns are not nearly orthogonal after all, by QR.

    Args:
        X, t: data, (N, D) and (N,).
        degrees: rising.
        blocks: row numbers of each block.
        intercept: whether the constant is a column.
    """
    many = t.size > MANY_ROWS
    sample = subsample_indices(X) if many else slice(None)
    basis, Q = fit_arnoldi(X[sample], degrees[-1], intercept=intercept)
    if many and basis.rank < basis.n_columns:
        # A column that vanishes on the sample may not vanish on all rows.
        many = False
        basis, Q = fit_arnoldi(X, degrees[-1], intercept=intercept)
    sizes = tuple(basis.size(degree) for degree in degrees)
    if not many:
        columns = NestedColumns(degrees, sizes, Q.__getitem__, basis.evaluate, intercept)
        return columns, block_r_factors(columns, t, blocks)

    def rows(index: Ints | slice) -> Floats:
        return basis.evaluate(X[index])

    columns = NestedColumns(degrees, sizes, rows, basis.evaluate, intercept)
    c0 = Q.T @ t[sample]  # (p,)
    return columns, [_of_block(basis, c0, X, t, block) for block in blocks]


def _of_block(basis: ArnoldiBasis, c0: Floats, X: Floats, t: Floats, block: Ints) -> RFactor:
    parts = (block[start : start + GATHERED] for start in range(0, block.size, GATHERED))
    batches = [(X[rows], t[rows]) for rows in parts]
    return compressed(basis, c0, batches).with_target(c0)


def training_r_factors(parts: Sequence[RFactor], folds: Folds) -> list[RFactor]:
    """The R factor of each split's training rows.

    Where every block tests once and all others train, what comes before a block and what comes
    after it is merged once for all: 3 k small QRs instead of k^2.
    """
    k = len(parts)
    if folds.n_splits == k and all(len(blocks) == k - 1 for blocks in folds.train):
        before, after = _running(parts), _running(parts[::-1])[::-1]
        return [
            _both(before[b - 1] if b else None, after[b + 1] if b + 1 < k else None)
            for b in folds.test
        ]
    return [merged([parts[b] for b in blocks]) for blocks in folds.train]


def merged(parts: Sequence[RFactor]) -> RFactor:
    """The R factor of all parts' rows together."""
    return _running(parts)[-1]


def _running(parts: Sequence[RFactor]) -> list[RFactor]:
    total = [parts[0]]
    for part in parts[1:]:
        total.append(total[-1].merge(part))
    return total


def _both(first: RFactor | None, second: RFactor | None) -> RFactor:
    if first is None or second is None:
        found = second if first is None else first
        if found is None:
            raise ValueError("a split must train on at least one block")
        return found
    return first.merge(second)


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


def least_squares_fits(parts: Sequence[RFactor], folds: Folds, sizes: Sequence[int]) -> FoldFits:
    """Solution (4.5) on each split's training rows, for each leading block of columns.

    With thin Q of all rows this is the same as e_cv = (I - Q_T Q_T^T)^-1 e on the test rows T
    (the hat matrix's identity), computed through the R factor of the other rows instead.

    Args:
        parts: the R factor of [P t] of each block.
        folds: the splits of those blocks.
        sizes: columns of each model, rising.
    """
    W, unsafe = [], []
    for r_factor in training_r_factors(parts, folds):
        found, _ = solve_nested(r_factor, sizes)
        W.append(found)
        unsafe.append(_unsafe(r_factor, sizes))
    return FoldFits(np.stack(W), np.stack(unsafe))  # (n_splits, p, n_models)


def _unsafe(r_factor: RFactor, sizes: Sequence[int]) -> np.ndarray:
    R = r_factor.R[:-1, :-1]
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
    parts: Sequence[RFactor] | None = None,
    refit: Refit | None = None,
) -> FoldLosses:
    """Mean loss (2.7) of every model on every test part.

    Args:
        columns: what the coefficients belong to.
        t: targets, (N,).
        folds: the splits.
        fits: the coefficients.
        loss: one of `mlcli.selection.cross_validation`.
        parts: the blocks' R factors: with them the squared loss needs no second pass.
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
    parts: Sequence[RFactor],
    folds: Folds,
    fit: Callable[[Sequence[RFactor], Folds], FoldFits],
) -> Floats:
    """The whole cross-validation done again within each split's training blocks, squared loss.

    Choosing by these, and testing the choice on the split's own test block, estimates the error of
    choosing and fitting together, which the least cross-validated error is too low for.

    Args:
        parts: the R factor of [P t] of each block.
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


def at_minimum(error: Floats) -> tuple[int, int]:
    """The cell with the least error; of equal ones the first, which is the simplest.

    Args:
        error: (n_degrees, n_strengths), degrees rising, strengths falling; NaN never wins.
    """
    finite = np.where(np.isfinite(error), error, np.inf)
    degree, strength = np.unravel_index(int(finite.argmin()), error.shape)
    return int(degree), int(strength)


def one_standard_error(error: Floats, std_error: Floats) -> tuple[int, int]:
    """The simplest cell whose error is within one standard error of the least.

    Simplest is the lowest degree, and for it the greatest strength (Breiman and others' rule).

    Args:
        error: (n_degrees, n_strengths), degrees rising, strengths falling.
        std_error: standard errors of `error`, the same shape; the one at the minimum counts.
    """
    best = at_minimum(error)
    margin = std_error[best] if np.isfinite(std_error[best]) else 0.0
    good = error <= error[best] + margin
    degree = int(np.flatnonzero(good.any(axis=1))[0])
    return degree, int(np.flatnonzero(good[degree])[0])

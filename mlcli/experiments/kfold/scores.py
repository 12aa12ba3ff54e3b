"""All scores of linear models on one partition of one data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate, worst_of
from mlcli.experiments.kfold.config import KfoldConfig
from mlcli.experiments.kfold.refits import least_squares_refit, strengths
from mlcli.experiments.kfold.splits import Known
from mlcli.linear.basis import spans_powers
from mlcli.linear.nested import NestedColumns, families, orthonormal_family
from mlcli.linear.redundant import UNRELATED, Related
from mlcli.linear.triangle import Triangle, solve_nested
from mlcli.selection.blocks import block_triangles, merged, polynomial_blocks
from mlcli.selection.exact import (
    FoldFits,
    FoldLosses,
    fold_losses,
    inner_losses,
    least_squares_fits,
)
from mlcli.selection.folds import Folds
from mlcli.selection.leave_one_out import LeaveOneOut, least_squares_loo, ridge_loo
from mlcli.selection.losses import LOSSES
from mlcli.selection.penalised import centred, centred_path, penalised_fits
from mlcli.selection.standardised import standardised_blocks

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
# Cross-validation within cross-validation takes k^2 fits.
MOST_INNER_FOLDS = 30


@dataclass(frozen=True)
class Scores:
    """One partition of one data set; degrees rise, strengths fall.

    Attributes:
        test: mean loss on each test part, (n_degrees, n_strengths, n_splits).
        train: mean loss of the fit of all rows, on them, (n_degrees, n_strengths).
        gcv, loo, expected: generalised and leave-one-out cross-validation and the true expected
            loss of the fit of all rows, the same shape; NaN where there is none.
        inner: mean loss of the cross-validation within each split's training rows, the shape of
            `test`; NaN where it was not done.
        n_refits: fits made anew where the shortcut was unsafe.
        relative_gap: the largest duality gap of an l1 fit as a share of E(0).
        certificate: of the worst l1 fit; None where every fit is in closed form.
    """

    test: Array
    train: Array
    gcv: Array
    loo: Array
    expected: Array
    inner: Array
    n_refits: int = 0
    relative_gap: float = 0.0
    certificate: Certificate | None = None


def joined(parts: list[Scores]) -> Scores:
    """The scores of several families of degrees below each other."""
    names = ("test", "train", "gcv", "loo", "expected", "inner")
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Scores(
        **arrays,
        n_refits=sum(part.n_refits for part in parts),
        relative_gap=max(part.relative_gap for part in parts),
        certificate=worst_of(*(part.certificate for part in parts)),
    )


def linear_scores(
    config: KfoldConfig,
    X: Array,
    t: Array,
    folds: Folds,
    known: Known | None,
    related: Related = UNRELATED,
) -> Scores:
    """Squared or absolute loss of linear models of every degree and strength."""
    groups = families(config.basis, config.degrees)
    if config.penalty == "none":
        return joined([_least_squares(config, X, t, degrees, folds, known) for degrees in groups])
    return joined([_penalised(config, X, t, degrees, folds, known, related) for degrees in groups])


def least_squares_columns(
    config: KfoldConfig, X: Array, t: Array, degrees: tuple[int, ...], blocks: Sequence[Ints]
) -> tuple[NestedColumns, list[Triangle]]:
    """Columns for least squares and their triangles on blocks of rows."""
    if spans_powers(config.basis, config.intercept):
        return polynomial_blocks(X, t, degrees, blocks, intercept=config.intercept)
    columns = orthonormal_family(config.basis, X, degrees, intercept=config.intercept)
    return columns, block_triangles(columns, t, blocks)


def _blocks(config: KfoldConfig, folds: Folds, n_rows: int) -> tuple[Ints, ...]:
    """The blocks whose triangles are needed.

    Leaving one out is a formula for linear smoothers; the inner cross-validation is not.
    """
    alone = _by_formula(config) and not _has_inner(config, folds)
    return (np.arange(n_rows),) if alone else folds.blocks


def _has_inner(config: KfoldConfig, folds: Folds) -> bool:
    each_once = folds.n_splits == len(folds.blocks)
    return config.loss == "squared" and each_once and 3 <= folds.n_splits <= MOST_INNER_FOLDS


def _by_formula(config: KfoldConfig) -> bool:
    return config.scheme == "leave-one-out" and config.penalty in ("none", "l2")


def _least_squares(
    config: KfoldConfig,
    X: Array,
    t: Array,
    degrees: tuple[int, ...],
    folds: Folds,
    known: Known | None,
) -> Scores:
    loss = LOSSES[config.loss]
    blocks = _blocks(config, folds, t.size)
    columns, parts = least_squares_columns(config, X, t, degrees, blocks)
    refit = least_squares_refit(config, X, t, degrees)
    every = np.arange(t.size)

    def left_out(row: int, model: int) -> float:
        return float(refit(np.delete(every, row), every[row : row + 1], model)[0])

    all_rows = merged(parts)
    single = least_squares_loo(
        columns, t, all_rows, loss, refit=left_out, keep_rows=_by_formula(config)
    )
    if _by_formula(config):
        test = _rows_of(single)
    else:
        fits = least_squares_fits(parts, folds, columns.sizes)
        test = fold_losses(columns, t, folds, fits, loss, parts=parts, refit=refit)
    inner = np.full_like(test.test, np.nan)
    if _has_inner(config, folds):
        sizes = columns.sizes
        inner = inner_losses(parts, folds, lambda p, f: least_squares_fits(p, f, sizes))
    W, _ = solve_nested(all_rows, columns.sizes)
    expected = np.full(len(degrees), np.nan) if known is None else known.expected(columns, W)
    return Scores(
        test.test[:, None],
        single.train[:, None],
        single.gcv[:, None],
        single.loo[:, None],
        expected[:, None],
        inner[:, None],
        test.n_refits + single.n_refits * (not _by_formula(config)),
    )


def _rows_of(single: LeaveOneOut) -> FoldLosses:
    if single.rows is None:
        raise ValueError("the losses of single rows were not kept")
    return FoldLosses(single.rows.T, single.n_refits)


def _penalised(
    config: KfoldConfig,
    X: Array,
    t: Array,
    degrees: tuple[int, ...],
    folds: Folds,
    known: Known | None,
    related: Related,
) -> Scores:
    loss = LOSSES[config.loss]
    l1s, l2s = strengths(config)
    family, parts = standardised_blocks(
        config.basis,
        X,
        t,
        degrees,
        _blocks(config, folds, t.size),
        intercept=config.intercept,
        scaled=config.standardize,
        related=related,
    )
    columns, all_rows, gap = family.columns, merged(parts), 0.0
    constant, certificate = columns.has_constant, None

    def fit(some: Sequence[Triangle], splits: Folds) -> FoldFits:
        return penalised_fits(some, splits, columns.sizes, l1s, l2s, has_constant=constant).fits

    shape = (len(degrees), len(l2s))
    train, gcv, loo = np.empty(shape), np.empty(shape), np.full(shape, np.nan)
    expected, rows = np.full(shape, np.nan), []
    for i, size in enumerate(columns.sizes):
        problem = centred(all_rows, size, columns.has_constant)
        path = centred_path(problem, t.size, l1s, l2s)
        W, gap = problem.with_constant(path.w), max(gap, float(path.relative_gap.max(initial=0.0)))
        certificate = worst_of(certificate, path.certificate)
        if known is not None:
            expected[i] = known.expected(columns, W)
        if config.penalty == "l2":
            single = ridge_loo(columns, t, all_rows, size, l2s, loss, keep_rows=_by_formula(config))
            train[i], gcv[i], loo[i] = single.train, single.gcv, single.loo
            rows.append(single)
        else:
            y = columns.rows(slice(None))[:, :size] @ W  # (N, k)
            train[i] = loss(t, y).mean(axis=0)
            free = t.size - path.degrees_of_freedom - columns.has_constant
            rss = ((t[:, None] - y) ** 2).sum(axis=0)
            gcv[i] = np.where(free > 0.5, t.size * rss / np.maximum(free, 0.5) ** 2, np.nan)
    if _by_formula(config):
        test = np.stack([_rows_of(single).test for single in rows])
    else:
        found = penalised_fits(parts, folds, columns.sizes, l1s, l2s, has_constant=constant)
        gap = max(gap, found.relative_gap)
        certificate = worst_of(certificate, found.certificate)
        test = fold_losses(columns, t, folds, found.fits, loss, parts=parts).test
    inner = np.full_like(test, np.nan)
    if config.penalty == "l2" and _has_inner(config, folds):
        inner = inner_losses(parts, folds, fit)
    three = (*shape, -1)
    return Scores(
        test.reshape(three), train, gcv, loo, expected, inner.reshape(three), 0, gap, certificate
    )

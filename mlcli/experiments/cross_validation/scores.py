"""Every score of every model on one partition of one data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate, worst_of
from mlcli.datasets.dataset import Dataset
from mlcli.experiments.cross_validation.refits import (
    labels_of,
    least_squares_refit,
    refitted_losses,
)
from mlcli.experiments.cross_validation.spec import CrossValidationSpec
from mlcli.linear.basis import spans_powers
from mlcli.linear.column_families import NestedColumns, families, orthonormal_family
from mlcli.linear.r_factor import RFactor, solve_nested
from mlcli.linear.redundant import UNRELATED, Related
from mlcli.scores import zero_one
from mlcli.selection.cross_validation import (
    LOSSES,
    FoldFits,
    FoldLosses,
    Refit,
    block_r_factors,
    fold_losses,
    held_out,
    inner_losses,
    least_squares_fits,
    merged,
    polynomial_blocks,
)
from mlcli.selection.expected_loss import expected_absolute_error, expected_squared_error
from mlcli.selection.folds import Folds
from mlcli.selection.leave_one_out import LeaveOneOut, least_squares_loo, ridge_loo
from mlcli.selection.penalised import centred, centred_path, penalised_fits, standardised_blocks

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
# Cross-validation within cross-validation takes k^2 fits.
MOST_INNER_FOLDS = 30


@dataclass(frozen=True)
class CrossValidationScores:
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


@dataclass(frozen=True)
class KnownLaw:
    """The law of the data: x uniform, normal noise around the truth.

    Attributes:
        nodes: points (n, 1) for averages over x, with `weights` (n,) that sum to 1.
        truth: f~ at the nodes, (n,).
        noise_std: in units of t.
        loss: squared or absolute.
    """

    nodes: Array
    weights: Array
    truth: Array
    noise_std: float
    loss: str

    def expected(self, columns: NestedColumns, W: Array) -> Array:
        """The true expected loss (2.6) of models with coefficients W (p, n_models)."""
        y = columns.evaluate(self.nodes)[:, : W.shape[0]] @ W  # (n, n_models)
        law = expected_squared_error if self.loss == "squared" else expected_absolute_error
        return law(y, self.truth, self.weights, self.noise_std)


def scores_of(
    spec: CrossValidationSpec, data: Dataset, folds: Folds, known: KnownLaw | None
) -> CrossValidationScores:
    """The scores of linear models on one partition, by the shortcuts where they are right.

    Raises:
        DataError: a training part lacks a category of its test part.
    """
    alike = prepared_alike(data, folds)
    if alike is None:
        return _by_refits(spec, data, folds)
    if spec.loss == "zero-one":
        return linear_class_scores(spec, alike.X, alike.t, folds, alike.related)
    return linear_scores(spec, alike.X, alike.t, folds, known, alike.related)


def prepared_alike(data: Dataset, folds: Folds) -> Dataset | None:
    """The data as every training part prepares them; None where the parts differ.

    Raises:
        DataError: a training part lacks a category of its test part.
    """
    whole = data.fitted_to()
    if data.preparation is None:
        return whole
    alike = [
        np.array_equal(data.fitted_to(folds.train_rows(split)).X, whole.X)
        for split in range(folds.n_splits)
    ]
    return whole if all(alike) else None


def _by_refits(spec: CrossValidationSpec, data: Dataset, folds: Folds) -> CrossValidationScores:
    every = np.arange(data.t.size)
    train, gap, certificate = refitted_losses(spec, data, every, every)
    test = np.empty((*train.shape, folds.n_splits))
    for split in range(folds.n_splits):
        rows = folds.train_rows(split), folds.test_rows(split)
        test[:, :, split], one, its = refitted_losses(spec, data, *rows)
        gap, certificate = max(gap, one), worst_of(certificate, its)
    nothing = np.full_like(train, np.nan)
    return CrossValidationScores(
        test,
        train,
        nothing,
        nothing,
        nothing,
        np.full_like(test, np.nan),
        n_refits=test.size,
        relative_gap=gap,
        certificate=certificate,
    )


def joined(parts: list[CrossValidationScores]) -> CrossValidationScores:
    """The scores of several families of degrees below each other."""
    names = ("test", "train", "gcv", "loo", "expected", "inner")
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return CrossValidationScores(
        **arrays,
        n_refits=sum(part.n_refits for part in parts),
        relative_gap=max(part.relative_gap for part in parts),
        certificate=worst_of(*(part.certificate for part in parts)),
    )


def linear_scores(
    spec: CrossValidationSpec,
    X: Array,
    t: Array,
    folds: Folds,
    known: KnownLaw | None,
    related: Related = UNRELATED,
) -> CrossValidationScores:
    """Squared or absolute loss of linear models of every degree and strength."""
    groups = families(spec.basis, spec.degrees)
    if spec.penalty == "none":
        return joined([_least_squares(spec, X, t, degrees, folds, known) for degrees in groups])
    return joined([_penalised(spec, X, t, degrees, folds, known, related) for degrees in groups])


def least_squares_columns(
    spec: CrossValidationSpec, X: Array, t: Array, degrees: tuple[int, ...], blocks: Sequence[Ints]
) -> tuple[NestedColumns, list[RFactor]]:
    """Columns for least squares and their R factors on blocks of rows."""
    if spans_powers(spec.basis, spec.intercept):
        return polynomial_blocks(X, t, degrees, blocks, intercept=spec.intercept)
    columns = orthonormal_family(spec.basis, X, degrees, intercept=spec.intercept)
    return columns, block_r_factors(columns, t, blocks)


def _blocks(spec: CrossValidationSpec, folds: Folds, n_rows: int) -> tuple[Ints, ...]:
    """The blocks whose R factors are needed.

    Leaving one out is a formula for linear smoothers; the inner cross-validation is not.
    """
    alone = _by_formula(spec) and not _has_inner(spec, folds)
    return (np.arange(n_rows),) if alone else folds.blocks


def _has_inner(spec: CrossValidationSpec, folds: Folds) -> bool:
    each_once = folds.n_splits == len(folds.blocks)
    return spec.loss == "squared" and each_once and 3 <= folds.n_splits <= MOST_INNER_FOLDS


def _by_formula(spec: CrossValidationSpec) -> bool:
    return spec.leave_one_out and spec.penalty in ("none", "l2")


def _least_squares(
    spec: CrossValidationSpec,
    X: Array,
    t: Array,
    degrees: tuple[int, ...],
    folds: Folds,
    known: KnownLaw | None,
) -> CrossValidationScores:
    loss = LOSSES[spec.loss]
    blocks = _blocks(spec, folds, t.size)
    columns, parts = least_squares_columns(spec, X, t, degrees, blocks)
    refit = least_squares_refit(spec, X, t, degrees)
    every = np.arange(t.size)

    def left_out(row: int, model: int) -> float:
        return float(refit(np.delete(every, row), every[row : row + 1], model)[0])

    all_rows = merged(parts)
    single = least_squares_loo(
        columns, t, all_rows, loss, refit=left_out, keep_rows=_by_formula(spec)
    )
    if _by_formula(spec):
        test = _rows_of(single)
    else:
        fits = least_squares_fits(parts, folds, columns.sizes)
        test = fold_losses(columns, t, folds, fits, loss, parts=parts, refit=refit)
    inner = np.full_like(test.test, np.nan)
    if _has_inner(spec, folds):
        sizes = columns.sizes
        inner = inner_losses(parts, folds, lambda p, f: least_squares_fits(p, f, sizes))
    W, _ = solve_nested(all_rows, columns.sizes)
    expected = np.full(len(degrees), np.nan) if known is None else known.expected(columns, W)
    return CrossValidationScores(
        test.test[:, None],
        single.train[:, None],
        single.gcv[:, None],
        single.loo[:, None],
        expected[:, None],
        inner[:, None],
        test.n_refits + single.n_refits * (not _by_formula(spec)),
    )


def _rows_of(single: LeaveOneOut) -> FoldLosses:
    if single.rows is None:
        raise ValueError("the losses of single rows were not kept")
    return FoldLosses(single.rows.T, single.n_refits)


def _penalised(
    spec: CrossValidationSpec,
    X: Array,
    t: Array,
    degrees: tuple[int, ...],
    folds: Folds,
    known: KnownLaw | None,
    related: Related,
) -> CrossValidationScores:
    loss = LOSSES[spec.loss]
    l1s, l2s = spec.l1s, spec.l2s
    family, parts = standardised_blocks(
        spec.basis,
        X,
        t,
        degrees,
        _blocks(spec, folds, t.size),
        intercept=spec.intercept,
        scaled=spec.standardize,
        related=related,
    )
    columns, all_rows, gap = family.columns, merged(parts), 0.0
    constant, certificate = columns.has_constant, None

    def fit(some: Sequence[RFactor], splits: Folds) -> FoldFits:
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
        if spec.penalty == "l2":
            single = ridge_loo(columns, t, all_rows, size, l2s, loss, keep_rows=_by_formula(spec))
            train[i], gcv[i], loo[i] = single.train, single.gcv, single.loo
            rows.append(single)
        else:
            y = columns.rows(slice(None))[:, :size] @ W  # (N, k)
            train[i] = loss(t, y).mean(axis=0)
            free = t.size - path.degrees_of_freedom - columns.has_constant
            rss = ((t[:, None] - y) ** 2).sum(axis=0)
            gcv[i] = np.where(free > 0.5, t.size * rss / np.maximum(free, 0.5) ** 2, np.nan)
    if _by_formula(spec):
        test = np.stack([_rows_of(single).test for single in rows])
    else:
        found = penalised_fits(parts, folds, columns.sizes, l1s, l2s, has_constant=constant)
        gap = max(gap, found.relative_gap)
        certificate = worst_of(certificate, found.certificate)
        test = fold_losses(columns, t, folds, found.fits, loss, parts=parts).test
    inner = np.full_like(test, np.nan)
    if spec.penalty == "l2" and _has_inner(spec, folds):
        inner = inner_losses(parts, folds, fit)
    three = (*shape, -1)
    return CrossValidationScores(
        test.reshape(three), train, gcv, loo, expected, inner.reshape(three), 0, gap, certificate
    )


def linear_class_scores(
    spec: CrossValidationSpec, X: Array, t: Array, folds: Folds, related: Related = UNRELATED
) -> CrossValidationScores:
    """Least squares or ridge on one indicator a class; the largest one is predicted."""
    _, labels = labels_of(t)
    indicators = np.eye(labels.max() + 1)[labels]  # (N, K)
    groups = families(spec.basis, spec.degrees)
    return joined(
        [_class_family(spec, X, indicators, labels, degrees, folds, related) for degrees in groups]
    )


def _class_family(
    spec: CrossValidationSpec,
    X: Array,
    indicators: Array,
    labels: Ints,
    degrees: tuple[int, ...],
    folds: Folds,
    related: Related,
) -> CrossValidationScores:
    shape = (len(degrees), len(spec.strengths))
    outside, inside, n_refits, certificate = [], [], 0, None
    for t in indicators.T:
        columns, fits, W, refit, its = _indicator_fits(spec, X, t, degrees, folds, related)
        certificate = worst_of(certificate, its)
        outside.append(held_out(columns, folds, fits, t.size, refit))
        inside.append(columns.rows(slice(None))[:, : W.shape[0]] @ W)
        n_refits += int(fits.unsafe.sum()) if refit is not None else 0
    predicted = np.stack(outside, axis=-1).argmax(axis=-1)  # (N, n_models)
    wrong = zero_one(labels.astype(np.float64), predicted.astype(np.float64))
    test = np.stack([wrong[folds.test_rows(i)].mean(axis=0) for i in range(folds.n_splits)], axis=1)
    fitted = np.stack(inside, axis=-1).argmax(axis=-1).astype(np.float64)
    train = zero_one(labels.astype(np.float64), fitted).mean(axis=0)
    nothing = np.full(shape, np.nan)
    return CrossValidationScores(
        test.reshape(*shape, -1),
        train.reshape(shape),
        nothing,
        nothing,
        nothing,
        np.full((*shape, folds.n_splits), np.nan),
        n_refits,
        certificate=certificate,
    )


def _indicator_fits(
    spec: CrossValidationSpec,
    X: Array,
    t: Array,
    degrees: tuple[int, ...],
    folds: Folds,
    related: Related,
) -> tuple[NestedColumns, FoldFits, Array, Refit | None, Certificate | None]:
    """Columns, the fits of every split, the coefficients of the fit of all rows, how to refit."""
    if spec.penalty == "none":
        columns, parts = least_squares_columns(spec, X, t, degrees, folds.blocks)
        fits = least_squares_fits(parts, folds, columns.sizes)
        W, _ = solve_nested(merged(parts), columns.sizes)
        return columns, fits, W, least_squares_refit(spec, X, t, degrees), None
    l1s, l2s = spec.l1s, spec.l2s
    family, parts = standardised_blocks(
        spec.basis,
        X,
        t,
        degrees,
        folds.blocks,
        intercept=spec.intercept,
        scaled=spec.standardize,
        related=related,
    )
    columns = family.columns
    found = penalised_fits(parts, folds, columns.sizes, l1s, l2s, has_constant=columns.has_constant)
    W, certificate = _fit_all_rows(columns, merged(parts), l1s, l2s)
    return columns, found.fits, W, None, worst_of(found.certificate, certificate)


def _fit_all_rows(
    columns: NestedColumns, r_factor: RFactor, l1s: list[float], l2s: list[float]
) -> tuple[Array, Certificate | None]:
    k, certificate = len(l2s), None
    W = np.zeros((columns.sizes[-1], len(columns.sizes) * k))
    for i, size in enumerate(columns.sizes):
        problem = centred(r_factor, size, columns.has_constant)
        path = centred_path(problem, r_factor.n_rows, l1s, l2s)
        W[:size, i * k : (i + 1) * k] = problem.with_constant(path.w)
        certificate = worst_of(certificate, path.certificate)
    return W, certificate


def logistic_scores(train: Array, splits: Sequence[Array]) -> CrossValidationScores:
    """The scores of logistic regression from those of its single fits."""
    nothing = np.full_like(train, np.nan)
    test = np.stack(list(splits), axis=2)  # (n_degrees, n_strengths, n_splits)
    return CrossValidationScores(test, train, nothing, nothing, nothing, np.full_like(test, np.nan))

"""The zero-one loss (2.4): targets that are classes, and models that predict one of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate, worst_of
from mlcli.experiments.kfold.config import KfoldConfig
from mlcli.experiments.kfold.refits import (
    columns_of,
    grid,
    least_squares_refit,
    logistic_weights,
    penalised_refit,
    strengths,
)
from mlcli.experiments.kfold.scores import Scores, joined, least_squares_columns
from mlcli.experiments.kfold.splits import degrees_of
from mlcli.linear.nested import NestedColumns, families
from mlcli.linear.redundant import UNRELATED, Related
from mlcli.linear.triangle import Triangle, solve_nested
from mlcli.scores import zero_one
from mlcli.selection.blocks import merged
from mlcli.selection.exact import FoldFits, Refit, held_out, least_squares_fits
from mlcli.selection.folds import Folds
from mlcli.selection.penalised import centred, penalised_fits, penalised_path
from mlcli.selection.standardised import standardised_blocks

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


def labels_of(t: Array) -> tuple[Array, Ints]:
    """The distinct values of the target, (K,), and the number of each row's, (N,)."""
    classes, numbers = np.unique(t, return_inverse=True)
    return classes, numbers.astype(np.int64)


def linear_class_scores(
    config: KfoldConfig, X: Array, t: Array, folds: Folds, related: Related = UNRELATED
) -> Scores:
    """Least squares or ridge on one indicator a class; the largest one is predicted."""
    _, labels = labels_of(t)
    indicators = np.eye(labels.max() + 1)[labels]  # (N, K)
    groups = families(config.basis, config.degrees)
    return joined(
        [_family(config, X, indicators, labels, degrees, folds, related) for degrees in groups]
    )


def _family(
    config: KfoldConfig,
    X: Array,
    indicators: Array,
    labels: Ints,
    degrees: tuple[int, ...],
    folds: Folds,
    related: Related,
) -> Scores:
    shape = (len(degrees), grid(config).size)
    outside, inside, n_refits, certificate = [], [], 0, None
    for t in indicators.T:
        columns, fits, W, refit, its = _indicator_fits(config, X, t, degrees, folds, related)
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
    return Scores(
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
    config: KfoldConfig,
    X: Array,
    t: Array,
    degrees: tuple[int, ...],
    folds: Folds,
    related: Related,
) -> tuple[NestedColumns, FoldFits, Array, Refit | None, Certificate | None]:
    """Columns, the fits of every split, the coefficients of the fit of all rows, how to refit."""
    if config.penalty == "none":
        columns, parts = least_squares_columns(config, X, t, degrees, folds.blocks)
        fits = least_squares_fits(parts, folds, columns.sizes)
        W, _ = solve_nested(merged(parts), columns.sizes)
        return columns, fits, W, least_squares_refit(config, X, t, degrees), None
    l1s, l2s = strengths(config)
    family, parts = standardised_blocks(
        config.basis,
        X,
        t,
        degrees,
        folds.blocks,
        intercept=config.intercept,
        scaled=config.standardize,
        related=related,
    )
    columns = family.columns
    found = penalised_fits(parts, folds, columns.sizes, l1s, l2s, has_constant=columns.has_constant)
    W, certificate = _all_rows(columns, merged(parts), l1s, l2s)
    return columns, found.fits, W, None, worst_of(found.certificate, certificate)


def _all_rows(
    columns: NestedColumns, triangle: Triangle, l1s: list[float], l2s: list[float]
) -> tuple[Array, Certificate | None]:
    k, certificate = len(l2s), None
    W = np.zeros((columns.sizes[-1], len(columns.sizes) * k))
    for i, size in enumerate(columns.sizes):
        problem = centred(triangle, size, columns.has_constant)
        path = penalised_path(problem, triangle.n_rows, l1s, l2s)
        W[:size, i * k : (i + 1) * k] = problem.with_constant(path.w)
        certificate = worst_of(certificate, path.certificate)
    return W, certificate


def class_refit(
    config: KfoldConfig,
    X: Array,
    t: Array,
    degree: int,
    strength: float,
    related: Related = UNRELATED,
) -> Refit:
    """One classifier fitted to the given rows; predicts values of the target."""
    classes, labels = labels_of(t)
    if config.model == "logistic":
        P = columns_of(config, X, t, degree, related).columns.rows(slice(None))

        def logistic(train: Ints, test: Ints, model: int) -> Array:
            W = logistic_weights(
                P[train], labels[train], classes.size, [strength], intercept=config.intercept
            )
            return np.asarray(classes[(P[test] @ W[:, :, 0]).argmax(axis=1)])

        return logistic
    indicators = np.eye(classes.size)[labels]
    fits = [
        least_squares_refit(config, X, one, (degree,))
        if config.penalty == "none"
        else penalised_refit(config, X, one, degree, strength, related)
        for one in indicators.T
    ]

    def linear(train: Ints, test: Ints, model: int) -> Array:
        y = np.stack([fit(train, test, 0) for fit in fits], axis=1)  # (n, K)
        return np.asarray(classes[y.argmax(axis=1)])

    return linear


def logistic_losses(
    config: KfoldConfig,
    X: Array,
    t: Array,
    train: Ints,
    test: Ints,
    related: Related = UNRELATED,
) -> Array:
    """Error rates on test rows of fits on training rows, (n_degrees, n_strengths)."""
    classes, labels = labels_of(t)
    l2s = grid(config).tolist()
    found = []
    for degree in degrees_of(config):
        P = columns_of(config, X, t, degree, related).columns.rows(slice(None))
        W = logistic_weights(P[train], labels[train], classes.size, l2s, intercept=config.intercept)
        y = np.einsum("np,pck->nck", P[test], W).argmax(axis=1)  # (n, n_strengths)
        found.append(zero_one(labels[test].astype(np.float64), y.astype(np.float64)).mean(axis=0))
    return np.stack(found)


def logistic_scores(train: Array, splits: Sequence[Array]) -> Scores:
    """The scores of logistic regression from those of its single fits."""
    nothing = np.full_like(train, np.nan)
    test = np.stack(list(splits), axis=2)  # (n_degrees, n_strengths, n_splits)
    return Scores(test, train, nothing, nothing, nothing, np.full_like(test, np.nan))

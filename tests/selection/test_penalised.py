"""Ridge, lasso and elastic net on folds from R factors against refits on rows."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.linear.column_families import NestedColumns, standardised_family
from mlcli.linear.penalised import elastic_net_path, ridge_path
from mlcli.linear.polynomial import MANY_ROWS
from mlcli.selection.cross_validation import fold_losses, merged
from mlcli.selection.folds import Folds, k_fold
from mlcli.selection.penalised import penalised_fits, standardised_blocks
from tests.selection.test_exact import cubic

Array = np.ndarray
STRENGTHS = [1.0, 0.1, 0.01, 1e-4]
ZEROS = [0.0] * 4


def by_refits(
    columns: NestedColumns, t: Array, folds: Folds, l1s: list[float], l2s: list[float]
) -> Array:
    first = int(columns.has_constant)
    found = np.empty((len(columns.sizes) * len(l1s), folds.n_splits))
    for split in range(folds.n_splits):
        train, test = folds.train_rows(split), folds.test_rows(split)
        models = []
        for size in columns.sizes:
            A = columns.rows(slice(None))[:, first:size]
            centre = A[train].mean(axis=0) if first else 0.0
            level = t[train].mean() if first else 0.0
            rows, target = A[train] - centre, t[train] - level
            if any(l1s):
                w = elastic_net_path(rows, target, train.size, l1s, l2s).w
            else:
                w = ridge_path(rows, target, train.size, l2s).w
            error = (t[test] - level)[:, None] - (A[test] - centre) @ w
            models.append((error**2).mean(axis=0))
        found[:, split] = np.concatenate(models)
    return found


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(
    ("l1s", "l2s", "rtol"),
    [(ZEROS, STRENGTHS, 1e-10), (STRENGTHS, ZEROS, 1e-6), (STRENGTHS, STRENGTHS, 1e-6)],
    ids=["ridge", "lasso", "elastic"],
)
def test_grids_are_those_of_refits(
    l1s: list[float], l2s: list[float], rtol: float, intercept: bool
) -> None:
    X, t = cubic(90)
    folds = k_fold(90, 5, np.random.default_rng(1))
    family, parts = standardised_blocks(
        "polynomial", X, t, (1, 3, 9), folds.blocks, intercept=intercept
    )
    columns = family.columns
    found = penalised_fits(parts, folds, columns.sizes, l1s, l2s, has_constant=intercept)
    assert found.relative_gap <= 1e-9
    losses = fold_losses(columns, t, folds, found.fits, parts=parts).test
    np.testing.assert_allclose(losses, by_refits(columns, t, folds, l1s, l2s), rtol=rtol)


@pytest.mark.parametrize("kind", ["gaussian", "fourier"])
def test_other_bases(kind: str) -> None:
    X, t = cubic(80)
    folds = k_fold(80, 4, np.random.default_rng(2))
    family, parts = standardised_blocks(kind, X, t, (5,), folds.blocks)
    columns = family.columns
    found = penalised_fits(parts, folds, columns.sizes, ZEROS, STRENGTHS, has_constant=True)
    losses = fold_losses(columns, t, folds, found.fits, parts=parts).test
    np.testing.assert_allclose(losses, by_refits(columns, t, folds, ZEROS, STRENGTHS), rtol=1e-10)


def test_many_rows_go_through_orthogonal_columns_to_the_same_grid() -> None:
    X, t = cubic(MANY_ROWS + 1000)
    folds = k_fold(t.size, 4, np.random.default_rng(3))
    family, parts = standardised_blocks("polynomial", X, t, (12,), folds.blocks)
    plain = standardised_family("polynomial", X, t, (12,))
    np.testing.assert_allclose(
        family.columns.rows(slice(0, 50)), plain.columns.rows(slice(0, 50)), atol=1e-9
    )
    found = penalised_fits(parts, folds, (13,), ZEROS, STRENGTHS, has_constant=True)
    losses = fold_losses(family.columns, t, folds, found.fits, parts=parts).test
    np.testing.assert_allclose(
        losses, by_refits(plain.columns, t, folds, ZEROS, STRENGTHS), rtol=1e-8
    )
    assert merged(parts).n_rows == t.size
    raw = family.design.raw(np.ones(12))
    np.testing.assert_allclose(raw, plain.design.raw(np.ones(12)), rtol=1e-6)


def test_a_model_of_the_constant_alone_has_nothing_to_penalise() -> None:
    X, t = cubic(30)
    folds = k_fold(30, 3, np.random.default_rng(4))
    family, parts = standardised_blocks("polynomial", X, t, (0, 1), folds.blocks)
    found = penalised_fits(parts, folds, (1, 2), ZEROS, STRENGTHS, has_constant=True)
    losses = fold_losses(family.columns, t, folds, found.fits, parts=parts).test
    for split in range(3):
        level = t[folds.train_rows(split)].mean()
        expected = ((t[folds.test_rows(split)] - level) ** 2).mean()
        np.testing.assert_allclose(losses[:4, split], expected, rtol=1e-12)


def test_grid_search_of_scikit_learn_agrees() -> None:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, PredefinedSplit

    X, t = cubic(400)
    folds = k_fold(400, 10, np.random.default_rng(5))
    family, parts = standardised_blocks("polynomial", X, t, (8,), folds.blocks)
    found = penalised_fits(parts, folds, (9,), ZEROS, STRENGTHS, has_constant=True)
    losses = fold_losses(family.columns, t, folds, found.fits, parts=parts).test
    numbers = np.empty(400, dtype=int)
    for split in range(10):
        numbers[folds.test_rows(split)] = split
    search = GridSearchCV(
        Ridge(solver="svd"),
        {"alpha": [2 * 360 * l2 for l2 in STRENGTHS]},
        cv=PredefinedSplit(numbers),
        scoring="neg_mean_squared_error",
        refit=False,
    ).fit(family.design.A, t)
    theirs = -search.cv_results_["mean_test_score"]
    np.testing.assert_allclose(losses.mean(axis=1), theirs, rtol=1e-8)

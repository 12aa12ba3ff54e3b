"""Leave-one-out from the hat matrix against rows that are left out in fact; GCV."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.linear.column_families import standardised_family
from mlcli.linear.penalised import ridge_path
from mlcli.linear.polynomial import MANY_ROWS, fit_polynomial
from mlcli.selection.cross_validation import (
    LOSSES,
    block_r_factors,
    fold_losses,
    least_squares_fits,
    merged,
    polynomial_blocks,
)
from mlcli.selection.folds import leave_one_out
from mlcli.selection.leave_one_out import LeaveOneOut, least_squares_loo, ridge_loo
from tests.selection.test_exact import cubic

Array = np.ndarray


def without(n: int, row: int) -> Array:
    return np.delete(np.arange(n), row)


def left_out(X: Array, t: Array, row: int, degree: int) -> float:
    kept = without(t.size, row)
    return float(fit_polynomial(X[kept], t[kept], [degree]).predict(X[[row]])[0, 0])


def loo(X: Array, t: Array, degrees: range, **more: object) -> LeaveOneOut:
    columns, parts = polynomial_blocks(X, t, tuple(degrees), [np.arange(t.size)])
    return least_squares_loo(columns, t, parts[0], **more)


@pytest.mark.parametrize("name", ["squared", "absolute"])
def test_rows_left_out_by_formula_and_in_fact(name: str) -> None:
    X, t = cubic(50)
    loss = LOSSES[name]
    y = np.array([[left_out(X, t, row, degree) for degree in range(9)] for row in range(50)])
    found = loo(X, t, range(9), loss=loss, keep_rows=True)
    np.testing.assert_allclose(found.rows, loss(t, y), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.loo, loss(t, y).mean(axis=0), rtol=1e-10)
    fitted = fit_polynomial(X, t, range(9)).predict(X)
    np.testing.assert_allclose(found.train, loss(t, fitted).mean(axis=0), rtol=1e-10)


def test_leave_one_out_is_k_fold_with_k_rows() -> None:
    X, t = cubic(40)
    folds = leave_one_out(40)
    columns, parts = polynomial_blocks(X, t, (0, 2, 5), folds.blocks)
    fits = least_squares_fits(parts, folds, columns.sizes)
    by_folds = fold_losses(columns, t, folds, fits, parts=parts).test.mean(axis=1)
    single = least_squares_loo(columns, t, merged(parts))
    np.testing.assert_allclose(single.loo, by_folds, rtol=1e-10)


def test_degree_30_on_40_points() -> None:
    X, t = cubic(40)
    every = range(31)
    found = loo(X, t, every, refit=lambda row, model: left_out(X, t, row, model))
    y = np.array([[left_out(X, t, row, degree) for degree in every] for row in range(40)])
    assert found.n_refits > 0
    np.testing.assert_allclose(found.loo, ((t[:, None] - y) ** 2).mean(axis=0), rtol=1e-10)
    assert np.isnan(loo(X, t, every).loo[-1])  # unsafe, and nobody to refit


def test_gcv_is_its_definition_and_near_leave_one_out() -> None:
    X, t = cubic(200)
    found = loo(X, t, range(6))
    fit = fit_polynomial(X, t, range(6))
    expected = 200 * fit.rss / (200 - np.arange(1, 7)) ** 2
    np.testing.assert_allclose(found.gcv, expected, rtol=1e-12)
    np.testing.assert_allclose(found.gcv, found.loo, rtol=0.02)


def test_no_degree_of_freedom_left_is_no_gcv() -> None:
    X, t = cubic(6)
    found = loo(X, t, range(6), refit=lambda row, model: 0.0)
    assert np.isnan(found.gcv[-1])
    assert np.isfinite(found.gcv[:-1]).all()


def test_many_rows() -> None:
    X, t = cubic(MANY_ROWS + 500)
    found = loo(X, t, range(4), keep_rows=True)
    assert found.rows is not None
    for row in (0, 777, t.size - 1):
        error = (t[row] - left_out(X, t, row, 3)) ** 2
        assert found.rows[row, 3] == pytest.approx(error, rel=1e-8)


@pytest.mark.parametrize("intercept", [True, False])
def test_ridge_by_formula_and_in_fact(intercept: bool) -> None:
    X, t = cubic(40)
    family = standardised_family("polynomial", X, t, (2, 7), intercept=intercept)
    columns, l2s = family.columns, [1.0, 1e-2, 1e-4]
    (r_factor,) = block_r_factors(columns, t, [np.arange(40)])
    for size in columns.sizes:
        A = columns.rows(slice(None))[:, int(intercept) : size]
        errors = np.empty((40, 3))
        for row in range(40):
            kept = without(40, row)
            centre = A[kept].mean(axis=0) if intercept else 0.0
            level = t[kept].mean() if intercept else 0.0
            w = ridge_path(A[kept] - centre, t[kept] - level, 39, l2s).w
            errors[row] = (t[row] - level - (A[row] - centre) @ w) ** 2
        found = ridge_loo(columns, t, r_factor, size, l2s)
        np.testing.assert_allclose(found.loo, errors.mean(axis=0), rtol=1e-10)
        level = t.mean() if intercept else 0.0
        fit = ridge_path(A, t - level, 40, l2s)
        rss = ((t - level)[:, None] - A @ fit.w) ** 2
        np.testing.assert_allclose(found.train, rss.mean(axis=0), rtol=1e-10)
        dof = fit.degrees_of_freedom + int(intercept)
        np.testing.assert_allclose(found.gcv, 40 * rss.sum(axis=0) / (40 - dof) ** 2, rtol=1e-10)


def test_ridge_without_strength_tends_to_least_squares() -> None:
    X, t = cubic(60)
    columns = standardised_family("polynomial", X, t, (4,)).columns
    (r_factor,) = block_r_factors(columns, t, [np.arange(60)])
    found = ridge_loo(columns, t, r_factor, columns.sizes[0], [1e-13])
    np.testing.assert_allclose(found.loo, loo(X, t, range(5)).loo[-1], rtol=1e-6)

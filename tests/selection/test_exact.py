"""Exact folds against refits, on easy and on nearly hopeless columns."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.linear.basis import fit_basis
from mlcli.linear.column_families import orthonormal_family
from mlcli.linear.least_squares import fit_columns
from mlcli.linear.polynomial import MANY_ROWS, fit_polynomial
from mlcli.selection.cross_validation import (
    absolute,
    block_r_factors,
    fold_losses,
    held_out,
    inner_losses,
    least_squares_fits,
    merged,
    polynomial_blocks,
    squared,
    training_r_factors,
)
from mlcli.selection.folds import Folds, k_fold, time_ordered, train_test

Array = np.ndarray


def cubic(n_rows: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, n_rows)
    return x[:, None], 0.5 * x**3 + 0.3 * x**2 - 0.25 * x + 1 + rng.normal(0, 1.95, n_rows)


def refitted(X: Array, t: Array, folds: Folds, degrees: range, loss=squared) -> Array:
    rows = []
    for split in range(folds.n_splits):
        train, test = folds.train_rows(split), folds.test_rows(split)
        fit = fit_polynomial(X[train], t[train], degrees)
        rows.append(loss(t[test], fit.predict(X[test])).mean(axis=0))
    return np.array(rows).T


def exact(X: Array, t: Array, folds: Folds, degrees: range, loss=squared, **more: object) -> Array:
    columns, parts = polynomial_blocks(X, t, tuple(degrees), folds.blocks)
    fits = least_squares_fits(parts, folds, columns.sizes)
    return fold_losses(columns, t, folds, fits, loss, parts=parts, **more).test


@pytest.mark.parametrize("loss", [squared, absolute])
@pytest.mark.parametrize(
    "folds",
    [
        k_fold(200, 10, np.random.default_rng(1)),
        k_fold(200, 2, np.random.default_rng(1)),
        time_ordered(200, 4),
        train_test(200, 0.3, np.random.default_rng(1)),
    ],
    ids=["ten", "two", "time", "train-test"],
)
def test_folds_are_those_of_refits(folds: Folds, loss: object) -> None:
    X, t = cubic(200)
    found = exact(X, t, folds, range(13), loss)
    np.testing.assert_allclose(found, refitted(X, t, folds, range(13), loss), rtol=1e-10)


def test_many_rows_go_another_way_to_the_same_errors() -> None:
    X, t = cubic(MANY_ROWS + 1000)
    folds = k_fold(t.size, 5, np.random.default_rng(2))
    found = exact(X, t, folds, range(13))
    np.testing.assert_allclose(found, refitted(X, t, folds, range(13)), rtol=1e-10)


def test_rows_with_a_huge_offset() -> None:
    X, t = cubic(120)
    folds = k_fold(120, 6, np.random.default_rng(3))
    plain, moved = exact(X, t, folds, range(8)), exact(X + 1000.0, t + 1e6, folds, range(8))
    np.testing.assert_allclose(moved, plain, rtol=1e-6)


def test_degree_30_on_40_points_is_refitted_where_it_must_be() -> None:
    X, t = cubic(40)
    folds = k_fold(40, 10, np.random.default_rng(4))
    columns, parts = polynomial_blocks(X, t, tuple(range(31)), folds.blocks)
    fits = least_squares_fits(parts, folds, columns.sizes)
    asked: list[tuple[int, int]] = []

    def refit(train: Array, test: Array, model: int) -> Array:
        asked.append((train.size, model))
        return fit_polynomial(X[train], t[train], [model]).predict(X[test])[:, 0]

    found = fold_losses(columns, t, folds, fits, parts=parts, refit=refit)
    assert found.n_refits == len(asked) == fits.unsafe.sum() > 0
    np.testing.assert_allclose(found.test, refitted(X, t, folds, range(31)), rtol=1e-10)


def test_two_inputs_and_another_basis() -> None:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(90, 2))
    t = X[:, 0] * X[:, 1] + rng.normal(size=90)
    folds = k_fold(90, 5, rng)
    np.testing.assert_allclose(
        exact(X, t, folds, range(5)), refitted(X, t, folds, range(5)), rtol=1e-10
    )
    columns = orthonormal_family("fourier", X, (1, 2, 3))
    parts = block_r_factors(columns, t, folds.blocks)
    fits = least_squares_fits(parts, folds, columns.sizes)
    found = fold_losses(columns, t, folds, fits, parts=parts).test
    for i, degree in enumerate((1, 2, 3)):
        basis = fit_basis("fourier", X.min(axis=0), X.max(axis=0), degree)
        for split in range(5):
            train, test = folds.train_rows(split), folds.test_rows(split)
            w = fit_columns(basis.evaluate(X[train]), t[train]).w
            error = float(((t[test] - basis.evaluate(X[test]) @ w) ** 2).mean())
            assert found[i, split] == pytest.approx(error, rel=1e-10)


def test_a_second_pass_agrees_with_the_r_factors() -> None:
    X, t = cubic(80)
    folds = k_fold(80, 4, np.random.default_rng(6))
    columns, parts = polynomial_blocks(X, t, (0, 3, 7), folds.blocks)
    fits = least_squares_fits(parts, folds, columns.sizes)
    y = held_out(columns, folds, fits, 80)
    from_rows = np.array([squared(t, y)[folds.test_rows(s)].mean(axis=0) for s in range(4)]).T
    np.testing.assert_allclose(
        fold_losses(columns, t, folds, fits, parts=parts).test, from_rows, rtol=1e-12
    )


def test_training_r_factors_are_those_of_the_rows() -> None:
    X, t = cubic(60)
    folds = k_fold(60, 6, np.random.default_rng(7))
    columns, parts = polynomial_blocks(X, t, (4,), folds.blocks)
    for split, found in enumerate(training_r_factors(parts, folds)):
        rows = folds.train_rows(split)
        (direct,) = block_r_factors(columns, t, [rows])
        np.testing.assert_allclose(found.R, direct.R, atol=1e-12)
        assert found.n_rows == rows.size
    (everything,) = block_r_factors(columns, t, [np.arange(60)])
    np.testing.assert_allclose(merged(parts).R, everything.R, atol=1e-12)


def test_cross_validation_within_each_training_part() -> None:
    X, t = cubic(60)
    folds = k_fold(60, 5, np.random.default_rng(8))
    columns, parts = polynomial_blocks(X, t, (0, 2, 4), folds.blocks)
    sizes = columns.sizes
    found = inner_losses(parts, folds, lambda p, f: least_squares_fits(p, f, sizes))
    for split in range(5):
        others = [b for b in range(5) if b != split]
        losses = []
        for held in others:
            train = np.concatenate([folds.blocks[b] for b in others if b != held])
            test = folds.blocks[held]
            y = fit_polynomial(X[train], t[train], [0, 2, 4]).predict(X[test])
            losses.append(squared(t[test], y).mean(axis=0))
        np.testing.assert_allclose(found[:, split], np.mean(losses, axis=0), rtol=1e-10)

"""Bounds for a cross-validated error: their formulas, and that the honest ones cover."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from mlcli.linear.arnoldi import fit_arnoldi
from mlcli.linear.column_families import standardised_family
from mlcli.linear.penalised import ridge_path
from mlcli.linear.polynomial import fit_polynomial
from mlcli.linear.statistics import SHARE
from mlcli.selection.cross_validation import (
    absolute,
    at_minimum,
    one_standard_error,
    squared,
    zero_one,
)
from mlcli.selection.folds import k_fold
from mlcli.selection.intervals import corrected, coverage_interval, naive
from mlcli.selection.nested import (
    PairLosses,
    fold_numbers,
    least_squares_pairs,
    nested_interval,
    refitted_pairs,
)
from tests.selection.test_exact import cubic

Array = np.ndarray


def test_losses() -> None:
    t, y = np.array([1.0, 2.0]), np.array([[1.0, 3.0], [0.0, 2.0]])
    np.testing.assert_array_equal(squared(t, y), [[0, 4], [4, 0]])
    np.testing.assert_array_equal(absolute(t, y), [[0, 2], [2, 0]])
    np.testing.assert_array_equal(zero_one(t, y), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(squared(t, y[:, 0]), [0, 4])


def test_naive_is_students_interval() -> None:
    from scipy import stats

    values = np.array([3.0, 5.0, 4.0, 6.0])
    found = naive(values, 0.9)
    low, high = stats.t.interval(0.9, 3, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)


def test_the_correction_is_that_of_nadeau_and_bengio() -> None:
    values = np.array([3.0, 5.0, 4.0, 6.0, 2.0])
    plain, wide = naive(values), corrected(values, 80, 20)
    assert wide.std_error == pytest.approx(sqrt(1 / 5 + 20 / 80) * values.std(ddof=1), rel=1e-12)
    ratio = sqrt((1 / 5 + 20 / 80) * 5)
    assert wide.high - wide.low == pytest.approx(ratio * (plain.high - plain.low), rel=1e-12)
    assert plain.estimate == wide.estimate == 4.0


def test_wilsons_interval() -> None:
    # Newcombe (1998), table I: 81 of 263, and 0 of 20.
    found = coverage_interval(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    none = coverage_interval(0, 20)
    assert (none.low, round(none.high, 4)) == (0.0, 0.1611)
    assert coverage_interval(20, 20).high == 1.0


def test_bounds_that_no_loss_can_pass() -> None:
    found = naive(np.array([0.0, 0.0, 0.1])).within(SHARE)
    assert found.low == 0.0 < found.estimate < found.high < 1.0


def test_pair_losses_are_those_of_refits() -> None:
    X, t = cubic(60)
    folds = k_fold(60, 5, np.random.default_rng(1))
    Q = fit_arnoldi(X, 6)[1]

    def refit(train: Array, test: Array, model: int) -> Array:
        return fit_polynomial(X[train], t[train], [6]).predict(X[test])[:, 0]

    fast, slow = least_squares_pairs(Q, t, folds), refitted_pairs(t, folds, refit)
    np.testing.assert_allclose(fast.loss, slow.loss, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(fast.fold, fold_numbers(folds, 60))


def test_pair_losses_of_ridge_are_those_of_refits() -> None:
    X, t = cubic(60)
    folds, l2 = k_fold(60, 5, np.random.default_rng(2)), 0.05
    A = standardised_family("polynomial", X, t, (5,)).columns.rows(slice(None))[:, 1:]
    U, s, _ = np.linalg.svd(A, full_matrices=False)
    P = np.concatenate([np.full((60, 1), 60**-0.5), U], axis=1)
    fast = least_squares_pairs(P, t, folds, np.append(0.0, 2 * l2 / s**2))

    def refit(train: Array, test: Array, model: int) -> Array:
        centre, level = A[train].mean(axis=0), t[train].mean()
        w = ridge_path(A[train] - centre, t[train] - level, train.size, [l2]).w[:, 0]
        return level + (A[test] - centre) @ w

    np.testing.assert_allclose(
        fast.loss, refitted_pairs(t, folds, refit).loss, rtol=1e-8, atol=1e-10
    )


def test_pairs_that_leave_too_little_are_solved_from_their_rows() -> None:
    x = np.concatenate([np.zeros(18), [1.0, 2.0]])
    t = np.arange(20.0)
    Q = fit_arnoldi(x[:, None], 2)[1]
    folds = k_fold(20, 4, np.random.default_rng(3))
    found = least_squares_pairs(Q, t, folds)
    assert np.isfinite(found.loss).all()


def test_the_nested_interval_by_hand() -> None:
    X, t = cubic(40)
    rng = np.random.default_rng(4)
    Q = fit_arnoldi(X, 2)[1]
    every = [least_squares_pairs(Q, t, k_fold(40, 4, rng)) for _ in range(3)]
    a, b, inner, outer, variances = [], [], [], [], []
    for pairs in every:
        own = np.array([pairs.loss[i, pairs.fold[i]] for i in range(40)])
        outer.append(own.mean())
        variances.append(own.var(ddof=1) / 40)
        for fold in range(4):
            held = own[pairs.fold == fold]
            mean = pairs.loss[pairs.fold != fold, fold].mean()
            a.append((mean - held.mean()) ** 2)
            b.append(held.var(ddof=1) / held.size)
            inner.append(mean)
    mse = min(max(np.mean(a) - np.mean(b), np.mean(variances)), 4 * np.mean(variances))
    bias = (1 + 2 / 4) * (np.mean(inner) - np.mean(outer))
    found = nested_interval(every)
    assert found.estimate == pytest.approx(np.mean(inner) - bias, rel=1e-12)
    assert found.std_error == pytest.approx(sqrt(3 / 4 * mse), rel=1e-12)
    assert found.high - found.estimate == pytest.approx(1.959963985 * found.std_error, rel=1e-8)


def test_errors_beyond_a_float_have_no_interval() -> None:
    huge = np.array([1e200, 3e200, 2e200])
    assert naive(huge).std_error == np.inf
    X, t = cubic(40)
    pairs = least_squares_pairs(fit_arnoldi(X, 2)[1], t, k_fold(40, 4, np.random.default_rng(0)))
    found = nested_interval([PairLosses(pairs.fold, 1e200 * pairs.loss)])
    assert np.isfinite(found.estimate)
    assert not np.isfinite(found.std_error)


def test_the_naive_interval_covers_too_rarely_and_the_others_do_not() -> None:
    n_sets, hits = 300, np.zeros(3)
    truth = np.random.default_rng(99)
    x_new = truth.uniform(-2, 2, 4000)
    t_new = 0.5 * x_new**3 + 0.3 * x_new**2 - 0.25 * x_new + 1 + truth.normal(0, 1.95, 4000)
    for seed in range(n_sets):
        X, t = cubic(40, seed)
        rng = np.random.default_rng(1000 + seed)
        basis, Q = fit_arnoldi(X, 5)
        inside = np.abs(x_new) <= 2
        y = basis.evaluate(x_new[inside, None]) @ (Q.T @ t)
        error = float(((t_new[inside] - y) ** 2).mean())
        pairs = [least_squares_pairs(Q, t, k_fold(40, 10, rng)) for _ in range(8)]
        own = pairs[0].loss[np.arange(40), pairs[0].fold]
        folds = np.array([own[pairs[0].fold == fold].mean() for fold in range(10)])
        bounds = (naive(folds), corrected(folds, 36, 4), nested_interval(pairs))
        hits += [one.low <= error <= one.high for one in bounds]
    share = hits / n_sets
    assert share[0] < 0.92
    assert share[1] > share[0] + 0.02
    assert share[2] > share[0]
    assert share[1:].min() > 0.88


def test_choices() -> None:
    error = np.array([[5.0, 5.0], [3.2, 3.0], [2.9, 3.1], [np.nan, 2.95]])
    assert at_minimum(error) == (2, 0)
    std_error = np.full_like(error, 0.15)
    assert one_standard_error(error, std_error) == (1, 1)
    assert one_standard_error(error, np.full_like(error, np.nan)) == (2, 0)
    assert one_standard_error(error, np.full_like(error, 10.0)) == (0, 0)

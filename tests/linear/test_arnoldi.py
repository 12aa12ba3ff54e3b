"""The orthonormal basis: orthogonality, nesting, its recurrence, and the way back to powers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import legendre

from mlcli.errors import DataError
from mlcli.linear.arnoldi import ArnoldiBasis, fit_arnoldi
from mlcli.linear.basis import fit_basis


def notes_x(n: int = 560) -> np.ndarray:
    return np.random.default_rng(0).uniform(-2, 2, n)


def test_degree_300_is_orthonormal_to_the_last_digits() -> None:
    basis, Q = fit_arnoldi(notes_x(), 300)
    assert basis.rank == basis.n_columns == 301
    assert np.abs(Q.T @ Q - np.eye(301)).max() < 1e-14


def test_equally_spaced_points_in_the_limit_are_legendre() -> None:
    n = 200_001
    x = np.linspace(-1, 1, n)
    _, Q = fit_arnoldi(x, 5)
    exact = legendre.legvander(x, 5) * np.sqrt((2 * np.arange(6) + 1) / n)
    np.testing.assert_allclose(Q * np.sqrt(n), exact * np.sqrt(n), atol=3e-4)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("n_features", [1, 2, 4])
def test_the_columns_span_the_powers(n_features: int, intercept: bool) -> None:
    X = np.random.default_rng(1).uniform(1, 3, (200, n_features))
    basis, Q = fit_arnoldi(X, 3, intercept=intercept)
    low, high = X.min(axis=0), X.max(axis=0)
    Phi = fit_basis("polynomial", low, high, 3, intercept=intercept).evaluate(X)
    assert Phi.shape == Q.shape
    np.testing.assert_allclose(Q.T @ Q, np.eye(basis.n_columns), atol=1e-13)
    for degree in (1, 2, 3):
        size = basis.size(degree)
        part = Phi[:, :size]
        np.testing.assert_allclose(Q[:, :size] @ (Q[:, :size].T @ part), part, rtol=1e-11)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("n_features", [1, 3])
def test_the_recurrence_repeats_the_columns(n_features: int, intercept: bool) -> None:
    X = np.random.default_rng(2).normal(size=(9000, n_features))
    basis, Q = fit_arnoldi(X, 4, intercept=intercept)
    np.testing.assert_allclose(basis.evaluate(X), Q, atol=1e-14)


def test_dependent_columns_are_zero_and_not_counted() -> None:
    x = np.repeat([0.0, 1.0, 2.5], 4)
    basis, Q = fit_arnoldi(x, 6)
    assert basis.rank == 3
    np.testing.assert_array_equal(Q[:, 3:], 0.0)
    np.testing.assert_array_equal(basis.evaluate([0.3, 9.0])[:, 3:], 0.0)
    a = np.random.default_rng(3).normal(size=40)
    twins, Q = fit_arnoldi(np.column_stack([a, 2 * a]), 3)
    assert twins.rank == 4
    gram = Q.T @ Q
    np.testing.assert_allclose(gram, np.diag(twins.kept.astype(float)), atol=1e-13)


def exact_gram_inverse(x: np.ndarray, degree: int) -> np.ndarray:
    rows = [[Fraction(v) ** j for j in range(degree + 1)] for v in x.tolist()]
    p = degree + 1
    table = [
        [sum((r[i] * r[j] for r in rows), Fraction()) for j in range(p)]
        + [Fraction(int(i == j)) for j in range(p)]
        for i in range(p)
    ]
    for i in range(p):
        table[i] = [v / table[i][i] for v in table[i]]
        for k in range(p):
            if k != i:
                table[k] = [a - table[k][i] * b for a, b in zip(table[k], table[i], strict=True)]
    return np.array([[float(v) for v in row[p:]] for row in table])


def test_powers_and_their_standard_errors_against_exact_fractions() -> None:
    x = np.random.default_rng(4).uniform(5, 6, 30)
    basis, Q = fit_arnoldi(x, 6)
    w_true = np.array([1.0, -2.0, 3.0, 0.5, 0.25, -1.0, 2.0])
    c = Q.T @ np.polynomial.polynomial.polyval(x, w_true)
    w, unit = basis.monomials(c, 6)
    # c is rounded at 1e-16 of |t| ~ 1e5, and the change of basis magnifies that.
    np.testing.assert_allclose(w, w_true, atol=1e-11 * unit.max() * np.abs(c).max() / 1e3)
    np.testing.assert_allclose(unit**2, np.diag(exact_gram_inverse(x, 6)), rtol=1e-8)


def test_the_powers_of_one_column_satisfy_the_recurrence_exactly() -> None:
    # Powers of two and small integers: the polynomials have short exact coefficients.
    H = np.diag([2.0, 0.5, 0.5]) + np.diag([0.25, 0.25], 1) + np.diag([0.5], 2)
    basis = ArnoldiBasis(
        2, np.array([3.0]), np.array([2.0]), True, np.array([-1, 0, 0]), np.array([-1, 0, 1]), H
    )
    # z = (x - 3)/2, q0 = 1/2, q1 = 2 (z - 1/4) / 2, q2 = 2 ((z - 1/4) q1 - q0 / 2)
    w, unit = basis.monomials([0.0, 0.0, 1.0], 2)
    z = np.polynomial.Polynomial([-1.5, 0.5])
    q2 = 2 * ((z - 0.25) * (z - 0.25) - 0.25)
    np.testing.assert_array_equal(w, q2.coef)
    assert unit[2] == abs(q2.coef[2])


def test_degree_300_back_to_powers() -> None:
    x = notes_x()
    basis, Q = fit_arnoldi(x, 300)
    w, unit = basis.monomials(Q.T @ np.sin(x), 300)
    assert np.isfinite(w).all()
    assert (unit > 0).all()
    few, Q4 = fit_arnoldi(x, 4)
    nested, _ = basis.monomials((Q.T @ np.sin(x))[:5], 4)
    np.testing.assert_allclose(nested, few.monomials(Q4.T @ np.sin(x), 4)[0], atol=1e-14)


def test_what_exceeds_a_float_is_infinite() -> None:
    basis, _ = fit_arnoldi(np.linspace(0, 1e-200, 9), 3)
    w, unit = basis.monomials(np.ones(4), 3)
    assert np.isinf(w[-1])
    assert np.isinf(unit[-1])


def test_two_features_back_to_powers() -> None:
    X = np.random.default_rng(5).uniform(-1, 2, (60, 2))
    t = 1 + X[:, 0] - 2 * X[:, 1] + 3 * X[:, 0] * X[:, 1]
    basis, Q = fit_arnoldi(X, 2)
    w, unit = basis.monomials(Q.T @ t, 2)
    np.testing.assert_allclose(w, [1, 1, -2, 0, 3, 0], atol=1e-13)
    Phi = fit_basis("polynomial", [-1, -1], [2, 2], 2).evaluate(X)
    np.testing.assert_allclose(unit**2, np.diag(np.linalg.inv(Phi.T @ Phi)), rtol=1e-10)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3).map(lambda v: round(v, 2)), min_size=1, max_size=30),
    st.integers(0, 8),
    st.floats(-20, 20),
)
def test_rank_is_the_number_of_distinct_points(x: list[float], degree: int, power: float) -> None:
    scaled = np.array(x) * 2.0 ** round(power)
    basis, Q = fit_arnoldi(scaled, degree)
    assert basis.rank <= min(len(set(x)), degree + 1)
    kept = Q[:, basis.kept]
    np.testing.assert_allclose(kept.T @ kept, np.eye(basis.rank), atol=1e-11)


def test_refusals() -> None:
    with pytest.raises(DataError, match="at least one row"):
        fit_arnoldi(np.empty((0, 1)), 2)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        fit_arnoldi([1.0, 2.0], 0, intercept=False)
    basis, _ = fit_arnoldi([1.0, 2.0, 4.0], 2)
    with pytest.raises(ValueError, match="from 0 to 2, got 3"):
        basis.size(3)
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        basis.monomials([1.0, 2.0, 3.0], 1)

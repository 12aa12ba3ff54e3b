"""Standardised columns, LAPACK's minimum-norm solution, and the way back to raw units."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from mlcli.errors import DataError
from mlcli.linear.arrays import as_pair
from mlcli.linear.basis import fit_basis
from mlcli.linear.design import standardize, to_raw
from mlcli.linear.least_squares import fit_columns, lapack_least_squares, normal_equations


def data(n: int = 60, p: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(3, 2, (n, p)) * [1, 1e3, 1e-3, 5][:p], rng.normal(10, 1, n)


@pytest.mark.parametrize("constant", [0.1, 3.7, -1e300])
def test_a_constant_target_has_nothing_left_when_it_is_centred(constant: float) -> None:
    _, b, scaling = standardize(np.arange(3.0)[:, None], np.full(3, constant))
    assert b.tolist() == [0.0, 0.0, 0.0]
    assert scaling.t_mean == pytest.approx(constant, rel=1e-15)


def test_standardising_is_scikit_learns() -> None:
    Phi, t = data()
    A, b, scaling = standardize(Phi, t)
    peer = StandardScaler().fit(Phi)
    np.testing.assert_allclose(A, peer.transform(Phi), atol=1e-13)
    np.testing.assert_allclose(scaling.std, peer.scale_, rtol=1e-13)
    np.testing.assert_allclose(b, t - t.mean())


def test_without_an_intercept_the_means_stay() -> None:
    Phi, t = data()
    A, b, scaling = standardize(Phi, t, intercept=False)
    np.testing.assert_allclose(A, Phi / np.sqrt((Phi**2).mean(axis=0)), rtol=1e-13)
    np.testing.assert_array_equal(b, t)
    np.testing.assert_array_equal(scaling.mean, 0.0)
    assert scaling.t_mean == 0.0


def test_constant_tiny_and_huge_columns() -> None:
    x = np.linspace(0.1, 1, 20)
    Phi = np.column_stack([np.full(20, 0.1), x * 1e-250, x * 1e250, np.zeros(20)])
    A, _, scaling = standardize(Phi, x)
    np.testing.assert_array_equal(A[:, [0, 3]], 0.0)
    np.testing.assert_array_equal(scaling.std[[0, 3]], 1.0)
    np.testing.assert_allclose(A[:, 1], (x - x.mean()) / x.std(), rtol=1e-12)
    np.testing.assert_allclose(A[:, 2], A[:, 1], rtol=1e-12)
    with pytest.raises(DataError, match="dividing x by its largest"):
        standardize(np.full((20, 1), np.inf), x)
    with pytest.raises(DataError, match="of shapes"):
        standardize(Phi, x[:3])


@pytest.mark.parametrize("intercept", [True, False])
def test_back_in_raw_units_it_is_plain_least_squares(intercept: bool) -> None:
    Phi, t = data()
    A, b, scaling = standardize(Phi, t, intercept=intercept)
    fit = lapack_least_squares(A, b)
    w0, w = to_raw(fit.w, scaling)
    # scikit-learn 1.9 cuts at 1e-6 of the largest singular value unless told otherwise.
    peer = LinearRegression(fit_intercept=intercept, tol=1e-14).fit(Phi, t)
    np.testing.assert_allclose(w, peer.coef_, rtol=1e-9)
    assert w0 == pytest.approx(peer.intercept_, rel=1e-10)
    several0, several = to_raw(np.column_stack([fit.w, 2 * fit.w]), scaling)
    np.testing.assert_allclose(several[:, 0], w)
    np.testing.assert_allclose(several0[0], w0)


def test_standard_errors_are_those_of_the_inverse() -> None:
    A, b = data()
    C = np.linalg.inv(A.T @ A)
    unit = lapack_least_squares(A, b).unit_std_error(A)
    np.testing.assert_allclose(unit.unit, np.sqrt(np.diag(C)), rtol=1e-9)
    np.testing.assert_allclose(unit.sqrt_factor @ unit.sqrt_factor.T, C, rtol=1e-6)


def test_the_minimum_norm_solution_of_repeated_columns() -> None:
    a = np.array([1.0, 2.0, -3.0])
    fit = lapack_least_squares(np.column_stack([a, a]), 4 * a)
    assert fit.rank == 1
    np.testing.assert_allclose(fit.w, [2.0, 2.0])
    unit = fit.unit_std_error(np.column_stack([a, a]))
    np.testing.assert_allclose(unit.unit, 0.5 / np.linalg.norm(a))
    with pytest.raises(ValueError, match="rcond must be at least 0"):
        lapack_least_squares(np.eye(2), np.ones(2), -1.0)


def test_degree_300_keeps_about_seventy_directions() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 560)
    x /= np.abs(x).max()
    Phi = fit_basis("polynomial", -1, 1, 300).evaluate(x)[:, 1:]
    A, b, _ = standardize(Phi, x + rng.normal(size=560))
    assert 55 < lapack_least_squares(A, b).rank < 85
    assert lapack_least_squares(A, b, 1e-4).rank < 30


@pytest.mark.parametrize("intercept", [True, False])
def test_a_row_that_counts_twice_is_two_rows(intercept: bool) -> None:
    Phi, t = data(30)
    weights = np.arange(30) % 3.0
    twice = np.repeat(np.arange(30), weights.astype(int))
    A, b, scaling = standardize(Phi, t, intercept=intercept, weights=weights)
    A_twice, b_twice, of_twice = standardize(Phi[twice], t[twice], intercept=intercept)
    np.testing.assert_allclose(A[twice], A_twice, rtol=1e-10)
    np.testing.assert_allclose(b[twice], b_twice, rtol=1e-10)
    np.testing.assert_allclose(scaling.std, of_twice.std, rtol=1e-12)
    np.testing.assert_allclose(scaling.mean, of_twice.mean, rtol=1e-12)


def test_the_sentence_of_a_target_that_is_not_finite() -> None:
    with pytest.raises(DataError) as caught:
        as_pair([[1.0]], [np.nan])
    assert str(caught.value) == (
        "the targets t must be finite, got NaN or infinity; try dropping those rows"
    )


def test_normal_equations_are_the_products_their_solution_and_the_squared_condition() -> None:
    Phi = np.vander(np.linspace(-2, 2, 6), 4, increasing=True)
    t = np.array([1.0, -2.0, 0.5, 3.0, 2.0, 7.0])
    found = normal_equations(Phi, t)
    gram = [[sum(a * b for a, b in zip(p, q, strict=True)) for q in Phi.T] for p in Phi.T]
    np.testing.assert_allclose(found.gram, gram, rtol=1e-12, atol=1e-12)
    moment = [sum(a * b for a, b in zip(p, t, strict=True)) for p in Phi.T]
    np.testing.assert_allclose(found.moment, moment, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.w, fit_columns(Phi, t).w, rtol=1e-10)
    assert found.condition == pytest.approx(np.linalg.cond(Phi), rel=1e-12)
    assert found.gram_condition == pytest.approx(found.condition**2, rel=1e-9)


def test_normal_equations_lose_the_digits_that_qr_keeps() -> None:
    # Laeuchli's columns: their products round to those of dependent ones.
    Phi = np.array([[1.0, 1.0], [1e-9, 0.0], [0.0, 1e-9]])
    found, kept = normal_equations(Phi, Phi @ [1.0, 1.0]), fit_columns(Phi, Phi @ [1.0, 1.0])
    assert np.isnan(found.w).all()
    assert found.condition == pytest.approx(1.41421356e9, rel=1e-6)
    assert found.gram_condition == np.inf
    np.testing.assert_allclose(kept.w, 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("Phi", "condition"),
    [
        (np.ones((4, 2)), np.inf),
        (np.ones((1, 2)), np.inf),
        (np.full((3, 1), 1e200), np.inf),
        (np.zeros((3, 1)), np.inf),
        (np.ones((3, 1)), 1.0),
    ],
)
def test_normal_equations_of_odd_columns(Phi: np.ndarray, condition: float) -> None:
    found = normal_equations(Phi, np.arange(len(Phi), dtype=float))
    assert found.condition == pytest.approx(condition)
    assert np.isnan(found.w).all() == (condition == np.inf)

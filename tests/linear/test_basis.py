"""Columns of every basis against their formulas, and the names they go by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import chebyshev, legendre
from sklearn.preprocessing import PolynomialFeatures

from mlcli.errors import DataError
from mlcli.linear.basis import BASES, count_columns, fit_basis

X1 = np.linspace(-3, 2, 11)


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("n_features", [1, 3])
@pytest.mark.parametrize("degree", [0, 1, 4])
@pytest.mark.parametrize("intercept", [True, False])
def test_shapes_names_and_counts_agree(
    kind: str, n_features: int, degree: int, intercept: bool
) -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (7, n_features))
    basis = fit_basis(kind, X.min(axis=0), X.max(axis=0), degree, intercept=intercept)
    Phi = basis.evaluate(X)
    names = basis.terms([f"x{i}" for i in range(1, n_features + 1)])
    assert Phi.shape == (7, basis.n_columns)
    assert len(names) == len(set(names)) == basis.degrees().size == basis.n_columns
    assert count_columns(kind, n_features, degree, intercept) == basis.n_columns
    if intercept:
        np.testing.assert_array_equal(Phi[:, 0], 1.0)
        assert basis.degrees()[0] == 0


def test_powers_are_scikit_learns_in_the_same_order() -> None:
    X = np.random.default_rng(1).normal(size=(20, 3))
    basis = fit_basis("polynomial", X.min(axis=0), X.max(axis=0), 4)
    peer = PolynomialFeatures(4)
    np.testing.assert_allclose(basis.evaluate(X), peer.fit_transform(X), rtol=1e-14)
    ours = [name.replace("*", " ") for name in basis.terms(["x1", "x2", "x3"])]
    assert ours[1:] == peer.get_feature_names_out(["x1", "x2", "x3"]).tolist()[1:]
    assert ours[0] == "0"


def test_one_feature_terms() -> None:
    def terms(kind: str, degree: int) -> list[str]:
        return fit_basis(kind, 0.0, 2.0, degree).terms(["x"])

    assert terms("polynomial", 3) == ["0", "1", "2", "3"]
    assert terms("legendre", 2) == ["P0", "P1", "P2"]
    assert terms("chebyshev", 1) == ["T0", "T1"]
    assert terms("fourier", 2) == ["0", "sin(1x)", "cos(1x)", "sin(2x)", "cos(2x)"]
    assert terms("gaussian", 2) == ["0", "gauss(mu=0)", "gauss(mu=2)"]
    assert terms("linear", 9) == ["0", "x"]
    pair = fit_basis("legendre", [0, 0], [1, 1], 2).terms(["a", "b"])
    assert pair == ["P0", "P1(a)", "P1(b)", "P2(a)", "P1(a)*P1(b)", "P2(b)"]


def test_orthogonal_polynomials_are_numpys_on_the_mapped_range() -> None:
    u = (X1 + 0.5) / 2.5
    for kind, table in (("legendre", legendre.legvander), ("chebyshev", chebyshev.chebvander)):
        found = fit_basis(kind, -3, 2, 6).evaluate(X1)
        np.testing.assert_allclose(found, table(u, 6), atol=1e-13)


def test_products_of_two_features() -> None:
    X = np.random.default_rng(2).uniform(-1, 1, (9, 2))
    Phi = fit_basis("chebyshev", [-1, -1], [1, 1], 3).evaluate(X)
    t2, t1 = 2 * X[:, 0] ** 2 - 1, X[:, 1]
    names = fit_basis("chebyshev", [-1, -1], [1, 1], 3).terms(["a", "b"])
    np.testing.assert_allclose(Phi[:, names.index("T2(a)*T1(b)")], t2 * t1, atol=1e-14)


def test_additive_columns() -> None:
    fourier = fit_basis("fourier", -3, 2, 2, intercept=False).evaluate(X1)
    np.testing.assert_allclose(fourier[:, 3], np.cos(4 * np.pi * (X1 + 3) / 5), atol=1e-14)
    gauss = fit_basis("gaussian", -3, 2, 3).evaluate(X1)
    np.testing.assert_allclose(gauss[:, 2], np.exp(-((X1 + 0.5) ** 2) / (2 * 2.5**2)))
    step = fit_basis("sigmoid", -3, 2, 3).evaluate(X1)
    np.testing.assert_allclose(step[:, 1], 1 / (1 + np.exp(-(X1 + 3) / 2.5)))
    single = fit_basis("gaussian", -3, 2, 1, intercept=False).evaluate([[-0.5 + 5.0]])
    np.testing.assert_allclose(single, np.exp(-0.5))


def test_far_outside_nothing_overflows() -> None:
    for kind in ("gaussian", "sigmoid"):
        assert np.isfinite(fit_basis(kind, 0, 1, 5).evaluate([[1e300], [-1e300]])).all()
    assert fit_basis("polynomial", 0, 1, 3).evaluate([[1e200]])[0, -1] == np.inf


@pytest.mark.parametrize("kind", BASES)
def test_a_feature_without_a_range_is_harmless(kind: str) -> None:
    assert np.isfinite(fit_basis(kind, 2.0, 2.0, 3).evaluate([2.0, 2.0])).all()


@given(st.integers(1, 6), st.integers(0, 6))
def test_counts_are_exact(n_features: int, degree: int) -> None:
    zeros = np.zeros(n_features)
    for kind in BASES:
        basis = fit_basis(kind, zeros, zeros + 1, degree)
        assert basis.evaluate(zeros[None]).shape[1] == count_columns(kind, n_features, degree)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="must be one of polynomial"):
        fit_basis("spline", 0, 1, 3)
    with pytest.raises(ValueError, match="at least 0, got -1"):
        count_columns("polynomial", 1, -1)
    with pytest.raises(ValueError, match="at most X_high"):
        fit_basis("polynomial", 1, 0, 3)
    with pytest.raises(DataError, match="with 2 features, as fitted, got 3"):
        fit_basis("linear", [0, 0], [1, 1], 1).evaluate(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="must have 1 entries, got 2"):
        fit_basis("linear", 0, 1, 1).terms(["a", "b"])

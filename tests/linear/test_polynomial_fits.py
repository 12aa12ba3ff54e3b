"""R factors of any number of rows, and polynomial fits through them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nist import NAMES, load
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import PolynomialFeatures

from mlcli.errors import DataError
from mlcli.linear import polynomial
from mlcli.linear.arnoldi import fit_arnoldi
from mlcli.linear.arrays import subsample_indices
from mlcli.linear.certified import certified_polynomial
from mlcli.linear.polynomial import PolynomialAccumulator, fit_polynomial, methods
from mlcli.linear.r_factor import (
    GramAccumulator,
    IllConditioned,
    QRAccumulator,
    RFactor,
    solve_nested,
)


def problem(n: int, p: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, p)), rng.normal(size=n)


def compressed(Phi: np.ndarray, t: np.ndarray, kind: type = QRAccumulator) -> RFactor:
    accumulator = kind(Phi.shape[1])
    for start in range(0, t.size, 37):
        accumulator.add(Phi[start : start + 37], t[start : start + 37])
    found: RFactor = accumulator.r_factor()
    return found


@pytest.mark.parametrize("kind", [QRAccumulator, GramAccumulator])
def test_an_r_factor_has_the_rows_products(kind: type) -> None:
    Phi, t = problem(200, 5)
    r_factor = compressed(Phi, t, kind)
    rows = np.column_stack([Phi, t])
    np.testing.assert_allclose(r_factor.R.T @ r_factor.R, rows.T @ rows, atol=1e-11)
    np.testing.assert_array_equal(r_factor.R, np.triu(r_factor.R))
    assert r_factor.n_rows == 200
    W = np.random.default_rng(1).normal(size=(5, 3))
    expected = ((t[:, None] - Phi @ W) ** 2).sum(axis=0)
    np.testing.assert_allclose(r_factor.rss(W), expected, rtol=1e-12)
    assert r_factor.rss(W[:, 0]) == pytest.approx(expected[0], rel=1e-12)


def test_fewer_rows_than_columns_still_make_an_r_factor() -> None:
    Phi, t = problem(3, 6)
    r_factor = compressed(Phi, t)
    assert r_factor.R.shape == (7, 7)
    np.testing.assert_allclose(r_factor.R[:, :6].T @ r_factor.R[:, :6], Phi.T @ Phi, atol=1e-13)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
def test_merging_is_having_seen_all_rows(n: int, m: int, seed: int) -> None:
    Phi, t = problem(n + m, 4, seed)
    both = compressed(Phi[:n], t[:n]).merge(compressed(Phi[n:], t[n:]))
    whole = compressed(Phi, t)
    np.testing.assert_allclose(both.R.T @ both.R, whole.R.T @ whole.R, atol=1e-10)
    assert both.n_rows == whole.n_rows
    with pytest.raises(ValueError, match="same columns"):
        both.merge(compressed(Phi[:, :2], t))


def test_a_gram_matrix_of_collinear_columns_is_refused() -> None:
    x = np.linspace(10, 11, 500)
    Phi = np.vander(x, 6)
    with pytest.raises(IllConditioned, match="try QRAccumulator"):
        compressed(Phi, x, GramAccumulator)
    with pytest.raises(IllConditioned):
        compressed(np.full((9, 1), 1e200), np.ones(9), GramAccumulator)


def test_nested_sizes_are_separate_fits() -> None:
    Phi, t = problem(80, 6)
    W, rss = solve_nested(compressed(Phi, t), [0, 2, 6, 3])
    for index, size in enumerate([0, 2, 6, 3]):
        w = np.linalg.lstsq(Phi[:, :size], t, rcond=None)[0] if size else np.zeros(0)
        np.testing.assert_allclose(W[:size, index], w, atol=1e-13)
        np.testing.assert_array_equal(W[size:, index], 0.0)
        assert rss[index] == pytest.approx(((t - Phi[:, :size] @ w) ** 2).sum(), rel=1e-12)
    with pytest.raises(ValueError, match="from 0 to 6"):
        solve_nested(compressed(Phi, t), [7])


def test_repeated_and_zero_columns_get_no_weight() -> None:
    Phi, t = problem(50, 4)
    Phi[:, 0] = 0.0
    Phi[:, 2] = 3 * Phi[:, 1]
    W, rss = solve_nested(compressed(Phi, t), [4])
    np.testing.assert_array_equal(W[[0, 2], 0], 0.0)
    w = np.linalg.lstsq(Phi[:, [1, 3]], t, rcond=None)[0]
    np.testing.assert_allclose(W[[1, 3], 0], w, atol=1e-13)
    assert rss[0] == pytest.approx(((t - Phi[:, [1, 3]] @ w) ** 2).sum(), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_nist_residuals_and_predictions(name: str) -> None:
    data = load(name)
    degree = data.w.size - 1
    fit = fit_polynomial(data.x, data.t, [degree])
    exact = certified_polynomial(data.x, data.t, degree)
    scale = float(data.t @ data.t)
    assert fit.rss[0] == pytest.approx(exact.rss, rel=1e-9, abs=1e-26 * scale)
    y = np.polynomial.polynomial.polyval(data.x, data.w)
    np.testing.assert_allclose(fit.predict(data.x)[:, 0], y, atol=2e-13 * np.abs(y).max())


def test_all_degrees_at_once_are_each_alone_and_rss_never_rises() -> None:
    rng = np.random.default_rng(3)
    x = rng.uniform(-2, 2, 90)
    t = np.sin(2 * x) + rng.normal(size=90)
    fit = fit_polynomial(x, t, range(13))
    assert (np.diff(fit.rss) <= 0).all()
    for index, degree in enumerate(fit.degrees):
        alone = fit_polynomial(x, t, [degree])
        assert alone.rss[0] == pytest.approx(fit.rss[index], rel=1e-12)
        np.testing.assert_allclose(alone.predict(x)[:, 0], fit.predict(x)[:, index], atol=1e-12)
    np.testing.assert_array_equal(fit.effective_rank, np.arange(1, 14))


def test_columns_that_are_only_nearly_orthonormal_still_give_least_squares() -> None:
    rng = np.random.default_rng(8)
    x, t = rng.uniform(-1, 1, 200), rng.normal(size=200)
    basis, Q = fit_arnoldi(x, 6)
    Q = Q + 1e-7 * rng.normal(size=Q.shape)
    fit = polynomial._fit_few(basis, Q, t, [6])
    w = np.linalg.lstsq(Q, t, rcond=None)[0]
    np.testing.assert_allclose(fit.coefficients[:, 0], w, atol=1e-11)


def test_degree_300_explains_as_much_noise_as_it_has_columns() -> None:
    rng = np.random.default_rng(4)
    x, noise = rng.uniform(-2, 2, 560), 2 * rng.normal(size=560)
    fit = fit_polynomial(x, noise, [300])
    # sigma^2 (1 - 301/560) = 1.85 with a standard deviation of 0.16
    assert fit.rss[0] / 560 == pytest.approx(1.85, abs=0.6)
    assert fit.effective_rank[0] == 301


@pytest.mark.parametrize(("n_features", "intercept"), [(1, True), (1, False), (3, True)])
def test_scikit_learn_agrees(n_features: int, intercept: bool) -> None:
    rng = np.random.default_rng(5)
    X, t = rng.uniform(-1, 1, (300, n_features)), rng.normal(size=300)
    fit = fit_polynomial(X, t, [3], intercept=intercept)
    peer = LinearRegression(fit_intercept=intercept)
    Phi = PolynomialFeatures(3, include_bias=False).fit_transform(X)
    np.testing.assert_allclose(
        fit.predict(X)[:, 0], peer.fit(Phi, t).predict(Phi), rtol=0, atol=1e-12
    )


def long_problem(seed: int = 6, n: int = 70_001) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(3, 7, n)
    return x, np.cos(x) + rng.normal(size=n)


@pytest.mark.parametrize("n_features", [1, 2])
def test_many_rows_lose_nothing(n_features: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, t = long_problem()
    X = x if n_features == 1 else np.column_stack([x, np.sin(7 * x)])
    degrees = [1, 4, 6]
    many = fit_polynomial(X, t, degrees)
    monkeypatch.setattr(polynomial, "MANY_ROWS", 10**9)
    few = fit_polynomial(X, t, degrees)
    np.testing.assert_allclose(many.rss, few.rss, rtol=1e-12)
    np.testing.assert_allclose(many.predict(X[:99]), few.predict(X[:99]), atol=1e-12)
    size = many.basis.size(4)
    for ours, exact in zip(
        many.basis.monomials(many.coefficients[:size, 1], 4),
        few.basis.monomials(few.coefficients[:size, 1], 4),
        strict=True,
    ):
        np.testing.assert_allclose(ours, exact, rtol=1e-8, atol=1e-10)


def test_an_exact_polynomial_in_many_rows_is_found_exactly() -> None:
    x, _ = long_problem()
    t = 2 * x**3 - x
    fit = fit_polynomial(x, t, [3, 5])
    assert (fit.rss / (t @ t) < 1e-26).all()


def test_every_method_gives_the_same_r_factor() -> None:
    x, t = long_problem(n=20_000)
    # Without a constant nothing may be shifted: x around 0 keeps the range of z whole.
    x = x - x.mean()
    for intercept in (True, False):
        basis, Q = fit_arnoldi(x[::40], 9, intercept=intercept)
        c0 = Q.T @ t[::40]
        found = []
        for method in methods(basis):
            accumulator = PolynomialAccumulator(basis, c0, method=method)
            for part in np.array_split(np.arange(20_000), 3):
                accumulator.add(x[part], t[part])
            found.append(accumulator.r_factor())
        assert len(found) == 3
        for one in found[:-1]:
            scale = np.abs(found[-1].R).max()
            np.testing.assert_allclose(one.R, found[-1].R, atol=1e-12 * scale)
            assert one.n_rows == 20_000


def test_two_features_have_no_moments() -> None:
    basis, _ = fit_arnoldi(np.random.default_rng(0).normal(size=(50, 2)), 2)
    assert methods(basis) == ("gram", "qr")


def test_a_basis_that_is_not_orthonormal_beyond_its_sample_falls_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, t = long_problem()
    exact = fit_polynomial(x, t, [55])
    monkeypatch.setattr(polynomial, "subsample_indices", lambda X: subsample_indices(X, 60))
    basis, _ = fit_arnoldi(x[subsample_indices(x, 60)], 55)
    assert basis.rank == 56
    gram = GramAccumulator(56)
    gram.add(basis.evaluate(x), t)
    with pytest.raises(IllConditioned):
        gram.r_factor()
    assert fit_polynomial(x, t, [55]).rss[0] == pytest.approx(exact.rss[0], rel=1e-9)


def test_a_column_that_the_sample_cannot_see_is_not_lost() -> None:
    x = np.zeros(60_000)
    x[[1, 2]] = 1.0
    x[[4, 5]] = 0.5
    t = x**2
    fit = fit_polynomial(x, t, [2])
    assert fit.effective_rank[0] == 3
    assert fit.rss[0] < 1e-25


def test_a_stream_of_chunks_is_the_whole() -> None:
    x, t = long_problem(n=20_000)
    basis, Q = fit_arnoldi(x[:500], 5)
    c0 = Q.T @ t[:500]
    stream = PolynomialAccumulator(basis, c0)
    for part in np.array_split(np.arange(20_000), 7):
        stream.add(x[part], t[part])
    W, rss = solve_nested(stream.r_factor(), [6])
    whole = fit_polynomial(x, t, [5])
    assert rss[0] == pytest.approx(whole.rss[0], rel=1e-12)
    y = basis.evaluate(x[:50]) @ (c0 + W[:, 0])
    np.testing.assert_allclose(y, whole.predict(x[:50])[:, 0], atol=1e-12)


def test_more_columns_than_rows_and_a_constant_target() -> None:
    fit = fit_polynomial([0.0, 1.0, 2.0], [1.0, 5.0, -2.0], [2, 7])
    np.testing.assert_array_equal(fit.effective_rank, [3, 3])
    assert (fit.rss < 1e-25).all()
    flat = fit_polynomial(np.arange(9.0), np.full(9, 4.0), [0, 3])
    np.testing.assert_allclose(flat.predict([100.0]), 4.0, rtol=1e-10)


def test_refusals() -> None:
    with pytest.raises(DataError, match=r"shape \(2,\)"):
        fit_polynomial([1.0, 2.0], [1.0], [1])
    with pytest.raises(DataError, match="at least one row"):
        fit_polynomial([], [], [1])
    with pytest.raises(ValueError, match="at least one degree"):
        fit_polynomial([1.0], [1.0], [])
    with pytest.raises(ValueError, match="at least 1, got 0"):
        fit_polynomial([1.0], [1.0], [0], intercept=False)


def test_rows_that_no_sample_stands_for() -> None:
    """Three of 60,000 rows lie far out; the sample's columns are huge there, and its fit too."""
    rng = np.random.default_rng(0)
    x, t = rng.uniform(-1e-3, 1e-3, 60_000), rng.normal(size=60_000)
    x[777::20_000] = [5.0, -45.0, -27.0]
    found = fit_polynomial(x, t, (1, 2, 3, 4))
    V = np.polynomial.legendre.legvander(2 * (x - x.min()) / np.ptp(x) - 1, 4)
    for rss, degree in zip(found.rss, found.degrees, strict=True):
        w = np.linalg.lstsq(V[:, : degree + 1], t)[0]
        assert rss == pytest.approx(((t - V[:, : degree + 1] @ w) ** 2).sum(), rel=1e-12)

"""Columns that many degrees share: they span what each degree's own columns span."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.linear.basis import PRODUCTS, fit_basis
from mlcli.linear.column_families import families, orthonormal_family, standardised_family

KINDS = (*PRODUCTS, "fourier", "gaussian", "sigmoid")


def rows(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 2, (n, 2))
    return X, X[:, 0] ** 2 - X[:, 1] + rng.normal(0, 0.1, n)


def off_span(columns: np.ndarray, Phi: np.ndarray) -> float:
    """The largest share of a column of Phi that the other columns can't make."""
    left = Phi - columns @ np.linalg.lstsq(columns, Phi, rcond=None)[0]
    return float((np.linalg.norm(left, axis=0) / np.linalg.norm(Phi, axis=0)).max())


def test_which_degrees_share_their_columns() -> None:
    assert families("linear", [3, 1]) == [(1,)]
    assert families("gaussian", [3, 1, 3]) == [(1,), (3,)]
    assert families("sigmoid", [2]) == [(2,)]
    assert families("polynomial", [3, 1, 3]) == [(1, 3)]
    assert families("fourier", [2, 0]) == [(0, 2)]


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_orthonormal_columns_span_those_of_each_degree(kind: str, intercept: bool) -> None:
    X, _ = rows()
    for degrees in families(kind, [1, 2, 3]):
        found = orthonormal_family(kind, X, degrees, intercept=intercept)
        assert found.degrees == degrees
        assert found.has_constant is intercept
        Q = found.rows(slice(None))
        np.testing.assert_allclose(Q.T @ Q, np.eye(Q.shape[1]), atol=1e-12)
        np.testing.assert_allclose(found.evaluate(X), Q, atol=1e-9)
        np.testing.assert_array_equal(found.rows(np.array([4, 2])), Q[[4, 2]])
        for degree, size in zip(degrees, found.sizes, strict=True):
            low, high = X.min(axis=0), X.max(axis=0)
            Phi = fit_basis(kind, low, high, degree, intercept=intercept).evaluate(X)
            assert size == Phi.shape[1]
            assert off_span(Q[:, :size], Phi) < 1e-10


def test_the_linear_basis_has_one_degree() -> None:
    X, _ = rows()
    found = orthonormal_family("linear", X, (1,))
    assert found.sizes == (3,)
    assert off_span(found.rows(slice(None)), np.column_stack([np.ones(len(X)), X])) < 1e-13


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_standardised_columns(kind: str, scaled: bool, intercept: bool) -> None:
    X, t = rows()
    for degrees in families(kind, [1, 3]):
        family = standardised_family(kind, X, t, degrees, intercept=intercept, scaled=scaled)
        found = family.columns
        assert found.degrees == degrees
        assert found.has_constant is intercept
        P = found.rows(slice(None))
        assert found.sizes[-1] == P.shape[1]
        np.testing.assert_allclose(found.evaluate(X), P, atol=1e-12)
        A = P[:, int(intercept) :]
        if intercept:
            np.testing.assert_array_equal(P[:, 0], 1.0)
            np.testing.assert_allclose(A.mean(axis=0), 0.0, atol=1e-12)
        if scaled:
            np.testing.assert_allclose((A**2).mean(axis=0), 1.0, rtol=1e-9)
        for degree, size in zip(degrees, found.sizes, strict=True):
            low, high = X.min(axis=0), X.max(axis=0)
            Phi = fit_basis(kind, low, high, degree, intercept=intercept).evaluate(X)
            assert size == Phi.shape[1]
            assert off_span(P[:, :size], Phi) < 1e-9

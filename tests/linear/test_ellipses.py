"""Ellipses of pairs of least-squares coefficients: quantiles, coverage, bootstrap, limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import f as fisher

from mlcli.linear.ellipses import (
    outline,
    pairs_of,
    radius_squared,
    resampled_weights,
    weight_law,
)

Array = NDArray[np.float64]
TRUTH = np.array([1.0, -0.25, 0.3, 0.5])


def columns(n_rows: int, seed: int = 0) -> Array:
    return np.vander(np.random.default_rng(seed).uniform(-2, 2, n_rows), 4, increasing=True)


@pytest.mark.parametrize("level", [0.1, 0.68, 0.95, 0.999])
@pytest.mark.parametrize("dof", [1.0, 2.5, 12.0, 556.0, 1e7])
def test_the_radius_is_fishers_quantile(level: float, dof: float) -> None:
    assert radius_squared(level, dof) == pytest.approx(2 * fisher.ppf(level, 2, dof), rel=1e-9)


def test_the_radius_tends_to_that_of_a_known_variance() -> None:
    assert radius_squared(0.95, 1e12) == pytest.approx(-2 * np.log(0.05), rel=1e-10)


def test_the_law_is_the_textbook_formula() -> None:
    Phi, rng = columns(30), np.random.default_rng(1)
    t = Phi @ TRUTH + rng.normal(0, 2, 30)
    law = weight_law(Phi, t)
    assert law is not None
    w, rss, *_ = np.linalg.lstsq(Phi, t, rcond=None)
    np.testing.assert_allclose(law.w, w, rtol=1e-9)
    np.testing.assert_allclose(law.covariance, rss[0] / 26 * np.linalg.inv(Phi.T @ Phi), rtol=1e-9)
    assert law.dof == 26


@pytest.mark.parametrize("level", [0.68, 0.95])
def test_an_ellipse_holds_the_true_weights_as_often_as_it_says(level: float) -> None:
    """2,000 data sets of 12 rows: few enough that the law of s^2 matters."""
    Phi, rng, inside = columns(12), np.random.default_rng(2), 0
    for _ in range(2000):
        law = weight_law(Phi, Phi @ TRUTH + rng.normal(0, 1.95, 12))
        assert law is not None
        inside += law.holds(TRUTH, (1, 3), level)
    # Four standard errors; the normal quantile would hold them in 0.60 and 0.87.
    assert abs(inside / 2000 - level) < 4 * np.sqrt(level * (1 - level) / 2000)


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(-0.99, 0.99), st.floats(0.1, 5))
def test_an_outline_is_at_its_radius(a: float, b: float, r: float, radius: float) -> None:
    C = np.array([[a * a, r * a * b], [r * a * b, b * b]])
    d = outline(np.array([3.0, -1.0]), C, radius) - [3.0, -1.0]
    found = np.einsum("ni,ij,nj->n", d, np.linalg.inv(C), d)
    np.testing.assert_allclose(found, radius**2, rtol=1e-9)
    np.testing.assert_allclose(d[0], d[-1], atol=1e-12 * radius * max(a, b))


def test_pairs_are_those_that_go_together_most_and_one_that_goes_least() -> None:
    R = np.eye(4)
    for (i, j), r in {(0, 1): 0.5, (0, 2): -0.9, (0, 3): 0.0, (1, 2): 0.2, (1, 3): -0.7}.items():
        R[i, j] = R[j, i] = r
    R[2, 3] = R[3, 2] = 0.1
    scale = np.array([1.0, 10.0, 0.1, 3.0])
    found = pairs_of(R * np.outer(scale, scale), 4)
    assert found == [(0, 2), (1, 3), (0, 1), (0, 3)]
    assert pairs_of(R[:2, :2], 4) == [(0, 1)]
    # On a line there is no ellipse.
    assert pairs_of(np.ones((2, 2)), 4) == []


def test_resampled_weights_vary_as_the_formula_says() -> None:
    Phi, rng = columns(400), np.random.default_rng(3)
    t = Phi @ TRUTH + rng.normal(0, 1.95, 400)
    law = weight_law(Phi, t)
    assert law is not None
    W = resampled_weights(Phi, t, 2000, np.random.default_rng(4))
    assert W.shape == (2000, 4)
    np.testing.assert_allclose(W.mean(axis=0), law.w, atol=0.02)
    np.testing.assert_allclose(W.std(axis=0), np.sqrt(np.diagonal(law.covariance)), rtol=0.15)


def test_a_resample_is_a_fit_of_its_rows() -> None:
    Phi, t = columns(15), np.random.default_rng(5).normal(size=15)
    rows = np.random.default_rng(6).integers(15, size=15)
    (w,) = resampled_weights(Phi, t, 1, np.random.default_rng(6))
    np.testing.assert_allclose(w, np.linalg.lstsq(Phi[rows], t[rows], rcond=None)[0], rtol=1e-8)


@pytest.mark.parametrize(
    ("Phi", "t"),
    [
        (np.ones((5, 2)), np.arange(5.0)),  # dependent columns
        (columns(4), np.arange(4.0)),  # no row to spare
        (columns(9), columns(9) @ TRUTH),  # no noise
        (np.full((5, 1), np.inf), np.arange(5.0)),
        (columns(9), np.full(9, 1e200)),  # squares beyond a float
    ],
)
def test_there_is_no_law_without_independent_columns_spare_rows_and_noise(
    Phi: Array, t: Array
) -> None:
    assert weight_law(Phi, t) is None


def test_dependent_resamples_are_left_out() -> None:
    Phi = np.column_stack([np.ones(3), [0.0, 0.0, 1.0]])
    W = resampled_weights(Phi, np.array([1.0, 2.0, 4.0]), 300, np.random.default_rng(7))
    # The last row is missed by (2/3)^3 of the resamples, and the others by (1/3)^3.
    assert len(W) == pytest.approx(300 * (1 - 9 / 27), abs=40)
    assert np.isfinite(W).all()

"""Appendix A on tables of p(x, t), where every integral is a sum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from mlcli.backpropagation.gradient_check import central_differences
from mlcli.selection.expected_loss import (
    excess_and_noise,
    expected_loss,
    expected_squared_error,
    expected_squared_loss,
    joint_density,
    loss_parts,
    loss_slopes,
    regression_function,
    squared_loss_gradient,
)


def table(seed: int, n_x: int = 5, n_t: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(n_x * n_t)).reshape(n_x, n_t)
    return p, rng.normal(size=n_t) * 3, rng.normal(size=n_x)


def test_two_coins_by_hand() -> None:
    """t is 0 or 1, and 1 with probability 1/4 at the first x and 2/3 at the second."""
    p = np.array([[0.3, 0.1], [0.2, 0.4]])
    best = regression_function(p, np.array([0.0, 1.0]))
    np.testing.assert_allclose(best, [0.25, 2 / 3], rtol=1e-15)
    excess, noise = excess_and_noise(p, np.array([0.0, 1.0]), np.array([0.25, 1.0]))
    assert excess == pytest.approx(0.6 / 9)
    assert noise == pytest.approx(0.4 * 3 / 16 + 0.6 * 2 / 9)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_no_prediction_is_better_than_the_regression_function(seed: int) -> None:
    p, t, f = table(seed)
    best = expected_squared_loss(p, t, regression_function(p, t))
    losses = (t - f[:, None]) ** 2
    assert expected_loss(p, losses) == pytest.approx(expected_squared_loss(p, t, f), rel=1e-14)
    assert best < expected_loss(p, losses)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_the_expected_loss_is_excess_and_noise(seed: int) -> None:
    p, t, f = table(seed)
    excess, noise = excess_and_noise(p, t, f)
    assert excess + noise == pytest.approx(expected_squared_loss(p, t, f), rel=1e-12)
    best = regression_function(p, t)
    cross = expected_loss(p, (f - best)[:, None] * (best[:, None] - t))
    assert cross == pytest.approx(0.0, abs=1e-13)
    # The noise is what is left for any other prediction too.
    assert excess_and_noise(p, t, 2 * f)[1] == noise


def test_the_gradient_vanishes_at_the_regression_function() -> None:
    p, t, f = table(3)
    found = central_differences(lambda: expected_squared_loss(p, t, f), f)
    np.testing.assert_allclose(squared_loss_gradient(p, t, f), found, atol=1e-8)
    best = regression_function(p, t)
    np.testing.assert_allclose(squared_loss_gradient(p, t, best), 0.0, atol=1e-15)
    np.testing.assert_allclose(p @ t, best * p.sum(axis=1), rtol=1e-14)


def test_a_table_of_a_density_has_the_loss_by_quadrature() -> None:
    """Normal noise on a grid of t, against the formula that takes its variance as known."""
    x = np.linspace(-1, 1, 9)
    t = np.linspace(-8, 8, 2001)
    truth, noise = x**2, 0.7
    p = np.exp(-0.5 * ((t - truth[:, None]) / noise) ** 2)
    p /= p.sum()
    f = 0.5 * x
    expected = expected_squared_error(f[:, None], truth, np.full(9, 1 / 9), noise)[0]
    assert expected_squared_loss(p, t, f) == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(regression_function(p, t), truth, atol=1e-12)


def test_an_impossible_x_is_refused() -> None:
    with pytest.raises(ValueError, match="positive probability"):
        regression_function(np.array([[0.5, 0.5], [0.0, 0.0]]), np.array([0.0, 1.0]))


def drawn(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions (n, 3), a function g and targets of as many rows."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)) * 2, rng.normal(size=n), rng.normal(size=n) * 3


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_the_loss_of_rows_is_excess_and_noise_and_twice_the_cross_term(seed: int) -> None:
    f, g, t = drawn(seed)
    parts = loss_parts(f, g, t)
    np.testing.assert_allclose(parts.excess + 2 * parts.cross + parts.noise, parts.loss, rtol=1e-12)
    np.testing.assert_allclose(parts.loss, ((f - t[:, None]) ** 2).mean(axis=0), rtol=1e-12)
    at_itself = loss_parts(g[:, None], g, t)
    assert at_itself.cross[0] == 0.0
    assert at_itself.excess[0] == 0.0
    assert at_itself.loss[0] == at_itself.noise[0]


def test_the_cross_term_vanishes_around_the_regression_function_alone() -> None:
    """On a table every expectation is a sum; around g = f~ + c it is c E(f - f~) - c^2."""
    p, t, f = table(5)
    best = regression_function(p, t)
    # Rows drawn in exact proportion: each cell as often as its probability says.
    x, k = (one.ravel() for one in np.indices(p.shape))
    often = np.random.default_rng(0).multinomial(4_000_000, p.ravel()) / 4_000_000
    c = 0.7

    def cross(g: np.ndarray) -> float:
        return float((often * (f - g)[x] * (g[x] - t[k])).sum())

    assert cross(best) == pytest.approx(0.0, abs=5e-3)
    shifted = c * float(p.sum(axis=1) @ (f - best)) - c**2
    assert cross(best + c) == pytest.approx(shifted, abs=5e-3)
    rows = np.random.default_rng(1).choice(p.size, size=200_000, p=p.ravel())
    found = loss_parts(f[x[rows]][:, None], best[x[rows]], t[k[rows]]).cross[0]
    assert found == pytest.approx(0.0, abs=0.03)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_the_slope_of_the_loss_is_its_difference_quotient(seed: int) -> None:
    f, _, t = drawn(seed)
    rng = np.random.default_rng(seed + 1)
    h, weights = rng.normal(size=(t.size, 4)), rng.dirichlet(np.ones(t.size))
    slopes = loss_slopes(f, t, h, weights)
    assert slopes.shape == (3, 4)

    def loss(k: int, step: np.ndarray) -> float:
        return float(weights @ (t - f[:, k] - step) ** 2)

    for k in range(3):
        for m in range(4):
            # Of a parabola the central difference is the slope, whatever the step.
            found = (loss(k, h[:, m]) - loss(k, -h[:, m])) / 2
            assert slopes[k, m] == pytest.approx(found, rel=1e-9, abs=1e-9)


def test_the_slope_along_a_cell_is_the_gradient_of_the_table() -> None:
    p, t, f = table(8)
    at_x = p.sum(axis=1)
    slopes = loss_slopes(f[:, None], regression_function(p, t), np.eye(f.size), at_x)
    np.testing.assert_allclose(slopes[0], squared_loss_gradient(p, t, f), rtol=1e-12)


def test_the_joint_density_integrates_to_1_and_has_its_regression_function() -> None:
    x, t = np.linspace(-3, 1, 401), np.linspace(-20, 20, 2001)
    truth = np.sin(x)
    p = joint_density(x, t, truth, 4.0, 0.9)
    assert np.trapezoid(np.trapezoid(p, t, axis=1), x) == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(np.trapezoid(p, t, axis=1), 0.25, rtol=1e-12)
    np.testing.assert_allclose(p / 0.25, norm.pdf(t, truth[:, None], 0.9), rtol=1e-12)
    np.testing.assert_allclose(regression_function(p, t), truth, atol=1e-12)

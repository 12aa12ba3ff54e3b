"""Appendix A on tables of p(x, t), where every integral is a sum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.backpropagation.gradient_check import central_differences
from mlcli.selection.expected_loss import (
    excess_and_noise,
    expected_loss,
    expected_squared_error,
    expected_squared_loss,
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

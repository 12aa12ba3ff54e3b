"""The expected loss where p(x, t) is known: quadrature, squared and absolute error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import foldnorm, norm

from mlcli.selection.expected_loss import (
    expected_absolute_error,
    expected_squared_error,
    uniform_quadrature,
)


@pytest.mark.parametrize("n_nodes", [1, 2, 5, 40])
@pytest.mark.parametrize(("low", "high"), [(-2.0, 2.0), (0.0, 1.0), (3.0, 7.5)])
def test_quadrature_is_exact_up_to_degree_2n_minus_1(low: float, high: float, n_nodes: int) -> None:
    nodes, weights = uniform_quadrature(low, high, n_nodes)
    assert weights.sum() == pytest.approx(1.0, rel=1e-14)
    assert nodes.min() > low
    assert nodes.max() < high
    for power in range(2 * n_nodes):
        exact = (high ** (power + 1) - low ** (power + 1)) / ((power + 1) * (high - low))
        size = max(abs(low), abs(high)) ** power
        assert weights @ nodes**power == pytest.approx(exact, abs=2e-14 * size)


@pytest.mark.parametrize("n_nodes", [1, 2, 5])
def test_quadrature_is_not_exact_one_degree_higher(n_nodes: int) -> None:
    nodes, weights = uniform_quadrature(-1.0, 1.0, n_nodes)
    assert abs(weights @ nodes ** (2 * n_nodes) - 1 / (2 * n_nodes + 1)) > 1e-4


def test_squared_error_of_a_line_against_a_parabola_by_hand() -> None:
    # y = x against f~ = x^2 on (0, 1): the mean of (x - x^2)^2 is 1/3 - 1/2 + 1/5 = 1/30.
    nodes, weights = uniform_quadrature(0.0, 1.0, 3)
    found = expected_squared_error(nodes[:, None], nodes**2, weights, 0.5)
    assert found == pytest.approx([1 / 30 + 0.25], rel=1e-14)


def test_both_errors_are_the_means_over_fresh_rows() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-2, 2, 400_000)
    t = x**3 + rng.normal(0, 1.5, x.size)
    nodes, weights = uniform_quadrature(-2.0, 2.0, 100)
    predictions = np.stack([0.5 * nodes, nodes**2], axis=1)  # (n_nodes, 2)
    for k, y in enumerate((0.5 * x, x**2)):
        for expected, losses in (
            (expected_squared_error(predictions, nodes**3, weights, 1.5), (t - y) ** 2),
            (expected_absolute_error(predictions, nodes**3, weights, 1.5), np.abs(t - y)),
        ):
            error = losses.std() / np.sqrt(x.size)
            assert abs(losses.mean() - expected[k]) < 5 * error


@pytest.mark.parametrize("noise", [0.1, 1.0, 7.0])
def test_absolute_error_is_the_mean_of_a_folded_normal(noise: float) -> None:
    d = np.array([-30.0, -2.0, -0.3, 0.0, 1e-8, 0.5, 4.0, 100.0])
    one = np.ones(1)
    found = [expected_absolute_error(np.array([[v]]), 0 * one, one, noise)[0] for v in d]
    np.testing.assert_allclose(found, foldnorm.mean(np.abs(d) / noise, scale=noise), rtol=1e-13)
    integral = quad(
        lambda w: abs(0.5 - w) * norm.pdf(w, scale=noise), -40 * noise, 40 * noise, points=[0.5, 0]
    )[0]
    assert found[5] == pytest.approx(integral, rel=1e-8)


def test_absolute_error_has_its_limits() -> None:
    one, zero = np.ones(1), np.zeros(1)
    assert expected_absolute_error(np.array([[3.0]]), zero, one, 0.0) == [3.0]
    tiny = expected_absolute_error(np.array([[3.0]]), zero, one, 1e-300)
    assert tiny == [3.0]
    assert expected_absolute_error(np.array([[0.0]]), zero, one, 2.0) == pytest.approx(
        [2 * np.sqrt(2 / np.pi)], rel=1e-15
    )
    # Far out the distance is all, and its square would overflow.
    assert expected_absolute_error(np.array([[1e200]]), zero, one, 1.0) == [1e200]


def test_a_squared_error_beyond_a_float_is_infinite_without_a_warning() -> None:
    assert expected_squared_error(np.array([[1e200]]), np.zeros(1), np.ones(1), 1.0) == [np.inf]

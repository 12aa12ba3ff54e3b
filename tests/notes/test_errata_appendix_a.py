"""Misprints of appendix A, numerically: the printed form fails, the corrected one holds."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.backpropagation.gradient_check import central_differences
from mlcli.selection.bias_variance import EnsembleMoments, decompose
from mlcli.selection.expected_loss import (
    expected_loss,
    expected_squared_loss,
    regression_function,
    squared_loss_gradient,
)

RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.ones(12)).reshape(3, 4)
T = np.array([-1.0, 0.5, 2.0, 4.0])
F = np.array([0.3, -0.7, 1.1])


def test_a_2_is_the_expectation_of_the_loss() -> None:
    """The mean of the loss over draws of (x, t), which no expectation of t and f(x) gives."""
    drawn = np.random.default_rng(1).choice(12, p=P.ravel(), size=200_000)
    losses = (T[drawn % 4] - F[drawn // 4]) ** 2
    found = expected_loss(P, (T - F[:, None]) ** 2)
    error = losses.std() / losses.size**0.5
    assert losses.mean() == pytest.approx(found, abs=4 * error)
    mean_t, mean_f = float(P.sum(axis=0) @ T), float(P.sum(axis=1) @ F)
    assert abs((mean_t - mean_f) ** 2 - found) > 20 * error


def test_a_5_has_a_factor_2() -> None:
    expected = central_differences(lambda: expected_squared_loss(P, T, F), F)
    printed = -((T - F[:, None]) * P).sum(axis=1)
    np.testing.assert_allclose(squared_loss_gradient(P, T, F), expected, atol=1e-9)
    np.testing.assert_allclose(2 * printed, expected, atol=1e-9)
    assert np.abs(printed - expected).max() > 0.1
    # The zero is that of (A.7), with either factor; (A.4) is a number and gives no function.
    best = regression_function(P, T)
    np.testing.assert_allclose(((T - best[:, None]) * P).sum(axis=1), 0.0, atol=1e-15)


def test_a_17_to_19_have_the_bias_squared_and_a_variance() -> None:
    """Fits of one constant to 4 rows of t = x + noise: every term is known in closed form."""
    rng = np.random.default_rng(2)
    nodes, sigma, n = np.linspace(-1, 1, 5), 0.5, 4
    weights = np.full(5, 0.2)
    truth = 1.0 + nodes
    means = rng.normal(1.0, sigma / n**0.5, size=2000)
    moments = EnsembleMoments(5, 1)
    for mean in means:
        moments.add(np.full((5, 1), mean))
    found = decompose(moments, truth, weights, sigma**2)
    predictions = np.broadcast_to(means[:, None], (2000, 5))
    total = float((weights * (predictions - truth) ** 2).sum(axis=1).mean()) + sigma**2
    bias = np.abs(truth - means.mean())
    assert found.total[0] == pytest.approx(total, rel=1e-12)
    assert found.bias_squared[0] == pytest.approx(float(weights @ bias**2), rel=1e-12)
    assert found.variance[0] == pytest.approx(sigma**2 / n, rel=0.1)
    # The plain bias, and a standard deviation in the place of the variance, miss the total.
    noise, std = sigma**2, means.std()
    assert abs(float(weights @ bias) + found.variance[0] + noise - total) > 0.05
    assert abs(found.bias_squared[0] + std + noise - total) > 0.1
    # In other units, 10 t for t, every term must grow a hundredfold; a plain bias does not.
    assert float(weights @ (10 * bias) ** 2) == pytest.approx(100 * found.bias_squared[0])
    assert float(weights @ (10 * bias)) == pytest.approx(10 * float(weights @ bias))

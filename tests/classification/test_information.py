"""Likelihoods against products of probabilities, and cross-entropy as their mean logarithm."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.backpropagation.losses import sigmoid_cross_entropy, square
from mlcli.classification.information import (
    bernoulli_log_probability,
    categorical_log_probability,
    empirical_cross_entropy,
    expected_excess,
    information,
    log_likelihood,
)
from mlcli.linear.bayes.posterior import normal_log_density
from mlcli.scores import mean_cross_entropy

RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.ones(3), 8)
LABELS = RNG.integers(3, size=8)
T = np.eye(3)[LABELS]


def test_a_categorical_likelihood_is_the_product_over_rows() -> None:
    product = np.prod([P[n, k] ** T[n, k] for n in range(8) for k in range(3)])
    found = log_likelihood(categorical_log_probability(P, T))
    assert found == pytest.approx(np.log(product), rel=1e-13)
    assert found == pytest.approx(-8 * mean_cross_entropy(LABELS, P), rel=1e-13)


def test_a_bernoulli_likelihood_is_the_product_over_rows() -> None:
    p, t = P[:, 0], T[:, 0]
    product = np.prod([p[n] ** t[n] * (1 - p[n]) ** (1 - t[n]) for n in range(8)])
    found = log_likelihood(bernoulli_log_probability(p, t))
    assert found == pytest.approx(np.log(product), rel=1e-13)


def test_two_categories_are_bernoulli() -> None:
    p, t = P[:, 0], T[:, 0]
    both = categorical_log_probability(np.column_stack([p, 1 - p]), np.column_stack([t, 1 - t]))
    np.testing.assert_allclose(both, bernoulli_log_probability(p, t), rtol=1e-13)


def test_information_of_independent_events_adds_up() -> None:
    """(C.1): none in a certain event, twice as much in two of the same kind."""
    certain = -bernoulli_log_probability(np.array([1.0]), np.array([1.0]))
    assert certain[0] == 0.0
    one = -bernoulli_log_probability(np.array([0.2]), np.array([1.0]))[0]
    twice = -bernoulli_log_probability(np.array([0.2 * 0.2]), np.array([1.0]))[0]
    assert one == pytest.approx(np.log(5))
    assert twice == pytest.approx(2 * one)
    rarer = -bernoulli_log_probability(np.array([0.1]), np.array([1.0]))[0]
    assert rarer > one


def test_the_cross_entropy_of_the_empirical_distribution_is_the_general_one() -> None:
    """(C.5) with the p of (C.7): 1/N on each row, q spread over rows and both classes."""
    p, t = P[:, 0], T[:, 0]
    empirical = np.column_stack([1 - t, t]) / 8
    model = np.column_stack([1 - p, p])
    general = information(empirical, model).cross_entropy
    found = empirical_cross_entropy(bernoulli_log_probability(p, t))
    assert found == pytest.approx(general, rel=1e-13)


def test_the_cross_entropy_of_two_classes_is_the_loss() -> None:
    p, t = P[:, 0], T[:, 0]
    found = empirical_cross_entropy(bernoulli_log_probability(p, t))
    loss, _ = sigmoid_cross_entropy(np.log(p / (1 - p))[:, None], t[:, None])
    assert found == pytest.approx(loss, rel=1e-12)
    assert found == pytest.approx(
        mean_cross_entropy(t.astype(np.int64), np.column_stack([1 - p, p])), rel=1e-12
    )


def test_a_normal_model_has_the_squared_error_as_cross_entropy() -> None:
    y, t, beta = RNG.normal(size=9), RNG.normal(size=9), 2.5
    found = empirical_cross_entropy(normal_log_density(t, y, beta))
    mean_of_halves, _ = square(y[:, None], t[:, None])
    assert found == pytest.approx(beta * mean_of_halves + 0.5 * np.log(2 * np.pi / beta), rel=1e-13)


def test_impossible_labels_have_an_infinite_loss_and_certain_ones_none() -> None:
    p, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    np.testing.assert_array_equal(bernoulli_log_probability(p, t), [0, 0, -np.inf, -np.inf])
    sure = categorical_log_probability(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]]))
    assert sure[0] == 0.0


def test_the_terms_of_the_cross_entropy_add_up() -> None:
    """(C.4) and (C.5): each of the three is summed on its own."""
    p, q = RNG.dirichlet(np.ones(6)), RNG.dirichlet(np.ones(6))
    found = information(p, q)
    assert found.cross_entropy == pytest.approx(found.entropy + found.divergence, rel=1e-13)
    assert found.divergence > 0
    assert information(p, p).divergence == 0


def test_the_excess_of_an_estimate_is_d_over_2_n() -> None:
    """Multinomials of 4 classes have 3 parameters: the mean divergence of 20,000 estimates."""
    p, n = np.array([0.4, 0.3, 0.2, 0.1]), 400
    counts = np.random.default_rng(1).multinomial(n, p, size=20_000)
    assert (counts > 0).all()
    excess = (p * np.log(p * n / counts)).sum(axis=1)
    error = excess.std() / np.sqrt(excess.size)
    # The next term is of order 1 / n of it.
    expected = expected_excess(3, n)
    assert excess.mean() == pytest.approx(expected, abs=4 * error + 0.01 * expected)

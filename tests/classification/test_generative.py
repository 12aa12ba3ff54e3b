"""Posteriors from densities: by hand, against simulated frequencies, and where they are linear."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from mlcli.backpropagation.activations import sigmoid as sigmoid_activation
from mlcli.backpropagation.gradient_check import central_differences
from mlcli.classification.generative import (
    class_scores,
    fit_normal_classes,
    log_odds,
    normal_class_weights,
    posterior,
)
from mlcli.classification.softmax import probabilities, sigmoid

COVARIANCE = np.array([[1.0, 0.4], [0.4, 2.0]])
MEANS = np.array([[1.0, 0.5], [-0.5, -1.0]])


def log_densities(X: np.ndarray, means: np.ndarray = MEANS) -> np.ndarray:
    return np.column_stack([multivariate_normal(mean, COVARIANCE).logpdf(X) for mean in means])


def test_the_posterior_is_bayes_theorem() -> None:
    """Three events of known probability in three classes, added up by hand."""
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.25, 0.5, 0.25]])  # p(x|C_k), class by row
    priors = np.array([0.5, 0.2, 0.3])
    found = posterior(np.log(p.T), priors)
    joint = p.T * priors
    np.testing.assert_allclose(found, joint / joint.sum(axis=1, keepdims=True), rtol=1e-14)
    np.testing.assert_allclose(class_scores(np.log(p.T), priors), np.log(joint), rtol=1e-14)
    assert found[0, 0] == pytest.approx(0.25 / (0.25 + 0.02 + 0.075))


def test_densities_too_small_for_a_float_still_have_a_posterior() -> None:
    found = posterior(np.array([[-2000.0, -2001.0]]), np.array([0.5, 0.5]))
    assert found[0, 0] == pytest.approx(1 / (1 + np.exp(-1)))


def test_two_classes_have_the_sigmoid_of_their_log_odds() -> None:
    X = np.random.default_rng(0).normal(size=(50, 2)) * 3
    densities = log_densities(X)
    a = log_odds(densities[:, 0], densities[:, 1], 0.3)
    expected = posterior(densities, np.array([0.3, 0.7]))[:, 0]
    np.testing.assert_allclose(sigmoid(a), expected, rtol=1e-12)
    np.testing.assert_allclose(probabilities(a[:, None])[:, 1], expected, rtol=1e-12)


def test_normal_classes_of_one_covariance_have_linear_log_odds() -> None:
    X = np.random.default_rng(1).normal(size=(50, 2)) * 3
    densities = log_densities(X)
    w = normal_class_weights(MEANS, COVARIANCE, 0.3)
    np.testing.assert_allclose(
        w[0] + X @ w[1:], log_odds(densities[:, 0], densities[:, 1], 0.3), rtol=1e-11, atol=1e-12
    )


def test_the_posterior_is_the_share_of_the_class_among_rows_nearby() -> None:
    rng = np.random.default_rng(2)
    first = rng.random(400_000) < 0.3
    x = rng.normal(np.where(first, 1.0, -0.5), 1.0)
    w = normal_class_weights(np.array([[1.0], [-0.5]]), np.eye(1), 0.3)
    for place in (-1.0, 0.0, 1.0, 2.0):
        near = np.abs(x - place) < 0.05
        expected = float(sigmoid(w[0] + w[1] * place))
        assert first[near].mean() == pytest.approx(expected, abs=4 * 0.5 / near.sum() ** 0.5)


def test_the_boundary_is_where_the_log_odds_are_those_of_the_threshold() -> None:
    """(5.9): at p_0 the hyperplane w . phi = ln p_0 / (1 - p_0)."""
    w = normal_class_weights(MEANS, COVARIANCE, 0.3)
    across = np.array([-w[2], w[1]])
    for p_0 in (0.1, 0.5, 0.9):
        level = np.log(p_0 / (1 - p_0))
        start = (level - w[0]) * w[1:] / (w[1:] @ w[1:])
        on_it = start + np.linspace(-5, 5, 11)[:, None] * across
        found = posterior(log_densities(on_it), np.array([0.3, 0.7]))[:, 0]
        np.testing.assert_allclose(found, p_0, rtol=1e-10)


def test_the_sigmoid_has_its_symmetry_and_its_slope() -> None:
    a = np.linspace(-6, 6, 25)
    np.testing.assert_allclose(sigmoid(-a), 1 - sigmoid(a), atol=1e-15)
    h = sigmoid_activation()
    # Each entry of the sum depends on its own a alone, so its derivative is that of one sigmoid.
    slope = central_differences(lambda: float(h.value(a).sum()), a)
    np.testing.assert_allclose(slope, sigmoid(a) * (1 - sigmoid(a)), atol=1e-9)
    np.testing.assert_allclose(h.derivative(h.value(a)), slope, atol=1e-9)


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1])
def test_a_prior_outside_0_and_1_is_rejected(prior: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        log_odds(np.zeros(1), np.zeros(1), prior)
    with pytest.raises(ValueError, match="between 0 and 1"):
        normal_class_weights(MEANS, COVARIANCE, prior)


@pytest.mark.parametrize("priors", [[0.5, 0.6], [1.0, 0.0]])
def test_priors_that_do_not_add_up_to_1_are_rejected(priors: list[float]) -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        posterior(np.zeros((1, 2)), np.array(priors))


def test_estimated_normal_classes_are_those_of_linear_discriminant_analysis() -> None:
    from sklearn.datasets import load_iris
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    X, t = load_iris(return_X_y=True)
    kept = np.arange(t.size) % 4 > 0
    X, t = X[kept], t[kept]
    X[:, 1] *= 1e-6
    X[:, 2] += 1e7
    found = fit_normal_classes(X, t, 3)
    assert found is not None
    theirs = LinearDiscriminantAnalysis(solver="lsqr", store_covariance=True).fit(X, t)
    np.testing.assert_allclose(found.means, theirs.means_, rtol=1e-12)
    np.testing.assert_allclose(found.priors, np.bincount(t) / t.size)
    off = X - found.means[t]
    np.testing.assert_allclose(found.covariance, off.T @ off / (t.size - 3), rtol=1e-7)
    # SciPy takes a covariance of units so different for a singular one.
    unit = np.sqrt(np.diag(found.covariance))
    scaled = found.covariance / np.outer(unit, unit)
    expected = np.column_stack(
        [
            multivariate_normal(np.zeros(4), scaled).logpdf((X - mean) / unit) - np.log(unit).sum()
            for mean in found.means
        ]
    )
    np.testing.assert_allclose(found.log_densities(X), expected, rtol=1e-6, atol=1e-6)


def test_two_estimated_normal_classes_have_linear_log_odds() -> None:
    rng = np.random.default_rng(3)
    t = (np.arange(90) % 3 == 0).astype(np.int64)
    X = rng.normal(size=(90, 2)) + 1.5 * t[:, None]
    found = fit_normal_classes(X, t, 2)
    assert found is not None
    w = normal_class_weights(found.means[::-1], found.covariance, found.priors[1])
    densities = found.log_densities(X)
    a = log_odds(densities[:, 1], densities[:, 0], found.priors[1])
    np.testing.assert_allclose(w[0] + X @ w[1:], a, rtol=1e-10, atol=1e-12)


def test_rows_that_are_flat_within_their_classes_have_no_normal_classes() -> None:
    rng = np.random.default_rng(4)
    t = np.arange(30) % 2
    x = rng.normal(size=30)
    assert fit_normal_classes(np.column_stack([x, 2 * x]), t, 2) is None
    assert fit_normal_classes(np.column_stack([x, t]), t, 2) is None
    assert fit_normal_classes(np.column_stack([x, np.ones(30)]), t, 2) is None
    assert fit_normal_classes(rng.normal(size=(30, 2)), t, 3) is None
    assert fit_normal_classes(rng.normal(size=(2, 2)), t[:2], 2) is None
    for scale in (1e-300, 1e200):
        assert fit_normal_classes(rng.normal(size=(30, 2)) * scale, t, 2) is None
    assert fit_normal_classes(rng.normal(size=(30, 2)) * 1e-100, t, 2) is not None

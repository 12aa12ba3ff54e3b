"""Misprints of chapter 5, numerically: the printed form fails, the corrected one holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from mlcli.backpropagation.gradient_check import central_differences
from mlcli.classification.approximation import Staircase
from mlcli.classification.generative import log_odds, posterior
from mlcli.classification.objective import Objective, even_weights
from mlcli.classification.softmax import sigmoid, softmax
from mlcli.scores import mean_cross_entropy

Array = np.ndarray
RNG = np.random.default_rng(0)
PHI = np.column_stack([np.ones(15), RNG.normal(size=(15, 2))])
LABELS = RNG.integers(2, size=15)
W = np.array([[0.3], [-1.2], [0.8]])


def objective(loss: str) -> Objective:
    return Objective(PHI, LABELS, 2, even_weights(15), loss=loss)  # type: ignore[arg-type]


def test_5_4_is_a_logarithm() -> None:
    x, prior = np.linspace(-3, 3, 13), 0.3
    one, two = norm(1, 1), norm(-1, 1.5)
    joint_1, joint_2 = one.pdf(x) * prior, two.pdf(x) * (1 - prior)
    expected = joint_1 / (joint_1 + joint_2)
    found = sigmoid(log_odds(one.logpdf(x), two.logpdf(x), prior))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    printed = sigmoid(joint_1 / joint_2)
    assert np.abs(printed - expected).max() > 0.4
    # A ratio is positive, so that the printed form can never call C_2 the likelier class.
    assert printed.min() >= 0.5 > expected.min()


def test_5_11_has_sigma_minus_t() -> None:
    one = objective("square")
    expected = central_differences(lambda: one.value(W), W)
    s = sigmoid(PHI @ W)
    slope = s * (1 - s)
    printed = PHI.T @ ((LABELS[:, None] - s) * slope) / 15
    np.testing.assert_allclose(-printed, expected, atol=1e-9)
    np.testing.assert_allclose(one.smooth(W)[1], expected, atol=1e-9)
    assert float((printed * expected).sum()) < 0


def test_5_14_has_sigma_minus_t() -> None:
    one = objective("cross-entropy")
    expected = central_differences(lambda: one.value(W), W)
    s, t = sigmoid(PHI @ W), LABELS[:, None]
    slope = s * (1 - s)
    corrected = -PHI.T @ (t * slope / s - (1 - t) * slope / (1 - s)) / 15
    np.testing.assert_allclose(corrected, expected, atol=1e-9)
    np.testing.assert_allclose(PHI.T @ (s - t) / 15, expected, atol=1e-9)
    np.testing.assert_allclose(one.smooth(W)[1], expected, atol=1e-9)
    left = PHI.T @ (t * slope / s + (1 - t) * slope / (1 - s)) / 15
    right = PHI.T @ (t - s) / 15
    for printed in (left, right):
        assert np.abs(printed - expected).max() > 0.1
    assert np.abs(left - right).max() > 0.1


def test_5_15_tends_to_a_step_for_large_lambda() -> None:
    z = np.array([-2.0, -0.1, 0.1, 2.0])
    step = (z > 0).astype(float)
    np.testing.assert_allclose(sigmoid(1e4 * z), step, atol=1e-12)
    np.testing.assert_allclose(sigmoid(1e-9 * z), 0.5, atol=1e-8)
    stairs = Staircase(np.array([0.0, 10.0]), np.array([1.0]))
    np.testing.assert_allclose(stairs.evaluate(z, 1e4), stairs.evaluate(z), atol=1e-12)
    # In the printed limit both units of the bump are 1/2 everywhere, and nothing is left of it.
    np.testing.assert_allclose(stairs.evaluate(z, 1e-9), 0.0, atol=1e-8)


def test_5_16_and_5_20_add_up_to_1() -> None:
    priors = np.array([0.5, 0.3, 0.2])
    x = np.linspace(-2, 2, 9)
    densities = np.column_stack([norm(m, 1).pdf(x) for m in (-1, 0, 1)])
    printed = densities * priors / (densities.sum(axis=1, keepdims=True) * priors)
    assert np.abs(posterior(np.log(densities), priors).sum(axis=1) - 1).max() < 1e-14
    # The prior cancels in print: what is left is the posterior of equally likely classes.
    equal = posterior(np.log(densities), np.full(3, 1 / 3))
    np.testing.assert_allclose(printed, equal, rtol=1e-12)
    assert np.abs(printed - posterior(np.log(densities), priors)).max() > 0.1

    A = RNG.normal(size=(6, 3))
    assert np.abs(softmax(A).sum(axis=1) - 1).max() < 1e-14
    printed_softmax = np.exp(A) / np.exp(3 * A)  # sum_j w_k . phi is K times w_k . phi
    assert np.abs(printed_softmax.sum(axis=1) - 1).min() > 0.05
    assert printed_softmax.max() > 1


def test_5_22_needs_1_over_n_to_agree_with_5_13() -> None:
    s = sigmoid(PHI @ W)[:, 0]
    P, T = np.column_stack([1 - s, s]), np.eye(2)[LABELS]
    by_5_13 = -float((LABELS * np.log(s) + (1 - LABELS) * np.log(1 - s)).mean())
    printed = -float((T * np.log(P)).sum())
    assert printed / 15 == pytest.approx(by_5_13, rel=1e-13)
    assert printed != pytest.approx(by_5_13, rel=0.5)
    assert mean_cross_entropy(LABELS, P) == pytest.approx(by_5_13, rel=1e-13)

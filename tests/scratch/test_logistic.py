"""Logistic regression: against scikit-learn, its own gradient, and the limits."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.scratch.logistic import cross_entropy, fit_logistic, softmax


def data(n_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(120) % n_classes
    X = rng.normal(size=(120, 3)) + 0.8 * labels[:, None] * np.array([1.0, -0.5, 0.2])
    return np.column_stack([np.ones(120), X]), labels


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_probabilities_are_those_of_scikit_learn(n_classes: int) -> None:
    from sklearn.linear_model import LogisticRegression

    Phi, labels = data(n_classes)
    l2 = 0.01
    found = fit_logistic(Phi, labels, n_classes, l2, free=np.array([0]))
    assert found.converged
    # With two classes theirs is one vector; ours are two halves of it, with half the penalty.
    strength = l2 / 2 if n_classes == 2 else l2
    peer = LogisticRegression(C=1 / (2 * strength * 120), tol=1e-12, max_iter=10_000)
    peer.fit(Phi[:, 1:], labels)
    np.testing.assert_allclose(softmax(Phi @ found.W), peer.predict_proba(Phi[:, 1:]), atol=2e-6)


def test_no_direction_goes_down_from_the_minimum() -> None:
    Phi, labels = data(3)
    free = np.array([0])
    found = fit_logistic(Phi, labels, 3, 0.05, free=free)
    here = cross_entropy(Phi, labels, found.W, 0.05, free)
    rng = np.random.default_rng(1)
    for _ in range(50):
        there = cross_entropy(Phi, labels, found.W + 1e-3 * rng.normal(size=(4, 3)), 0.05, free)
        assert there > here - 1e-12


def test_a_warm_start_takes_fewer_steps_to_the_same_place() -> None:
    Phi, labels = data(3)
    cold = fit_logistic(Phi, labels, 3, 0.01)
    warm = fit_logistic(Phi, labels, 3, 0.01, start=fit_logistic(Phi, labels, 3, 0.011).W)
    assert warm.n_steps < cold.n_steps
    np.testing.assert_allclose(warm.W, cold.W, atol=1e-8)


def test_a_strong_penalty_leaves_the_shares_of_the_classes() -> None:
    Phi, _ = data(2)
    labels = (np.arange(120) % 4 == 0).astype(int)
    found = fit_logistic(Phi, labels, 2, 1e6, free=np.array([0]))
    np.testing.assert_allclose(softmax(Phi @ found.W)[:, 1], 0.25, atol=1e-5)


def test_separable_classes_converge_under_a_weak_penalty() -> None:
    x = np.array([-2.0, -1.0, 1.0, 2.0])
    found = fit_logistic(x[:, None], np.array([0, 0, 1, 1]), 2, 1e-6)
    assert found.converged
    assert softmax(x[:, None] @ found.W)[:, 1].tolist() == pytest.approx([0, 0, 1, 1], abs=1e-3)


def test_huge_activations_do_not_overflow() -> None:
    assert softmax(np.array([[1e4, 0.0], [-1e4, 0.0]])).tolist() == [[1, 0], [0, 1]]


def test_no_strength_is_refused() -> None:
    Phi, labels = data(2)
    with pytest.raises(ValueError, match="positive, got 0"):
        fit_logistic(Phi, labels, 2, 0.0)

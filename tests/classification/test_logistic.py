"""Logistic regression: against scikit-learn, its own gradient, other solvers, and the limits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mlcli.classification.first_order import fit_descent, fit_lbfgs
from mlcli.classification.newton import LogisticFit, fit_logistic, fit_newton, standard_errors
from mlcli.classification.objective import (
    Objective,
    balanced_weights,
    class_row_weights,
    even_weights,
)
from mlcli.classification.quadratic import sparse_target
from mlcli.classification.softmax import probabilities, sigmoid, softmax


def rows(n_classes: int, n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    X = rng.normal(size=(n, 3)) + 0.8 * labels[:, None] * np.array([1.0, -0.5, 0.2])
    return np.column_stack([np.ones(n), X]), labels


def objective(n_classes: int, **settings: object) -> Objective:
    Phi, labels = rows(n_classes)
    given = {"row_weights": even_weights(labels.size), "free": (0,)} | settings
    return Objective(Phi, labels, n_classes, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", ["cross-entropy", "square"])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_gradient_and_hessian_are_those_of_central_differences(loss: str, n_classes: int) -> None:
    weights = class_row_weights(rows(n_classes)[1], np.linspace(0.5, 2, n_classes))
    E = objective(n_classes, loss=loss, l2=0.03, row_weights=weights)
    W = np.random.default_rng(1).normal(size=E.shape)
    _, gradient = E.smooth(W)
    h = 1e-6
    for i in np.ndindex(*W.shape):
        step = np.zeros_like(W)
        step[i] = h
        assert gradient[i] == pytest.approx(
            (E.value(W + step) - E.value(W - step)) / (2 * h), abs=1e-8
        )
        if loss == "cross-entropy":
            column = ((E.smooth(W + step)[1] - E.smooth(W - step)[1]) / (2 * h)).T.ravel()
            place = i[1] * W.shape[0] + i[0]
            np.testing.assert_allclose(E.hessian(W)[:, place], column, atol=1e-8)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("balanced", [False, True])
def test_coefficients_are_those_of_scikit_learn(n_classes: int, balanced: bool) -> None:
    from sklearn.linear_model import LogisticRegression

    Phi, labels = rows(n_classes, 121)
    l2 = 0.01
    weights = even_weights(121)
    if balanced:
        weights = class_row_weights(labels, balanced_weights(labels, n_classes))
    E = Objective(Phi, labels, n_classes, weights, l2=l2, free=(0,))
    found = fit_newton(E)
    assert found.converged
    peer = LogisticRegression(
        C=1 / (2 * l2 * 121),
        tol=1e-12,
        max_iter=10_000,
        solver="newton-cg",
        class_weight="balanced" if balanced else None,
    ).fit(Phi[:, 1:], labels)
    np.testing.assert_allclose(found.W[1:].T, peer.coef_, atol=1e-6)
    ours, theirs = found.W[0], peer.intercept_
    np.testing.assert_allclose(ours - ours.mean(), theirs - theirs.mean(), atol=1e-6)
    np.testing.assert_allclose(
        probabilities(Phi @ found.W), peer.predict_proba(Phi[:, 1:]), atol=1e-6
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("l1", "l2"), [(0.01, 0.0), (0.02, 0.01), (0.08, 0.0)])
def test_sparse_coefficients_are_those_of_scikit_learn(
    n_classes: int, l1: float, l2: float
) -> None:
    from sklearn.linear_model import LogisticRegression

    Phi, labels = rows(n_classes)
    found = fit_newton(objective(n_classes, l1=l1, l2=l2))
    # Theirs is C sum loss + rho |w|_1 + (1 - rho) |w|^2 / 2.
    total = l1 + 2 * l2
    peer = LogisticRegression(
        C=1 / (total * 120), l1_ratio=l1 / total, solver="saga", tol=1e-10, max_iter=100_000
    ).fit(Phi[:, 1:], labels)
    np.testing.assert_allclose(found.W[1:].T, peer.coef_, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_solvers_agree(n_classes: int) -> None:
    E = objective(n_classes, l2=0.01)
    start = np.zeros(E.shape)
    newton = fit_newton(E)
    others: list[LogisticFit] = [fit_lbfgs(E, start, 1000), fit_descent(E, start, None, 100_000)]
    for other in others:
        assert other.converged
        np.testing.assert_allclose(other.W[1:], newton.W[1:], atol=2e-6)
        np.testing.assert_allclose(
            probabilities(E.Phi @ other.W), probabilities(E.Phi @ newton.W), atol=2e-6
        )
    assert newton.n_steps < others[0].n_steps < others[1].n_steps


def test_proximal_descent_and_proximal_newton_agree() -> None:
    E = objective(3, l1=0.02, l2=0.005)
    newton = fit_newton(E)
    slow = fit_descent(E, np.zeros(E.shape), None, 200_000)
    assert slow.converged
    np.testing.assert_allclose(slow.W[1:], newton.W[1:], atol=1e-6)
    assert 0 < (newton.W[1:] == 0).sum() < newton.W[1:].size
    assert E.violation(newton.W) < 1e-9
    assert E.violation(newton.W + 1e-3) > 1e-4


def test_a_large_l1_makes_all_weights_zero() -> None:
    E = objective(3)
    only_constants = fit_newton(objective(3, l1=10.0)).W
    assert (only_constants[1:] == 0).all()
    largest = np.abs(E.smooth(only_constants)[1][1:]).max()
    assert (fit_newton(objective(3, l1=1.001 * largest)).W[1:] == 0).all()
    assert (fit_newton(objective(3, l1=0.99 * largest)).W[1:] != 0).any()


@pytest.mark.parametrize("fit", [fit_lbfgs, lambda E, W, n: fit_descent(E, W, 1.0, n)])
def test_solvers_lower_the_mean_square(
    fit: Callable[[Objective, np.ndarray, int], LogisticFit],
) -> None:
    E = objective(2, loss="square", l2=1e-3)
    found = fit(E, np.zeros(E.shape), 20_000)
    assert E.value(found.W) < 0.9 * E.value(np.zeros(E.shape))
    assert np.abs(E.smooth(found.W)[1]).max() < 1e-6
    with pytest.raises(ValueError, match="cross-entropy"):
        fit_newton(E)


def test_the_mean_square_of_two_classes_is_that_of_the_notes() -> None:
    """(5.10) is half the square of one error, of two classes the sum over both is twice that."""
    E = objective(2, loss="square")
    W = np.array([[0.3], [1.0], [-0.2], [0.1]])
    s = sigmoid(E.Phi @ W)[:, 0]
    assert E.value(W) == pytest.approx(0.5 * ((E.labels - s) ** 2).mean(), rel=1e-14)


def test_a_large_learning_rate_diverges_at_a_reported_step() -> None:
    E = objective(2, l2=0.5)
    found = fit_descent(E, np.zeros(E.shape), 10.0, 1000)
    assert found.diverged_at is not None
    assert not found.converged
    assert fit_descent(E, np.zeros(E.shape), None, 10_000).diverged_at is None


def test_starting_from_a_sample_of_the_rows_reaches_the_same_minimum() -> None:
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(20_000), rng.normal(size=(20_000, 4))])
    w = np.array([0.2, 1.0, -1.0, 0.5, 0.0])
    labels = (rng.uniform(size=20_000) < sigmoid(X @ w)).astype(np.int64)
    E = Objective(X, labels, 2, even_weights(20_000), l2=1e-4)
    ours, cold = fit_newton(E), fit_newton(E, np.zeros(E.shape))
    assert ours.n_steps < cold.n_steps
    np.testing.assert_allclose(ours.W, cold.W, atol=1e-10)


def test_standard_errors_are_the_spread_of_fits() -> None:
    rng = np.random.default_rng(3)
    w, found, claimed = np.array([[0.5], [1.0], [-0.7]]), [], []
    for _ in range(300):
        X = np.column_stack([np.ones(400), rng.normal(size=(400, 2))])
        labels = (rng.uniform(size=400) < sigmoid(X @ w)[:, 0]).astype(np.int64)
        E = Objective(X, labels, 2, even_weights(400))
        found.append(fit_newton(E).W)
        claimed.append(standard_errors(E, found[-1]))
    np.testing.assert_allclose(np.std(found, axis=0), np.mean(claimed, axis=0), rtol=0.15)


def test_a_warm_start_takes_fewer_steps_to_the_same_minimum() -> None:
    Phi, labels = rows(3)
    cold = fit_logistic(Phi, labels, 3, 0.01)
    warm = fit_logistic(Phi, labels, 3, 0.01, start=fit_logistic(Phi, labels, 3, 0.011).W)
    assert warm.n_steps < cold.n_steps
    np.testing.assert_allclose(warm.W, cold.W, atol=1e-8)


def test_a_strong_penalty_leaves_the_shares_of_the_classes() -> None:
    Phi, _ = rows(2)
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
    assert probabilities(np.array([[1e4], [-1e4]])).tolist() == [[0, 1], [1, 0]]
    E = objective(2)
    assert np.isfinite(E.value(np.full(E.shape, 1e6)))


def test_two_classes_and_softmax_are_the_same_model() -> None:
    """Page by page: (5.20) with two columns is (5.6) of their difference."""
    A = np.random.default_rng(0).normal(size=(50, 2))
    np.testing.assert_allclose(softmax(A), probabilities(A[:, 1:] - A[:, :1]), atol=1e-15)


def test_a_quadratic_with_l1_is_solved_to_optimality() -> None:
    rng = np.random.default_rng(5)
    A = rng.normal(size=(60, 40))
    H, c, l1 = A.T @ A / 60 + 1e-3 * np.eye(40), rng.normal(size=40), np.full(40, 0.3)
    l1[:3] = 0.0
    v, solved = sparse_target(H, -c, l1, np.zeros(40))
    assert solved
    gradient = H @ v - c
    assert (v[3:] == 0).sum() > 3
    np.testing.assert_allclose((gradient + l1 * np.sign(v))[v != 0], 0, atol=1e-10)
    assert (np.abs(gradient)[v == 0] <= 0.3 + 1e-9).all()


def test_a_strength_of_zero_is_rejected() -> None:
    Phi, labels = rows(2)
    with pytest.raises(ValueError, match="positive, got 0"):
        fit_logistic(Phi, labels, 2, 0.0)
    with pytest.raises(ValueError, match="l1"):
        fit_lbfgs(objective(2, l1=0.1), np.zeros((4, 1)), 10)


@pytest.mark.parametrize("seed", range(20))
def test_a_sparse_quadratic_meets_the_conditions_of_its_minimum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(30, 12))
    H, c = A.T @ A / 30 + 0.01 * np.eye(12), rng.normal(size=12)
    l1 = np.full(12, 0.6)
    l1[:2] = 0.0
    start = rng.normal(size=12) * (seed % 3)
    v, solved = sparse_target(H, H @ start - c, l1, start)
    assert solved
    pull = c - H @ v
    kept = v != 0
    np.testing.assert_allclose(pull[kept], (l1 * np.sign(v))[kept], atol=1e-9)
    assert (np.abs(pull[~kept]) <= l1[~kept] * (1 + 1e-8)).all()
    assert 2 < kept.sum() < 12

"""Newton's method in passes over batches against the plain one on all rows."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.classification.newton import fit_newton
from mlcli.classification.objective import Objective, balanced_weights
from mlcli.classification.softmax import probabilities
from mlcli.classification.streamed_newton import StreamedNewton

STRENGTHS = [(0.0, 0.01), (0.02, 0.0), (0.0, 0.0)]


def problem(n_classes: int, l1: float, l2: float) -> Objective:
    """Rows that do not count alike."""
    rng = np.random.default_rng(0)
    Phi = np.column_stack([np.ones(500), rng.normal(size=(500, 3))])
    weights = rng.uniform(0.5, 2.0, 500)
    labels = rng.integers(n_classes, size=500)
    return Objective(Phi, labels, n_classes, weights / weights.sum(), l1=l1, l2=l2, free=(0,))


def in_passes(whole: Objective, start: np.ndarray, max_steps: int = 100) -> StreamedNewton:
    newton = StreamedNewton(
        whole.n_classes, start, l1=whole.l1, l2=whole.l2, free=whole.free, max_steps=max_steps
    )
    for _ in range(200):
        for rows in (slice(0, 3), slice(3, 400), slice(400, 500)):
            newton.add(whole.Phi[rows], whole.labels[rows], whole.row_weights[rows])
        newton.finish_pass()
        if newton.fit is not None:
            return newton
    raise AssertionError("it does not end")


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(("l1", "l2"), STRENGTHS)
def test_streamed_newton_converges_from_a_bad_start(n_classes: int, l1: float, l2: float) -> None:
    """A start that is confidently wrong is given up, and the end is that of the plain method."""
    whole = problem(n_classes, l1, l2)
    W = fit_newton(whole, np.zeros(whole.shape)).W
    bad = 100 * np.random.default_rng(1).normal(size=whole.shape)
    for start in (np.zeros(whole.shape), bad, W):
        newton = in_passes(whole, start)
        assert newton.fit is not None
        # Of more than two classes one number added to every weight of a column changes nothing.
        P, P_whole = (probabilities(whole.Phi @ one) for one in (newton.fit.W, W))
        np.testing.assert_allclose(P, P_whole, rtol=0, atol=1e-9)
        assert newton.fit.converged is True
        assert newton.fit.n_steps < 20
        assert newton.violation == pytest.approx(whole.violation(newton.fit.W), abs=1e-12)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(("l1", "l2"), STRENGTHS)
def test_the_curvature_is_that_of_all_rows(n_classes: int, l1: float, l2: float) -> None:
    whole = problem(n_classes, l1, l2)
    newton = in_passes(whole, np.zeros(whole.shape))
    assert newton.fit is not None
    H = whole.hessian(newton.fit.W)
    np.testing.assert_allclose(newton.curvature, H, rtol=1e-10, atol=1e-14)


def test_streamed_newton_stops_after_max_steps() -> None:
    whole = problem(2, 0.0, 0.0)
    newton = in_passes(whole, np.zeros(whole.shape), max_steps=1)
    assert newton.fit is not None
    assert (newton.fit.n_steps, newton.fit.converged) == (1, False)
    (gradient,) = whole.smooth(np.zeros(whole.shape))[1].T
    one = -np.linalg.solve(whole.hessian(np.zeros(whole.shape)), gradient)
    np.testing.assert_allclose(newton.fit.W[:, 0], one, rtol=1e-8)


def test_streamed_newton_halves_a_step_that_is_too_long() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=30)
    labels = (x + 0.2 * rng.normal(size=30) > 0).astype(np.int64)
    Phi = np.column_stack([np.ones(30), x])
    whole = Objective(Phi, labels, 2, np.full(30, 1 / 30), l2=1e-5, free=(0,))
    start = np.array([[-3.0], [6.0]])
    # No worse than no weights at all, or it would be given up.
    assert whole.value(start) < np.log(2)
    newton = StreamedNewton(2, start, l1=0.0, l2=1e-5, free=(0,), max_steps=100)
    tried, values = [], []
    while newton.fit is None:
        tried.append(newton.trial)
        values.append(whole.value(newton.trial))
        newton.add(Phi, labels, whole.row_weights)
        newton.finish_pass()
    rises = [k for k in range(1, len(values)) if values[k] > min(values[:k]) * (1 + 1e-9)]
    assert rises
    for k in rises:
        # The next try lies half-way back to the best so far.
        best = tried[int(np.argmin(values[:k]))]
        np.testing.assert_allclose(tried[k + 1], (tried[k] + best) / 2, rtol=1e-12)
    assert newton.fit.n_steps == len(tried) - 1 - len(rises)
    expected = fit_newton(whole, np.zeros((2, 1))).W
    np.testing.assert_allclose(newton.fit.W, expected, rtol=1e-7)


def test_balanced_weights_give_all_classes_the_same_total() -> None:
    labels = np.array([0, 0, 0, 1])
    np.testing.assert_allclose(balanced_weights(labels, 2), [4 / 6, 4 / 2])
    # Class 1 weighs less than one row does.
    weights = np.array([0.1, 0.1, 0.1, 0.2])
    np.testing.assert_allclose(balanced_weights(labels, 2, weights), [0.5 / 0.6, 0.5 / 0.4])
    assert balanced_weights(labels, 3)[2] == pytest.approx(4 / 3)

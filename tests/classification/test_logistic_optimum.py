"""Every solver of logistic regression at its optimum, on designs that hurt."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import logsumexp

from mlcli.classification.first_order import fit_descent, fit_lbfgs
from mlcli.classification.newton import LogisticFit, certificate_at, fit_newton
from mlcli.classification.objective import Objective, even_weights
from mlcli.classification.streamed_newton import StreamedNewton

Solver = Callable[[Objective], LogisticFit]


def in_passes(E: Objective) -> LogisticFit:
    """Newton's method that sees the rows in two batches."""
    newton = StreamedNewton(
        E.n_classes, np.zeros(E.shape), l1=E.l1, l2=E.l2, free=E.free, max_steps=300
    )
    half = E.labels.size // 2
    while newton.fit is None:
        for rows in (slice(0, half), slice(half, None)):
            newton.add(E.Phi[rows], E.labels[rows], E.row_weights[rows])
        newton.finish_pass()
    return newton.fit


SOLVERS: dict[str, Solver] = {
    "newton": lambda E: fit_newton(E, max_steps=300),
    "passes": in_passes,
    "lbfgs": lambda E: fit_lbfgs(E, np.zeros(E.shape), 5000),
    "descent": lambda E: fit_descent(E, np.zeros(E.shape), None, 3000),
}


def value(E: Objective, W: np.ndarray) -> float:
    """E(W) by SciPy, without the code under test."""
    A = E.Phi @ W
    A = np.column_stack([np.zeros(len(A)), A]) if A.shape[1] == 1 else A
    # Of the differences, which keeps the digits of losses near 0.
    losses = logsumexp(A - A[np.arange(len(A)), E.labels][:, None], axis=1)
    penalised = np.delete(W, E.free, axis=0)
    return float(
        E.row_weights @ losses + E.l1 * np.abs(penalised).sum() + E.l2 * (penalised**2).sum()
    )


def reference(E: Objective) -> float:
    """A value that is reached: SciPy's L-BFGS-B on W = U - V with U, V >= 0, in even units."""
    scale = np.sqrt((E.Phi**2).mean(axis=0))[:, None]
    scale[scale == 0] = 1.0
    shape, size = E.shape, int(np.prod(E.shape))
    free = np.zeros(shape, dtype=bool)
    free[list(E.free)] = True
    l1 = np.where(free, 0.0, E.l1) / scale  # (p, K)

    def both(z: np.ndarray) -> tuple[float, np.ndarray]:
        U, V = z[:size].reshape(shape), z[size:].reshape(shape)
        smooth, gradient = E.smooth((U - V) / scale)
        gradient = gradient / scale
        return smooth + float((l1 * (U + V)).sum()), np.concatenate(
            [(gradient + l1).ravel(), (l1 - gradient).ravel()]
        )

    found = minimize(
        both,
        np.zeros(2 * size),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * (2 * size),
        options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-16, "gtol": 1e-12, "maxcor": 30},
    )
    z = found.x
    return value(E, (z[:size] - z[size:]).reshape(shape) / scale)


def correlated(r: float, seed: int, **strengths: float) -> Objective:
    """Two standardised features of correlation r, and the sign of their noisy sum."""
    rng = np.random.default_rng(seed)
    X = rng.multivariate_normal([0, 0], [[1, r], [r, 1]], size=200)
    labels = (X.sum(axis=1) + 0.3 * rng.normal(size=200) > 0).astype(np.int64)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    Phi = np.column_stack([np.ones(200), X])
    return Objective(Phi, labels, 2, even_weights(200), free=(0,), **strengths)


@pytest.mark.parametrize("r", [-0.9, -0.8])
@pytest.mark.parametrize("l2", [0.0, 0.001])
def test_l1_weights_of_negatively_correlated_columns_are_optimal(r: float, l2: float) -> None:
    for seed in range(20):
        E = correlated(r, seed, l1=0.01, l2=l2)
        best = reference(E)
        for solver in (SOLVERS["newton"], SOLVERS["passes"]):
            found = solver(E)
            assert found.converged
            assert value(E, found.W) <= best * (1 + 1e-8)
            assert found.n_steps < 20


@st.composite
def hard_objectives(draw: st.DrawFn) -> Objective:
    """Collinear, badly scaled, duplicated and constant columns, few rows, clear classes."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n_classes = draw(st.sampled_from([2, 3, 5]))
    n, p = draw(st.integers(n_classes, 30)), draw(st.integers(1, 8))
    X = rng.normal(size=(n, p))
    if p > 1:
        r = draw(st.sampled_from([0.0, 0.9, -0.9, 0.999, -0.999]))
        X[:, 1] = r * X[:, 0] + np.sqrt(1 - r * r) * X[:, 1]
    noise = draw(st.sampled_from([0.0, 0.3, 3.0]))
    A = X @ rng.normal(size=(p, n_classes)) + noise * rng.gumbel(size=(n, n_classes))
    labels = A.argmax(axis=1)
    labels[:n_classes] = np.arange(n_classes)
    if p > 2 and draw(st.booleans()):
        X[:, 2] = X[:, 0]
    if p > 3 and draw(st.booleans()):
        X[:, 3] = 1.0
    units = draw(st.sampled_from(["even", "scaled", "offset"]))
    if units == "scaled":
        X = X * 10.0 ** rng.uniform(-8, 8, size=p)
    if units == "offset":
        X = X + 1e6 * rng.normal(size=p)
    l1, l2 = (draw(st.sampled_from([0.0, 1e-4, 0.01, 0.3])) for _ in range(2))
    Phi = np.column_stack([np.ones(n), X])
    return Objective(Phi, labels, n_classes, even_weights(n), l1=l1, l2=l2, free=(0,))


def check(E: Objective, name: str) -> None:
    """A certified answer is within 1e-8 of the best value known; Newton's is certified."""
    found = SOLVERS[name](E)
    reached = value(E, found.W)
    assert np.isfinite(reached)
    assert found.converged == (found.certificate.value <= found.certificate.tolerance)
    if found.separable:
        assert not found.converged
        assert E.l1 == E.l2 == 0
    elif name in ("newton", "passes"):
        assert found.converged
    if found.converged:
        # The sum of activations far from 0 has 1e-10 of rounding of its own.
        assert reached <= reference(E) * (1 + 1e-8)
        if name != "newton":
            assert reached <= value(E, fit_newton(E).W) * (1 + 1e-8)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(E=hard_objectives())
def test_newton_reaches_the_optimum_or_says_that_there_is_none(E: Objective) -> None:
    with np.errstate(all="raise", under="ignore"):
        check(E, "newton")


@settings(max_examples=10, deadline=None, derandomize=True)
@given(E=hard_objectives(), name=st.sampled_from(["passes", "lbfgs", "descent"]))
def test_certified_answers_of_other_solvers_are_the_optimum(E: Objective, name: str) -> None:
    if name == "lbfgs" and E.l1:
        E = Objective(E.Phi, E.labels, E.n_classes, E.row_weights, l2=E.l2, free=(0,))
    # A constant takes up means in memory; batches come centred.
    if name == "passes":
        Phi = E.Phi - np.where(np.arange(E.Phi.shape[1]) == 0, 0.0, E.Phi.mean(axis=0))
        E = Objective(Phi, E.labels, E.n_classes, E.row_weights, l1=E.l1, l2=E.l2, free=(0,))
    check(E, name)


@pytest.mark.parametrize("n_classes", [3, 9])
def test_softmax_of_noisy_classes_takes_few_steps(n_classes: int) -> None:
    from sklearn.datasets import make_classification

    X, labels = make_classification(
        n_samples=3000,
        n_features=8,
        n_informative=6,
        n_classes=n_classes,
        random_state=0,
        class_sep=0.3,
        flip_y=0.5,
    )
    Phi = np.column_stack([np.ones(3000), (X - X.mean(axis=0)) / X.std(axis=0)])
    for l2 in (0.001, 0.0):
        E = Objective(Phi, labels, n_classes, even_weights(3000), l2=l2, free=(0,))
        found = fit_newton(E)
        assert found.converged
        assert found.n_steps < 12
        # Weights without a penalty add up to 0 over the classes.
        np.testing.assert_allclose(found.W[E.gauge].sum(axis=1), 0.0, atol=1e-12)


@pytest.mark.parametrize("name", ["newton", "passes", "lbfgs", "descent"])
def test_separable_classes_without_penalty_have_no_certified_answer(name: str) -> None:
    x = np.array([-2.0, -1.0, 1.0, 2.0])
    Phi = np.column_stack([np.ones(4), x])
    E = Objective(Phi, (x > 0).astype(np.int64), 2, even_weights(4), free=(0,))
    found = SOLVERS[name](E)
    assert not found.converged
    assert found.separable
    assert ((Phi @ found.W)[:, 0] > 0).tolist() == (x > 0).tolist()


def test_partly_separable_classes_have_no_certified_answer() -> None:
    """The loss falls to that of the rows that overlap, but no finite weights reach it."""
    x = np.array([0.0, 0.0, 1.0, 2.0])
    Phi = np.column_stack([np.ones(4), x])
    E = Objective(Phi, np.array([0, 1, 1, 1]), 2, even_weights(4), free=(0,))
    found = fit_newton(E)
    assert not found.converged
    assert found.separable


def test_a_class_without_rows_gets_no_probability() -> None:
    E = correlated(0.5, 0, l2=0.01)
    both = Objective(E.Phi, 2 * E.labels, 3, E.row_weights, l2=0.01, free=(0,))
    found = fit_newton(both)
    assert found.converged
    A = E.Phi @ found.W
    assert (A[:, 1] < A.max(axis=1) - 100).all()
    nobody = fit_newton(
        Objective(E.Phi, np.zeros(200, dtype=np.int64), 2, E.row_weights, l2=0.01, free=(0,))
    )
    assert nobody.converged
    assert (E.Phi @ nobody.W < -100).all()


def test_the_certificate_bounds_the_distance_from_the_minimum() -> None:
    for l1, l2 in ((0.0, 0.01), (0.02, 0.0), (0.0, 0.0)):
        E = correlated(-0.9, 1, l1=l1, l2=l2)
        best = fit_newton(E).W
        for size in (1e-6, 1e-4, 1e-2):
            W = best + size * np.random.default_rng(0).normal(size=best.shape)
            bound = certificate_at(E, W).value
            actual = (value(E, W) - value(E, best)) / value(E, W)
            assert actual * (1 - 1e-3) - 1e-14 <= bound <= max(100 * actual, 10 * size) + 1e-12
    assert certificate_at(E, best + 1.0).value > 1e-3

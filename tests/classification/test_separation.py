"""Logistic regression without a penalty: certified, or proved to have no finite minimum."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from scipy.special import logsumexp

from mlcli.classification.first_order import fit_descent, fit_lbfgs
from mlcli.classification.newton import certificate_at, fit_newton
from mlcli.classification.objective import Objective, even_weights
from mlcli.classification.separation import LEVEL, find_direction
from tests.classification.test_logistic_optimum import value


@st.composite
def unpenalised(draw: st.DrawFn) -> Objective:
    """Few rows of few values, so that classes are often separable, wholly or in part."""
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    n_classes = draw(st.sampled_from([2, 3, 5]))
    n, p = draw(st.integers(n_classes, 30)), draw(st.integers(1, 5))
    kind = draw(st.sampled_from(["normal", "integers", "rare"]))
    X = rng.normal(size=(n, p))
    if kind == "integers":
        X = rng.integers(-2, 3, size=(n, p)).astype(float)
    if kind == "rare":
        X = (rng.random((n, p)) < 0.2).astype(float)
    noise = draw(st.sampled_from([0.0, 0.3, 3.0]))
    A = X @ rng.normal(size=(p, n_classes)) + noise * rng.gumbel(size=(n, n_classes))
    labels = A.argmax(axis=1)
    labels[:n_classes] = np.arange(n_classes)
    constant = draw(st.booleans())
    units = draw(st.sampled_from(["even", "scaled", "offset"] if constant else ["even", "scaled"]))
    if units == "scaled":
        X = X * 10.0 ** rng.uniform(-8, 8, size=p)
    if units == "offset":
        X = X + 1e6 * rng.normal(size=p)
    if p > 2 and draw(st.booleans()):
        X[:, 2] = X[:, 0]
    if p > 3 and draw(st.booleans()):
        X[:, 3] = 1.0
    Phi = np.column_stack([np.ones(n), X]) if constant else X
    return Objective(Phi, labels, n_classes, even_weights(n), free=(0,) if constant else ())


def exact_leads(E: Objective, D: np.ndarray) -> np.ndarray:
    """(d_y - d_k)^T phi of each row and class, relative to the largest weight, (N, K).

    It is computed in exact arithmetic from the numbers of D, in units of standardised columns.
    """
    if D.shape[1] == 1:
        D = np.hstack([np.zeros_like(D), D])
    weights = [[Fraction(d) for d in column] for column in D.T.tolist()]
    sizes = np.abs(E.Phi / E.column_scale.T).sum(axis=1) * np.abs(D * E.column_scale).max()
    leads = np.zeros((E.labels.size, E.n_classes))
    for n, row in enumerate(E.Phi.tolist()):
        phi = [Fraction(x) for x in row]
        A = [sum(d * x for d, x in zip(column, phi, strict=True)) for column in weights]
        leads[n] = [float(A[E.labels[n]] - a) for a in A]
    return leads / np.where(sizes > 0, sizes, 1.0)[:, None]


def standardised(E: Objective) -> np.ndarray:
    """Columns with the same loss: centred where there is a constant, of mean square 1."""
    varies = (E.Phi != E.Phi[0]).any(axis=0)
    Phi = E.Phi - np.where(varies & (0 in E.free), E.Phi.mean(axis=0), 0.0)
    return np.asarray(Phi / np.sqrt(np.maximum((Phi**2).mean(axis=0), 1e-300)))


def direction_exists(E: Objective) -> bool | None:
    """Whether SciPy's linear program finds leads that are all at least 0 and some positive.

    The sum of min(lead, 1) is maximised. None if SciPy has no answer.
    """
    rows = []
    for phi, y in zip(standardised(E), E.labels.tolist(), strict=True):
        for k in set(range(E.n_classes)) - {y}:
            a = np.zeros((E.n_classes, phi.size))
            a[y], a[k] = phi, -phi
            rows.append(a.ravel())
    A = np.array(rows)
    found = linprog(
        np.concatenate([np.zeros(A.shape[1]), -np.ones(len(A))]),
        A_ub=np.hstack([-A, np.eye(len(A))]),
        b_ub=np.zeros(len(A)),
        bounds=[(None, None)] * A.shape[1] + [(0, 1)] * len(A),
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    return bool(found.fun < -0.5) if found.status == 0 else None


def least_loss(E: Objective, level: np.ndarray) -> float:
    """The least E over the classes `level` (N, K) of each row, by SciPy."""
    Phi, own = standardised(E), np.eye(E.n_classes)[E.labels]

    def both(flat: np.ndarray) -> tuple[float, np.ndarray]:
        W = flat.reshape(-1, E.n_classes)
        A = Phi @ W
        A = np.where(level, A - (A * own).sum(axis=1, keepdims=True), -np.inf)
        losses = logsumexp(A, axis=1)
        delta = np.exp(A - losses[:, None]) - own
        return float(losses.mean()), (Phi.T @ delta / len(A)).ravel()

    settings = {"maxiter": 3000, "maxfun": 6000, "ftol": 1e-16, "gtol": 1e-12, "maxcor": 30}
    start = np.zeros(E.Phi.shape[1] * E.n_classes)
    return float(minimize(both, start, jac=True, method="L-BFGS-B", options=settings).fun)


def check_end(E: Objective) -> None:
    """Newton's answer is certified, or a direction proves that there is none."""
    found = fit_newton(E, max_steps=300)
    exists = direction_exists(E)
    proof = found.separation
    if proof is None:
        assert found.converged
        assert not found.separable
        assert not exists
        return
    assert found.separable
    assert not found.converged
    assert exists in (True, None)
    leads = exact_leads(E, proof.direction)
    level = np.abs(leads) < 1e-13
    assert leads.min() > -1e-13
    assert not level.all()
    kept = level.sum(axis=1) > 1
    assert proof.n_level == kept.sum()
    assert set(proof.level_classes) == set(np.nonzero(level[kept])[1].tolist())
    reached = value(E, found.W)
    if proof.n_level == 0:
        assert proof.infimum == 0.0
    if np.isfinite(proof.infimum):
        # Of columns far from 0 the activations have rounding of their own.
        rounding = 1e-15 * (np.abs(E.Phi) @ np.abs(found.W)).max()
        assert proof.infimum <= reached * (1 + 1e-8) + rounding
        assert proof.infimum == pytest.approx(least_loss(E, level), rel=1e-6, abs=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(E=unpenalised())
def test_without_a_penalty_the_answer_is_certified_or_proved_not_to_exist(E: Objective) -> None:
    with np.errstate(all="raise", under="ignore"):
        check_end(E)


def partly(labels: list[int], n_classes: int) -> Objective:
    """A constant and one column; the classes overlap in part only."""
    x = [-1.7382664, -1.33664279, -1.36110671, -0.35161713]
    x += [-2.31258158, -0.1888972, -0.95722923, 0.89360018]
    Phi = np.column_stack([np.ones(8), x])
    return Objective(Phi, np.array(labels), n_classes, even_weights(8), free=(0,))


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_classes_that_overlap_in_part_are_named_with_the_infimum(solver: str) -> None:
    E = partly([0, 1, 2, 3, 4, 3, 3, 1], 5)
    found = fit_newton(E) if solver == "newton" else fit_lbfgs(E, np.zeros(E.shape), 5000)
    assert found.separable
    assert not found.converged
    proof = found.separation
    assert proof is not None
    # The rows of class 3 lie between those of class 1.
    assert proof.level_classes == (1, 3)
    assert proof.n_level == 5
    assert proof.exception() == ", all but 5 of the classes 1 and 3"
    assert proof.exception(["a", "b", "c", "d", "e"]) == ", all but 5 of the classes b and d"
    # The rest is a problem of two classes: class 1 against 3, for 5 of the 8 rows.
    of = np.isin(E.labels, [1, 3])
    rest = Objective(E.Phi[of], (E.labels[of] == 3).astype(np.int64), 2, even_weights(5), free=(0,))
    best = fit_newton(rest)
    assert best.converged
    assert proof.infimum == pytest.approx(value(rest, best.W) * 5 / 8, rel=1e-9)
    D = proof.direction / np.abs(proof.direction).max()
    along = [value(E, t * D) for t in (0.0, 0.1, 1.0, 10.0)]
    assert along == sorted(set(along), reverse=True)
    assert value(E, found.W + 100.0 * D) == pytest.approx(proof.infimum, rel=1e-6)


def test_rows_that_are_separated_completely_have_the_infimum_0() -> None:
    E = partly([0, 0, 0, 1, 0, 1, 1, 1], 2)
    for found in (
        fit_newton(E),
        fit_lbfgs(E, np.zeros(E.shape), 5000),
        fit_descent(E, np.zeros(E.shape), None, 3000),
    ):
        assert found.separation is not None
        assert (found.separation.infimum, found.separation.n_level) == (0.0, 0)
        assert found.separation.exception() == ""
        assert exact_leads(E, found.separation.direction).min() == 0.0


def test_a_rare_column_of_one_class_is_separable_and_the_rest_is_not() -> None:
    x = np.repeat([0.0, 0.0, 1.0], 10)
    labels = np.concatenate([np.arange(20) % 2, np.ones(10, dtype=np.int64)])
    E = Objective(np.column_stack([np.ones(30), x]), labels, 2, even_weights(30), free=(0,))
    proof = fit_newton(E, max_steps=300).separation
    assert proof is not None
    assert proof.n_level == 20
    assert proof.infimum == pytest.approx(np.log(2) * 20 / 30, rel=1e-12)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_a_loss_next_to_its_infimum_is_not_certified(solver: str) -> None:
    """The duality gap vanishes to rounding, although no finite weights reach the infimum."""
    x = np.array([2.0, -1.0, 2.0, -2.0, 1.0, 1.0, -2.0, 1.0])
    labels = np.array([0, 1, 2, 3, 4, 1, 2, 3])
    E = Objective(np.column_stack([np.ones(8), x]), labels, 5, even_weights(8), free=(0,))
    found = fit_newton(E) if solver == "newton" else fit_lbfgs(E, np.zeros(E.shape), 5000)
    assert certificate_at(E, found.W).converged
    assert not found.converged
    assert found.separable


def test_with_a_penalty_nothing_is_called_separable() -> None:
    E = partly([0, 1, 2, 3, 4, 3, 3, 1], 5)
    for l1, l2 in ((0.0, 1e-9), (1e-9, 0.0), (0.0, 0.01)):
        found = fit_newton(replace(E, l1=l1, l2=l2), max_steps=300)
        assert not found.separable
        assert found.separation is None


def test_absent_classes_do_not_matter() -> None:
    E = partly([0, 1, 2, 3, 4, 3, 3, 1], 7)
    weights = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0]) / 5
    found = fit_newton(replace(E, row_weights=weights))
    assert found.converged
    assert found.separation is None


def test_rows_of_weight_0_do_not_matter() -> None:
    E = partly([0, 0, 0, 1, 0, 1, 1, 0], 2)
    assert fit_newton(E).converged
    weights = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]) / 7
    proof = fit_newton(replace(E, row_weights=weights)).separation
    assert proof is not None
    assert proof.n_level == 0


def test_classes_that_fall_behind_must_stay_level_too() -> None:
    """The first three rows allow no weights but 0 of the first two columns."""
    rows = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    Phi = np.vstack([rows, -rows])
    E = Objective(Phi, np.repeat([1, 0], 4), 2, even_weights(8))
    # The third row is far on the wrong side; without its part of W the second falls behind.
    found = find_direction(E, np.array([[30.0], [6.0], [30.0]]), LEVEL)
    assert found is not None
    D, ahead, level = found
    np.testing.assert_allclose(D / D[2], [[0.0], [0.0], [1.0]], atol=1e-14)
    assert ahead.any(axis=1).tolist() == [False, False, False, True] * 2
    assert level.any(axis=1).tolist() == [True, True, True, False] * 2


def test_some_of_many_rows_can_show_that_they_overlap_but_not_that_they_are_separable() -> None:
    """With many rows, weights are first tried on some of them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    labels = (x + rng.normal(size=3000) > 0).astype(np.int64)
    rare = np.isin(np.arange(3000), np.flatnonzero(labels)[1:4])
    E = Objective(np.column_stack([np.ones(3000), x]), labels, 2, even_weights(3000), free=(0,))
    assert find_direction(E, np.array([[0.0], [30.0]]), LEVEL) is None
    # A column that is 0 in the sample.
    Phi = np.column_stack([E.Phi, rare])
    found = find_direction(replace(E, Phi=Phi), np.array([[0.0], [2.0], [30.0]]), LEVEL)
    assert found is not None
    assert found[1].any(axis=1).tolist() == rare.tolist()

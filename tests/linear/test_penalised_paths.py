"""Penalised paths: certified by their gap, and against other routes where they exist."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import ElasticNet

from mlcli.linear.basis import fit_basis
from mlcli.linear.design import standardize
from mlcli.linear.penalised import duality_gap, elastic_net_path, l1_max, ridge_path


def tame(n: int = 60, p: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    Phi = rng.normal(size=(n, p)) @ (np.eye(p) + 0.3)
    t = Phi[:, 0] - 2 * Phi[:, min(2, p - 1)] + rng.normal(size=n)
    A, b, _ = standardize(Phi, t)
    return A, b


def notes_cubic(degree: int = 300, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, 640)
    t = 0.5 * x**3 + 0.3 * x**2 - 0.25 * x + 1 + 1.9 * rng.normal(size=640)
    Phi = fit_basis("polynomial", -1, 1, degree).evaluate(x / np.abs(x).max())[:, 1:]
    A, b, _ = standardize(Phi, t)
    return A, b


def objective(A: np.ndarray, b: np.ndarray, w: np.ndarray, l1: float, l2: float) -> float:
    r = b - A @ w
    return float(r @ r / (2 * b.size) + l1 * np.abs(w).sum() + l2 * w @ w)


def test_orthonormal_columns_are_soft_thresholded() -> None:
    rng = np.random.default_rng(1)
    A = np.linalg.qr(rng.normal(size=(50, 5)))[0] * np.sqrt(50)
    b = rng.normal(size=50) * 3
    z = A.T @ b / 50
    path = elastic_net_path(A, b, 50, [0.2], [0.3])
    expected = np.sign(z) * np.maximum(np.abs(z) - 0.2, 0) / 1.6
    np.testing.assert_allclose(path.w[:, 0], expected, atol=1e-12)


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.05, 0.0), (0.1, 0.02), (0.01, 1.0)])
def test_scikit_learn_agrees(l1: float, l2: float) -> None:
    A, b = tame()
    alpha = l1 + 2 * l2
    peer = ElasticNet(
        alpha=alpha, l1_ratio=l1 / alpha, fit_intercept=False, tol=1e-12, max_iter=100_000
    ).fit(A, b)
    path = elastic_net_path(A, b, 60, [l1], [l2])
    np.testing.assert_allclose(path.w[:, 0], peer.coef_, atol=1e-7)


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_the_notes_cubic_at_degree_300_is_certified(share: float) -> None:
    A, b = notes_cubic()
    top = l1_max(A, b, 640)
    l1s = top * np.logspace(0, -4, 25)
    path = elastic_net_path(A, b, 640, l1s, share * l1s)
    zero = float(b @ b) / 1280
    assert (path.gap <= 1.01e-10 * zero).all()
    assert path.n_nonzero[0] == 0
    assert path.n_nonzero.max() < 120
    for k in (3, 12, 24):
        l1, l2 = float(l1s[k]), float(share * l1s[k])
        assert duality_gap(A, b, 640, path.w[:, k], l1, l2) == pytest.approx(
            path.gap[k], abs=1e-12 * zero
        )


def test_optimality_holds_on_every_column() -> None:
    A, b = notes_cubic(40)
    l1 = 0.01 * l1_max(A, b, 640)
    w = elastic_net_path(A, b, 640, [l1], [0.0], tolerance=1e-13).w[:, 0]
    gradient = A.T @ (b - A @ w) / 640
    assert np.abs(gradient).max() <= l1 * (1 + 1e-5)
    np.testing.assert_allclose(gradient[w != 0], l1 * np.sign(w[w != 0]), rtol=1e-5)


def test_strengths_too_small_to_resolve_end_with_an_honest_gap() -> None:
    A, b = notes_cubic()
    l1s = l1_max(A, b, 640) * np.logspace(-5, -7, 4)
    path = elastic_net_path(A, b, 640, l1s, 0.0)
    zero = float(b @ b) / 1280
    assert (path.gap < 1e-6 * zero).all()
    assert (path.n_sweeps < 1000).all()
    for k, l1 in enumerate(l1s):
        assert objective(A, b, path.w[:, k], l1, 0.0) < zero


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(3, 30),
    st.integers(1, 30),
    st.floats(1e-3, 1.1),
    st.sampled_from([0.0, 0.01, 1.0]),
)
def test_no_point_nearby_is_better_and_the_gap_bounds_the_distance(
    seed: int, n: int, p: int, share: float, l2: float
) -> None:
    A, b = tame(n, p, seed)
    l1 = share * l1_max(A, b, n)
    path = elastic_net_path(A, b, n, [l1], [l2])
    w = path.w[:, 0]
    least = objective(A, b, w, l1, l2)
    zero = float(b @ b) / (2 * n)
    assert path.gap[0] <= 1e-9 * zero
    rng = np.random.default_rng(seed)
    for size in (1e-4, 1e-1):
        other = w + size * rng.normal(size=p)
        worse = objective(A, b, other, l1, l2)
        assert worse >= least - 1e-9 * zero
        # The bound is valid at any point, not only at the solution.
        assert duality_gap(A, b, n, other, l1, l2) >= worse - least - 1e-9 * zero
    if share > 1:
        np.testing.assert_array_equal(w, 0.0)


def test_the_elastic_nets_gap_is_the_lassos_on_augmented_rows() -> None:
    A, b = tame()
    w = elastic_net_path(A, b, 60, [0.1], [1e-5]).w[:, 0] + 0.1
    for l2 in (1e-5, 1e-3, 1.0):
        rows = np.concatenate([A, np.sqrt(2 * 60 * l2) * np.eye(8)])
        lasso = duality_gap(rows, np.append(b, np.zeros(8)), 60, w, 0.1, 0.0)
        net = duality_gap(A, b, 60, w, 0.1, l2)
        assert net <= lasso * (1 + 1e-12)
        if l2 == 1e-5:
            assert net == pytest.approx(lasso, rel=1e-12)
    soft = elastic_net_path(A, b, 60, [0.1], [0.5]).w[:, 0] + 0.1
    # Here the bound by the conjugate of the squares is the tighter one.
    rows = np.concatenate([A, np.sqrt(60.0) * np.eye(8)])
    lasso = duality_gap(rows, np.append(b, np.zeros(8)), 60, soft, 0.1, 0.0)
    assert duality_gap(A, b, 60, soft, 0.1, 0.5) < 0.9 * lasso


def test_the_order_of_strengths_does_not_matter() -> None:
    A, b = tame()
    l1s = np.array([0.3, 0.01, 0.1])
    path = elastic_net_path(A, b, 60, l1s, 0.01)
    turned = elastic_net_path(A, b, 60, l1s[::-1], 0.01)
    np.testing.assert_array_equal(path.w, turned.w[:, ::-1])


def test_without_l1_it_is_ridge_and_without_both_least_squares() -> None:
    A, b = tame()
    path = elastic_net_path(A, b, 60, [0.0, 0.0, 0.1], [0.5, 0.0, 0.0])
    np.testing.assert_array_equal(path.w[:, :2], ridge_path(A, b, 60, [0.5, 0.0]).w)
    assert (path.gap < 1e-12).all()
    assert duality_gap(A, b, 60, np.zeros(8), 0.0, 0.0) == pytest.approx(
        objective(A, b, np.zeros(8), 0, 0) - objective(A, b, path.w[:, 1], 0, 0)
    )


def test_a_compressed_factor_gives_the_same_path() -> None:
    A, b = tame()
    R = np.linalg.qr(np.column_stack([A, b]), mode="r")
    whole = elastic_net_path(A, b, 60, [0.1], [0.01])
    small = elastic_net_path(R[:, :-1], R[:, -1], 60, [0.1], [0.01])
    np.testing.assert_allclose(whole.w, small.w, atol=1e-12)
    np.testing.assert_allclose(whole.degrees_of_freedom, small.degrees_of_freedom)


def test_degrees_of_freedom() -> None:
    A, b = tame()
    path = elastic_net_path(A, b, 60, [0.1, 0.1], [0.0, 0.2])
    assert path.degrees_of_freedom[0] == pytest.approx(path.n_nonzero[0])
    X = A[:, path.w[:, 1] != 0]
    hat = X @ np.linalg.inv(X.T @ X + 2 * 60 * 0.2 * np.eye(X.shape[1])) @ X.T
    assert path.degrees_of_freedom[1] == pytest.approx(np.trace(hat))


def test_columns_that_do_not_vary_and_columns_twice() -> None:
    A, b = tame()
    B = np.column_stack([np.zeros(60), A, A])
    path = elastic_net_path(B, b, 60, [0.1, 1e-3], [0.0, 0.0])
    single = elastic_net_path(A, b, 60, [0.1, 1e-3], [0.0, 0.0])
    np.testing.assert_array_equal(path.w[0], 0.0)
    np.testing.assert_allclose(path.w[1:9] + path.w[9:], single.w, atol=1e-8)
    assert (path.gap <= 1e-10 * (b @ b) / 120).all()


def test_too_few_sweeps_report_the_true_gap() -> None:
    A, b = tame()
    path = elastic_net_path(A, b, 60, [0.01], [0.0], max_sweeps=0)
    np.testing.assert_array_equal(path.w, 0.0)
    exact = elastic_net_path(A, b, 60, [0.01], [0.0])
    short = objective(A, b, path.w[:, 0], 0.01, 0) - objective(A, b, exact.w[:, 0], 0.01, 0)
    assert path.gap[0] >= short > 0
    constant = elastic_net_path(A, np.zeros(60), 60, [0.1], [0.0])
    np.testing.assert_array_equal(constant.w, 0.0)
    assert constant.gap[0] == 0.0


def test_refusals() -> None:
    A, b = tame()
    with pytest.raises(ValueError, match="finite and at least 0"):
        elastic_net_path(A, b, 60, [-0.1], [0.0])
    with pytest.raises(ValueError, match="tolerance must be positive"):
        elastic_net_path(A, b, 60, [0.1], [0.0], tolerance=0.0)
    with pytest.raises(ValueError, match="finite and at least 0"):
        duality_gap(A, b, 60, np.zeros(8), np.nan, 0.0)


def test_an_answer_that_was_cut_short_is_not_certified() -> None:
    A, b = tame()
    top = l1_max(A, b, 60)
    assert elastic_net_path(A, b, 60, [top / 30], [0.0]).certificate.converged
    cut = elastic_net_path(A, b, 60, [top / 30], [0.0], max_sweeps=0).certificate
    assert not cut.converged
    assert cut.value > 1e-3


@pytest.mark.parametrize("unit", [1e-8, 1e8])
def test_the_certificate_does_not_depend_on_the_targets_units(unit: float) -> None:
    A, b = tame()
    top = l1_max(A, b, 60)
    values = [
        elastic_net_path(A, b * u, 60, [u * top / 30], [0.0], max_sweeps=0).certificate.value
        for u in (1.0, unit)
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_a_nearly_exact_fit_is_as_close_to_its_own_objective() -> None:
    """At a gap of 1e-10 of E(0), the former goal, this objective could be twice its minimum."""
    rng = np.random.default_rng(3)
    A, b, _ = standardize(rng.normal(size=(40, 6)) @ (np.eye(6) + 0.9), rng.normal(size=40))
    b = A @ np.arange(1.0, 7.0)
    path = elastic_net_path(A, b, 40, [1e-9], [0.0])
    np.testing.assert_allclose(path.w[:, 0], np.arange(1.0, 7.0), rtol=1e-8)
    assert path.certificate.converged
    assert objective(A, b, path.w[:, 0], 1e-9, 0.0) == pytest.approx(2.1e-8, rel=1e-6)

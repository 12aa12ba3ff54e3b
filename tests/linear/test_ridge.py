"""Ridge paths against the closed form, their limits, and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from mlcli.linear.penalised import ridge_path


def data(n: int = 40, p: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(n, p)), rng.normal(size=n)
    return A - A.mean(axis=0), b - b.mean()


def test_closed_form_and_trace_of_the_hat_matrix() -> None:
    A, b = data()
    l2s = [0.0, 1e-6, 0.3, 50.0]
    path = ridge_path(A, b, 40, l2s)
    for k, l2 in enumerate(l2s):
        inverse = np.linalg.inv(A.T @ A + 2 * 40 * l2 * np.eye(6))
        np.testing.assert_allclose(path.w[:, k], inverse @ A.T @ b, atol=1e-13)
        assert path.degrees_of_freedom[k] == pytest.approx(np.trace(A @ inverse @ A.T))


def test_scikit_learn_agrees_at_alpha_two_n_l2() -> None:
    A, b = data()
    peer = Ridge(alpha=2 * 40 * 0.7).fit(A, b)
    np.testing.assert_allclose(ridge_path(A, b, 40, [0.7]).w[:, 0], peer.coef_, atol=1e-12)


def test_a_compressed_factor_gives_the_same_path() -> None:
    A, b = data()
    R = np.linalg.qr(np.column_stack([A, b]), mode="r")
    whole, small = ridge_path(A, b, 40, [0.1, 2]), ridge_path(R[:, :-1], R[:, -1], 40, [0.1, 2])
    np.testing.assert_allclose(whole.w, small.w, atol=1e-13)
    np.testing.assert_allclose(whole.degrees_of_freedom, small.degrees_of_freedom)


def test_limits() -> None:
    A, b = data()
    A[:, 5] = A[:, 4]
    path = ridge_path(A, b, 40, [0.0, 1e12])
    np.testing.assert_allclose(path.w[:, 0], np.linalg.pinv(A) @ b, atol=1e-12)
    assert path.degrees_of_freedom[0] == pytest.approx(5)
    assert np.abs(path.w[:, 1]).max() < 1e-11
    wide = ridge_path(A[:3], b[:3], 3, [0.0])
    np.testing.assert_allclose(A[:3] @ wide.w[:, 0], b[:3], atol=1e-12)
    np.testing.assert_array_equal(ridge_path(np.zeros((4, 2)), b[:4], 4, [0.0, 1.0]).w, 0.0)
    with pytest.raises(ValueError, match="finite and at least 0"):
        ridge_path(A, b, 40, [-1.0])

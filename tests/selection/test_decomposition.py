"""Appendix A on arrays (`selection.bias_variance`): identities to rounding, and exact theory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from mlcli.linear.design import build
from mlcli.linear.penalised import ridge_path
from mlcli.linear.polynomial import fit_polynomial
from mlcli.selection.bias_variance import (
    EnsembleMoments,
    decompose,
    decompose_on_draws,
    largest_share,
)
from mlcli.selection.expected_loss import expected_squared_error, uniform_quadrature

Array = NDArray[np.float64]


def moments_of(stacked: Array) -> EnsembleMoments:
    """Of predictions (S, n, k)."""
    moments = EnsembleMoments(*stacked.shape[1:])
    for one in stacked:
        moments.add(one)
    return moments


def drawn(seed: int, n_members: int = 7, offset: float = 0.0) -> tuple[Array, Array, Array]:
    """Predictions (S, n, k), f~ (n,) and t (n,), with nothing special about them."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 2, 13)
    spread = rng.exponential(2, (13, 3))
    y = truth[:, None] + rng.normal(0.5, 1, (13, 3)) + spread * rng.normal(size=(n_members, 13, 3))
    return y + offset, truth + offset, truth + rng.normal(0, 1.5, 13) + offset


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_the_pointwise_identity_a14_holds_to_rounding(seed: int, n_members: int) -> None:
    y, truth, _ = drawn(seed, n_members)
    moments = moments_of(y)
    left = ((y - truth[:, None]) ** 2).mean(axis=0)
    right = (moments.mean - truth[:, None]) ** 2 + moments.variance
    np.testing.assert_allclose(left, right, rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_the_integrated_identity_a18_holds_to_rounding_on_the_same_draws(
    seed: int, n_members: int
) -> None:
    y, truth, t = drawn(seed, n_members)
    found = decompose_on_draws(moments_of(y), truth, t)
    np.testing.assert_allclose(((t[:, None] - y) ** 2).mean(axis=(0, 1)), found.total, rtol=1e-12)
    # What (A.18) drops is no rounding: without the cross term the identity is off by per cents.
    assert np.abs(found.cross / found.total).max() > 1e-6


def test_the_cross_term_vanishes_over_the_noise_as_a11_says() -> None:
    y, truth, _ = drawn(3)
    moments, rng = moments_of(y), np.random.default_rng(0)
    noise = rng.normal(0, 1.5, (20_000, truth.size))
    cross = np.array([decompose_on_draws(moments, truth, truth + w).cross for w in noise])
    error = cross.std(axis=0) / np.sqrt(len(cross))
    assert (np.abs(cross.mean(axis=0)) < 5 * error).all()
    assert (error > 0).all()


def test_where_the_truth_is_unknown_two_terms_are_the_measured_error() -> None:
    y, _, t = drawn(5)
    found = decompose(moments_of(y), t, np.full(t.size, 1 / t.size), 0.0)
    np.testing.assert_allclose(((t[:, None] - y) ** 2).mean(axis=(0, 1)), found.total, rtol=1e-12)


def test_the_sum_is_the_mean_of_the_members_expected_errors() -> None:
    nodes, weights = uniform_quadrature(-1.0, 1.0, 13)
    y, truth, _ = drawn(8, n_members=50)
    found = decompose(moments_of(y), truth, weights, 1.7**2)
    each = [expected_squared_error(one, truth, weights, 1.7) for one in y]
    np.testing.assert_allclose(found.total, np.mean(each, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(found.noise, 1.7**2)
    assert nodes.size == truth.size


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_running_moments_are_those_of_all_members_at_once(offset: float) -> None:
    y, _, _ = drawn(2, n_members=60, offset=offset)
    moments = moments_of(y)
    np.testing.assert_allclose(moments.mean, y.mean(axis=0), rtol=1e-14)
    # Sums of squares would leave no digit of the variance at an offset of 1e8.
    np.testing.assert_allclose(moments.variance, y.var(axis=0), rtol=1e-13 if not offset else 1e-6)


def test_one_member_has_no_variance() -> None:
    y, _, _ = drawn(2, n_members=1)
    assert not moments_of(y).variance.any()


def test_values_beyond_a_float_stay_silent() -> None:
    moments = moments_of(np.array([[[1e200]], [[-1e200]], [[np.inf]]]))
    found = decompose(moments, np.zeros(1), np.ones(1), 1.0)
    assert not np.isfinite(found.total).any()


# --- exact theory on a fixed design ------------------------------------------------------------

N, SIGMA, N_MEMBERS = 24, 1.3, 4000
X = np.sort(np.random.default_rng(11).uniform(-2, 2, N))[:, None]
TRUTH = 0.5 * X[:, 0] ** 3 + 0.3 * X[:, 0] ** 2 - 0.25 * X[:, 0] + 1
EVEN = np.full(N, 1 / N)


def ensemble_of(predict: Callable[[Array], Array], seed: int = 0) -> EnsembleMoments:
    """Moments at X of models fitted to fresh noise on the same X; predict: t (N,) -> (N, k)."""
    rng = np.random.default_rng(seed)
    moments = EnsembleMoments(N, predict(TRUTH).shape[1])
    for _ in range(N_MEMBERS):
        moments.add(predict(TRUTH + rng.normal(0, SIGMA, N)))
    return moments


def test_least_squares_varies_by_sigma_squared_times_columns_over_rows() -> None:
    degrees = [0, 1, 3, 6]
    moments = ensemble_of(lambda t: fit_polynomial(X, t, degrees).predict(X))
    found = decompose(moments, TRUTH, EVEN, SIGMA**2)
    n_columns = np.array(degrees) + 1
    theory = SIGMA**2 * n_columns / N
    # The estimate is a mean of about S (M + 1) squares of normal numbers: five of its errors.
    spread = 5 * np.sqrt(2 / (N_MEMBERS * n_columns))
    assert (np.abs(found.variance / theory - 1) < spread).all()
    # Degree 3 and more contain the truth: what is left of bias^2 is what finite S adds.
    added = theory / N_MEMBERS
    assert (np.abs(found.bias_squared_unbiased[2:]) < 5 * added[2:]).all()
    assert found.bias_squared[2:] == pytest.approx(added[2:], rel=2.0)
    for k, degree in enumerate((0, 1)):
        w = np.polyfit(X[:, 0], TRUTH, degree)
        theory_bias = ((np.polyval(w, X[:, 0]) - TRUTH) ** 2).mean()
        assert found.bias_squared[k] == pytest.approx(theory_bias, rel=0.05)


def smoother(l2: float, degree: int) -> Array:
    """The matrix H with y = H t of ridge regression, by scikit-learn, alpha = 2 N l2."""
    design = build("polynomial", X, TRUTH, degree, intercept=True, scaled=True)
    columns = [Ridge(alpha=2 * N * l2, solver="svd").fit(design.A, e) for e in np.eye(N)]
    return np.stack([one.predict(design.A) for one in columns], axis=1)


def test_ridge_has_its_closed_form_bias_and_variance() -> None:
    l2s = [1e-3, 0.05, 1.0, 1e9]

    def predict(t: Array) -> Array:
        design = build("polynomial", X, t, 5, intercept=True, scaled=True)
        return design.predict(X, ridge_path(design.A, design.b, N, l2s).w)

    found = decompose(ensemble_of(predict), TRUTH, EVEN, SIGMA**2)
    for k, l2 in enumerate(l2s):
        H = smoother(l2, 5)
        variance = SIGMA**2 * np.trace(H @ H.T) / N
        bias_squared = ((H @ TRUTH - TRUTH) ** 2).mean()
        assert found.variance[k] == pytest.approx(variance, rel=5 * np.sqrt(2 / N_MEMBERS))
        # The mean fit is off by about sqrt(variance / S) at each point.
        slack = 5 * np.sqrt(variance / N_MEMBERS)
        assert abs(np.sqrt(found.bias_squared[k]) - np.sqrt(bias_squared)) < slack
    # An endless strength leaves the mean of t alone.
    assert found.variance[-1] == pytest.approx(SIGMA**2 / N, rel=5 * np.sqrt(2 / N_MEMBERS))
    assert found.bias_squared[-1] == pytest.approx(TRUTH.var(), rel=0.05)


def test_the_unbiased_bias_is_unbiased_where_the_plain_one_is_not() -> None:
    rng = np.random.default_rng(4)
    n_members, n_ensembles = 5, 4000
    plain, unbiased = [], []
    for _ in range(n_ensembles):
        found = decompose(
            moments_of(rng.normal(1.0, 2.0, (n_members, 1, 1))), np.zeros(1), np.ones(1), 0.0
        )
        plain.append(found.bias_squared[0])
        unbiased.append(found.bias_squared_unbiased[0])
    error = np.std(unbiased) / np.sqrt(n_ensembles)
    assert abs(np.mean(unbiased) - 1.0) < 5 * error
    assert abs(np.mean(plain) - (1.0 + 4.0 / n_members)) < 5 * error
    assert min(unbiased) < 0


def test_the_largest_share() -> None:
    errors = np.array([[1.0, 0.0, 9.0, np.inf], [1.0, 0.0, 1.0, 1.0]])
    np.testing.assert_array_equal(largest_share(errors), [0.5, np.nan, 0.9, np.nan])

"""Misprints of appendix B, numerically: the printed form fails, the corrected one holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from mlcli.backpropagation.gradient_check import central_differences
from mlcli.experiments.bayes.fit import maximum_likelihood
from mlcli.linear.basis import fit_basis
from mlcli.linear.bayes.posterior import (
    Posterior,
    exponent,
    isotropic_posterior,
    log_likelihood,
    log_posterior_unnormalised,
    normal_log_density,
    spectrum,
)
from mlcli.linear.penalised import ridge_path
from mlcli.linear.r_factor import QRAccumulator, RFactor

Array = np.ndarray
ALPHA, BETA = 0.8, 5.0


def problem(n_rows: int = 25, n_columns: int = 3) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 2, n_rows)
    Phi = np.vander(x, n_columns, increasing=True)
    return Phi, 2 + x - 0.5 * x**2 + rng.normal(0, 0.4, n_rows)


def r_factor(Phi: Array, t: Array) -> RFactor:
    rows = QRAccumulator(Phi.shape[1])
    rows.add(Phi, t)
    return rows.r_factor()


def posterior(Phi: Array, t: Array) -> Posterior:
    return isotropic_posterior(spectrum(r_factor(Phi, t)), ALPHA, BETA)


def test_b_4_integrates_to_1() -> None:
    beta, mu = 3.0, 0.7

    def printed(t: float) -> float:
        return float((beta / (2 * np.pi)) ** 0.5 * np.exp(-beta / (2 * np.pi) * (t - mu) ** 2))

    corrected = quad(lambda t: np.exp(normal_log_density(t, mu, beta)), -30, 30, points=[mu])[0]
    area = quad(printed, -30, 30, points=[mu])[0]
    second = quad(lambda t: (t - mu) ** 2 * printed(t), -30, 30, points=[mu])[0]
    assert corrected == pytest.approx(1.0, abs=1e-9)
    assert area == pytest.approx((np.pi / 2) ** 0.5 * 2**0.5, rel=1e-9)
    assert second / area == pytest.approx(np.pi / beta, rel=1e-9)


def test_b_8_and_b_9_are_maximised() -> None:
    """At w_ML the log likelihood is a maximum: steps away lower it, and it has no minimum."""
    Phi, t = problem()
    found = maximum_likelihood(r_factor(Phi, t))
    np.testing.assert_allclose(found.w, np.linalg.pinv(Phi) @ t, rtol=1e-9)

    def value(w: Array) -> float:
        return log_likelihood(float(((t - Phi @ w) ** 2).sum()), t.size, BETA)

    best = value(found.w)
    by_rows = float(normal_log_density(t, Phi @ found.w, BETA).sum())
    assert best == pytest.approx(by_rows, rel=1e-12)
    for step in np.random.default_rng(1).normal(size=(20, 3)):
        assert value(found.w + 0.01 * step) < best
        assert value(found.w + 1e4 * step) < value(found.w + 1e3 * step) < best
    gradient = central_differences(lambda: value(found.w), found.w)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)


def test_b_11_has_m_plus_1_columns() -> None:
    x = np.linspace(0, 1, 6)[:, None]
    for M in (1, 3, 7):
        basis = fit_basis("polynomial", 0.0, 1.0, M)
        assert basis.evaluate(x).shape == (6, M + 1)
        np.testing.assert_array_equal(basis.evaluate(x)[:, 0], 1.0)


def test_b_12_is_the_best_noise_precision() -> None:
    Phi, t = problem()
    found = maximum_likelihood(r_factor(Phi, t))
    rss = float(((t - Phi @ found.w) ** 2).sum())
    assert found.noise_precision == pytest.approx(t.size / rss, rel=1e-10)
    assert found.log_likelihood == pytest.approx(
        log_likelihood(rss, t.size, t.size / rss), rel=1e-12
    )
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert log_likelihood(rss, t.size, factor * t.size / rss) < found.log_likelihood  # type: ignore[operator]


def test_b_13_has_the_inverse_precision() -> None:
    """New targets at the inputs of many rows vary by 1/beta_ML about the fit, not by beta_ML."""
    Phi, t = problem(4000)
    found = maximum_likelihood(r_factor(Phi, t))
    assert found.noise_precision is not None
    truth = Phi @ np.array([2.0, 1.0, -0.5])
    fresh = truth + np.random.default_rng(2).normal(0, 0.4, 4000)
    off = np.abs(fresh - Phi @ found.w)
    assert (off < 1.96 * found.noise_precision**-0.5).mean() == pytest.approx(0.95, abs=0.02)
    assert (off < 1.96 * found.noise_precision**0.5).mean() > 0.999


def test_b_15_is_ridge_with_alpha_over_2_n_beta_and_w_0_penalised() -> None:
    Phi, t = problem()
    N = t.size
    mean = posterior(Phi, t).mean
    gradient = central_differences(
        lambda: log_posterior_unnormalised(Phi, t, mean, ALPHA, BETA), mean
    )
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)
    l2 = ALPHA / (2 * N * BETA)
    np.testing.assert_allclose(ridge_path(Phi, t, N, [l2]).w[:, 0], mean, rtol=1e-9)
    printed = ridge_path(Phi, t, N, [ALPHA / BETA]).w[:, 0]
    assert np.abs(printed - mean).max() > 0.1
    # (3.13) leaves w_0 free, which is another minimum.
    free = np.diag([0.0, 1.0, 1.0])
    without = np.linalg.solve(Phi.T @ Phi + 2 * N * l2 * free, Phi.T @ t)
    assert np.abs(without - mean).max() > 1e-3
    # A prior times the evidence p(t) is proportional to the prior, whatever the data are.
    prior_only = central_differences(lambda: -0.5 * ALPHA * float(mean @ mean), mean)
    assert np.abs(prior_only).max() > 0.1


def test_b_16_and_b_17_run_from_0() -> None:
    Phi, t = problem()
    A, b = exponent(Phi, t, ALPHA, BETA)
    expected = posterior(Phi, t)
    np.testing.assert_allclose(np.linalg.solve(A, b), expected.mean, rtol=1e-9)
    rng = np.random.default_rng(3)
    w = rng.normal(size=3)
    loops = sum(
        -0.5 * w[i] * (ALPHA * (i == j) + BETA * Phi[:, i] @ Phi[:, j]) * w[j]
        for i in range(3)
        for j in range(3)
    )
    linear = BETA * sum(w[i] * Phi[a, i] * t[a] for a in range(t.size) for i in range(3))
    assert loops == pytest.approx(float(-0.5 * w @ A @ w), rel=1e-12)
    assert linear == pytest.approx(float(b @ w), rel=1e-12)
    # From 1 on there is no w_0, and the others take over what it explains.
    from_1 = np.linalg.solve(A[1:, 1:], b[1:])
    assert np.abs(from_1 - expected.mean[1:]).max() > 0.5


def test_b_18_has_the_inverse_covariance_on_both_sides() -> None:
    rng = np.random.default_rng(4)
    root = rng.normal(size=(3, 3))
    S, mu, w = root @ root.T + np.eye(3), rng.normal(size=3), rng.normal(size=3)
    inverse = np.linalg.inv(S)
    right = -0.5 * w @ inverse @ w + w @ inverse @ mu - 0.5 * mu @ inverse @ mu
    left = -0.5 * (w - mu) @ inverse @ (w - mu)
    assert left == pytest.approx(right, rel=1e-11)
    law = multivariate_normal(mu, S)
    assert law.logpdf(w) - law.logpdf(mu) == pytest.approx(left, rel=1e-10)
    by_root = -0.5 * (w - mu) @ np.linalg.inv(np.linalg.cholesky(S)) @ (w - mu)
    assert by_root != pytest.approx(left, rel=0.05)


def test_b_20_has_s_n_in_its_mean() -> None:
    Phi, t = problem()
    found = posterior(Phi, t)
    printed = BETA * Phi.T @ t
    np.testing.assert_allclose(found.covariance @ printed, found.mean, rtol=1e-9)
    assert np.abs(printed - found.mean).max() > 100


def test_b_21_is_an_integral_over_w() -> None:
    """With one weight, by quadrature; the integrand alone depends on w and is no density of t."""
    Phi, t = problem(n_columns=1)
    found = posterior(Phi, t)
    mean, std = found.predict(np.ones((1, 1)))
    weight = norm(found.mean[0], found.std[0])

    def integrand(target: float, w: float) -> float:
        return float(np.exp(normal_log_density(target, w, BETA)) * weight.pdf(w))

    low, high = weight.interval(1 - 1e-15)
    for target in (1.5, 2.2):
        area = quad(lambda w, at=target: integrand(at, w), low, high)[0]
        assert area == pytest.approx(norm(mean[0], std[0]).pdf(target), rel=1e-8)
        assert integrand(target, low) < 1e-6 < 1 < integrand(target, found.mean[0])
    total = quad(lambda at: integrand(at, found.mean[0]), -3, 7, points=[found.mean[0]])[0]
    assert total == pytest.approx(weight.pdf(found.mean[0]), rel=1e-9)
    assert total > 2

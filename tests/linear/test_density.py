"""The densities of appendix B against SciPy, and the posterior from its exponent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from mlcli.linear.bayes.posterior import (
    Posterior,
    exponent,
    isotropic_posterior,
    log_posterior_unnormalised,
    normal_log_density,
    spectrum,
)
from mlcli.linear.r_factor import QRAccumulator

ALPHA, BETA = 0.5, 4.0


def problem(n_columns: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 12)
    return np.polynomial.legendre.legvander(x, n_columns - 1), 1 + x + rng.normal(0, 0.5, 12)


def posterior(Phi: np.ndarray, t: np.ndarray) -> Posterior:
    rows = QRAccumulator(Phi.shape[1])
    rows.add(Phi, t)
    return isotropic_posterior(spectrum(rows.r_factor()), ALPHA, BETA)


def test_the_normal_density_is_scipys_and_integrates_to_1() -> None:
    t = np.linspace(-3, 5, 9)
    expected = norm(1.5, BETA**-0.5).logpdf(t)
    np.testing.assert_allclose(normal_log_density(t, 1.5, BETA), expected, rtol=1e-13)
    area, _ = quad(lambda t: np.exp(normal_log_density(t, 1.5, BETA)), -10, 13, points=[1.5])
    assert area == pytest.approx(1.0, abs=1e-10)


def test_the_posterior_is_the_exponential_of_its_exponent() -> None:
    """Differences of (B.15) are those of the normal posterior, and of -1/2 w^T A w + b^T w."""
    Phi, t = problem()
    found = posterior(Phi, t)
    law = multivariate_normal(found.mean, found.covariance)
    A, b = exponent(Phi, t, ALPHA, BETA)
    rng = np.random.default_rng(1)
    base = np.zeros(3)
    for w in rng.normal(size=(20, 3)) * 2:
        change = log_posterior_unnormalised(Phi, t, w, ALPHA, BETA) - log_posterior_unnormalised(
            Phi, t, base, ALPHA, BETA
        )
        assert change == pytest.approx(law.logpdf(w) - law.logpdf(base), rel=1e-9)
        assert change == pytest.approx(float(-0.5 * w @ A @ w + b @ w), rel=1e-9)


def test_the_exponent_gives_mean_and_covariance() -> None:
    Phi, t = problem()
    found = posterior(Phi, t)
    A, b = exponent(Phi, t, ALPHA, BETA)
    np.testing.assert_allclose(np.linalg.inv(A), found.covariance, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(np.linalg.solve(A, b), found.mean, rtol=1e-10)


def test_the_prediction_is_the_integral_over_the_weights() -> None:
    """(B.21) over the one weight of a constant, number by number, is the normal of (B.23)."""
    Phi, t = problem(1)
    found = posterior(Phi, t)
    mean, std = found.predict(np.ones((1, 1)))
    low, high = (float(found.mean[0] + k * found.std[0]) for k in (-9, 9))
    for target in (-0.5, 0.9, 2.0):

        def integrand(w: float, target: float = target) -> float:
            weight = norm(found.mean[0], found.std[0]).pdf(w)
            return float(np.exp(normal_log_density(target, w, BETA)) * weight)

        area, _ = quad(integrand, low, high, epsabs=1e-13)
        assert area == pytest.approx(norm(mean[0], std[0]).pdf(target), rel=1e-8)

"""Posterior, evidence, ARD and unknown noise: by hand, by other routes, at the edges, and peers."""

from __future__ import annotations

from math import lgamma, log, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.errors import InputError, NoAnswerError
from mlcli.linear.bayes import evidence
from mlcli.linear.bayes import relevance as ard
from mlcli.linear.bayes.evidence import maximise_evidence
from mlcli.linear.bayes.posterior import (
    Prior,
    Spectrum,
    from_prior,
    gaussian_prior,
    general_posterior,
    isotropic_posterior,
    log_evidence,
    log_likelihood,
    spectrum,
    updated,
    whitened,
)
from mlcli.linear.bayes.relevance import relevance
from mlcli.linear.bayes.unknown_noise import (
    best_ratio,
    student_log_evidence,
    student_posterior,
)
from mlcli.linear.penalised import ridge_path
from mlcli.linear.r_factor import QRAccumulator, RFactor

Array = np.ndarray


def r_factor(Phi: Array, t: Array) -> RFactor:
    accumulator = QRAccumulator(Phi.shape[1])
    accumulator.add(Phi, t)
    return accumulator.r_factor()


def problem(n_rows: int = 30, degree: int = 4, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, n_rows)
    t = 1 + 2 * x - 3 * x**3 + rng.normal(0, 0.5, n_rows)
    return np.polynomial.legendre.legvander(x, degree), t


def data(n_rows: int = 30, degree: int = 4, seed: int = 0) -> Spectrum:
    return spectrum(r_factor(*problem(n_rows, degree, seed)))


def dense_log_evidence(Phi: Array, t: Array, alpha: float, beta: float) -> float:
    from scipy.stats import multivariate_normal

    covariance = np.eye(t.size) / beta + Phi @ Phi.T / alpha
    return float(multivariate_normal(np.zeros(t.size), covariance).logpdf(t))


def test_three_points_by_hand() -> None:
    Phi = np.array([[1.0, -1.0], [1.0, 0.0], [1.0, 1.0]])
    found = isotropic_posterior(spectrum(r_factor(Phi, np.array([-2.0, 0.0, 2.0]))), 1.0, 1.0)
    np.testing.assert_allclose(found.mean, [0, 4 / 3], atol=1e-15)
    np.testing.assert_allclose(found.covariance, np.diag([1 / 4, 1 / 3]), atol=1e-15)
    mean, std = found.predict(np.array([[1.0, 3.0]]))
    # 1 / beta + 1/4 + 9/3 = 4.25
    assert (mean[0], std[0]) == (pytest.approx(4.0), pytest.approx(sqrt(4.25)))
    slope = isotropic_posterior(
        spectrum(r_factor(Phi[:, 1:], np.array([-2.0, 0.0, 2.0]))), 1.0, 1.0
    )
    mean, std = slope.predict(np.array([[3.0]]))
    assert (mean[0], std[0]) == (pytest.approx(4.0), pytest.approx(2.0))


@settings(deadline=None)
@given(st.floats(-6, 6), st.floats(-6, 6), st.integers(3, 12), st.integers(0, 1000))
def test_evidence_is_the_density_of_n_correlated_targets(
    a: float, b: float, n_rows: int, seed: int
) -> None:
    Phi, t = problem(n_rows, 4, seed)
    alpha, beta = np.exp(a), np.exp(b)
    found = log_evidence(spectrum(r_factor(Phi, t)), alpha, beta)
    assert found == pytest.approx(dense_log_evidence(Phi, t, alpha, beta), rel=1e-7, abs=1e-7)


def test_evidence_in_one_dimension_is_an_integral() -> None:
    from scipy.integrate import quad

    phi, t = np.array([0.5, -1.0, 2.0]), np.array([1.0, -0.5, 2.5])
    alpha, beta = 0.7, 1.9

    def joint(w: float) -> float:
        prior = sqrt(alpha / (2 * pi)) * np.exp(-alpha * w * w / 2)
        likelihood = np.prod(sqrt(beta / (2 * pi)) * np.exp(-beta * (t - w * phi) ** 2 / 2))
        return float(prior * likelihood)

    integral = quad(joint, -10, 10, epsabs=1e-14, epsrel=1e-12)[0]
    found = log_evidence(spectrum(r_factor(phi[:, None], t)), alpha, beta)
    assert found == pytest.approx(log(integral), rel=1e-10)


def test_the_posterior_mean_is_ridge_and_tends_to_least_squares() -> None:
    Phi, t = problem()
    alpha, beta = 0.3, 4.0
    found = isotropic_posterior(data(), alpha, beta)
    # (3.13): 1/(2N) rss + l2 w^2, so l2 = alpha / (2 N beta).
    ridge = ridge_path(Phi, t, 30, [alpha / (2 * 30 * beta)]).w[:, 0]
    np.testing.assert_allclose(found.mean, ridge, rtol=1e-12)
    limit = isotropic_posterior(data(), 1e-14, beta)
    np.testing.assert_allclose(limit.mean, np.linalg.lstsq(Phi, t, rcond=None)[0], rtol=1e-10)
    A = alpha * np.eye(5) + beta * Phi.T @ Phi
    np.testing.assert_allclose(found.covariance, np.linalg.inv(A), rtol=1e-10)
    np.testing.assert_allclose(found.std, np.sqrt(np.diagonal(np.linalg.inv(A))), rtol=1e-10)


def test_the_maximum_satisfies_mackays_conditions_and_beats_its_surroundings() -> None:
    Phi, t = problem()
    spec = data()
    found = maximise_evidence(spec)
    post = isotropic_posterior(spec, found.prior_precision, found.noise_precision)
    rss = float(((t - Phi @ post.mean) ** 2).sum())
    gamma = found.effective_parameters
    assert found.prior_precision == pytest.approx(gamma / (post.mean @ post.mean), rel=1e-9)
    assert found.noise_precision == pytest.approx((30 - gamma) / rss, rel=1e-9)
    for up in (0.9, 1.1):
        for side in (0.9, 1.0, 1.1):
            other = log_evidence(spec, found.prior_precision * up, found.noise_precision * side)
            assert other < found.log_evidence


@pytest.mark.parametrize("given_one", ["prior", "noise"])
def test_one_precision_given(given_one: str) -> None:
    from scipy.optimize import minimize_scalar

    spec = data()
    held = {"prior_precision": 0.2} if given_one == "prior" else {"noise_precision": 1.5}
    found = maximise_evidence(spec, **held)
    if given_one == "prior":
        best = minimize_scalar(lambda u: -log_evidence(spec, 0.2, np.exp(u)), (-3, 3))
        assert found.noise_precision == pytest.approx(np.exp(best.x), rel=1e-5)
    else:
        best = minimize_scalar(lambda u: -log_evidence(spec, np.exp(u), 1.5), (-3, 3))
        assert found.prior_precision == pytest.approx(np.exp(best.x), rel=1e-5)
    both = maximise_evidence(spec, 0.2, 1.5)
    assert (both.prior_precision, both.noise_precision) == (0.2, 1.5)
    assert both.log_evidence == log_evidence(spec, 0.2, 1.5)


def test_two_maxima_are_both_found() -> None:
    # One direction with huge, exact signal and many with none: prior or noise can explain it.
    spec = Spectrum(np.array([30.0, *[1.0] * 8]), np.eye(9), np.array([6.0, *[3.2] * 8]), 4.0, 14)
    found = maximise_evidence(spec)
    grid = np.geomspace(1e-8, 1e6, 3000)
    values = [log_evidence(spec, r * b, b) for r in grid for b in [14 / spec.energy(float(r))]]
    peaks = [i for i in range(1, 2999) if values[i - 1] < values[i] > values[i + 1]]
    assert found.n_maxima == len(peaks) >= 1
    assert found.log_evidence >= max(values) - 1e-9


def test_no_signal_is_said_and_exact_fits_have_no_answer() -> None:
    rng = np.random.default_rng(3)
    Phi = np.linalg.qr(rng.normal(size=(50, 3)))[0]
    t = rng.normal(size=50)
    t -= 0.999 * Phi @ (Phi.T @ t)
    found = maximise_evidence(spectrum(r_factor(Phi, t)))
    assert found.at_limit
    assert found.effective_parameters < 1e-6
    x = np.linspace(-1, 1, 10)
    exact = spectrum(r_factor(np.vander(x, 3), 1 + x**2))
    with pytest.raises(NoAnswerError, match="fit the target exactly"):
        maximise_evidence(Spectrum(exact.s, exact.V, exact.z, 0.0, 10))
    two = spectrum(r_factor(np.vander([0.0, 1.0], 2), np.array([1.0, 2.0])))
    with pytest.raises(NoAnswerError, match="fit the target exactly"):
        maximise_evidence(two)
    with pytest.raises(NoAnswerError, match="zero in every row"):
        maximise_evidence(spectrum(r_factor(np.vander(x, 3), np.zeros(10))))


def test_degree_30_on_40_points() -> None:
    rng = np.random.default_rng(4)
    x = np.sort(rng.uniform(-2, 2, 40))
    t = 0.5 * x**3 + 0.3 * x**2 - 0.25 * x + 1 + rng.normal(0, 1, 40)
    for Phi in (np.vander(x, 31, increasing=True), np.polynomial.legendre.legvander(x / 2, 30)):
        spec = spectrum(r_factor(Phi, t))
        found = maximise_evidence(spec)
        post = isotropic_posterior(spec, found.prior_precision, found.noise_precision)
        mean, std = post.predict(Phi)
        assert np.isfinite(found.log_evidence)
        assert (std >= found.noise_precision**-0.5).all()
        assert ((t - mean) ** 2).mean() < t.var()


def test_scikit_learn_finds_the_same_precisions() -> None:
    from sklearn.linear_model import BayesianRidge

    Phi, t = problem(200, 6, 5)
    # Their alpha is our beta, their lambda our alpha; hyperpriors off.
    peer = BayesianRidge(
        alpha_1=0,
        alpha_2=0,
        lambda_1=0,
        lambda_2=0,
        tol=1e-14,
        max_iter=5000,
        fit_intercept=False,
        compute_score=True,
    ).fit(Phi, t)
    found = maximise_evidence(spectrum(r_factor(Phi, t)))
    assert found.noise_precision == pytest.approx(peer.alpha_, rel=1e-6)
    assert found.prior_precision == pytest.approx(peer.lambda_, rel=1e-6)
    assert found.log_evidence == pytest.approx(peer.scores_[-1], rel=1e-8)
    post = isotropic_posterior(
        spectrum(r_factor(Phi, t)), found.prior_precision, found.noise_precision
    )
    mean, std = post.predict(Phi[:5])
    their_mean, their_std = peer.predict(Phi[:5], return_std=True)
    np.testing.assert_allclose(mean, their_mean, rtol=1e-6)
    np.testing.assert_allclose(std, their_std, rtol=1e-6)


def test_one_point_at_a_time_is_the_batch() -> None:
    Phi, t = problem(60, 5, 6)
    prior = Prior(np.zeros(6), np.eye(6) / sqrt(0.4))
    now = from_prior(prior, 3.0)
    for phi, target in zip(Phi, t, strict=True):
        now = updated(now, phi, float(target))
    batch = isotropic_posterior(spectrum(r_factor(Phi, t)), 0.4, 3.0)
    np.testing.assert_allclose(now.mean, batch.mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(now.covariance, batch.covariance, rtol=1e-9, atol=1e-14)


def test_a_general_prior_is_the_textbook_formula_and_can_be_yesterdays_posterior() -> None:
    Phi, t = problem(40, 3, 7)
    rng = np.random.default_rng(8)
    m0, root = rng.normal(size=4), rng.normal(size=(4, 4))
    S0, beta = root @ root.T + 0.1 * np.eye(4), 2.5
    prior = gaussian_prior(m0, S0)
    found = general_posterior(whitened(r_factor(Phi, t), prior), prior, beta)
    precision = np.linalg.inv(S0) + beta * Phi.T @ Phi
    S = np.linalg.inv(precision)
    np.testing.assert_allclose(found.covariance, S, rtol=1e-9)
    np.testing.assert_allclose(
        found.mean, S @ (np.linalg.inv(S0) @ m0 + beta * Phi.T @ t), rtol=1e-9
    )
    first = general_posterior(whitened(r_factor(Phi[:15], t[:15]), prior), prior, beta)
    handed_on = gaussian_prior(first.mean, first.covariance)
    second = general_posterior(whitened(r_factor(Phi[15:], t[15:]), handed_on), handed_on, beta)
    np.testing.assert_allclose(second.mean, found.mean, rtol=1e-9)
    np.testing.assert_allclose(second.covariance, found.covariance, rtol=1e-8)
    whole = log_evidence(whitened(r_factor(Phi, t), prior), 1.0, beta)
    parts = log_evidence(whitened(r_factor(Phi[:15], t[:15]), prior), 1.0, beta)
    parts += log_evidence(whitened(r_factor(Phi[15:], t[15:]), handed_on), 1.0, beta)
    assert parts == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize(
    ("covariance", "said"),
    [
        (np.array([[1.0, 1.0], [1.0, 1.0]]), "positive definite"),
        (np.array([[1.0, 0.0], [0.0, 0.0]]), "positive definite"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (np.array([[1.0, 0.5], [0.1, 1.0]]), "symmetric"),
        (np.eye(3), "of shape"),
        (np.array([[np.nan, 0.0], [0.0, 1.0]]), "finite"),
    ],
)
def test_priors_that_are_none(covariance: Array, said: str) -> None:
    with pytest.raises(InputError, match=said):
        gaussian_prior(np.zeros(2), covariance)


def test_a_tiny_scale_is_no_singular_prior() -> None:
    assert gaussian_prior(np.zeros(2), np.diag([1e-30, 1e30])).factor[0, 0] == 1e-15


def test_draws_have_the_posteriors_moments() -> None:
    found = isotropic_posterior(data(), 0.5, 2.0)
    draws = found.draw(200_000, np.random.default_rng(9))
    np.testing.assert_allclose(draws.mean(axis=1), found.mean, atol=5e-3)
    np.testing.assert_allclose(np.cov(draws), found.covariance, atol=3e-3)
    shift = found.factor @ np.random.default_rng(9).normal(size=(found.factor.shape[1], 5))
    np.testing.assert_allclose(
        found.draw(5, np.random.default_rng(9)), found.mean[:, None] + shift, rtol=1e-12
    )


def test_log_likelihood_is_the_sum_of_normal_densities() -> None:
    from scipy.stats import norm

    Phi, t = problem()
    w = np.linalg.lstsq(Phi, t, rcond=None)[0]
    expected = norm(Phi @ w, 1 / sqrt(3.0)).logpdf(t).sum()
    assert log_likelihood(float(((t - Phi @ w) ** 2).sum()), 30, 3.0) == pytest.approx(expected)


def test_student_evidence_is_an_integral_over_the_noise() -> None:
    from scipy.integrate import quad
    from scipy.stats import invgamma

    spec, ratio, shape, rate = data(12, 2), 0.3, 2.5, 1.2

    def joint(u: float) -> float:
        variance = np.exp(u)
        density = invgamma(shape, scale=rate).logpdf(variance)
        return float(
            np.exp(log_evidence(spec, ratio / variance, 1 / variance) + density) * variance
        )

    integral = quad(joint, -8, 8, epsabs=0, epsrel=1e-11, limit=400)[0]
    found = student_log_evidence(spec, ratio, shape, rate)
    assert found == pytest.approx(log(integral), rel=1e-9)


def test_student_evidence_is_a_multivariate_t() -> None:
    from scipy.stats import multivariate_t

    Phi, t = problem(15, 3)
    spec, ratio, shape, rate = spectrum(r_factor(Phi, t)), 0.7, 3.0, 2.0
    covariance = np.eye(15) + Phi @ Phi.T / ratio
    dense = multivariate_t(np.zeros(15), rate / shape * covariance, df=2 * shape).logpdf(t)
    assert student_log_evidence(spec, ratio, shape, rate) == pytest.approx(float(dense), rel=1e-9)
    assert lgamma(3.0) == pytest.approx(log(2))


def test_students_posterior_and_predictive() -> None:
    Phi, t = problem(25, 3)
    spec, ratio, shape, rate = spectrum(r_factor(Phi, t)), 0.7, 3.0, 2.0
    found = student_posterior(spec, ratio, shape, rate)
    V = np.linalg.inv(ratio * np.eye(4) + Phi.T @ Phi)
    m = V @ Phi.T @ t
    b = rate + 0.5 * (t @ t - m @ np.linalg.inv(V) @ m)
    np.testing.assert_allclose(found.mean, m, rtol=1e-10)
    assert (found.shape, found.rate) == (pytest.approx(15.5), pytest.approx(b, rel=1e-10))
    np.testing.assert_allclose(found.covariance, b / 14.5 * V, rtol=1e-9)
    location, scale = found.predict(Phi[:2])
    expected = np.sqrt(b / 15.5 * (1 + np.einsum("ij,jk,ik->i", Phi[:2], V, Phi[:2])))
    np.testing.assert_allclose(location, Phi[:2] @ m, rtol=1e-10)
    np.testing.assert_allclose(scale, expected, rtol=1e-10)
    draws = found.draw(200_000, np.random.default_rng(1))
    np.testing.assert_allclose(np.cov(draws), found.covariance, atol=3e-3)


def test_known_noise_is_the_limit_of_a_sure_inverse_gamma() -> None:
    spec, sure = data(), 1e9
    found = student_posterior(spec, 0.6, sure, sure / 4.0)
    known = isotropic_posterior(spec, 0.6 * 4.0, 4.0)
    np.testing.assert_allclose(found.mean, known.mean, rtol=1e-9)
    np.testing.assert_allclose(found.std, known.std, rtol=1e-6)


def test_the_best_ratio_is_a_maximum() -> None:
    spec = data()
    best, _ = best_ratio(spec, 1e-3, 1e-3)
    here = student_log_evidence(spec, best, 1e-3, 1e-3)
    assert here > student_log_evidence(spec, best * 1.05, 1e-3, 1e-3)
    assert here > student_log_evidence(spec, best / 1.05, 1e-3, 1e-3)


def relevant(seed: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    Phi = rng.normal(size=(120, 10)) * np.geomspace(0.1, 10, 10)
    w = np.zeros(10)
    w[[1, 4, 8]] = [8.0, -1.0, 0.3]
    return Phi, Phi @ w + rng.normal(0, 0.5, 120), w


def test_relevance_finds_the_columns_that_matter_and_never_loses_evidence() -> None:
    for seed in range(5):
        Phi, t, w = relevant(seed)
        found = relevance(r_factor(Phi, t))
        assert (np.diff(found.history) >= -1e-9).all()
        assert set(np.flatnonzero(w)) <= set(found.kept)
        kept = found.kept
        covariance = np.eye(120) / found.noise_precision
        covariance += Phi[:, kept] / found.prior_precisions[kept] @ Phi[:, kept].T
        sign, logdet = np.linalg.slogdet(covariance)
        dense = -0.5 * (t @ np.linalg.solve(covariance, t) + logdet + 120 * log(2 * pi))
        assert sign == 1
        assert found.log_evidence == pytest.approx(dense, rel=1e-9)
        for j in kept:
            for factor in (0.9, 1.1):
                moved = np.array(found.prior_precisions)
                moved[j] *= factor
                other = np.eye(120) / found.noise_precision
                other += Phi[:, kept] / moved[kept] @ Phi[:, kept].T
                value = -0.5 * (
                    t @ np.linalg.solve(other, t) + np.linalg.slogdet(other)[1] + 120 * log(2 * pi)
                )
                assert value < dense + 1e-7


def test_relevance_is_not_below_scikit_learns() -> None:
    from sklearn.linear_model import ARDRegression

    Phi, t, _ = relevant(11)
    found = relevance(r_factor(Phi, t))
    peer = ARDRegression(
        alpha_1=0,
        alpha_2=0,
        lambda_1=0,
        lambda_2=0,
        tol=1e-10,
        max_iter=10_000,
        threshold_lambda=1e8,
        fit_intercept=False,
    ).fit(Phi, t)
    theirs = np.eye(120) / peer.alpha_ + Phi / peer.lambda_ @ Phi.T
    value = -0.5 * (
        t @ np.linalg.solve(theirs, t) + np.linalg.slogdet(theirs)[1] + 120 * log(2 * pi)
    )
    assert found.log_evidence >= value - 1e-6
    mean = np.zeros(10)
    kept = found.kept
    A = (
        np.diag(found.prior_precisions[kept])
        + found.noise_precision * Phi[:, kept].T @ Phi[:, kept]
    )
    mean[kept] = found.noise_precision * np.linalg.solve(A, Phi[:, kept].T @ t)
    np.testing.assert_allclose(mean, peer.coef_, atol=0.05)
    assert found.noise_precision == pytest.approx(peer.alpha_, rel=0.05)


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 30.0, 1e4])
def test_evidence_does_not_depend_on_the_columns_unit(unit: float) -> None:
    Phi, t = problem()
    plain, scaled = (maximise_evidence(spectrum(r_factor(c * Phi, t))) for c in (1.0, unit))
    assert scaled.prior_precision == pytest.approx(plain.prior_precision * unit**2, rel=1e-8)
    assert scaled.noise_precision == pytest.approx(plain.noise_precision, rel=1e-8)
    assert scaled.log_evidence == pytest.approx(plain.log_evidence, rel=1e-10)
    assert scaled.n_maxima == plain.n_maxima
    assert not scaled.at_limit


@pytest.mark.parametrize("unit", [1e-6, 30.0, 1e4])
def test_relevance_does_not_depend_on_the_columns_units(unit: float) -> None:
    Phi, t = problem(80)
    units = unit ** np.linspace(-1, 1, Phi.shape[1])
    plain, scaled = relevance(r_factor(Phi, t)), relevance(r_factor(Phi * units, t))
    np.testing.assert_array_equal(scaled.kept, plain.kept)
    kept = plain.kept
    np.testing.assert_allclose(
        scaled.prior_precisions[kept], plain.prior_precisions[kept] * units[kept] ** 2, rtol=1e-5
    )
    assert scaled.log_evidence == pytest.approx(plain.log_evidence, rel=1e-9)


def test_a_maximum_inside_is_not_at_the_limit_though_the_slope_ends_upwards() -> None:
    # Noise alone: the evidence rises to the strongest prior, and that end wins.
    rng = np.random.default_rng(5)
    Phi, noise = rng.normal(size=(40, 3)), rng.normal(size=40)
    noise -= Phi @ np.linalg.lstsq(Phi, noise, rcond=None)[0]
    assert maximise_evidence(spectrum(r_factor(Phi, noise))).at_limit
    assert not maximise_evidence(data()).at_limit


def test_the_students_moments_end_where_its_degrees_of_freedom_do() -> None:
    one = data()
    for n_rows, shape in ((1, 0.5), (2, 0.75), (3, 1.5)):
        small = Spectrum(one.s, one.V, one.z, one.rest, n_rows)
        found = student_posterior(small, 0.1, shape, 2.0)
        nu = 2 * shape + n_rows
        assert found.degrees_of_freedom == nu
        if nu <= 2:
            assert found.predictive_std_factor() == np.inf
            assert np.isinf(found.std).all()
        else:
            assert found.predictive_std_factor() == pytest.approx(sqrt(nu / (nu - 2)))
            variance = found.rate / (nu / 2 - 1)
            np.testing.assert_allclose(found.covariance, variance * found.factor @ found.factor.T)
            np.testing.assert_allclose(found.std**2, np.diagonal(found.covariance))


def test_evidence_whose_search_was_cut_short_is_not_certified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = data()
    best = maximise_evidence(spec)
    given = maximise_evidence(spec, best.prior_precision, best.noise_precision)
    assert given.certificate is None  # nothing was looked for
    _, of_ratio = best_ratio(spec, 1e-3, 1e-3)
    monkeypatch.setattr(evidence, "BISECTIONS", 1)
    for cut in (maximise_evidence(spec), maximise_evidence(spec, 1.0)):
        assert cut.certificate is not None
        assert cut.certificate.value > 1e-3
        assert not cut.certificate.converged
    assert best.certificate is not None
    assert best.certificate.converged
    assert of_ratio.converged
    assert not best_ratio(spec, 1e-3, 1e-3)[1].converged


def test_a_maximum_far_below_the_columns_scale_is_found() -> None:
    """A mean of a million that the columns carry too: the ratio of precisions is 1e-30 there."""
    rng = np.random.default_rng(39)
    Z = rng.normal(size=(39, 3))
    Phi = np.column_stack([np.ones(39), Z + 1e6])
    t = 1e6 + Z @ np.array([1.0, -2.0, 0.5]) + 1e-3 * rng.normal(size=39)
    found = maximise_evidence(spectrum(r_factor(Phi, t)))
    assert found.noise_precision == pytest.approx(1e6, rel=0.8)


def test_relevance_that_was_cut_short_is_not_certified(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    Phi = rng.normal(size=(30, 12)) @ (np.eye(12) + 0.5)
    t = Phi[:, :4] @ np.array([1.0, -1.0, 2.0, 0.5]) + 0.3 * rng.normal(size=30)
    assert relevance(r_factor(Phi, t)).certificate.converged
    monkeypatch.setattr(ard, "MAX_STEPS", 3)
    monkeypatch.setattr(ard, "ROUNDS", 1)
    cut = relevance(r_factor(Phi, t)).certificate
    assert not cut.converged
    assert cut.value > 1e-2


def test_relevance_of_a_nearly_exact_fit_is_a_maximum() -> None:
    """Its residual is 1e-8 of the target, whose sums of squares used to be differences."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, 1))
    t = x[:, 0] + 1e-8 * rng.normal(size=40)
    found = relevance(r_factor(x, t))
    assert found.certificate.converged
    assert found.noise_precision == pytest.approx(1e16, rel=0.6)

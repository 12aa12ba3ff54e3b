"""Descent on quadratics: thresholds, rates, noise and flow against exact theory."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.optimisation.descent import (
    QuadraticLoss,
    best_momentum,
    best_plain,
    convergence_order,
    descend,
    diagonal_loss,
    distances_to_flow,
    exact_flow,
    integrated_flow,
    least_squares_loss,
    measured_critical_rate,
    measured_rate,
    minibatch_path,
    minibatch_wandering,
    momentum_critical_rate,
    momentum_factors,
    noise_floor,
    penalised_path,
    stationary_moment,
)

Array = np.ndarray


def rows(n: int = 60, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, n)
    Phi = np.vander(x, 3, increasing=True)
    return Phi, Phi @ [1.0, -0.5, 0.3] + rng.normal(0, 0.7, n)


def loss() -> QuadraticLoss:
    return least_squares_loss(*rows())


def test_the_quadratic_is_the_loss_of_the_rows() -> None:
    Phi, t = rows()
    found = least_squares_loss(Phi, t)
    np.testing.assert_allclose(found.w_star, np.linalg.lstsq(Phi, t, rcond=None)[0], rtol=1e-10)
    for w in np.random.default_rng(1).normal(size=(5, 3)):
        direct = ((t - Phi @ w) ** 2).sum() / 120
        assert found.floor + found.excess(w) == pytest.approx(direct, rel=1e-12)
        np.testing.assert_allclose(found.gradient(w), -Phi.T @ (t - Phi @ w) / 60, atol=1e-12)
        numeric = [
            (found.excess(w + 1e-6 * e) - found.excess(w - 1e-6 * e)) / 2e-6 for e in np.eye(3)
        ]
        np.testing.assert_allclose(found.gradient(w), numeric, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found.vectors * found.values @ found.vectors.T, found.H, atol=1e-12)


@pytest.mark.parametrize("kappa", [1.0, 10.0, 1e4])
def test_descent_diverges_exactly_above_two_over_lambda_max(kappa: float) -> None:
    quadratic = diagonal_loss(np.geomspace(1.0, kappa, 4))
    start = np.ones(4)
    below = descend(quadratic.gradient, start, 0.999 * quadratic.critical_rate, 3000)
    above = descend(quadratic.gradient, start, 1.001 * quadratic.critical_rate, 3000)
    assert quadratic.excess(below.W[-1]) < quadratic.excess(start)
    assert quadratic.excess(above.W[-1]) > quadratic.excess(start)
    assert descend(quadratic.gradient, start, 2 * quadratic.critical_rate, 3000).diverged_at
    measured = measured_critical_rate(quadratic, start)
    assert measured == pytest.approx(quadratic.critical_rate, rel=2e-3)


@pytest.mark.parametrize("momentum", [0.3, 0.9])
def test_momentum_moves_the_threshold(momentum: float) -> None:
    quadratic = diagonal_loss(np.array([1.0, 7.0]))
    critical = momentum_critical_rate(7.0, momentum)
    for share, grows in ((0.995, False), (1.005, True)):
        path = descend(quadratic.gradient, np.ones(2), share * critical, 4000, momentum=momentum)
        grown = path.diverged_at is not None or bool(quadratic.excess(path.W[-1]) > 4.0)
        assert grown is grows


def test_descent_reaches_the_closed_form() -> None:
    quadratic = loss()
    path = descend(quadratic.gradient, np.zeros(3), 0.5 * quadratic.critical_rate, 4000)
    np.testing.assert_allclose(path.W[-1], quadratic.w_star, atol=1e-10)


def test_steps_of_descent_are_powers_of_one_matrix() -> None:
    quadratic = loss()
    path = descend(quadratic.gradient, np.ones(3), 0.1, 7)
    step = np.eye(3) - 0.1 * quadratic.H
    power = np.linalg.matrix_power(step, 7) @ (np.ones(3) - quadratic.w_star)
    np.testing.assert_allclose(path.W[7] - quadratic.w_star, power, atol=1e-12)


@pytest.mark.parametrize("kappa", [3.0, 30.0, 300.0])
def test_rates_are_those_of_the_condition_number(kappa: float) -> None:
    quadratic, start = diagonal_loss(np.geomspace(1.0, kappa, 5)), np.ones(5)
    plain, heavy = best_plain(1.0, kappa), best_momentum(1.0, kappa)
    assert plain.rate == pytest.approx((kappa - 1) / (kappa + 1))
    assert heavy.rate == pytest.approx((np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1))
    n_steps = int(12 / (1 - plain.rate))
    assert measured_rate(quadratic, start, plain, n_steps) == pytest.approx(plain.rate, rel=1e-3)
    n_steps = int(12 / (1 - heavy.rate))
    # A double root: the distance has a factor of the number of steps beside the power.
    assert measured_rate(quadratic, start, heavy, n_steps) == pytest.approx(heavy.rate, rel=0.12)


def test_the_flow_decays_each_eigenvector_by_itself() -> None:
    quadratic, times = loss(), np.linspace(0, 3, 7)
    exact = exact_flow(quadratic, np.ones(3), times)
    np.testing.assert_allclose(exact[0], np.ones(3), atol=1e-12)
    by_scipy = integrated_flow(quadratic.gradient, np.ones(3), times)
    np.testing.assert_allclose(exact, by_scipy, atol=1e-9)


def test_descent_tends_to_the_flow_to_first_order() -> None:
    quadratic = loss()
    counts = [200, 400, 800, 1600]
    end = exact_flow(quadratic, np.ones(3), np.array([2.0]))[0]
    errors = distances_to_flow(quadratic.gradient, np.ones(3), end, 2.0, counts)
    assert convergence_order(2.0 / np.array(counts), errors) == pytest.approx(1.0, abs=0.02)


def test_errors_of_0_have_no_order() -> None:
    assert np.isnan(convergence_order(np.array([1.0, 0.5]), np.zeros(2)))


@pytest.mark.parametrize("size", [1.0, 1e200, 1e-200])
def test_dependent_columns_have_an_infinite_condition_number(size: float) -> None:
    Phi = size * np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    quadratic = least_squares_loss(Phi, np.arange(3.0))
    assert not quadratic.values[0] > 1e-10 * quadratic.values[-1]
    assert not quadratic.condition_number < np.inf


def test_the_noise_floor_is_that_of_the_lyapunov_equation() -> None:
    Phi, t = rows()
    quadratic = least_squares_loss(Phi, t)
    rates = np.array([0.05, 0.15]) * quadratic.critical_rate
    for batch in (1, 8):
        measured = np.mean(
            [
                minibatch_wandering(
                    Phi, t, quadratic, rates, batch, 6000, np.random.default_rng(s)
                ).excess
                for s in range(12)
            ],
            axis=0,
        )
        theory = [noise_floor(Phi, t, quadratic, float(eta), batch) for eta in rates]
        np.testing.assert_allclose(measured, theory, rtol=0.12)


def test_small_steps_leave_a_floor_of_half_eta_over_batch() -> None:
    Phi, t = rows()
    quadratic = least_squares_loss(Phi, t)
    residual = t - Phi @ quadratic.w_star
    C = (Phi * residual[:, None] ** 2).T @ Phi / t.size
    eta = 1e-5 * quadratic.critical_rate
    # To first order H S + S H = eta C / B, so that tr(H S) / 2 = eta tr(C) / (4 B).
    for batch in (1, 4):
        floor = noise_floor(Phi, t, quadratic, eta, batch)
        assert floor == pytest.approx(eta * np.trace(C) / (4 * batch), rel=1e-3)


def test_single_row_batches_diverge_at_smaller_rates() -> None:
    Phi, t = rows()
    quadratic = least_squares_loss(Phi, t)
    eta = 0.9 * quadratic.critical_rate
    assert noise_floor(Phi, t, quadratic, eta, 1) == np.inf
    assert np.isfinite(noise_floor(Phi, t, quadratic, eta, 1000))
    rng = np.random.default_rng(0)
    found = minibatch_wandering(Phi, t, quadratic, np.array([5 * eta]), 1, 4000, rng)
    assert found.excess[0] == np.inf
    assert not np.isfinite(found.moment).all()
    assert stationary_moment(Phi, t, quadratic, eta, 1) is None


def test_no_noise_where_the_model_fits_exactly() -> None:
    Phi, _ = rows()
    exact = least_squares_loss(Phi, Phi @ np.ones(3))
    assert noise_floor(Phi, Phi @ np.ones(3), exact, 0.05, 1) == pytest.approx(0, abs=1e-20)


def test_wandering_is_the_mean_over_the_last_half_of_the_path() -> None:
    Phi, t = rows()
    quadratic = least_squares_loss(Phi, t)
    etas = np.array([0.1, 0.3]) * quadratic.critical_rate
    # An odd number of steps, and more than a block of them.
    n_steps, batch = 1201, 3
    found = minibatch_wandering(Phi, t, quadratic, etas, batch, n_steps, np.random.default_rng(4))
    drawn = np.random.default_rng(4).integers(t.size, size=(n_steps, batch))
    for k, eta in enumerate(etas):
        w, places = quadratic.w_star.copy(), []
        for step, chosen in enumerate(drawn):
            w = w + eta * Phi[chosen].T @ (t[chosen] - Phi[chosen] @ w) / batch
            if 2 * step >= n_steps:
                places.append(w)
        apart = np.array(places) - quadratic.w_star
        assert len(places) == 600
        np.testing.assert_allclose(found.moment[k], apart.T @ apart / 600, rtol=1e-9)
        assert found.excess[k] == pytest.approx(quadratic.excess(np.array(places)).mean())
        assert found.excess[k] == pytest.approx(quadratic.mean_excess(found.moment[k]))


@pytest.mark.parametrize("batch", [1, 5])
def test_one_step_leaves_the_stationary_moment_as_it_is(batch: int) -> None:
    Phi, t = rows(12)
    quadratic = least_squares_loss(Phi, t)
    eta = 0.2 * quadratic.critical_rate
    S = stationary_moment(Phi, t, quadratic, eta, batch)
    assert S is not None
    np.testing.assert_allclose(S, S.T, rtol=1e-9)
    assert np.linalg.eigvalsh(S)[0] > 0
    # d = sqrt(3) times a column of the root of S, and its opposite, have mean 0 and moment S.
    root = np.linalg.cholesky(S) * np.sqrt(3)
    after = np.zeros((3, 3))
    for d in (*root.T, *-root.T):
        gradients = Phi * (Phi @ (quadratic.w_star + d) - t)[:, None]
        mean = gradients.mean(axis=0)
        covariance = (gradients - mean).T @ (gradients - mean) / t.size / batch
        after += np.outer(d - eta * mean, d - eta * mean) / 6 + eta**2 * covariance / 6
    np.testing.assert_allclose(after, S, rtol=1e-8)


def test_a_path_of_minibatches_draws_rows_with_replacement_until_it_diverges() -> None:
    Phi, t = rows()
    start, eta = np.array([1.0, 2.0, 3.0]), 0.05
    found = minibatch_path(Phi, t, start, eta, 2, 30, np.random.default_rng(5))
    rng, w = np.random.default_rng(5), start
    for place in found.W[1:]:
        chosen = rng.integers(60, size=2)
        w = w + eta * Phi[chosen].T @ (t[chosen] - Phi[chosen] @ w) / 2
        np.testing.assert_allclose(place, w, rtol=1e-12)
    assert found.diverged_at is None
    assert minibatch_path(Phi, t, start, 50.0, 2, 500, np.random.default_rng(5)).diverged_at


@pytest.mark.parametrize("shape", [(30, 4), (6, 15), (5, 5)])
@pytest.mark.parametrize("l2", [0.0, 0.03])
def test_penalised_descent_in_closed_form_is_descent_step_by_step(
    shape: tuple[int, int], l2: float
) -> None:
    rng = np.random.default_rng(6)
    Phi, t, start = rng.normal(size=shape), rng.normal(size=shape[0]), rng.normal(size=shape[1])
    Phi[:, -1] = Phi[:, 0]
    eta = 1 / (np.linalg.norm(Phi, 2) ** 2 / shape[0] + l2)

    def gradient(w: Array) -> Array:
        return np.asarray(Phi.T @ (Phi @ w - t) / shape[0] + l2 * w)

    path = descend(gradient, start, eta, 200).W
    steps = np.array([200.0, 0.0, 1.0, 17.0])
    found = penalised_path(Phi, t, start, eta, l2, steps)
    np.testing.assert_allclose(found, path[steps.astype(int)], atol=1e-10)
    (end,) = penalised_path(Phi, t, start, eta, l2, np.array([np.inf]))
    if l2:
        H = Phi.T @ Phi / shape[0] + l2 * np.eye(shape[1])
        np.testing.assert_allclose(end, np.linalg.solve(H, Phi.T @ t / shape[0]), atol=1e-10)
    else:
        # Where the loss is flat the start stays as it is.
        expected = start + np.linalg.pinv(Phi) @ (t - Phi @ start)
        np.testing.assert_allclose(end, expected, atol=1e-8)


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.99, 1.0, 1.2])
def test_a_step_with_momentum_has_the_spectral_radius_of_its_matrix(
    momentum: float, share: float
) -> None:
    curvatures = np.array([0.01, 0.4, 3.0, 5.0])
    eta = share * momentum_critical_rate(5.0, momentum)
    found = momentum_factors(curvatures, eta, momentum)
    for curvature, factor in zip(curvatures, found, strict=True):
        step = np.array([[1 + momentum - eta * curvature, -momentum], [1.0, 0.0]])
        assert factor == pytest.approx(np.abs(np.linalg.eigvals(step)).max(), abs=1e-7)
    assert (found.max() < 1 - 1e-9) == (share < 1)

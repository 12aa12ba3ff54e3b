"""Misprints of chapters 3 and 4, numerically: the printed form fails, the corrected one holds."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.backpropagation.gradient_check import central_differences
from mlcli.linear.basis import fit_basis
from mlcli.linear.penalised import ridge_path
from mlcli.linear.r_factor import GramAccumulator
from mlcli.optimisation.descent import least_squares_loss

Array = np.ndarray


def problem(n_rows: int = 20, degree: int = 3) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, n_rows)
    return np.vander(x, degree + 1, increasing=True), 1 + x - x**2 + rng.normal(size=n_rows)


def half_sum(Phi: Array, t: Array, w: Array) -> float:
    """E(w) of (3.5)."""
    return 0.5 * float(((Phi @ w - t) ** 2).sum())


def test_3_4_has_its_intercept_first() -> None:
    x = np.linspace(-1, 1, 5)
    Phi = fit_basis("linear", -1.0, 1.0, 1).evaluate(x[:, None])
    w = np.linalg.lstsq(Phi, 3.0 * x + 7.0, rcond=None)[0]
    slope, intercept = 3.0, 7.0
    np.testing.assert_allclose(w, [intercept, slope], atol=1e-12)
    assert not np.allclose(w, [slope, intercept])


def test_3_5_is_half_the_sum_and_has_m_plus_1_equations() -> None:
    Phi, t = problem()
    N, M = Phi.shape[0], Phi.shape[1] - 1
    w = np.ones(M + 1)
    mean_squared = float(((Phi @ w - t) ** 2).mean())
    assert half_sum(Phi, t, w) == pytest.approx(N / 2 * mean_squared, rel=1e-13)
    assert half_sum(Phi, t, w) != pytest.approx(mean_squared, rel=0.1)
    gradient = central_differences(lambda: half_sum(Phi, t, w), w)
    assert gradient.shape == (M + 1,)
    # M of the equations leave a line of solutions, of which one alone is the minimum.
    equations = Phi.T @ Phi
    assert np.linalg.matrix_rank(equations[:M]) == M < M + 1 == np.linalg.matrix_rank(equations)


def excess_of_a_line(a: float) -> float:
    """What degree 1 loses on the cubic of (3.12) over U(-a, a), by projection on Legendre's P2, P3.

    x^3 leaves 2/5 a^3 P3 with mean square 1/7, and x^2 leaves 2/3 a^2 P2 with mean square 1/5.
    """
    return 0.5**2 * 4 / 175 * a**6 + 0.3**2 * 4 / 45 * a**4


def test_table_1_has_the_gap_of_the_cubic_on_minus_2_to_2() -> None:
    """4.11 - 3.63 = 0.48 between degrees 1 and 3, in plain means over x ~ U(-2, 2)."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    x = 2 * nodes
    cubic = 0.5 * x**3 + 0.3 * x**2 - 0.25 * x + 1
    line = np.polynomial.polynomial.polyfit(x, cubic, 1, w=np.sqrt(weights))
    off = cubic - np.polynomial.polynomial.polyval(x, line)
    by_quadrature = float(weights @ off**2) / 2
    assert excess_of_a_line(2.0) == pytest.approx(by_quadrature, rel=1e-12)
    printed_gap = 4.11 - 3.63
    assert by_quadrature == pytest.approx(printed_gap, abs=0.02)
    # With the 1/2 of (3.5) the gap would be half as large, on other ranges of x far from it.
    assert abs(by_quadrature / 2 - printed_gap) > 0.2
    for a in (1.0, 1.5, 2.5, 3.0):
        assert abs(excess_of_a_line(a) - printed_gap) > 0.25


def test_3_12_with_unit_noise_can_not_give_table_1() -> None:
    """Least squares of degree 3 leaves sigma^2 (N - 4) / N on average: 3.63 needs sigma near 2.

    Over 200 draws of the 560 training rows no run with the printed noise comes near.
    """
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 560)
    Q, _ = np.linalg.qr(np.vander(x, 4, increasing=True))
    noise = rng.normal(size=(560, 200))
    losses = ((noise - Q @ (Q.T @ noise)) ** 2).mean(axis=0)
    assert losses.mean() == pytest.approx(556 / 560, abs=0.02)
    assert losses.max() < 1.5
    low, high = np.quantile(2.0**2 * losses, [0.025, 0.975])
    assert low < 3.63 < high


def test_3_13_has_2_n_l2_on_the_diagonal() -> None:
    """The minimum of (3.13) against that of the same penalty on (3.5), by their gradients."""
    Phi, t = problem()
    N, p = Phi.shape
    l2, free = 0.3, np.diag([0.0, 1.0, 1.0, 1.0])
    w = np.linalg.solve(Phi.T @ Phi + 2 * N * l2 * free, Phi.T @ t)
    by_3_5 = np.linalg.solve(Phi.T @ Phi + 2 * l2 * free, Phi.T @ t)

    def printed(w: Array) -> float:
        return half_sum(Phi, t, w) / N + l2 * float(w[1:] @ w[1:])

    for solution, vanishes in ((w, True), (by_3_5, False)):
        gradient = central_differences(lambda: printed(solution), solution)  # noqa: B023
        assert (np.abs(gradient).max() < 1e-7) == vanishes
    assert w.shape == (p,)
    centred = Phi[:, 1:] - Phi[:, 1:].mean(axis=0)
    ours = ridge_path(centred, t - t.mean(), N, [l2]).w[:, 0]
    np.testing.assert_allclose(ours, w[1:], rtol=1e-10)


def test_4_1_has_a_minus_sign() -> None:
    Phi, t = problem()
    w = np.array([0.5, -1.0, 0.2, 0.1])
    expected = central_differences(lambda: half_sum(Phi, t, w), w)
    printed = (t - Phi @ w) @ Phi
    np.testing.assert_allclose(-printed, expected, rtol=1e-7)
    assert printed @ expected < 0
    np.testing.assert_allclose(least_squares_loss(Phi, t).gradient(w) * t.size, expected, rtol=1e-7)


def test_4_3_is_one_component() -> None:
    Phi, t = problem()
    every = np.array([sum(t[a] * Phi[a, i] for a in range(t.size)) for i in range(4)])
    np.testing.assert_allclose(every, Phi.T @ t, rtol=1e-12)
    rows = GramAccumulator(4)
    rows.add(Phi, t)
    R = rows.r_factor().R
    np.testing.assert_allclose(R[:, :4].T @ R[:, 4], every, rtol=1e-9)
    # As printed, t_alpha comes out of the sum over n, and no alpha gives the product.
    printed = np.outer(t, Phi.sum(axis=0))  # (alpha, i)
    assert np.abs(printed - every).max(axis=1).min() > 1.0


def test_4_5_needs_full_column_rank() -> None:
    Phi, t = problem()
    doubled = np.column_stack([Phi, Phi[:, 1]])
    assert np.linalg.matrix_rank(doubled.T @ doubled) < doubled.shape[1]
    w = np.linalg.pinv(doubled) @ t
    np.testing.assert_allclose(doubled.T @ (doubled @ w - t), 0.0, atol=1e-9)
    np.testing.assert_allclose(
        np.linalg.pinv(Phi), np.linalg.inv(Phi.T @ Phi) @ Phi.T, rtol=1e-8, atol=1e-12
    )


def test_4_7_and_3_5_differ_by_n() -> None:
    """The largest rate of (4.6) that converges does not depend on N for the mean."""
    rates = []
    for copies in (1, 10):
        Phi, t = problem()
        Phi, t = np.tile(Phi, (copies, 1)), np.tile(t, copies)
        mean = least_squares_loss(Phi, t)
        w = np.ones(4)
        assert mean.excess(w) + mean.floor == pytest.approx(half_sum(Phi, t, w) / t.size)
        rates.append((mean.critical_rate, 2 / np.linalg.eigvalsh(Phi.T @ Phi)[-1]))
    assert rates[0][0] == pytest.approx(rates[1][0])
    assert rates[0][1] == pytest.approx(10 * rates[1][1])

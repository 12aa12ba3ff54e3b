"""Gates, the learning rule, the universal approximator and safe formulas."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.classification.approximation import (
    area_from_step,
    bernstein,
    best_errors_from_below,
    bump,
    chebyshev_coefficients,
    chebyshev_interpolant,
    chebyshev_points,
    lebesgue_bound,
    staircase,
    step_unit,
)
from mlcli.classification.perceptron import (
    INPUTS,
    NAND,
    facing_the_boundary,
    fit_perceptron,
    gate_of,
    half_adder,
    mistake_bound,
    single_unit,
    xor,
)
from mlcli.classification.softmax import sigmoid
from mlcli.errors import ConfigError
from mlcli.experiments.perceptron.formula import parse


def test_the_tables_of_the_notes() -> None:
    assert NAND.fire(INPUTS).tolist() == [1, 1, 1, 0]  # Table 2
    assert xor(INPUTS).tolist() == [0, 1, 1, 0]  # Table 3
    total, carry = half_adder(INPUTS)
    assert (2 * carry + total).tolist() == INPUTS.sum(axis=1).tolist()


def test_fourteen_of_sixteen_tables_have_a_unit() -> None:
    without = []
    for number in range(16):
        table = tuple(int(bit) for bit in f"{number:04b}")
        unit = single_unit(table)  # type: ignore[arg-type]
        if unit is None:
            without.append(table)
        else:
            assert tuple(unit.fire(INPUTS).tolist()) == table
    assert without == [(0, 1, 1, 0), (1, 0, 0, 1)]


@pytest.mark.parametrize("seed", range(20))
def test_mistakes_stay_below_the_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    w = rng.normal(size=3)
    X = rng.uniform(-1, 1, size=(200, 2))
    distance = (X @ w[:2] + w[2]) / np.linalg.norm(w)
    X, distance = X[np.abs(distance) > 0.05], distance[np.abs(distance) > 0.05]
    sides = np.sign(distance)
    found = fit_perceptron(X, sides, 10_000)
    assert found.converged
    assert (sides * (X @ found.w[:2] + found.w[2]) > 0).all()
    assert found.mistakes <= mistake_bound(X, sides, w)
    assert found.mistakes <= mistake_bound(X, sides, found.w)


def test_the_learning_rule_gives_up_on_xor() -> None:
    sides = np.array([-1.0, 1.0, 1.0, -1.0])
    found = fit_perceptron(INPUTS.astype(float), sides, 50)
    assert (found.converged, found.passes) == (False, 50)
    assert mistake_bound(INPUTS.astype(float), sides, found.w) == np.inf


def test_the_staircase_is_the_middle_of_its_bin() -> None:
    steps = staircase(np.sin, 0.0, 3.0, 7)
    x = np.random.default_rng(0).uniform(0, 3, 500)
    middle = (np.floor(x / (3 / 7)) + 0.5) * 3 / 7
    np.testing.assert_allclose(steps.evaluate(x), np.sin(middle), atol=1e-12)
    assert steps.evaluate(np.array([-1.0, 4.0])).tolist() == pytest.approx([0, 0], abs=1e-12)


def test_a_step_fires_beyond_its_threshold() -> None:
    x = np.array([[0.4], [0.5], [0.6]])
    assert step_unit(0.5).fire(x).tolist() == [0, 0, 1]
    assert step_unit(0.5, 30.0).fire(x).tolist() == [0, 0, 1]
    assert step_unit(0.5, -2.0).fire(x).tolist() == [1, 0, 0]
    assert step_unit(0.5, 4.0).b == -2.0
    with pytest.raises(ValueError, match="must not be 0"):
        step_unit(0.5, 0.0)


def test_bumps_add_up_to_the_staircase() -> None:
    """(6.8) to (6.11) bump by bump, against the layer that shares a unit between two bins."""
    stairs = staircase(np.cos, -1.0, 2.0, 7)
    x = np.random.default_rng(0).uniform(-1.5, 2.5, 200)
    total = sum(
        bump(x, low, high, h)
        for low, high, h in zip(stairs.edges[:-1], stairs.edges[1:], stairs.heights, strict=True)
    )
    np.testing.assert_allclose(total, stairs.evaluate(x), atol=1e-14)
    np.testing.assert_allclose(stairs.edges, [-1.0 + j * 3 / 7 for j in range(8)], atol=1e-15)
    one = bump(np.array([-0.1, 0.5, 1.1]), 0.0, 1.0, 2.5)
    assert one.tolist() == [0.0, 2.5, 0.0]


def test_the_error_falls_like_the_width_of_a_bin() -> None:
    x = np.linspace(0, 1, 40_001)[1:-1]
    errors = [
        np.abs(staircase(np.exp, 0.0, 1.0, n).evaluate(x) - np.exp(x)).max() for n in (20, 40, 80)
    ]
    np.testing.assert_allclose(np.array(errors[:-1]) / errors[1:], 2, rtol=0.05)
    # Half a bin times the largest slope.
    assert errors[0] == pytest.approx(np.e * 0.5 / 20, rel=0.05)


def test_steep_sigmoids_are_steps() -> None:
    steps, x = staircase(np.cos, -1.0, 1.0, 5), np.linspace(-0.95, 0.93, 41)
    gap = [np.abs(steps.evaluate(x, k) - steps.evaluate(x)).max() for k in (10.0, 100.0, 1e4)]
    assert gap[0] > gap[1] > gap[2]
    assert gap[2] < 1e-4


def test_formulas_evaluate_like_numpy() -> None:
    x = np.linspace(0.1, 2, 9)
    np.testing.assert_allclose(
        parse("sin(2*pi*x) + x^2/2 - -1")(x), np.sin(2 * np.pi * x) + x**2 / 2 + 1
    )
    np.testing.assert_allclose(parse("exp(-x)*abs(log(x))")(x), np.exp(-x) * np.abs(np.log(x)))
    assert parse("3")(x).shape == x.shape


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "x.real",
        "x[0]",
        "lambda: x",
        "sin(x, x)",
        "sin",
        "x if x else 1",
        "'a'",
        "sin(x=1)",
        "x +",
        "",
        "y",
        "1j",
        "True",
        "open(x)",
        "(" * 300 + "x" + ")" * 300,
    ],
)
def test_invalid_formulas_are_rejected(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


def test_an_unknown_function_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown name 'sinn'; try sin"):
        parse("sinn(x)")


def test_every_table_of_two_bits_has_a_network_and_two_need_a_hidden_unit() -> None:
    hidden = []
    for number in range(16):
        table = tuple(int(bit) for bit in f"{number:04b}")
        gate = gate_of(table)  # type: ignore[arg-type]
        assert tuple(gate.fire(INPUTS).tolist()) == table
        if gate.hidden is not None:
            hidden.append(table)
    assert hidden == [(0, 1, 1, 0), (1, 0, 0, 1)]


@pytest.mark.parametrize("n_features", [1, 2, 3, 6])
def test_the_boundary_is_seen_as_a_line(n_features: int) -> None:
    rng = np.random.default_rng(7)
    X = rng.normal(size=(80, n_features)) @ rng.normal(size=(n_features, n_features))
    X -= X.mean(axis=0)
    w = rng.normal(size=n_features)
    plane = facing_the_boundary(X, w)
    assert plane.shape == (n_features, 2)
    # In these two coordinates the line of w says what w says of each row.
    np.testing.assert_allclose(X @ plane @ (plane.T @ w), X @ w, atol=1e-10)
    if n_features == 1:
        assert plane.tolist() == [[1.0, 0.0]]
    else:
        np.testing.assert_allclose(plane.T @ plane, np.eye(2), atol=1e-12)
    if n_features > 2:
        across = X @ plane[:, 1]
        for direction in rng.normal(size=(200, n_features)):
            other = direction - (direction @ plane[:, 0]) * plane[:, 0]
            assert (X @ other / np.linalg.norm(other)).std() <= across.std() * (1 + 1e-12)
    same = facing_the_boundary(X, np.zeros(n_features))
    assert np.isfinite(same).all()


@pytest.mark.parametrize("steepness", [0.3, 1.0, 7.0, 500.0])
def test_the_area_between_sigmoid_and_step_is_two_log_two_over_lambda(steepness: float) -> None:
    z = np.linspace(0, 5, 2_000_001)
    gap = sigmoid(-steepness * z)
    area = 2 * float(((gap[1:] + gap[:-1]) / 2 * np.diff(z)).sum())
    assert area_from_step(steepness, 5.0) == pytest.approx(area, rel=1e-6)
    assert area_from_step(steepness, 1e6) == pytest.approx(2 * np.log(2) / steepness, rel=1e-12)


def runge(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + 25 * x**2))


@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_the_interpolant_agrees_at_its_points_and_with_numpys(n: int) -> None:
    points = chebyshev_points(-1.0, 3.0, n)
    assert points.size == n
    assert ((points > -1) & (points < 3)).all()
    np.testing.assert_allclose(chebyshev_interpolant(np.exp, -1, 3, n, points), np.exp(points))
    numpys = np.polynomial.chebyshev.chebinterpolate(runge, n - 1)
    own = chebyshev_coefficients(runge(chebyshev_points(-1.0, 1.0, n)))
    np.testing.assert_allclose(own, numpys, atol=1e-14)


def test_the_interpolants_errors_have_the_orders_of_theory() -> None:
    x = np.linspace(-1, 1, 4001)

    def error(f: object, n: int) -> float:
        return float(np.abs(chebyshev_interpolant(f, -1, 1, n, x) - f(x)).max())  # type: ignore

    # An ellipse through the poles +-i/5 has the sum of half axes (1 + sqrt 26) / 5.
    rho = (1 + np.sqrt(26)) / 5
    ratio = (error(runge, 80) / error(runge, 40)) ** (1 / 40)
    assert ratio == pytest.approx(1 / rho, rel=5e-3)
    # A kink: first order.
    assert error(np.abs, 160) / error(np.abs, 40) == pytest.approx(1 / 4, rel=0.02)


def test_the_best_polynomial_is_between_its_bounds() -> None:
    x = np.linspace(-1, 1, 20_001)
    counts = [3, 5, 9, 33, 129]
    least = best_errors_from_below(np.abs, -1, 1, counts)
    for n, low in zip(counts, least, strict=True):
        high = float(np.abs(chebyshev_interpolant(np.abs, -1, 1, n, x) - np.abs(x)).max())
        # Bernstein: of degree 2 m, 2 m E tends to 0.2801694990...
        best = 0.28016949902386913 / (n - 1)
        assert low <= best <= high
        assert high / (1 + lebesgue_bound(n)) <= best
    # Degree 1: the best line of x^2 on [-1, 1] errs by 1/2, and of x^3 by a parabola's 1/4.
    (line,) = best_errors_from_below(lambda x: x**2, -1, 1, [2])
    assert line == pytest.approx(0.5 / np.sqrt(2))
    (parabola,) = best_errors_from_below(lambda x: x**3, -1, 1, [3])
    assert parabola == pytest.approx(0.25 / np.sqrt(2))
    (large,) = best_errors_from_below(lambda x: 1e200 * x**2, -1, 1, [2])
    assert large == pytest.approx(1e200 * line)
    assert best_errors_from_below(np.zeros_like, -1, 1, [2]).tolist() == [0.0]
    assert best_errors_from_below(np.exp, 0, 1, [8192, 10_000]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("n", [2, 3, 11, 300])
def test_bernsteins_polynomials_of_squares_and_exponentials(n: int) -> None:
    x, m = np.linspace(0, 1, 101), n - 1
    np.testing.assert_allclose(bernstein(lambda y: y**2, 0, 1, n, x), x**2 + x * (1 - x) / m)
    expected = (1 + x * np.expm1(1 / m)) ** m
    np.testing.assert_allclose(bernstein(np.exp, 0, 1, n, x), expected, rtol=1e-10)
    moved = bernstein(lambda y: np.exp((y - 2) / 3), 2, 5, n, 2 + 3 * x)
    np.testing.assert_allclose(moved, expected, rtol=1e-10)


def test_bernstein_tends_to_a_kink_as_weierstrass_has_it() -> None:
    x = np.linspace(-1, 1, 801)
    errors = []
    for n in (5, 17, 65, 257):
        found = bernstein(np.abs, -1, 1, n, x)
        errors.append(float(np.abs(found - np.abs(x)).max()))
        # Popoviciu: at most 5/4 of what f varies over 1 / sqrt(degree) of the interval.
        assert errors[-1] <= 1.25 * 2 / np.sqrt(n - 1)
        assert found.min() >= 0
        assert found.max() <= 1
    assert errors[0] > 2 * errors[2]
    assert errors[1] > 2 * errors[3]
    assert bernstein(np.exp, 0, 1, 1, x).tolist() == [1.0] * 801

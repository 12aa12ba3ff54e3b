"""Gates, the learning rule, the universal approximator and safe formulas."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.classification.approximation import bump, staircase, step_unit
from mlcli.classification.perceptron import (
    INPUTS,
    NAND,
    fit_perceptron,
    half_adder,
    mistake_bound,
    single_unit,
    xor,
)
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

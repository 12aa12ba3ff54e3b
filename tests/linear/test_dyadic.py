"""Integers times powers of two against Python's own fractions, and beyond a float's range."""

from __future__ import annotations

import sys
from fractions import Fraction
from math import inf, sqrt

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlcli.linear.dyadic import (
    integer_root_to_float,
    integer_to_float,
    ratio_to_float,
    root_to_float,
    shifted,
    split,
)

POWERS = st.integers(-900, 900)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_an_odd_integer_times_a_power_of_two(value: float) -> None:
    m, e = split(value)
    assert m * Fraction(2) ** e == Fraction(value)
    assert m % 2 == 1 or (m, e) == (0, 0)


@given(st.integers(-(2**80), 2**80), st.integers(-100, 100))
def test_shifts_round_down(value: int, power: int) -> None:
    assert shifted(value, power) == (value * Fraction(2) ** power).__floor__()


@given(st.integers(-(2**200), 2**200), POWERS)
def test_a_long_integer_is_within_an_ulp(value: int, power: int) -> None:
    exact = value * Fraction(2) ** power
    assume(abs(exact) <= sys.float_info.max)
    assert integer_to_float(value, power) == pytest.approx(float(exact), rel=2.3e-16, abs=1e-300)


@given(st.integers(0, 2**200), st.integers(-450, 450))
def test_the_root_of_a_long_integer(value: int, power: int) -> None:
    found = integer_root_to_float(value, 2 * power)
    assert found == pytest.approx(sqrt(value) * 2.0**power, rel=4e-16)


@pytest.mark.parametrize("sign", [1, -1])
def test_beyond_the_range_is_infinity_of_the_right_sign(sign: int) -> None:
    assert integer_to_float(sign * (2**200 + 1), 900) == sign * inf
    assert ratio_to_float(sign, 1, 2000) == sign * inf
    assert ratio_to_float(1, sign, 2000) == sign * inf
    assert root_to_float(1, 1, 4000) == inf
    assert integer_to_float(0, 5000) == 0.0

"""How hidden units differ: counted by hand, after training, and under changes of units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.backpropagation.units import distinct_units, in_units_of_data, units_std
from mlcli.rng import stream


def test_units_are_counted_that_no_other_equals() -> None:
    W = np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [-3.0, 4.0]])
    b = np.array([0.0, 0.0, 0.0, 1.0, 0.0])
    assert distinct_units(W, b) == pytest.approx(3 / 5)


@pytest.mark.parametrize("value", [0.0, 1e-30, 0.3, 1e20])
def test_equal_units_do_not_differ(value: float) -> None:
    W, b = np.full((7, 3), value), np.full(7, value)
    assert (distinct_units(W, b), units_std(W, b)) == (0, 0)


def test_equal_units_may_part_in_their_last_digits() -> None:
    W = np.full((4, 5), 0.37, dtype=np.float32)
    W[1] = np.nextafter(W[1], np.float32(1), dtype=np.float32)
    assert distinct_units(W, np.zeros(4, dtype=np.float32)) == 0
    W[1] += 0.1
    assert distinct_units(W, np.zeros(4, dtype=np.float32)) == 1 / 4


def test_a_large_unit_does_not_make_the_small_ones_equal() -> None:
    W = stream(0, "units").normal(size=(6, 3))
    W[0] *= 1e9
    assert distinct_units(W, np.zeros(6)) == 1


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_sizes_at_the_ends_of_the_numbers_have_a_spread(size: float) -> None:
    W, b = np.array([[size, 0.0], [-size, 0.0]]), np.zeros(2)
    assert units_std(W, b) == pytest.approx(size / np.sqrt(3))
    assert distinct_units(W, b) == 1


def test_one_unit_alone_differs_from_no_other() -> None:
    assert distinct_units(np.zeros((1, 2)), np.zeros(1)) == 1
    assert units_std(np.ones((1, 2)), np.ones(1)) == 0


@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_the_spread_is_that_of_numpy_and_moves_with_no_shift(seed: int, n: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    W, b = rng.normal(size=(n, d)), rng.normal(size=n)
    every = np.column_stack([W, b])
    expected = np.sqrt(every.var(axis=0).mean())
    assert units_std(W, b) == pytest.approx(expected)
    assert units_std(W + 3, b + 3) == pytest.approx(expected)
    assert units_std(-2 * W, -2 * b) == pytest.approx(2 * expected)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_weights_in_units_of_the_data_give_the_same_preactivations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, b, X = rng.normal(size=(4, 2)), rng.normal(size=4), rng.normal(size=(9, 2)) * 50 + 7
    shift, scale = X.mean(axis=0), X.std(axis=0)
    weights, biases = in_units_of_data(W, b, shift, scale)
    np.testing.assert_allclose(X @ weights.T + biases, (X - shift) / scale @ W.T + b, atol=1e-9)

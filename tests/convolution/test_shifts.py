"""A filter and a shift can change places; a stride or a pool and a shift can not always."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcli.convolution.convolution import convolve
from mlcli.convolution.pooling import pool_average, pool_max
from mlcli.convolution.shifts import shifted

SHIFTS = st.integers(-12, 12)


@given(SHIFTS, SHIFTS, st.integers(0, 2**32 - 1))
def test_a_shift_moves_every_pixel_and_fills_the_rest(down: int, right: int, seed: int) -> None:
    image = np.random.default_rng(seed).normal(size=(2, 7, 9))
    moved = shifted(image, down, right, -5.0)
    for i, j in np.ndindex(7, 9):
        inside = 0 <= i - down < 7 and 0 <= j - right < 9
        expected = image[:, i - down, j - right] if inside else -5.0
        assert (moved[:, i, j] == expected).all()


@given(st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 2**32 - 1))
def test_a_filter_of_a_shifted_image_is_the_shifted_response(
    down: int, right: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image, F = rng.normal(size=(1, 2, 14, 13)), rng.normal(size=(3, 2, 3, 2))
    one = convolve(shifted(image, down, right), F)
    other = shifted(convolve(image, F), down, right)
    # Away from the border, where pixels leave and zeros come in: the same sums, to the last bit.
    assert (one[..., 3:-3, 3:-3] == other[..., 3:-3, 3:-3]).all()


@pytest.mark.parametrize("stride", [2, 3])
def test_strides_and_pools_only_keep_shifts_by_their_multiples(stride: int) -> None:
    image = np.pad(np.random.default_rng(0).normal(size=(1, 1, 9, 9)), ((0,), (0,), (9,), (9,)))
    F = np.random.default_rng(1).normal(size=(1, 1, 3, 3))
    for apply in (
        lambda Z: convolve(Z, F, stride=stride),
        lambda Z: pool_max(Z, stride, stride),
        lambda Z: pool_average(Z, stride, stride),
    ):
        for d in range(2 * stride + 1):
            after = apply(shifted(image, 0, d))
            same = [(after == shifted(apply(image), 0, k)).all() for k in range(d + 1)]
            assert any(same) == (d % stride == 0)

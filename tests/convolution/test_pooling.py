"""Pooling against torch, central differences and hand-made images."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.backpropagation.gradient_check import central_differences, relative_error
from mlcli.convolution.pooling import (
    pool_average,
    pool_average_backward,
    pool_channels_max,
    pool_channels_max_backward,
    pool_max,
    pool_max_backward,
)

# (n_h, n_w), f, stride: the usual 2 and 2, windows that overlap, gaps, remainders, whole image.
SHAPES = [((6, 4), 2, 2), ((5, 6), 3, 1), ((7, 7), 3, 2), ((7, 6), 2, 3), ((3, 3), 3, 1)]


def image(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 3, *size))


@pytest.mark.parametrize(("size", "f", "stride"), SHAPES)
def test_pooling_is_that_of_torch_forward_and_backward(
    size: tuple[int, int], f: int, stride: int
) -> None:
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    Z = image(size)
    for pool, peer_pool in (
        (pool_max, functional.max_pool2d),
        (pool_average, functional.avg_pool2d),
    ):
        tensor = torch.tensor(Z, requires_grad=True)
        peer = peer_pool(tensor, f, stride)
        found = pool(Z, f, stride)
        np.testing.assert_allclose(found, peer.detach().numpy(), atol=1e-14)
        delta = np.random.default_rng(1).normal(size=found.shape)
        peer.backward(torch.tensor(delta))
        back = (
            pool_max_backward(Z, delta, f, stride)
            if pool is pool_max
            else pool_average_backward(delta, *size, f, stride)
        )
        np.testing.assert_allclose(back, tensor.grad.numpy(), atol=1e-13)


@pytest.mark.parametrize(("size", "f", "stride"), SHAPES)
def test_gradients_are_central_differences(size: tuple[int, int], f: int, stride: int) -> None:
    Z = image(size)
    # No two pixels so close that a step could change which is the larger.
    assert np.diff(np.sort(Z, axis=None)).min() > 5e-5
    found = pool_max_backward(Z, np.cos(pool_max(Z, f, stride)), f, stride)
    expected = central_differences(lambda: float(np.sin(pool_max(Z, f, stride)).sum()), Z)
    assert relative_error(found, expected) < 1e-7
    found = pool_average_backward(np.cos(pool_average(Z, f, stride)), *size, f, stride)
    expected = central_differences(lambda: float(np.sin(pool_average(Z, f, stride)).sum()), Z)
    assert relative_error(found, expected) < 1e-7
    found = pool_channels_max_backward(Z, np.cos(pool_channels_max(Z)))
    expected = central_differences(lambda: float(np.sin(pool_channels_max(Z)).sum()), Z)
    assert relative_error(found, expected) < 1e-7


def test_pooling_by_hand() -> None:
    Z = np.array([[1.0, 3, 2, 1], [2, 9, 1, 1], [1, 3, 2, 3], [5, 6, 1, 2]])[None, None]
    assert pool_max(Z, 2, 2)[0, 0].tolist() == [[9, 2], [6, 3]]
    assert pool_average(Z, 2, 2)[0, 0].tolist() == [[3.75, 1.25], [3.75, 2.0]]
    assert pool_max(Z, 2, 1)[0, 0].tolist() == [[9, 9, 2], [9, 9, 3], [6, 6, 3]]


def test_of_equal_pixels_the_first_gets_the_gradient_as_in_torch() -> None:
    import torch

    Z = np.zeros((1, 1, 4, 4))
    tensor = torch.tensor(Z, requires_grad=True)
    torch.nn.functional.max_pool2d(tensor, 2, 2).sum().backward()
    found = pool_max_backward(Z, np.ones((1, 1, 2, 2)), 2, 2)
    np.testing.assert_array_equal(found, tensor.grad.numpy())
    assert found.sum() == 4


def test_delta_keeps_its_sum_where_the_windows_cover_the_image() -> None:
    Z, delta = image((6, 4)), np.random.default_rng(1).normal(size=(2, 3, 3, 2))
    for back in (pool_max_backward(Z, delta, 2, 2), pool_average_backward(delta, 6, 4, 2, 2)):
        np.testing.assert_allclose(back.sum(axis=(2, 3)), delta.sum(axis=(2, 3)), atol=1e-13)


def test_a_feature_that_moves_within_its_window_gives_the_same_maximum() -> None:
    one, other = np.zeros((2, 1, 1, 4, 4))
    one[0, 0, 0, 2], other[0, 0, 1, 3] = 5, 5
    np.testing.assert_array_equal(pool_max(one, 2, 2), pool_max(other, 2, 2))


def test_pooling_along_the_channels_forgets_which_filter_fired() -> None:
    Z = image((4, 4))
    found = pool_channels_max(Z)
    assert found.shape == (2, 1, 4, 4)
    np.testing.assert_array_equal(found, pool_channels_max(Z[:, [2, 0, 1]]))


def test_float32_in_is_float32_out() -> None:
    Z = image((4, 4)).astype(np.float32)
    out = pool_max(Z, 2, 2)
    found = (
        out,
        pool_average(Z, 2, 2),
        pool_max_backward(Z, out, 2, 2),
        pool_average_backward(out, 4, 4, 2, 2),
        pool_channels_max_backward(Z, pool_channels_max(Z)),
    )
    assert {array.dtype for array in found} == {np.dtype(np.float32)}


def test_a_window_that_does_not_fit_is_rejected() -> None:
    with pytest.raises(ValueError, match="5 on 4 pixels"):
        pool_max(image((4, 4)), 5, 1)

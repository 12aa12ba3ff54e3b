"""The layout of images in memory, and pooling without a gradient."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from mlcli.neural.cnn import channels_innermost, max_pool


@pytest.mark.parametrize("channels", [1, 3])
def test_convolutions_keep_the_channels_last_layout(channels: int) -> None:
    images = torch.rand(2, channels, 6, 5)
    found = channels_innermost(images)
    assert torch.equal(found, images)
    assert found.stride() == (30 * channels, 1, 5 * channels, channels)
    after = functional.conv2d(found, torch.rand(4, channels, 3, 3))
    assert after.stride()[1] == 1


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (1, 1)])
@pytest.mark.parametrize("stride", [(2, 2), (1, 3)])
def test_pooling_is_the_same_with_and_without_a_gradient(
    size: tuple[int, int], stride: tuple[int, int]
) -> None:
    Z = channels_innermost(torch.randn(3, 4, 9, 8))
    Z[0, 0, 2, 2] = torch.nan
    expected = functional.max_pool2d(Z, size, stride)
    with torch.no_grad():
        found = max_pool(Z, size, stride)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(max_pool(Z[1:], size, stride), expected[1:])

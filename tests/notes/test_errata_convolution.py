"""Misprints of chapter 8, numerically: the printed form fails, the corrected one holds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d, correlate2d

from mlcli.convolution.convolution import (
    convolve,
    dense_as_filters,
    flatten,
    output_size,
    same_padding,
)
from mlcli.convolution.edges import difference, scharr, sobel, vertical_edge
from mlcli.convolution.pooling import pool_max
from mlcli.datasets.pictures import edge_matrix

Array = np.ndarray


def filtered(image: Array, f: Array) -> Array:
    return convolve(image[None, None], f[None, None])[0, 0]


def test_8_9_is_a_cross_correlation() -> None:
    rng = np.random.default_rng(0)
    image, f = rng.normal(size=(7, 6)), rng.normal(size=(3, 3))
    np.testing.assert_allclose(filtered(image, f), correlate2d(image, f, mode="valid"), atol=1e-13)
    true_convolution = convolve2d(image, f, mode="valid")
    assert np.abs(filtered(image, f) - true_convolution).max() > 1
    np.testing.assert_allclose(filtered(image, f[::-1, ::-1]), true_convolution, atol=1e-13)


def test_8_12_has_30_where_10_is_printed() -> None:
    """Entry by entry from the definition, and by torch."""
    image, f = edge_matrix(), vertical_edge()
    by_hand = [
        [sum(image[i + m, j + n] * f[m, n] for m in range(3) for n in range(3)) for j in range(4)]
        for i in range(4)
    ]
    assert by_hand == [[0, 30, 30, 0]] * 4
    np.testing.assert_array_equal(filtered(image, f), by_hand)
    peer = torch.nn.functional.conv2d(
        torch.from_numpy(image)[None, None], torch.from_numpy(f)[None, None]
    )
    np.testing.assert_array_equal(peer[0, 0].numpy(), by_hand)
    assert not np.array_equal(filtered(image, f), [[0, 10, 10, 0]] * 4)


def test_8_13_sees_nothing_on_an_even_image() -> None:
    """A filter for edges has entries that add up to 0; the printed Scharr filter adds up to 20."""
    printed = np.array([[3.0, 0.0, -3.0], [10.0, 0.0, 10.0], [3.0, 0.0, -3.0]])
    even = np.full((5, 5), 7.0)
    np.testing.assert_array_equal(filtered(even, scharr()), 0.0)
    np.testing.assert_array_equal(filtered(even, sobel()), 0.0)
    np.testing.assert_array_equal(filtered(even, printed), 140.0)
    # Mirrored images have the opposite response, as a difference must.
    image = np.random.default_rng(1).normal(size=(3, 3))
    mirrored = image[:, ::-1]
    assert filtered(mirrored, scharr())[0, 0] == pytest.approx(-filtered(image, scharr())[0, 0])
    assert filtered(mirrored, printed)[0, 0] != pytest.approx(-filtered(image, printed)[0, 0])


def test_the_difference_filter_is_1_by_2() -> None:
    found = filtered(edge_matrix(), difference())
    assert difference().shape == (1, 2)
    np.testing.assert_array_equal(found, [[0, 0, 10, 0, 0]] * 6)
    printed = filtered(edge_matrix(), difference().T)
    assert printed.shape == (5, 6)
    np.testing.assert_array_equal(printed, 0.0)


def test_8_14_to_8_19_leave_out_the_stride() -> None:
    """The printed sizes hold at stride 1 alone; torch has the corrected ones at every stride."""
    for n, f, p in ((6, 3, 0), (7, 3, 1), (8, 5, 2), (9, 2, 0)):
        for s in (1, 2, 3):
            layer = torch.nn.Conv2d(1, 4, f, stride=s, padding=p)
            expected = layer(torch.zeros(1, 1, n, n)).shape[2]
            assert output_size(n, f, s, p) == expected
            assert (n + 2 * p - f + 1 == expected) == (s == 1)
    # (8.17) keeps the size, but not under a stride.
    assert output_size(8, 5, 1, same_padding(5)) == 8
    assert output_size(8, 5, 2, same_padding(5)) == 4
    # Figure 22 halves each axis with windows of 2 x 2 and stride 2; (8.19) as it stands does not.
    Z = np.random.default_rng(2).normal(size=(1, 1, 8, 8))
    pooled = pool_max(Z, 2, 2)
    peer = torch.nn.functional.max_pool2d(torch.from_numpy(Z), 2, stride=2)
    np.testing.assert_array_equal(pooled, peer.numpy())
    assert pooled.shape[2:] == (4, 4) != pool_max(Z, 2, 1).shape[2:] == (7, 7)


def test_8_24_has_the_channel_outermost() -> None:
    """The 2 x 2 x 2 tensor of the notes, entry 121 being row 1, column 2, channel 1."""
    tensor = np.array([[[100 * i + 10 * j + k for k in (1, 2)] for j in (1, 2)] for i in (1, 2)])
    printed = [111, 121, 211, 221, 112, 122, 212, 222]
    Z = tensor.transpose(2, 0, 1)[None].astype(float)  # (1, n_ch, n_h, n_w)
    assert flatten(Z)[0].tolist() == printed
    assert torch.from_numpy(Z).flatten().tolist() == printed
    assert tensor.ravel().tolist() != printed
    # Dense weights carried over in the printed order agree with the convolution, others do not.
    W = np.random.default_rng(3).normal(size=(3, 8))
    as_filters = convolve(Z, dense_as_filters(W, 2, 2, 2))[0, :, 0, 0]
    np.testing.assert_allclose(as_filters, W @ flatten(Z)[0], rtol=1e-12)
    assert np.abs(as_filters - W @ tensor.ravel()).max() > 1

"""Convolution against torch, a loop over windows, dense layers, and the notes' own example."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.backpropagation.gradient_check import central_differences, relative_error
from mlcli.convolution.convolution import (
    add_windows,
    convolve,
    convolve_backward,
    convolve_pointwise,
    convolve_pointwise_backward,
    dense_as_filters,
    flatten,
    output_size,
    pad_same,
    same_padding,
    windows,
)
from mlcli.convolution.edges import (
    difference,
    orientations,
    scharr,
    sobel,
    sobel_diagonal,
    vertical_edge,
)

# (n_h, n_w), (f_h, f_w), stride, padding: stride that doesn't fit, even and oblong filters, f = n.
SHAPES = [
    ((6, 5), (3, 3), 1, 0),
    ((6, 5), (3, 3), 1, 1),
    ((7, 6), (3, 2), 2, 0),
    ((8, 8), (3, 3), 3, 2),
    ((5, 4), (1, 1), 1, 0),
    ((5, 4), (1, 1), 2, 1),
    ((4, 3), (4, 3), 1, 0),
    ((3, 3), (5, 5), 1, 1),
]


def problem(
    size: tuple[int, int], f: tuple[int, int], seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 3, *size)), rng.normal(size=(4, 3, *f)), rng.normal(size=4)


@pytest.mark.parametrize(("size", "f", "stride", "padding"), SHAPES)
def test_convolution_is_that_of_torch_forward_and_backward(
    size: tuple[int, int], f: tuple[int, int], stride: int, padding: int
) -> None:
    import torch

    torch.set_num_threads(1)
    Z, F, b = problem(size, f)
    tensors = [torch.tensor(array, requires_grad=True) for array in (Z, F, b)]
    peer = torch.nn.functional.conv2d(*tensors, stride=stride, padding=padding)
    a = convolve(Z, F, b, stride=stride, padding=padding)
    np.testing.assert_allclose(a, peer.detach().numpy(), atol=1e-12)
    delta = np.random.default_rng(1).normal(size=a.shape)
    peer.backward(torch.tensor(delta))
    found = convolve_backward(Z, F, delta, stride=stride, padding=padding)
    for ours, tensor in zip(found, tensors, strict=True):
        np.testing.assert_allclose(ours, tensor.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize(("size", "f", "stride", "padding"), SHAPES)
def test_gradients_are_central_differences(
    size: tuple[int, int], f: tuple[int, int], stride: int, padding: int
) -> None:
    Z, F, b = problem(size, f)
    how = {"stride": stride, "padding": padding}

    def E() -> float:
        return float((np.sin(convolve(Z, F, b, **how))).sum())

    found = convolve_backward(Z, F, np.cos(convolve(Z, F, b, **how)), **how)
    for ours, array in zip(found, (Z, F, b), strict=True):
        assert relative_error(ours, central_differences(E, array)) < 1e-7


def test_convolution_is_the_inner_product_with_every_window() -> None:
    """(8.9) and (8.10) index by index: the filter is not turned round."""
    Z, F, _ = problem((6, 7), (3, 2))
    a = convolve(Z, F, stride=2)
    for alpha, c, i, j in np.ndindex(a.shape):
        window = Z[alpha, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 2]
        assert a[alpha, c, i, j] == pytest.approx((window * F[c]).sum(), abs=1e-13)


def test_convolution_with_a_flipped_filter_is_that_of_signal_processing() -> None:
    from scipy.signal import convolve2d

    rng = np.random.default_rng(0)
    image, f = rng.normal(size=(9, 8)), rng.normal(size=(3, 4))
    ours = convolve(image[None, None], f[::-1, ::-1][None, None])[0, 0]
    np.testing.assert_allclose(ours, convolve2d(image, f, mode="valid"), atol=1e-13)


def test_the_edge_of_the_notes() -> None:
    """(8.1) with (8.11) gives 0 30 30 0 where (8.12) prints 0 10 10 0; (8.2) as printed."""
    image = np.tile([10.0, 10, 10, 0, 0, 0], (6, 1))[None, None]

    def row(f: np.ndarray) -> list[float]:
        a = convolve(image, f[None, None])[0, 0]
        assert (a == a[0]).all()
        return [float(value) for value in a[0]]

    assert row(vertical_edge()) == [0, 30, 30, 0]
    assert row(difference()) == [0, 0, 10, 0, 0]
    assert row(sobel()) == [0, 40, 40, 0]
    assert row(scharr()) == [0, 160, 160, 0]
    assert not convolve(image, vertical_edge().T[None, None]).any()


def test_an_edge_filter_is_zero_on_a_constant_image() -> None:
    for f in (difference(), vertical_edge(), sobel(), scharr()):
        assert f.sum() == 0
    assert scharr()[1].tolist() == [10, 0, -10]


def test_a_dense_layer_is_a_convolution_with_filters_as_large_as_the_image() -> None:
    rng = np.random.default_rng(0)
    Z, W = rng.normal(size=(5, 2, 3, 4)), rng.normal(size=(6, 24))
    dense = flatten(Z) @ W.T
    a = convolve(Z, dense_as_filters(W, 2, 3, 4))
    assert a.shape == (5, 6, 1, 1)
    np.testing.assert_allclose(a[:, :, 0, 0], dense, atol=1e-13)


def test_flattening_has_the_order_of_the_notes_and_of_torch() -> None:
    import torch

    # z_ijk = 100 i + 10 j + k; (8.24) lists 111 121 211 221 112 122 212 222.
    Z = np.empty((1, 2, 2, 2))
    for i, j, k in np.ndindex(2, 2, 2):
        Z[0, k, i, j] = 100 * (i + 1) + 10 * (j + 1) + k + 1
    assert flatten(Z)[0].tolist() == [111, 121, 211, 221, 112, 122, 212, 222]
    np.testing.assert_array_equal(flatten(Z), torch.tensor(Z).flatten(1).numpy())


def test_a_1_by_1_convolution_is_dense_along_the_channels() -> None:
    rng = np.random.default_rng(0)
    Z, f, b = rng.normal(size=(2, 4, 3, 5)), rng.normal(size=(6, 4)), rng.normal(size=6)
    a = convolve_pointwise(Z, f, b)
    np.testing.assert_allclose(a, convolve(Z, f[:, :, None, None], b), atol=1e-13)
    np.testing.assert_allclose(a[1, :, 2, 3], f @ Z[1, :, 2, 3] + b, atol=1e-13)
    delta = rng.normal(size=a.shape)
    for ours, general in zip(
        convolve_pointwise_backward(Z, f, delta),
        convolve_backward(Z, f[:, :, None, None], delta),
        strict=True,
    ):
        np.testing.assert_allclose(ours, general.reshape(ours.shape), atol=1e-12)


def test_gradients_of_a_1_by_1_convolution_are_central_differences() -> None:
    rng = np.random.default_rng(0)
    Z, f, b = rng.normal(size=(2, 3, 2, 4)), rng.normal(size=(2, 3)), rng.normal(size=2)

    def E() -> float:
        return float(np.sin(convolve_pointwise(Z, f, b)).sum())

    found = convolve_pointwise_backward(Z, f, np.cos(convolve_pointwise(Z, f, b)))
    for ours, array in zip(found, (Z, f, b), strict=True):
        assert relative_error(ours, central_differences(E, array)) < 1e-7


def test_shifted_images_have_shifted_features() -> None:
    rng = np.random.default_rng(0)
    Z, F = np.zeros((1, 3, 12, 12)), rng.normal(size=(2, 3, 3, 3))
    Z[:, :, 3:7, 3:7] = rng.normal(size=(1, 3, 4, 4))
    shifted = convolve(np.roll(Z, (2, 3), axis=(2, 3)), F, padding=1)
    np.testing.assert_allclose(shifted, np.roll(convolve(Z, F, padding=1), (2, 3), axis=(2, 3)))


@given(
    n=st.integers(1, 12), f=st.integers(1, 6), stride=st.integers(1, 4), padding=st.integers(0, 3)
)
@settings(max_examples=150, deadline=None)
def test_the_output_has_the_size_of_the_windows_that_fit(
    n: int, f: int, stride: int, padding: int
) -> None:
    starts = range(0, n + 2 * padding - f + 1, stride)
    if not starts:
        with pytest.raises(ValueError, match="fit into the padded image"):
            output_size(n, f, stride, padding)
        return
    assert output_size(n, f, stride, padding) == len(starts)
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(1, 2, n, n))
    local = windows(Z, f, f, stride, padding)
    assert local.shape == (1, 2, len(starts), len(starts), f, f)
    # <windows(Z), P> = <Z, add_windows(P)>: each is the other's transpose.
    parts = rng.normal(size=local.shape)
    back = add_windows(parts, n, n, stride, padding)
    assert back.shape == Z.shape
    assert (local * parts).sum() == pytest.approx((Z * back).sum(), abs=1e-10)


def test_same_padding_keeps_the_size() -> None:
    for f in (1, 3, 5, 7):
        assert output_size(9, f, 1, same_padding(f)) == 9
    with pytest.raises(ValueError, match="odd, got 4"):
        same_padding(4)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("f", [(1, 1), (1, 2), (3, 3), (4, 3), (2, 5), (6, 6)])
def test_same_padding_of_even_filters_is_that_of_torch(f: tuple[int, int]) -> None:
    import torch

    Z, F, _ = problem((6, 5), f)
    peer = torch.nn.functional.conv2d(torch.tensor(Z), torch.tensor(F), padding="same")
    found = convolve(pad_same(Z, *f), F)
    assert found.shape == (2, 4, 6, 5)
    np.testing.assert_allclose(found, peer.numpy(), atol=1e-12)
    if f == (3, 3):
        np.testing.assert_array_equal(found, convolve(Z, F, padding=same_padding(3)))


def test_each_orientation_responds_most_to_its_own_edge() -> None:
    """An edge whose normal is at 0, 45, 90, 135 degrees, brighter where its normal comes from."""
    y, x = np.mgrid[-1:2, -1:2]
    edges = np.stack([x, x + y, y, y - x])  # (4, 3, 3): how far along the normal
    images = np.clip(0.5 - edges / 2, 0, 1)
    a = convolve(images[:, None], orientations()[:, None])[:, :, 0, 0]
    assert (a.argmax(axis=1) == [0, 1, 2, 3]).all()
    assert np.diag(a).tolist() == [4, 4, 4, 4]
    assert sobel_diagonal().sum() == 0


def test_windows_are_a_view() -> None:
    Z = np.zeros((1, 1, 5, 5))
    assert np.shares_memory(windows(Z, 3, 3), Z)


def test_float32_in_is_float32_out() -> None:
    Z, F, b = (array.astype(np.float32) for array in problem((5, 5), (3, 3)))
    a = convolve(Z, F, b, padding=1)
    found = (a, *convolve_backward(Z, F, a, padding=1))
    assert {array.dtype for array in found} == {np.dtype(np.float32)}


def test_filters_that_do_not_fit_are_rejected() -> None:
    Z, F, _ = problem((4, 6), (5, 5))
    with pytest.raises(ValueError, match="5 on 4 pixels"):
        convolve(Z, F)
    with pytest.raises(ValueError, match="3 channels, got 2"):
        convolve(Z, F[:, :2], padding=1)
    with pytest.raises(ValueError, match="at least 1"):
        convolve(Z, F, stride=0, padding=1)
    with pytest.raises(ValueError, match="at least 0, got 5, 1, -1"):
        convolve(Z, F, padding=-1)

"""Convolutional layers, forward and backward, as one matrix product (sections 8.2, 8.5 and 8.6)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def frobenius(A: Floats, B: Floats) -> float:
    """(A, B)_F = sum_ij A_ij B_ij = Tr(A B^T), eq (8.4); of images also over channels, (8.7).

    That is the inner product of the arrays unrolled into vectors, (8.5), and the sum of the
    entries of the Hadamard product (6.41).

    Args:
        A: any shape.
        B: the same shape.

    Raises:
        ValueError: the shapes differ.
    """
    if A.shape != B.shape:
        raise ValueError(f"the arrays must have one shape, got {A.shape} and {B.shape}")
    return float(np.vdot(A, B))


def output_size(n: int, f: int, stride: int = 1, padding: int = 0) -> int:
    """floor((n + 2p - f) / s) + 1: (8.16) with the stride that (8.14) to (8.19) leave out.

    Args:
        n: pixels along the axis.
        f: size of the filter along it.
        stride: s, steps of the filter.
        padding: p, zeros on either side.

    Raises:
        ValueError: a size out of range, or a filter larger than the padded image.
    """
    if f < 1 or stride < 1 or padding < 0:
        raise ValueError(
            f"f and stride must be at least 1 and padding at least 0, got {f}, {stride}, {padding}"
        )
    if n + 2 * padding < f:
        raise ValueError(
            f"the filter must fit into the padded image, got {f} on {n + 2 * padding} pixels"
        )
    return (n + 2 * padding - f) // stride + 1


def same_padding(f: int) -> int:
    """p = (f - 1) / 2, eq (8.17): the output is as large as the input at stride 1.

    Raises:
        ValueError: f is even, so that p is not a whole number.
    """
    if f % 2 == 0:
        raise ValueError(f"the size of the filter must be odd, got {f}")
    return (f - 1) // 2


def pad_same(Z: Floats, f_h: int, f_w: int) -> Floats:
    """Z with f - 1 zeros along each axis, so that the output is as large as the input at stride 1.

    Of odd f this is (8.17) on both sides. Where f is even that is not a whole number, and the odd
    zero comes after the image, as in torch: (f - 1) // 2 before and f // 2 after.

    Args:
        Z: images, (m, n_ch, n_h, n_w).
        f_h: height of the filter.
        f_w: width of the filter.

    Returns:
        (m, n_ch, n_h + f_h - 1, n_w + f_w - 1).
    """
    rows, columns = ((f - 1) // 2 for f in (f_h, f_w))
    return np.pad(Z, ((0, 0), (0, 0), (rows, f_h // 2), (columns, f_w // 2)))


def windows(Z: Floats, f_h: int, f_w: int, stride: int = 1, padding: int = 0) -> Floats:
    """a^(ij;f) of (8.8) for i, j in steps of s: a view unless it pads.

    Args:
        Z: images, (m, n_ch, n_h, n_w).
        f_h: height of a window.
        f_w: width of a window.
        stride: s.
        padding: p.

    Returns:
        (m, n_ch, o_h, o_w, f_h, f_w), to be read only: entries are shared between windows.

    Raises:
        ValueError: as `output_size`.
    """
    output_size(Z.shape[2], f_h, stride, padding)
    output_size(Z.shape[3], f_w, stride, padding)
    if padding:
        Z = np.pad(Z, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    every = sliding_window_view(Z, (f_h, f_w), axis=(2, 3))
    return every[:, :, ::stride, ::stride]  # (m, n_ch, o_h, o_w, f_h, f_w)


def add_windows(parts: Floats, n_h: int, n_w: int, stride: int = 1, padding: int = 0) -> Floats:
    """The transpose of `windows`: each pixel is the sum of its entries in all windows.

    Args:
        parts: (m, n_ch, o_h, o_w, f_h, f_w).
        n_h: height of the images.
        n_w: width of the images.
        stride: s.
        padding: p; entries on the padding are dropped.

    Returns:
        (m, n_ch, n_h, n_w).
    """
    m, n_ch, o_h, o_w, f_h, f_w = parts.shape
    total = np.zeros((m, n_ch, n_h + 2 * padding, n_w + 2 * padding), parts.dtype)
    # One pass per entry of the window: the pixels of one pass are all different.
    for i in range(f_h):
        for j in range(f_w):
            rows = slice(i, i + stride * o_h, stride)
            columns = slice(j, j + stride * o_w, stride)
            total[:, :, rows, columns] += parts[..., i, j]
    return total[:, :, padding : padding + n_h, padding : padding + n_w]


def _unrolled(Z: Floats, F: Floats, stride: int, padding: int) -> tuple[Floats, int, int]:
    """Windows as columns, the unrolling of (8.5) over all channels: (m, n_ch f_h f_w, o_h o_w)."""
    if Z.shape[1] != F.shape[1]:
        raise ValueError(f"the filters must have {Z.shape[1]} channels, got {F.shape[1]}")
    local = windows(Z, F.shape[2], F.shape[3], stride, padding)
    m, _, o_h, o_w = local.shape[:4]
    # Pixels last: rows of an image are then contiguous, and the product already is a tensor.
    columns = local.transpose(0, 1, 4, 5, 2, 3).reshape(m, F[0].size, o_h * o_w)
    return columns, o_h, o_w


def convolve(
    Z: Floats, F: Floats, b: Floats | None = None, *, stride: int = 1, padding: int = 0
) -> Floats:
    """a_cij = sum_k (z_k^(i s, j s; f), F_k^c)_F + b_c, eqs (8.9), (8.10) and (8.14).

    What the notes call convolution is cross-correlation: the filter is not flipped.

    Args:
        Z: images, (m, n_ch, n_h, n_w).
        F: filters, (n_f, n_ch, f_h, f_w).
        b: one bias for each filter, (n_f,); none if left out.
        stride: s.
        padding: p rows and columns of zeros on all sides.

    Returns:
        (m, n_f, o_h, o_w), o = floor((n + 2p - f) / s) + 1.

    Raises:
        ValueError: the channels differ, or the filter doesn't fit, see `output_size`.
    """
    columns, o_h, o_w = _unrolled(Z, F, stride, padding)
    a: Floats = np.matmul(F.reshape(len(F), -1), columns)  # (m, n_f, o_h o_w)
    if b is not None:
        a += b[:, None]
    return a.reshape(len(Z), len(F), o_h, o_w)


def convolve_backward(
    Z: Floats, F: Floats, delta: Floats, *, stride: int = 1, padding: int = 0
) -> tuple[Floats, Floats, Floats]:
    """Derivatives of E by the input, the filters and the biases of `convolve`: the chain rule.

    dE/dF^c = sum_{alpha, ij} delta_cij z^(i s, j s; f), dE/db_c = sum_{alpha, ij} delta_cij, and
    dE/dz adds delta_cij F^c to the window of each output.

    Args:
        Z: as in `convolve`, (m, n_ch, n_h, n_w).
        F: as in `convolve`, (n_f, n_ch, f_h, f_w).
        delta: dE/da, (m, n_f, o_h, o_w).
        stride: s.
        padding: p.

    Returns:
        dE/dZ, dE/dF, dE/db with the shapes of Z, F, b.

    Raises:
        ValueError: as `convolve`.
    """
    columns, o_h, o_w = _unrolled(Z, F, stride, padding)
    delta = delta.reshape(len(Z), len(F), o_h * o_w)  # (m, n_f, o_h o_w)
    each = np.matmul(delta, columns.transpose(0, 2, 1))  # (m, n_f, n_ch f_h f_w)
    F_gradient = each.sum(axis=0).reshape(F.shape)  # (n_f, n_ch, f_h, f_w)
    parts = np.matmul(F.reshape(len(F), -1).T, delta)  # (m, n_ch f_h f_w, o_h o_w)
    by_window = parts.reshape(len(Z), *F.shape[1:], o_h, o_w).transpose(0, 1, 4, 5, 2, 3)
    Z_gradient = add_windows(by_window, Z.shape[2], Z.shape[3], stride, padding)
    return Z_gradient, F_gradient, np.asarray(delta.sum(axis=(0, 2)))


def convolve_pointwise(Z: Floats, f: Floats, b: Floats | None = None) -> Floats:
    """a_q = sum_p f_qp z_p at every pixel, eq (8.22): dense along the channels, a 1 x 1 filter.

    Args:
        Z: images, (m, n_ch, n_h, n_w).
        f: the matrix of (8.21), (n_f, n_ch).
        b: (n_f,); none if left out.

    Returns:
        (m, n_f, n_h, n_w), eq (8.20).
    """
    m, n_ch, n_h, n_w = Z.shape
    a: Floats = np.matmul(f, Z.reshape(m, n_ch, n_h * n_w))  # (m, n_f, n_h n_w)
    if b is not None:
        a += b[:, None]
    return a.reshape(m, len(f), n_h, n_w)


def convolve_pointwise_backward(
    Z: Floats, f: Floats, delta: Floats
) -> tuple[Floats, Floats, Floats]:
    """Derivatives of E by Z, f and b of `convolve_pointwise`: (6.40) and (6.39) at every pixel.

    Args:
        Z: (m, n_ch, n_h, n_w).
        f: (n_f, n_ch).
        delta: dE/da, (m, n_f, n_h, n_w).

    Returns:
        dE/dZ (m, n_ch, n_h, n_w), dE/df (n_f, n_ch), dE/db (n_f,).
    """
    m, n_ch = Z.shape[:2]
    pixels = Z.reshape(m, n_ch, -1)  # (m, n_ch, n_h n_w)
    delta = delta.reshape(m, len(f), -1)  # (m, n_f, n_h n_w)
    f_gradient = np.matmul(delta, pixels.transpose(0, 2, 1)).sum(axis=0)  # (n_f, n_ch)
    Z_gradient: Floats = np.matmul(f.T, delta).reshape(Z.shape)
    return Z_gradient, np.asarray(f_gradient), np.asarray(delta.sum(axis=(0, 2)))


def flatten(Z: Floats) -> Floats:
    """Z_flat of (8.24), channels outermost: z_111 z_121 z_211 z_221 z_112 ..., rows before columns.

    The indices of the notes are (row, column, channel). The row-major order of an (n_h, n_w, n_ch)
    array would be another one.

    Args:
        Z: (m, n_ch, n_h, n_w).

    Returns:
        (m, n_ch n_h n_w).
    """
    return Z.reshape(len(Z), -1)


def dense_as_filters(W: Floats, n_ch: int, n_h: int, n_w: int) -> Floats:
    """F^(m)_ijk = W_m;ijk, eqs (8.26) and (8.27): a dense layer on `flatten` as a convolution.

    Args:
        W: weights of the dense layer, (n_out, n_ch n_h n_w).
        n_ch: channels of the images.
        n_h: their height.
        n_w: their width.

    Returns:
        Filters as large as the images, (n_out, n_ch, n_h, n_w).
    """
    return W.reshape(len(W), n_ch, n_h, n_w)

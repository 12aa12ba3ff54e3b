"""The submatrices a^(ij;f) that a filter or a pool looks at (section 8.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


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

    Of odd f this is (8.17) on both sides. Where f is even that is no whole number, and the odd
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
    """a^(ij;f) of (8.8) for i, j in steps of s: a view if nothing is padded, without copies.

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
    """The transpose of `windows`: a pixel gets the sum of what all windows hold for it.

    Args:
        parts: (m, n_ch, o_h, o_w, f_h, f_w).
        n_h: height of the images.
        n_w: width of the images.
        stride: s.
        padding: p; what falls on it is dropped.

    Returns:
        (m, n_ch, n_h, n_w).
    """
    m, n_ch, o_h, o_w, f_h, f_w = parts.shape
    total = np.zeros((m, n_ch, n_h + 2 * padding, n_w + 2 * padding), parts.dtype)
    # One pass for each entry of the window: the pixels of one pass are all different.
    for i in range(f_h):
        for j in range(f_w):
            rows = slice(i, i + stride * o_h, stride)
            columns = slice(j, j + stride * o_w, stride)
            total[:, :, rows, columns] += parts[..., i, j]
    return total[:, :, padding : padding + n_h, padding : padding + n_w]

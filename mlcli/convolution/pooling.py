"""Max and average pooling, forward and backward (section 8.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.convolution.convolution import add_windows, windows

Floats = NDArray[np.floating[Any]]


def pool_max(Z: Floats, f: int, stride: int) -> Floats:
    """max of z^(i s, j s; f) in each channel, eq (8.19) with a stride.

    (8.19) has stride 1; figure 22 pools with f = s = 2.

    Args:
        Z: images, (m, n_ch, n_h, n_w).
        f: size of the window.
        stride: s.

    Returns:
        (m, n_ch, o_h, o_w), o = floor((n - f) / s) + 1.

    Raises:
        ValueError: the window doesn't fit, see `output_size`.
    """
    return np.asarray(windows(Z, f, f, stride).max(axis=(4, 5)))


def pool_max_backward(Z: Floats, delta: Floats, f: int, stride: int) -> Floats:
    """dE/dZ of `pool_max`: delta goes to the largest pixel of each window, the first of equals.

    Args:
        Z: as in `pool_max`, (m, n_ch, n_h, n_w).
        delta: dE by the outputs, (m, n_ch, o_h, o_w).
        f: size of the window.
        stride: s.
    """
    local = windows(Z, f, f, stride)
    first = local.reshape(*local.shape[:4], f * f).argmax(axis=4)  # (m, n_ch, o_h, o_w)
    parts = np.zeros((*local.shape[:4], f * f), delta.dtype)
    np.put_along_axis(parts, first[..., None], delta[..., None], axis=4)
    return add_windows(parts.reshape(local.shape), Z.shape[2], Z.shape[3], stride)


def pool_average(Z: Floats, f: int, stride: int) -> Floats:
    """Mean of z^(i s, j s; f) in each channel: (8.19) with the average for the maximum.

    Args:
        Z: images, (m, n_ch, n_h, n_w).
        f: size of the window.
        stride: s.

    Returns:
        (m, n_ch, o_h, o_w).

    Raises:
        ValueError: the window doesn't fit, see `output_size`.
    """
    return np.asarray(windows(Z, f, f, stride).mean(axis=(4, 5)))


def pool_average_backward(delta: Floats, n_h: int, n_w: int, f: int, stride: int) -> Floats:
    """dE/dZ of `pool_average`: delta is spread evenly over the f^2 pixels of each window.

    Args:
        delta: dE by the outputs, (m, n_ch, o_h, o_w).
        n_h: height of the images.
        n_w: width of the images.
        f: size of the window.
        stride: s.

    Returns:
        (m, n_ch, n_h, n_w).
    """
    share = (delta / f**2)[..., None, None]
    return add_windows(np.broadcast_to(share, (*delta.shape, f, f)), n_h, n_w, stride)


def pool_channels_max(Z: Floats) -> Floats:
    """max over k of z_ijk: the pooling along the third axis at the end of section 8.3.

    Args:
        Z: (m, n_ch, n_h, n_w).

    Returns:
        (m, 1, n_h, n_w).
    """
    return np.asarray(Z.max(axis=1, keepdims=True))


def pool_channels_max_backward(Z: Floats, delta: Floats) -> Floats:
    """dE/dZ of `pool_channels_max`: delta goes to the largest channel, the first of equals.

    Args:
        Z: as in `pool_channels_max`, (m, n_ch, n_h, n_w).
        delta: dE by the outputs, (m, 1, n_h, n_w).
    """
    Z_gradient = np.zeros_like(Z)
    np.put_along_axis(Z_gradient, Z.argmax(axis=1, keepdims=True), delta, axis=1)
    return Z_gradient

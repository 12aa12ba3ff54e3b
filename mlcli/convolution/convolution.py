"""Convolutional layers, forward and backward, as one matrix product (sections 8.2 and 8.5)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.convolution.windows import add_windows, windows

Floats = NDArray[np.floating[Any]]


def _unrolled(Z: Floats, F: Floats, stride: int, padding: int) -> tuple[Floats, int, int]:
    """Windows as columns, the unrolling of (8.5) over all channels: (m, n_ch f_h f_w, o_h o_w)."""
    if Z.shape[1] != F.shape[1]:
        raise ValueError(f"the filters must have {Z.shape[1]} channels, got {F.shape[1]}")
    local = windows(Z, F.shape[2], F.shape[3], stride, padding)
    m, _, o_h, o_w = local.shape[:4]
    # Pixels last: a row of an image is then copied in one run, and the product is a tensor already.
    columns = local.transpose(0, 1, 4, 5, 2, 3).reshape(m, F[0].size, o_h * o_w)
    return columns, o_h, o_w


def convolve(
    Z: Floats, F: Floats, b: Floats | None = None, *, stride: int = 1, padding: int = 0
) -> Floats:
    """a_cij = sum_k (z_k^(i s, j s; f), F_k^c)_F + b_c, eqs (8.9), (8.10) and (8.14).

    What the notes call convolution is cross-correlation: the filter is not turned round.

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
    dE/dz is every delta_cij F^c laid back on the window that it came from.

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
    errors = delta.reshape(len(Z), len(F), o_h * o_w)  # (m, n_f, o_h o_w)
    each = np.matmul(errors, columns.transpose(0, 2, 1))  # (m, n_f, n_ch f_h f_w)
    F_gradient = each.sum(axis=0).reshape(F.shape)  # (n_f, n_ch, f_h, f_w)
    parts = np.matmul(F.reshape(len(F), -1).T, errors)  # (m, n_ch f_h f_w, o_h o_w)
    by_window = parts.reshape(len(Z), *F.shape[1:], o_h, o_w).transpose(0, 1, 4, 5, 2, 3)
    Z_gradient = add_windows(by_window, Z.shape[2], Z.shape[3], stride, padding)
    return Z_gradient, F_gradient, np.asarray(errors.sum(axis=(0, 2)))


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
    errors = delta.reshape(m, len(f), -1)  # (m, n_f, n_h n_w)
    f_gradient = np.matmul(errors, pixels.transpose(0, 2, 1)).sum(axis=0)  # (n_f, n_ch)
    Z_gradient: Floats = np.matmul(f.T, errors).reshape(Z.shape)
    return Z_gradient, np.asarray(f_gradient), np.asarray(errors.sum(axis=(0, 2)))

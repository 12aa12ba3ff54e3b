"""Between images and dense layers (section 8.6)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def flatten(Z: Floats) -> Floats:
    """Z_flat of (8.24), channel outermost: z_111 z_121 z_211 z_221 z_112 ..., rows before columns.

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

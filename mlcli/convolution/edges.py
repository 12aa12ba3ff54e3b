"""Filters for vertical edges (sections 8.1 and 8.2); their transposes find horizontal ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def difference() -> NDArray[np.float64]:
    """(1, -1), the filter behind (8.2): one row and two columns, which the text calls 2 x 1."""
    return np.array([[1.0, -1.0]])


def vertical_edge() -> NDArray[np.float64]:
    """Eq (8.11), (3, 3). On (8.1) it gives rows 0 30 30 0, not the printed 0 10 10 0 of (8.12)."""
    return np.array([[1.0, 0.0, -1.0]] * 3)


def sobel() -> NDArray[np.float64]:
    """The Sobel filter of (8.13), (3, 3)."""
    return np.outer([1.0, 2.0, 1.0], [1.0, 0.0, -1.0])


def scharr() -> NDArray[np.float64]:
    """The Scharr filter of (8.13), (3, 3), whose middle row is 10 0 -10, not 10 0 10."""
    return np.outer([3.0, 10.0, 3.0], [1.0, 0.0, -1.0])


def sobel_diagonal() -> NDArray[np.float64]:
    """Sobel's filter turned by 45 degrees, (3, 3): for edges that run from top right down left."""
    return np.array([[2.0, 1.0, 0.0], [1.0, 0.0, -1.0], [0.0, -1.0, -2.0]])


def orientations() -> NDArray[np.float64]:
    """Sobel's filter for edges at 0, 45, 90 and 135 degrees, (4, 3, 3): the layer of section 8.3.

    An edge is at the angle of its normal, from the row to the right, turning downwards: 0 is a
    vertical edge, 90 a horizontal one.
    """
    diagonal = sobel_diagonal()
    return np.stack([sobel(), diagonal, sobel().T, diagonal[:, ::-1]])

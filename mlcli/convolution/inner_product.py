"""The inner product of arrays behind every filter (section 8.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
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

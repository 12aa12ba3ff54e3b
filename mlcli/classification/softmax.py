"""Sigmoid and softmax: from activations to the probabilities of classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sigmoid(a: Floats) -> Floats:
    """sigma(a) = 1 / (1 + e^-a), eq (5.6), without overflow; any shape.

    a is the LOGARITHM of p(x|C_1) p(C_1) / (p(x|C_2) p(C_2)), which (5.4) leaves out.
    """
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * a)))


def softmax(A: Floats) -> Floats:
    """p(C_k|x) = exp(a_k) / sum_j exp(a_j), eq (5.20) as it should read; (N, K) -> (N, K)."""
    shifted = np.exp(A - A.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def n_columns(n_classes: int) -> int:
    """Columns of the weights: one for two classes (5.8), K for more (5.19)."""
    return 1 if n_classes == 2 else n_classes


def probabilities(A: Floats) -> Floats:
    """p(C_k|x) from activations (N, 1) of class 1, or (N, K) -> (N, K)."""
    if A.shape[1] > 1:
        return softmax(A)
    # Both from the sigmoid: 1 - sigma(a) would round to 0 where sigma(-a) does not (5.5).
    return np.hstack([sigmoid(-A), sigmoid(A)])  # (N, 2)

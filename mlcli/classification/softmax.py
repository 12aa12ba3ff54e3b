"""Sigmoid and softmax: from activations to the probabilities of classes."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
F = TypeVar("F", bound=np.floating[Any])


def sigmoid(a: NDArray[F]) -> NDArray[F]:
    """sigma(a) = 1 / (1 + e^-a), eq (5.6), to its own last digits; any shape and precision.

    a is the LOGARITHM of p(x|C_1) p(C_1) / (p(x|C_2) p(C_2)), which (5.4) leaves out.
    """
    # The exponential of a positive number would overflow; exp(-|a|) serves both signs.
    with np.errstate(under="ignore"):
        e = np.exp(-np.abs(a))
    return np.asarray(np.where(a >= 0, 1.0, e) / (1.0 + e))


def softmax(A: NDArray[F]) -> NDArray[F]:
    """p(C_k|x) = exp(a_k) / sum_j exp(a_j), eq (5.20) as it should read, over the second axis.

    Args:
        A: activations, (N, K) or (N, K, ...); NaN gives NaN.
    """
    with np.errstate(invalid="ignore"):
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


def probabilities_and_rest(A: Floats) -> tuple[Floats, Floats]:
    """s of each column of activations, and 1 - s, each to its own last digits.

    Args:
        A: (N, 1) for the sigmoid, or (N, K) for the softmax.

    Returns:
        Both of A's shape.
    """
    if A.shape[1] == 1:
        return sigmoid(A), sigmoid(-A)
    rows, top = np.arange(A.shape[0]), A.argmax(axis=1)
    others = np.exp(A - A[rows, top][:, None])
    others[rows, top] = 0.0
    sum_of_others = others.sum(axis=1)
    total = (1.0 + sum_of_others)[:, None]
    S = others / total
    S[rows, top] = 1.0 / total[:, 0]
    rest = 1.0 - S
    rest[rows, top] = sum_of_others / total[:, 0]
    return S, rest

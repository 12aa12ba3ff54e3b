"""Losses of the output layer and their derivatives delta^(L+1) (sections 6.3, 5, appendix C).

Each takes the output preactivations, so that no logarithm of a rounded probability is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.softmax import sigmoid, softmax

Floats = NDArray[np.floating[Any]]
Targets = NDArray[Any]
# (a, t) -> E and dE/da, which is delta^(L+1) with the factor 1 / m_B of (6.39) included.
Loss = Callable[[Floats, Targets], tuple[float, Floats]]


def square(A: Floats, T: Targets) -> tuple[float, Floats]:
    """E = 1/m_B sum_alpha 1/2 sum_k (y_k - t_k)^2, y = a; delta = (y - t) / m_B, eq (6.25).

    The 1/2, missing in (6.21) and (6.23), is what makes (6.24) right.

    Args:
        A: output preactivations, (m_B, K).
        T: targets, (m_B, K).
    """
    residual = A - T
    return 0.5 * float(np.vdot(residual, residual)) / len(A), residual / len(A)


def softmax_cross_entropy(A: Floats, labels: Targets) -> tuple[float, Floats]:
    """E = -1/m_B sum_alpha ln y_t, y = softmax(a); delta = (y - t) / m_B with t one-hot.

    (5.22) divided by the number of examples, with the softmax of (5.20), whose printed
    denominator lacks exp: y_k = exp(a_k) / sum_j exp(a_j). ln y_t = a_t - ln sum_j exp(a_j).

    Args:
        A: output preactivations, (m_B, K).
        labels: class of each row, 0..K-1, (m_B,).
    """
    m = len(A)
    rows = np.arange(m)
    delta = A - A.max(axis=1, keepdims=True)
    a_t = delta[rows, labels]  # (m_B,)
    np.exp(delta, out=delta)
    total = delta.sum(axis=1)  # (m_B,)
    E = float((np.log(total) - a_t).sum()) / m
    delta /= (m * total)[:, None]
    delta[rows, labels] -= 1.0 / m
    return E, delta


def sigmoid_cross_entropy(A: Floats, T: Targets) -> tuple[float, Floats]:
    """E = -1/m_B sum_alpha sum_k [t ln y + (1 - t) ln(1 - y)], y = sigma(a); delta = (y - t) / m_B.

    (5.13) for each output; delta has the sign (y - t) that (5.14) should have.
    -ln y = ln(1 + exp(-a)) and -ln(1 - y) = a + ln(1 + exp(-a)).

    Args:
        A: output preactivations, (m_B, K).
        T: targets in 0..1, (m_B, K).
    """
    m = len(A)
    E = float((np.maximum(A, 0.0) - A * T + np.log1p(np.exp(-np.abs(A)))).sum()) / m
    return E, np.asarray((sigmoid(A) - T) / m, dtype=A.dtype)


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "square": square,
        "softmax_cross_entropy": softmax_cross_entropy,
        "sigmoid_cross_entropy": sigmoid_cross_entropy,
    }
)

# h^(out) of (6.15) that goes with each loss: the outputs y of the preactivations a, (m, K).
OUTPUTS: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType(
    {
        "square": lambda A: A,
        "softmax_cross_entropy": softmax,
        "sigmoid_cross_entropy": sigmoid,
    }
)

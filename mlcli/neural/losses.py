"""Losses of each member and delta^(L+1) = dE/dA of the output layer (sections 5 and 6.3).

They are derivatives of the SUM of the members' losses, in which no member's parameters touch
another's loss: each member's gradient is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor


class Loss(NamedTuple):
    """A loss E.

    Attributes:
        name: cross-entropy or square.
        value: (A (M, B, K), t) -> E of each member, (M,).
        value_and_delta: the same, and delta = dE/dA (M, B, K).
        labelled: t are labels (M, B), so there is an accuracy; else t is (M, B, K).
    """

    name: str
    value: Callable[[Tensor, Tensor], Tensor]
    value_and_delta: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    labelled: bool


def cross_entropy(A: Tensor, t: Tensor) -> Tensor:
    """E = -1/m_B sum_alpha ln y_t, y = softmax(a), (5.22) divided by the number of rows.

    Args:
        A: outputs, (M, B, K).
        t: labels 0..K-1, (M, B).

    Returns:
        (M,).
    """
    return -_log_softmax(A).gather(1, t.unsqueeze(1)).mean(dim=(1, 2))


def cross_entropy_and_delta(A: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """E of `cross_entropy` (M,) and delta = (y - t) / m_B with t one-hot, (M, B, K)."""
    log_y, places = _log_softmax(A), t.unsqueeze(1)  # (M, K, B), (M, 1, B)
    E = -log_y.gather(1, places).mean(dim=(1, 2))
    delta = log_y.exp_()
    delta.scatter_(1, places, -1.0, reduce="add")
    return E, delta.div_(A.shape[1]).transpose(1, 2)


def _log_softmax(A: Tensor) -> Tensor:
    """ln y of outputs (M, B, K), as (M, K, B): on a CPU 3 times as fast for a few classes."""
    return torch.log_softmax(A.transpose(1, 2).contiguous(), dim=1)


def square(A: Tensor, T: Tensor) -> Tensor:
    """E = 1/m_B sum_alpha 1/2 sum_k (y_k - t_k)^2, y = a.

    The 1/2, missing in (6.21) and (6.23), makes (6.24) right. Summed, not averaged, over the K
    outputs.

    Args:
        A: outputs, (M, B, K).
        T: targets, (M, B, K).

    Returns:
        (M,).
    """
    return 0.5 * (A - T).square().sum(dim=(1, 2)) / A.shape[1]


def square_and_delta(A: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
    """E of `square` (M,) and delta = (y - t) / m_B, (6.25), (M, B, K)."""
    delta = A - T
    E = 0.5 * delta.square().sum(dim=(1, 2)) / A.shape[1]
    return E, delta.div_(A.shape[1])


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        loss.name: loss
        for loss in (
            Loss("cross-entropy", cross_entropy, cross_entropy_and_delta, labelled=True),
            Loss("square", square, square_and_delta, labelled=False),
        )
    }
)

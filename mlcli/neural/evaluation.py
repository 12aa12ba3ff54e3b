"""Outputs, loss and accuracy of trained members."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.batches import MemberRows
from mlcli.neural.data_parallel import ProcessGroup
from mlcli.neural.device import on_device, to_numpy
from mlcli.neural.losses import Loss
from mlcli.neural.mlp import MLP, LayerOutputs

Floats = NDArray[np.float64]
# X (M, B, ...) to outputs (M, B, K): a network, or a function of one.
Forward = Callable[[Tensor], Tensor]
# Rows of all members per forward pass, and numbers in them, at most: activations should fit into
# the cache.
N_ROWS = 2048
N_NUMBERS = 400_000


class EvaluationScores(NamedTuple):
    """Loss (M,) and, where targets are labels, accuracy (M,) of each member."""

    loss: Floats
    accuracy: Floats | None


def rows_at_a_time(n_members: int, n_numbers: int) -> int:
    """Rows of n numbers per member and forward pass."""
    return max(1, min(N_ROWS, N_NUMBERS // n_numbers) // n_members)


def computing(net: BatchedModule, autocast: bool) -> AbstractContextManager[Any]:
    """The context of a forward pass: autocast to bfloat16, or nothing."""
    if not autocast:
        return nullcontext()
    return torch.autocast(net.theta.device.type, torch.bfloat16)


def _outputs(
    net: BatchedModule,
    part: MemberRows,
    autocast: bool,
    forward: Forward | None = None,
    group: ProcessGroup | None = None,
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Number of rows, outputs (M, n, K) in evaluation mode, and targets, batch by batch.

    Processes of a group take turns, each batch by one of them.
    """
    net.eval()
    n_rows = rows_at_a_time(net.n_members, part.X[0].numel())
    first, every = (0, 1) if group is None else (group.rank, group.size)
    if every > 1:
        n_rows = max(1, min(n_rows, -(-part.n_rows // every)))
    for start in range(first * n_rows, part.n_rows, every * n_rows):
        end = min(start + n_rows, part.n_rows)
        X, t = part.rows(start, end, net.n_members)  # (M, n, ...), (M, n) or (M, n, K)
        with computing(net, autocast):
            A = (forward or net)(X)
        yield end - start, A.to(net.theta.dtype), t


@torch.no_grad()
def evaluate(
    net: BatchedModule, loss: Loss, part: MemberRows, autocast: bool = False
) -> EvaluationScores:
    """Loss and accuracy of each member on all of its rows.

    Args:
        net: M members.
        loss: E.
        part: the rows, see `batches.part_of`.
        autocast: forward passes in bfloat16.
    """
    total = torch.zeros(net.n_members, device=part.X.device, dtype=net.theta.dtype)
    n_right = torch.zeros(net.n_members, device=part.X.device, dtype=torch.int64)
    for n_rows, A, t in _outputs(net, part, autocast, group=net.group):
        total += loss.value(A, t) * n_rows
        if loss.labelled:
            n_right += (A.argmax(dim=2) == t).sum(dim=1)
    if net.group is not None:
        net.group.add(total)
        net.group.add(n_right)
    E = to_numpy(total).astype(np.float64) / part.n_rows
    return EvaluationScores(E, to_numpy(n_right) / part.n_rows if loss.labelled else None)


@torch.no_grad()
def outputs(
    net: BatchedModule, part: MemberRows, autocast: bool = False, forward: Forward | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Outputs before the output activation and targets of each member's rows.

    Args:
        net: M members.
        part: the rows.
        autocast: forward passes in bfloat16.
        forward: replaces the network, such as an average over views; None: the network.

    Returns:
        (M, n, K), and labels (M, n) or targets (M, n, K), these in the member's own units.
    """
    every = _outputs(net, part, autocast, forward)
    found = [(to_numpy(A), to_numpy(t)) for _, A, t in every]
    values, targets = zip(*found, strict=True)
    return np.concatenate(values, axis=1), np.concatenate(targets, axis=1)


@torch.no_grad()
def predict(net: BatchedModule, X: NDArray[Any], autocast: bool = False) -> NDArray[Any]:
    """Outputs before the output activation of each member on the same rows, (N, ...): (M, N, K)."""
    rows = on_device(np.asarray(X), net.theta)
    return outputs(net, MemberRows(rows, torch.zeros(len(rows), device=rows.device)), autocast)[0]


class TrainingScores(NamedTuple):
    """Loss and accuracy of each member on its training rows, (M,) each."""

    loss: Floats
    accuracy: Floats


@torch.no_grad()
def training_scores(
    net: BatchedModule, loss: Loss, X: NDArray[Any], t: NDArray[Any]
) -> TrainingScores:
    """Scores in training mode: batch normalisation uses the statistics of these rows.

    After few steps its moving averages still lag behind the weights.

    Args:
        net: M members.
        loss: E, of labels.
        X: inputs, (N, D).
        t: labels, (N,).
    """
    net.train()
    rows = on_device(X, net.theta).expand(net.n_members, *X.shape)  # (M, N, D)
    labels = torch.as_tensor(t, device=net.theta.device).expand(net.n_members, len(t))
    A = net(rows)
    E = to_numpy(loss.value(A, labels)).astype(np.float64)
    # Counted as integers: float64 is the CPU's.
    right = to_numpy((A.argmax(dim=2) == labels).sum(dim=1)) / len(t)
    return TrainingScores(E, right)


@torch.no_grad()
def first_hidden_outputs(net: MLP, part: MemberRows, m: int) -> Floats:
    """z of one member's first hidden layer on its rows, (n, n^(1)), in evaluation mode."""
    net.eval()
    seen: list[LayerOutputs] = []
    net(part.rows(0, part.n_rows, net.n_members)[0], seen)
    return to_numpy(seen[0].z[m]).astype(np.float64)

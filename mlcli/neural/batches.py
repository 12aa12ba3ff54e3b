"""Minibatches of all members at once, each member by its own order of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.losses import Loss
from mlcli.neural.members import Members, Stream

Rows = NDArray[Any]
# Minibatches are gathered a few at a time, as many as stay in the cache.
GATHERED_BYTES = 4 << 20


def as_tensors(net: Members, loss: Loss, X: Rows, t: Rows) -> tuple[Tensor, Tensor]:
    """X (N, ...) and t, labels (N,) or targets (N, K), where the network lives and as it computes.

    Raises:
        ValueError: X and t don't have the same number of rows, or there are none.
    """
    if len(X) != len(t) or not len(X):
        raise ValueError(f"X and t must have the same rows, got {len(X)} and {len(t)}")
    theta = net.theta
    targets = torch.as_tensor(np.asarray(t), device=theta.device)
    targets = targets.to(torch.int64 if loss.labelled else theta.dtype)
    return torch.as_tensor(np.asarray(X), device=theta.device).to(theta.dtype), targets


def bounds(n_rows: int, batch_size: int) -> list[tuple[int, int]]:
    """Where each minibatch of an epoch starts and ends.

    The last has the rows that are left; a single row that is left joins the one before, since
    batch normalisation has no variance of one row.

    Raises:
        ValueError: the batch size is not positive.
    """
    if batch_size < 1:
        raise ValueError(f"the batch size must be at least 1, got {batch_size}")
    cuts = [*range(0, n_rows, batch_size), n_rows]
    if len(cuts) > 2 and batch_size > 1 and cuts[-1] - cuts[-2] == 1:
        del cuts[-2]
    return list(pairwise(cuts))


def orders(streams: Sequence[Stream], epoch: int, n_rows: int, device: torch.device) -> Tensor:
    """The order of the rows of each member in an epoch, (M, N).

    It is addressed by member and epoch, so a resumed run needs no generator's state.
    """
    drawn = [stream("order", epoch).permutation(n_rows) for stream in streams]
    return torch.from_numpy(np.stack(drawn)).to(device)  # (M, N)


def minibatches(
    X: Tensor, t: Tensor, order: Tensor, parts: Sequence[tuple[int, int]]
) -> Iterator[tuple[Tensor, Tensor]]:
    """X (M, B, ...) and t (M, B) or (M, B, K) of each part of an epoch.

    Args:
        X: all rows, (N, ...).
        t: all targets, (N,) or (N, K).
        order: of each member, (M, N).
        parts: start and end of each minibatch.
    """
    n_members = len(order)
    row_bytes = X[0].numel() * X.element_size()
    i = 0
    while i < len(parts):
        start, end = parts[i]
        size = end - start
        n_same = max(1, GATHERED_BYTES // max(1, n_members * size * row_bytes))
        same = [part for part in parts[i : i + n_same] if part[1] - part[0] == size]
        index = order[:, start : same[-1][1]].reshape(n_members, len(same), size)
        index = index.transpose(0, 1).reshape(-1)  # (len(same) M B,)
        shape = (len(same), n_members, size)
        X_some = X.index_select(0, index).view(*shape, *X.shape[1:])
        t_some = t.index_select(0, index).view(*shape, *t.shape[1:])
        yield from zip(X_some.unbind(), t_some.unbind(), strict=True)
        i += len(same)

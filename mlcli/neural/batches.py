"""Minibatches for all members at once: each member has its own rows, units and order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.batched_module import BatchedModule, Stream
from mlcli.neural.device import on_device
from mlcli.neural.losses import Loss

Array = NDArray[Any]
# As many minibatches are gathered at a time as fit into the cache.
GATHERED_BYTES = 4 << 20


@dataclass(frozen=True)
class Scaling:
    """Standardisation of each member: v becomes (v - shift) / scale.

    Attributes:
        shift: (M, ...), one entry per column or one for all.
        scale: positive, the same shape.
    """

    shift: Array
    scale: Array


@dataclass(frozen=True)
class View:
    """Which rows of a table each member uses, and its standardisation of them.

    Attributes:
        index: row numbers of each member, (M, n); None: every row.
        X: units of the inputs; None: as they are.
        t: units of the targets; None: as they are.
    """

    index: NDArray[np.int64] | None = None
    X: Scaling | None = None
    t: Scaling | None = None


class Units(NamedTuple):
    """A `Scaling` on the network's device: shift and scale (M, 1, ...)."""

    shift: Tensor
    scale: Tensor

    def apply(self, values: Tensor) -> Tensor:
        """Values (..., M, B, ...) in these units; may overwrite the values."""
        return values.sub_(self.shift).div_(self.scale)


@dataclass(frozen=True)
class MemberRows:
    """The rows of a `View` on the network's device, in its floating-point type.

    Attributes:
        X: inputs, (N, ...).
        t: labels (N,) or targets (N, K).
        index: row numbers of each member, (M, n), or None.
        X_units: of the inputs, or None.
        t_units: of the targets, or None.
    """

    X: Tensor
    t: Tensor
    index: Tensor | None = None
    X_units: Units | None = None
    t_units: Units | None = None

    @property
    def n_rows(self) -> int:
        """Rows per member, n."""
        return len(self.X) if self.index is None else self.index.shape[1]

    def rows(self, start: int, end: int, n_members: int) -> tuple[Tensor, Tensor]:
        """Rows start to end of each member: X (M, B, ...), t (M, B) or (M, B, K)."""
        if self.index is None and self.X_units is None and self.t_units is None:
            some = slice(start, end)
            X, t = self.X[some], self.t[some]
            return X.expand(n_members, *X.shape), t.expand(n_members, *t.shape)
        if self.index is None:
            index = torch.arange(start, end, device=self.X.device).expand(n_members, -1)
        else:
            index = self.index[:, start:end]
        X, t = self.gather(index.reshape(1, n_members, -1))
        return X[0], t[0]

    def gather(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of an index (P, M, B), in each member's units: X (P, M, B, ...) and t."""
        flat = index.reshape(-1)  # (P M B,)
        X = self.X.index_select(0, flat).view(*index.shape, *self.X.shape[1:])
        t = self.t.index_select(0, flat).view(*index.shape, *self.t.shape[1:])
        if self.X_units is not None:
            X = self.X_units.apply(X)
        if self.t_units is not None:
            t = self.t_units.apply(t)
        return X, t


def member_rows(
    net: BatchedModule, loss: Loss, X: Array, t: Array, view: View | None = None
) -> MemberRows:
    """Rows and targets of all members on the network's device.

    Args:
        net: M members.
        loss: whether targets are labels.
        X: inputs, (N, ...).
        t: labels (N,) or targets (N, K).
        view: rows and units of each member; None: every row for every member, as it is.

    Raises:
        ValueError: X and t differ in length or are empty, or the view is of another number of
            members.
    """
    if len(X) != len(t) or not len(X):
        raise ValueError(f"X and t must have the same rows, got {len(X)} and {len(t)}")
    theta, view = net.theta, view or View()
    if view.index is not None and len(view.index) != net.n_members:
        raise ValueError(f"give rows for {net.n_members} members, got {len(view.index)}")
    targets = torch.as_tensor(np.asarray(t)).to(torch.int64 if loss.labelled else theta.dtype)
    targets, rows = targets.to(theta.device), on_device(np.asarray(X), theta)
    index = None if view.index is None else torch.as_tensor(view.index, device=theta.device)
    return MemberRows(rows, targets, index, _units(net, view.X), _units(net, view.t))


def _units(net: BatchedModule, scaling: Scaling | None) -> Units | None:
    if scaling is None:
        return None
    arrays = (np.asarray(scaling.shift), np.asarray(scaling.scale))
    shift, scale = (on_device(array, net.theta) for array in arrays)
    return Units(shift.unsqueeze(1), scale.unsqueeze(1))  # (M, 1, ...)


def batch_bounds(n_rows: int, batch_size: int) -> list[tuple[int, int]]:
    """Start and end of each minibatch of an epoch.

    The last minibatch has the remaining rows. A single remaining row joins the one before, since
    batch normalisation needs at least two rows.

    Raises:
        ValueError: the batch size is not positive.
    """
    if batch_size < 1:
        raise ValueError(f"the batch size must be at least 1, got {batch_size}")
    cuts = [*range(0, n_rows, batch_size), n_rows]
    if len(cuts) > 2 and batch_size > 1 and cuts[-1] - cuts[-2] == 1:
        del cuts[-2]
    return list(pairwise(cuts))


def epoch_orders(streams: Sequence[Stream], epoch: int, part: MemberRows) -> Tensor:
    """The row numbers of each member in the order of an epoch, (M, n).

    It depends on the member's stream and the epoch only, so a resumed run needs no generator state.
    """
    drawn = [stream("order", epoch).permutation(part.n_rows) for stream in streams]
    order = torch.from_numpy(np.stack(drawn)).to(part.X.device)  # (M, n)
    return order if part.index is None else part.index.gather(1, order)


def minibatches(
    part: MemberRows, order: Tensor, cuts: Sequence[tuple[int, int]]
) -> Iterator[tuple[Tensor, Tensor]]:
    """X (M, B, ...) and t (M, B) or (M, B, K) of each minibatch of an epoch.

    Args:
        part: the rows of all members.
        order: row numbers of each member, (M, n), see `epoch_orders`.
        cuts: start and end of each minibatch.
    """
    n_members = len(order)
    row_bytes = part.X[0].numel() * part.X.element_size()
    i = 0
    while i < len(cuts):
        start, end = cuts[i]
        size = end - start
        n_same = max(1, GATHERED_BYTES // max(1, n_members * size * row_bytes))
        same = [cut for cut in cuts[i : i + n_same] if cut[1] - cut[0] == size]
        index = order[:, start : same[-1][1]].reshape(n_members, len(same), size)
        X, t = part.gather(index.transpose(0, 1))  # (len(same), M, size, ...)
        yield from zip(X.unbind(), t.unbind(), strict=True)
        i += len(same)

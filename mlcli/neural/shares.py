"""How the rows of a minibatch are shared out among the processes of a training.

Whatever is drawn for a minibatch is drawn for all of its rows by every process, which keeps those
of its own: so the numbers are the same for any number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from mlcli.neural.process_group import ProcessGroup


@dataclass(frozen=True)
class Share:
    """The rows of a minibatch that this process computes.

    Attributes:
        n_rows: of the whole minibatch.
        start, end: which of them.
        weight: of the mean over these rows in the mean over all.
        group: all processes.
    """

    n_rows: int
    start: int
    end: int
    weight: float
    group: ProcessGroup

    @property
    def split(self) -> bool:
        """Whether other processes have other rows."""
        return self.end - self.start < self.n_rows


def shares_of(
    cuts: Sequence[tuple[int, int]], group: ProcessGroup | None
) -> Sequence[Share | None]:
    """This process's share of each minibatch; None where it works alone.

    A minibatch of fewer rows than processes is computed by all of them, and the first one's counts.
    """
    if group is None:
        return [None] * len(cuts)
    return [_share(end - start, group) for start, end in cuts]


def _share(n_rows: int, group: ProcessGroup) -> Share:
    if n_rows < group.size:
        return Share(n_rows, 0, n_rows, float(group.rank == 0), group)
    start, end = (n_rows * rank // group.size for rank in (group.rank, group.rank + 1))
    return Share(n_rows, start, end, (end - start) / n_rows, group)


def own_rows(
    order: Tensor, cuts: Sequence[tuple[int, int]], shares: Sequence[Share | None]
) -> tuple[Tensor, Sequence[tuple[int, int]]]:
    """The rows of this process alone: their numbers (M, n), and start and end of each minibatch.

    Args:
        order: row numbers of each member, (M, N).
        cuts: start and end of each whole minibatch.
        shares: of each minibatch.
    """
    mine = [
        (cut[0] + share.start, cut[0] + share.end)
        for cut, share in zip(cuts, shares, strict=True)
        if share is not None
    ]
    if not mine:
        return order, cuts
    rows = torch.cat([order[:, start:end] for start, end in mine], dim=1)  # (M, n)
    ends = accumulate((end - start for start, end in mine), initial=0)
    return rows, list(pairwise(ends))


def draw(
    like: Tensor,
    generators: Sequence[torch.Generator],
    share: Share | None,
    fill: Callable[[Tensor, torch.Generator], Tensor],
) -> Tensor:
    """Random numbers of the shape of `like` (M, B, ...), each member's from its own generator.

    Args:
        like: one number for each of these.
        generators: one per member.
        share: whose rows `like` has; None: a whole minibatch.
        fill: (numbers of one member (B, ...), its generator) draws them in place.
    """
    n_rows = like.shape[1] if share is None else share.n_rows
    # Always laid out row by row: the order in which numbers are drawn follows the memory.
    noise = like.new_empty(len(like), n_rows, *like.shape[2:])
    for drawn, generator in zip(noise, generators, strict=True):
        fill(drawn, generator)
    return noise if share is None else noise[:, share.start : share.end]

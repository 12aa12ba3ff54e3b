"""Data-parallel training: processes train the same members, each on its shard of every minibatch.

Sums over processes go through gloo on a CPU and NCCL on GPUs. A process that ends writes its exit
status to the store of the launch, where the others read why it is gone.

Random numbers of a minibatch are drawn for all of its rows by every process, which uses those of
its own rows: so the numbers don't depend on the number of processes.
"""

from __future__ import annotations

import io
import json
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, pairwise
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from mlcli.errors import (
    EXIT_INTERRUPTED,
    ConfigError,
    InputError,
    Interrupted,
    MlcliError,
    NoAnswerError,
)
from mlcli.neural.device import to_numpy

# Seconds that a process waits for the others: to join, in a sum, and for their exit statuses.
JOIN_SECONDS = 120.0
SUM_SECONDS = 60.0
EXIT_STATUS_SECONDS = 3.0
POLL_SECONDS = 0.02


class LostError(MlcliError):
    """Another process of the training has ended or does not answer."""


class ExitStatus(NamedTuple):
    """Why a process ended: exit code and message. No code: it lost another process."""

    code: int | None
    message: str

    def error(self, more: str) -> MlcliError:
        """The error of this exit code, with another clause."""
        kinds = (InputError, NoAnswerError, Interrupted)
        kind = next((one for one in kinds if one.exit_code == self.code), MlcliError)
        return kind(f"{self.message}; {more}")


def hold_interrupts() -> None:
    """Ignore Ctrl-C and SIGTERM from now on; the launcher sends them when a process dies."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def interrupt_once() -> None:
    """Only the first Ctrl-C or SIGTERM interrupts: the launcher sends another one after it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        hold_interrupts()
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, interrupt)


class ProcessGroup:
    """All processes of a data-parallel training, seen from one of them.

    Attributes:
        rank: of this process, from 0.
        size: number of processes.
        local_size: number of processes on this machine.
    """

    def __init__(self, rank: int, size: int, local_size: int, store: Any) -> None:
        """See `join`."""
        self.rank, self.size, self.local_size = rank, size, local_size
        self._store, self._n_exchanged = store, 0

    def add(self, values: Tensor) -> None:
        """Sum over all processes, in place; the same bits on each of them.

        Raises:
            LostError: one of them is gone.
        """
        try:
            dist.all_reduce(values)
        except RuntimeError as error:
            raise LostError(f"a sum over {self.size} processes failed: {error}") from None

    def from_first(self, arrays: Mapping[str, NDArray[Any]] | None) -> dict[str, NDArray[Any]]:
        """Broadcast the first process's arrays to all processes.

        Args:
            arrays: of this process, by name; only those of the first one are used. None: none.

        Raises:
            LostError: a process is gone.
        """
        content = io.BytesIO()
        np.savez(content, **dict(arrays or {}))  # type: ignore[arg-type]
        mine = torch.frombuffer(bytearray(content.getvalue()), dtype=torch.uint8)
        try:
            count = torch.tensor([len(mine)])
            dist.broadcast(count, 0)
            sent = mine if self.rank == 0 else torch.empty(int(count), dtype=torch.uint8)
            dist.broadcast(sent, 0)
        except RuntimeError as error:
            raise LostError(f"the state did not reach every process: {error}") from None
        with np.load(io.BytesIO(to_numpy(sent).tobytes()), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}

    def exchange(self, text: str) -> list[str]:
        """Gather one text from every process, in order of ranks.

        Raises:
            LostError: one has ended, or sends nothing for `JOIN_SECONDS`.
        """
        self._n_exchanged += 1
        keys = [f"mlcli/exchange/{self._n_exchanged}/{rank}" for rank in range(self.size)]
        deadline = time.monotonic() + JOIN_SECONDS
        try:
            self._store.set(keys[self.rank], text)
            while not self._store.check(keys):
                if time.monotonic() > deadline or any(self._statuses()):
                    raise LostError("a process says nothing")
                time.sleep(POLL_SECONDS)
            return [self._store.get(key).decode() for key in keys]
        except RuntimeError as error:
            raise LostError(f"the processes don't reach each other: {error}") from None

    def report_exit(self, code: int | None, message: str) -> None:
        """Store why this process ends, for the others to read."""
        try:
            self._store.set(f"mlcli/exit/{self.rank}", json.dumps([code, message]))
        except RuntimeError:
            # With the store the launch itself is gone.
            return

    def _statuses(self) -> list[ExitStatus | None]:
        keys = [f"mlcli/exit/{rank}" for rank in range(self.size)]
        return [
            ExitStatus(*json.loads(self._store.get(key))) if self._store.check([key]) else None
            for key in keys
        ]

    def why(self, *, interrupted: bool) -> ExitStatus:
        """Why the training ended, once this process was interrupted or lost another."""
        mine = ExitStatus(EXIT_INTERRUPTED if interrupted else None, "interrupted")
        self.report_exit(*mine)
        self._hang_up()
        statuses: Sequence[ExitStatus | None] = [None] * self.size
        deadline = time.monotonic() + EXIT_STATUS_SECONDS
        try:
            while None in statuses and time.monotonic() < deadline:
                statuses = self._statuses()
                time.sleep(POLL_SECONDS)
        except RuntimeError:
            return mine if interrupted else ExitStatus(1, "the launch of the processes is gone")
        return common_cause(statuses)

    def _hang_up(self) -> None:
        """Make sums that wait for this process fail now, so that the others report their status."""
        try:
            dist.destroy_process_group()
        except (RuntimeError, ValueError, AssertionError):
            # There is none any more.
            return

    def leave(self) -> None:
        """Leave the group after the training."""
        dist.destroy_process_group()


def common_cause(statuses: Sequence[ExitStatus | None]) -> ExitStatus:
    """The exit status that explains all of them; None: a process that reported nothing."""
    for rank, status in enumerate(statuses):
        if status is not None and status.code not in (None, EXIT_INTERRUPTED):
            return ExitStatus(status.code, f"process {rank}: {status.message}")
    dead = [str(rank) for rank, status in enumerate(statuses) if status is None]
    if dead:
        some = f"process {dead[0]}" if len(dead) == 1 else f"processes {', '.join(dead)}"
        return ExitStatus(1, f"{some} of {len(statuses)} died or does not answer any more")
    if any(status is not None and status.code == EXIT_INTERRUPTED for status in statuses):
        return ExitStatus(EXIT_INTERRUPTED, "interrupted")
    return ExitStatus(1, f"the {len(statuses)} processes don't reach each other any more")


def join(rank: int, size: int, local_rank: int, local_size: int) -> ProcessGroup:
    """Meet the other processes at the address in the environment.

    Raises:
        ConfigError: they can't meet there.
    """
    if torch.cuda.is_available() and local_rank < torch.cuda.device_count():
        torch.cuda.set_device(local_rank)
    both = torch.cuda.is_available() and dist.is_nccl_available()
    from torch.distributed.rendezvous import rendezvous

    try:
        found = rendezvous("env://", rank, size, timeout=timedelta(seconds=JOIN_SECONDS))
        store, rank, size = next(found)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if both else "gloo",
            store=store,
            rank=rank,
            world_size=size,
            timeout=timedelta(seconds=SUM_SECONDS),
        )
    except (RuntimeError, ValueError) as error:
        first = (str(error).splitlines() or ["no reason given"])[0]
        raise ConfigError(
            f"process {rank} of {size} does not find the others at MASTER_ADDR and MASTER_PORT: "
            f"{first}"
        ) from None
    return ProcessGroup(rank, size, local_size, store)


def check_device(device: torch.device, local_size: int) -> None:
    """Refuse a device that the processes of this machine can't share.

    Raises:
        ConfigError: naming what there is.
    """
    if device.type == "mps":
        raise ConfigError(
            "the device of several processes", must="cpu or cuda", got="mps", hint="--device cpu"
        )
    if device.type != "cuda":
        return
    n_gpus = torch.cuda.device_count()
    if n_gpus < local_size:
        raise ConfigError(
            f"{local_size} processes on this machine need a GPU each",
            got=str(n_gpus),
            hint="--device cpu",
        )
    if not dist.is_nccl_available():
        raise ConfigError("this torch has no NCCL, by which GPUs add up", hint="--device cpu")


@dataclass(frozen=True)
class Shard:
    """The rows of a minibatch that this process computes.

    Attributes:
        n_rows: of the whole minibatch.
        start, end: which of them.
        weight: share of the whole minibatch, by which a mean over these rows is weighted.
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


def shards_of(
    cuts: Sequence[tuple[int, int]], group: ProcessGroup | None
) -> Sequence[Shard | None]:
    """This process's shard of each minibatch; None where it works alone.

    A minibatch with fewer rows than processes is computed by all; only the first one's counts.
    """
    if group is None:
        return [None] * len(cuts)
    return [_shard(end - start, group) for start, end in cuts]


def _shard(n_rows: int, group: ProcessGroup) -> Shard:
    if n_rows < group.size:
        return Shard(n_rows, 0, n_rows, float(group.rank == 0), group)
    start, end = (n_rows * rank // group.size for rank in (group.rank, group.rank + 1))
    return Shard(n_rows, start, end, (end - start) / n_rows, group)


def shard_rows(
    order: Tensor, cuts: Sequence[tuple[int, int]], shards: Sequence[Shard | None]
) -> tuple[Tensor, Sequence[tuple[int, int]]]:
    """Rows of this process: row numbers (M, n), and start and end of each minibatch in them.

    Args:
        order: row numbers of each member, (M, N).
        cuts: start and end of each whole minibatch.
        shards: of each minibatch.
    """
    mine = [
        (cut[0] + shard.start, cut[0] + shard.end)
        for cut, shard in zip(cuts, shards, strict=True)
        if shard is not None
    ]
    if not mine:
        return order, cuts
    rows = torch.cat([order[:, start:end] for start, end in mine], dim=1)  # (M, n)
    ends = accumulate((end - start for start, end in mine), initial=0)
    return rows, list(pairwise(ends))


def draw_noise(
    like: Tensor,
    generators: Sequence[torch.Generator],
    shard: Shard | None,
    fill: Callable[[Tensor, torch.Generator], Tensor],
) -> Tensor:
    """Random numbers of the shape of `like` (M, B, ...), each member's from its own generator.

    Drawn on the CPU, see `device.generators`.

    Args:
        like: gives the shape, type and device.
        generators: one per member.
        shard: which rows `like` has; None: a whole minibatch.
        fill: (numbers of one member (B, ...), its generator) draws them in place.
    """
    n_rows = like.shape[1] if shard is None else shard.n_rows
    # Contiguous, because numbers are drawn in the order of memory.
    noise = torch.empty(len(like), n_rows, *like.shape[2:], dtype=like.dtype)
    for drawn, generator in zip(noise, generators, strict=True):
        fill(drawn, generator)
    return (noise if shard is None else noise[:, shard.start : shard.end]).to(like.device)

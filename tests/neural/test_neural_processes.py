"""What several processes say to each other, in threads of one: shards, sums, stores and ends."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from two_processes import CASES

from mlcli.errors import (
    ConfigError,
    InputError,
    Interrupted,
    MlcliError,
    NoAnswerError,
)
from mlcli.neural import data_parallel
from mlcli.neural.data_parallel import (
    ExitStatus,
    LostError,
    ProcessGroup,
    Shard,
    check_device,
    common_cause,
    draw_noise,
    hold_interrupts,
    interrupt_once,
    join,
    shards_of,
)


class Meeting:
    """Sums among threads, in the order of their ranks."""

    def __init__(self, size: int) -> None:
        self.size, self.barrier = size, threading.Barrier(size, timeout=20)
        self.parts: dict[int, torch.Tensor] = {}

    def add(self, rank: int, values: torch.Tensor) -> None:
        self.parts[rank] = values.detach().clone()
        self.barrier.wait()
        total = sum(self.parts[k] for k in range(1, self.size)) + self.parts[0]
        self.barrier.wait()
        with torch.no_grad():
            values.copy_(total)


class Thread(ProcessGroup):
    """One of the threads as one of the processes."""

    def __init__(self, rank: int, meeting: Meeting) -> None:
        super().__init__(rank, meeting.size, meeting.size, None)
        self.meeting = meeting

    def add(self, values: torch.Tensor) -> None:
        self.meeting.add(self.rank, values)


def in_threads(size: int, work: Callable[[int], Any]) -> list[Any]:
    """What each rank returns."""
    found: list[Any] = [None] * size

    def one(rank: int) -> None:
        try:
            found[rank] = work(rank)
        except BaseException as error:
            found[rank] = error

    every = [threading.Thread(target=one, args=(rank,)) for rank in range(size)]
    for thread in every:
        thread.start()
    for thread in every:
        thread.join()
    for one_found in found:
        if isinstance(one_found, BaseException):
            raise one_found
    return found


@pytest.mark.parametrize(
    "case",
    [
        "dropout, narrow",
        "batch, dropout, clip",
        "batches of one row",
        "ragged",
        "early",
        "targets",
        "images",
    ],
)
def test_threads_with_shards_train_to_the_weights_of_one(case: str) -> None:
    alone = CASES[case](None)
    meeting = Meeting(2)
    first, second = in_threads(2, lambda rank: CASES[case](Thread(rank, meeting)))
    for name, array in alone.items():
        assert np.array_equal(first[name], second[name]), name
        if array.dtype.kind in "bi":
            assert np.array_equal(first[name], array), name
        else:
            worst = abs(first[name] - array).max() / abs(array).max()
            assert worst < 1e-10, name


def test_a_shard_is_split_where_others_have_rows() -> None:
    group = ProcessGroup(1, 3, 3, None)
    shards = shards_of([(0, 7), (7, 10), (10, 12)], group)
    found = [(one.n_rows, one.start, one.end, one.weight, one.split) for one in shards if one]
    assert found == [(7, 2, 4, 2 / 7, True), (3, 1, 2, 1 / 3, True), (2, 0, 2, 0.0, False)]
    assert shards_of([(0, 7), (7, 9)], None) == [None, None]
    alone = shards_of([(0, 4)], ProcessGroup(0, 1, 1, None))
    assert [(one.weight, one.split) for one in alone if one] == [(1.0, False)]
    assert all(one.group is group for one in shards if one)


def test_noise_of_a_shard_is_that_part_of_the_whole() -> None:
    def drawn(like: torch.Tensor, shard: Shard | None) -> torch.Tensor:
        generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
        return draw_noise(like, generators, shard, lambda own, g: own.uniform_(generator=g))

    whole = drawn(torch.empty(2, 9, 3, dtype=torch.float64), None)
    shard = Shard(9, 2, 6, 4 / 9, ProcessGroup(0, 2, 2, None))
    part = drawn(torch.empty(2, 4, 3, dtype=torch.float64), shard)
    assert part.dtype == torch.float64
    assert torch.equal(part, whole[:, 2:6])
    assert not torch.equal(whole[0], whole[1])


# ------------------------------------------------------------------ messages


def ranks(size: int) -> list[ProcessGroup]:
    store = dist.HashStore()
    return [ProcessGroup(rank, size, size, store) for rank in range(size)]


def test_texts_are_exchanged_in_the_order_of_ranks() -> None:
    group = ranks(3)
    for turn in ("a", "b"):
        found = in_threads(3, lambda rank, turn=turn: group[rank].exchange(f"{turn}{rank}"))
        assert found == [[f"{turn}{rank}" for rank in range(3)]] * 3


def test_a_process_that_ended_or_says_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ranks(2)
    second.report_exit(2, "no memory")
    with pytest.raises(LostError, match="says nothing"):
        first.exchange("here")
    monkeypatch.setattr(data_parallel, "JOIN_SECONDS", 0.05)
    with pytest.raises(LostError, match="says nothing"):
        ranks(2)[0].exchange("here")


def test_an_end_is_explained_to_the_others() -> None:
    first, second = ranks(2)
    second.report_exit(2, "no memory")
    assert first.why(interrupted=True) == ExitStatus(2, "process 1: no memory")
    first, second = ranks(2)
    both = in_threads(2, lambda rank: (first, second)[rank].why(interrupted=rank == 0))
    assert both == [ExitStatus(130, "interrupted")] * 2
    first, second = ranks(2)
    both = in_threads(2, lambda rank: (first, second)[rank].why(interrupted=False))
    assert both == [ExitStatus(1, "the 2 processes don't reach each other any more")] * 2


class Gone:
    """A store whose launch has ended."""

    def set(self, *_: Any) -> None:
        raise RuntimeError("gone")

    check = get = set


def test_without_the_launch_every_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    group = ProcessGroup(0, 2, 2, Gone())
    group.report_exit(0, "done")
    assert group.why(interrupted=True) == ExitStatus(130, "interrupted")
    assert group.why(interrupted=False) == ExitStatus(1, "the launch of the processes is gone")
    with pytest.raises(LostError, match="don't reach each other: gone"):
        group.exchange("here")
    for work in (lambda: group.add(torch.ones(2)), lambda: group.from_first({})):
        monkeypatch.setattr(dist, "all_reduce", Gone().set)
        monkeypatch.setattr(dist, "broadcast", Gone().set)
        with pytest.raises(LostError, match="gone"):
            work()


def test_a_process_that_reports_nothing_is_waited_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(data_parallel, "EXIT_STATUS_SECONDS", 0.05)
    expected = "process 1 of 2 died or does not answer any more"
    assert ranks(2)[0].why(interrupted=True) == ExitStatus(1, expected)


def test_causes_by_rank_and_code() -> None:
    lost, stopped = ExitStatus(None, "interrupted"), ExitStatus(130, "interrupted")
    fine, failed = ExitStatus(2, "first"), ExitStatus(3, "second")
    assert common_cause([stopped, failed, fine]) == ExitStatus(3, "process 1: second")
    assert common_cause([lost, stopped]) == stopped
    assert common_cause([None, stopped]).code == 1
    assert common_cause([None, failed]) == ExitStatus(3, "process 1: second")
    nobody = ExitStatus(1, "the 3 processes don't reach each other any more")
    assert common_cause([lost] * 3) == nobody
    dead = ExitStatus(1, "processes 0, 2 of 3 died or does not answer any more")
    assert common_cause([None, lost, None]) == dead
    kinds = {2: InputError, 4: NoAnswerError, 130: Interrupted, 1: MlcliError, None: MlcliError}
    for code, kind in kinds.items():
        if code is not None and kind is not MlcliError:
            assert kind.exit_code == code
        error = ExitStatus(code, "it ended").error("try less")
        assert type(error) is kind
        assert str(error) == "it ended; try less"


def test_a_group_of_one_joins_sums_and_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(port))
    group = join(0, 1, 0, 1)
    try:
        assert (group.rank, group.size, group.local_size) == (0, 1, 1)
        values = torch.tensor([1.0, 2.0])
        group.add(values)
        assert values.tolist() == [1, 2]
        arrays = {"a": np.arange(3), "b": np.ones((2, 2), np.float32)}
        found = group.from_first(arrays)
        assert list(found) == ["a", "b"]
        assert all((found[k] == v).all() and found[k].dtype == v.dtype for k, v in arrays.items())
        assert group.from_first(None) == {}
        assert group.exchange("text") == ["text"]
    finally:
        group.leave()
    assert not dist.is_initialized()
    # Nothing is left to hang up, which is no error.
    assert group.why(interrupted=True) == ExitStatus(130, "interrupted")
    monkeypatch.delenv("MASTER_ADDR")
    with pytest.raises(ConfigError, match="process 1 of 2 does not find the others at MASTER_ADDR"):
        join(1, 2, 1, 2)


def test_only_the_first_interrupt_counts() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            interrupt_once()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            for again in before:
                assert signal.getsignal(again) == signal.SIG_IGN
                signal.raise_signal(again)
        interrupt_once()
        hold_interrupts()
        assert [signal.getsignal(number) for number in before] == [signal.SIG_IGN] * 2
        for number, handler in before.items():
            signal.signal(number, handler)
        # Signals are the main thread's.
        in_threads(1, lambda _: (hold_interrupts(), interrupt_once()))
        assert {number: signal.getsignal(number) for number in before} == before
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_gpus_and_nccl_are_needed_by_processes_on_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(dist, "is_nccl_available", lambda: True)
    check_device(cuda, 2)
    with pytest.raises(ConfigError, match="3 processes on this machine need a GPU each: got 2"):
        check_device(cuda, 3)
    monkeypatch.setattr(dist, "is_nccl_available", lambda: False)
    with pytest.raises(ConfigError, match="no NCCL, by which GPUs add up; try --device cpu"):
        check_device(cuda, 1)
    check_device(torch.device("cpu"), 3)

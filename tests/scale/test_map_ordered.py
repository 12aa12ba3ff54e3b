"""Work on several processes: the order holds, and a worker that dies is told."""

from __future__ import annotations

import os
import signal

import pytest

from mlcli.errors import MlcliError
from mlcli.scale.processes import map_ordered


@pytest.mark.parametrize("jobs", [None, 1, 2, 5])
def test_results_come_in_the_order_of_the_items(jobs: int | None) -> None:
    offset = 10
    assert list(map_ordered(lambda i: i + offset, range(23), jobs=jobs)) == list(range(10, 33))


def test_nothing_to_do() -> None:
    assert list(map_ordered(str, [], jobs=2)) == []


def test_several_workers_are_several_processes() -> None:
    assert os.getpid() not in set(map_ordered(lambda _: os.getpid(), range(8), jobs=2))
    assert set(map_ordered(lambda _: os.getpid(), range(8), jobs=1)) == {os.getpid()}


def test_an_error_in_a_worker_comes_back_as_it_was() -> None:
    def fail(item: int) -> int:
        raise MlcliError(f"piece {item}", must="fine", got="trouble")

    with pytest.raises(MlcliError, match="piece 0 must be fine, got trouble"):
        list(map_ordered(fail, range(4), jobs=2))


def test_a_worker_that_is_killed_ends_the_work_in_one_sentence() -> None:
    def die(item: int) -> int:
        if item == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    with pytest.raises(MlcliError, match="a worker died"):
        list(map_ordered(die, range(8), jobs=2))

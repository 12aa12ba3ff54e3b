"""Work in processes of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import struct
import threading
import time
from pathlib import Path

import pytest

from mlcli.scale.processes import _received, each_apart


def square(x: int) -> int:
    return x * x


def die_at_two(x: int) -> int:
    if x == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_result_comes_with_its_place(jobs: int) -> None:
    assert dict(each_apart(square, range(5), jobs=jobs)) == {i: i * i for i in range(5)}
    assert list(each_apart(square, [], jobs=jobs)) == []


def test_a_process_that_dies_is_none_and_the_others_go_on() -> None:
    assert dict(each_apart(die_at_two, range(4), jobs=2)) == {0: 0, 1: 1, 2: None, 3: 3}


class Waits:
    """Says that it began, and what ended it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, x: int) -> int:
        try:
            # An interrupt may come as soon as this file is there.
            (self.folder / f"began_{x}").touch()
            time.sleep(60)
        except KeyboardInterrupt:
            (self.folder / f"unwound_{x}").touch()
            raise
        return x


def test_leaving_early_interrupts_what_runs(tmp_path: Path) -> None:
    def begun() -> int:
        return len(list(tmp_path.glob("began_*")))

    def interrupt() -> None:
        while begun() < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    # A shell lets what it runs in the background ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        list(each_apart(Waits(tmp_path), range(5), jobs=2))
    signal.signal(signal.SIGINT, before)
    thread.join()
    assert begun() == 2
    assert sorted(path.name for path in tmp_path.glob("unwound_*")) == ["unwound_0", "unwound_1"]


def test_a_process_that_dies_while_it_sends_is_none() -> None:
    ours, theirs = multiprocessing.Pipe()
    # A message of 100 bytes, by its head, of which three come.
    os.write(theirs.fileno(), struct.pack("!i", 100) + b"abc")
    theirs.close()
    assert _received(ours) is None

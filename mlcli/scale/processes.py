"""Long work in processes of its own, whose failure is that work's alone."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, TypeVar

from mlcli.scale.jobs import INTERRUPTS, _interrupts_held, end_with

T = TypeVar("T")
U = TypeVar("U")
# Windows has no such thing.
MASKS = hasattr(signal, "pthread_sigmask")
# How long an interrupted process may take to put away what it has, in seconds.
PATIENCE = 30.0


def each_apart(
    function: Callable[[T], U], items: Sequence[T], *, jobs: int
) -> Iterator[tuple[int, U | None]]:
    """Yield ``(i, function(items[i]))`` as each is done; None where its process died.

    Ctrl-C and SIGTERM end the processes, each by a KeyboardInterrupt of its own.

    Args:
        function: its result can be pickled; what it raises ends its process.
        items: one piece of work each.
        jobs: processes at a time.
    """
    # A copy of this process is ready at once and has read what it needs; elsewhere it is not safe.
    context: Any = get_context("fork" if sys.platform == "linux" else "spawn")
    waiting = deque(range(len(items)))
    running: dict[Connection, tuple[int, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                index = waiting.popleft()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(
                    target=_work, args=(function, items[index], theirs, os.getpid())
                )
                # An interrupt in between would leave a process that nobody ends.
                with _interrupts_held() if MASKS else nullcontext():
                    process.start()
                    running[ours] = index, process
                theirs.close()
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                index, process = running.pop(ready)
                result = _received(ready)
                process.join()
                yield index, result
    finally:
        for _, process in running.values():
            process.terminate()
        for connection, (_, process) in running.items():
            process.join(PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()
            connection.close()


def _received(connection: Connection) -> Any:
    try:
        return connection.recv()
    except (EOFError, OSError):
        # It ended before it sent anything, or in the midst of it.
        return None
    finally:
        connection.close()


def _work(function: Callable[[Any], Any], item: Any, connection: Connection, parent: int) -> None:
    """In the process: Ctrl-C is the parent's, which passes it on, once; so is its end."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        if MASKS:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        end_with(parent, signal.SIGTERM)
        connection.send(function(item))
    except KeyboardInterrupt:
        pass
    finally:
        connection.close()

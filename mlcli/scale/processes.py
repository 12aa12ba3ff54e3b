"""Work in processes of this machine: ordered pieces, and long pieces in a process each.

`map_ordered` gives the same bytes for any number of workers. In `each_apart` the failure of a
process is that of its piece alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, TypeVar

from mlcli.errors import MlcliError
from mlcli.scale.threads import cores

T = TypeVar("T")
U = TypeVar("U")
# Fewer pieces than this a worker are done before a second worker has started.
FEWEST_PIECES = 4
PR_SET_PDEATHSIG = 1
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
_function: Callable[[Any], Any] | None = None
# Windows has no such thing.
MASKS = hasattr(signal, "pthread_sigmask")
# How long an interrupted process may take to clean up, in seconds.
PATIENCE = 30.0


def map_ordered(
    function: Callable[[T], U], items: Iterable[T], *, jobs: int | None = None
) -> Iterator[U]:
    """Yield ``function(item)`` in the order of the items, computed by worker processes.

    BLAS gets one thread in every worker whatever `jobs` is: the number of its threads changes how
    sums are split, and with it the last bits.

    Args:
        function: depends on its item and on nothing that changes.
        items: one piece of work each.
        jobs: workers; None: one per processor, if there is work for them.

    Raises:
        MlcliError: a worker died.
    """
    from threadpoolctl import threadpool_limits

    pieces = list(items)
    n_workers = jobs or max(1, min(cores(), len(pieces) // FEWEST_PIECES))
    n_workers = min(n_workers, len(pieces))
    with threadpool_limits(1):
        if n_workers <= 1:
            yield from map(function, pieces)
        elif sys.platform == "linux":
            yield from _forked(function, pieces, n_workers)
        else:
            yield from _started(function, pieces, n_workers)


def _forked(function: Callable[[T], U], pieces: list[T], n_workers: int) -> Iterator[U]:
    """Workers that begin as copies of this process: ready in milliseconds, with all it has read."""
    import multiprocessing

    global _function
    _function = function
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(
        n_workers, mp_context=context, initializer=_begin, initargs=(os.getpid(),)
    )
    try:
        # An interrupt between the first worker and the thread that minds them would leave a worker
        # that nobody ends.
        with _interrupts_held():
            futures = [pool.submit(_call, piece) for piece in pieces]
        for future in futures:
            yield future.result()
    except BrokenProcessPool:
        raise MlcliError("a worker died, perhaps for want of memory", hint="--jobs 1") from None
    finally:
        _function = None
        # Pieces that run are let finish: a worker ended while it sends would leave half a message.
        with _interrupts_held():
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the block has ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with(parent: int, number: signal.Signals) -> None:
    """Have the system send this process a signal when its parent dies, where it can (Linux).

    Killing a parent does not end its workers, which would then wait for work for ever.

    Args:
        parent: the parent's number; if it is gone already, this process ends at once.
        number: the signal.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)


def _begin(parent: int) -> None:
    """In a worker: Ctrl-C is left to the parent, and its end is this one's."""
    end_with(parent, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)


def _call(item: Any) -> Any:
    if _function is None:
        raise RuntimeError("a worker was started without work")
    return _function(item)


def _started(function: Callable[[T], U], pieces: list[T], n_workers: int) -> Iterator[U]:
    """Fresh workers, where copies of a process are not safe."""
    from joblib import Parallel, delayed

    run = Parallel(n_jobs=n_workers, return_as="generator", inner_max_num_threads=1)
    yield from run(delayed(function)(item) for item in pieces)


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
    # A fork is ready at once and has all data; it is safe on Linux only.
    context: Any = get_context("fork" if sys.platform == "linux" else "spawn")
    waiting = deque(range(len(items)))
    running: dict[Connection, tuple[int, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                index = waiting.popleft()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(
                    target=_work_apart, args=(function, items[index], theirs, os.getpid())
                )
                # An interrupt in between would leave a process running.
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


def _work_apart(
    function: Callable[[Any], Any], item: Any, connection: Connection, parent: int
) -> None:
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

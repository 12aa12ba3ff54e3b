"""Independent work on several workers of this machine, same bytes for any number of them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from mlcli.errors import MlcliError

T = TypeVar("T")
U = TypeVar("U")
# Fewer pieces than this a worker are done before a second worker has started.
FEWEST_PIECES = 4
PR_SET_PDEATHSIG = 1
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
_work: Callable[[Any], Any] | None = None


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_ordered(
    function: Callable[[T], U], items: Iterable[T], *, jobs: int | None = None
) -> Iterator[U]:
    """Yield ``function(item)`` in the order of the items, computed by worker processes.

    BLAS gets one thread in every worker whatever `jobs` is: the number of its threads changes how
    sums are split, and with it the last bits.

    Args:
        function: sees its item and nothing that changes.
        items: one piece of work each.
        jobs: workers; None means one a processor, where there is work for them.

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

    global _work
    _work = function
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
        _work = None
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

    A parent that is killed ends nobody, and a worker without one would wait for work for ever.

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
    if _work is None:
        raise RuntimeError("a worker was started without work")
    return _work(item)


def _started(function: Callable[[T], U], pieces: list[T], n_workers: int) -> Iterator[U]:
    """Fresh workers, where copies of a process are not safe."""
    from joblib import Parallel, delayed

    run = Parallel(n_jobs=n_workers, return_as="generator", inner_max_num_threads=1)
    yield from run(delayed(function)(item) for item in pieces)

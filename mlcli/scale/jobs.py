"""Independent work on several workers of this machine, same bytes for any number of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeVar

T = TypeVar("T")
U = TypeVar("U")


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_ordered(
    function: Callable[[T], U],
    items: Iterable[T],
    *,
    jobs: int | None = None,
    workers: Literal["threads", "processes"] = "threads",
) -> Iterator[U]:
    """Yield ``function(item)`` in the order of the items.

    BLAS gets one thread in every worker whatever `jobs` is: the number of its threads changes how
    sums are split, and with it the last bits.

    Args:
        function: picklable for processes.
        items: one piece of work each.
        jobs: workers; None means one, which small work is done with soonest.
        workers: threads serve where the time goes to LAPACK, which lets other threads run.
    """
    from threadpoolctl import threadpool_limits

    items = list(items)
    n_workers = min(jobs or 1, len(items))
    with threadpool_limits(1):
        if n_workers <= 1:
            yield from map(function, items)
        elif workers == "threads":
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(n_workers) as pool:
                yield from pool.map(function, items)
        else:
            from joblib import Parallel, delayed

            run = Parallel(n_jobs=n_workers, return_as="generator", inner_max_num_threads=1)
            yield from run(delayed(function)(item) for item in items)

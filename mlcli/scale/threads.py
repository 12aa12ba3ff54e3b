"""The threads of numerical libraries: the variables that steer them, and how many are used.

By default these threads spin while they wait for each other. On an idle machine that costs nothing;
beside other work a waiting thread takes the processor from the thread that it waits for, and a run
of seconds takes minutes. OpenMP threads can be told to sleep after a bounded spin. OpenBLAS cannot:
the thread that shares out a product always spins until the last part is done. It therefore gets one
thread, which also makes its sums the same on any number of cores.

How a thread waits changes no result, so the bound may depend on the load at the start. The number
of threads changes last bits, so it does not: MLCLI_THREADS is the choice of the user.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path

# Each library reads its variables once, when it is loaded. GNU's runtime counts checks, of some 10
# nanoseconds each; LLVM's and Intel's count milliseconds. Short waits between the kernels of a
# small network need the longer bound: 1,000 checks cost such a training 17 % on a quiet machine.
QUIET = {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}
BUSY = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
LOAD = Path("/proc/loadavg")
LOOKS, PAUSE = 3, 0.002
OPENBLAS = {"OPENBLAS_NUM_THREADS": "1"}
# What a user may have chosen instead. Any of them leaves all of `QUIET` and `BUSY`, or of
# `OPENBLAS`, unset.
OPENMP_CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
OPENBLAS_CHOICES = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
PREFIXES = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_")
# Below so many multiplications in a forward pass a second thread costs more than it does.
WORTH_A_THREAD = 10_000_000
MOST_THREADS = 8


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_thread_variables(environment: MutableMapping[str, str] | None = None) -> None:
    """Set the variables for libraries loaded later, here and in child processes.

    What the user has set stays. The program calls this at its start, and so does a worker of a
    cluster that another program started; importing mlcli changes no variable.

    Args:
        environment: variables by name; None: those of this process.
    """
    given = os.environ if environment is None else environment
    if not any(name in given for name in OPENMP_CHOICES):
        given.update(BUSY if is_busy() else QUIET)
    if not any(name in given for name in OPENBLAS_CHOICES):
        given.update(OPENBLAS)


def is_busy() -> bool:
    """Whether other processes keep all processors busy, as the system counts them."""
    try:
        counts = []
        for look in range(LOOKS):
            time.sleep(PAUSE if look else 0.0)
            # The fourth field is "runnable/all"; this process is one of the runnable.
            counts.append(int(LOAD.read_text().split()[3].split("/")[0]) - 1)
        return min(counts) >= cores()
    except (OSError, ValueError, IndexError):
        return hasattr(os, "getloadavg") and os.getloadavg()[0] >= cores()


def thread_variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that steer threads, sorted by name: their number and how they wait.

    Args:
        environment: variables by name; None: those of this process.
    """
    given = os.environ if environment is None else environment
    return {name: given[name] for name in sorted(given) if name.startswith(PREFIXES)}


def n_threads(multiplications: int, n_members: int, batch_size: int) -> int:
    """Threads that pay for a program of networks, by it, the machine and MLCLI_THREADS alone.

    The number of threads changes how sums are split, and with it the last bits.

    Args:
        multiplications: of a forward pass of one row.
        n_members: M.
        batch_size: rows of a minibatch.
    """
    work = n_members * batch_size * multiplications
    return max(1, min(most_threads(), work // WORTH_A_THREAD + 1))


def most_threads() -> int:
    """The most that networks take: one per processor, no more than MLCLI_THREADS says.

    Not OMP_NUM_THREADS, which Dask sets to 1 in its workers: a training must have as many threads
    there as here, or it has other last bits.
    """
    most, chosen = min(cores(), MOST_THREADS), os.environ.get("MLCLI_THREADS", "")
    return max(1, min(most, int(chosen))) if chosen.isdigit() else most


def thread_counts() -> dict[str, int]:
    """Threads of this process that decide how sums are split, and so the last bits.

    Returns:
        ``blas``: of NumPy and SciPy, as the environment and the processors set them;
        ``networks``: the most that `n_threads` gives here.
    """
    import numpy  # noqa: F401  # loads the BLAS that is asked about
    from threadpoolctl import threadpool_info

    blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {"blas": max(blas, default=1), "networks": most_threads()}

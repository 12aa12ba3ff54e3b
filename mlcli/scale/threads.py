"""How many threads pay for work of a known size, and how many the libraries have."""

from __future__ import annotations

import os

from mlcli.scale.jobs import cores

# Below so many multiplications in a forward pass a second thread costs more than it does.
WORTH_A_THREAD = 10_000_000
MOST_THREADS = 8


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

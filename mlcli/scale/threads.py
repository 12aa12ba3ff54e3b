"""How many threads pay for work of a known size, and how many the libraries have."""

from __future__ import annotations

import os

from mlcli.scale.jobs import cores

# Below so many multiplications in a forward pass a second thread costs more than it does.
WORTH_A_THREAD = 10_000_000
MOST_THREADS = 8


def n_threads(multiplications: int, n_members: int, batch_size: int) -> int:
    """Threads that pay for a program of networks, by it, the machine and OMP_NUM_THREADS alone.

    The number of threads changes how sums are split, and with it the last bits.

    Args:
        multiplications: of a forward pass of one row.
        n_members: M.
        batch_size: rows of a minibatch.
    """
    work = n_members * batch_size * multiplications
    return max(1, min(most_threads(), work // WORTH_A_THREAD + 1))


def most_threads() -> int:
    """The most that networks take: one per processor, no more than OMP_NUM_THREADS says."""
    most = min(cores(), MOST_THREADS)
    # OpenMP allows a list, one number for each level of nesting.
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return max(1, min(most, int(first))) if first.isdigit() else most


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

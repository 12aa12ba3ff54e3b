"""How many threads pay for work of a known size."""

from __future__ import annotations

from mlcli.scale.jobs import cores

# Below so many multiplications in a forward pass a second thread costs more than it does.
WORTH_A_THREAD = 10_000_000
MOST_THREADS = 8


def n_threads(multiplications: int, n_members: int, batch_size: int) -> int:
    """Threads that pay for a program of networks, by it and the machine and by nothing else.

    The number of threads changes how sums are split, and with it the last bits.

    Args:
        multiplications: of a forward pass of one row.
        n_members: M.
        batch_size: rows of a minibatch.
    """
    work = n_members * batch_size * multiplications
    return max(1, min(cores(), MOST_THREADS, work // WORTH_A_THREAD + 1))

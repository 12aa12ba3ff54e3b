"""How many threads a program of members takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlcli.experiments.networks.members import Program
from mlcli.neural.device import threads
from mlcli.scale.jobs import cores

# Below so many multiplications in a forward pass a second thread costs more than it does.
WORTH_A_THREAD = 10_000_000
MOST_THREADS = 8


def n_threads(multiplications: int, n_members: int, batch_size: int) -> int:
    """Threads that pay for a program: they depend on it and on the machine, and on nothing else.

    The number of threads changes how sums are split, and with it the last bits.

    Args:
        multiplications: of a forward pass of one row.
        n_members: M.
        batch_size: rows of a minibatch.
    """
    work = n_members * batch_size * multiplications
    return max(1, min(cores(), MOST_THREADS, work // WORTH_A_THREAD + 1))


@contextmanager
def program_threads(program: Program) -> Iterator[None]:
    """Train and judge a program with its own number of threads."""
    a_row = program.architecture.multiplications
    count = n_threads(a_row, len(program.members), program.common.batch_size)
    with threads(count):
        yield

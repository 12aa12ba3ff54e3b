"""How many threads a program of members takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from mlcli.experiments.networks.members import Program
from mlcli.neural.device import threads
from mlcli.scale.jobs import cores

# Below so many multiplications in a forward pass a second thread costs more than it does.
WORTH_A_THREAD = 10_000_000
MOST_THREADS = 8


def n_threads(sizes: Sequence[int], n_members: int, batch_size: int) -> int:
    """Threads that pay for a program: they depend on it and on the machine, and on nothing else.

    The number of threads changes how sums are split, and with it the last bits.

    Args:
        sizes: D, n^(1), ..., n^(L), K.
        n_members: M.
        batch_size: rows of a minibatch.
    """
    a_row = sum(n_in * n_out for n_in, n_out in pairwise(sizes))
    work = n_members * batch_size * a_row
    return max(1, min(cores(), MOST_THREADS, work // WORTH_A_THREAD + 1))


@contextmanager
def program_threads(program: Program) -> Iterator[None]:
    """Train and judge a program with its own number of threads."""
    count = n_threads(program.sizes, len(program.members), program.common.batch_size)
    with threads(count):
        yield

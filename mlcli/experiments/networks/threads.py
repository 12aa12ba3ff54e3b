"""The threads that a program of members takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlcli.experiments.networks.members import Program
from mlcli.neural.data_parallel import ProcessGroup
from mlcli.neural.device import threads
from mlcli.scale.jobs import cores
from mlcli.scale.threads import n_threads


@contextmanager
def program_threads(program: Program, group: ProcessGroup | None = None) -> Iterator[None]:
    """Train and judge a program with its own number of threads.

    Processes of a group each have their share of the rows, and of the processors.
    """
    a_row, n_rows = program.architecture.multiplications, program.common.batch_size
    if group is not None:
        n_rows = -(-n_rows // group.size)
    count = n_threads(a_row, len(program.members), n_rows)
    if group is not None:
        count = max(1, min(count, cores() // group.local_size))
    with threads(count):
        yield

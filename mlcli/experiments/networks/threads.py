"""The threads that a program of members takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlcli.experiments.networks.members import Program
from mlcli.neural.device import threads
from mlcli.scale.threads import n_threads


@contextmanager
def program_threads(program: Program) -> Iterator[None]:
    """Train and judge a program with its own number of threads."""
    a_row = program.architecture.multiplications
    count = n_threads(a_row, len(program.members), program.common.batch_size)
    with threads(count):
        yield

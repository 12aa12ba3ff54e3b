"""Workers for independent pieces: one interface to processes of this machine and to a cluster."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from mlcli.errors import ConfigError
from mlcli.scale.processes import each_apart, map_ordered

T = TypeVar("T")
U = TypeVar("U")
ADDRESS = re.compile(r"tcp://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
LOCAL = re.compile(r"local:([0-9]{1,4})")


class Workers(Protocol):
    """Workers for independent pieces of work; which workers compute never changes a byte."""

    def map_ordered(self, function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
        """Yield ``function(item)`` in the order of the items, each made with one BLAS thread.

        Args:
            function: depends on its item and on nothing that changes, and reads no file.
            items: one piece of work each.

        Raises:
            MlcliError: a worker died, or there is none.
        """

    def each_apart(
        self, function: Callable[[T], U], items: Sequence[T]
    ) -> Iterator[tuple[int, U | None]]:
        """Yield ``(i, function(items[i]))`` as each is done; None where its process died.

        A piece has the threads of BLAS that this process has.
        """


@dataclass(frozen=True)
class Processes:
    """Processes of this machine, which see what this one has read.

    Attributes:
        jobs: how many; None means one per processor where there is work for them, or one at a time
            where pieces run apart.
    """

    jobs: int | None = None

    def map_ordered(self, function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
        """See `Workers`."""
        return map_ordered(function, items, jobs=self.jobs)

    def each_apart(
        self, function: Callable[[T], U], items: Sequence[T]
    ) -> Iterator[tuple[int, U | None]]:
        """See `Workers`."""
        return each_apart(function, items, jobs=self.jobs or 1)


def parse_cluster(text: str) -> str | int:
    """The address of a scheduler, or the number of workers of a cluster on this machine.

    Raises:
        ConfigError: it is neither.
    """
    if found := LOCAL.fullmatch(text):
        if n_workers := int(found[1]):
            return n_workers
    elif (found := ADDRESS.fullmatch(text)) and 0 < int(found[2]) < 2**16:
        return text
    raise ConfigError("--cluster", must="tcp://HOST:PORT or local:N with N from 1", got=repr(text))


@contextmanager
def open_workers(
    jobs: int | None, cluster: str | None, versions: Mapping[str, str]
) -> Iterator[Workers]:
    """The workers for ``--jobs`` or ``--cluster``, until the block ends.

    Args:
        jobs: processes of this machine.
        cluster: as `parse_cluster` reads it; None means processes.
        versions: package (and ``python``) -> the version that a worker on a cluster must have.

    Raises:
        ConfigError: Dask is not installed.
        MlcliError: the cluster can't be reached.
    """
    if cluster is None:
        yield Processes(jobs)
        return
    from mlcli.scale.cluster import connected

    with connected(parse_cluster(cluster), versions) as found:
        yield found

"""What runs in a worker on another machine: a function that came over the network."""

from __future__ import annotations

import platform
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mlcli import __version__
from mlcli.errors import MlcliError
from mlcli.scale.threads import set_thread_variables

# They bring threads of their own, which can be limited only once they are loaded.
THREADED = ("numpy", "scipy.linalg", "sklearn.ensemble", "sklearn.neighbors", "torch")
# Threads and warnings are settings of a whole process, so its pieces take turns.
_turn = threading.Lock()


@dataclass(frozen=True)
class WorkerTerms:
    """Versions and threads that a worker must have to compute the same bytes as this process.

    Attributes:
        versions: package (and ``python``) -> version.
        modules: modules of `THREADED` to load first.
        threads: kind of library (``blas``, ``openmp``) -> threads.
    """

    versions: Mapping[str, str]
    modules: tuple[str, ...]
    threads: Mapping[str, int]


def terms_here(versions: Mapping[str, str], *, one_thread: bool) -> WorkerTerms:
    """The terms of this process, with its own threads or with one."""
    from threadpoolctl import threadpool_info

    threads = {"blas": 1, "openmp": 1}
    if not one_thread:
        for pool in threadpool_info():
            kind = pool["user_api"]
            threads[kind] = max(threads.get(kind, 1), pool["num_threads"])
    return WorkerTerms(versions, tuple(name for name in THREADED if name in sys.modules), threads)


@dataclass(frozen=True)
class WorkItems:
    """A function and its items; what they share is sent once."""

    function: Callable[[Any], Any]
    items: Sequence[Any]


class RemoteWork:
    """Work that came over the network, or why it could not be unpacked.

    It travels on as one block: arrays arrive as they left, and not read-only.
    """

    def __init__(
        self, work: WorkItems | None, terms: WorkerTerms, error: Exception | None = None
    ) -> None:
        self.work = work
        self.terms = terms
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        if self.work is None:
            return RemoteWork, (None, self.terms, self.error)
        return unpack, (block_of(self.work), self.terms)


@dataclass(frozen=True)
class PieceResult:
    """What came of a piece: a value, or the error that it raised."""

    value: Any = None
    error: Exception | None = None


def block_of(work: WorkItems) -> bytes:
    """Work as bytes: importable objects by name, all others by value."""
    import cloudpickle

    block: bytes = cloudpickle.dumps(work)
    return block


def unpack(block: bytes, terms: WorkerTerms) -> RemoteWork:
    """The work of a block. An error is stored, and raised when a piece is computed."""
    import cloudpickle

    # Unpacking loads the libraries that the work needs.
    set_thread_variables()

    try:
        _refuse_others(terms.versions)
        return RemoteWork(cloudpickle.loads(block), terms)
    except Exception as error:
        return RemoteWork(None, terms, error)


def call(places: range, *, remote: RemoteWork) -> list[PieceResult]:
    """What the function makes of the items at some places, up to the first error."""
    found: list[PieceResult] = []
    try:
        if remote.work is None:
            raise remote.error or MlcliError("a worker was sent no work")
        with _turn, _threads(remote.terms):
            for place in places:
                found.append(PieceResult(remote.work.function(remote.work.items[place])))
    except Exception as error:
        error.add_note("on a worker:\n" + traceback.format_exc())
        found.append(PieceResult(error=error))
    return found


def _refuse_others(versions: Mapping[str, str]) -> None:
    """Other versions can give other digits.

    Raises:
        MlcliError: naming the first package that differs.
    """
    found = {"python": platform.python_version(), "mlcli": __version__}
    for name, wanted in versions.items():
        have: str | None = found.get(name)
        if have is None:
            with suppress(PackageNotFoundError):
                have = version(name)
        if have != wanted:
            raise MlcliError(
                f"a worker on {platform.node()} has {name} {have or 'not at all'}, and this "
                f"process {wanted}",
                hint="the same versions there, without which bytes can differ",
            )


@contextmanager
def _threads(terms: WorkerTerms) -> Iterator[None]:
    from threadpoolctl import threadpool_limits

    for name in terms.modules:
        import_module(name)
    with threadpool_limits(dict(terms.threads)):
        yield

"""Work on a Dask cluster, given over a network; same bytes as in processes of this machine."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import Empty, Queue
from typing import Any, TypeVar

from mlcli.errors import MlcliError
from mlcli.scale import shipped

T = TypeVar("T")
U = TypeVar("U")
# How long a scheduler may take to answer, and a cluster be without any worker, in seconds.
PATIENCE = 30.0
# How often the cluster is looked at while a piece is awaited, in seconds.
LOOK = 1.0
# Into so many batches a worker are many small pieces put.
BATCHES = 16
# Large inputs are sent once, on purpose.
SETTINGS = {"distributed.admin.large-graph-warning-threshold": "1TiB"}


class Cluster:
    """The workers of a Dask cluster; see `workers.Workers`.

    A function and its items go to the scheduler once, with all that they hold, and from there to
    each worker once. Work that a worker had when it died is given to another.
    """

    def __init__(self, client: Any, name: str, versions: Mapping[str, str]) -> None:
        self._client = client
        self._name = name
        self._versions = versions

    def map_ordered(self, function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
        """See `workers.Workers`."""
        pieces = list(items)
        # Each way to a worker and back takes milliseconds, as long as many a piece.
        size = max(1, len(pieces) // (BATCHES * max(1, self._n_threads())))
        batches = [range(i, min(i + size, len(pieces))) for i in range(0, len(pieces), size)]
        waiting = deque(self._submitted(function, pieces, batches, one_thread=True))
        while waiting:
            # Let go of at once, so that a result does not stay in a worker's memory.
            outcomes = self._awaited(waiting.popleft())
            if outcomes is None:
                raise MlcliError(
                    f"a piece of work ended every worker of {self._name} that had it, perhaps for "
                    "want of memory"
                )
            yield from map(_value, outcomes)

    def each_apart(
        self, function: Callable[[T], U], items: Sequence[T]
    ) -> Iterator[tuple[int, U | None]]:
        """See `workers.Workers`."""
        done: Queue[Any] = Queue()
        places, suspects = {}, []
        alone = [range(i, i + 1) for i in range(len(items))]
        for i, future in enumerate(self._submitted(function, items, alone, one_thread=False)):
            places[future] = i
            future.add_done_callback(done.put)
        while places:
            try:
                future = done.get(timeout=LOOK)
            except Empty:
                self._look()
                continue
            place, outcomes = places.pop(future), self._awaited(future)
            if outcomes is None:
                suspects.append(place)
            else:
                yield place, _value(outcomes[0])
        # A worker that dies takes those along that wait on it: each again, with nothing beside it.
        for place in suspects:
            (future,) = self._submitted(function, items, [alone[place]], one_thread=False)
            outcomes = self._awaited(future)
            yield place, None if outcomes is None else _value(outcomes[0])

    def _submitted(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        batches: Sequence[range],
        *,
        one_thread: bool,
    ) -> list[Any]:
        import dask

        self._deadline = time.monotonic() + PATIENCE
        if not batches:
            return []
        terms = shipped.terms_here(self._versions, one_thread=one_thread)
        block = shipped.block_of(shipped.Work(function, items))
        with dask.config.set(SETTINGS), self._explained():
            # As a task: one that was lost with its worker is done again; scattered data are not.
            carried = self._client.submit(shipped.unpack, block, terms, pure=False)
            futures: list[Any] = self._client.map(
                shipped.call, batches, shipped=carried, pure=False, key="mlcli"
            )
            return futures

    def _awaited(self, future: Any) -> list[shipped.Outcome] | None:
        """The outcomes of a batch; None where it ended every worker that had it."""
        from distributed import KilledWorker

        while True:
            with self._explained():
                try:
                    outcomes: list[shipped.Outcome] = future.result(timeout=LOOK)
                    return outcomes
                except TimeoutError:
                    pass
                except KilledWorker:
                    return None
            self._look()

    def _n_threads(self) -> int:
        """The threads of all workers that there are.

        Raises:
            MlcliError: the scheduler does not answer.
        """
        ask = self._client.scheduler.ncores
        try:
            with self._explained():
                return sum(self._client.sync(ask, callback_timeout=PATIENCE).values())
        except TimeoutError:
            raise MlcliError(f"{self._name} has not answered for {PATIENCE:.0f} s") from None

    def _look(self) -> None:
        """Refuse to wait for a cluster that has had no worker for too long.

        Raises:
            MlcliError: it has had none, or its scheduler does not answer.
        """
        if self._n_threads():
            self._deadline = time.monotonic() + PATIENCE
        elif time.monotonic() > self._deadline:
            raise MlcliError(
                f"{self._name} has had no worker for {PATIENCE:.0f} s",
                hint="starting some with `dask worker`",
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What goes wrong between here and the workers, in one sentence."""
        import asyncio
        import concurrent.futures as threads

        try:
            yield
        except (MlcliError, TimeoutError):
            raise
        except (asyncio.CancelledError, threads.CancelledError, OSError) as error:
            why = getattr(error, "reason", None) or _first_line(error)
            raise MlcliError(f"{self._name} went away: {why}") from error
        except Exception as error:
            raise MlcliError(
                f"{self._name} could not take or give back the work: {cause_of(error)}",
                hint="the same mlcli and Dask there as here",
            ) from error


def _value(outcome: shipped.Outcome) -> Any:
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip()


def cause_of(error: BaseException) -> str:
    """What is at the bottom of an error, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {_first_line(error)}"

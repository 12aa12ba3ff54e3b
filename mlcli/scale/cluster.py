"""Work on a Dask cluster, of a scheduler elsewhere or of workers started here.

It gives the same bytes as processes of this machine.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from queue import Empty, Queue
from typing import Any, TypeVar

from mlcli.errors import ConfigError, MlcliError
from mlcli.scale import remote_work
from mlcli.scale.processes import INTERRUPTS, MASKS

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

    A function and its items are sent to the scheduler once, and from there to each worker once.
    The work of a worker that dies is given to another.
    """

    def __init__(self, client: Any, name: str, versions: Mapping[str, str]) -> None:
        self._client = client
        self._name = name
        self._versions = versions

    def map_ordered(self, function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
        """See `workers.Workers`."""
        pieces = list(items)
        # A round trip to a worker takes milliseconds, as long as many a piece.
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
        # A worker that dies also loses the pieces that wait on it, so each is tried again alone.
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
        terms = remote_work.terms_here(self._versions, one_thread=one_thread)
        block = remote_work.block_of(remote_work.WorkItems(function, items))
        with dask.config.set(SETTINGS), self._explained():
            # As a task: one that was lost with its worker is done again; scattered data are not.
            carried = self._client.submit(remote_work.unpack, block, terms, pure=False)
            futures: list[Any] = self._client.map(
                remote_work.call, batches, remote=carried, pure=False, key="mlcli"
            )
            return futures

    def _awaited(self, future: Any) -> list[remote_work.PieceResult] | None:
        """The outcomes of a batch; None where it ended every worker that had it."""
        from distributed import KilledWorker

        while True:
            with self._explained():
                try:
                    outcomes: list[remote_work.PieceResult] = future.result(timeout=LOOK)
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
        """Raise an error on the connection as a MlcliError of one sentence."""
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


def _value(outcome: remote_work.PieceResult) -> Any:
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


# How long a scheduler may take to be found, and a cluster to end, in seconds.
CONNECT, FAREWELL = 10.0, 10.0


@contextmanager
def connected(place: str | int, versions: Mapping[str, str]) -> Iterator[Cluster]:
    """A cluster until the block ends: of the scheduler at an address, or of so many workers here.

    Raises:
        ConfigError: Dask is not installed.
        MlcliError: nothing answers there.
    """
    try:
        import dask

        distributed: Any = import_module("distributed")
    except ImportError:
        raise ConfigError(
            "--cluster needs Dask, which is not installed", hint="pip install 'mlcli[dask]'"
        ) from None
    name = f"the cluster at {place}" if isinstance(place, str) else "the cluster on this machine"
    with (
        _quiet(),
        dask.config.set({"distributed.comm.timeouts.connect": CONNECT}),
        ExitStack() as stack,
    ):
        address = place if isinstance(place, str) else stack.enter_context(_local(place))
        client = _client(distributed, address)
        try:
            _refuse_without_mlcli(client, name)
            yield Cluster(client, name, versions)
        finally:
            with _uninterrupted(), suppress(Exception):
                client.close(timeout=FAREWELL)


def _client(distributed: Any, address: str) -> Any:
    """A client of the scheduler at an address.

    Raises:
        MlcliError: none answers there.
    """
    try:
        # Dask waits for ever for a port that accepts connections and never answers.
        return _within(
            CONNECT + LOOK,
            lambda: distributed.Client(address, timeout=CONNECT, set_as_default=False),
        )
    except Exception as error:
        raise MlcliError(
            f"no Dask scheduler answers at {address} within {CONNECT:.0f} s",
            hint="`dask scheduler` there",
        ) from error


def _refuse_without_mlcli(client: Any, name: str) -> None:
    """Check that every worker has mlcli: one without it would crash when it unpacks the work.

    Raises:
        MlcliError: a worker, or the scheduler, has no mlcli.
    """

    def ask() -> dict[str, Any]:
        found: dict[str, Any] = client.run(version, "mlcli", on_error="return")
        try:
            return found | {"the scheduler": client.run_on_scheduler(version, "mlcli")}
        except PackageNotFoundError as error:
            return found | {"the scheduler": error}

    # Dask itself gives up a worker that does not answer.
    with suppress(TimeoutError):
        for who, have in _within(CONNECT, ask).items():
            if isinstance(have, PackageNotFoundError):
                raise MlcliError(
                    f"{name} lacks mlcli on {who}", hint="installing it there as it is here"
                )


def _within(seconds: float, function: Callable[[], T]) -> T:
    """What a function returns or raises, or TimeoutError after so many seconds."""
    done: Queue[tuple[T | None, Exception | None]] = Queue()

    def work() -> None:
        try:
            done.put((function(), None))
        except Exception as error:
            done.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        value, error = done.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


@contextmanager
def _local(n_workers: int) -> Iterator[str]:
    """The address of a cluster of one-threaded workers on this machine, which ends with it."""
    distributed: Any = import_module("distributed")
    cluster: Any = None
    try:
        try:
            with _uninterrupted(later=True), _ignoring_ctrl_c():
                cluster = distributed.LocalCluster(
                    n_workers=n_workers,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address=None,
                    # No share of the memory is set aside, and no worker stopped for passing it.
                    memory_limit=0,
                    silence_logs=logging.CRITICAL,
                )
        except Exception as error:
            raise MlcliError(f"no {n_workers} workers start here: {cause_of(error)}") from error
        yield cluster.scheduler_address
    finally:
        if cluster is not None:
            with _uninterrupted(), suppress(Exception):
                cluster.close(timeout=FAREWELL)


@contextmanager
def _uninterrupted(*, later: bool = False) -> Iterator[None]:
    """Ctrl-C and SIGTERM do nothing while the block runs, or interrupt when it has ended.

    A mask of signals would not do: Dask has threads, and any of them may take a signal.
    """
    heard: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {one: signal.signal(one, lambda n, _: heard.append(n)) for one in INTERRUPTS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        # Also in place of an error: new workers that heard it too did not start.
        if later and heard:
            raise KeyboardInterrupt


@contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    """Threads and processes that start in the block, and their children, ignore Ctrl-C.

    A terminal sends it to all; a worker that took it would end with a traceback, and be replaced.
    """
    if not MASKS:
        yield
        return
    from multiprocessing import resource_tracker

    # Python unblocks the signal as it starts this one, which else would be among the first.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the log and the warnings of Dask: what matters of them is raised."""
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado", "asyncio")]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(distributed|dask|tornado|asyncio)\b")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)

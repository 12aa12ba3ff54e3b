"""The way to a Dask cluster: to a scheduler elsewhere, or to workers started here."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from queue import Empty, Queue
from typing import Any, TypeVar

from mlcli.errors import ConfigError, MlcliError
from mlcli.scale.cluster import LOOK, Cluster, cause_of
from mlcli.scale.jobs import INTERRUPTS
from mlcli.scale.processes import MASKS

T = TypeVar("T")
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
        # Dask itself waits for ever for something that listens and says nothing.
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
    """A worker would end at the sight of work that it can't unpack, so that it is asked before.

    Raises:
        MlcliError: a worker, or the scheduler, has no mlcli.
    """

    def ask() -> dict[str, Any]:
        found: dict[str, Any] = client.run(version, "mlcli", on_error="return")
        try:
            return found | {"the scheduler": client.run_on_scheduler(version, "mlcli")}
        except PackageNotFoundError as error:
            return found | {"the scheduler": error}

    # A worker that does not answer is Dask's to give up, and may be needed by nobody.
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
            with _uninterrupted(later=True), _deaf_to_ctrl_c():
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
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Threads and processes that begin in the block, and those of theirs, never hear Ctrl-C.

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

"""A real Dask cluster: a scheduler and workers, each a process as `dask` starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = ("--host", "127.0.0.1", "--no-dashboard")


@dataclass
class RealCluster:
    """A scheduler's address, its process, and those of its workers."""

    address: str
    folder: Path
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_worker(self, *more: str, prelude: str = "") -> subprocess.Popen[bytes]:
        """A worker of one thread, without a nanny that would start it again unless asked for."""
        program = ("worker", self.address, "--nthreads", "1", *HERE, *(more or ("--no-nanny",)))
        worker = start(self.folder, *program, prelude=prelude)
        self.workers.append(worker)
        return worker

    def wait(self, n_workers: int) -> None:
        """Until so many workers have joined."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(n_workers, timeout=60)

    def stop(self) -> None:
        """End every process that still runs."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def start(folder: Path, kind: str, *arguments: str, prelude: str = "") -> subprocess.Popen[bytes]:
    """`dask scheduler` or `dask worker`, after some code."""
    code = f"{prelude}\nfrom distributed.cli.dask_{kind} import main\nmain({list(arguments)!r})"
    # Neither a variable that limits threads nor one that sets a seed comes from the tests.
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    with (folder / f"{kind}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=log,
            stderr=log,
            cwd=folder,
            env=kept,
            start_new_session=True,
        )


def running(folder: Path, n_workers: int) -> RealCluster:
    """A scheduler on a free port and so many workers, which join when they are ready."""
    note = folder / "scheduler.json"
    scheduler = start(folder, "scheduler", "--port", "0", "--scheduler-file", str(note), *HERE)
    deadline = time.monotonic() + 60
    while not (note.exists() and note.stat().st_size):
        assert scheduler.poll() is None, (folder / "scheduler.log").read_text()
        assert time.monotonic() < deadline, "the scheduler did not start"
        time.sleep(0.05)
    found = RealCluster(json.loads(note.read_text())["address"], folder, scheduler)
    for _ in range(n_workers):
        found.add_worker()
    return found


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Two workers that no test harms."""
    found = running(tmp_path_factory.mktemp("cluster"), 2)
    yield found
    found.stop()


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[RealCluster]:
    """A scheduler without a worker, to be treated badly."""
    found = running(tmp_path, 0)
    yield found
    found.stop()


@pytest.fixture
def frail_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealCluster]:
    """A scheduler without a worker, which gives work up when it has ended one worker."""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    found = running(tmp_path, 0)
    yield found
    found.stop()

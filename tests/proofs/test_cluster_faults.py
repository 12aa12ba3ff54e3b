"""A cluster that loses a worker, all workers, or its scheduler; Ctrl-C with workers at work."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli.datasets.source import open_source
from mlcli.errors import MlcliError
from mlcli.experiments import fit_poly
from mlcli.experiments.experiment import Context
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.run.files import write_result
from mlcli.run.manifest import package_versions
from mlcli.scale import cluster as dask_cluster
from mlcli.scale.workers import Processes, Workers, open_workers
from tests.faults.fault_processes import of_session, still_there

Run = Callable[..., Any]
VERSIONS = package_versions()
CONFIG = FitPolyConfig(degrees=(1, 3, 40), n_seeds=60, path_penalty="none")
# A process in which mlcli is not installed.
WITHOUT_MLCLI = """
import sys, importlib.metadata as metadata
real = metadata.distribution
metadata.distribution = lambda name: real("no-" + name if name == "mlcli" else name)
sys.modules["mlcli"] = None
"""
LONG = ("fit-poly", "--n-seeds", "5000", "--no-plots", "--quiet")


def written(folder: Path, workers: Workers, progress: Any) -> dict[str, bytes]:
    """The files of a run of fit-poly."""
    folder.mkdir()
    prepared = fit_poly.EXPERIMENT.prepare(CONFIG, open_source("noisy-cubic"))
    result = fit_poly.EXPERIMENT.run(prepared, Context(workers, progress))
    write_result(result, folder)
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_cluster_that_dies_piece_by_piece(
    own_cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "PATIENCE", 2.0)
    monkeypatch.setattr(dask_cluster, "CONNECT", 2.0)
    whole = written(tmp_path / "whole", Processes(1), lambda done, total, **_: None)
    victim, _ = own_cluster.add_worker(), own_cluster.add_worker()
    own_cluster.wait(2)
    address = own_cluster.address

    def kill_half_way(done: int, total: int, **_: Any) -> None:
        if done == total // 2:
            assert victim.poll() is None
            victim.kill()

    with open_workers(None, address, VERSIONS) as workers:
        pids = list(workers.map_ordered(lambda _: (time.sleep(0.05), os.getpid())[1], range(60)))
        assert set(pids) == {worker.pid for worker in own_cluster.workers}
        assert written(tmp_path / "harmed", workers, kill_half_way) == whole
        assert victim.poll() is not None
        # The one that is left, and then none.
        found = workers.map_ordered(lambda i: (time.sleep(0.05), i)[1], range(60))
        assert next(found) == 0
        own_cluster.workers[1].kill()
        with pytest.raises(MlcliError, match=r"has had no worker for 2 s; try starting some"):
            list(found)
        # A worker that comes later does the work.
        own_cluster.add_worker()
        own_cluster.wait(1)
        assert list(workers.map_ordered(str, range(3))) == ["0", "1", "2"]
        found = workers.map_ordered(lambda i: (time.sleep(0.05), i)[1], range(60))
        assert next(found) == 0
        own_cluster.scheduler.kill()
        with pytest.raises(MlcliError, match=rf"the cluster at {address} went away"):
            list(found)
    start = time.monotonic()
    with (
        pytest.raises(MlcliError, match="no Dask scheduler answers at"),
        open_workers(None, address, VERSIONS),
    ):
        pass
    assert time.monotonic() - start < 10


def test_a_point_that_ends_its_workers_is_the_only_one_without_a_result(
    frail_cluster: Any,
) -> None:
    def die_at_two(i: int) -> int:
        if i == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return i

    for _ in range(2):
        frail_cluster.add_worker("--nanny")
    with open_workers(None, frail_cluster.address, VERSIONS) as workers:
        assert dict(workers.each_apart(die_at_two, range(4))) == {0: 0, 1: 1, 2: None, 3: 3}
        with pytest.raises(MlcliError, match="a piece of work ended every worker"):
            list(workers.map_ordered(die_at_two, range(4)))


def test_a_worker_without_mlcli_is_named_as_what_is_wrong(own_cluster: Any) -> None:
    own_cluster.add_worker(prelude=WITHOUT_MLCLI)
    own_cluster.wait(1)
    with (
        pytest.raises(MlcliError, match=r"the cluster at \S+ lacks mlcli on tcp://\S+; try"),
        open_workers(None, own_cluster.address, VERSIONS),
    ):
        pass
    assert own_cluster.workers[0].poll() is None


def test_something_else_listens_there(mlcli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        done = mlcli("fit-poly", "--n-seeds", "2", "--cluster", f"tcp://127.0.0.1:{port}")
    assert done.code == 1
    assert done.err == (
        f"mlcli: no Dask scheduler answers at tcp://127.0.0.1:{port} within 1 s; try `dask "
        "scheduler` there\n"
    )
    assert not list(Path().rglob("details.json"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
# As its workers start, and as they work.
@pytest.mark.parametrize(("place", "after"), [("local:2", 1.5), ("local:2", 5.0), ("tcp", 5.0)])
def test_an_interrupt_is_130_and_leaves_no_process_and_a_cluster_that_works(
    empty_folder: Path, cluster: Any, place: str, after: float, number: signal.Signals
) -> None:
    address = cluster.address if place == "tcp" else place
    process = subprocess.Popen(
        [sys.executable, "-m", "mlcli", *LONG, "--cluster", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    time.sleep(after)
    assert process.poll() is None
    # As a terminal does it: every process of the group hears it.
    os.killpg(process.pid, number)
    try:
        out, err = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert err == "mlcli: interrupted; no file was left half written\n"
    assert (process.returncode, out) == (130, "")
    assert not list(empty_folder.rglob("*.partial"))
    assert not list(empty_folder.rglob("details.json"))
    assert still_there(lambda: of_session(process.pid)) == []
    with open_workers(None, cluster.address, VERSIONS) as workers:
        assert list(workers.map_ordered(str, range(3))) == ["0", "1", "2"]

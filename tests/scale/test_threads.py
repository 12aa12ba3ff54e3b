"""Thread variables are set before the libraries are loaded, in every process of the program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import mlcli
from mlcli.scale import threads
from mlcli.scale.threads import (
    BUSY,
    OPENBLAS,
    OPENBLAS_CHOICES,
    OPENMP_CHOICES,
    QUIET,
    is_busy,
    set_thread_variables,
)
from mlcli.scale.workers import open_workers

PROJECT = Path(mlcli.__file__).parents[1]
NAMES = (*QUIET, *OPENBLAS)
SETTINGS = (QUIET | OPENBLAS, BUSY | OPENBLAS)
CHOICES = (*OPENMP_CHOICES, *OPENBLAS_CHOICES)
# Runs `python -m mlcli` until it first loads a library, prints the variables, and ends.
SPY = """
import json, os, runpy, sys

class Spy:
    def find_spec(self, name, path=None, target=None):
        if name in ("numpy", "scipy", "sklearn", "torch"):
            print(json.dumps({key: os.environ.get(key) for key in names}), flush=True)
            os._exit(0)

names = json.loads(sys.argv[1])
sys.meta_path.insert(0, Spy())
sys.argv = ["mlcli", *sys.argv[2:]]
runpy.run_module("mlcli", run_name="__main__", alter_sys=True)
"""
WORKERS = """
import json, os, sys
from mlcli.scale.threads import set_thread_variables
from mlcli.scale.workers import open_workers

names = json.loads(sys.argv[1])

def seen(_):
    return {name: os.environ.get(name) for name in names}

if __name__ == "__main__":
    set_thread_variables()
    for jobs, cluster in ((2, None), (None, "local:1")):
        with open_workers(jobs, cluster, {}) as workers:
            print(json.dumps(next(iter(workers.map_ordered(seen, range(2))))))
"""


def bare(**more: str) -> dict[str, str]:
    """This environment without any variable that steers threads."""
    kept = {k: v for k, v in os.environ.items() if k not in CHOICES}
    return kept | {"PYTHONPATH": str(PROJECT)} | more


def seen_at_the_first_import(environment: dict[str, str]) -> dict[str, str | None]:
    command = [sys.executable, "-c", SPY, json.dumps(NAMES), "train-mlp", "--dry-run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, str | None] = json.loads(done.stdout)
    return found


def test_the_settings_are_there_when_the_first_library_is_loaded() -> None:
    assert seen_at_the_first_import(bare()) in SETTINGS


def test_a_users_choice_is_there_when_the_first_library_is_loaded() -> None:
    found = seen_at_the_first_import(bare(GOMP_SPINCOUNT="123"))
    assert found == {"KMP_BLOCKTIME": None, "GOMP_SPINCOUNT": "123"} | OPENBLAS


def test_workers_inherit_the_settings(tmp_path: Path) -> None:
    (tmp_path / "workers.py").write_text(WORKERS)
    command = [sys.executable, "workers.py", json.dumps(NAMES)]
    done = subprocess.run(
        command, cwd=tmp_path, env=bare(), capture_output=True, text=True, check=True
    )
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == second
    assert first in SETTINGS


def test_a_worker_started_by_another_program_sets_the_variables(cluster: Any) -> None:
    """Its processes are started without a number of threads."""

    def seen(_: int) -> dict[str, str | None]:
        return {name: os.environ.get(name) for name in OPENBLAS}

    with open_workers(None, cluster.address, {}) as workers:
        assert list(workers.map_ordered(seen, range(2))) == [OPENBLAS] * 2


def test_libgomp_reads_the_settings() -> None:
    """GNU's runtime prints what it took over when it is loaded, if it is told to."""
    found = find_spec("torch")
    assert found is not None
    assert found.origin is not None
    libraries = sorted((Path(found.origin).parent / "lib").glob("libgomp*"))
    if not libraries:
        pytest.skip("torch comes with another OpenMP runtime than GNU's")
    code = (
        "import ctypes; from mlcli.scale import threads as t; t.set_thread_variables();"
        f"ctypes.CDLL({str(libraries[0])!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=bare(OMP_DISPLAY_ENV="verbose"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert any(f"GOMP_SPINCOUNT = '{one['GOMP_SPINCOUNT']}'" in done.stderr for one in SETTINGS)


@pytest.mark.parametrize("name", CHOICES)
def test_a_variable_set_by_the_user_stays(name: str) -> None:
    environment = {name: "7", "OTHER": "1"}
    set_thread_variables(environment)
    rests = (OPENBLAS,) if name in OPENMP_CHOICES else (QUIET, BUSY)
    assert environment in [{name: "7", "OTHER": "1"} | rest for rest in rests]


@pytest.mark.parametrize(
    ("content", "busy"),
    [
        ("0.00 0.00 0.00 1/99 7", False),
        ("9.00 9.00 9.00 1/99 7", False),
        ("0.00 0.00 0.00 500/999 7", True),
    ],
)
def test_the_bound_of_the_spin_follows_the_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, busy: bool
) -> None:
    monkeypatch.setattr(threads, "LOAD", tmp_path / "loadavg")
    (tmp_path / "loadavg").write_text(content)
    assert is_busy() is busy
    environment: dict[str, str] = {}
    set_thread_variables(environment)
    assert environment == (BUSY if busy else QUIET) | OPENBLAS


def test_without_a_count_of_processes_the_average_load_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "LOAD", tmp_path / "missing")
    monkeypatch.setattr(os, "getloadavg", lambda: (1e6, 0.0, 0.0))
    assert is_busy()
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 9.0, 9.0))
    assert not is_busy()


def test_networks_take_no_more_threads_than_the_user_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 4)
    monkeypatch.delenv("MLCLI_THREADS", raising=False)
    # As Dask does in its workers.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads.n_threads(10**9, 8, 64) == threads.thread_counts()["networks"] == 4
    monkeypatch.setenv("MLCLI_THREADS", "2")
    assert threads.n_threads(10**9, 8, 64) == threads.thread_counts()["networks"] == 2
    monkeypatch.setenv("MLCLI_THREADS", "many")
    assert threads.n_threads(10**9, 8, 64) == 4


def test_importing_the_package_changes_no_variable() -> None:
    code = (
        "import os; before = dict(os.environ); import mlcli, mlcli.__main__, mlcli.estimators;"
        f"assert not set({NAMES!r}) & (os.environ.keys() - before.keys())"
    )
    subprocess.run([sys.executable, "-c", code], env=bare(), check=True)

"""Work on a real Dask cluster: the bytes of one process, and errors as they were raised."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.errors import ConfigError, MlcliError, NoAnswerError
from mlcli.experiments import EXPERIMENTS, about
from mlcli.run.manifest import package_versions
from mlcli.scale.workers import Processes, open_workers, parse_cluster
from tests.experiments.contract import command_of

Run = Callable[..., Any]
BARE = ("--no-plots", "--quiet")
# What has pieces to give out.
IN_PIECES = [section for section in EXPERIMENTS if not about(section).one_program]


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of a run that is hashed, and the manifest."""
    clocks = {"environment.json", "timings.json"}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in clocks
    }


@pytest.mark.parametrize("section", IN_PIECES)
def test_every_experiment_has_the_same_bytes_on_a_cluster(
    mlcli: Run, cluster: Any, section: str
) -> None:
    asked = command_of(section, *BARE)
    for name, workers in (("one", ("--jobs", "1")), ("far", ("--cluster", cluster.address))):
        done = mlcli(*asked, *workers, "--out", name)
        assert done.code == 0, done.err
        assert done.err == ""
    here, far = files_of(Path("one")), files_of(Path("far"))
    assert len(here) > 3
    assert here == far
    assert not list(Path().glob("dask*"))


def test_the_points_of_a_sweep_run_there_and_are_written_here(mlcli: Run, cluster: Any) -> None:
    asked = (
        "sweep",
        "train-mlp",
        "-S",
        "data=iris",
        "-S",
        "hidden=4",
        "-S",
        "n_seeds=2",
        "-S",
        "n_epochs=2",
        "-S",
        "optimiser=sgd",
        "-S",
        "learning_rate=0.1,1e30,0.01",
        "--quiet",
    )
    assert mlcli(*asked, "--cluster", cluster.address, "--out", "far").code == 0
    far = files_of(Path("runs")) | files_of(Path("far"))
    runs = [name for name in far if name.endswith("manifest.json")]
    assert len(runs) == 2  # and one diverged
    assert mlcli(*asked, "--jobs", "2", "--force", "--out", "far").code == 0
    assert files_of(Path("runs")) | files_of(Path("far")) == far


def test_a_cluster_of_this_machine_ends_with_the_work(mlcli: Run) -> None:
    asked = ("fit-poly", "--degrees", "1,3", "--n-seeds", "4", *BARE)
    assert mlcli(*asked, "--jobs", "2", "--out", "two").code == 0
    done = mlcli(*asked, "--cluster", "local:2", "--out", "far")
    assert (done.code, done.err) == (0, "")
    assert files_of(Path("two")) == files_of(Path("far"))
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if children.exists():
        running = [
            Path(f"/proc/{one}/cmdline").read_bytes() for one in children.read_text().split()
        ]
        assert not [line for line in running if b"spawn_main" in line]


def test_an_input_is_sent_once_and_arrives_as_it_was(cluster: Any) -> None:
    pickled = []

    class Counted:
        """Counts how often it is sent."""

        def __init__(self, X: Any) -> None:
            self.X = X

        def __reduce__(self) -> Any:
            pickled.append(1)
            return np.asarray, (self.X,)

    big = Counted(np.arange(100_000.0))
    items = [(i, big) for i in range(40)]

    def work(item: tuple[int, Any]) -> tuple[int, float, bool, int]:
        return item[0], float(item[1].sum()), item[1].flags.writeable, os.getpid()

    with open_workers(None, cluster.address, package_versions()) as workers:
        found = list(workers.map_ordered(work, items))
    assert pickled == [1]
    assert [one[0] for one in found] == list(range(40))
    assert {one[1:3] for one in found} == {(float(big.X.sum()), True)}
    assert os.getpid() not in {one[3] for one in found}


def test_pieces_have_one_thread_and_points_as_many_as_here(cluster: Any) -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    def threads(_: Any) -> int:
        return max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    with open_workers(None, cluster.address, package_versions()) as workers:
        assert set(workers.map_ordered(threads, range(3))) == {1}
        for count in (1, 3):
            with threadpool_limits(count):
                assert {n for _, n in workers.each_apart(threads, range(3))} == {count}
        assert set(workers.map_ordered(threads, range(3))) == {1}


def test_an_error_comes_back_as_it_was_and_the_cluster_can_be_used_again(cluster: Any) -> None:
    def fail(item: int) -> int:
        if item == 2:
            raise NoAnswerError(f"piece {item}", must="fine", got="trouble")
        return item

    with open_workers(None, cluster.address, package_versions()) as workers:
        seen = []
        with pytest.raises(NoAnswerError, match="piece 2 must be fine, got trouble") as caught:
            seen.extend(workers.map_ordered(fail, range(8)))
        assert "in fail" in caught.value.__notes__[0]
        assert list(workers.map_ordered(str, range(3))) == ["0", "1", "2"]
        assert list(workers.map_ordered(str, [])) == []
        assert list(workers.each_apart(str, [])) == []
        assert dict(workers.each_apart(str, [7, 8, 9])) == {0: "7", 1: "8", 2: "9"}


def test_more_workers_than_pieces_and_pieces_that_are_tuples(cluster: Any) -> None:
    items = [("mlp", 0), ("mlp", 1), ("cnn", 0)]
    with open_workers(None, cluster.address, package_versions()) as workers:
        assert list(workers.map_ordered(str, items)) == list(map(str, items))
    assert list(Processes(64).map_ordered(str, items)) == list(map(str, items))


def test_other_versions_are_refused_by_name(cluster: Any) -> None:
    other = package_versions() | {"numpy": "1.0"}
    with (
        open_workers(None, cluster.address, other) as workers,
        pytest.raises(MlcliError, match=r"has numpy \S+, and this process 1.0; try the same"),
    ):
        list(workers.map_ordered(str, range(3)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "local",
        "local:0",
        "local:-1",
        "local:x",
        "tcp://host",
        "host:8786",
        "tcp://host:0",
        "tcp://host:99999",
        "http://host:8786",
        "tcp://a b:1",
        "tcp://host:8786/x",
    ],
)
def test_an_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--cluster must be tcp://HOST:PORT or local:N"):
        parse_cluster(text)


def test_addresses_are_parsed() -> None:
    assert parse_cluster("local:12") == 12
    for text in ("tcp://127.0.0.1:8786", "tcp://node-3.cluster.org:1", "tcp://[::1]:8786"):
        assert parse_cluster(text) == text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("kfold --cluster nowhere", "--cluster must be tcp://HOST:PORT or local:N"),
        ("kfold --cluster local:2 --jobs 2", "--jobs and --cluster can't be given together"),
        ("train-mlp --data iris --cluster local:2", "all networks of train-mlp train side by side"),
        ("lr-find --data iris --cluster local:2", "all networks of lr-find train side by side"),
        ("sweep kfold -S degrees=1 --cluster x", "--cluster must be tcp://HOST:PORT or local:N"),
        (
            "sweep filters -S picture_file=p.png --metric a --best largest --cluster local:2",
            "--cluster can't be used with picture_file, a file that is read while a point runs",
        ),
    ],
)
def test_work_that_a_cluster_cannot_do_is_refused_at_once(
    mlcli: Run, arguments: str, sentence: str
) -> None:
    from PIL import Image

    Image.new("L", (40, 40)).save("p.png")
    done = mlcli(*arguments.split())
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert sentence in done.err
    assert not Path("runs").exists()


def test_without_dask_the_error_says_how_to_install_it(mlcli: Run, monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    done = mlcli("kfold", "--n-seeds", "2", "--cluster", "local:2")
    assert done.code == 2
    assert done.err == (
        "mlcli: --cluster needs Dask, which is not installed; try pip install 'mlcli[dask]'\n"
    )

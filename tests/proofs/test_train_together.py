"""Data-parallel training as it is called: `torchrun --nproc-per-node 2 -m mlcli train-...`."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from mlcli.experiments import EXPERIMENTS, about, load
from mlcli.experiments.experiment import Experiment
from mlcli.run.checkpoint import FileCheckpoint

Run = Callable[..., Any]
TOLERANCE = 1e-5
CNN = (
    "train-cnn",
    "--data",
    "digits",
    "--layers",
    "conv 4 3x3,batch-norm,relu,flatten",
    "--n-epochs",
    "3",
    "--n-seeds",
    "2",
    "--patience",
    "2",
    "--augment-shift",
    "1",
    "--no-plots",
)
# Long enough to be killed in the middle by a test that looks every few hundredths of a second.
MLP = (
    "train-mlp",
    "--data",
    "digits",
    "--hidden",
    "8",
    "--n-epochs",
    "300",
    "--n-seeds",
    "2",
    "--batch-size",
    "256",
    "--average-decay",
    "0.9",
    "--clip-norm",
    "1",
    "--dropout",
    "0.1",
    "--no-plots",
)


def start(arguments: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            "-m",
            "mlcli",
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
        # A shell lets what it runs in the background ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def process_of(launcher: int, rank: int) -> int:
    """The process of a rank among those that a launcher has started."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == str(launcher) and f"RANK={rank}".encode() in variables:
            return int(folder.name)
    raise AssertionError(f"{launcher} has no process {rank}")


def checkpoint_below(folder: Path) -> FileCheckpoint:
    (path,) = folder.glob("runs/*/.*.checkpoint.npz")
    return FileCheckpoint(path)


def started(job: subprocess.Popen[str]) -> None:
    """Wait until the training has kept a state."""
    deadline = time.monotonic() + 240
    while not list(Path().glob("runs/*/.*.checkpoint.npz")):
        assert job.poll() is None, job.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_same_training(one: Path, other: Path, tolerance: float = TOLERANCE) -> None:
    """Curves and weights agree to a share of the largest number of their kind."""
    tables = []
    for folder in (one, other):
        with (folder / "tables/curves.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.pop("variant")]
        names = [name for name in rows[0] if not name.endswith(("_low", "_high"))]
        tables.append(np.array([[float(row[k] or 0) for k in names] for row in rows]))
    assert tables[0].shape == tables[1].shape
    assert (abs(tables[0] - tables[1]) <= tolerance * abs(tables[0]).max(axis=0)).all()
    for name in ("best", "last"):
        mine, others = (load_file(folder / f"model/{name}.safetensors") for folder in (one, other))
        for key, array in mine.items():
            assert abs(others[key] - array).max() <= tolerance * abs(array).max(), (name, key)


def test_two_processes_finish_what_one_began(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mlcli(*CNN, "--out", "alone").code == 0

    from mlcli.experiments.networks import fitting

    def interrupt(callback: Any, number: int, epoch: int, note: str) -> None:
        if (number, epoch) == (0, 2):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "COPY_SECONDS", 0.0)
        patch.setattr(fitting.CheckpointCallback, "show", interrupt)
        assert mlcli(*CNN, "--out", "together").code == 130
    assert int((checkpoint_below(empty_folder).load() or {})["0/epoch"]) == 2

    job = start([*CNN, "--out", "together", "--json"])
    out, err = job.communicate(timeout=240)
    assert job.returncode == 0, err
    assert "going on from where an interrupted run" in err
    assert mlcli("verify", "together", "--hashes-only").code == 0
    # One process alone writes and speaks.
    assert out == Path("together/details.json").read_text()
    assert not list(empty_folder.glob("runs/*/.*"))
    names = [
        {p.relative_to(f).as_posix() for p in Path(f).rglob("*")} for f in ("alone", "together")
    ]
    assert names[0] == names[1]
    manifests = [json.loads(Path(f, "manifest.json").read_text()) for f in ("alone", "together")]
    assert "processes" not in manifests[0]
    assert manifests[1]["processes"] == 2
    # Last digits differ, so it is another question.
    assert manifests[0]["run"] != manifests[1]["run"]
    assert_same_training(Path("alone"), Path("together"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_one_process_finishes_what_two_began_when_one_of_them_is_killed(
    mlcli: Run, empty_folder: Path
) -> None:
    job = start(MLP)
    started(job)
    os.kill(process_of(job.pid, 1), signal.SIGKILL)
    _, err = job.communicate(timeout=60)
    assert job.returncode == 1
    (said,) = [line for line in err.splitlines() if line.startswith("mlcli: ")]
    assert said.startswith(
        "mlcli: process 1 of 2 died or does not answer any more; the same command goes on after "
        "epoch "
    )
    assert said.endswith(" of 300")
    assert not list(empty_folder.rglob("details.json"))
    done = int((checkpoint_below(empty_folder).load() or {})["0/epoch"])
    assert 0 < done < 300

    resumed = mlcli(*MLP, "--out", "resumed")
    assert resumed.code == 0
    assert "going on from where an interrupted run" in resumed.err
    assert mlcli(*MLP, "--out", "alone").code == 0
    assert_same_training(Path("alone"), Path("resumed"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_what_ends_the_whole_launch_leaves_a_state_to_go_on_from(
    mlcli: Run, empty_folder: Path
) -> None:
    reached = 0
    for how in ("Ctrl-C", "SIGTERM", "rank 0 killed"):
        # `start` finds the state that the one before left, so wait for one that goes further.
        job = start(MLP)
        deadline = time.monotonic() + 240
        while not (empty_folder / "runs").is_dir() or epochs_done(empty_folder) <= reached:
            assert job.poll() is None, job.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if how == "rank 0 killed":
            os.kill(process_of(job.pid, 0), signal.SIGKILL)
        elif how == "SIGTERM":
            os.kill(job.pid, signal.SIGTERM)
        else:
            # As a terminal does it: every process of the group hears it.
            os.killpg(job.pid, signal.SIGINT)
        _, err = job.communicate(timeout=60)
        assert job.returncode != 0
        said, *more = [line for line in err.splitlines() if line.startswith("mlcli: ")]
        assert not more, (how, [said, *more])
        if how == "rank 0 killed":
            assert said.startswith("mlcli: process 0 of 2 died or does not answer any more; the ")
        else:
            assert said.startswith("mlcli: interrupted; the same command goes on after epoch ")
        assert not list(empty_folder.rglob("details.json"))
        assert not list(empty_folder.rglob("*.partial*"))
        reached = epochs_done(empty_folder)
        assert 0 < reached < 300
    resumed = mlcli(*MLP, "--out", "resumed")
    assert resumed.code == 0
    assert "going on from where an interrupted run" in resumed.err
    assert mlcli(*MLP, "--out", "alone").code == 0
    # Hundreds of epochs together, with dropout, carry the last digits of float32 further, and
    # can make another epoch the best.
    assert_same_training(Path("alone"), Path("resumed"), 1e-2)


def epochs_done(folder: Path) -> int:
    """Of the state that is kept; 0 where there is none yet."""
    if not list(folder.glob("runs/*/.*.checkpoint.npz")):
        return 0
    return int((checkpoint_below(folder).load() or {"0/epoch": 0})["0/epoch"])


def launch(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


WHOLE = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (WHOLE | {"MASTER_ADDR": ""}, "MASTER_ADDR of process 0 of 2 must be the address of"),
        (WHOLE | {"MASTER_PORT": "http"}, "MASTER_PORT must be a whole number from 0 to 65535"),
        (WHOLE | {"RANK": "2"}, "RANK must be a whole number from 0 to 1, got '2'"),
        (WHOLE | {"RANK": ""}, "RANK must be a whole number from 0 to 1, got nothing"),
        (WHOLE | {"WORLD_SIZE": "two"}, "WORLD_SIZE must be a whole number from 1, got 'two'"),
        (WHOLE | {"LOCAL_WORLD_SIZE": "1", "LOCAL_RANK": "1"}, "LOCAL_RANK must be a whole"),
    ],
)
def test_a_launch_that_is_not_whole_is_one_sentence(
    mlcli: Run, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    launch(monkeypatch, **variables)
    done = mlcli("train-mlp")
    assert done.code == 2
    assert sentence in done.err
    assert done.err.count("\n") == 1


def test_what_works_in_one_process_says_so_once(
    mlcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch(monkeypatch, **WHOLE)
    done = mlcli("fit-poly")
    assert done.code == 2
    assert done.err == (
        "mlcli: under torchrun with 2 processes, the command must be train-mlp or train-cnn, got "
        "fit-poly; try mlcli fit-poly without torchrun\n"
    )
    launch(monkeypatch, **WHOLE | {"RANK": "1"})
    done = mlcli("fit-poly")
    assert (done.code, done.out + done.err) == (2, "")
    launch(monkeypatch, WORLD_SIZE="1", RANK="0")
    assert mlcli("data", "list").out


def test_the_commands_that_work_together_are_those_that_can_follow() -> None:
    for section in EXPERIMENTS:
        follows = type(load(section)).follow is not Experiment.follow
        assert about(section).torchrun == follows

"""`--progress json`: every line on stderr is an object, and no byte of the run changes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli import console
from mlcli.result import Reading

Run = Callable[..., Any]
Lines = list[dict[str, Any]]
KEYS = {
    "stage",
    "run",
    "done",
    "total",
    "note",
    "seed",
    "epoch",
    "step",
    "loss",
    "rate",
    "samples_per_second",
    "seconds",
    "seconds_left",
}
# Two groups, since networks of one shape train together.
MLP = ("train-mlp", "--data", "iris", "--hidden", "4,8", "--n-epochs", "3", "--n-seeds", "2")
FIT = ("fit-poly", "--degrees", "1,3", "--n-seeds", "6", "--path-penalty", "none")
JSON = ("--no-plots", "--quiet", "--progress", "json")


def lines_of(text: str) -> Lines:
    """The lines of stderr, each an object; those of progress have all keys."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(set(line) == KEYS for line in found if "done" in line)
    return found


def assert_rising(lines: Lines) -> None:
    """One run's lines: it goes on, and ends when all is done."""
    for key in ("done", "seconds"):
        values = [line[key] for line in lines]
        assert values == sorted(values)
    assert len({line["total"] for line in lines}) == 1
    assert lines[-1]["done"] == lines[-1]["total"]
    assert lines[0]["seconds_left"] is None or lines[0]["done"] == lines[0]["total"]
    assert all(line["seconds_left"] >= 0 for line in lines[1:])
    assert lines[-1]["seconds_left"] == 0


def hashed(folder: str) -> dict[str, bytes]:
    """The files of a run that its result decides."""
    names = ("environment.json", "timings.json")
    files = [path for path in Path(folder).rglob("*") if path.is_file() and path.name not in names]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_training_tells_epoch_step_loss_and_rate_and_keeps_its_bytes(mlcli: Run) -> None:
    plain = mlcli(*MLP, "--no-plots", "--quiet", "--out", "plain", "--json")
    done = mlcli(*MLP, *JSON, "--out", "told", "--json")
    assert done.code == 0, done.err
    assert plain.err == ""
    assert done.out == plain.out
    assert hashed("told") == hashed("plain")
    lines = lines_of(done.err)
    assert_rising(lines)
    assert {line["stage"] for line in lines} == {"train_mlp"}
    assert [line["epoch"] for line in lines] == [1, 2, 3] * 2
    assert [line["done"] for line in lines] == [1, 2, 3, 4, 5, 6]
    steps = [line["step"] for line in lines]
    assert steps[:3] == steps[3:] == sorted(set(steps))
    assert all(line["loss"] > 0 and line["rate"] > 0 for line in lines)
    assert all(line["seed"] is None for line in lines)


def test_seeds_are_told_in_their_order_whatever_the_jobs(mlcli: Run) -> None:
    for jobs in ("1", "2"):
        done = mlcli(*FIT, *JSON, "--jobs", jobs, "--force")
        assert done.code == 0, done.err
        lines = lines_of(done.err)
        assert_rising(lines)
        assert [line["seed"] for line in lines] == [0, 1, 2, 3, 4, 5]


def test_a_sweep_tells_of_itself_and_of_its_points(mlcli: Run) -> None:
    axes = ("-S", "data=iris", "-S", "n_epochs=2", "-S", "hidden=4", "-S", "seed=0,1,2")
    done = mlcli("sweep", "train-mlp", *axes, "--jobs", "2", "--progress", "json")
    assert done.code == 0, done.err
    runs: dict[str, Lines] = defaultdict(list)
    *lines, last = lines_of(done.err)
    assert last["message"].startswith("written to runs/sweep/")
    for line in lines:
        runs[line["run"]].append(line)
    own = runs.pop(last["message"].rsplit("/", 1)[-1])
    assert_rising(own)
    assert [(line["stage"], line["done"]) for line in own] == [("sweep", n) for n in range(4)]
    assert {path.name for path in Path("runs/train-mlp").iterdir()} == set(runs)
    for found in runs.values():
        assert_rising(found)
        assert [line["epoch"] for line in found] == [1, 2]
    # What is there already is done at once.
    again = mlcli("sweep", "train-mlp", *axes, "--progress", "json", "--quiet")
    assert [line["done"] for line in lines_of(again.err)] == [3]


def test_the_networks_of_a_baseline_are_a_part_of_the_whole(mlcli: Run, empty_folder: Path) -> None:
    rows = "".join(f"{i * 7 % 11},{i * 3 % 5},{i % 13}\n" for i in range(40))
    Path("a.csv").write_text("a,b,t\n" + rows)
    few = ("--n-folds", "2", "--n-seeds", "1", "--n-epochs", "4")
    done = mlcli("baseline", "a.csv", "--target", "t", *few, *JSON)
    assert done.code == 0, done.err
    lines = lines_of(done.err)
    assert_rising(lines)
    assert [line["epoch"] for line in lines if line["epoch"]] == [1, 2, 3, 4]


def test_messages_and_errors_are_objects_too_and_text_in_the_next_command(mlcli: Run) -> None:
    wrong = mlcli(*FIT, "--degrees", "x", "--progress", "json")
    assert wrong.code == 2
    (line,) = lines_of(wrong.err)
    assert "must be integers" in line["error"]
    assert mlcli("check", "nowhere").err.startswith("mlcli: ")
    done = mlcli(*FIT, "--no-plots", "--progress", "json", "--out", "a\u00e4")
    *_, written, after = lines_of(done.err)
    assert written == {"message": "written to a\u00e4"}
    assert after["message"].startswith("try next: mlcli ")
    assert done.err.isascii()
    other = mlcli(*FIT, "--progress", "xml")
    assert (other.code, other.out) == (2, "")
    assert "one of auto, json" in other.err


def test_an_unfinished_number_is_null_and_a_second_pass_starts_a_new_estimate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 10.0, 12.0, 20.0, 21.0, 22.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    progress = console.JsonProgress("train_mlp", "abc")
    # An interrupted training goes on in the middle: 2 s for one of four epochs.
    progress(6, 10, reading=Reading(loss=float("nan"), rate=float("inf")))
    progress(7, 10)
    for done in (1, 2, 10):
        progress(done, 10)
    lines = lines_of(capsys.readouterr().err)
    assert [line["seconds_left"] for line in lines] == [None, 6.0, None, 8.0, 0.0]
    assert lines[0]["loss"] is lines[0]["rate"] is None


def start(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mlcli", *arguments, *JSON]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **more)


def test_a_reader_that_goes_away_does_not_end_the_run(empty_folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "mlcli", *FIT, *JSON, "--out", "a", "--json"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, check=False)
    finally:
        os.close(writer)
    assert done.returncode == 0
    assert done.stdout == Path("a/details.json").read_bytes()


def test_an_interrupt_ends_with_an_object(empty_folder: Path) -> None:
    with start(*MLP, "--n-epochs", "100000") as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    *lines, last = lines_of(first + rest)
    assert lines
    assert last["error"].startswith("interrupted; ")


def test_the_bar_has_what_is_known_in_a_few_words() -> None:
    everything = Reading(epoch=3, loss=0.312345, rate=0.0213, samples_per_second=12345.6)
    assert everything.text == "loss 0.3123, rate 0.021, 12,346 samples/s"
    assert Reading(seed=3).text == ""
    assert Reading(loss=0.0, rate=0.0).text == "loss 0, rate 0"

"""`mlcli sweep`: real points, resumed, in any number of processes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlcli.sweeps.search import DIED

Run = Callable[..., Any]
MLCLI = [sys.executable, "-m", "mlcli"]
FIT = ("sweep", "fit-poly", "-S", "path_penalty=none", "-S", "n_seeds=3", "-S", "n_samples=40")
IRIS = (
    "sweep",
    "train-mlp",
    "-S",
    "data=iris",
    "-S",
    "init=he",
    "-S",
    "hidden=4",
    "-S",
    "n_seeds=2",
    "-S",
    "n_epochs=2",
)


def own_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command by itself, as a shell runs it: its points start from an unused torch."""
    return subprocess.run([*MLCLI, *arguments], capture_output=True, text=True, check=False)


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_grid_is_run_ranked_and_written(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(*FIT, "-S", "degrees=1,3,9", "--out", "s", "--json")
    assert done.code == 0, done.err
    rows = table(empty_folder / "s")
    assert [row["degrees"] for row in rows] == ["1", "3", "9"]
    assert [row["metric"] for row in rows] == [f"degree_{d}.test_mse" for d in (1, 3, 9)]
    best = min(rows, key=lambda row: float(row["mean"]))
    found = done.json
    assert found == json.loads((empty_folder / "s/metrics.json").read_text())
    assert found["best"]["run"] == best["run"]
    assert found["best"]["settings"]["degrees"] == best["degrees"]
    assert (found["n_points"], found["n_done"], found["n_without_answer"]) == (3, 3, 0)
    curse = found["winners_curse"]
    assert 0 <= curse["bias"] <= curse["bias_if_all_equal"]
    # The same run by hand is this very one.
    by_hand = mlcli(
        "fit-poly",
        "--path-penalty",
        "none",
        "--n-seeds",
        "3",
        "--n-samples",
        "40",
        "--degrees",
        best["degrees"],
        "--no-plots",
    )
    assert by_hand.err.startswith("already done: runs/fit-poly/" + best["run"])


def test_degrees_are_swept_beside_a_path(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(
        "sweep",
        "fit-poly",
        "-S",
        "degrees=1,2",
        "-S",
        "n_seeds=2",
        "-S",
        "n_samples=40",
        "--out",
        "s",
        "--json",
    )
    assert done.code == 0, done.err
    rows = table(empty_folder / "s")
    assert [row["metric"] for row in rows] == ["degree_1.test_mse", "degree_2.test_mse"]
    for row in rows:
        metrics = json.loads(Path("runs/fit-poly", row["run"], "details.json").read_text())
        assert "path" in metrics
        assert float(row["mean"]) == metrics[f"degree_{row['degrees']}"]["test_mse"]["mean"]


def test_jobs_change_no_byte_and_no_order(mlcli: Run, empty_folder: Path) -> None:
    axes = ("-S", "degrees=5,1,3", "-S", "noise_std=1,2", "--quiet")
    assert mlcli(*FIT, *axes, "--out", "one", "--jobs", "1").code == 0
    runs = {path.parent.name: path.read_bytes() for path in Path("runs").rglob("manifest.json")}
    assert mlcli(*FIT, *axes, "--out", "two", "--jobs", "2", "--force").code == 0
    assert content(empty_folder / "one") == content(empty_folder / "two")
    for name, manifest in runs.items():
        assert (empty_folder / "runs/fit-poly" / name / "manifest.json").read_bytes() == manifest


def test_a_larger_sweep_takes_in_a_smaller(mlcli: Run) -> None:
    mlcli(*FIT, "-S", "degrees=1,3", "--quiet")
    done = mlcli(*FIT, "-S", "degrees=1,3,5")
    assert done.err.startswith("fit-poly: 2 of 3 points done\nfit-poly: 3 of 3 points done\n")


def test_a_network_is_chosen_on_validation_rows(empty_folder: Path) -> None:
    axes = ("-S", "learning_rate=0.01,0.3,1e30", "-S", "optimiser=sgd", "--out", "s", "--confirm")
    done = own_process(*IRIS, *axes, "--json")
    assert done.returncode == 0, done.stderr
    *_, bad = table(empty_folder / "s")
    assert bad["outcome"] == "no answer"
    assert "must be finite" in bad["reason"]
    found = json.loads(done.stdout)
    assert (found["metric"], found["measured_on"]) == ("validation_accuracy", "validation")
    assert (found["n_done"], found["n_without_answer"]) == (2, 1)
    assert "test_accuracy" in found["best"]["test"]
    again = found["confirmed"]
    assert again["seed"] == 1
    assert again["run"] not in {row["run"] for row in table(empty_folder / "s")}
    assert again["validation_accuracy"]["n"] == 2


def test_points_without_validation_rows_are_ranked_by_what_all_have(empty_folder: Path) -> None:
    done = own_process(*IRIS, "-S", "validation_fraction=0,0.2", "--out", "s")
    assert done.returncode == 0, done.stderr
    assert {row["metric"] for row in table(empty_folder / "s")} == {"test_accuracy"}
    assert "It was chosen by its test score, for want of another" in done.stdout


def test_a_point_that_diverges_is_a_row(mlcli: Run, empty_folder: Path) -> None:
    axes = ("sweep", "descent", "-S", "n_seeds=2", "-S", "n_noise=20", "-S", "n_steps=20")
    swept = (*axes, "-S", "learning_rate=0.1,1e6", "--out", "s")
    done = mlcli(*swept)
    assert done.code == 0, done.err
    good, bad = table(empty_folder / "s")
    assert (good["outcome"], good["reason"]) == ("done", "")
    assert (bad["outcome"], bad["mean"]) == ("no answer", "")
    assert "descent diverged" in bad["reason"]
    assert "1 of 2 points done, 1 without an answer" in done.err
    assert "descent diverged" in done.out
    # What has no answer is not asked again.
    before = content(empty_folder / "s")
    again = mlcli(*swept)
    assert again.err.splitlines() == done.err.splitlines()[-2:]
    assert content(empty_folder / "s") == before
    none = mlcli(*axes, "-S", "learning_rate=1e6")
    assert none.code == 4
    assert "none of 1 points has a number" in none.err


def test_points_that_all_fail_are_a_failure_at_run_time(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(work: Any, tasks: list[Any], jobs: int) -> Iterator[tuple[int, None]]:
        yield from ((place, None) for place in range(len(tasks)))

    monkeypatch.setattr("mlcli.scale.workers.each_apart", killed)
    done = mlcli(*FIT, "-S", "degrees=1,3", "--out", "s")
    assert done.code == 1
    assert "fit-poly: 0 of 2 points done, 2 failed" in done.err
    assert "none of 2 points is done, and 2 failed: " in done.err.splitlines()[-1]
    assert {row["outcome"] for row in table(empty_folder / "s")} == {"failed"}


def test_one_point_that_failed_is_a_failure_beside_a_best(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mlcli(*FIT, "-S", "degrees=1", "--out", "first").code == 0

    def killed(work: Any, tasks: list[Any], jobs: int) -> Iterator[tuple[int, None]]:
        yield from ((place, None) for place in range(len(tasks)))

    with monkeypatch.context() as patch:
        patch.setattr("mlcli.scale.workers.each_apart", killed)
        done = mlcli(*FIT, "-S", "degrees=1,3", "--out", "s", "--json")
    assert done.code == 1
    assert done.json["n_done"] == 1
    assert done.err.splitlines()[-1] == (
        f"mlcli: 1 of 2 points failed: {DIED}; try the same command, which runs those again"
    )
    assert mlcli(*FIT, "-S", "degrees=1,3", "--out", "s").code == 0


def test_the_best_by_a_test_score_is_said_to_be(mlcli: Run) -> None:
    done = mlcli(*FIT, "-S", "degrees=1,3", "--confirm")
    assert "It was chosen by its test score, for want of another" in done.out
    assert "The winner's curse: the best of 2 was lucky too" in done.out
    assert "Again with seed 1: degree_" in done.out


def test_ctrl_c_is_130_and_the_same_command_goes_on(empty_folder: Path) -> None:
    command = [
        *MLCLI,
        "sweep",
        "fit-poly",
        "-S",
        "degrees=1,2,3,4,5,6",
        "-S",
        "n_seeds=400",
        "-S",
        "path_penalty=none",
        "--jobs",
        "2",
        "--out",
        "s",
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    swept = empty_folder / "s/sweep.csv"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (swept.exists() and ",done," in swept.read_text()):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "points; the same command goes on" in err.splitlines()[-1]
    assert not list(empty_folder.rglob("*.partial"))
    n_done = len(list(empty_folder.glob("runs/fit-poly/[!.]*/manifest.json")))
    assert 1 <= n_done < 6
    assert {row["outcome"] for row in table(swept.parent)} == {"done", "waiting"}
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stderr.startswith(f"fit-poly: {n_done} of 6 points done")
    assert {row["outcome"] for row in table(empty_folder / "s")} == {"done"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sweep", "fit-polly", "-S", "a=1"], "unknown experiment 'fit-polly'; try fit-poly"),
        (["sweep", "fit-poly", "-S", "degres=1"], "unknown key 'degres'; try degrees"),
        (["sweep", "fit-poly", "-S", "degrees=1", "-S", "degrees=2"], "degrees is given twice"),
        (["sweep", "fit-poly", "-S", "n_seeds=0,1"], "n_seeds must be an integer at least 1"),
        (["sweep", "fit-poly", "-S", "l1=log(1e-3,1)"], "is an interval"),
        (["sweep", "propagate", "-S", "seed=1,2"], "propagate has no one number"),
        (["sweep", "fit-poly", "-S", "seed=1", "--metric", "x"], "which end is better"),
        (["sweep", "data", "-S", "seed=1"], "unknown experiment 'data'"),
    ],
    ids=str,
)
def test_faults_are_found_before_anything_runs(
    mlcli: Run, empty_folder: Path, arguments: list[str], sentence: str
) -> None:
    done = mlcli(*arguments)
    assert done.code == 2
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1
    assert list(empty_folder.iterdir()) == []


def test_a_metric_that_is_not_there_stops_after_the_first_point(mlcli: Run) -> None:
    done = mlcli(*FIT, "-S", "degrees=1,3", "--metric", "tset_mse", "--quiet")
    assert done.code == 2
    assert "no metric of the runs is tset_mse; try --metric memorised.test_mse" in done.err
    assert len(list(Path("runs/fit-poly").iterdir())) == 1
    several = mlcli(*FIT, "-S", "degrees=[1,3],5", "--quiet")
    assert several.code == 2
    assert "test_mse is there" in several.err


def test_a_dry_run_lists_the_points(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(*FIT, "-S", "degrees=1,3", "--dry-run")
    assert done.code == 0
    assert "2 points; nothing was run or written" in done.out
    assert list(empty_folder.iterdir()) == []


def test_points_that_ask_the_same_are_one(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli(*FIT, "-S", "degrees=3", "-S", "noise_std=1,1.0,1e0", "--out", "s").code == 0
    assert len(table(empty_folder / "s")) == 1


def test_a_folder_of_something_else_is_left_alone(mlcli: Run, empty_folder: Path) -> None:
    one = ("--degrees", "1", "--n-seeds", "2", "--path-penalty", "none", "--no-plots")
    assert mlcli("fit-poly", *one, "--out", "r").code == 0
    before = content(empty_folder / "r")
    (empty_folder / "file").write_text("mine")
    (empty_folder / "scores").mkdir()
    (empty_folder / "scores/metrics.json").write_text("{}")
    for out, got in (
        ("r", "got r with details.json in it"),
        ("file", "--out must be a folder, got the file file"),
        ("file/below", "--out must be a folder, got the file file"),
        ("scores", "got scores with metrics.json in it"),
    ):
        for more in ((), ("--dry-run",)):
            done = mlcli(*FIT, "-S", "degrees=1", "--out", out, *more)
            assert done.code == 2
            assert got in done.err
            assert len(done.err.splitlines()) == 1
    assert content(empty_folder / "r") == before
    assert not Path("runs").exists()

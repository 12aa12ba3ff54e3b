"""The command line as scripts see it: streams, exit codes, interrupts, pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
MLCLI = [sys.executable, "-m", "mlcli"]


def hear_ctrl_c() -> None:
    """In a child: where the tests run in the background, SIGINT is ignored from the start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_is_130_in_one_sentence_and_leaves_nothing(empty_folder: Path) -> None:
    process = subprocess.Popen(
        [*MLCLI, "fit-poly", "--n-seeds", "5000", "--no-plots", "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    time.sleep(2.5)
    os.killpg(process.pid, signal.SIGINT)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 130
    assert out == ""
    assert err.strip() == "mlcli: interrupted; no file was left half written"
    assert not list(empty_folder.rglob("*.partial"))


def test_sigterm_unwinds_like_ctrl_c(empty_folder: Path) -> None:
    process = subprocess.Popen(
        [*MLCLI, "fit-poly", "--n-seeds", "5000", "--no-plots", "--jobs", "1"],
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(2)
    process.terminate()
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("schema", 0, ""),
        ("notes", 0, ""),
        ("notes --json", 0, ""),
        ("--help", 0, ""),
        ("sweep --help", 0, ""),
        ("", 2, ""),
        ("check one --assert 'x<=1'", 0, ""),
        ("check one --assert 'x<=0.1'", 3, "mlcli: 1 of 1 gates failed: x<=0.1: fails at 0.5"),
        ("check one --assert 'x<=0.1' --json", 3, "mlcli: 1 of 1 gates failed: x<=0.1: fails"),
        ("check none", 2, "mlcli: "),
    ],
)
def test_a_reader_that_goes_away_is_no_failure(
    mlcli: Run, empty_folder: Path, command: str, code: int, sentence: str
) -> None:
    assert (
        mlcli(
            "fit-poly",
            "--degrees",
            "1",
            "--n-seeds",
            "1",
            "--out",
            "one",
            "--no-plots",
            "--path-penalty",
            "none",
        ).code
        == 0
    )
    (empty_folder / "one/details.json").write_text('{"x": 0.5}')
    program = " ".join(MLCLI)
    for reader in (f"{program} {command} | true", f"{program} {command} 2>&1 | true"):
        done = subprocess.run(
            f"{reader}; echo ${{PIPESTATUS[0]}}",
            shell=True,
            executable="/bin/bash",
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"{code}\n", done.stderr
        assert len(done.stderr.splitlines()) == bool(sentence and "2>&1" not in reader)
        assert "2>&1" in reader or done.stderr.startswith(sentence)


def test_no_colour_and_no_bar_off_a_terminal(mlcli: Run) -> None:
    done = mlcli("fit-poly", "--degrees", "1", "--n-seeds", "2", "--no-plots")
    assert "\x1b" not in done.out + done.err
    assert done.err.startswith("written to ")


def test_quiet_is_quiet(mlcli: Run) -> None:
    assert mlcli("fit-poly", "--degrees", "1", "--n-seeds", "1", "--no-plots", "--quiet").err == ""


def test_a_bug_is_one_line_that_says_how_to_report_it(
    mlcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr("mlcli.run.execute.resolve", broken)
    done = mlcli("fit-poly")
    assert done.code == 1
    assert "this is a bug: RuntimeError: first line; please report it" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "out of memory"),
        (OSError(28, "No space left on device"), "the disk is full"),
        (OSError(5, "Input/output error", "there.csv"), "there.csv: Input/output error"),
    ],
)
def test_the_machine_s_own_failures(
    mlcli: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("mlcli.run.execute.resolve", broken)
    done = mlcli("fit-poly")
    assert done.code == 1
    assert sentence in done.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fit-polly"], "try fit-poly"),
        (["fit-poly", "--jobs", "0"], "jobs"),
        (["fit-poly", "stray"], "stray"),
        (["data", "info", "noisy-cubik"], "noisy-cubic"),
        (["data", "make", "--names", "diabetes"], "must be a synthetic set"),
        (["report", "nowhere"], "nowhere is not a folder"),
        (["export", "x"], "missing option --to: one of onnx, safetensors, sklearn"),
        (["init"], "missing argument DIR: a new or an empty folder"),
        (["init", "new", "--task", "regression"], "--task goes with --data"),
        (["validate", "nowhere.yaml"], "nowhere.yaml does not exist"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_2_in_one_sentence(
    mlcli: Run, arguments: list[str], sentence: str
) -> None:
    done = mlcli(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert sentence in done.err.replace("'", "")
    assert len(done.err.splitlines()) == 1


def test_validate_finds_what_dvc_tracks_and_params_lack(mlcli: Run, empty_folder: Path) -> None:
    (empty_folder / "params.yaml").write_text("fit_poly:\n  seed: 1\n")
    dvc = "stages:\n  s:\n    cmd: x\n    params:\n      - fit_poly.sed\n"
    (empty_folder / "dvc.yaml").write_text(dvc)
    done = mlcli("validate")
    assert done.code == 2
    assert "dvc.yaml:4:5" in done.err
    assert "try fit_poly.seed" in done.err
    (empty_folder / "dvc.yaml").write_text(dvc.replace("sed", "seed"))
    assert mlcli("validate").out == "params.yaml and dvc.yaml: no faults\n"


def test_runs_and_doctor_speak_json(mlcli: Run) -> None:
    assert mlcli("runs").out == "no runs under runs\n"
    mlcli("fit-poly", "--degrees", "2", "--n-seeds", "2", "--no-plots", "--quiet")
    (run,) = mlcli("runs", "--json").json
    assert run["command"] == "fit-poly"
    assert run["settings"] == {"degrees": [2], "n_seeds": 2}
    assert run["data"] == "noisy-cubic"
    found = mlcli("doctor", "--json").json
    assert found["missing"] == []
    assert found["versions"]["numpy"]
    assert found["blas"]


def test_the_data_commands(mlcli: Run) -> None:
    names = {one["name"] for one in mlcli("data", "list", "--json").json}
    assert {"noisy-cubic", "sine", "diabetes", "iris", "wine", "digits", "mnist"} <= names
    assert "1.95" in mlcli("data", "info", "noisy-cubic").out


def test_a_manifest_says_where_each_value_came_from(mlcli: Run, empty_folder: Path) -> None:
    (empty_folder / "params.yaml").write_text("fit_poly:\n  n_seeds: 2\n")
    done = mlcli(
        "fit-poly", "-S", "fit_poly.degrees=[1]", "--seed", "3", "--no-plots", "--out", "o"
    )
    assert done.code == 0, done.err
    manifest = json.loads((empty_folder / "o" / "manifest.json").read_text())
    sources = {k: v["source"] for k, v in manifest["config"].items()}
    assert (sources["n_seeds"], sources["degrees"]) == ("file", "set")
    assert (sources["seed"], sources["l1"]) == ("flag", "default")
    assert str(empty_folder) not in json.dumps(manifest)


@pytest.mark.parametrize("arguments", [(), ("data",)])
def test_no_command_shows_the_help_and_is_exit_2(mlcli: Run, arguments: tuple[str, ...]) -> None:
    done = mlcli(*arguments)
    assert done.code == 2
    assert "Usage: mlcli" in done.out + done.err
    assert "bug" not in done.err


def test_a_file_that_is_asked_for_as_a_named_set(mlcli: Run, empty_folder: Path) -> None:
    Path("my wine.csv").write_text("x,t\n1,2\n")
    done = mlcli("data", "info", "my wine.csv")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "mlcli: 'my wine.csv' is a file, no named data set; "
        "try `mlcli data describe 'my wine.csv'`\n"
    )
    Path("parts").mkdir()
    assert "'parts' is a folder, no named data set" in mlcli("data", "info", "parts").err
    # A set's name stays one, whatever lies in the folder.
    Path("wine").mkdir()
    assert mlcli("data", "info", "wine").code == 0


def test_an_interrupt_in_a_finaliser_is_not_lost(tmp_path: Path) -> None:
    code = """
import os, signal, time
from mlcli.__main__ import keep_interrupts

class Finalised:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)

keep_interrupts()
try:
    Finalised()
    time.sleep(20)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")

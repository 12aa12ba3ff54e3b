"""Every command that writes, asked again under other circumstances: the same bytes.

Other hash seeds, workers, working folders, time zones, languages and homes; torn off by Ctrl-C and
taken up again. `environment.json` and `timings.json` say when and where, and are no part of it.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.fault_commands import CASES, Case, make_inputs

UNTRACKED = {"environment.json", "timings.json"}
MLCLI = (sys.executable, "-m", "mlcli")
PLAIN = [one for one in CASES if one.plain]
# Training that is long enough to be torn off in the middle of it.
LONG = {
    "train-mlp": "--data digits --hidden 64-32 --n-epochs 60 --n-seeds 2 --dropout 0.2",
    "train-cnn": "--data images.npz --layers 'conv 2 3x3,relu,global avg' --no-equal-mlp "
    "--n-epochs 400 --n-seeds 2 --batch-size 8",
}


def environment(**other: str) -> dict[str, str]:
    """That of a shell that knows nothing of us, but for `other`."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
    return kept | {"PYTHONHASHSEED": "0", "TERMINAL_WIDTH": "100"} | other


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file that a command left, hidden ones of its own included."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in UNTRACKED
    }


def carried_out(case: Case, folder: Path, jobs: str, env: dict[str, str]) -> dict[str, str]:
    """What is in the folder after the case's set-up and its command, and what was printed."""
    folder.mkdir(parents=True)
    make_inputs(folder)
    printed = []
    for line in (*case.setup, case.words):
        words = shlex.split(line)
        if "--jobs" in words:
            words[words.index("--jobs") + 1] = jobs
        done = subprocess.run(
            [*MLCLI, *words], cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    said = "".join(printed).replace(str(folder), "FOLDER")
    # What a method took is shown, and kept out of every file that is compared.
    return digests(folder) | {"stdout": said.partition("seconds a fit")[0]}


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.name)
def test_the_same_question_has_the_same_bytes(tmp_path: Path, case: Case) -> None:
    first = carried_out(case, tmp_path / "a", "1", environment())
    other = environment(
        PYTHONHASHSEED="12345",
        TZ="Asia/Kathmandu",
        LC_ALL="C.UTF-8",
        HOME=str(tmp_path / "nobody"),
        OMP_NUM_THREADS="1",
    )
    second = carried_out(case, tmp_path / "b b" / "ünter", "2", other)
    assert len(first) > 1
    assert second == first


@pytest.mark.parametrize("command", LONG)
def test_torn_off_and_taken_up_again(tmp_path: Path, command: str) -> None:
    words = [*MLCLI, command, *shlex.split(LONG[command]), "--no-plots", "--out", "out"]
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    for folder in (whole, torn):
        folder.mkdir()
        make_inputs(folder)
    t_start = time.monotonic()
    subprocess.run(words, cwd=whole, env=environment(), check=True, capture_output=True)
    took = time.monotonic() - t_start
    n_torn = 0
    for share in (0.5, 0.7, 0.9):
        process = subprocess.Popen(
            words,
            cwd=torn,
            env=environment(PYTHONHASHSEED=f"{share:.0f}"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            process.communicate(timeout=share * took)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            process.communicate()
        n_torn += process.returncode == 130
    assert n_torn, "it was never interrupted"
    subprocess.run(words, cwd=torn, env=environment(), check=True, capture_output=True)
    assert digests(torn / "out") == digests(whole / "out")

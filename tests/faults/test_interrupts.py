"""Ctrl-C and SIGTERM at every phase: 130, one sentence, everything whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_commands import with_long
from fault_processes import of_session, still_there
from fault_runs import Yard, goes_on, judge

MakeYard = Callable[[str], Yard]


@pytest.mark.parametrize("number", with_long([signal.SIGINT], signal.SIGTERM))
@pytest.mark.parametrize(
    "name",
    with_long(
        ["fit-poly", "data make", "init in an empty folder"],
        "train-mlp with checkpoints",
        "predict to CSV",
    ),
)
def test_at_a_change_of_the_file_system(yard: MakeYard, name: str, number: signal.Signals) -> None:
    one = yard(name)
    old = bool(one.case.old_words)
    reference = one.references[old]
    n_events = len(reference.events)
    for event in sorted({1, n_events // 2, n_events - 1}):
        one.start(old=old)
        # Pressed twice, as people do.
        done = one.run(one.case.arguments, at=[event, event + 1], signal=number)
        assert done.code == 130, (event, done)
        assert done.out == ""
        *said, last = done.err.splitlines()
        assert last.startswith("mlcli: interrupted; ")
        assert all(text.startswith("written to") for text in said)
        _, wrong = judge(one, reference)
        assert wrong == []
        assert goes_on(one, reference) == []


def test_a_killed_parent_takes_its_workers_along(empty_folder: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mlcli",
            "fit-poly",
            "--n-seeds",
            "100000",
            "--jobs",
            "2",
            "--no-plots",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len(of_session(process.pid)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(of_session(process.pid)) == 3
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    left = still_there(lambda: of_session(process.pid), within=20)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []

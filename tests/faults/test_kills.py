"""SIGKILL at chosen changes of the file system; `make soak` does the same 200 times at random."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from fault_commands import CASES, with_long
from fault_runs import Yard, goes_on, judge

from mlcli.cli import COMMANDS

MakeYard = Callable[[str], Yard]


def kill_at(yard: Yard, event: int, *, old: bool) -> str:
    """Kill a run before one of its changes: what is left, which must keep every promise."""
    reference = yard.references[old]
    yard.start(old=old)
    done = yard.run(yard.case.arguments, at=[event], signal=signal.SIGKILL)
    assert done.code == -signal.SIGKILL
    word, wrong = judge(yard, reference)
    assert wrong + goes_on(yard, reference) == [], reference.events[event - 1]
    return word


def test_every_command_that_runs_an_experiment_or_writes_has_a_case() -> None:
    named = {one.arguments[0] for one in CASES}
    reading = {"runs", "notes", "validate", "schema", "doctor", "help"}
    hurt = {name for name, (panel, _) in COMMANDS.items() if panel in ("Experiments", "Models")}
    assert named >= hurt | {
        "data",
        "report",
        "compare",
        "check",
        "power",
        "sweep",
        "verify",
        "init",
    }
    assert not named & reading


@pytest.mark.parametrize("old", with_long([True], False))
def test_a_run_folder_is_the_old_or_the_new(yard: MakeYard, old: bool) -> None:
    fit = yard("fit-poly")
    events = fit.references[old].events
    exchange = next(i for i, e in enumerate(events, 1) if e.startswith(("os.rename", "renameat2")))
    # While it is written, before it takes its place, and (the last) while the old one is removed.
    found = [kill_at(fit, event, old=old) for event in (2, exchange, len(events))]
    assert found == (["old", "old", "new"] if old else ["absent"] * 3)


@pytest.mark.parametrize(
    "name", with_long(["data fetch", "predict to CSV", "predict to Parquet"], "data make")
)
def test_a_file_is_the_old_or_the_new(yard: MakeYard, name: str) -> None:
    one = yard(name)
    for old, reference in one.references.items():
        for event in range(1, len(reference.events) + 1, 2):
            kill_at(one, event, old=old)


@pytest.mark.parametrize("name", with_long(["init in an empty folder"], "init"))
def test_a_project_is_begun_again(yard: MakeYard, name: str) -> None:
    one = yard(name)
    n_events = len(one.references[False].events)
    for event in {1, n_events // 2, n_events - 3, n_events - 1, n_events}:
        kill_at(one, event, old=False)


def test_training_goes_on_with_the_bytes_of_an_uninterrupted_run(yard: MakeYard) -> None:
    one = yard("train-mlp with checkpoints")
    events = one.references[False].events
    saved = [i for i, e in enumerate(events, 1) if "rename" in e and "checkpoint" in e]
    assert len(saved) >= 2
    kill_at(one, saved[-1], old=False)
    # After the answer, before what it went on from is removed.
    assert events[-1].startswith("os.remove")
    assert "checkpoint.npz" in events[-1]
    assert kill_at(one, len(events), old=False) == "new"


def test_a_table_is_never_without_its_note(yard: MakeYard) -> None:
    from mlcli.datasets.make import read_note

    one = yard("data make")
    table = one.work / "data" / "noisy_cubic.csv"
    for event in range(1, len(one.references[True].events) + 1):
        one.start(old=True)
        one.run(one.case.arguments, at=[event], signal=signal.SIGKILL)
        note = read_note(table)
        assert note is not None, one.references[True].events[event - 1]
        assert note["drawn_from"]["n_samples"] in (10, 20)

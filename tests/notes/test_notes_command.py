"""`mlcli notes`: the list, one place, what is missing, and what is asked for in vain."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mlcli.commands import notes as command
from mlcli.errors import DataError
from mlcli.notes import count_of, derivations, entries, find
from mlcli.notes.lookup import read_label

Run = Callable[..., Any]


def test_the_list_has_every_entry_and_every_correction(mlcli: Run) -> None:
    done = mlcli("notes")
    assert done.code == 0
    for one in entries():
        assert f"\n {one.label} " in done.out
        assert not one.correction or f"{one.label} corrected: {one.correction}\n" in done.out
    for left_out in derivations():
        assert f"{left_out.label} left out: {left_out.reason}." in done.out
    assert "…" not in done.out.replace("t₂, …", "")
    assert done.out.endswith(f"\n{count_of(entries())}\n")


def test_the_count_adds_up() -> None:
    n = len(entries())
    assert count_of(entries()) == f"Of {n} places in the notes: {n} shown by a command."
    alone = replace(find("A.7"), command="", shown=())
    assert count_of([alone]) == "Of 1 places in the notes: 1 function and test only."


def test_json_has_all_of_it(mlcli: Run) -> None:
    found = mlcli("notes", "--json").json
    assert [one["label"] for one in found["entries"]] == [one.label for one in entries()]
    assert len(found["derivations"]) == len(derivations())
    one = next(one for one in found["entries"] if one["label"] == "(7.26)")
    assert one["command_line"] == "mlcli lr-find"
    assert one["figure"] == "schedule"
    place = "tables/schedule.csv: share, learning_rate [schedule=exponential (7.26)]"
    assert one["shown"][0] == place
    assert one["status"] == "shown by a command"
    assert one["missing"] == []


def test_a_chapter_by_itself(mlcli: Run) -> None:
    done = mlcli("notes", "--chapter", "b", "--json").json
    assert {one["number"][0] for one in done["entries"] + done["derivations"]} == {"B"}
    assert "appendix B" in mlcli("notes", "--chapter", "B").out
    wrong = mlcli("notes", "--chapter", "1")
    assert wrong.code == 2
    assert wrong.err == ("mlcli: --chapter must be one of 2, 3, 4, 5, 6, 7, 8, A, B, C, got '1'\n")


def test_one_place_is_shown_whole(mlcli: Run) -> None:
    done = mlcli("notes", "7.19")
    one = find("7.19")
    assert done.code == 0
    for text in (
        one.title,
        one.formula,
        one.correction,
        "section 7.1.1",
        "mlcli propagate",
        *one.shown,
        *one.implements,
        *one.tests,
        *one.errata,
    ):
        assert text in done.out
    assert mlcli("notes", "7.19", "--json").json["formula"] == one.formula
    assert "console: Table 1 of the notes" in mlcli("notes", "Table 1").out
    assert "mlcli bias-variance" in mlcli("notes", "A.7").out
    for alone in [one for one in entries() if one.status == "function and test only"][:1]:
        shown = mlcli("notes", alone.label).out
        assert "function and test only: no command shows it" in shown


def test_the_guide_has_the_counts(mlcli: Run) -> None:
    kinds, found = Counter(one.kind for one in entries()), Counter(one.status for one in entries())
    text = " ".join(mlcli("help", "reports").out.split())
    for count in (
        f"all {kinds['figure']} figures, {kinds['table']} tables and {kinds['equation']} equations",
        f"A command shows each of these {found['shown by a command']}",
    ):
        assert count in text
    assert set(found) == {"shown by a command"}


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("7.19", "(7.19)"),
        ("(7.19)", "(7.19)"),
        ("eq. 7.19", "(7.19)"),
        ("Eq (7.19)", "(7.19)"),
        ("a.7", "(A.7)"),
        ("Figure 5", "Figure 5"),
        ("fig. 5", "Figure 5"),
        ("5", "Figure 5"),
        ("Figure 7a", "Figure 7"),
        ("table 1", "Table 1"),
        ("Tab 2", "Table 2"),
    ],
)
def test_numbers_are_read_as_people_write_them(typed: str, label: str) -> None:
    assert read_label(typed) == label
    assert find(typed).label == label


def test_what_defines_nothing_says_why(mlcli: Run) -> None:
    done = mlcli("notes", "A.8")
    assert done.code == 0
    assert done.out == (
        "(A.8), appendix A, defines nothing to compute: the square expanded, on the way to "
        "(A.12).\n"
    )
    assert mlcli("notes", "A.8", "--json").json["reason"]
    with pytest.raises(DataError, match="defines nothing to compute"):
        find("A.8")


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("7.99", "try 7.27, 7.26 or 7.25"),
        ("Figure 24", "try Figure 4, Figure 2 or Figure 23"),
        ("xavier", "try `mlcli notes` for all of them"),
    ],
)
def test_what_is_not_there_has_neighbours(mlcli: Run, typed: str, hint: str) -> None:
    done = mlcli("notes", typed)
    assert done.code == 2
    assert done.err.startswith("mlcli: a place in the notes must be an equation, figure or table")
    assert hint in done.err
    assert done.err.count("\n") == 1


def test_missing_lists_what_no_command_shows_which_is_nothing(
    mlcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = mlcli("notes", "--missing")
    assert (done.code, done.out) == (0, f"{count_of(entries())}\n")
    assert mlcli("notes", "--missing", "--json").json == []
    hidden = ("(A.7)", "(2.4)")
    others = [
        replace(one, command="", shown=()) if one.label in hidden else one for one in entries()
    ]
    monkeypatch.setattr("mlcli.commands.notes.entries", lambda: others)
    done = mlcli("notes", "--missing")
    assert done.code == 0
    assert done.out.count("function and test only  ") == len(hidden)
    assert all(f"\n {label} " in done.out for label in hidden)
    assert done.out.endswith(f"\n{count_of(others)}\n")
    found = mlcli("notes", "--missing", "--json").json
    assert {one["label"] for one in found} == set(hidden)
    assert {one["status"] for one in found} == {"function and test only"}


def test_what_is_missing_is_exit_3(mlcli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = [
        replace(one, tests=(), errata=()) if one.label == "Figure 5" else one for one in entries()
    ]
    monkeypatch.setattr(command, "entries", lambda: tuple(bare))
    done = mlcli("notes", "--missing")
    assert done.code == 3
    assert "\n Figure 5 " in done.out
    assert "a test" in done.out
    assert ", 1 not covered." in done.out
    assert done.err == f"mlcli: 1 of {len(bare)} places in the notes are not covered\n"
    found = mlcli("notes", "--missing", "--json")
    assert found.code == 3
    assert [one["label"] for one in found.json if one["missing"]] == ["Figure 5"]
    assert mlcli("notes", "--missing", "--chapter", "7").code == 0


def test_it_loads_nothing_heavy() -> None:
    code = (
        "import sys; from mlcli.__main__ import call; call(['notes', '7.19']);"
        "bad = {'numpy', 'torch', 'matplotlib', 'sklearn', 'pandas'} & set(sys.modules);"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

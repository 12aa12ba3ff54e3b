"""The table of the notes says what is so: all that it names exists, and nothing is left out."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from mlcli.cli import COMMANDS
from mlcli.experiments import about
from mlcli.notes import Entry, chapter_titles, derivations, entries
from mlcli.notes.tables import FILES, read_derivation, read_entry
from tests.project.test_pipeline import file_of, imported

PROJECT = Path(__file__).parents[2]
# The notes and their errata lie beside the checkout where it is developed, and only there.
SHARED = next((up / "shared" for up in PROJECT.parents if (up / "shared" / "notes").is_dir()), None)
ASIDE = pytest.mark.skipif(SHARED is None, reason="the lecture notes are no part of the repository")
# Corrections of words, which no number can refute.
OF_WORDS = {"(3.9)"}
ERRATA_FILES = sorted(Path(__file__).parent.glob("test_errata_*.py"))


def ids(one: Any) -> str:
    return str(one.label)


@cache
def names_in(path: Path) -> frozenset[str]:
    """Test functions of a file, parametrised ones and methods included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


@pytest.mark.parametrize("one", entries(), ids=ids)
def test_functions_exist(one: Entry) -> None:
    for name in one.implements:
        module, _, path = name.partition(":")
        found: Any = import_module(module)
        for part in path.split("."):
            assert hasattr(found, part) or part in getattr(found, "__annotations__", {}), name
            found = getattr(found, part)


@pytest.mark.parametrize("one", entries(), ids=ids)
def test_tests_exist(one: Entry) -> None:
    for name in (*one.tests, *one.errata):
        path, _, test = name.partition("::")
        assert (PROJECT / path).is_file(), name
        assert test in names_in(PROJECT / path), name


@pytest.mark.parametrize("one", [one for one in entries() if one.command], ids=ids)
def test_what_shows_an_entry_belongs_to_its_command(one: Entry) -> None:
    assert COMMANDS[one.command][0] == "Experiments"
    found = about(one.command.replace("-", "_"))
    for place in one.places:
        if place.figure:
            assert place.figure in found.figures
        else:
            assert place.file in ("console", *found.files)


@pytest.mark.parametrize("line", sorted({one.command_line for one in entries() if one.command}))
def test_the_command_line_writes_the_files(mlcli: Callable[..., Any], line: str) -> None:
    done = mlcli(*line.split()[1:], "--dry-run")
    assert done.code == 0, done.err
    for one in entries():
        if one.command_line == line:
            assert all(
                place.file == "console" or f" {place.file}\n" in done.out for place in one.places
            )


def test_numbers_are_unique_and_in_order() -> None:
    labels = [one.label for one in (*entries(), *derivations())]
    assert len(labels) == len(set(labels))
    for kind in ("figure", "equation"):
        numbers = [one.number for one in entries() if one.kind == kind]
        keys = [tuple(ord(p) if p.isalpha() else int(p) for p in n.split(".")) for n in numbers]
        assert keys == sorted(keys)
    for one in (*entries(), *derivations()):
        if one.label.startswith("("):
            assert one.number.split(".")[0] == one.section.split(".")[0]


def test_all_are_covered() -> None:
    assert [(one.label, one.missing) for one in entries() if one.missing] == []


def test_a_module_that_only_tests_import_is_of_entries_that_no_command_shows() -> None:
    """Anything else that nothing runs is dead."""
    package = PROJECT / "mlcli"
    # Commands, experiments, estimators and trackers are imported by their names.
    waiting = [package / "__main__.py"]
    for name in ("commands", "experiments", "estimators", "tracking"):
        waiting += (package / name).rglob("*.py")
    reached: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += imported(path)
    alone = {path for path in package.rglob("*.py") if path not in reached}
    hidden = [one for one in entries() if one.status == "function and test only"]
    named = {file_of(name.split(":")[0]) for one in hidden for name in one.implements}
    assert alone <= named
    assert not alone


def test_texts_are_sentences() -> None:
    for one in entries():
        assert not one.title.endswith(".")
        assert not one.correction or one.correction.endswith(".")
    assert all(not one.reason.endswith(".") for one in derivations())


def test_every_correction_is_shown_by_numbers() -> None:
    for one in entries():
        assert bool(one.errata) == bool(one.correction and one.label not in OF_WORDS), one.label
        shown = ("tests/notes/test_errata_", "tests/proofs/")
        assert all(name.startswith(shown) for name in one.errata)


def test_every_test_of_a_misprint_is_in_the_table() -> None:
    named = {name for one in entries() for name in (*one.tests, *one.errata)}
    for path in ERRATA_FILES:
        for test in names_in(path):
            assert f"tests/notes/{path.name}::{test}" in named


@ASIDE
def test_every_numbered_equation_is_an_entry_or_a_derivation() -> None:
    assert SHARED is not None
    text = (SHARED / "notes" / "lecture-notes.md").read_text(encoding="utf-8")
    printed = set(re.findall(r"\((?:\\text\{)?([2-9ABC]\.\d+)\}?\)\$\$", text))
    printed |= set(re.findall(r"\\tag\{([2-9ABC]\.\d+)\}", text))
    printed |= set(re.findall(r"\\tag\{\\text\{([ABC]\.\d+)\}\}", text))
    assert len(printed) > 200
    listed = {one.number for one in entries() if one.kind == "equation"}
    assert listed | {one.number for one in derivations()} == printed


@ASIDE
@pytest.mark.parametrize("kind", ["Figure", "Table"])
def test_every_figure_and_table_is_an_entry(kind: str) -> None:
    assert SHARED is not None
    text = (SHARED / "notes" / "lecture-notes.md").read_text(encoding="utf-8")
    # Their numbers have no gap; Figure 9 is printed but never referred to by its number.
    last = max(int(number) for number in re.findall(rf"{kind} (\d+)", text))
    listed = [int(one.number) for one in entries() if one.kind == kind.lower()]
    assert sorted(listed) == list(range(1, last + 1))


def numbers_of(cell: str) -> list[str]:
    """Equations that a row of the errata is about: 6.33-6.35, A.17-19; those after "vs" are not."""
    found = []
    pattern = r"([2-8ABC])\.(\d+)(?:-(?:[2-8ABC]\.)?(\d+))?"
    for chapter, first, last in re.findall(pattern, cell.split(" vs ")[0]):
        found += [f"{chapter}.{n}" for n in range(int(first), int(last or first) + 1)]
    return found


@ASIDE
def test_every_erratum_is_a_correction() -> None:
    assert SHARED is not None
    text = (SHARED / "reference" / "ERRATA.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")][1:]
    corrected = {one.number for one in entries() if one.correction and one.kind == "equation"}
    assert len(rows) > 50
    for cell in rows:
        # 7.2 text is section 7.2, whose equation is 7.23; B.2 end is section B.2, with its B.15.
        cell = {"7.2 text": "7.23", "B.2 end": "B.15", "before 8.13": "8.13"}.get(cell, cell)
        for number in numbers_of(cell):
            # 8.18 lies between two shapes that lack the stride; a count of parameters has none.
            assert number in corrected or number == "8.18", cell


def test_the_tables_are_installed() -> None:
    """The package carries them, and the wheel is told to."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["mlcli"]
    found = {path.name for path in files("mlcli.notes").iterdir() if path.name.endswith(".toml")}
    assert found == {f"{name}.toml" for name in FILES}
    assert all(any(fnmatch(f"notes/{name}", pattern) for pattern in patterns) for name in found)
    assert list(chapter_titles()) == ["2", "3", "4", "5", "6", "7", "8", "A", "B", "C"]


GOOD: dict[str, Any] = {"number": "7.19", "section": "7.1.1", "title": "t", "formula": "f"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"test": []}, "test is not a key"),
        ({"formula": ""}, "formula is missing"),
        ({"tests": "one"}, "tests must be text"),
        ({"tests": [1]}, "tests must be text"),
        ({"title": 3}, "title must be text"),
        ({"kind": "theorem"}, "kind must be one of"),
        ({"command": "kfold"}, "command and shown must be given together"),
        ({"shown": ["details.json: a"]}, "command and shown must be given together"),
        ({"options": "--degrees 1"}, "command and shown must be given together"),
        ({"command": "kfold", "shown": ["a figure"]}, "a place must be"),
    ],
)
def test_a_wrong_key_is_said(change: dict[str, Any], said: str) -> None:
    assert read_entry(GOOD, "here").label == "(7.19)"
    with pytest.raises(ValueError, match=said):
        read_entry(GOOD | change, "here")


def test_a_derivation_needs_its_reason() -> None:
    with pytest.raises(ValueError, match="reason is missing"):
        read_derivation({"number": "A.8", "section": "A"}, "here")


def test_what_an_entry_lacks() -> None:
    bare = Entry(kind="figure", number="1", section="2", title="t", formula="f")
    assert bare.missing == ("a function", "a test", "a command that shows it")
    named = Entry(
        number="2.5", section="2", title="t", formula="f", implements=("m:f",), errata=("f::t",)
    )
    assert named.missing == ()
    assert named.command_line == ""
    assert [one.status for one in (bare, named)] == ["not covered", "function and test only"]
    shown = replace(named, command="kfold", shown=("figures/errors.png: degree",))
    assert (shown.status, shown.figure) == ("shown by a command", "errors")

"""`mlcli notes`: every figure, table and equation of the notes, and where it is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from mlcli import console
from mlcli.errors import ConfigError, GateError
from mlcli.notes import (
    Derivation,
    Entry,
    chapter_titles,
    count_of,
    derivations,
    entries,
    find,
    find_derivation,
)
from mlcli.result import Display

app = typer.Typer(add_completion=False)
HEADINGS = ("number", "section", "what", "shown by", "function", "test")


@app.command()
def notes(
    place: Annotated[
        str, typer.Argument(help="An equation (7.19), figure or table ('Figure 5') to show whole.")
    ] = "",
    chapter: Annotated[
        str, typer.Option("--chapter", help="Only this chapter or appendix.", metavar="NAME")
    ] = "",
    missing: Annotated[
        bool,
        typer.Option(
            "--missing",
            help="List what no command shows; exit 3 if any of it is not covered.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every figure, table and equation of the notes, and what shows it.

    Each with its function, its test, and the correction where the print is wrong.

    What no command shows is listed as "function and test only".

    Example: mlcli notes 7.19
    """
    if place:
        _show_one(place, as_json)
        return
    titles = chapter_titles()
    chapter = chapter.upper()
    if chapter and chapter not in titles:
        raise ConfigError("--chapter", must=f"one of {', '.join(titles)}", got=repr(chapter))
    shown = [one for one in entries() if chapter in ("", one.chapter)]
    left_out = [one for one in derivations() if chapter in ("", one.section.split(".")[0])]
    if missing:
        _show_missing(shown, as_json)
    elif as_json:
        listed: dict[str, Any] = {"entries": [_as_dict(one) for one in shown]}
        console.print_json(listed | {"derivations": [asdict(one) for one in left_out]})
    else:
        console.print_displays(displays(shown, left_out))
        console.print_text(f"\n{count_of(shown)}")


def displays(shown: Sequence[Entry], left_out: Sequence[Derivation]) -> list[Display]:
    """One table a chapter, its corrections and what it leaves out below it."""
    found = []
    for name, title in chapter_titles().items():
        rows = [_row(one) for one in shown if one.chapter == name]
        if not rows:
            continue
        corrected = [one for one in shown if one.chapter == name and one.correction]
        derived = [one for one in left_out if one.section.split(".")[0] == name]
        lines = [f"{one.label} corrected: {one.correction}" for one in corrected]
        lines += [f"{one.label} left out: {one.reason}." for one in derived]
        heading = f"{_place(name)}: {title}"
        found.append(Display(heading, HEADINGS, rows, "\n".join(lines)))
    return found


def _place(section: str) -> str:
    return f"section {section}" if section[0].isdigit() else f"appendix {section}"


def _row(one: Entry) -> list[str]:
    where = f"{one.command}: {one.figure or one.places[0].file}" if one.shown else one.status
    # The first of each, by its last names; whole are they in `mlcli notes NUMBER` and in the JSON.
    function = one.implements[0].split(".")[-1] if one.implements else ""
    test = [*one.tests, *one.errata, ""][0].split("::")[-1]
    return [one.label, one.section, one.title, where, function, test]


def _show_one(place: str, as_json: bool) -> None:
    left_out = find_derivation(place)
    if left_out is not None:
        if as_json:
            console.print_json(asdict(left_out))
        else:
            console.print_text(
                f"{left_out.label}, {_place(left_out.section)}, defines nothing to compute: "
                f"{left_out.reason}."
            )
        return
    one = find(place)
    if as_json:
        console.print_json(_as_dict(one))
    else:
        console.print_text(describe(one))


def describe(one: Entry) -> str:
    """All that is known of an entry, as aligned lines."""
    values = {"where": _place(one.section)}
    values["formula"] = one.formula
    if one.correction:
        values["correction"] = one.correction
    if one.command:
        values["see it"] = one.command_line
    else:
        values["see it"] = f"{one.status}: no command shows it"
    lists = {
        "read it": one.shown,
        "function": one.implements,
        "test": one.tests,
        "shown wrong": one.errata,
    }
    gap = "\n" + " " * (max(map(len, (*values, *lists))) + 2)
    values |= {word: gap.join(names) for word, names in lists.items() if names}
    if one.missing:
        values["missing"] = " and ".join(one.missing)
    return f"{one.label}: {one.title}\n{console.pairs(values)}"


def _show_missing(shown: Sequence[Entry], as_json: bool) -> None:
    hidden = [one for one in shown if not one.shown or one.missing]
    lacking = [one for one in hidden if one.missing]
    if as_json:
        console.print_json([_as_dict(one) for one in hidden])
    else:
        rows = [
            [one.label, one.section, one.title, one.status, " and ".join(one.missing)]
            for one in hidden
        ]
        headings = ("number", "section", "what", "status", "lacks")
        if rows:
            console.print_displays([Display("what no command shows", headings, rows)])
        console.print_text(f"\n{count_of(shown)}" if rows else count_of(shown))
    if lacking:
        raise GateError(f"{len(lacking)} of {len(shown)} places in the notes are not covered")


def _as_dict(one: Entry) -> dict[str, Any]:
    return asdict(one) | {
        "label": one.label,
        "command_line": one.command_line,
        "figure": one.figure,
        "status": one.status,
        "missing": list(one.missing),
    }

"""The tables of the notes, read from the TOML files of this package and checked key by key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from importlib.resources import files
from typing import Any

from mlcli.notes.entry import KINDS, Derivation, Entry

# In the order of the notes.
FILES = (*(f"chapter_{n}" for n in range(2, 9)), *(f"appendix_{letter}" for letter in "abc"))
LISTS = ("shown", "implements", "tests", "errata")


@cache
def entries() -> tuple[Entry, ...]:
    """Every figure, table and equation that something can be computed of, in their order."""
    return tuple(
        read_entry(values, name) for name in FILES for values in _table(name).get("entry", ())
    )


@cache
def derivations() -> tuple[Derivation, ...]:
    """Every other numbered equation, in their order."""
    return tuple(
        read_derivation(values, name)
        for name in FILES
        for values in _table(name).get("derivation", ())
    )


@cache
def chapter_titles() -> dict[str, str]:
    """Titles of chapters and appendices in their order, e.g. of 7."""
    return {_table(name)["chapter"]: _table(name)["title"] for name in FILES}


def read_entry(values: Mapping[str, Any], place: str) -> Entry:
    """One [[entry]] of a table.

    Raises:
        ValueError: a key is unknown, missing, or of another type than it must be.
    """
    _check(values, Entry, place)
    kind = values.get("kind", "equation")
    if kind not in KINDS:
        raise ValueError(f"{place}: kind must be one of {', '.join(KINDS)}, got {kind!r}")
    given: dict[str, Any] = {k: tuple(v) if k in LISTS else v for k, v in values.items()}
    entry = Entry(**given)
    if bool(entry.command) != bool(entry.places) or (entry.options and not entry.command):
        raise ValueError(f"{place}, {entry.number}: command and shown must be given together")
    return entry


def read_derivation(values: Mapping[str, Any], place: str) -> Derivation:
    """One [[derivation]] of a table; errors as `read_entry`."""
    _check(values, Derivation, place)
    return Derivation(**values)


@cache
def _table(name: str) -> dict[str, Any]:
    text = files("mlcli.notes").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    odd = set(table) - {"chapter", "title", "entry", "derivation"}
    if odd or not {"chapter", "title"} <= set(table):
        raise ValueError(f"{name} must have chapter, title, entry, derivation, got {sorted(table)}")
    return table


def _check(values: Mapping[str, Any], kind: type, place: str) -> None:
    where = f"{place}, {values.get('number', 'without a number')}"
    known = {field.name: field.default is MISSING for field in fields(kind)}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{where}: {name} is not a key, known are {', '.join(known)}")
        texts = value if name in LISTS else [value]
        if not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
            raise ValueError(f"{where}: {name} must be text, got {value!r}")
    for name, required in known.items():
        if required and not values.get(name):
            raise ValueError(f"{where}: {name} is missing")

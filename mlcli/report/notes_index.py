"""The index of the notes: each figure, table and equation with its place on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from mlcli.report.runs import Run


@dataclass(frozen=True)
class IndexRow:
    """One entry of the notes.

    Attributes:
        entry: as `mlcli.notes` has it.
        link: the anchor of its figure or of its run on the page; empty where neither is there.
    """

    entry: Any
    link: str


def rows_of_notes(runs: Sequence[Run]) -> list[IndexRow]:
    """Every entry, in the notes' order, with its place among the runs."""
    if find_spec("mlcli.notes") is None:
        return []
    sections: dict[str, str] = {}
    figures: dict[tuple[str, str], str] = {}
    for run in runs:
        sections.setdefault(run.command, run.anchor)
        for figure in run.figures:
            figures.setdefault((run.command, figure.name), figure.anchor)
    return [
        IndexRow(
            entry,
            figures.get((entry.command, entry.figure)) or sections.get(entry.command, ""),
        )
        for entry in import_module("mlcli.notes").entries()
    ]

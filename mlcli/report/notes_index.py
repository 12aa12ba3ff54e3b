"""The index of the notes: each figure, table and equation with its place on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlcli.notes import Entry, entries
from mlcli.report.runs import ReportRun


@dataclass(frozen=True)
class IndexRow:
    """One entry of the notes.

    Attributes:
        entry: as `mlcli.notes` has it.
        link: the anchor of its figure or of its run on the page; empty where neither is there, and
            where its command needs options that the run has not.
    """

    entry: Entry
    link: str


def rows_of_notes(runs: Sequence[ReportRun]) -> list[IndexRow]:
    """Every entry, in the notes' order, with its place among the runs."""
    sections: dict[str, str] = {}
    figures: dict[tuple[str, str], str] = {}
    for run in runs:
        sections.setdefault(run.command, run.anchor)
        for figure in run.figures:
            figures.setdefault((run.command, figure.name), figure.anchor)
    return [_row(entry, sections, figures) for entry in entries()]


def _row(entry: Entry, sections: dict[str, str], figures: dict[tuple[str, str], str]) -> IndexRow:
    if entry.options:
        return IndexRow(entry, "")
    figure = figures.get((entry.command, entry.figure), "")
    return IndexRow(entry, figure or sections.get(entry.command, ""))

"""The index of the notes: each figure, table and equation with its place on the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from markupsafe import Markup

from mlcli.notes import Entry, entries
from mlcli.report.runs import ReportRun


@dataclass(frozen=True)
class IndexRow:
    """One entry of the notes.

    Attributes:
        entry: as `mlcli.notes` has it.
        anchor: its id on the page.
        link: the anchor of its figure or of its run on the page; empty where neither is there, and
            where its command needs options that the run has not.
        formula: the equation as MathML; empty of figures and tables.
        printed: the same of what the notes print in its place; empty where they are right.
    """

    entry: Entry
    anchor: str
    link: str
    formula: Markup
    printed: Markup


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
    link = ""
    if not entry.options:
        figure = figures.get((entry.command, entry.figure), "")
        link = figure or sections.get(entry.command, "")
    anchor = f"notes-{entry.label.strip('()').replace(' ', '-')}"
    return IndexRow(entry, anchor, link, mathml(entry.latex), mathml(entry.printed))


@cache
def mathml(latex: str) -> Markup:
    """A formula as the MathML that browsers draw; empty without one."""
    from latex2mathml.converter import convert

    drawn = convert(latex) if latex else ""
    # HTML needs no namespace; sums and fractions as large as on a line of their own.
    return Markup(re.sub("<math [^>]*>", '<math displaystyle="true">', drawn, count=1))

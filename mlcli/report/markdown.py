"""Markdown: the gallery, for the page that a repository shows of its folder, and comparisons."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from mlcli.report.runs import ReportRun
from mlcli.result import Display

# A backslash before any of these makes it a letter like others.
SPECIAL = re.compile(r"([\\`*_{}\[\]|<>~&$])")
HEAD = """# Reports

Every figure that the pipeline makes, in the order of the notes. `dvc repro` makes them again, and
the page `index.html` beside this file, where curves can be read off and searched. Numbers are means
over independent seeds with 95 % intervals (Student t, within the range of the quantity) unless they
say otherwise. Written by `mlcli report`.
"""


def readme(runs: Sequence[ReportRun], beside: Path) -> str:
    """The README of a folder, with the PNG files of the runs by relative path."""
    parts = [HEAD, "\n".join(_contents(runs))]
    if any(run.compared for run in runs):
        parts += ["## Paper against ours", _compared(runs)]
    for run in runs:
        parts += _run(run, beside)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _contents(runs: Sequence[ReportRun]) -> Iterator[str]:
    for run in runs:
        yield f"- [{escape(run.title)}](#{run.anchor})"


def comparison(title: str, displays: Sequence[Display], remarks: Sequence[str]) -> str:
    """A comparison of runs, for a comment on a pull request."""
    parts = [f"### {escape(title)}"]
    for display in displays:
        parts += [f"**{escape(display.title)}**", table(display.headings, display.rows)]
        parts += [escape(display.remark)] if display.remark else []
    return "\n\n".join([*parts, *map(escape, remarks)]) + "\n"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in the Markdown of GitHub."""
    head, *body = (f"| {' | '.join(map(escape, cells))} |" for cells in (headings, *rows))
    return "\n".join([head, "|" + " --- |" * len(headings), *body])


def _compared(runs: Sequence[ReportRun]) -> str:
    rows = [
        (row.place, row.what, row.printed, row.ours, row.interval, row.verdict)
        for run in runs
        for row in run.compared
    ]
    return table(("in the notes", "what", "printed", "ours", "interval", ""), rows)


def _run(run: ReportRun, beside: Path) -> Iterator[str]:
    # An anchor of our own: each site makes those of headings in its own way.
    yield f'<a id="{run.anchor}"></a>\n\n## {escape(run.title)}'
    yield escape(run.question)
    yield _fenced(run.command_line)
    for figure in run.figures:
        path = run.folder / "figures" / f"{figure.name}.png"
        if path.is_file():
            place = quote(Path(os.path.relpath(path, beside)).as_posix())
            yield f"![{escape(figure.caption.alt)}]({place})"
            yield f"**{escape(figure.caption.place)}.** {_prose(figure.caption.text)}"


def escape(text: str) -> str:
    """Text that Markdown and the HTML in it leave as it is, on one line."""
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)


def _prose(text: str) -> str:
    """A sentence of our own, whose backticks mean code."""
    # Spaces around code are at the ends of its neighbours, so that those are not stripped.
    pieces = " ".join(text.split()).split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    return "".join(f"`{one}`" if i % 2 else _escaped(one) for i, one in enumerate(pieces))


def _fenced(text: str) -> str:
    """A block of code; the fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"

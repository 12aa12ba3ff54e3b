"""Runs -> one HTML page that needs nothing but itself, and a README that shows the figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup, escape

from mlcli.errors import ConfigError, DataError
from mlcli.experiments import EXPERIMENTS, about, load
from mlcli.notes import count_of, entries
from mlcli.params.faults import unknown
from mlcli.report.markdown import HEAD, readme
from mlcli.report.notes_index import IndexRow, rows_of_notes
from mlcli.report.runs import (
    ReportRun,
    command_line,
    find_folders,
    manifest_of,
    read_runs,
    section_of,
)
from mlcli.run.files import replace_text

TEMPLATES = Path(__file__).parent / "templates"
MOST_FINDINGS = 3
WITH_INTERVAL = re.compile(r"\(-?[\d.e+-]+ to -?[\d.e+-]+\)")


def write_gallery(places: Sequence[Path], page: Path, readme_path: Path | None = None) -> int:
    """Write the page, and the README where one is asked for; return the number of runs.

    Raises:
        DataError: no finished run is there, or one can't be read.
        ConfigError: a README of someone else's is in the way.
    """
    if readme_path is not None:
        _check_own(readme_path)
    runs = read_runs(places)
    replace_text(page, page_text(runs))
    if readme_path is not None:
        replace_text(readme_path, readme(runs, readme_path.parent))
    return len(runs)


def write_figure(places: Sequence[Path], name: str, path: Path, caption: Path) -> None:
    """Write one figure of a run, and beside it a text with its caption and the command.

    Args:
        places: run folders, or folders with run folders in them.
        name: the figure, as ``errors``; ``kfold/errors`` where several commands have one.
        path: the figure to write; its ending is the format.
        caption: the text to write.

    Raises:
        DataError: no run has the figure, or several have, or this run has nothing to draw in it.
    """
    from mlcli.plotting import save, styled, why_empty

    folder, section, figure = _find(places, name)
    with styled():
        drawn = load(section).draw(folder)[figure]
        if reason := why_empty(drawn):
            raise DataError(f"{folder} has no figure {figure}: {reason}")
        save(drawn, path, dots_per_inch=300)
    said = about(section).figures[figure]
    line = command_line(manifest_of(folder))
    replace_text(caption, f"{said.place}. {said.text}\n\n{said.alt}\n\n{line}\n")


def _find(places: Sequence[Path], name: str) -> tuple[Path, str, str]:
    """The run folder, section and name of the one figure that a name means."""
    command, _, figure = name.rpartition("/")
    runs = [(folder, section_of(manifest_of(folder))) for folder in find_folders(places)]
    known = {section: about(section).figures for _, section in runs if section in EXPERIMENTS}
    of = [one for one in runs if one[1] == command.replace("-", "_") or not command]
    found = [(folder, section) for folder, section in of if figure in known.get(section, ())]
    if not runs:
        raise DataError(f"no finished run under {', '.join(map(str, places))}", hint="`dvc repro`")
    if not found:
        before = "{}/" if command else ""
        every = {before.format(one) + name for one, names in known.items() for name in names}
        raise DataError(unknown("figure", name, sorted(every)))
    if len(found) > 1:
        folders = ", ".join(str(folder) for folder, _ in found)
        raise DataError(
            f"--figure {name} must be of one run, got those of {folders}",
            hint="one of these folders as the argument",
        )
    return *found[0], figure


def _check_own(path: Path) -> None:
    """A README that this command didn't write is not replaced."""
    heading = HEAD.splitlines()[0]
    if path.is_file() and not path.read_text(encoding="utf-8").startswith(heading + "\n"):
        raise ConfigError(
            f"{path} wasn't written by `mlcli report` and is kept",
            hint="--no-readme, or another --out",
        )


def page_text(runs: Sequence[ReportRun]) -> str:
    """The page. Everything that comes from data is escaped: a column may be named like a tag."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mlcli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    # Our own files and drawings, the only text that goes in as it is.
    own = {
        name: Markup((TEMPLATES / f"gallery.{name}").read_text(encoding="utf-8"))
        for name in ("css", "js")
    }
    notes = rows_of_notes(runs)
    formulas: dict[str, list[IndexRow]] = {}
    for row in notes:
        if row.formula:
            formulas.setdefault(row.link, []).append(row)
    return environment.get_template("gallery.html").render(
        runs=runs,
        drawing=Markup,
        findings=findings(runs),
        formulas=formulas,
        notes=notes,
        notes_count=count_of(entries()),
        n_figures=sum(len(run.figures) for run in runs),
        **own,
        explore=Markup((TEMPLATES / "explore.js").read_text(encoding="utf-8")),
    )


def findings(runs: Sequence[ReportRun]) -> list[tuple[ReportRun, str]]:
    """What at most three of the runs say with an interval, from runs as far apart as can be."""
    said = []
    for run in runs:
        remarks = [table.remark for table in run.tables if WITH_INTERVAL.search(table.remark)]
        said += [(run, remark) for remark in remarks[:1]]
    n = min(len(said), MOST_FINDINGS)
    return [said[round(i * (len(said) - 1) / max(n - 1, 1))] for i in range(n)]


def _code(text: str) -> Markup:
    """What stands between backticks is code."""
    pieces = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if i % 2 and i < len(pieces) - 1 else escape(piece)
        for i, piece in enumerate(pieces)
    )

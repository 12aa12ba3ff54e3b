"""Runs -> one HTML page that needs nothing but itself, and a README that shows the figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup, escape

from mlcli.errors import ConfigError
from mlcli.notes import count_of, entries
from mlcli.report.markdown import HEAD, readme
from mlcli.report.notes_index import rows_of_notes
from mlcli.report.runs import ReportRun, read_runs
from mlcli.run.files import replace_text

TEMPLATES = Path(__file__).parent / "templates"


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
    return environment.get_template("gallery.html").render(
        runs=runs,
        drawing=Markup,
        notes=rows_of_notes(runs),
        notes_count=count_of(entries()),
        n_figures=sum(len(run.figures) for run in runs),
        **own,
    )


def _code(text: str) -> Markup:
    """What stands between backticks is code."""
    pieces = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if i % 2 and i < len(pieces) - 1 else escape(piece)
        for i, piece in enumerate(pieces)
    )

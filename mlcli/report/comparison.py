"""Comparisons -> one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlcli.result import Display
from mlcli.run.files import replace_text


@dataclass(frozen=True)
class Chapter:
    """The comparison of one command on the page.

    Attributes:
        command: its name.
        runs: label and name of each run.
        tables: settings and metrics.
        notes: sentences below them.
        figures: title, remark and PNG of each.
    """

    command: str
    runs: Sequence[tuple[str, str]]
    tables: Sequence[Display]
    notes: Sequence[str]
    figures: Sequence[tuple[str, str, bytes]]


def page_of(out: Path) -> Path:
    """The page that --out names: itself, or index.html in a folder."""
    return out if out.suffix.lower() in (".html", ".htm") else out / "index.html"


def write_page(chapters: Sequence[Chapter], page: Path, verdicts: Sequence[Display] = ()) -> None:
    """Write the page, whole or not at all; all that comes from data or users is escaped.

    Args:
        chapters: one per command.
        page: the file.
        verdicts: tables before them.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mlcli.report"), autoescape=True, undefined=StrictUndefined
    )
    drawn = [[_figure(*figure) for figure in chapter.figures] for chapter in chapters]
    text = environment.get_template("comparison.html").render(
        chapters=list(zip(chapters, drawn, strict=True)), verdicts=verdicts
    )
    replace_text(page, text)


def _figure(title: str, remark: str, content: bytes) -> dict[str, object]:
    # Width and height are the first two numbers of a PNG's header.
    width, height = struct.unpack(">II", content[16:24])
    return {
        "title": title,
        "remark": remark,
        "base64": base64.b64encode(content).decode(),
        "width": width,
        "height": height,
    }

"""One look for every figure: colour-blind-safe, readable in print, same bytes each time."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlcli.partials import replacing_file

# Okabe and Ito's palette, told apart by people with any of the common colour deficiencies.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
TRUTH = "#B00020"
POINTS = "#8A8F98"
RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E3E6EA",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 110,
    # Fixed identifiers and text as outlines: the same SVG on every run.
    "svg.hashsalt": "mlcli",
    "svg.fonttype": "path",
}
# Written into files by default, and different from one version or moment to the next.
METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

Table = dict[str, list[str]]
Array = NDArray[np.float64]


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of the program, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


def new_figure(width: float = 7.0, height: float = 4.2) -> Figure:
    """An empty figure, size in inches; no window, no global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path, dots_per_inch: float | None = None) -> None:
    """Write a figure without clock or version in it, by default with the style's dots an inch."""
    kind, content = path.suffix[1:], BytesIO()
    dpi = dots_per_inch or matplotlib.rcParams["savefig.dpi"]
    figure.savefig(content, format=kind, metadata=METADATA[kind], dpi=dpi)
    with replacing_file(path) as partial:
        partial.write_bytes(content.getvalue())


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters, with an ellipsis where it was cut."""
    return text if len(text) <= most else text[: most - 1] + "…"


def read_table(path: Path) -> Table:
    """The columns of a CSV file, as text whose dollars are no mathematics.

    Names come from anybody's data, and matplotlib takes what is between two dollars for TeX.

    Raises:
        ValueError: a row has more or fewer cells than the heading.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = ([cell.replace("$", r"\$") for cell in row] for row in csv.reader(file))
        heading = next(reader)
        rows = list(reader)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(heading):
            raise ValueError(f"line {number} has {len(row)} cells, the heading {len(heading)}")
    return {name: [row[i] for row in rows] for i, name in enumerate(heading)}


def numbers(texts: list[str]) -> Array:
    """A column as numbers; an empty cell is NaN."""
    return np.array([float(text) if text else np.nan for text in texts])


def where(table: Table, **equal: str) -> dict[str, list[str]]:
    """The rows in which each named column has the given text."""
    size = len(next(iter(table.values()), []))
    kept = [i for i in range(size) if all(table[k][i] == v for k, v in equal.items())]
    return {name: [column[i] for i in kept] for name, column in table.items()}


def distinct(column: list[str]) -> list[str]:
    """The different values of a column in order of appearance."""
    return list(dict.fromkeys(column))


def shade(axes: Axes, x: Array, low: Array, high: Array, colour: str) -> None:
    """An uncertainty band."""
    axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)


def nothing_to_draw(reason: str) -> Figure:
    """A figure that says why it is empty."""
    figure = new_figure(7.0, 1.6)
    axes = figure.add_subplot()
    axes.axis("off")
    axes.text(0.5, 0.5, reason, ha="center", va="center", wrap=True)
    return figure


def why_empty(figure: Figure) -> str:
    """The reason that `nothing_to_draw` gave; empty of a figure that shows something."""
    if len(figure.axes) != 1 or figure.axes[0].axison:
        return ""
    axes = figure.axes[0]
    drawn = [*axes.lines, *axes.collections, *axes.images, *axes.patches, *axes.tables]
    return axes.texts[0].get_text() if len(axes.texts) == 1 and not drawn else ""

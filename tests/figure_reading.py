"""What a figure shows, read off its artists, and the tables that it should show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mlcli.experiments import load
from mlcli.plotting import styled

REPORTS = Path(__file__).parents[1] / "reports"


@dataclass
class Run:
    """A run folder and its figures.

    Attributes:
        folder: of the run.
        figures: as `Experiment.draw` gives them.
    """

    folder: Path
    figures: dict[str, Figure] = field(repr=False)

    def axes(self, name: str) -> list[Axes]:
        """The axes of a figure."""
        return self.figures[name].axes

    def table(self, name: str) -> pd.DataFrame:
        """A table as another program reads it."""
        return read(self.folder / "tables" / f"{name}.csv")

    @property
    def details(self) -> Any:
        return json.loads((self.folder / "details.json").read_text(encoding="utf-8"))


def read(path: Path) -> pd.DataFrame:
    """A CSV file in which only an empty cell is no number."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


@cache
def committed(section: str) -> Run:
    """The run of the pipeline."""
    return drawn(section, REPORTS / section)


def drawn(section: str, folder: Path) -> Run:
    """A run folder with its figures."""
    with styled():
        return Run(folder, load(section).draw(folder))


def groups(table: pd.DataFrame, *by: str) -> list[tuple[Any, pd.DataFrame]]:
    """The rows of each value of a column, in order of appearance."""
    return list(table.groupby(list(by) if len(by) > 1 else by[0], sort=False))


def band_of(table: pd.DataFrame, x: str, y: str) -> tuple[Any, Any, Any]:
    """The band around a column of means, where it has one."""
    ends = [f"{y}_ci_low", f"{y}_ci_high"]
    there = table.dropna(subset=ends)
    return there[x], there[ends[0]], there[ends[1]]


# What is drawn, without the parts of error bars and the lines across the whole axes.
def _lines(axes: Axes) -> list[Any]:
    bars = [one for one in axes.containers if isinstance(one, ErrorbarContainer)]
    parts = [part for bar in bars for part in (bar.lines[0], *bar.lines[1])]
    return [line for line in axes.lines if line not in parts]


def label_of(artist: Any) -> str:
    """Its name in a legend; empty where it has none."""
    label = str(artist.get_label())
    return "" if label.startswith("_") or label == "None" else label


def lines(axes: Axes) -> list[tuple[Any, ...]]:
    """Label, x and y of each curve."""
    found = [line for line in _lines(axes) if line.get_transform() == axes.transData]
    return [(label_of(one), *one.get_data()) for one in found if len(one.get_xdata())]


def styles(axes: Axes) -> list[tuple[str, str, str]]:
    """Colour, dashes and marker of each curve."""
    found = [line for line in _lines(axes) if line.get_transform() == axes.transData]
    return [
        (to_hex(one.get_color()), one.get_linestyle(), str(one.get_marker()))
        for one in found
        if len(one.get_xdata())
    ]


def across(axes: Axes) -> list[tuple[Any, ...]]:
    """Axis and place of each line across the whole axes."""
    found = []
    for line in _lines(axes):
        if line.get_transform() == axes.get_yaxis_transform(which="grid"):
            found.append(("y", float(line.get_ydata()[0])))
        elif line.get_transform() == axes.get_xaxis_transform(which="grid"):
            found.append(("x", float(line.get_xdata()[0])))
    return found


def _bands(axes: Axes) -> list[PolyCollection]:
    found = [
        one
        for one in axes.collections
        if isinstance(one, PolyCollection) and not isinstance(one, QuadMesh)
    ]
    return [one for one in found if any(len(path.vertices) for path in one.get_paths())]


def _edges(collection: PolyCollection) -> tuple[Any, ...]:
    parts = []
    for path in collection.get_paths():
        n = (len(path.vertices) - 3) // 2
        low, high = path.vertices[1 : n + 1], path.vertices[n + 2 : 2 * n + 2][::-1]
        parts.append(np.column_stack([low, high[:, 1]]))
    return tuple(np.concatenate(parts).T)


def bands(axes: Axes) -> list[tuple[Any, ...]]:
    """x, lower and upper end of each band."""
    return [_edges(one) for one in _bands(axes)]


def band_colours(axes: Axes) -> list[str]:
    """The colour of each band."""
    return [to_hex(one.get_facecolor()[0]) for one in _bands(axes)]


def bars(axes: Axes) -> list[tuple[Any, ...]]:
    """Label, x, y, lower and upper ends of each set of error bars."""
    found = []
    for one in axes.containers:
        if isinstance(one, ErrorbarContainer):
            x, y = one.lines[0].get_data()
            ends = [np.full(len(x), np.nan)] * 2
            if one.lines[2]:
                along = 0 if one.has_xerr else 1
                segments = np.array(one.lines[2][0].get_segments())
                ends = [segments[:, 0, along], segments[:, 1, along]]
            found.append((label_of(one), x, y, *ends))
    return found


def bar_colours(axes: Axes) -> list[str]:
    """The colour of each set of error bars."""
    sets = [one for one in axes.containers if isinstance(one, ErrorbarContainer)]
    return [to_hex(one.lines[0].get_color()) for one in sets]


def columns(axes: Axes) -> list[tuple[Any, ...]]:
    """Label, middles, heights of each set of columns."""
    return [
        (
            label_of(one),
            [bar.get_x() + bar.get_width() / 2 for bar in one],
            [bar.get_height() for bar in one],
        )
        for one in axes.containers
        if isinstance(one, BarContainer)
    ]


def dots(axes: Axes) -> list[tuple[Any, ...]]:
    """Label, x and y of each set of points."""
    found = [one for one in axes.collections if isinstance(one, PathCollection)]
    return [(label_of(one), *np.asarray(one.get_offsets()).T) for one in found]


def rectangles(axes: Axes) -> list[tuple[float, float, float, float]]:
    """Corner, width and height of each rectangle except for columns."""
    inside = {id(bar) for one in axes.containers if isinstance(one, BarContainer) for bar in one}
    return [
        (*one.get_xy(), one.get_width(), one.get_height())
        for one in axes.patches
        if isinstance(one, Rectangle) and id(one) not in inside
    ]


def texts(axes: Axes) -> list[tuple[Any, ...]]:
    """Text, x and y of what is written into the axes."""
    return [(one.get_text(), *one.get_position()) for one in axes.texts]


def frame(axes: Axes) -> tuple[str, ...]:
    """Title, names and scales of the axes."""
    return (
        axes.get_title(),
        axes.get_xlabel(),
        axes.get_ylabel(),
        axes.get_xscale(),
        axes.get_yscale(),
    )


def legend(owner: Axes | Figure) -> list[str]:
    """The texts of the legend of axes or a figure."""
    if isinstance(owner, Figure):
        return [text.get_text() for one in owner.legends for text in one.get_texts()]
    found = owner.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


def ticks(axis: Any) -> list[tuple[float, str]]:
    """Place and text of the ticks that were set."""
    names = [text.get_text() for text in axis.get_ticklabels()]
    return list(zip((float(place) for place in axis.get_ticklocs()), names, strict=True))


def reason(figure: Figure) -> str:
    """The sentence of a figure with nothing to draw; empty for one with something."""
    axes = figure.axes[0]
    alone = not axes.axison and len(figure.axes) == 1 and not axes.lines and not axes.patches
    return axes.texts[0].get_text() if alone else ""


def same(found: Sequence[tuple[Any, ...]], expected: Sequence[tuple[Any, ...]]) -> None:
    """Assert that drawn and expected are the same: texts letter by letter, numbers closely."""
    assert len(found) == len(expected), (len(found), len(expected))
    for k, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert len(one) == len(other), k
        for a, b in zip(one, other, strict=True):
            if isinstance(b, str):
                assert a == b
            else:
                a, b = (np.asarray(v, dtype=float) for v in (a, b))
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=f"number {k}")


def segments(axes: Axes) -> list[tuple[Any, ...]]:
    """x, lower and upper end of the vertical lines of each set of them."""
    inside = {
        id(part)
        for one in axes.containers
        if isinstance(one, ErrorbarContainer)
        for part in one.lines[2]
    }
    found = [one for one in axes.collections if isinstance(one, LineCollection)]
    ends = [np.array(one.get_segments()) for one in found if id(one) not in inside]
    return [(one[:, 0, 0], one[:, 0, 1], one[:, 1, 1]) for one in ends]

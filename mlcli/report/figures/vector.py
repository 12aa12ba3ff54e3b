"""Figures as SVG text, with the values behind their curves, drawn again from a run folder.

The page shows these in place of the PNG files: vectors print sharply, their text can be searched,
and each series can be read off and hidden.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mlcli.experiments import load
from mlcli.plotting import COLOURS, METADATA, POINTS, RC, TRUTH, styled
from mlcli.report.figures.series import Group, groups, plain, values

# Text stays text; the page names the font.
TEXT: dict[Any, Any] = {"svg.fonttype": "none"}
# Matplotlib draws SVG at 72 units an inch.
UNITS = 72.0
# Colour -> the name of the page's variable for it. The dark theme has its own value for each.
THEME = {
    "#000000": "ink",
    "#ffffff": "paper",
    RC["grid.color"].lower(): "grid",
    TRUTH.lower(): "truth",
    POINTS.lower(): "points",
    **{colour.lower(): f"series-{i}" for i, colour in enumerate(COLOURS)},
}
PLAIN = (LineCollection, PathCollection, PolyCollection)


@dataclass(frozen=True)
class Drawing:
    """A figure for the page.

    Attributes:
        svg: the SVG, as matplotlib writes it; the groups of a series have ids `series-<n>-<m>`.
        themed: whether its colours are all ones that the page's theme knows.
        labels: names of the series, by number; empty for a lone curve without a name.
        panels: for each panel its box, the names of its axes and the points of its series.
        nothing: why it is empty, where it is.
    """

    svg: str
    themed: bool
    labels: list[str] = field(default_factory=list)
    panels: list[dict[str, Any]] = field(default_factory=list)
    nothing: str = ""


def drawings(section: str, folder: Path) -> dict[str, Drawing]:
    """Every figure of a run folder, by name."""
    with styled(), matplotlib.rc_context(TEXT):
        return {name: _drawing(figure) for name, figure in load(section).draw(folder).items()}


def _drawing(figure: Figure) -> Drawing:
    reason = _reason(figure)
    if reason:
        return Drawing("", themed=True, nothing=reason)
    found = groups(figure)
    for number, group in enumerate(found):
        for place, artist in enumerate(group.artists):
            artist.set_gid(f"series-{number}-{place}")
    text = StringIO()
    figure.savefig(text, format="svg", metadata=METADATA["svg"])
    # Only now has the layout settled, and pixels mean what they will be.
    panels = [_panel(figure, axes, found) for axes in figure.axes]
    return Drawing(
        text.getvalue(),
        themed=all(map(_is_themed, figure.axes)),
        labels=[group.label for group in found],
        panels=[panel for panel in panels if panel["series"]],
    )


def _reason(figure: Figure) -> str:
    """The sentence of a figure that holds nothing but a sentence."""
    if len(figure.axes) != 1 or figure.axes[0].axison:
        return ""
    axes = figure.axes[0]
    drawn = [*axes.lines, *axes.collections, *axes.images, *axes.patches, *axes.tables]
    return axes.texts[0].get_text() if len(axes.texts) == 1 and not drawn else ""


def _is_themed(axes: Axes) -> bool:
    """Whether a dark ground can take the place of the white one: no colour is a scale."""
    if axes.images or any(not isinstance(one, PLAIN) for one in axes.collections):
        return False
    filled = [one.get_facecolor() for one in axes.patches if one.get_fill()]
    outlined = [one for collection in axes.collections for one in collection.get_facecolor()]
    colours = {to_hex(colour) for colour in [*filled, *outlined]}  # type: ignore[arg-type]
    return colours <= set(THEME)


def _panel(figure: Figure, axes: Axes, found: list[Group]) -> dict[str, Any]:
    scale = UNITS / figure.dpi
    height = figure.get_figheight() * UNITS
    box = axes.get_window_extent()
    series = []
    for number, group in enumerate(found):
        points = [
            [round(px * scale, 1), round(height - py * scale, 1), x, y]
            for px, py, x, y in values(axes, group)
        ]
        if points:
            series.append({"n": number, "points": points})
    return {
        "box": [
            round(box.x0 * scale, 1),
            round(height - box.y1 * scale, 1),
            round(box.x1 * scale, 1),
            round(height - box.y0 * scale, 1),
        ],
        "x": _shared_label(axes, "x"),
        "y": _shared_label(axes, "y"),
        "series": series,
    }


def _shared_label(axes: Axes, name: str) -> str:
    """The label of an axis; panels that share an axis carry it only at the edge."""
    siblings = getattr(axes, f"get_shared_{name}_axes")().get_siblings(axes)
    own = getattr(axes, f"get_{name}label")()
    others = [getattr(one, f"get_{name}label")() for one in siblings]
    return plain(own or next(filter(None, others), ""))

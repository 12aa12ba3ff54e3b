"""Figures as SVG text, with the values behind their curves, drawn again from a run folder.

The page shows these in place of the PNG files: vectors print sharply, their text can be searched,
and each series can be read off and hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PathCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer, Container, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter

from mlcli.experiments import load
from mlcli.plotting import COLOURS, METADATA, POINTS, RC, TRUTH, styled, why_empty

# A curve is read off at this many places at most, a cloud of points only if it is small.
MOST_POINTS = 90
MOST_ROWS = 150
# Curves without a name can be read off where they are few.
MOST_NAMELESS = 6
BLACK = "#000000"
# In the place of a dollar that is one, while those of mathematics are taken away.
HELD = "\0"
GREEK = {"eta": "η", "lambda": "λ", "sigma": "σ", "kappa": "κ", "gamma": "γ", "pi": "π"}


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
    reason = why_empty(figure)
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


@dataclass
class Group:
    """A series: its name, what is drawn for it, and the artists that its values are read from."""

    label: str
    artists: list[Artist] = field(default_factory=list)
    read: list[Artist] = field(default_factory=list)


def groups(figure: Figure) -> list[Group]:
    """The series of a figure, in order of appearance; a name means the same in every panel.

    A band or an error bar has no name of its own: it belongs to what was last drawn in its colour.
    """
    found: dict[str, Group] = {}
    for axes in figure.axes:
        named = dict(_named(axes))  # artist -> name of its series
        for artist, label in named.items():
            group = found.setdefault(label, Group(label))
            group.artists.append(artist)
            if _can_be_read(artist):
                group.read.append(artist)
        for artist in axes.get_children():
            owner = _owner(artist, axes, named)
            if owner is not None:
                found[owner].artists.append(artist)
        if not named:
            _add_nameless(axes, found)
    shown = [group for group in found.values() if any(map(_is_visible, group.artists))]
    return sorted(shown, key=lambda group: not group.label)


def _named(axes: Axes) -> Iterator[tuple[Artist, str]]:
    for container in axes.containers:
        label = _public(container)
        if label:
            yield from ((artist, label) for artist in _flat(container))
    for artist in axes.get_children():
        label = _public(artist)
        if label and isinstance(artist, Line2D | Collection | Patch) and artist is not axes.patch:
            yield artist, label


def _flat(container: Container) -> Iterator[Artist]:
    for part in container:
        if isinstance(part, tuple | list):
            yield from part
        elif part is not None:
            yield part


def _public(artist: Any) -> str:
    label = str(artist.get_label() or "")
    return "" if label.startswith("_") else plain(label)


def _owner(artist: Artist, axes: Axes, named: dict[Artist, str]) -> str | None:
    """The series of an artist without a name: that of its colour, of its own kind if there is."""
    if artist in named or not isinstance(artist, Line2D | Collection) or _public(artist):
        return None
    if isinstance(artist, PathCollection):
        return None
    mine = _colour(artist)
    children = axes.get_children()
    peers = [one for one in children if one in named and _colour(one) == mine]
    if not isinstance(artist, Line2D):
        peers = [one for one in peers if type(one) is type(artist)] or peers
    before = [one for one in peers if children.index(one) < children.index(artist)]
    chosen = before[-1:] or peers[:1]
    # Black is the colour of what belongs to no series, such as a diagonal.
    return named[chosen[0]] if chosen and mine not in (None, BLACK) else None


def _colour(artist: Artist) -> str | None:
    if isinstance(artist, Line2D):
        return to_hex(artist.get_color())
    if isinstance(artist, Collection):
        for colours in (artist.get_facecolor(), artist.get_edgecolor()):
            if len(colours):
                return to_hex(colours[0])  # type: ignore[arg-type]
    return to_hex(artist.get_facecolor()) if isinstance(artist, Patch) else None


def _add_nameless(axes: Axes, found: dict[str, Group]) -> None:
    lines = [line for line in axes.lines if _size(line) > 1]
    if 0 < len(lines) <= MOST_NAMELESS:
        group = found.setdefault("", Group(""))
        group.artists += lines
        group.read += lines
    for container in axes.containers:
        if isinstance(container, BarContainer | ErrorbarContainer):
            group = found.setdefault("", Group(""))
            artists = list(_flat(container))
            group.artists += artists
            group.read += [one for one in artists if _can_be_read(one) and one not in group.read]


def _can_be_read(artist: Artist) -> bool:
    if isinstance(artist, PathCollection):
        return _size(artist) <= MOST_ROWS
    if isinstance(artist, Line2D):
        return artist.axes is not None and artist.get_transform() == artist.axes.transData
    return isinstance(artist, Patch) and hasattr(artist, "get_height")


def _is_visible(artist: Artist) -> bool:
    if isinstance(artist, Line2D | PathCollection):
        return _size(artist) > 0
    if isinstance(artist, Collection):
        return any(np.size(path.vertices) for path in artist.get_paths())
    return artist.get_visible()


def _size(artist: Line2D | PathCollection) -> int:
    """How many points it has."""
    points = artist.get_xydata() if isinstance(artist, Line2D) else artist.get_offsets()
    return len(np.asarray(points))


def values(axes: Axes, group: Group) -> Iterator[tuple[float, float, Any, Any]]:
    """Points of a series in a panel: two pixels, and x and y as they are to be read."""
    box = axes.get_window_extent().padded(1)
    names = [_tick_names(axis) for axis in (axes.xaxis, axes.yaxis)]
    for artist in group.read:
        if artist.axes is not axes:
            continue
        data = _data(artist)
        if not len(data):
            continue
        with np.errstate(all="ignore"):
            pixels = axes.transData.transform(data)
        inside = np.isfinite(pixels).all(axis=1) & [box.contains(*pixel) for pixel in pixels]
        chosen = np.flatnonzero(inside)
        if chosen.size > MOST_POINTS:
            every = np.linspace(0, chosen.size - 1, MOST_POINTS).round().astype(int)
            chosen = chosen[every]
        for i in chosen:
            x, y = (_reading(value, known) for value, known in zip(data[i], names, strict=True))
            yield float(pixels[i, 0]), float(pixels[i, 1]), x, y


def _data(artist: Artist) -> Any:
    if isinstance(artist, Line2D):
        return np.asarray(artist.get_xydata(), dtype=float)
    if isinstance(artist, PathCollection):
        return np.ma.filled(np.ma.asarray(artist.get_offsets(), dtype=float), np.nan)
    corner, width, height = artist.get_xy(), artist.get_width(), artist.get_height()  # type: ignore[attr-defined]
    return np.array([[corner[0] + width / 2, corner[1] + height]])


def _tick_names(axis: Any) -> dict[float, str]:
    """The names of places on an axis whose ticks are named."""
    if not isinstance(axis.get_major_formatter(), FixedFormatter):
        return {}
    texts = axis.get_major_formatter().seq
    return dict(zip(map(float, axis.get_majorticklocs()), map(plain, texts), strict=False))


def _reading(value: float, names: dict[float, str]) -> float | str:
    nearest = min(names, key=lambda tick: abs(tick - value), default=None)
    if nearest is not None and abs(nearest - value) < 0.5 and names[nearest]:
        return names[nearest]
    return float(f"{value:.4g}")


def plain(text: str) -> str:
    """A label without the marks of mathematics."""
    text = text.replace(r"\$", HELD)
    if text.count("$") < 2:
        return text.replace(HELD, "$")
    text = re.sub(r"\\mathrm\{([^}]*)\}|\\mathdefault\{([^}]*)\}", r"\1\2", text)
    text = re.sub(r"\\([a-z]+)", lambda found: GREEK.get(found[1], found[1]), text)
    return re.sub(r"[${}]", "", text).replace(HELD, "$")

"""The figure of `mlcli data describe`: a small panel a column, and the correlations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcli.plotting import COLOURS, new_figure, save, shortened, styled

MOST_PANELS = 12
ACROSS = 4
TITLE_CHARACTERS = 60
NAME_CHARACTERS = 24
VALUE_CHARACTERS = 12
CORRELATED_CHARACTERS = 10


def draw_description(found: Mapping[str, Any], path: Path) -> None:
    """Draw what a file holds into a PNG, SVG or PDF file; `description` has what."""
    with styled():
        save(description(found), path)


def description(found: Mapping[str, Any]) -> Figure:
    """What a file holds: the target first, then the other columns in their order.

    Columns of one value have nothing to draw, and there is room for some only; the title says so.

    Args:
        found: as `datasets.describe.describe_table` gives it.
    """
    target = (found["target"] or {}).get("name")
    columns = [one for one in found["columns"] if one["n_distinct"] > 1]
    columns.sort(key=lambda one: one["name"] != target)
    matrix = found["correlations"]["matrix"]
    panels = columns[: MOST_PANELS - bool(matrix)]
    n = len(panels) + bool(matrix)
    across, down = min(ACROSS, max(n, 1)), max(1, math.ceil(n / ACROSS))
    figure = new_figure(2.6 * across, 2.1 * down + 0.3)
    grid = np.atleast_1d(figure.subplots(down, across)).ravel()
    for axes in grid[n:]:
        axes.axis("off")
    for axes, one in zip(grid, panels, strict=False):
        _column(axes, one, COLOURS[1] if one["name"] == target else COLOURS[0])
    if matrix:
        _correlations(grid[n - 1], found["correlations"])
    title = _short(f"{found['file']}: {found['n_rows']} rows", TITLE_CHARACTERS)
    if len(panels) < len(found["columns"]):
        title += f"\n{len(panels)} of {len(found['columns'])} columns"
    figure.suptitle(title, fontsize=11)
    return figure


def _short(text: str, most: int) -> str:
    """At most so many characters, in which no dollar sign starts a formula."""
    return shortened(text, most).replace("$", r"\$")


def _column(axes: Axes, one: Mapping[str, Any], colour: str) -> None:
    axes.set_title(_short(one["name"], NAME_CHARACTERS), fontsize=9)
    axes.tick_params(labelsize=7)
    bars = one.get("histogram")
    if bars:
        edges = np.array(bars["edges"])
        axes.bar(edges[:-1], bars["counts"], np.diff(edges), align="edge", color=colour)
        return
    frequent = one.get("most_frequent") or []
    labels = [_short(value["value"], VALUE_CHARACTERS) for value in frequent]
    places = np.arange(len(labels))
    axes.barh(places, [value["n"] for value in frequent], color=colour)
    axes.set_yticks(places, labels)
    axes.invert_yaxis()


def _correlations(axes: Axes, pairs: Mapping[str, Any]) -> None:
    r = np.array([[np.nan if v is None else v for v in row] for row in pairs["matrix"]])
    image = axes.imshow(r, vmin=-1, vmax=1, cmap="RdBu_r")
    axes.grid(False)
    names = [_short(name, CORRELATED_CHARACTERS) for name in pairs["names"]]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
    axes.set_yticks(range(len(names)), names, fontsize=6)
    axes.set_title("correlations of features", fontsize=9)
    axes.figure.colorbar(image, ax=axes, shrink=0.8).ax.tick_params(labelsize=6)

"""The figure of `mlcli data describe`: a small panel a column, and the correlations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mlcli.report.figures.style import COLOURS, new_figure, save, styled

MOST_PANELS = 12
ACROSS = 4
NAME_CHARACTERS = 24


def draw_description(found: Mapping[str, Any], path: Path) -> None:
    """Draw what a file holds: the target first, then the other columns in their order.

    Args:
        found: as `datasets.describe.describe_table` gives it.
        path: a PNG, SVG or PDF file.
    """
    target = (found["target"] or {}).get("name")
    columns = [one for one in found["columns"] if one["n_distinct"] > 1]
    columns.sort(key=lambda one: one["name"] != target)
    matrix = found["correlations"]["matrix"]
    panels = columns[: MOST_PANELS - bool(matrix)]
    n = len(panels) + bool(matrix)
    with styled():
        across, down = min(ACROSS, max(n, 1)), max(1, math.ceil(n / ACROSS))
        figure = new_figure(2.6 * across, 2.1 * down + 0.3)
        grid = np.atleast_1d(figure.subplots(down, across)).ravel()
        for axes in grid[n:]:
            axes.axis("off")
        for axes, one in zip(grid, panels, strict=False):
            _column(axes, one, COLOURS[1] if one["name"] == target else COLOURS[0])
        if matrix:
            _correlations(grid[n - 1], found["correlations"])
        figure.suptitle(_plain(f"{found['file']}: {found['n_rows']} rows"), fontsize=11)
        save(figure, path)


def _plain(text: str) -> str:
    """Text in which no dollar sign starts a formula."""
    short = text if len(text) <= 60 else text[:57] + "..."
    return short.replace("$", r"\$")


def _name(text: str) -> str:
    return _plain(text if len(text) <= NAME_CHARACTERS else text[: NAME_CHARACTERS - 3] + "...")


def _column(axes: Axes, one: Mapping[str, Any], colour: str) -> None:
    axes.set_title(_name(one["name"]), fontsize=9)
    axes.tick_params(labelsize=7)
    bars = one.get("histogram")
    if bars:
        edges = np.array(bars["edges"])
        axes.bar(edges[:-1], bars["counts"], np.diff(edges), align="edge", color=colour)
        return
    frequent = one.get("most_frequent") or []
    labels = [_name(value["value"])[:12] for value in frequent]
    places = np.arange(len(labels))
    axes.barh(places, [value["n"] for value in frequent], color=colour)
    axes.set_yticks(places, labels)
    axes.invert_yaxis()


def _correlations(axes: Axes, pairs: Mapping[str, Any]) -> None:
    r = np.array([[np.nan if v is None else v for v in row] for row in pairs["matrix"]])
    image = axes.imshow(r, vmin=-1, vmax=1, cmap="RdBu_r")
    axes.grid(False)
    names = [_name(name)[:10] for name in pairs["names"]]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
    axes.set_yticks(range(len(names)), names, fontsize=6)
    axes.set_title("correlations of features", fontsize=9)
    axes.figure.colorbar(image, ax=axes, shrink=0.8).ax.tick_params(labelsize=6)

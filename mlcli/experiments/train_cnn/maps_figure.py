"""Pictures of `train-cnn`: feature maps, and the map of classes on a larger picture."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from mlcli.plotting import (
    Table,
    distinct,
    new_figure,
    nothing_to_draw,
    numbers,
    where,
)

# Ten colours that stay apart for most eyes; the label stands in each cell as well.
CLASS_COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
    "#7F7F7F",
    "#8C510A",
    "#542788",
)
# Cells of a map along a side up to which each has its label written in it.
MOST_LABELLED = 16


def _grid(text: str) -> NDArray[np.float64]:
    return np.array([line.split(" ") for line in text.split("/")], dtype=float)


def feature_maps(table: Table) -> Figure:
    """Each stage in a row: the channels that answer most to one test image."""
    stages = distinct(table["stage"])
    if len(stages) < 2:
        return nothing_to_draw("No layer of the network puts out images.")
    rows = [where(table, stage=stage) for stage in stages]
    n_columns = max(len(one["values"]) for one in rows)
    figure = new_figure(0.95 * n_columns + 0.4, 1.25 * len(rows) + 0.5)
    parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for part, one in zip(parts, rows, strict=True):
        part.suptitle(one["layer"][0], fontsize=9, x=0.01, ha="left")
        panels = np.atleast_1d(part.subplots(1, n_columns)).ravel()
        for axes in panels:
            axes.axis("off")
        grids = [_grid(text) for text in one["values"]]
        low, high = min(g.min() for g in grids), max(g.max() for g in grids)
        for axes, grid in zip(panels, grids, strict=False):
            axes.imshow(grid, cmap="gray", vmin=low, vmax=high if high > low else low + 1)
    return figure


def class_map(picture: Table, cells: Table) -> Figure:
    """A larger picture, and beside it what the network sees at each place."""
    if not cells["label"]:
        return nothing_to_draw("No larger picture was asked for (deploy_size is not set).")
    pixels = _grid(picture["pixels"][0])
    size = pixels.shape[0]
    figure = new_figure(9.6, 5.6)
    left, right = figure.subplots(1, 2)
    for axes, alpha in ((left, 1.0), (right, 0.5)):
        axes.imshow(pixels, cmap="gray", alpha=alpha, extent=(0, size, size, 0))
        axes.set_xlim(0, size)
        axes.set_ylim(size, 0)
        axes.grid(False)
        axes.set_xlabel("pixels")
    places = zip(picture["top"], picture["left"], picture["class"], strict=True)
    for top, start, name in places:
        left.text(float(start), float(top) - 1, name, color="white", fontsize=8, va="bottom")
    _cells(right, cells, size)
    left.set_title("Test images in a larger picture")
    right.set_title("Class seen at each place, paler where less sure")
    named = dict(zip(cells["label"], cells["class"], strict=True))
    handles = [
        Patch(color=CLASS_COLOURS[int(k) % len(CLASS_COLOURS)], label=f"{k}: {named[k]}")
        for k in sorted(named, key=int)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8)
    return figure


def _cells(axes: Axes, cells: Table, size: int) -> None:
    heights, widths = numbers(cells["height"]), numbers(cells["width"])
    labelled = size / min(heights[0], widths[0]) <= MOST_LABELLED
    rows = zip(cells["y"], cells["x"], cells["label"], cells["probability"], strict=True)
    for (y, x, label, probability), h, w in zip(rows, heights, widths, strict=True):
        colour = to_rgb(CLASS_COLOURS[int(label) % len(CLASS_COLOURS)])
        corner = (float(x) - w / 2, float(y) - h / 2)
        box = Rectangle(
            corner,
            w,
            h,
            facecolor=(*colour, 0.15 + 0.7 * float(probability)),
            edgecolor="white",
            linewidth=0.3,
        )
        axes.add_patch(box)
        if labelled:
            axes.text(float(x), float(y), label, ha="center", va="center", fontsize=7)

"""Matrices with their numbers in the cells: the small figures of `filters`."""

from __future__ import annotations

from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mlcli.plotting import COLOURS, Array, Table, distinct, new_figure, numbers, where

# Not filters: the image itself, and the parts of Figure 21.
POOLING = ("first channel", "max pooled", "average pooled", "second channel", "depth pooled")
# Purple below zero, orange above: told apart with any of the common colour deficiencies.
SIGNED = "PuOr_r"


def matrix_of(table: Table, name: str, key: str = "matrix") -> Array:
    """One matrix of a table with an entry a line."""
    rows = where(table, **{key: name})
    i, j = (numbers(rows[axis]).astype(int) - 1 for axis in ("row", "column"))
    matrix = np.zeros((i.max() + 1, j.max() + 1))
    matrix[i, j] = numbers(rows["value"])
    return matrix


def cells(axes: Axes, matrix: Array, title: str, reach: float, colours: str = SIGNED) -> None:
    """A matrix in colours, its numbers in the cells.

    Args:
        axes: to draw on.
        matrix: (n, m).
        title: above it.
        reach: size of the entries that get the darkest colours.
        colours: a map of matplotlib's, its middle at zero.
    """
    reach = reach or 1.0
    norm = TwoSlopeNorm(0, -1.6 * reach, 1.6 * reach)  # pale enough for black numbers
    axes.imshow(matrix, cmap=colours, norm=norm)
    small = max(matrix.shape) > 6 or max(len(f"{value:.3g}") for value in matrix.ravel()) > 4
    for (i, j), value in np.ndenumerate(matrix):
        axes.text(j, i, f"{value + 0.0:.3g}", ha="center", va="center", fontsize=7 if small else 9)
    _frame(axes, matrix.shape, title)


def _frame(axes: Axes, shape: tuple[int, ...], title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xticks(np.arange(shape[1] + 1) - 0.5, [])
    axes.set_yticks(np.arange(shape[0] + 1) - 0.5, [])
    axes.tick_params(length=0)
    axes.grid(True, color="white", linewidth=1.5)
    axes.set_axisbelow(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def matrices(table: Table) -> Figure:
    """(8.1) and what each filter makes of it."""
    names = [name for name in distinct(table["matrix"]) if name not in POOLING]
    n_columns = min(3, len(names))
    n_rows = ceil(len(names) / n_columns)
    figure = new_figure(2.7 * n_columns, 2.8 * n_rows)
    every = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    titles = {
        "image": "image (8.1)",
        "difference": "difference (8.2)",
        "vertical": "vertical (8.12), corrected",
    }
    for axes, name in zip(every, names, strict=False):
        matrix = matrix_of(table, name)
        cells(axes, matrix, titles.get(name, name), float(np.abs(matrix).max()))
    for axes in every[len(names) :]:
        axes.axis("off")
    return figure


def pooling(table: Table) -> Figure:
    """Figure 21 in numbers: windows in one colour each."""
    figure = new_figure(9.0, 4.4)
    every = figure.subplots(2, 3)
    by_name = {name: matrix_of(table, name) for name in POOLING}
    titles = ("4 x 4, one channel", "max pooling", "average pooling")
    for axes, name, title in zip(every[0], POOLING[:3], titles, strict=True):
        _windows(axes, by_name[name], title)
    larger = by_name["second channel"] > by_name["first channel"]
    _two_colours(every[1][0], by_name["first channel"], np.zeros_like(larger), "first channel")
    _two_colours(every[1][1], by_name["second channel"], np.ones_like(larger), "second channel")
    _two_colours(every[1][2], by_name["depth pooled"], larger, "depth pooling")
    return figure


def _windows(axes: Axes, matrix: Array, title: str) -> None:
    """Numbers in the colour of the 2 x 2 window that they belong to."""
    step = 2 if len(matrix) == 4 else 1
    for (i, j), value in np.ndenumerate(matrix):
        window = 2 * (i // step) + j // step
        _cell(axes, i, j, f"{value:.3g}", COLOURS[window])
    _grid(axes, matrix.shape, title)


def _two_colours(axes: Axes, matrix: Array, second: NDArray[np.bool_], title: str) -> None:
    """Numbers in the colour of the channel that they come from."""
    for (i, j), value in np.ndenumerate(matrix):
        _cell(axes, i, j, f"{value:.3g}", COLOURS[4] if second[i, j] else COLOURS[5])
    _grid(axes, matrix.shape, title)


def _cell(axes: Axes, i: int, j: int, text: str, colour: str) -> None:
    axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=colour, alpha=0.4, linewidth=0))
    axes.text(j, i, text, ha="center", va="center", fontsize=10)


def _grid(axes: Axes, shape: tuple[int, ...], title: str) -> None:
    axes.set_xlim(-0.5, shape[1] - 0.5)
    axes.set_ylim(shape[0] - 0.5, -0.5)
    axes.set_aspect("equal")
    _frame(axes, shape, title)


def shapes(table: Table) -> Figure:
    """Places of a 3 x 3 filter on 6 x 6, and the sizes of all outputs."""
    figure = new_figure(9.0, 6.2)
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=(2.7, 3.3))
    above, below = parts[:, 0]
    cases = (("valid", "1"), ("valid", "2"), ("same", "1"), ("same", "2"))
    for axes, (padding, stride) in zip(above.subplots(1, 4), cases, strict=True):
        row = where(table, f="3", padding=padding, stride=stride)
        n, size, zeros = (int(row[key][0]) for key in ("n", "array", "zeros"))
        p = zeros // 2
        for i, j in np.ndindex(n + zeros, n + zeros):
            inside = p <= i < n + p and p <= j < n + p
            axes.add_patch(
                Rectangle(
                    (j - 0.5, i - 0.5),
                    1,
                    1,
                    edgecolor="#9AA0A6",
                    linewidth=0.6,
                    facecolor="white" if inside else "#D5D9DE",
                )
            )
        middles = 1 + int(stride) * np.arange(size)
        axes.plot(*np.meshgrid(middles, middles), "o", color=COLOURS[0], markersize=4)
        axes.add_patch(Rectangle((-0.5, -0.5), 3, 3, fill=False, edgecolor=COLOURS[1], linewidth=2))
        axes.set_xlim(-0.7, n + zeros - 0.3)
        axes.set_ylim(n + zeros - 0.3, -0.7)
        axes.set_aspect("equal")
        axes.axis("off")
        axes.set_title(f"{padding}, stride {stride}: {size} x {size}", fontsize=10)
    _sizes(below.subplots(), table)
    return figure


def _sizes(axes: Axes, table: Table) -> None:
    sizes = distinct(table["f"])
    cases = [
        (padding, stride)
        for padding in distinct(table["padding"])
        for stride in distinct(table["stride"])
    ]
    matrix = np.array(
        [
            [
                float(where(table, f=f, padding=padding, stride=stride)["array"][0])
                for padding, stride in cases
            ]
            for f in sizes
        ]
    )
    cells(axes, matrix, "side of the output on 6 x 6", float(matrix.max()))
    axes.set_aspect("auto")
    words = {"valid": "valid", "1": "p = 1", "same": "same"}
    axes.set_xticks(range(len(cases)), [f"{words[p]}\nstride {s}" for p, s in cases], fontsize=8)
    axes.set_yticks(range(len(sizes)), sizes)
    axes.set_ylabel("filter size f")
    axes.grid(False)


def pointwise(table: Table) -> Figure:
    """Figure 23 in numbers."""
    figure = new_figure(9.0, 6.6)
    grid = figure.add_gridspec(3, 4)
    names = distinct(table["matrix"])
    inputs = [name for name in names if name.startswith("input")]
    outputs = [name for name in names if name.startswith("output")]
    for k, name in enumerate(inputs):
        axes = figure.add_subplot(grid[0, k])
        cells(axes, matrix_of(table, name), f"channel {k + 1} of the input", 9.0)
    axes = figure.add_subplot(grid[1, 1:3])
    filters = matrix_of(table, "filters")
    cells(axes, filters, "filters, a row each (8.21)", float(np.abs(filters).max()))
    reach = max(float(np.abs(matrix_of(table, name)).max()) for name in outputs)
    for k, name in enumerate(outputs):
        axes = figure.add_subplot(grid[2, k])
        cells(axes, matrix_of(table, name), f"channel {k + 1} of the output", reach)
    return figure

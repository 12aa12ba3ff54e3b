"""The figures of `filters`: pictures, curves, and matrices with their numbers."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mlcli.plotting import (
    COLOURS,
    POINTS,
    Array,
    Table,
    distinct,
    new_figure,
    numbers,
    read_table,
    shade,
    where,
)

# Not filters: the image itself, and the parts of Figure 21.
POOLING = ("first channel", "max pooled", "average pooled", "second channel", "depth pooled")
# Purple below zero, orange above: told apart with any of the common colour deficiencies.
SIGNED = "PuOr_r"


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = (
        "equivariance",
        "equivariance_maps",
        "inner_products",
        "matrices",
        "picture",
        "pointwise",
        "pooled",
        "scan",
        "shapes",
        "shifts",
        "turned",
        "unrolled",
    )
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    return {
        "unrolled": unrolled(tables["unrolled"]),
        "equivariance": equivariance(tables["equivariance_maps"], tables["equivariance"]),
        "shifts": shifts(tables["shifts"]),
        "matrices": matrices(tables["matrices"]),
        "inner_products": inner_products(tables["inner_products"]),
        "scan": scan(tables["scan"]),
        "responses": responses(tables["picture"]),
        "shapes": shapes(tables["shapes"]),
        "pooling": pooling(tables["matrices"]),
        "pooled": pooled(tables["pooled"]),
        "turned": turned(tables["turned"]),
        "pointwise": pointwise(tables["pointwise"]),
    }


def panels(table: Table) -> dict[str, Array]:
    """Pictures by name from a table with one row of pixels per line."""
    names = np.array(table["panel"])
    pixels = np.array([numbers(column) for key, column in table.items() if key != "panel"]).T
    found = {}
    for name in distinct(table["panel"]):
        panel = pixels[names == name]
        found[name] = panel[:, ~np.isnan(panel[0])]
    return found


def bare(axes: Axes, title: str) -> None:
    """Axes for a picture: no ticks, no grid, a thin frame around white."""
    axes.set_title(title, fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color=POINTS, linewidth=0.6)


def responses(table: Table) -> Figure:
    """The picture and the response to each filter."""
    found = panels(table)
    channels = [panel for name, panel in found.items() if name.startswith("picture ")]
    filtered = {name: panel for name, panel in found.items() if not name.startswith("picture ")}
    n_columns = min(3, 1 + len(filtered))
    n_rows = ceil((1 + len(filtered)) / n_columns)
    n_h, n_w = channels[0].shape
    # Very flat or very tall pictures get room for their titles.
    height = n_rows * (0.45 + float(np.clip(2.8 * n_h / n_w, 0.8, 4.0)))
    figure = new_figure(2.9 * n_columns, height)
    every = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    # The notes' matrix has 0 and 10 for dark and bright.
    picture = np.stack(channels, axis=2) / max(1.0, float(max(c.max() for c in channels)))
    bare(every[0], "picture")
    every[0].imshow(
        picture if len(channels) == 3 else picture[:, :, 0], cmap="gray", vmin=0, vmax=1
    )
    for axes, (name, panel) in zip(every[1:], filtered.items(), strict=False):
        # A few very strong edges would leave the others pale.
        reach = float(np.quantile(np.abs(panel), 0.99)) or float(np.abs(panel).max()) or 1.0
        bare(axes, name)
        axes.imshow(panel, cmap=SIGNED, vmin=-reach, vmax=reach)
        axes.set_xlabel(f"{panel.shape[0]} x {panel.shape[1]}, within ±{reach:.3g}", fontsize=8)
    for axes in every[1 + len(filtered) :]:
        axes.axis("off")
    return figure


def pooled(table: Table) -> Figure:
    """The picture coarse-grained, and pooled along the depth."""
    found = panels(table)
    n_h, n_w = found["picture"].shape
    figure = new_figure(8.7, 2 * (0.45 + float(np.clip(2.8 * n_h / n_w, 0.8, 4.0))))
    titles = {
        "picture": "picture",
        "max": "max pooling",
        "average": "average pooling",
        "vertical edges": "filter for vertical edges",
        "horizontal edges": "filter for horizontal edges",
        "depth": "largest of four filters",
    }
    every = figure.subplots(2, 3).ravel()
    top = max(1.0, float(found["picture"].max()))
    # A few very strong edges would leave the others dark.
    strong = float(np.quantile(found["depth"], 0.99)) or 1.0
    for axes, (name, title) in zip(every, titles.items(), strict=False):
        panel = found[name]
        bare(axes, title)
        bright = top if name in ("picture", "max", "average") else strong
        axes.imshow(panel, cmap="gray", vmin=0, vmax=bright)
        axes.set_xlabel(f"{panel.shape[0]} x {panel.shape[1]}", fontsize=8)
    return figure


def unrolled(table: Table) -> Figure:
    """One image at three places, and the three vectors."""
    rows, columns = (int(numbers(table[key]).max()) + 1 for key in ("row", "column"))
    names = [key for key in table if key.startswith("shift_")]
    figure = new_figure(8.0, 4.4)
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=(2.6, 1.8))
    above, below = parts[:, 0]
    moved = [int(name.removeprefix("shift_")) for name in names]
    sides = ["left" if shift < 0 else "right" if shift else "middle" for shift in moved]
    for axes, name, shift, side in zip(above.subplots(1, 3), names, moved, sides, strict=True):
        bare(axes, f"{abs(shift)} pixels to the {side}" if shift else "in the middle")
        axes.imshow(numbers(table[name]).reshape(rows, columns), cmap="gray")
    axes = below.subplots()
    strips = np.stack([numbers(table[name]) for name in names])
    axes.imshow(
        strips,
        cmap="gray",
        aspect="auto",
        interpolation="nearest",
        extent=(0, rows * columns, len(names), 0),
    )
    axes.grid(False)
    axes.set_yticks(np.arange(len(names)) + 0.5, sides)
    for edge in range(1, len(names)):
        axes.axhline(edge, color="white", linewidth=3)
    axes.set_xlabel(f"place in the unrolled vector ({columns} pixels a row of the image)")
    return figure


def shifts(table: Table) -> Figure:
    """Similarity and class against the shift, for each representation."""
    figure = new_figure(9.0, 4.6)
    left, right = figure.subplots(1, 2)
    styles = zip(distinct(table["representation"]), COLOURS, "os^Dv", strict=False)
    for name, colour, marker in styles:
        rows = where(table, representation=name)
        shift = numbers(rows["shift"])
        for axes, key in ((left, "similarity"), (right, "same_class")):
            axes.plot(shift, numbers(rows[key]), marker=marker, color=colour, label=name)
            shade(
                axes, shift, numbers(rows[f"{key}_ci_low"]), numbers(rows[f"{key}_ci_high"]), colour
            )
        left.plot(shift, numbers(rows["others"]), ":", color=colour)
    left.plot([], [], ":", color="black", label="with other images")
    left.set_ylabel("cosine of before and after")
    left.set_title("The same image, shifted")
    right.set_ylabel("nearest other image of its class")
    right.set_title("What is left to tell classes apart")
    for axes in (left, right):
        axes.set_ylim(0, 1.03)
        axes.set_xticks(sorted(set(numbers(table["shift"]))))
        axes.set_xlabel("shift in pixels")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def turned(table: Table) -> Figure:
    """Responses to an edge that is turned, and their maximum."""
    figure = new_figure(7.0, 4.0)
    axes = figure.add_subplot()
    degrees = numbers(table["degrees"])
    words = {
        "vertical": "vertical",
        "diagonal": "diagonal",
        "horizontal": "horizontal",
        "other_diagonal": "other diagonal",
    }
    axes.plot(
        degrees,
        numbers(table["depth_pooled"]),
        color="black",
        linewidth=3.5,
        alpha=0.35,
        label="depth pooled",
    )
    for (key, label), colour, dash in zip(
        words.items(), COLOURS, ("-", "--", "-.", ":"), strict=False
    ):
        axes.plot(degrees, numbers(table[key]), dash, color=colour, label=label)
    axes.set_xticks(np.arange(0, 181, 45))
    axes.set_ylim(0, 1.08 * float(numbers(table["depth_pooled"]).max()))
    axes.set_xlabel("angle of the edge's normal, in degrees (0: a vertical edge)")
    axes.set_ylabel("size of the response")
    axes.set_title("Max pooling over four filters forgets which way an edge runs")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def matrix_of(table: Table, name: str, key: str = "matrix") -> Array:
    """One matrix of a table with one entry per line."""
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
    """(8.1) and the response of each filter."""
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


def scan(table: Table) -> Figure:
    """Figure 20: the filter at a few places, the products with their sum, and the output so far."""
    image, inside = matrix_of(table, "image"), matrix_of(table, "inside")
    kernel, output = matrix_of(table, "filter"), matrix_of(table, "output")
    stride = int(matrix_of(table, "stride")[0, 0])
    shown = [name for name in distinct(table["matrix"]) if name.startswith("place ")]
    figure = new_figure(9.0, 2.75 * len(shown) + 0.3)
    every = figure.subplots(len(shown), 3, squeeze=False)
    n_columns = output.shape[1]
    for row, name in zip(every, shown, strict=True):
        place = matrix_of(table, name)[0]
        i, j, total = int(place[0]) - 1, int(place[1]) - 1, float(place[2])
        local = matrix_of(table, name.replace("place", "window"))
        cells(row[0], image, f"image, filter at ({i + 1}, {j + 1})", float(np.abs(image).max()))
        for y, x in zip(*np.nonzero(inside == 0), strict=True):
            row[0].add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, color=POINTS, alpha=0.35))
        _outline(row[0], j * stride, i * stride, kernel.shape[1], kernel.shape[0])
        products = local * kernel
        said = [
            f"{a:.3g} · {f + 0.0:.3g}".replace("· -", "· −")
            for a, f in zip(local.ravel(), kernel.ravel(), strict=True)
        ]
        _labelled(row[1], products, said, f"pixel · weight, sum {total + 0.0:.4g}")
        cells(row[2], output, f"output ({i + 1}, {j + 1}): {total + 0.0:.4g}", np.abs(output).max())
        for y, x in np.ndindex(output.shape):
            if y * n_columns + x > i * n_columns + j:
                # Not reached yet.
                row[2].add_patch(
                    Rectangle(
                        (x - 0.5, y - 0.5),
                        1,
                        1,
                        facecolor="white",
                        edgecolor="#C4C9CF",
                        linewidth=0.8,
                        zorder=3,
                    )
                )
        _outline(row[2], j, i, 1, 1)
    return figure


def _outline(axes: Axes, left: int, top: int, width: int, height: int) -> None:
    axes.add_patch(
        Rectangle(
            (left - 0.5, top - 0.5),
            width,
            height,
            fill=False,
            edgecolor=COLOURS[0],
            linewidth=2.5,
            zorder=4,
        )
    )


def _labelled(axes: Axes, matrix: Array, said: list[str], title: str) -> None:
    """A matrix in colours with texts of its own in the cells."""
    reach = float(np.abs(matrix).max()) or 1.0
    axes.imshow(matrix, cmap=SIGNED, norm=TwoSlopeNorm(0, -2.2 * reach, 2.2 * reach))
    small = max(map(len, said)) * matrix.shape[1] > 24
    for (i, j), text in zip(np.ndindex(matrix.shape), said, strict=True):
        axes.text(j, i, text, ha="center", va="center", fontsize=7 if small else 10)
    _frame(axes, matrix.shape, title)


def inner_products(table: Table) -> Figure:
    """(8.4), (8.5), (8.7) and (8.24) in numbers."""
    figure = new_figure(9.0, 6.6)
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=(3.9, 2.7))[:, 0]
    every = parts[0].subplots(2, 3)
    reach = float(np.abs(matrix_of(table, "products unrolled")).max())
    for k, row in enumerate(every, start=1):
        for axes, name, title in zip(
            row,
            ("A", "B", "products"),
            (f"A, channel {k}", f"B, channel {k}", "entry by entry"),
            strict=True,
        ):
            matrix = matrix_of(table, f"{name} {k}")
            more = f", sum {matrix.sum():g} (8.4)" if name == "products" else ""
            cells(axes, matrix, title + more, reach)
    indices = [f"{i}{j}{k}" for k in (1, 2) for i in (1, 2) for j in (1, 2)]
    for axes, name in zip(
        parts[1].subplots(3, 1), ("A unrolled", "B unrolled", "products unrolled"), strict=True
    ):
        matrix = matrix_of(table, name)
        total = f", sum {matrix.sum():g} (8.5), (8.7)" if name.startswith("products") else ""
        title = "A unrolled: row, column, channel as in (8.24)" if name[0] == "A" else name + total
        cells(axes, matrix, title, reach)
        if name == "A unrolled":
            axes.set_xticks(np.arange(8), [f"z{index}" for index in indices], fontsize=8)
            axes.grid(False)
            axes.tick_params(pad=1)
    return figure


def equivariance(maps: Table, table: Table) -> Figure:
    """A filter and a pool before and after a shift, and what each operation changes."""
    found = panels(maps)
    figure = new_figure(10.2, 4.6)
    parts = figure.subfigures(1, 2, squeeze=False, width_ratios=(5.6, 4.6))[0]
    for row, name in zip(parts[0].subplots(2, 3), ("filter", "pool"), strict=True):
        names = (f"{name}, then shift", f"shift, then {name}", f"difference of {name}")
        reach = float(np.abs(found[names[0]]).max()) or 1.0
        for axes, key in zip(row, names, strict=True):
            bare(axes, key)
            axes.imshow(found[key], cmap=SIGNED, vmin=-reach, vmax=reach)
        largest = float(np.abs(found[names[2]]).max())
        row[2].set_xlabel(f"at most {largest:.3g}", fontsize=9)
    axes = parts[1].subplots()
    for operation, colour, marker in zip(
        distinct(table["operation"]), COLOURS, "os^Dv", strict=False
    ):
        rows = where(table, operation=operation)
        x = numbers(rows["shift"])
        low, high = (numbers(rows[f"change_ci_{end}"]) for end in ("low", "high"))
        # The larger marks can be seen below another curve that lies at 0 as well.
        size = 10 if marker == "o" else 6
        axes.plot(
            x,
            numbers(rows["change"]),
            marker=marker,
            markersize=size,
            color=colour,
            label=operation,
        )
        shade(axes, x, low, high, colour)
    # The intervals of few seeds are many times as wide as their means.
    axes.set_ylim(-0.02, max(0.1, 1.2 * float(numbers(table["change"]).max())))
    axes.set_xticks(sorted(set(numbers(table["shift"]))))
    axes.set_xlabel("shift in pixels")
    axes.set_ylabel("change that no shift of the output undoes")
    axes.set_title("0: a shift of the image is one of the output")
    parts[1].legend(loc="outside lower center", ncols=1, fontsize=8)
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

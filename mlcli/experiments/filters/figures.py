"""The figures of `filters`, but for those of matrices with their numbers."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcli.experiments.filters.matrices_figure import SIGNED, matrices, pointwise, pooling, shapes
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


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = ("matrices", "picture", "pointwise", "pooled", "shapes", "shifts", "turned", "unrolled")
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    return {
        "unrolled": unrolled(tables["unrolled"]),
        "shifts": shifts(tables["shifts"]),
        "matrices": matrices(tables["matrices"]),
        "responses": responses(tables["picture"]),
        "shapes": shapes(tables["shapes"]),
        "pooling": pooling(tables["matrices"]),
        "pooled": pooled(tables["pooled"]),
        "turned": turned(tables["turned"]),
        "pointwise": pointwise(tables["pointwise"]),
    }


def panels(table: Table) -> dict[str, Array]:
    """Pictures by name from a table with a row of pixels a line."""
    names = np.array(table["panel"])
    pixels = np.array([numbers(column) for key, column in table.items() if key != "panel"]).T
    found = {}
    for name in distinct(table["panel"]):
        panel = pixels[names == name]
        found[name] = panel[:, ~np.isnan(panel[0])]
    return found


def bare(axes: Axes, title: str) -> None:
    """An axes that holds a picture: no ticks, no grid, a thin frame for what is white."""
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

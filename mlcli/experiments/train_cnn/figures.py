"""The figures of `train-cnn`; those of scores and curves are shared with `train-mlp`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from mlcli.experiments.networks import figures as networks
from mlcli.experiments.networks.figures import line_style
from mlcli.experiments.train_cnn.architecture_figure import architectures
from mlcli.json_file import read_json
from mlcli.plotting import (
    COLOURS,
    POINTS,
    Table,
    distinct,
    new_figure,
    nothing_to_draw,
    numbers,
    read_table,
    shade,
    shortened,
    where,
)

# Ten colours that most readers can tell apart; the label is written in each cell as well.
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


MOST_FILTERS = 32
# Layers of which the receptive field is shown: those whose neurons see more than the ones before.
WIDENING = ("conv", "pool", "residual", "scan", "global", "dense")


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = (
        "calibration",
        "class_map",
        "confusion",
        "curves",
        "feature_maps",
        "field_maps",
        "filters",
        "invariance",
        "members",
        "misclassified",
        "picture",
        "predictions",
        "receptive_fields",
        "schedules",
        "shifts",
        "summary",
    )
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    metrics = read_json(folder / "details.json")
    shown = networks.shown_in(tables["members"])
    classes = "test_accuracy" in tables["members"]
    score = (
        ("test_accuracy", "test accuracy") if classes else ("test_mse", "test mean squared error")
    )
    return {
        "architecture": architectures(tables["summary"]),
        "calibration": networks.calibration(tables["calibration"], shown),
        "class_map": class_map(tables["picture"], tables["class_map"]),
        "confusion": networks.confusion(tables["confusion"], shown),
        "curves": networks.curves(tables["curves"], classes=classes),
        "feature_maps": feature_maps(tables["feature_maps"]),
        "filters": filters(tables["filters"]),
        "invariance": invariance(tables["invariance"]),
        "misclassified": networks.misclassified(tables["misclassified"], classes=classes),
        "predictions": networks.predictions(tables["predictions"]),
        "receptive_fields": receptive_fields(tables["receptive_fields"], tables["field_maps"]),
        "schedule": networks.schedule(tables["schedules"]),
        "scores": networks.scores(tables["members"], metrics, *score),
        "shifts": shifts(tables["shifts"], classes=classes),
    }


def shifts(table: Table, *, classes: bool) -> Figure:
    """Scores against the shift of the test images."""
    if not table["network"]:
        return nothing_to_draw("The test images were not shifted (max_shift is 0).")
    figure = new_figure(6.4, 4.0)
    axes = figure.add_subplot()
    for place, name in enumerate(distinct(table["network"])):
        rows = where(table, network=name)
        style = line_style(place) if name != "perceptron" else {"color": "black", "linestyle": "--"}
        x, y = numbers(rows["shift"]), numbers(rows["score"])
        axes.plot(x, y, marker="o", markersize=4, linewidth=1.4, label=name, **style)
        low, high = (numbers(rows[f"score_ci_{end}"]) for end in ("low", "high"))
        shade(axes, x, low, high, style["color"])
    axes.set_xlabel("shift of the test images, pixels")
    axes.set_ylabel("accuracy" if classes else "mean squared error, units of training")
    axes.set_title("Shifted test images")
    axes.legend()
    if classes:
        axes.set_ylim(0, 1.02)
    return figure


def filters(table: Table) -> Figure:
    """The first layer's filters; of several channels, the first."""
    rows = where(table, channel="0") if table["filter"] else table
    if not rows["filter"]:
        return nothing_to_draw("The first layer has no filters of its own to draw.")
    grids = [
        np.array([line.split(" ") for line in text.split("/")], dtype=float)
        for text in rows["weights"][:MOST_FILTERS]
    ]
    largest = max(float(np.abs(grid).max()) for grid in grids) or 1.0
    n_columns = min(8, len(grids))
    n_rows = -(-len(grids) // n_columns)
    figure = new_figure(0.95 * n_columns + 1.1, 0.95 * n_rows + 0.5)
    panels = np.atleast_1d(figure.subplots(n_rows, n_columns)).ravel()
    for axes in panels:
        axes.axis("off")
    for axes, grid in zip(panels, grids, strict=False):
        drawn = axes.imshow(grid, cmap="RdBu_r", vmin=-largest, vmax=largest)
    bar = figure.colorbar(drawn, ax=panels.tolist(), shrink=0.9)
    bar.set_label("weight")
    several = len(distinct(table["channel"])) > 1
    figure.suptitle("Filters of the first layer" + (", first channel" if several else ""))
    return figure


def invariance(table: Table) -> Figure:
    """Relative change of each layer's output under a shift."""
    if not table["layer"]:
        return nothing_to_draw("The test images were not shifted (max_shift is 0).")
    figure = new_figure(7.4, 4.8)
    axes = figure.add_subplot()
    shifts_there = distinct(table["shift"])
    for place, pixels in enumerate(shifts_there):
        rows = where(table, shift=pixels)
        x, y = np.arange(len(rows["layer"]), dtype=float), numbers(rows["change"])
        style = line_style(place)
        label = f"{pixels} pixel{'s' if pixels != '1' else ''}"
        axes.plot(x, y, marker="o", markersize=4, linewidth=1.4, label=label, **style)
        low, high = (numbers(rows[f"change_ci_{end}"]) for end in ("low", "high"))
        shade(axes, x, low, high, style["color"])
    first = where(table, shift=shifts_there[0])
    for at, kind in enumerate(first["kind"]):
        if kind in ("pool", "global"):
            axes.axvspan(at - 0.5, at + 0.5, color="#00000010", linewidth=0)
    axes.set_xticks(range(len(first["layer"])), first["layer"], rotation=40, ha="right", fontsize=8)
    axes.set_ylabel("norm of the change / norm of the output")
    axes.set_ylim(bottom=0)
    axes.set_title("What a shift of the image changes (pooling layers are shaded)")
    axes.legend(title="shift")
    return figure


def _grid(text: str) -> NDArray[np.float64]:
    return np.array([line.split(" ") for line in text.split("/")], dtype=float)


def feature_maps(table: Table) -> Figure:
    """Each stage in a row: the channels with the largest response to one test image."""
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


def receptive_fields(fields: Table, maps: Table) -> Figure:
    """Fields on a test image, their sides beside the recursion, and how much each pixel matters."""
    chosen = distinct(maps["number"])[1:]
    if not chosen:
        return nothing_to_draw("No layer of the network looks at more than a pixel.")
    colours = dict(zip(chosen, COLOURS, strict=False))
    image = _grid(maps["pixels"][0])
    n_rows = sum(kind in WIDENING for kind in fields["kind"])
    above = 2.2 + 0.24 * max(n_rows, 6)
    figure = new_figure(9.0, above + 2.1)
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=(above, 2.1))[:, 0]
    left, right = parts[0].subplots(1, 2)
    _on_picture(left, image)
    left.set_title("What the middle neuron of a layer sees")
    _sides(right, fields, colours, max(image.shape))
    panels = np.atleast_1d(parts[1].subplots(1, max(len(chosen), 4))).ravel()
    for axes in panels[len(chosen) :]:
        axes.axis("off")
    for number, axes in zip(chosen, panels, strict=False):
        row = where(maps, number=number)
        axes.imshow(_grid(row["pixels"][0]), cmap="gray", extent=(0, *image.shape[::-1], 0))
        axes.set_title(f"{number}: {row['layer'][0]}", fontsize=7.5, color=colours[number])
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        for one in (left, axes):
            _field(one, where(fields, number=number), colours[number])
    parts[1].supxlabel(
        "how much each pixel changes that neuron, the mean of a few images", fontsize=9
    )
    return figure


def _on_picture(axes: Axes, pixels: NDArray[np.float64]) -> None:
    n_h, n_w = pixels.shape
    axes.imshow(pixels, cmap="gray", extent=(0, n_w, n_h, 0))
    axes.set_xlim(0, n_w)
    axes.set_ylim(n_h, 0)
    axes.grid(False)
    axes.set_xlabel("pixels")


def _field(axes: Axes, row: Table, colour: str) -> None:
    """The field by recursion, and dashed on it that of the gradients."""
    for prefix, edge, width, dash in (("", colour, 2.4, "-"), ("measured_", "white", 0.9, ":")):
        top, left, n_h, n_w = (
            float(row[f"{prefix}{key}"][0]) for key in ("top", "left", "height", "width")
        )
        axes.add_patch(
            Rectangle(
                (left, top), n_w, n_h, fill=False, edgecolor=edge, linewidth=width, linestyle=dash
            )
        )


def _sides(axes: Axes, fields: Table, colours: Mapping[str, str], side: int) -> None:
    """The larger side of each layer's field: recursion, gradients, and half of the gradient."""
    kept = [i for i, kind in enumerate(fields["kind"]) if kind in WIDENING]
    places = np.arange(len(kept))

    def larger(prefix: str) -> NDArray[np.float64]:
        both = [numbers(fields[f"{prefix}{key}"])[kept] for key in ("height", "width")]
        return np.maximum(*both)

    theory = larger("theory_")
    shades = [colours.get(fields["number"][i], POINTS) for i in kept]
    axes.barh(places, theory, 0.62, color=shades, alpha=0.45, label="recursion")
    axes.plot(larger("measured_"), places, "D", color="black", markersize=5, label="gradients")
    half = numbers(fields["half_side"])[kept]
    axes.plot(half, places, "|", color="black", markersize=11, label="half of the gradient")
    words = f"side of the image, {side}"
    axes.axvline(side, color=POINTS, linestyle="--", linewidth=1, label=words)
    names = [f"{fields['number'][i]}: {shortened(fields['layer'][i], 24)}" for i in kept]
    axes.set_yticks(places, names, fontsize=8)
    axes.set_ylim(len(kept) - 0.4, -0.7)
    axes.set_xlim(left=0)
    axes.grid(False, axis="y")
    axes.set_xlabel("larger side of the field, pixels")
    axes.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)


def class_map(picture: Table, cells: Table) -> Figure:
    """A larger picture, and the predicted class where the network has evidence for one."""
    if not cells["label"]:
        return nothing_to_draw("No larger picture was asked for (deploy_size is not set).")
    pixels = _grid(picture["pixels"][0])
    figure = new_figure(9.6, 5.6)
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        _on_picture(axes, pixels)
    seen = where(cells, is_seen="True")
    named = dict(zip(seen["label"], seen["class"], strict=True))
    for place, name in enumerate(picture["class"]):
        top, start, h, w = (
            float(picture[key][place]) for key in ("top", "left", "height", "width")
        )
        found = picture["seen_in_the_middle"][place]
        said = name if found == name else f"{name}, seen as {found}"
        left.text(start + w / 2, top - 1, said, color="white", fontsize=8, va="bottom", ha="center")
        for axes in (left, right):
            axes.add_patch(
                Rectangle(
                    (start, top),
                    w,
                    h,
                    fill=False,
                    edgecolor="white",
                    linewidth=1.2,
                    linestyle="-" if found == name else ":",
                )
            )
    _cells(right, seen, len(pixels))
    left.set_title("Test images in a larger picture (dotted: not recognised)")
    right.set_title("Class seen, where there is evidence for one")
    handles = [
        Patch(color=CLASS_COLOURS[int(k) % len(CLASS_COLOURS)], label=f"{k}: {named[k]}")
        for k in sorted(named, key=int)
    ]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8)
    return figure


def _cells(axes: Axes, cells: Table, size: int) -> None:
    heights, widths = numbers(cells["height"]), numbers(cells["width"])
    labelled = bool(cells["label"]) and size / min(heights[0], widths[0]) <= MOST_LABELLED
    rows = zip(cells["y"], cells["x"], cells["label"], strict=True)
    for (y, x, label), h, w in zip(rows, heights, widths, strict=True):
        colour = to_rgb(CLASS_COLOURS[int(label) % len(CLASS_COLOURS)])
        corner = (float(x) - w / 2, float(y) - h / 2)
        box = Rectangle(corner, w, h, facecolor=(*colour, 0.75), edgecolor="white", linewidth=0.3)
        axes.add_patch(box)
        if labelled:
            ink = "black" if sum(colour) > 1.6 else "white"
            axes.text(float(x), float(y), label, ha="center", va="center", fontsize=7, color=ink)

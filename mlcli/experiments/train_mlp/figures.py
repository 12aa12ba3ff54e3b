"""The figures of `train-mlp`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from mlcli.experiments.networks import figures as networks
from mlcli.experiments.networks.figures import (
    MOST_VARIANTS,
    draw_band,
    finish_axes,
    legend_below,
    line_style,
)
from mlcli.experiments.train_mlp import plane_figures
from mlcli.json_file import read_json
from mlcli.plotting import (
    COLOURS,
    POINTS,
    Array,
    Table,
    distinct,
    new_figure,
    nothing_to_draw,
    numbers,
    read_table,
    shortened,
    where,
)

# A layer with more neurons shows the first and the last ones.
MOST_NEURONS = 7
# At most so many shapes fit.
MOST_SHAPES = 4
# A deeper network shows its first and its last layers.
MOST_COLUMNS = 9
LINE = 0.5
DOTS = np.array([-0.11, 0.0, 0.11])


# Layers beyond this many are thinned out.
MOST_LAYERS = 6
LAYER_PANELS = (
    ("activation_std", "standard deviation", "activations z"),
    ("error_rms", "root mean square", "errors dE/da"),
    ("saturated", "share", "saturated: h' below 5 % of its largest"),
    ("dead", "share of neurons", "dead: h' = 0 on every row"),
)


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = (
        "calibration",
        "confusion",
        "curves",
        "layers",
        "members",
        "misclassified",
        "plane_epochs",
        "plane_final",
        "plane_grid",
        "plane_rows",
        "plane_units",
        "predictions",
        "schedules",
    )
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    model = read_json(folder / "model" / "model.json")
    metrics = read_json(folder / "details.json")
    shown = networks.shown_in(tables["members"])
    classes = "test_accuracy" in tables["members"]
    score = (
        ("test_accuracy", "test accuracy") if classes else ("test_mse", "test mean squared error")
    )
    return {
        "calibration": networks.calibration(tables["calibration"], shown),
        "confusion": networks.confusion(tables["confusion"], shown),
        "curves": networks.curves(tables["curves"], classes=classes),
        "layers": layers(tables["layers"], shown),
        "misclassified": networks.misclassified(tables["misclassified"], classes=classes),
        "network": architecture(shapes_in(model)),
        "plane": plane_figures.plane(tables, metrics),
        "plane_learning": plane_figures.learning(tables["plane_epochs"], metrics),
        "plane_units": plane_figures.units(tables, metrics),
        "predictions": networks.predictions(tables["predictions"]),
        "schedule": networks.schedule(tables["schedules"]),
        "scores": networks.scores(tables["members"], metrics, *score),
        "start": start(tables["layers"]),
    }


def layers(table: Table, shown_variant: str) -> Figure:
    """Statistics of each layer of one variant against the epoch."""
    if not table["variant"]:
        return nothing_to_draw("The layers were not looked into (n_statistics is 0).")
    rows = where(table, variant=shown_variant)
    numbered = distinct(rows["layer"])
    picked = np.unique(np.linspace(0, len(numbered) - 1, MOST_LAYERS).round().astype(int))
    chosen = [numbered[i] for i in picked]
    figure = new_figure(8.6, 6.4)
    panels = figure.subplots(2, 2).ravel()
    for axes, (name, label, title) in zip(panels, LAYER_PANELS, strict=True):
        shown = []
        for place, layer in enumerate(chosen):
            one = where(rows, layer=layer)
            draw_band(axes, numbers(one["epoch"]), one, name, place, f"layer {layer}")
            shown.append(numbers(one[name]))
        if "share" in label:
            axes.set_ylim(-0.02, max(0.1, 1.1 * float(np.nanmax(np.concatenate(shown)))))
            shown = [np.zeros(1)]
        finish_axes(axes, np.concatenate(shown), label, title)
    legend_below(figure, panels[0], len(chosen))
    if len(distinct(table["variant"])) > 1:
        figure.suptitle(shown_variant)
    return figure


def start(table: Table) -> Figure:
    """Activations and errors against the layer, before and after training, for each variant."""
    if not table["variant"]:
        return nothing_to_draw("The layers were not looked into (n_statistics is 0).")
    variants = distinct(table["variant"])[:MOST_VARIANTS]
    figure = new_figure(8.6, 6.4)
    panels = figure.subplots(2, 2)
    for column, when in enumerate(("before training", "after training")):
        for row, (name, label, what) in enumerate(LAYER_PANELS[:2]):
            axes, shown, zero = panels[row, column], [], []
            for place, variant in enumerate(variants):
                rows = where(table, variant=variant)
                epochs = distinct(rows["epoch"])
                one = where(rows, epoch=epochs[0 if column == 0 else -1])
                x = numbers(one["layer"])
                if not numbers(one[name]).any():
                    # A logarithmic axis has no 0.
                    axes.plot([], [], label=variant, **line_style(place))
                    zero.append(variant)
                    continue
                draw_band(axes, x, one, name, place, variant)
                if x.size <= 12:
                    axes.plot(
                        x, numbers(one[name]), "o", markersize=4, color=line_style(place)["color"]
                    )
                shown.append(numbers(one[name]))
            finish_axes(axes, np.concatenate([np.empty(0), *shown]), f"{what}\n{label}", when)
            axes.set_xlabel("hidden layer")
            if zero:
                axes.set_title(f"{when} (0 for {shortened(', '.join(zero), 20)})")
            if x.size <= 12:
                axes.set_xticks(x)
    legend_below(figure, panels[0, 0], len(variants))
    return figure


@dataclass(frozen=True)
class NetworkShape:
    """A network to draw.

    Attributes:
        sizes: D, n^(1), ..., n^(L), K.
        activations: of its hidden layers, all that its variants have.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]


def shapes_in(model: Mapping[str, Any]) -> list[NetworkShape]:
    """The different shapes of network in a model.json, in its order."""
    found: dict[tuple[int, ...], dict[str, None]] = {}
    for group in model["programs"]:
        names = found.setdefault(tuple(group["sizes"]), {})
        names.update(dict.fromkeys(str(one["activation"]) for one in group["members"]))
    return [NetworkShape(sizes, tuple(names)) for sizes, names in found.items()]


def architecture(shapes: Sequence[NetworkShape]) -> Figure:
    """Each shape: its layers, and the weights into the first neuron of each picked out."""
    if not shapes:
        return nothing_to_draw("No weights were kept, and so no shape of a network.")
    drawn = shapes[:MOST_SHAPES]
    widest = max(len(layers_shown(len(shape.sizes))) for shape in drawn)
    figure = new_figure(max(6.4, 1.9 * widest), 4.2 * len(drawn))
    for axes, shape in zip(
        figure.subplots(len(drawn), 1, squeeze=False).ravel(), drawn, strict=True
    ):
        _draw(axes, shape)
    return figure


def places(n: int) -> tuple[Array, bool]:
    """Heights of the neurons that are drawn of n, from the top, and whether some are left out."""
    if n <= MOST_NEURONS:
        return (n - 1) / 2 - np.arange(float(n)), False
    # One place in the middle is for the dots.
    heights = (MOST_NEURONS - 1) / 2 - np.arange(float(MOST_NEURONS))
    return np.delete(heights, MOST_NEURONS // 2), True


def layers_shown(n: int) -> list[int]:
    """Which of n columns of neurons are drawn: all, or the first ones and the last ones."""
    if n <= MOST_COLUMNS:
        return list(range(n))
    return [*range(MOST_COLUMNS // 2 + 1), *range(n - (MOST_COLUMNS - 1) // 2, n)]


def _draw(axes: Axes, shape: NetworkShape) -> None:
    shown = layers_shown(len(shape.sizes))
    for x, i in enumerate(shown):
        heights, cut = places(shape.sizes[i])
        if x and shown[x - 1] == i - 1:
            _connect(axes, x, i, shape.sizes)
        elif x:
            axes.plot(x - 0.5 + DOTS, [0.0] * 3, "o", markersize=2.2, color="black")
        axes.plot(
            np.full(heights.size, x),
            heights,
            "o",
            markersize=13,
            zorder=3,
            color=COLOURS[2] if i == 0 else COLOURS[0],
            markeredgecolor="black",
            markeredgewidth=0.6,
        )
        if cut:
            axes.plot([x] * 3, 2 * DOTS, "o", markersize=2.2, color="black")
        axes.text(x, 3.75, _heading(i, shape), ha="center", va="bottom", fontsize=9)
    axes.set_xlim(-0.55, len(shown) - 0.45)
    axes.set_ylim(-4.8, 5.1)
    axes.axis("off")


def _connect(axes: Axes, x: int, i: int, sizes: Sequence[int]) -> None:
    """The weights between the columns x - 1 and x, which are layers i - 1 and i."""
    (left, _), (right, _) = places(sizes[i - 1]), places(sizes[i])
    lines = [((x - 1, y), (x, z)) for z in right for y in left]
    axes.add_collection(LineCollection(lines, colors=POINTS, linewidths=LINE, alpha=0.45))
    # The weights of one neuron: its preactivation is the sum over all that comes in.
    picked = [((x - 1, y), (x, right[0])) for y in left]
    axes.add_collection(LineCollection(picked, colors=COLOURS[1], linewidths=3 * LINE))
    axes.text(
        x - 0.5,
        -4.1,
        rf"$W^{{({i})}}$: {sizes[i]} × {sizes[i - 1]}",
        ha="center",
        va="top",
        fontsize=9,
    )


def _heading(i: int, shape: NetworkShape) -> str:
    last = len(shape.sizes) - 1
    many = "" if shape.sizes[i] == 1 else "s"
    if i == 0:
        return f"$x = z^{{(0)}}$\n{shape.sizes[0]} input{many}"
    if i == last:
        return f"$a^{{({i})}}$, $y$\n{shape.sizes[-1]} output{many}"
    # Several activations are compared on one shape; each network has one of them.
    h = shape.activations[0] if len(shape.activations) == 1 else "h"
    return f"$z^{{({i})}}$ = {h}($a^{{({i})}}$)\n{shape.sizes[i]} neuron{many}"

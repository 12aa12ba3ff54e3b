"""The figures of `train-cnn`; those of scores and curves are shared with `train-mlp`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mlcli.experiments.networks import figures as networks
from mlcli.experiments.networks.figures import look
from mlcli.experiments.train_cnn import maps_figure
from mlcli.experiments.train_mlp import figures as train_mlp
from mlcli.json_file import read_json
from mlcli.plotting import (
    Table,
    distinct,
    new_figure,
    nothing_to_draw,
    numbers,
    read_table,
    shade,
    where,
)

MOST_FILTERS = 32


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = (
        "calibration",
        "class_map",
        "confusion",
        "curves",
        "feature_maps",
        "filters",
        "invariance",
        "members",
        "misclassified",
        "picture",
        "predictions",
        "schedules",
        "shifts",
    )
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    metrics = read_json(folder / "details.json")
    shown = networks.shown_in(tables["members"])
    classes = "test_accuracy" in tables["members"]
    score = (
        ("test_accuracy", "test accuracy") if classes else ("test_mse", "test mean squared error")
    )
    return {
        "calibration": networks.calibration(tables["calibration"], shown),
        "class_map": maps_figure.class_map(tables["picture"], tables["class_map"]),
        "confusion": networks.confusion(tables["confusion"], shown),
        "curves": networks.curves(tables["curves"], classes=classes),
        "feature_maps": maps_figure.feature_maps(tables["feature_maps"]),
        "filters": filters(tables["filters"]),
        "invariance": invariance(tables["invariance"]),
        "misclassified": train_mlp.misclassified(tables["misclassified"], classes=classes),
        "predictions": train_mlp.predictions(tables["predictions"]),
        "schedule": train_mlp.schedule(tables["schedules"]),
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
        style = look(place) if name != "perceptron" else {"color": "black", "linestyle": "--"}
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
    """How much of each layer's output a shift changes, layer by layer."""
    if not table["layer"]:
        return nothing_to_draw("The test images were not shifted (max_shift is 0).")
    figure = new_figure(7.4, 4.8)
    axes = figure.add_subplot()
    shifts_there = distinct(table["shift"])
    for place, pixels in enumerate(shifts_there):
        rows = where(table, shift=pixels)
        x, y = np.arange(len(rows["layer"]), dtype=float), numbers(rows["change"])
        style = look(place)
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

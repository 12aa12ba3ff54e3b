"""The figures of `train-cnn`; those of scores and curves are shared with `train-mlp`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mlcli.report.figures import networks, train_mlp
from mlcli.report.figures.networks import look
from mlcli.report.figures.style import (
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
    names = ("calibration", "confusion", "curves", "filters", "members", "misclassified",
             "predictions", "schedules", "shifts")  # fmt: skip
    tables = {name: read_table(folder / f"{name}.csv") for name in names}
    shown = networks.shown_in(tables["members"])
    classes = "test_accuracy" in tables["members"]
    score = (
        ("test_accuracy", "test accuracy") if classes else ("test_mse", "test mean squared error")
    )
    return {
        "calibration": networks.calibration(tables["calibration"], shown),
        "confusion": networks.confusion(tables["confusion"], shown),
        "curves": networks.curves(tables["curves"], classes=classes),
        "filters": filters(tables["filters"]),
        "misclassified": train_mlp.misclassified(tables["misclassified"]),
        "predictions": train_mlp.predictions(tables["predictions"]),
        "schedule": train_mlp.schedule(tables["schedules"]),
        "scores": networks.scores(tables["members"], *score),
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

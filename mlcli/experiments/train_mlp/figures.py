"""The figures of `train-mlp`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mlcli.experiments.networks import figures as networks
from mlcli.experiments.networks.architecture_figure import network, shapes_in
from mlcli.experiments.networks.figures import (
    MOST_VARIANTS,
    draw_band,
    finish,
    legend_below,
    look,
)
from mlcli.json_file import read_json
from mlcli.plotting import (
    COLOURS,
    Table,
    distinct,
    new_figure,
    nothing_to_draw,
    numbers,
    read_table,
    where,
)

# Layers beyond this many are thinned out.
MOST_LAYERS = 6
MOST_IMAGES = 27
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
        "misclassified": misclassified(tables["misclassified"], classes=classes),
        "network": network(shapes_in(model)),
        "predictions": predictions(tables["predictions"]),
        "schedule": schedule(tables["schedules"]),
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
        finish(axes, np.concatenate(shown), label, title)
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
            axes, shown = panels[row, column], []
            for place, variant in enumerate(variants):
                rows = where(table, variant=variant)
                epochs = distinct(rows["epoch"])
                one = where(rows, epoch=epochs[0 if column == 0 else -1])
                x = numbers(one["layer"])
                draw_band(axes, x, one, name, place, variant)
                if x.size <= 12:
                    axes.plot(x, numbers(one[name]), "o", markersize=4, color=look(place)["color"])
                shown.append(numbers(one[name]))
            finish(axes, np.concatenate(shown), f"{what}\n{label}", when)
            axes.set_xlabel("hidden layer")
            if x.size <= 12:
                axes.set_xticks(x)
    legend_below(figure, panels[0, 0], len(variants))
    return figure


def schedule(table: Table) -> Figure:
    """The learning rate of each variant; variants with the same one are drawn once."""
    found: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for variant in distinct(table["variant"])[:MOST_VARIANTS]:
        rows = where(table, variant=variant)
        key = (tuple(rows["epoch"]), tuple(rows["learning_rate"]))
        found.setdefault(key, []).append(variant)
    figure = new_figure(6.4, 3.8)
    axes = figure.add_subplot()
    every = []
    for place, ((x, y), names) in enumerate(found.items()):
        label = names[0] if len(found) > 1 else "all"
        axes.plot(numbers(list(x)), numbers(list(y)), linewidth=1.6, label=label, **look(place))
        every.append(numbers(list(y)))
    values = np.concatenate(every)
    if len(found) > 1:
        axes.legend(loc="upper right", fontsize=9)
    if len(found) > 1 and min(v.max() for v in every) * 30 < values.max():
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, 1.08 * values.max())
    axes.set_xlabel("epoch")
    axes.set_ylabel("learning rate")
    axes.set_title("Learning rate")
    return figure


def misclassified(table: Table, *, classes: bool) -> Figure:
    """Images that were called wrong."""
    if not classes:
        return nothing_to_draw("A regression has no classes to be called wrong.")
    if not table["row"]:
        return nothing_to_draw("No test row of the first seed was called wrong.")
    if not table["pixels"][0]:
        return nothing_to_draw("The rows are no images; misclassified.csv lists them.")
    images = [
        np.array([line.split(" ") for line in text.split("/")], dtype=float)
        for text in table["pixels"][:MOST_IMAGES]
    ]
    n_columns = min(len(images), 9)
    n_rows = -(-len(images) // n_columns)
    figure = new_figure(1.05 * n_columns + 0.2, 1.35 * n_rows + 0.2)
    panels = np.atleast_1d(figure.subplots(n_rows, n_columns)).ravel()
    for axes in panels:
        axes.axis("off")
    for i, (axes, pixels) in enumerate(zip(panels, images, strict=False)):
        axes.imshow(pixels, cmap="gray_r")
        sure = 100 * float(table["confidence"][i])
        title = f"{table['class'][i]} as {table['called'][i]}\n{sure:.0f} %"
        axes.set_title(title, fontsize=8)
    return figure


def predictions(table: Table) -> Figure:
    """Predicted against true target."""
    if not table["row"]:
        return nothing_to_draw("Classes have no predicted value; see the confusion.")
    t, y = numbers(table["target"]), numbers(table["predicted"])
    figure = new_figure(5.2, 4.8)
    axes = figure.add_subplot()
    ends = [min(t.min(), np.nanmin(y)), max(t.max(), np.nanmax(y))]
    axes.plot(ends, ends, color="black", linewidth=0.8, linestyle=":")
    axes.plot(t, y, "o", markersize=3.5, alpha=0.6, color=COLOURS[0])
    axes.set_xlabel("target")
    axes.set_ylabel("predicted")
    axes.set_title("Test rows of the first seed")
    return figure

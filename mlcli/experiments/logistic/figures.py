"""The figures of `logistic`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from mlcli.plotting import (
    COLOURS,
    Array,
    Table,
    distinct,
    new_figure,
    nothing_to_draw,
    numbers,
    read_table,
    shade,
    where,
)

MARKERS = "o^sDvP*Xhd"
# From the first class to the second, white where the model can't tell.
TWO = LinearSegmentedColormap.from_list("two", [COLOURS[0], "#FFFFFF", COLOURS[1]])


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = (
        "boundary",
        "points",
        "curves",
        "thresholds",
        "calibration",
        "confusion",
        "saturation",
        "saturation_errors",
        "separable",
    )
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    return {
        "boundary": boundary(tables["boundary"], tables["points"], tables["confusion"]),
        "calibration": calibration(tables["calibration"]),
        "confusion": confusion(tables["confusion"]),
        "curves": curves(tables["curves"]),
        "saturation": saturation(tables["saturation"], tables["saturation_errors"]),
        "separable": separable(tables["separable"]),
        "threshold": threshold(tables["thresholds"]),
    }


def boundary(table: Table, points: Table, counts: Table) -> Figure:
    """Probability and decision over a plane, with test rows."""
    if not table["x"]:
        return nothing_to_draw(
            "There are no two features that vary: no plane to draw a boundary in."
        )
    classes = distinct(counts["class"])
    x, y = (np.unique(numbers(table[key])) for key in ("x", "y"))
    shape = (y.size, x.size)
    p = numbers(table["probability"]).reshape(shape)
    called = np.array([classes.index(name) for name in table["class"]]).reshape(shape)
    figure = new_figure(6.4, 4.8)
    axes = figure.add_subplot()
    axes.grid(visible=False)
    if len(classes) == 2:
        filled = axes.contourf(x, y, p, levels=np.linspace(0, 1, 11), cmap=TWO, alpha=0.55)
        figure.colorbar(filled, ax=axes, label=f"probability of class {classes[1]}")
    else:
        hues = [COLOURS[k % len(COLOURS)] for k in range(len(classes))]
        axes.contourf(
            x, y, called, levels=np.arange(len(classes) + 1) - 0.5, colors=hues, alpha=0.25
        )
    for border, level in _borders(p, called, len(classes)):
        axes.contour(x, y, border, levels=[level], colors="black", linewidths=1.2)
    for k, name in enumerate(classes):
        rows = where(points, **{"class": name})
        axes.plot(
            numbers(rows["x"]),
            numbers(rows["y"]),
            MARKERS[k % len(MARKERS)],
            color=COLOURS[k % len(COLOURS)],
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.5,
            label=f"class {name}",
        )
    axes.set_xlabel(points["x_name"][0])
    axes.set_ylabel(points["y_name"][0])
    axes.set_title("Decision boundary in the plane of two features")
    if len(classes) <= 20:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=5, fontsize=9)
    return figure


def _borders(p: Array, called: Array, n_classes: int) -> Iterator[tuple[Array, float]]:
    """Heights and a level whose contour is a border: of two classes smooth, in the probability."""
    if n_classes == 2 and len(np.unique(called)) == 2:
        yield p, float(p[called == 0].max() + p[called == 1].min()) / 2
        return
    for k in range(1, n_classes):
        # One class against those before it: its border with them, drawn once.
        if len(np.unique(called >= k)) == 2:
            yield (called >= k).astype(float), 0.5


def _curve(axes: Axes, x: Array, table: Table, name: str, colour: str, label: str) -> None:
    axes.plot(x, numbers(table[name]), color=colour, label=label)
    shade(axes, x, numbers(table[f"{name}_ci_low"]), numbers(table[f"{name}_ci_high"]), colour)


def curves(table: Table) -> Figure:
    """The ROC and the precision-recall curve."""
    if np.isnan(numbers(table["recall"])).all():
        return nothing_to_draw("No test part has rows of both kinds.")
    figure = new_figure(8.4, 4.2)
    left, right = figure.subplots(1, 2)
    x = numbers(table["place"])
    _curve(left, x, table, "recall", COLOURS[0], "model")
    left.plot([0, 1], [0, 1], ":", color="black", label="guessing")
    left.set_xlabel("false-positive rate")
    left.set_ylabel("recall (true-positive rate)")
    left.set_title("ROC")
    left.legend(loc="lower right")
    _curve(right, x, table, "precision", COLOURS[1], "model")
    right.set_xlabel("recall")
    right.set_ylabel("precision")
    right.set_title("Precision and recall")
    for axes in (left, right):
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.04)
    return figure


def threshold(table: Table) -> Figure:
    """Precision, recall and accuracy against p_0."""
    if np.isnan(numbers(table["recall"])).all():
        return nothing_to_draw("A threshold is for two classes.")
    figure = new_figure()
    axes = figure.add_subplot()
    x = numbers(table["threshold"])
    for name, colour in zip(("precision", "recall", "accuracy"), COLOURS, strict=False):
        _curve(axes, x, table, name, colour, name)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("threshold p_0")
    axes.set_ylabel("share")
    axes.set_title("What the threshold decides")
    axes.legend()
    return figure


def calibration(table: Table) -> Figure:
    """Observed share against prediction."""
    figure = new_figure(5.6, 4.8)
    axes = figure.add_subplot()
    x, mean = numbers(table["predicted"]), numbers(table["observed"])
    low, high = (numbers(table[key]) for key in ("ci_low", "ci_high"))
    axes.plot([0, 1], [0, 1], ":", color="black", label="as promised")
    axes.errorbar(
        x,
        mean,
        yerr=np.nan_to_num([mean - low, high - mean]),
        fmt="o-",
        capsize=3,
        color=COLOURS[0],
        label="observed",
    )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.05, 1.05)
    axes.set_xlabel("predicted probability, mean of the bin")
    axes.set_ylabel("share that came true")
    axes.set_title("Calibration on test rows")
    axes.legend()
    return figure


def confusion(table: Table) -> Figure:
    """Shares of each class by the class they were called."""
    classes = distinct(table["class"])
    if len(classes) > 25:
        return nothing_to_draw("More than 25 classes: see confusion.csv.")
    K = len(classes)
    rows = numbers(table["rows"]).reshape(K, K)
    share = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-300)
    size = max(3.6, 0.55 * K + 1.6)
    figure = new_figure(size + 0.4, size)
    axes = figure.add_subplot()
    axes.grid(visible=False)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i in range(K):
        for j in range(K):
            if share[i, j] >= 0.0005:
                axes.text(
                    j,
                    i,
                    f"{100 * share[i, j]:.0f}" if K > 6 else f"{100 * share[i, j]:.1f}",
                    ha="center",
                    va="center",
                    fontsize=9,
                    color="white" if share[i, j] > 0.6 else "black",
                )
    axes.set_xticks(range(K), classes)
    axes.set_yticks(range(K), classes)
    axes.set_xlabel("called")
    axes.set_ylabel("class")
    axes.set_title("Test rows of a class, %")
    return figure


def saturation(table: Table, errors: Table) -> Figure:
    """Error against step from the worst start, and steps to recover."""
    figure = new_figure(8.6, 4.2)
    left, right = figure.subplots(1, 2)
    step = np.maximum(numbers(errors["step"]), 0.5)
    for loss, colour in zip(distinct(table["loss"]), COLOURS, strict=False):
        name = loss.replace("-", "_")
        left.plot(step, numbers(errors[name]), color=colour, label=loss)
        shade(left, step, numbers(errors[f"{name}_low"]), numbers(errors[f"{name}_high"]), colour)
        rows = where(table, loss=loss)
        size, median = numbers(rows["activation"]), numbers(rows["median_steps"])
        right.plot(size, median, "o-", color=colour, label=loss)
        ceiling = np.where(np.isnan(median), np.nan, step[-1])
        high = numbers(rows["high"])
        shade(right, size, numbers(rows["low"]), np.where(np.isnan(high), ceiling, high), colour)
    left.set_xscale("log")
    left.set_ylim(0, 1.02)
    left.set_xlabel("step of descent")
    left.set_ylabel("share of training rows on the wrong side")
    left.set_title(f"From a start with mean |a| = {float(table['activation'][-1]):g}")
    left.legend()
    right.set_yscale("log")
    right.set_xlabel("mean |a| at the start")
    right.set_ylabel("steps until 90 % of the error is gone")
    right.set_title("Recovery from confidence")
    right.legend()
    return figure


def separable(table: Table) -> Figure:
    """|w| and the loss against step on classes that a line separates."""
    figure = new_figure(8.6, 4.2)
    left, right = figure.subplots(1, 2)
    step = np.maximum(numbers(table["step"]), 0.5)
    for key, label, colour in (("no_penalty", "no penalty", COLOURS[1]), ("l2", "l2", COLOURS[0])):
        _curve(left, step, table, f"norm_{key}", colour, label)
        _curve(right, step, table, f"loss_{key}", colour, label)
    left.set_ylabel("|w|")
    left.set_title("Weights")
    right.set_ylabel("training cross-entropy, nats")
    right.set_yscale("log")
    right.set_title("Loss without the penalty")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xlabel("step of descent")
        axes.legend()
    return figure

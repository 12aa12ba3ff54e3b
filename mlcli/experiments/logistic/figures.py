"""The figures of `logistic`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcli.experiments.logistic.plane_figures import boundary, densities, posteriors
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
    shortened,
    where,
)

# The most letters of a class's name, and how many fit below a column side by side.
MOST_LETTERS = 24
LETTERS_A_COLUMN = 6


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = (
        "borders",
        "boundary",
        "calibration",
        "confusion",
        "curves",
        "densities",
        "information",
        "normal_model",
        "points",
        "saturation",
        "saturation_errors",
        "separable",
        "thresholds",
    )
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    in_plane = (tables["points"], tables["confusion"])
    return {
        "boundary": boundary(tables["boundary"], tables["borders"], *in_plane),
        "densities": densities(tables["densities"], *in_plane),
        "posterior": posteriors(tables["densities"], tables["borders"], *in_plane),
        "information": information(tables["information"], tables["normal_model"]),
        "calibration": calibration(tables["calibration"]),
        "confusion": confusion(tables["confusion"]),
        "curves": curves(tables["curves"]),
        "saturation": saturation(tables["saturation"], tables["saturation_errors"]),
        "separable": separable(tables["separable"]),
        "threshold": threshold(tables["thresholds"]),
    }


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
    # Names take space on the left and, aslant, below.
    longest = min(max(map(len, classes)), MOST_LETTERS) * 0.08
    size = max(3.2, 0.55 * K + 1.2)
    figure = new_figure(size + 0.7 + longest, size + 0.4 + 0.65 * longest)
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
    names = [shortened(name, MOST_LETTERS) for name in classes]
    aslant = max(map(len, names)) > LETTERS_A_COLUMN
    axes.set_xticks(
        range(K),
        names,
        rotation=40 if aslant else 0,
        ha="right" if aslant else "center",
        rotation_mode="anchor" if aslant else "default",
    )
    axes.set_yticks(range(K), names)
    axes.set_xlabel("called")
    axes.set_ylabel("class")
    axes.set_title("Test rows of a class, %")
    return figure


def information(rows: Table, line: Table) -> Figure:
    """-ln p and the test rows on it, and -ln likelihood against the squared error."""
    figure = new_figure(8.6, 4.2)
    left, right = figure.subplots(1, 2)
    p, nats = numbers(rows["probability"]), numbers(rows["information"])
    mean, highest = float(nats.mean()), max(float(nats.max()), 3.0)
    at = np.linspace(np.exp(-highest), 1, 400)
    left.plot(at, -np.log(at), color="black", linewidth=1.2, label="information, -ln p")
    left.plot(p, nats, "o", color=COLOURS[0], markersize=4, alpha=0.5, label="test rows")
    left.axhline(mean, color=COLOURS[1], label="their mean: the log loss")
    # On the left there is space below the curve.
    left.text(0.0, mean + 0.01 * highest, f"{mean:.4g} nats", va="bottom", color=COLOURS[1])
    left.set_xlim(-0.02, 1.02)
    left.set_ylim(-0.03 * highest, 1.05 * highest)
    left.set_xlabel("p, the fit's probability of the row's own class")
    left.set_ylabel("information of the row, nats")
    left.set_title("The log loss is an average of -ln p")
    left.legend(loc="upper right")
    mse, found = numbers(line["mse"]), numbers(line["cross_entropy"])
    order = np.argsort(mse)
    theory = numbers(line["line"])
    right.plot(mse[order], theory[order], color="black", linewidth=1.2, label="theory (C.11)")
    right.plot(mse, found, "o", color=COLOURS[2], label="polynomials, by their degree")
    _degrees(right, mse, found, line["degree"])
    right.set_xlabel("mean squared error of the test rows")
    right.set_ylabel("-ln likelihood of a test row, nats")
    right.set_title("Normal noise: the squared error is a log loss")
    right.legend(loc="upper left")
    return figure


def _degrees(axes: Axes, x: Array, y: Array, degrees: list[str]) -> None:
    """The degrees beside their points; those of points that lie together in one list."""
    near = 0.08 * max(float(np.ptp(x)), 1e-300)
    places: list[tuple[float, float, list[str]]] = []
    for i in np.argsort(x):
        if places and x[i] - places[-1][0] < near:
            places[-1][2].append(degrees[i])
        else:
            places.append((float(x[i]), float(y[i]), [degrees[i]]))
    for at, height, texts in places:
        axes.annotate(
            ", ".join(texts),
            (at, height),
            (6, -4),
            textcoords="offset points",
            va="top",
            fontsize=9,
        )


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
    if np.isnan(numbers(table["median_steps"])).all():
        right.set_ylim(1.0, float(step[-1]))
        reason = f"no start has recovered in {step[-1]:g} steps"
        right.text(0.5, 0.5, reason, ha="center", transform=right.transAxes)
    else:
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

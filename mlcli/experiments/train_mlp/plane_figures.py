"""Figures of the study of two inputs, drawn from its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mlcli.experiments.networks.figures import draw_band, legend_below
from mlcli.plotting import (
    COLOURS,
    POINTS,
    Array,
    Table,
    distinct,
    new_figure,
    nothing_to_draw,
    numbers,
    shortened,
    where,
)

NO_STUDY = "There are no networks of two inputs (plane_units is 0, or all of them diverged)."
# Moments and units that fit, rows that can be told apart, and characters of a name.
MOST_MOMENTS, MOST_UNITS, MOST_ROWS, MOST_NAME = 6, 9, 250, 18
BEST, OWN, UNIT = "best possible boundary", "its boundary", "a unit's line a = 0"


@dataclass(frozen=True)
class Frame:
    """What all panels share.

    Attributes:
        first, second: coordinates of the grid's columns and rows.
        classes: names, in the order of their colours.
        labels: of the two axes.
    """

    first: Array
    second: Array
    classes: Sequence[str]
    labels: Sequence[str]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return len(self.second), len(self.first)

    def colour(self, name: str) -> str:
        """The colour of a class."""
        return COLOURS[self.classes.index(name) % len(COLOURS)]


def frame_of(grid: Table, details: Mapping[str, Any]) -> Frame:
    """The frame of a study's tables and its entry of details.json."""
    first, second = (np.unique(numbers(grid[name])) for name in ("x1", "x2"))
    classes = [str(name).replace("$", r"\$") for name in details["classes"]]
    labels = [shortened(str(name).replace("$", r"\$"), MOST_NAME) for name in details["features"]]
    return Frame(first, second, classes, labels)


def plane(tables: Mapping[str, Table], metrics: Mapping[str, Any]) -> Figure:
    """Class probabilities over the plane at a few moments, with the lines of the hidden units."""
    grid = tables["plane_grid"]
    if not grid["epoch"]:
        return nothing_to_draw(NO_STUDY)
    frame = frame_of(grid, metrics["plane"])
    every = distinct(grid["epoch"])
    # The start, and the last moments: they double, and most happens late.
    picked = [0, *range(max(1, len(every) - MOST_MOMENTS + 1), len(every))]
    figure = new_figure(8.6, 6.2 if len(picked) > 3 else 3.5)
    n_columns = min(3, len(picked))
    panels = figure.subplots(
        -(-len(picked) // n_columns), n_columns, sharex=True, sharey=True, squeeze=False
    )
    for axes in panels.ravel()[len(picked) :]:
        axes.axis("off")
    final, known = tables["plane_final"], "law_class" in tables["plane_final"]
    for axes, place in zip(panels.ravel(), picked, strict=False):
        epoch = every[place]
        rows = where(grid, epoch=epoch)
        _draw_probabilities(axes, frame, rows["called"], numbers(rows["probability"]))
        _draw_rows(axes, frame, tables["plane_rows"])
        units = where(tables["plane_units"], epoch=epoch)
        _draw_lines(axes, frame, units, color="#3A3F47", linewidth=0.9, alpha=0.8)
        if known:
            law = numbers(final["law_probability"])
            _draw_boundary(axes, frame, final["law_class"], law, "--")
        _draw_boundary(axes, frame, rows["called"], numbers(rows["probability"]), "-")
        axes.set_title(f"epoch {epoch}" if epoch != "0" else "before training")
        _finish(axes, frame)
    for axes in panels[-1]:
        axes.set_xlabel(frame.labels[0])
    for axes in panels[:, 0]:
        axes.set_ylabel(frame.labels[1])
    _legend(figure, frame, [OWN, *([BEST] if known else []), UNIT])
    return figure


def _legend(figure: Figure, frame: Frame, lines: Sequence[str]) -> None:
    """Classes and lines below all panels."""
    styles: Mapping[str, Mapping[str, Any]] = {
        OWN: {"color": "black", "linewidth": 1.8},
        BEST: {"color": "black", "linewidth": 1.2, "linestyle": "--"},
        UNIT: {"color": "#3A3F47", "linewidth": 0.9},
    }
    handles = [
        Line2D([], [], marker="o", linestyle="", color=frame.colour(name), label=name)
        for name in frame.classes[: len(COLOURS)]
    ]
    for handle in handles:
        handle.set_label(f"class {shortened(str(handle.get_label()), MOST_NAME)}")
    handles += [Line2D([], [], label=name, **styles[name]) for name in lines]
    n_columns = len(handles) if len(handles) <= 5 else -(-len(handles) // 2)
    figure.legend(handles=handles, loc="outside lower center", ncols=n_columns)


def _draw_probabilities(axes: Axes, frame: Frame, called: Sequence[str], p: Array) -> None:
    """Each point in the colour of its class, the paler the less sure."""
    least = 1.0 / len(frame.classes)
    strength = 0.6 * np.clip((p - least) / (1.0 - least), 0.0, 1.0)[:, None]
    inks = np.array([to_rgb(frame.colour(name)) for name in frame.classes])
    own = inks[[frame.classes.index(name) for name in called]]
    _image(axes, frame, (1.0 - strength + strength * own).reshape(*frame.shape, 3))


def _image(axes: Axes, frame: Frame, pixels: Array, **style: Any) -> None:
    half = [(ends[-1] - ends[0]) / (len(ends) - 1) / 2 for ends in (frame.first, frame.second)]
    extent = (
        frame.first[0] - half[0],
        frame.first[-1] + half[0],
        frame.second[0] - half[1],
        frame.second[-1] + half[1],
    )
    axes.imshow(pixels, origin="lower", extent=extent, aspect="auto", **style)


def _draw_boundary(
    axes: Axes, frame: Frame, called: Sequence[str], p: Array, linestyle: str
) -> None:
    """Where the class changes; of two classes where their probabilities are equal."""
    found = np.array(called)
    for name in frame.classes[1:]:
        here = found == name
        heights = np.where(here, p, 1.0 - p) if len(frame.classes) == 2 else here.astype(float)
        # Where no class has rows there is no law.
        if np.nanmin(heights) < 0.5 < np.nanmax(heights):
            axes.contour(
                frame.first,
                frame.second,
                heights.reshape(frame.shape),
                [0.5],
                colors="black",
                linestyles=linestyle,
                linewidths=1.8 if linestyle == "-" else 1.2,
            )


def _draw_rows(axes: Axes, frame: Frame, rows: Table) -> None:
    """Training rows in the colours of their classes."""
    some = slice(0, MOST_ROWS)
    inks = [frame.colour(name) for name in rows["class"][some]]
    x, y = (numbers(rows[name][some]) for name in ("x1", "x2"))
    axes.scatter(x, y, s=8, c=inks, edgecolors="white", linewidths=0.3, zorder=2)


def _draw_lines(axes: Axes, frame: Frame, units: Table, **style: Any) -> None:
    """The line w . x + b = 0 of each unit, on one side of which its preactivation is positive."""
    for w1, w2, b in zip(
        *(numbers(units[name]) for name in ("weight_1", "weight_2", "bias")), strict=True
    ):
        # The output has no line, and a unit that sees nothing of the inputs has none.
        if not np.isfinite(b) or (w1 == 0 and w2 == 0):
            continue
        if abs(w2) * np.ptp(frame.second) >= abs(w1) * np.ptp(frame.first):
            x = frame.first[[0, -1]]
            y = -(w1 * x + b) / w2
        else:
            y = frame.second[[0, -1]]
            x = -(w2 * y + b) / w1
        axes.plot(x, y, **{"zorder": 2.5, **style})


def _finish(axes: Axes, frame: Frame) -> None:
    axes.grid(visible=False)
    axes.set_xlim(frame.first[0], frame.first[-1])
    axes.set_ylim(frame.second[0], frame.second[-1])


def units(tables: Mapping[str, Table], metrics: Mapping[str, Any]) -> Figure:
    """The output of each hidden unit over the plane at the end, and its line at every moment."""
    final, weights = tables["plane_final"], tables["plane_units"]
    if not weights["epoch"]:
        return nothing_to_draw(NO_STUDY)
    frame = frame_of(tables["plane_grid"], metrics["plane"])
    epochs = distinct(weights["epoch"])
    names = [name for name in distinct(weights["unit"]) if name != "0"][:MOST_UNITS]
    n_columns = min(3, len(names))
    n_rows = -(-len(names) // n_columns)
    figure = new_figure(2.9 * n_columns + 0.4, 2.7 * n_rows + 0.7)
    panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    for axes in panels.ravel()[len(names) :]:
        axes.axis("off")
    for axes, name in zip(panels.ravel(), names, strict=False):
        own = where(weights, unit=name)
        outgoing = np.array([numbers(own[f"to_{k + 1}"])[-1] for k in range(len(frame.classes))])
        favoured = frame.classes[int(outgoing.argmax())]
        strength = float(outgoing.max() - outgoing.min())
        z = numbers(final[f"unit_{name}"])
        _draw_output(axes, frame, z, frame.colour(favoured))
        for place, epoch in enumerate(epochs):
            share = place / max(1, len(epochs) - 1)
            last = place == len(epochs) - 1
            line = where(own, epoch=epoch)
            ink, width = ("black", 1.6) if last else (POINTS, 0.8)
            _draw_lines(axes, frame, line, color=ink, linewidth=width, alpha=0.3 + 0.7 * share)
        side = f"for {shortened(favoured, MOST_NAME)}, by {strength:.2g}" if strength else "unused"
        axes.set_title(f"unit {name}: {side}", fontsize=10)
        _finish(axes, frame)
    for axes in panels[-1]:
        axes.set_xlabel(frame.labels[0])
    for axes in panels[:, 0]:
        axes.set_ylabel(frame.labels[1])
    handles = [
        Line2D([], [], color="black", linewidth=1.6, label="a = 0 at the end"),
        Line2D([], [], color=POINTS, linewidth=0.8, label="earlier"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _draw_output(axes: Axes, frame: Frame, z: Array, ink: str) -> None:
    """z over the plane, from white where it is least to the colour of a class where it is most."""
    width = float(np.ptp(z))
    share = ((z - z.min()) / width if width else np.zeros_like(z))[:, None]
    pixels = 1.0 - 0.85 * share + 0.85 * share * np.array(to_rgb(ink))
    _image(axes, frame, pixels.reshape(*frame.shape, 3))


def learning(table: Table, metrics: Mapping[str, Any]) -> Figure:
    """Accuracy of each start against the epoch, and how often it departs from the best rule."""
    if not table["epoch"]:
        return nothing_to_draw(NO_STUDY)
    known = "disagreement" in table
    figure = new_figure(8.6 if known else 5.4, 3.9)
    every = figure.subplots(1, 2 if known else 1, squeeze=False).ravel()
    epochs, starts = distinct(table["epoch"]), distinct(table["init"])
    # The kept epochs are 0, 1, 2, 4, ...: one step each.
    x = np.arange(float(len(epochs)))
    panels = [("accuracy", "share of test rows", "called right")]
    panels += [("disagreement", "share of test rows", "not called as by the best rule")]
    for axes, (name, label, title) in zip(every, panels, strict=False):
        for place, start in enumerate(starts):
            draw_band(axes, x, where(table, init=start), name, place, start)
        axes.set_xticks(x, epochs)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.set_title(title)
        axes.set_ylim(-0.02, 1.02)
    best = metrics["plane"].get("best_accuracy", {}).get("mean")
    if best is not None:
        every[0].axhline(best, color="black", linewidth=1.0, linestyle="--")
        every[0].text(0, best - 0.015, f"best rule: {best:.3f}", ha="left", va="top", fontsize=9)
    legend_below(figure, every[0], len(starts))
    return figure

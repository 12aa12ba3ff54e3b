"""The figures of `perceptron`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    where,
)

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
OUTPUTS = {"NAND": (1, 1, 1, 0), "XOR": (0, 1, 1, 0)}


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = ("gates", "rows", "learning", "approximation", "rate", "deformation")
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    return {
        "gates": gates(tables["gates"]),
        "learning": learning(tables["rows"], tables["learning"]),
        "approximation": approximation(tables["approximation"]),
        "rate": rate(tables["rate"]),
        "deformation": deformation(tables["deformation"]),
    }


def _line(
    axes: Axes, w: tuple[float, float], b: float, reach: tuple[float, float], **style: object
) -> None:
    """The line w . x + b = 0, drawn along whichever axis it is not steep in."""
    along = np.array(reach)
    if abs(w[1]) >= abs(w[0]) and w[1] != 0:
        axes.plot(along, -(w[0] * along + b) / w[1], **style)  # type: ignore[arg-type]
    elif w[0] != 0:
        axes.plot(-(w[1] * along + b) / w[0], along, **style)  # type: ignore[arg-type]


def gates(table: Table) -> Figure:
    """The four inputs of NAND and XOR, and the lines of their units."""
    figure = new_figure(7.6, 4.2)
    lines = {
        unit: tuple(float(table[key][i]) for key in ("w_1", "w_2", "b"))
        for i, unit in enumerate(table["unit"])
    }
    drawn = {
        "NAND": [("NAND", "-", COLOURS[0], "the unit")],
        "XOR": [
            ("XOR, hidden 0", "-", COLOURS[0], "output, hidden unit 0"),
            ("XOR, hidden 1", "-", COLOURS[1], "output, hidden unit 1"),
            ("XOR hidden", "--", POINTS, "hidden unit"),
        ],
    }
    for axes, (gate, outputs) in zip(figure.subplots(1, 2), OUTPUTS.items(), strict=True):
        for unit, dash, colour, label in drawn[gate]:
            w_1, w_2, b = lines[unit]
            _line(axes, (w_1, w_2), b, (-0.6, 1.6), linestyle=dash, color=colour, label=label)
        for value in (0, 1):
            corners = CORNERS[np.array(outputs) == value]
            axes.scatter(
                *corners.T,
                s=90,
                zorder=3,
                edgecolors="black",
                color="black" if value else "white",
                label=f"output {value}",
            )
        axes.set_xlim(-0.6, 1.6)
        axes.set_ylim(-0.6, 1.6)
        axes.set_aspect("equal")
        axes.set_xticks([0, 1])
        axes.set_yticks([0, 1])
        axes.set_xlabel("x_1")
        axes.set_ylabel("x_2")
        axes.set_title(gate)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=9)
    return figure


def learning(rows: Table, runs: Table) -> Figure:
    """Rows with the learnt line, and mistakes against their bound."""
    figure = new_figure(8.6, 4.2)
    left, right = figure.subplots(1, 2)
    x_1, x_2, side = (numbers(rows[key]) for key in ("x_1", "x_2", "side"))
    for value, marker, colour in ((-1, "o", COLOURS[0]), (1, "^", COLOURS[1])):
        chosen = side == value
        left.plot(
            x_1[chosen], x_2[chosen], marker, color=colour, markersize=4, label=f"class {value:+d}"
        )
    w_1, w_2, b = (float(rows[key][0]) for key in ("w_1", "w_2", "b"))
    _line(left, (w_1, w_2), b, (-1.05, 1.05), color="black", label="learnt line")
    left.set_xlim(-1.05, 1.05)
    left.set_ylim(-1.05, 1.05)
    left.set_aspect("equal")
    left.set_xlabel("x_1")
    left.set_ylabel("x_2")
    left.set_title("Rows of the first seed, widest margin")
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, fontsize=9)
    bounds = numbers(runs["bound"])
    for margin, colour in zip(distinct(runs["margin"]), COLOURS * 5, strict=False):
        chosen_rows = where(runs, margin=margin)
        right.plot(
            numbers(chosen_rows["bound"]),
            np.maximum(numbers(chosen_rows["mistakes"]), 0.5),
            "o",
            color=colour,
            markersize=4,
            label=f"margin {float(margin):g}",
        )
    ends = np.array([1.0, float(bounds.max())])
    right.plot(ends, ends, color="black", linewidth=1, label="bound")
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xlabel("bound (R / gamma)^2")
    right.set_ylabel("mistakes made")
    right.set_title("No run passes the bound")
    right.legend(fontsize=9)
    return figure


def approximation(table: Table) -> Figure:
    """The function, staircases and the smoothed staircase."""
    figure = new_figure(7.6, 4.4)
    axes = figure.add_subplot()
    x = numbers(table["x"])
    names = [name for name in table if name.endswith(" bins")]
    axes.plot(x, numbers(table["function"]), color="black", linewidth=2, label="function")
    for name, colour in zip(names, COLOURS, strict=False):
        axes.plot(x, numbers(table[name]), color=colour, linewidth=1.2, label=name)
    axes.plot(x, numbers(table["smooth"]), "--", color=COLOURS[4], linewidth=1.4, label="sigmoids")
    axes.set_xlabel("x")
    axes.set_ylabel("f(x)")
    axes.set_title("A function from threshold units in one hidden layer")
    axes.legend()
    return figure


def rate(table: Table) -> Figure:
    """Error of the staircase against its number of bins."""
    n = numbers(table["n_bins"])
    largest = numbers(table["largest_error"])
    if not (largest > 0).all():
        return nothing_to_draw("The staircase is exact: there is no error to draw.")
    figure = new_figure()
    axes = figure.add_subplot()
    for key, label, colour in (
        ("largest_error", "largest error", COLOURS[0]),
        ("rms_error", "rms error", COLOURS[1]),
    ):
        mean = numbers(table[key])
        axes.plot(n, mean, "o-", color=colour, label=label)
        shade(
            axes,
            n,
            np.maximum(numbers(table[f"{key}_ci_low"]), mean / 10),
            numbers(table[f"{key}_ci_high"]),
            colour,
        )
    axes.plot(n, largest[0] * n[0] / n, ":", color="black", label="slope -1")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(n, [f"{value:g}" for value in n])
    axes.set_xlabel("bins")
    axes.set_ylabel("error")
    axes.set_title("Error of the staircase against its number of bins")
    axes.legend()
    return figure


def deformation(table: Table) -> Figure:
    """Error and live units against the steepness of the sigmoids."""
    figure = new_figure(7.0, 5.2)
    above, below = figure.subplots(2, 1, sharex=True)
    steepness = numbers(table["steepness"])
    for axes, key, label, colour in (
        (above, "rms_error", "rms error", COLOURS[0]),
        (below, "live_units", "share of units\nwith a gradient", COLOURS[1]),
    ):
        axes.plot(steepness, numbers(table[key]), "o-", color=colour)
        shade(
            axes,
            steepness,
            numbers(table[f"{key}_ci_low"]),
            numbers(table[f"{key}_ci_high"]),
            colour,
        )
        axes.set_ylabel(label)
    above.set_yscale("log")
    above.set_title("From sigmoid to step: what steepness costs")
    below.set_ylim(0, 1.02)
    below.set_xscale("log")
    below.set_xlabel("steepness of the sigmoids, in units of 1 / bin")
    return figure

"""The figures of `perceptron`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mlcli.experiments.perceptron.about import ABOUT
from mlcli.plotting import (
    COLOURS,
    POINTS,
    TRUTH,
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

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
# The square of inputs that is shown.
SQUARE = np.array([[-0.6, -0.6], [1.6, -0.6], [1.6, 1.6], [-0.6, 1.6]])
# Places of the units in a drawn network.
INPUT_1, INPUT_2, HIDDEN, OUTPUT = (0.0, 1.0), (0.0, 0.0), (1.3, 0.5), (2.6, 0.5)
# Errors below this are drawn here.
TINY = 1e-17


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in ABOUT.tables}
    return {
        "networks": networks(tables["gates"]),
        "gates": gates(tables["gates"]),
        "boundary": boundary(tables["boundary"]),
        "learning": learning(tables["rows"], tables["learning"]),
        "steps": steps(tables["steps"]),
        "approximation": approximation(tables["approximation"]),
        "rate": rate(tables["rate"]),
        "polynomials": polynomials(tables["polynomials"]),
        "sigmoids": sigmoids(tables["sigmoid_curves"], tables["sigmoids"]),
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


def networks_of(table: Table) -> dict[str, dict[str, tuple[float, float, float]]]:
    """For each network its lines w_1, w_2, b: of ``unit``, or ``hidden``, ``silent``, ``fires``."""
    found: dict[str, dict[str, tuple[float, float, float]]] = {}
    roles = {" hidden": "hidden", ", hidden 0": "silent", ", hidden 1": "fires"}
    for i, unit in enumerate(table["unit"]):
        line = (float(table["w_1"][i]), float(table["w_2"][i]), float(table["b"][i]))
        ending = next((one for one in roles if unit.endswith(one)), "")
        name = unit.removesuffix(ending)
        found.setdefault(name, {})[roles.get(ending, "unit")] = line
    return found


def clipped(corners: Array, line: tuple[float, float, float]) -> Array:
    """The part of a convex polygon (n, 2) in which w . x + b > 0."""
    if not len(corners):
        return corners
    w, kept = np.array(line[:2]), []
    heights = corners @ w + line[2]
    for here, there, h, next_h in zip(
        corners, np.roll(corners, -1, axis=0), heights, np.roll(heights, -1), strict=True
    ):
        if h > 0:
            kept.append(here)
        if (h > 0) != (next_h > 0):
            kept.append(here + (there - here) * h / (h - next_h))
    return np.array(kept).reshape(-1, 2)


def firing(network: dict[str, tuple[float, float, float]]) -> list[Array]:
    """Where in the square the output is 1: a polygon, or one for each state of the hidden unit."""
    if "unit" in network:
        return [clipped(SQUARE, network["unit"])]
    w_1, w_2, b = network["hidden"]
    without, behind = clipped(SQUARE, (-w_1, -w_2, -b)), clipped(SQUARE, network["hidden"])
    return [clipped(without, network["silent"]), clipped(behind, network["fires"])]


def answers(network: dict[str, tuple[float, float, float]]) -> tuple[int, ...]:
    """The outputs for the four inputs."""
    inputs = np.column_stack([CORNERS, np.ones(len(CORNERS))])
    if "unit" in network:
        return tuple((inputs @ network["unit"] > 0).astype(int).tolist())
    hidden, silent, fires = (inputs @ network[key] > 0 for key in ("hidden", "silent", "fires"))
    return tuple(np.where(hidden, fires, silent).astype(int).tolist())


def gates(table: Table) -> Figure:
    """The four inputs of each network, the lines of its units, and where its output is 1."""
    found = networks_of(table)
    figure = new_figure(3.9 * len(found), 5.2)
    styles = {
        "unit": ("-", COLOURS[0], "the unit"),
        "silent": ("-", COLOURS[0], "output, hidden unit 0"),
        "fires": ("-", COLOURS[1], "output, hidden unit 1"),
        "hidden": ("--", POINTS, "hidden unit"),
    }
    panels = figure.subplots(1, len(found), squeeze=False)[0]

    def most(shown: tuple[list[Artist], list[str]]) -> int:
        return len(shown[1])

    for axes, (gate, network) in zip(panels, found.items(), strict=True):
        for corners in firing(network):
            axes.fill(*corners.T, facecolor=COLOURS[4], alpha=0.25, linewidth=0)
        for role, (dash, colour, label) in styles.items():
            if role in network:
                w_1, w_2, b = network[role]
                _line(axes, (w_1, w_2), b, (-0.6, 1.6), linestyle=dash, color=colour, label=label)
        outputs = np.array(answers(network))
        for value in (0, 1):
            corners = CORNERS[outputs == value]
            axes.scatter(
                *corners.T,
                s=90,
                zorder=3,
                edgecolors="black",
                color="black" if value else "white",
                label=f"input with output {value}",
            )
        axes.set_xlim(-0.6, 1.6)
        axes.set_ylim(-0.6, 1.6)
        axes.set_aspect("equal")
        axes.set_xticks([0, 1])
        axes.set_yticks([0, 1])
        axes.set_xlabel("x_1")
        axes.set_ylabel("x_2")
        axes.set_title(gate)
    # The panel with most units names them all.
    handles, labels = max((one.get_legend_handles_labels() for one in panels), key=most)
    handles += [Patch(facecolor=COLOURS[4], alpha=0.25, linewidth=0)]
    figure.legend(handles, [*labels, "output 1"], loc="outside lower center", ncols=3, fontsize=9)
    return figure


def networks(table: Table) -> Figure:
    """The units of each network as circles, with weights at the arrows and biases inside."""
    found = networks_of(table)
    figure = new_figure(4.3 * len(found), 2.9)
    for axes, (gate, network) in zip(
        figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True
    ):
        axes.set_xlim(-0.35, 3.3)
        axes.set_ylim(-0.45, 1.55)
        axes.set_aspect("equal")
        axes.axis("off")
        table_ = "".join(map(str, answers(network)))
        axes.set_title(f"table {gate}" if gate == table_ else f"{gate}, table {table_}")
        w_1, w_2, b = network["unit"] if "unit" in network else network["silent"]
        # An arrow past the hidden unit is bent, so that it does not run through it.
        bend = 0.0 if "unit" in network else 0.38
        _arrow(axes, INPUT_1, OUTPUT, w_1, bend=-bend, up=1)
        _arrow(axes, INPUT_2, OUTPUT, w_2, bend=bend, up=-1)
        if "hidden" in network:
            h_1, h_2, h_b = network["hidden"]
            _arrow(axes, INPUT_1, HIDDEN, h_1, up=1)
            _arrow(axes, INPUT_2, HIDDEN, h_2, up=-1)
            _arrow(axes, HIDDEN, OUTPUT, network["fires"][2] - b, up=1)
            _unit(axes, HIDDEN, signed(h_b), "hidden unit")
        _unit(axes, OUTPUT, signed(b), "output")
        for place, name in ((INPUT_1, "x_1"), (INPUT_2, "x_2")):
            _unit(axes, place, name, "", filled=True)
    return figure


def signed(value: float) -> str:
    """A number with a minus sign as long as a plus sign."""
    return f"{value:g}".replace("-", "−")


def _unit(
    axes: Axes, place: tuple[float, float], inside: str, below: str, *, filled: bool = False
) -> None:
    """A unit with its bias, or an input with its name."""
    colour = POINTS if filled else COLOURS[0]
    axes.plot(*place, "o", markersize=27, color="white", markeredgecolor=colour, markeredgewidth=2)
    axes.text(*place, inside, ha="center", va="center", fontsize=10)
    axes.text(place[0], place[1] - 0.34, below, ha="center", va="center", fontsize=9)


def _arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    weight: float,
    *,
    bend: float = 0.0,
    up: int,
) -> None:
    """An arrow between two units, with its weight at its middle."""
    style = f"arc3,rad={bend}"
    arrow = {"arrowstyle": "-|>", "shrinkA": 16, "shrinkB": 16, "connectionstyle": style}
    axes.annotate("", end, start, arrowprops={**arrow, "color": "black", "linewidth": 1.2})
    # A curve of this style is a quadratic one whose middle is half as far out as its control point.
    along = np.subtract(end, start)
    middle = (np.add(start, end) + bend * np.array([along[1], -along[0]])) / 2
    axes.text(middle[0], middle[1] + 0.13 * up, signed(weight), ha="center", va="center")


def boundary(table: Table) -> Figure:
    """Rows of the data and the boundary that was learnt of them."""
    figure = new_figure(7.0, 4.6)
    axes = figure.add_subplot()
    x, y, side = (numbers(table[key]) for key in ("x", "y", "side"))
    for value, marker, colour in ((-1, "o", COLOURS[0]), (1, "^", COLOURS[1])):
        chosen = side == value
        name = shortened(
            next(n for n, s in zip(table["class"], side, strict=True) if s == value), 40
        )
        axes.plot(x[chosen], y[chosen], marker, color=colour, markersize=4, label=name)
    ends = np.array([[values.min(), values.max()] for values in (x, y)])
    margin = 0.06 * np.maximum(np.ptp(ends, axis=1), 1.0)
    ends += np.column_stack([-margin, margin])
    w_x, w_y, b = (float(table[key][0]) for key in ("w_x", "w_y", "b"))
    reach = (float(ends.min()), float(ends.max()))
    _line(axes, (w_x, w_y), b, reach, color="black", label="boundary, w · x + b = 0")
    axes.set_xlim(*ends[0])
    axes.set_ylim(*ends[1])
    axes.set_xlabel(shortened(table["x_axis"][0], 60))
    axes.set_ylabel(shortened(table["y_axis"][0], 60))
    axes.set_title("Rosenblatt's rule on the data: the first seed")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, fontsize=9)
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


def steps(table: Table) -> Figure:
    """One step, another one, the bump between them; and the bumps of all bins with their sum."""
    figure = new_figure(9.0, 4.4)
    grid = figure.add_gridspec(2, 2, width_ratios=[1, 1.15])
    above = figure.add_subplot(grid[0, 0])
    below = figure.add_subplot(grid[1, 0], sharex=above)
    right = figure.add_subplot(grid[:, 1])
    x = numbers(table["x"])
    for key, dash, colour in (("step_1", "-", COLOURS[0]), ("step_2", "--", COLOURS[1])):
        name = f"unit {key[-1]}"
        above.plot(x, numbers(table[key]), dash, color=colour, linewidth=1.8, label=name)
    above.set_ylim(-0.1, 1.15)
    above.set_yticks([0, 1])
    above.set_ylabel("output")
    above.set_title("Two steps, each from one unit", fontsize=10)
    above.legend(loc="upper left", fontsize=9)
    above.tick_params(labelbottom=False)
    below.plot(x, numbers(table["bump"]), color="black", linewidth=1.8, label="bump")
    below.set_xlabel("x")
    below.set_ylabel("h (unit 1 − unit 2)")
    below.set_title("Their difference times h: a bump", fontsize=10)
    names = [name for name in table if re.fullmatch(r"bump \d+", name)]
    for name, colour in zip(names, COLOURS * 2, strict=False):
        height = numbers(table[name])
        inside = height != 0
        right.plot(x[inside], height[inside], color=colour, linewidth=1.0)
        shade(
            right, x[inside], np.minimum(height[inside], 0), np.maximum(height[inside], 0), colour
        )
    right.plot(x, numbers(table["sum"]), color="black", linewidth=1.8, label="sum of the bumps")
    right.plot(x, numbers(table["function"]), ":", color=TRUTH, linewidth=1.8, label="function")
    right.set_xlabel("x")
    right.set_ylabel("f(x)")
    right.set_title(f"One bump for each of {len(names)} bins, and their sum", fontsize=10)
    right.legend(fontsize=9)
    return figure


def polynomials(table: Table) -> Figure:
    """Largest error against how many numbers may be chosen, of steps and of polynomials."""
    n = numbers(table["n_numbers"])
    largest = max(float(numbers(table[key]).max()) for key in ("staircase", "bernstein"))
    largest = max(largest, float(numbers(table["chebyshev"]).max()))
    if largest == 0:
        return nothing_to_draw("Every family has the function exactly: there is no error to draw.")
    figure = new_figure(7.4, 4.6)
    axes = figure.add_subplot()
    drawn = (
        ("staircase", "staircase of units", "s-", COLOURS[0]),
        ("bernstein", "Bernstein's polynomial", "^-", COLOURS[2]),
        ("chebyshev", "polynomial through Chebyshev points", "o-", COLOURS[1]),
    )
    lowest = TINY * largest
    for key, label, style, colour in drawn:
        error = np.maximum(numbers(table[key]), lowest)
        axes.plot(n, error, style, color=colour, markersize=5, label=label)
    low = np.maximum(numbers(table["best_at_least"]), lowest)
    high = np.maximum(numbers(table["chebyshev"]), lowest)
    shade(axes, n, low, high, COLOURS[1])
    axes.fill_between([], [], [], color=COLOURS[1], alpha=0.2, label="the best polynomial is here")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(n, [f"{value:g}" for value in n])
    axes.set_xlabel("numbers to choose: heights of bins, or coefficients")
    axes.set_ylabel("largest error on the interval")
    axes.set_title("Two families that approximate any continuous function")
    axes.legend(loc="best", fontsize=9)
    return figure


def sigmoids(curves: Table, distances: Table) -> Figure:
    """Sigmoids of growing steepness, and how far they are from the step."""
    figure = new_figure(9.0, 4.2)
    left, right = figure.subplots(1, 2)
    z = numbers(curves["z"])
    names = [name for name in curves if name.startswith("lambda ")]
    shown = names if len(names) <= 5 else [names[round(k * (len(names) - 1) / 4)] for k in range(5)]
    left.axhline(0.5, color=POINTS, linestyle="--", linewidth=1.2, label="lambda → 0")
    for name, colour in zip(shown, COLOURS, strict=False):
        left.plot(z, numbers(curves[name]), color=colour, linewidth=1.4, label=name)
    left.plot(z, numbers(curves["step"]), color="black", linewidth=1.0, label="step")
    left.set_xlabel("z")
    left.set_ylabel("sigma(lambda z)")
    left.set_title("The steeper, the nearer to a step")
    left.legend(fontsize=8, loc="upper left")
    steepness = numbers(distances["steepness"])
    for key, label, colour in (
        ("area", "area between them, |z| < 5", COLOURS[0]),
        ("beyond", "largest distance where |z| > 0.1", COLOURS[1]),
    ):
        theory = numbers(distances[f"{key}_theory"])
        right.plot(steepness, np.maximum(theory, TINY), "-", color=colour, linewidth=1)
        right.plot(
            steepness, np.maximum(numbers(distances[key]), TINY), "o", color=colour, label=label
        )
    right.plot(steepness, numbers(distances["at_zero"]), "k--", label="distance at z = 0")
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_ylim(1e-6, None)
    right.set_xlabel("steepness lambda")
    right.set_ylabel("distance from the step")
    right.set_title("Measured (points) and theory (lines)")
    right.legend(fontsize=8, loc="lower left")
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
    if not (numbers(table["rms_error"]) > 0).any():
        return nothing_to_draw("The sigmoids are exact: there is no error to draw.")
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

"""The figures of `descent`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcli.experiments.descent.about import ABOUT
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
    shade,
    where,
)

# Room around the longest shown path, in units of its extent.
MARGIN = 1.25
# Tables that only the explorable shows: a run without them still has its figures.
GRID = ("grid_factors", "grid_paths")
# Points of an ellipse of two standard deviations.
AROUND = np.linspace(0, 2 * np.pi, 181)


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    drawn = [name for name in ABOUT.tables if name not in GRID]
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in drawn}
    return {
        "paths": paths(tables["paths"]),
        "loss": loss(tables["loss"]),
        "stochastic": stochastic(tables["stochastic"]),
        "noise": noise(tables["noise"]),
        "escape": escape(tables["escape_loss"], tables["escape_paths"], tables["escape"]),
        "overfit": overfit(tables["overfit"]),
        "flow": flow(tables["flow"]),
        "rates": rates(tables["rates"]),
    }


def paths(table: Table) -> Figure:
    """Contours in two eigenvectors, with a panel a learning rate."""
    values = distinct(table["rate"])
    flow_rows, panels = where(table, rate=values[0]), values[1:]
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    figure = new_figure(4.1 * columns, 3.0 * lines + 0.3)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    start = [float(table[key][0]) for key in ("stiff", "soft")]
    x_reach, y_reach = (MARGIN * max(abs(value), 1e-12) for value in start)
    a, b = np.meshgrid(np.linspace(-x_reach, x_reach, 161), np.linspace(-y_reach, y_reach, 161))
    curvature = [float(table[key][0]) for key in ("lambda_max", "lambda_min")]
    height = 0.5 * (curvature[0] * a**2 + curvature[1] * b**2)
    for axes, value in zip(grid.flat, panels, strict=False):
        axes.contour(a, b, height, levels=12, colors=POINTS, linewidths=0.5)
        axes.plot(
            numbers(flow_rows["stiff"]),
            numbers(flow_rows["soft"]),
            color=COLOURS[2],
            linewidth=1.4,
            label="flow",
        )
        rows = where(table, rate=value)
        x = np.clip(numbers(rows["stiff"]), -50 * x_reach, 50 * x_reach)
        axes.plot(x, numbers(rows["soft"]), ".-", color=COLOURS[0], linewidth=1, label="descent")
        axes.plot(0, 0, "*", color=COLOURS[4], markersize=12, label="minimum")
        axes.set_xlim(-x_reach, x_reach)
        axes.set_ylim(-y_reach, y_reach)
        axes.set_title(f"rate {float(value):g} of the critical one", fontsize=10)
        axes.label_outer()
    for axes in grid[-1]:
        axes.set_xlabel("along the stiffest direction")
    for axes in grid[:, 0]:
        axes.set_ylabel("along the softest")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def ellipse(table: Table) -> Array:
    """Two standard deviations about the minimum, (n, 2); empty where there is no stationary law."""
    moments = [numbers(table[key])[0] for key in ("stiff_stiff", "stiff_soft", "soft_soft")]
    if not np.isfinite(moments).all():
        return np.empty((0, 2))
    values, vectors = np.linalg.eigh([moments[:2], moments[1:]])
    axes = vectors * np.sqrt(np.maximum(values, 0))
    return np.asarray(2 * np.column_stack([np.cos(AROUND), np.sin(AROUND)]) @ axes.T)


def stochastic(table: Table) -> Figure:
    """A path of minibatch descent for each batch size, beside descent on every row."""
    whole, *batches = distinct(table["batch_size"])
    every = where(table, batch_size=whole)
    columns = min(2, len(batches))
    lines = -(-len(batches) // columns)
    figure = new_figure(4.2 * columns, 3.1 * lines + 0.4)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(batches) :]:
        axes.axis("off")
    around = {batch: ellipse(where(table, batch_size=batch)) for batch in batches}
    start = np.array([[float(table[key][0]) for key in ("stiff", "soft")]])
    shown = np.abs(np.concatenate([start, *around.values()]))
    x_reach, y_reach = MARGIN * np.maximum(shown.max(axis=0), 1e-12)
    a, b = np.meshgrid(np.linspace(-x_reach, x_reach, 161), np.linspace(-y_reach, y_reach, 161))
    curvature = [float(table[key][0]) for key in ("lambda_max", "lambda_min")]
    height = 0.5 * (curvature[0] * a**2 + curvature[1] * b**2)
    for axes, batch in zip(grid.flat, batches, strict=False):
        rows = where(table, batch_size=batch)
        axes.contour(a, b, height, levels=10, colors=POINTS, linewidths=0.5)
        path = np.column_stack([numbers(rows[key]) for key in ("stiff", "soft")])
        path = np.clip(path, -50 * np.array([x_reach, y_reach]), 50 * np.array([x_reach, y_reach]))
        axes.plot(*path.T, ".-", color=COLOURS[0], linewidth=0.6, markersize=3, label="minibatches")
        full = [numbers(every[key]) for key in ("stiff", "soft")]
        axes.plot(*full, color=COLOURS[1], linewidth=1.8, label="every row")
        axes.plot(*around[batch].T, color="black", linewidth=1.4, label="theory: 2 std. dev.")
        axes.plot(0, 0, "*", color=COLOURS[4], markersize=11, label="minimum")
        axes.set_xlim(-x_reach, x_reach)
        axes.set_ylim(-y_reach, y_reach)
        diverges = "" if around[batch].size else ", which diverges"
        axes.set_title(f"batches of {batch}{diverges}", fontsize=10)
        axes.label_outer()
    for axes in grid[-1]:
        axes.set_xlabel("along the stiffest direction")
    for axes in grid[:, 0]:
        axes.set_ylabel("along the softest")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def escape(curve: Table, paths_: Table, shares: Table) -> Figure:
    """The loss with two minima, paths from the local one, and how many of them leave it."""
    figure = new_figure(9.4, 5.2)
    grid = figure.add_gridspec(2, 2, width_ratios=[1, 1.05])
    above = figure.add_subplot(grid[0, 0])
    below = figure.add_subplot(grid[1, 0], sharex=above)
    right = figure.add_subplot(grid[:, 1])
    _two_minima(above, curve)
    whole, *batches = distinct(paths_["batch_size"])
    for batch, colour in zip(batches, COLOURS, strict=False):
        rows = where(paths_, batch_size=batch)
        below.plot(numbers(rows["w"]), numbers(rows["step"]), color=colour, linewidth=0.8)
    rows = where(paths_, batch_size=whole)
    below.plot(numbers(rows["w"]), numbers(rows["step"]), color="black", linewidth=1.6)
    below.invert_yaxis()
    below.set_xlabel("weight w")
    below.set_ylabel("step")
    below.set_title("Paths from the local minimum, largest rate", fontsize=10)
    for batch, colour in zip(distinct(shares["batch_size"])[1:], COLOURS * 3, strict=False):
        rows = where(shares, batch_size=batch)
        rate, share = numbers(rows["rate"]), numbers(rows["share"])
        ends = np.abs(
            np.stack([numbers(rows[key]) for key in ("share_ci_low", "share_ci_high")]) - share
        )
        right.plot(rate, numbers(rows["theory"]), "-", color=colour, linewidth=1)
        right.errorbar(
            rate,
            share,
            yerr=np.nan_to_num(ends),
            fmt="o",
            markersize=4,
            capsize=3,
            color=colour,
            label=f"batches of {batch}",
        )
    rows = where(shares, batch_size=whole)
    right.plot(
        numbers(rows["rate"]),
        numbers(rows["share"]),
        "--",
        color="black",
        linewidth=1.4,
        zorder=1,
        label="every row",
    )
    right.set_xscale("log")
    right.set_ylim(-0.03, 1.03)
    right.set_xlabel("learning rate, in units of the critical one")
    right.set_ylabel("share of runs that left the local minimum")
    right.set_title("Measured, and the Markov chain of the steps (lines)", fontsize=10)
    right.legend(loc="upper left")
    return figure


def _two_minima(axes: Axes, curve: Table) -> None:
    """The loss along w, with names at its minima."""
    w, height, slope = (numbers(curve[key]) for key in ("w", "loss", "slope"))
    axes.plot(w, height, color="black", linewidth=1.6)
    lowest = [k for k in range(1, w.size) if slope[k - 1] < 0 <= slope[k]]
    for k in lowest:
        name = "global minimum" if height[k] == height[lowest].min() else "local minimum"
        axes.plot(w[k], height[k], "*", color=COLOURS[4], markersize=11)
        axes.annotate(
            name, (w[k], height[k]), (0, -8), textcoords="offset points", ha="center", va="top"
        )
    axes.set_ylim(height.min() - 0.25 * np.ptp(height), None)
    axes.set_ylabel("loss E(w)")
    axes.set_title("A loss with two minima", fontsize=10)
    axes.tick_params(labelbottom=False)


def overfit(table: Table) -> Figure:
    """Training and test error: without a penalty, and then with weight decay."""
    if not table["part"]:
        return nothing_to_draw("Too few rows: at least 12 are needed to overfit some of them.")
    if not (numbers(table["test"]) > 0).any():
        return nothing_to_draw("The target does not vary, so that there is nothing to overfit.")
    figure = new_figure(8.6, 4.2)
    panels = figure.subplots(1, 2, sharey=True)
    lowest = 1e-3 * max(numbers(table["test"]).min(), 1e-300)
    titles = ("First overfit: no penalty", "Then regularise: weight decay")
    for axes, part, title in zip(panels, ("overfit", "regularised"), titles, strict=True):
        rows = where(table, part=part)
        step = numbers(rows["step"])
        for name, label, colour in (
            ("test", "test rows", COLOURS[1]),
            ("train", "training rows", COLOURS[0]),
        ):
            low, middle, high = (
                np.maximum(numbers(rows[f"{name}{end}"]), lowest) for end in ("_low", "", "_high")
            )
            axes.plot(step, middle, color=colour, linewidth=1.8, label=label)
            shade(axes, step, low, high, colour)
        axes.set_xscale("symlog", linthresh=1)
        axes.set_yscale("log")
        axes.set_ylim(lowest, None)
        axes.set_xlim(0, step[-1])
        axes.set_xlabel("steps of this part")
        axes.set_title(title, fontsize=10)
    panels[0].set_ylabel("mean squared error, units of the target squared")
    panels[0].legend(loc="lower left")
    return figure


def loss(table: Table) -> Figure:
    """Excess loss against step."""
    figure = new_figure()
    axes = figure.add_subplot()
    step = numbers(table["step"])
    smallest = 1e-32
    low, high = (np.maximum(numbers(table[key]), smallest) for key in ("low", "high"))
    shade(axes, step, low, high, COLOURS[0])
    axes.fill_between([], [], [], color=COLOURS[0], alpha=0.2, label="central 95 % of data sets")
    for name, line, label in (("median", "-", "median"), ("excess", ":", "first data set")):
        axes.plot(
            step, np.maximum(numbers(table[name]), smallest), line, color=COLOURS[0], label=label
        )
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("loss above the minimum")
    axes.set_title("Descent at the learning rate of the run")
    axes.legend()
    return figure


def noise(table: Table) -> Figure:
    """Noise floor against learning rate, one colour a batch size."""
    if np.isnan(numbers(table["measured"])).all():
        return nothing_to_draw("No batch settles at any of these learning rates.")
    if not (numbers(table["measured"]) > 0).any():
        return nothing_to_draw("Every row is fitted exactly, so that minibatches have no noise.")
    figure = new_figure(7.0, 4.6)
    axes = figure.add_subplot()
    for batch, colour in zip(distinct(table["batch_size"]), COLOURS * 3, strict=False):
        rows = where(table, batch_size=batch)
        rate, mean = numbers(rows["rate"]), numbers(rows["measured"])
        low, high = numbers(rows["ci_low"]), numbers(rows["ci_high"])
        axes.plot(rate, numbers(rows["theory"]), "-", color=colour, linewidth=1)
        bars = np.nan_to_num(np.stack([mean - np.maximum(low, mean / 10), high - mean]))
        axes.errorbar(
            rate,
            mean,
            yerr=bars,
            fmt="o",
            markersize=4,
            capsize=3,
            color=colour,
            label=f"batch {batch}",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("learning rate, in units of the critical one")
    axes.set_ylabel("mean loss above the minimum")
    axes.set_title("Where minibatch descent settles: measured, and exact theory (lines)")
    axes.legend(ncols=2)
    return figure


def flow(table: Table) -> Figure:
    """Distance to the flow against the number of steps."""
    figure = new_figure()
    axes = figure.add_subplot()
    for name, colour in zip(distinct(table["loss"]), COLOURS, strict=False):
        rows = where(table, loss=name)
        n, mean = numbers(rows["n_steps"]), numbers(rows["distance"])
        if not (mean > 0).all():
            return nothing_to_draw("Descent and the flow are too near each other to be told apart.")
        axes.plot(n, mean, "o-", color=colour, label=f"{name} loss")
        low = np.maximum(numbers(rows["ci_low"]), mean / 10)
        shade(axes, n, low, numbers(rows["ci_high"]), colour)
    axes.plot(n, mean[0] * n[0] / n, ":", color="black", label="slope -1")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("steps n of size T / n")
    axes.set_ylabel("distance to the flow at T")
    axes.set_title("Descent tends to the flow to first order, means and 95 % intervals")
    axes.legend()
    return figure


def rates(table: Table) -> Figure:
    """Steps for one more digit against the condition number."""
    figure = new_figure()
    axes = figure.add_subplot()
    for method, colour in zip(distinct(table["method"]), COLOURS, strict=False):
        rows = where(table, method=method)
        kappa = numbers(rows["condition_number"])
        measured, low, high, theory = (
            -np.log(10) / np.log(numbers(rows[key]))
            for key in ("measured", "ci_low", "ci_high", "theory")
        )
        axes.plot(kappa, theory, "-", color=colour, linewidth=1)
        axes.errorbar(
            kappa,
            measured,
            yerr=np.nan_to_num([measured - low, high - measured]),
            fmt="o",
            capsize=3,
            color=colour,
            label=method,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("condition number")
    axes.set_ylabel("steps for one more digit")
    axes.set_title("The price of a condition number: measured, and theory (lines)")
    axes.legend()
    return figure

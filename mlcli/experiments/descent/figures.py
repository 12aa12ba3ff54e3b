"""The figures of `descent`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mlcli.plotting import (
    COLOURS,
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


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    tables = {
        name: read_table(folder / "tables" / f"{name}.csv")
        for name in ("paths", "loss", "noise", "flow", "rates")
    }
    return {
        "paths": paths(tables["paths"]),
        "loss": loss(tables["loss"]),
        "noise": noise(tables["noise"]),
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
        axes.contour(a, b, height, levels=12, colors="#B8BEC6", linewidths=0.7)
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

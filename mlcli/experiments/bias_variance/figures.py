"""The terms of (A.18) against degree, strength and x, and past the interpolation threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcli.experiments.bias_variance.expectation_figures import (
    expected_loss,
    regression_function,
    variation,
)
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
    where,
)

# (column, label, colour); which of them a run has depends on what is known.
TERMS = (
    ("bias_squared_unbiased", "bias squared", COLOURS[0]),
    ("bias_squared_plus_noise", "bias squared and noise", COLOURS[0]),
    ("variance", "variance", COLOURS[1]),
    ("noise", "noise", POINTS),
    ("sum", "their sum", COLOURS[2]),
)
# Below this share of the lowest sum a logarithmic axis would show rounding.
LEAST = 1e-12
# Larger values are drawn here: an axis reaches beyond what is on it, and would overflow.
CEILING = 1e200
MAX_PANELS = 6
MAX_TICKS = 25


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = (
        "data",
        "decomposition",
        "descent",
        "expected_loss",
        "functions",
        "joint",
        "members",
        "pointwise",
        "regression_function",
        "strengths",
        "variation",
    )
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    return {
        "regression_function": regression_function(tables["joint"], tables["regression_function"]),
        "expected_loss": expected_loss(tables["expected_loss"]),
        "variation": variation(tables["functions"], tables["variation"]),
        "decomposition": decomposition(tables["decomposition"]),
        "strength": strength(tables["strengths"]),
        "pointwise": pointwise(tables["pointwise"], tables["members"], tables["data"]),
        "descent": descent(tables["descent"]),
    }


def decomposition(table: Table) -> Figure:
    """The terms of (A.18) and the measured error against degree."""
    x = numbers(table["degree"])
    # A few degrees far apart stand side by side.
    x = np.arange(float(x.size)) if x.size <= MAX_TICKS < np.ptp(x) else x
    figure, axes = _both_scales(x, table)
    axes.set_xlabel("degree")
    if x.size <= MAX_TICKS:
        axes.set_xticks(x, table["degree"])
    return figure


def strength(table: Table) -> Figure:
    """The same against the strength of the penalty."""
    if not table["strength"]:
        return nothing_to_draw("No penalty was asked for (penalty: none).")
    figure, axes = _both_scales(numbers(table["strength"]), table)
    axes.set_xscale("log")
    axes.set_xlabel("strength of the penalty")
    return figure


def _both_scales(x: Array, table: Table) -> tuple[Figure, Axes]:
    """The sum and the measured error, near their minimum, above all terms on a log axis."""
    figure = new_figure(7.0, 6.6)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.5))
    _draw_terms(bottom, x, table)
    _draw_sum(top, x, table)
    top.set_title("Where the error comes from: means over seeds, 95 % intervals")
    handles, labels = bottom.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure, bottom


def _draw_sum(axes: Axes, x: Array, table: Table) -> None:
    for name, _, colour in TERMS[-2:]:
        axes.plot(x, _drawable(table[name]), color=colour, marker=".")
        low, high = _drawable(table[f"{name}_ci_low"]), _drawable(table[f"{name}_ci_high"])
        shade(axes, x, low, high, colour)
    axes.plot(x, _drawable(table["median_error"]), "--", color=COLOURS[3], linewidth=1.2)
    _measured(axes, x, table)
    _zoom(axes, [_drawable(table[name]) for name in ("noise", "sum", "median_error")], 2.0)
    bottom, bounds = float(axes.get_ylim()[0]), _drawable(table["sum_ci_low"])
    below = bounds[(bounds > 0) & (bounds < bottom)]
    if below.size:
        axes.set_ylim(bottom=max(0.6 * bottom, 0.95 * float(below.min())))
    axes.set_ylabel("squared error, near")


def _drawable(texts: list[str]) -> Array:
    """A column as numbers that leave room for an axis beyond them."""
    return np.clip(numbers(texts), -CEILING, CEILING)


def _zoom(axes: Axes, lines: list[Array], reach: float) -> None:
    """Show what is near the lowest value, up to `reach` times it."""
    values = np.concatenate(lines)
    values = values[np.isfinite(values) & (values > 0)]
    if values.size:
        low, high = float(values.min()), float(values.max())
        top = min(high, reach * low)
        margin = 0.08 * (top - low) or 0.1 * low
        axes.set_ylim(low - 2 * margin, top + margin)


def _draw_terms(axes: Axes, x: Array, table: Table) -> None:
    """Lines with bands for the terms, points for the measured error, on a logarithmic axis."""
    apart = bool(np.isfinite(_drawable(table["noise"])).any())
    hidden = "bias_squared_plus_noise" if apart else "bias_squared_unbiased"
    drawn = [term for term in TERMS if term[0] != hidden]
    of_mean = _drawable(table["bias_squared"])
    bottom = _bottom(_least_shown(drawn, table), _drawable(table["sum"]))
    for name, label, colour in drawn:
        mean = _drawable(table[name])
        low, high = _drawable(table[f"{name}_ci_low"]), _drawable(table[f"{name}_ci_high"])
        if not (np.fmax(mean, high) > bottom).any():
            continue
        marker = "." if x.size <= 60 else None
        axes.plot(x, np.fmax(mean, bottom), color=colour, marker=marker, label=label)
        shade(axes, x, np.fmax(low, bottom), np.fmax(high, bottom), colour)
    if (of_mean > bottom).any():
        label = "bias squared of the mean fit"
        axes.plot(x, np.fmax(of_mean, bottom), ":", color=COLOURS[0], label=label)
    axes.plot(
        x,
        _drawable(table["median_error"]),
        "--",
        color=COLOURS[3],
        linewidth=1.2,
        label="median error of a data set",
    )
    _measured(axes, x, table, bottom)
    # A target that never varies is met exactly, and zero has no place on a logarithmic axis.
    if (_drawable(table["sum"]) > 0).any():
        axes.set_yscale("log")
        axes.set_ylim(bottom=bottom)
    axes.set_ylabel("squared error")


def _least_shown(drawn: list[tuple[str, str, str]], table: Table) -> list[Array]:
    """What the axis has to reach: each mean, or the upper end of an interval that includes zero."""
    found = [_drawable(table["bias_squared"])]
    for name, _, _ in drawn:
        mean, low = _drawable(table[name]), _drawable(table[f"{name}_ci_low"])
        high = np.fmax(_drawable(table[f"{name}_ci_high"]), mean)
        found.append(np.where(low > 0, mean, high))
    return found


def _bottom(lines: list[Array], total: Array) -> float:
    """A lower end for a logarithmic axis: below all that is drawn but rounding in the best sum."""
    values, sums = np.concatenate(lines), total[total > 0]
    values = values[values >= LEAST * sums.min()] if sums.size else sums
    return 0.5 * float(values.min()) if values.size else LEAST


def _measured(axes: Axes, x: Array, table: Table, bottom: float = -np.inf) -> None:
    mean = _drawable(table["generalisation_error"])
    low = np.fmax(_drawable(table["generalisation_error_ci_low"]), bottom)
    high = _drawable(table["generalisation_error_ci_high"])
    # One seed has no interval.
    reach = np.nan_to_num([mean - low, high - mean], nan=0.0, posinf=0.0)
    axes.errorbar(
        x,
        mean,
        yerr=np.fmax(reach, 0.0),
        fmt="o",
        color="black",
        markersize=3.5,
        linewidth=1,
        capsize=2.5,
        zorder=5,
        label="measured error",
    )


def pointwise(along_x: Table, members: Table, data: Table) -> Figure:
    """Mean, spread and single fits along x for a few degrees, from the first seed."""
    if not along_x["x"]:
        return nothing_to_draw("Several inputs have no curve along x.")
    degrees = distinct(along_x["degree"])[:MAX_PANELS]
    columns = min(3, len(degrees))
    rows = -(-len(degrees) // columns)
    figure = new_figure(max(7.2, 3.0 * columns), 3.0 * rows + 0.9)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(degrees) :]:
        axes.axis("off")
    limits = _limits(numbers(list(data.values())[1] + along_x["truth"]))
    for axes, degree in zip(grid.flat, degrees, strict=False):
        _panel(axes, where(along_x, degree=degree), where(members, degree=degree), data, limits)
        axes.set_title(f"degree {degree}")
    names = list(data)
    for axes in grid[:, 0]:
        axes.set_ylabel(names[1])
    for axes in grid.flat[max(0, len(degrees) - columns) : len(degrees)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(names[0])
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _limits(t: Array) -> tuple[float, float]:
    low, high = float(np.nanmin(t)), float(np.nanmax(t))
    margin = 0.1 * (high - low or 1.0)
    return low - margin, high + margin


def _panel(
    axes: Axes, rows: Table, members: Table, data: Table, limits: tuple[float, float]
) -> None:
    low, high = limits
    # Values far outside the picture overflow the drawing's own arithmetic.
    reach = 50 * (high - low)

    def clipped(values: list[str]) -> Array:
        return np.clip(numbers(values), low - reach, high + reach)

    x_name, t_name = list(data)
    axes.scatter(
        numbers(data[x_name]),
        numbers(data[t_name]),
        s=7,
        color=POINTS,
        alpha=0.6,
        linewidths=0,
        label="rows of one data set",
    )
    x = numbers(rows["x"])
    shade(axes, x, clipped(rows["low"]), clipped(rows["high"]), COLOURS[1])
    axes.fill_between([], [], [], color=COLOURS[1], alpha=0.2, label="central 95 % of fits")
    for k, member in enumerate(distinct(members["member"])):
        one = where(members, member=member)
        axes.plot(
            numbers(one["x"]),
            clipped(one["fit"]),
            color=COLOURS[1],
            alpha=0.45,
            linewidth=0.6,
            label=None if k else "fits to single data sets",
        )
    axes.plot(x, clipped(rows["mean_fit"]), color=COLOURS[0], linewidth=2, label="mean of all fits")
    truth = numbers(rows["truth"])
    if np.isfinite(truth).all():
        axes.plot(x, truth, "--", color=TRUTH, linewidth=1.8, label="underlying regularity")
    axes.set_ylim(low, high)


def descent(table: Table) -> Figure:
    """Median error and length of the shortest solution against the number of columns."""
    if not table["n_columns"]:
        return nothing_to_draw("Not asked for (no descent), or the generator is not known.")
    figure = new_figure(7.0, 7.4)
    top, near, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(1.2, 1, 0.8))
    kinds = {"legendre": ("columns P_k", "-"), "orthonormal": ("columns sqrt(2k+1) P_k", "--")}
    for (kind, (label, line)), colour in zip(kinds.items(), COLOURS, strict=False):
        rows = where(table, basis=kind)
        for axes, name in ((top, "median_error"), (near, "median_error"), (bottom, "median_norm")):
            _curve(axes, rows, name, colour, line, label)
    for axes in (top, near, bottom):
        axes.axvline(
            float(table["n_rows"][0]),
            color=TRUTH,
            linestyle=":",
            linewidth=1.5,
            label="as many columns as rows",
        )
    for axes in (top, bottom):
        axes.set_yscale("log")
    top.set_xscale("log")
    _zoom(near, [_drawable(table["median_error"])], 3.0)
    top.set_ylabel("squared error")
    near.set_ylabel("squared error, near")
    bottom.set_ylabel("length of w")
    bottom.set_xlabel("number of columns")
    top.set_title("Shortest solutions: medians over data sets, 95 % intervals over seeds")
    handles, labels = top.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _curve(axes: Axes, rows: Table, name: str, colour: str, line: str, label: str) -> None:
    x, mean = _drawable(rows["n_columns"]), _drawable(rows[name])
    if not (mean > 0).any():
        return
    least = 0.5 * float(mean[mean > 0].min())
    axes.plot(x, np.fmax(mean, least), line, color=colour, marker=".", label=label)
    low, high = _drawable(rows[f"{name}_ci_low"]), _drawable(rows[f"{name}_ci_high"])
    shade(axes, x, np.fmax(low, least), np.fmax(high, least), colour)

"""p(x, t) with its regression function, the expected loss of functions, and its variation."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcli.experiments.bias_variance.display import function_label
from mlcli.plotting import (
    COLOURS,
    POINTS,
    TRUTH,
    Array,
    Table,
    distinct,
    new_figure,
    nothing_to_draw,
    where,
)
from mlcli.plotting import numbers as all_numbers

NO_LAW = "The law of these data is not known, and with it p(x, t) and E[t|x]."
NO_NOISE = "Without noise, or with next to none, all of p(x, t) lies on the regularity."
# Where conditional densities are drawn, as shares of the range of x, and how wide the highest is.
SLICES, SLICE_WIDTH = (0.05, 0.35, 0.65), 0.25
# A density below this share of its highest is left out.
TAIL = 0.003
# Functions whose expected loss is too far beyond the others' to share their axis.
FAR = 4.0
# Larger values are drawn here: an axis reaches beyond what is on it, and would overflow.
CEILING = 1e200


def numbers(texts: list[str]) -> Array:
    """A column as numbers that can be drawn."""
    return np.clip(all_numbers(texts), -CEILING, CEILING)


def regression_function(joint: Table, regression: Table) -> Figure:
    """The joint density, the mean of t at each x over it, and what was measured."""
    if not regression["x"]:
        return nothing_to_draw(NO_LAW)
    if not joint["x"]:
        return nothing_to_draw(NO_NOISE)
    x, t = np.unique(numbers(joint["x"])), np.unique(numbers(joint["t"]))
    p = numbers(joint["density"]).reshape(x.size, t.size)
    best = numbers(joint["regression_function"])[:: t.size]  # (n_x,)
    figure = new_figure(7.2, 5.0)
    axes = figure.add_subplot()
    axes.grid(False)
    shading = axes.imshow(
        p.T,
        extent=(x[0], x[-1], t[0], t[-1]),
        origin="lower",
        aspect="auto",
        interpolation="bilinear",
        cmap="Blues",
        vmin=0.0,
    )
    figure.colorbar(shading, ax=axes, label="joint density p(x, t)")
    scale = SLICE_WIDTH * float(np.ptp(x)) / float(p.max())
    for number, share in enumerate(SLICES):
        i = round(share * (x.size - 1))
        there = p[i] > TAIL * p.max()
        edge = x[i] + scale * p[i, there]
        axes.plot([x[i], x[i]], t[there][[0, -1]], color=COLOURS[1], linewidth=0.8)
        label = None if number else "p(t|x) at three x"
        axes.plot(edge, t[there], color=COLOURS[1], linewidth=2.2, label=label)
    axes.plot(x, best, color=TRUTH, linewidth=2.2, label="regression function E[t|x]")
    _points(axes, numbers(regression["x"]), regression, "conditional_mean", "black", "measured")
    high = t[(p > TAIL * p.max()).any(axis=0)]
    axes.set_ylim(high[0], high[-1])
    axes.set_xlabel("x")
    axes.set_ylabel("t")
    axes.set_title("The best prediction is the mean of t at each x")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _points(axes: Axes, x: Array, rows: Table, name: str, colour: str, label: str | None) -> None:
    """Measured means with their intervals."""
    mean = numbers(rows[name])
    axes.errorbar(
        x,
        mean,
        yerr=_reach(rows, name),
        fmt="o",
        color=colour,
        markersize=3,
        linewidth=1,
        capsize=2,
        zorder=5,
        label=label,
    )


def _reach(rows: Table, name: str) -> Array:
    """How far the interval reaches below and above; 0 where one seed has none."""
    mean = numbers(rows[name])
    low, high = numbers(rows[f"{name}_ci_low"]), numbers(rows[f"{name}_ci_high"])
    reach = np.nan_to_num(np.stack([mean - low, high - mean]), nan=0.0, posinf=0.0)
    return np.asarray(np.fmax(reach, 0.0))


def expected_loss(table: Table) -> Figure:
    """E[L] of the functions on the left, the cross term of each on the right."""
    if not table["function"]:
        return nothing_to_draw(NO_LAW)
    exact = numbers(table["loss_exact"])
    shown = np.flatnonzero(np.isfinite(exact) & (exact <= _far(exact)))
    rows = {name: [column[i] for i in shown] for name, column in table.items()}
    place = np.arange(float(shown.size))
    figure = new_figure(7.4, 1.9 + 0.36 * shown.size)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.25, 1))
    left.axvline(exact[0], color=POINTS, linestyle=":", linewidth=1.5)
    noise = f" noise {exact[0]:.3g}"
    left.text(exact[0], -0.6, noise, color=POINTS, fontsize=9, va="bottom")
    _across(left, place, rows, "expected_loss", "loss_exact", COLOURS[0], "measured, 95 %")
    left.set_xlabel("E[L]")
    right.axvline(0, color=POINTS, linestyle=":", linewidth=1.5)
    _across(right, place - 0.14, rows, "cross_term", "", COLOURS[2], "around f~")
    name = "cross_term_about_shifted"
    _across(right, place + 0.14, rows, name, f"{name}_exact", COLOURS[1], "around f~ shifted")
    right.set_xlabel("E[(f - g)(g - t)]")
    left.set_yticks(place, [function_label(one) for one in rows["function"]])
    left.set_ylim(shown.size - 0.5, -1.2)
    left.set_title("Expected loss (A.4)")
    right.set_title("Cross term (A.11)")
    drawn = [axes.get_legend_handles_labels() for axes in (left, right)]
    handles = {label: handle for one in drawn for handle, label in zip(*one, strict=True)}
    order = ["exact", "measured, 95 %", "around f~", "around f~ shifted"]
    figure.legend([handles[one] for one in order], order, loc="outside lower center", ncols=4)
    return figure


def _far(exact: Array) -> float:
    """The largest expected loss that is drawn: one wild fit would hide the others."""
    more = exact[np.isfinite(exact)] - exact[0]
    return float(exact[0] + FAR * np.median(more))


def _across(
    axes: Axes, y: Array, rows: Table, name: str, exact: str, colour: str, label: str
) -> None:
    """Measured means as points with intervals along x, the exact values as marks."""
    axes.errorbar(
        numbers(rows[name]),
        y,
        xerr=_reach(rows, name),
        fmt="o",
        color=colour,
        markersize=4,
        linewidth=1.4,
        capsize=3,
        zorder=4,
        label=label,
    )
    if exact:
        axes.plot(
            numbers(rows[exact]),
            y,
            "|",
            color="black",
            markersize=13,
            zorder=3,
            label="exact",
        )


def variation(functions: Table, gradient: Table) -> Figure:
    """Three functions along x, and how E[L] changes where each is raised."""
    if not gradient["function"]:
        return nothing_to_draw(NO_LAW)
    figure = new_figure(7.2, 6.2)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.35))
    bottom.axhline(0, color=POINTS, linewidth=1)
    for name, colour in zip(
        distinct(gradient["function"]), (TRUTH, COLOURS[0], COLOURS[2]), strict=True
    ):
        curve = where(functions, function=name)
        label = function_label(name)
        top.plot(numbers(curve["x"]), numbers(curve["f"]), color=colour, linewidth=2, label=label)
        rows = where(gradient, function=name)
        edges = [*numbers(rows["x_low"]), numbers(rows["x_high"])[-1]]
        bottom.stairs(
            numbers(rows["slope_exact"]), edges, baseline=None, color=colour, linewidth=1.2
        )
        _points(bottom, numbers(rows["x"]), rows, "slope_measured", colour, None)
    top.set_ylabel("f(x)")
    top.set_title("Three functions")
    bottom.set_title("How E[L] changes where one is raised: exact, and measured with 95 %")
    bottom.set_ylabel("dE[L] / df(x)")
    bottom.set_xlabel("x")
    figure.legend(*top.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure

"""The figures of `kfold`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlcli.plotting import (
    COLOURS,
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

# A curve that climbs above so many times the lowest error is cut off there, or the rest is flat.
TALLEST = 4.0
LINES = (
    ("train", COLOURS[5], ":", "training error"),
    ("gcv", COLOURS[3], "-.", "generalised cross-validation"),
    ("loo", COLOURS[2], "--", "leave-one-out"),
    ("expected", TRUTH, "-", "true expected error of the fit"),
)


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    tables = {
        name: read_table(folder / "tables" / f"{name}.csv")
        for name in ("errors", "strengths", "choices", "intervals", "coverage")
    }
    return {
        "errors": errors(tables["errors"]),
        "strengths": strengths(tables["strengths"]),
        "choices": choices(tables["choices"]),
        "intervals": intervals(tables["intervals"]),
        "coverage": coverage(tables["coverage"]),
    }


def _best_of_each_degree(table: Table) -> Table:
    """The rows in which each degree has its least cross-validated error."""
    cv = np.where(np.isfinite(numbers(table["cv"])), numbers(table["cv"]), np.inf)
    kept = []
    for degree in distinct(table["degree"]):
        rows = [i for i, value in enumerate(table["degree"]) if value == degree]
        kept.append(rows[int(np.argmin(cv[rows]))])
    return {name: [column[i] for i in kept] for name, column in table.items()}


def errors(table: Table) -> Figure:
    """Error against degree, each degree at its best strength."""
    rows = _best_of_each_degree(table)
    figure = new_figure(7.0, 4.6)
    axes = figure.add_subplot()
    degree = numbers(rows["degree"])
    if degree.size == 1:
        intervals = ", with 95 % intervals" if _points(axes, rows) else ""
        axes.set_title(f"Errors at degree {degree[0]:.0f}{intervals}")
        return figure
    _curves(axes, degree, rows)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("degree")
    axes.set_title("Error against degree, with 95 % intervals")
    return figure


def strengths(table: Table) -> Figure:
    """Error against strength at one degree."""
    if len(table["strength"]) < 2:
        return nothing_to_draw("No grid of strengths was asked for.")
    figure = new_figure(7.0, 4.6)
    axes = figure.add_subplot()
    _curves(axes, numbers(table["strength"]), table)
    axes.set_xscale("log")
    axes.set_xlabel("strength of the penalty")
    title = f"Error against strength at degree {table['degree'][0]}, with 95 % intervals"
    axes.set_title(title)
    return figure


def _curves(axes: Axes, x: Array, rows: Table) -> None:
    cv = numbers(rows["cv"])
    for name, colour, line, label in LINES:
        y = numbers(rows[name])
        if np.isfinite(y).any():
            axes.plot(x, y, line, color=colour, linewidth=1.6, label=label)
            if name == "expected":
                low, high = numbers(rows[f"{name}_ci_low"]), numbers(rows[f"{name}_ci_high"])
                shade(axes, x, low, high, colour)
    axes.plot(x, cv, "o-", color=COLOURS[0], markersize=4, label="cross-validated error")
    shade(axes, x, numbers(rows["cv_ci_low"]), numbers(rows["cv_ci_high"]), COLOURS[0])
    best = int(np.nanargmin(cv))
    axes.plot(x[best], cv[best], "*", color=COLOURS[4], markersize=15, zorder=5, label="least")
    _limit(axes, rows, cv)
    axes.set_ylabel("error")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=9)


def _points(axes: Axes, rows: Table) -> bool:
    """The errors of a single degree, each on a line of its own; whether one has an interval."""
    any_bars = False
    every = (*LINES, ("cv", COLOURS[0], "", "cross-validated error"))
    found = [line for line in every if np.isfinite(numbers(rows[line[0]])[0])]
    for y, (name, colour, _, _) in enumerate(found):
        (value,) = numbers(rows[name])
        bounds = [numbers(rows.get(f"{name}_ci_{end}", [""]))[0] for end in ("low", "high")]
        bars = np.abs(np.array(bounds) - value)[:, None] if np.isfinite(bounds).all() else None
        any_bars |= bars is not None
        axes.errorbar(value, y, xerr=bars, fmt="o", color=colour, capsize=4)
    axes.set_yticks(range(len(found)), [label for _, _, _, label in found])
    axes.set_ylim(-0.6, len(found) - 0.4)
    axes.set_xlabel("error")
    return any_bars


def _limit(axes: Axes, rows: Table, cv: Array) -> None:
    """Show the region of the minimum; a curve that leaves it is cut, and the picture says so."""
    least = float(np.nanmin(cv))
    curves = ("cv", "cv_ci_low", "cv_ci_high", *(line[0] for line in LINES))
    shown = [numbers(rows[name]) for name in curves]
    every = np.concatenate([values[np.isfinite(values)] for values in shown])
    bottom, top = float(every.min()), float(every.max())
    limit = TALLEST * least
    if top > limit > 0:
        inside = every[every <= limit]
        top = float(inside.max())
        axes.annotate(
            "larger errors are above the frame",
            (0.99, 0.98),
            xycoords="axes fraction",
            ha="right",
            va="top",
            fontsize=8,
            color="#57606a",
        )
    margin = 0.07 * ((top - bottom) or 1.0)
    axes.set_ylim(bottom - margin, top + 2.5 * margin)


def choices(table: Table) -> Figure:
    """How often each degree is chosen by the single repeats."""
    figure = new_figure(7.0, 3.6)
    axes = figure.add_subplot()
    total = len(table["seed_index"])
    rules = (("minimum", "least error", -0.2), ("one_se", "within one standard error", 0.2))
    for (rule, label, offset), colour in zip(rules, COLOURS, strict=False):
        counts = Counter(int(value) for value in table[f"{rule}_degree"])
        degrees = sorted(counts)
        heights = [100 * counts[degree] / total for degree in degrees]
        axes.bar([d + offset for d in degrees], heights, width=0.4, color=colour, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    chosen = sorted({int(v) for rule, _, _ in rules for v in table[f"{rule}_degree"]})
    if len(chosen) == 1:
        # The locator would put fractions of a degree beside it.
        axes.set_xticks(chosen)
        axes.set_xlim(chosen[0] - 1, chosen[0] + 1)
    axes.set_xlabel("degree")
    axes.set_ylabel(f"share of {total} repeats (%)")
    axes.set_ylim(0, 118)
    axes.set_title("What single repeats choose")
    axes.legend(loc="upper right", ncols=2)
    return figure


def intervals(table: Table) -> Figure:
    """The intervals of the chosen model's error on the first data set."""
    if not table["kind"]:
        return nothing_to_draw("One split has no interval.")
    figure = new_figure(7.0, 2.6)
    axes = figure.add_subplot()
    estimate, low, high = (numbers(table[key]) for key in ("estimate", "ci_low", "ci_high"))
    y = np.arange(estimate.size)[::-1]
    axes.errorbar(
        estimate,
        y,
        xerr=[estimate - low, high - estimate],
        fmt="o",
        color=COLOURS[0],
        capsize=4,
        label="estimate, 95 % interval",
    )
    truth = numbers(table["expected"])
    if np.isfinite(truth).all():
        axes.axvline(truth[0], color=TRUTH, linestyle="--", label="true error of this fit")
    axes.set_yticks(y, table["kind"])
    axes.set_ylim(-0.6, estimate.size - 0.4)
    axes.set_xlabel("error of the chosen model")
    axes.set_title("Three bounds for one error")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=2, fontsize=9)
    return figure


def coverage(table: Table) -> Figure:
    """Measured coverage of each kind of interval."""
    if not table["kind"]:
        return nothing_to_draw("Coverage needs data of known law and the squared loss.")
    kinds = distinct(table["kind"])
    figure = new_figure(7.0, 3.4)
    axes = figure.add_subplot()
    labels = {"own_error": "error of the fit at hand", "expected_error": "expected error"}
    for (target, label), colour, offset in zip(labels.items(), COLOURS, (-0.1, 0.1), strict=False):
        rows = where(table, target=target)
        share, low, high = (100 * numbers(rows[k]) for k in ("coverage", "ci_low", "ci_high"))
        axes.errorbar(
            np.arange(len(kinds)) + offset,
            share,
            yerr=[share - low, high - share],
            fmt="o",
            color=colour,
            capsize=4,
            label=label,
        )
    widths = numbers(where(table, target="own_error")["median_width"])
    names = [f"{kind}\nmedian width {width:.3g}" for kind, width in zip(kinds, widths, strict=True)]
    axes.set_xticks(range(len(kinds)), names)
    axes.set_xlim(-0.5, len(kinds) - 0.5)
    axes.axhline(95, color="black", linewidth=1, linestyle="--", label="nominal 95 %")
    axes.set_ylabel("coverage (%)")
    axes.set_title(f"How often the interval holds the true error, {table['n'][0]} data sets")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3, fontsize=9)
    return figure

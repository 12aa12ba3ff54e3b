"""Figures 2 to 6 of the notes, and the path they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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

MAX_BARS = 40
SEVERAL_INPUTS = "Several inputs have no curve along x."
NO_PATH = "No path was asked for (path_penalty: none)."


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = ("data", "fits", "coefficients", "path", "path_fits", "path_coefficients", "errors")
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    return {
        "data": data(tables["data"], tables["fits"]),
        "fits": fits(tables["data"], tables["fits"], tables["errors"]),
        "coefficients": coefficients(tables["coefficients"], "least_squares"),
        "regularized_fits": regularized_fits(tables["data"], tables["path_fits"]),
        "regularized_coefficients": coefficients(tables["coefficients"], "penalised"),
        "path": path(tables["path"], tables["path_coefficients"]),
    }


def _columns(table: Table) -> tuple[str, str]:
    names = [name for name in table if name != "part"]
    return names[0], names[-1]


def _scatter(axes: Axes, table: Table) -> tuple[float, float]:
    """The rows of the first seed; returns the range of the target, a little widened."""
    x_name, t_name = _columns(table)
    for part, marker in (("train", "o"), ("test", "^")):
        rows = where(table, part=part)
        if rows[x_name]:
            axes.scatter(
                numbers(rows[x_name]),
                numbers(rows[t_name]),
                s=9,
                marker=marker,
                color=POINTS,
                alpha=0.55,
                linewidths=0,
                label=f"{part} rows",
            )
    axes.set_xlabel(x_name)
    axes.set_ylabel(t_name)
    t = numbers(table[t_name])
    margin = 0.08 * (float(t.max() - t.min()) or 1.0)
    return float(t.min()) - margin, float(t.max()) + margin


def _truth(axes: Axes, x: Array, truth: Array) -> None:
    if np.isfinite(truth).all() and truth.size:
        axes.plot(x, truth, "--", color=TRUTH, linewidth=1.8, label="underlying regularity")


def data(table: Table, along_x: Table) -> Figure:
    """Figure 2: the noisy data and the regularity below them."""
    if len(table) > 3:
        return nothing_to_draw(SEVERAL_INPUTS)
    figure = new_figure()
    axes = figure.add_subplot()
    axes.set_ylim(*_scatter(axes, table))
    if along_x["x"]:
        first = where(along_x, estimator=along_x["estimator"][0], degree=along_x["degree"][0])
        _truth(axes, numbers(first["x"]), numbers(first["truth"]))
    axes.set_title("The data of the first seed")
    axes.legend(loc="upper left")
    return figure


def fits(table: Table, along_x: Table, errors: Table) -> Figure:
    """Figure 3: fits of several degrees; with several inputs, the error against the degree."""
    if not along_x["x"]:
        return _error_against_degree(errors)
    estimators = distinct(along_x["estimator"])
    panels = [(estimators[0], degree) for degree in distinct(along_x["degree"])][-6:]
    for other in estimators[1:]:
        panels.append((other, panels[-1][1]))
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(4.3 * columns, 2.9 * rows + 0.3)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    bare = len(grid.flat) - len(panels)
    for axes, (estimator, degree) in zip(grid.flat, panels, strict=False):
        _fit_panel(axes, table, where(along_x, estimator=estimator, degree=degree))
        title = f"degree {degree}"
        axes.set_title(title + (f" ({estimator})" if len(estimators) > 1 else ""))
    for axes in list(grid[-2])[columns - bare :] if bare else ():
        # The panel below is empty, so this one carries the labels of its column.
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(grid[0, 0].get_xlabel() or _columns(table)[0])
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, markerscale=1.6)
    return figure


def _fit_panel(axes: Axes, table: Table, rows: Table) -> None:
    axes.set_ylim(*_scatter(axes, table))
    x = numbers(rows["x"])
    low, high = axes.get_ylim()
    # Values far outside the picture overflow the drawing's own arithmetic.
    reach = 50 * (high - low)
    clip = {k: np.clip(numbers(rows[k]), low - reach, high + reach) for k in ("fit", "low", "high")}
    shade(axes, x, clip["low"], clip["high"], COLOURS[0])
    _truth(axes, x, numbers(rows["truth"]))
    axes.plot(x, clip["fit"], color=COLOURS[0], linewidth=1.6, label="fit of the first seed")
    axes.fill_between([], [], [], color=COLOURS[0], alpha=0.2, label="central 95 % of seeds")
    axes.label_outer()


def _error_against_degree(errors: Table) -> Figure:
    figure = new_figure()
    axes = figure.add_subplot()
    first = where(errors, estimator=errors["estimator"][0])
    degree = numbers(first["degree"])
    for name, colour, marker in (("train", COLOURS[0], "o"), ("test", COLOURS[1], "^")):
        mean = numbers(first[f"{name}_mse"])
        if np.isnan(mean).all():
            continue
        axes.plot(degree, mean, marker=marker, color=colour, label=f"{name}, mean over seeds")
        low, high = numbers(first[f"{name}_ci_low"]), numbers(first[f"{name}_ci_high"])
        axes.errorbar(degree, mean, yerr=[mean - low, high - mean], color=colour, capsize=3)
    axes.set_xticks(degree)
    axes.set_xlabel("degree")
    axes.set_ylabel("mean squared error")
    axes.set_title("Error against degree, with the interval of the mean (95 %)")
    axes.legend()
    return figure


def coefficients(table: Table, name: str) -> Figure:
    """Figures 4 and 6: standardised coefficients at the highest degree."""
    if name not in table or not table["term"]:
        return nothing_to_draw(
            NO_PATH if name == "penalised" else "No second estimator was asked for."
        )
    figure = new_figure()
    axes = figure.add_subplot()
    w, low, high = (numbers(table[key]) for key in (name, f"{name}_low", f"{name}_high"))
    used = np.flatnonzero((w != 0) | (low != 0) | (high != 0))
    terms = table["term"]
    if used.size <= MAX_BARS:
        w, low, high, terms = w[used], low[used], high[used], [terms[i] for i in used]
    position = np.arange(1, w.size + 1)
    largest = float(np.abs(w).max(initial=0.0))
    if w.size > MAX_BARS:
        axes.vlines(position, low, high, color=COLOURS[0], alpha=0.25, linewidth=1.5)
        axes.plot(position, w, ".", color=COLOURS[0], markersize=4)
        axes.set_xlabel("power of x" if terms[0].isdigit() else "column")
    else:
        axes.bar(position, w, color=COLOURS[0], alpha=0.7)
        axes.vlines(position, low, high, color="black", linewidth=1)
        axes.set_xticks(position, terms, rotation=60 if w.size > 12 else 0, fontsize=8)
        dropped = len(table["term"]) - w.size
        zero = f" ({dropped} others are zero for nearly every seed)" if dropped else ""
        axes.set_xlabel("term" + zero)
    axes.set_ylabel("coefficient of the standardised column")
    if largest > 1e4:
        top = int(np.log10(largest))
        axes.set_yscale("symlog", linthresh=10.0 ** (top - 3))
        # A tick at the edge of the linear part would sit on the one at zero.
        decades = [10.0**power for power in range(top - 2, top + 2)]
        axes.set_yticks([*(-d for d in decades), 0.0, *decades])
    label = {"least_squares": "least squares (lapack)", "penalised": "penalised"}[name]
    axes.set_title(f"Coefficients, {label}: first seed, central 95 % of seeds")
    return figure


def regularized_fits(table: Table, along_x: Table) -> Figure:
    """Figure 5: the highest degree under penalties of different strengths."""
    if not along_x["x"]:
        return nothing_to_draw(NO_PATH if len(table) <= 3 else SEVERAL_INPUTS)
    values = distinct(along_x["strength"])
    figure = new_figure(8.6, 6.1)
    grid = figure.subplots(2, 2, sharex=True, sharey=True)
    for axes, strength in zip(grid.flat, values[::-1], strict=False):
        _fit_panel(axes, table, where(along_x, strength=strength))
        axes.set_title(f"strength {float(strength):.3g}")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, markerscale=1.6)
    return figure


def path(table: Table, coefficient_rows: Table) -> Figure:
    """The whole path: error, sparsity and coefficients against the strength."""
    if not table["strength"]:
        return nothing_to_draw(NO_PATH)
    figure = new_figure(7.0, 7.6)
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    x = numbers(table["strength"])
    for name, colour, label in (
        ("train_mse", COLOURS[0], "training error"),
        ("test_mse", COLOURS[1], "test error"),
    ):
        if np.isfinite(numbers(table[name])).all():
            _line_with_band(top, x, table, name, colour, label)
    top.set_ylabel("mean squared error")
    top.legend()
    _line_with_band(middle, x, table, "n_nonzero", COLOURS[2], "coefficients that are not zero")
    middle.set_ylabel("count")
    middle.legend()
    lines = [where(coefficient_rows, term=t) for t in distinct(coefficient_rows["term"])]
    lines.sort(key=lambda rows: -float(np.abs(numbers(rows["coefficient"])).max()))
    for i, rows in enumerate(lines):
        named = f"w of {rows['term'][0]}" if i < len(COLOURS) else None
        w = numbers(rows["coefficient"])
        bottom.plot(
            numbers(rows["strength"]),
            w,
            color=COLOURS[i % len(COLOURS)],
            alpha=1.0 if named else 0.4,
            label=named,
        )
    bottom.set_ylabel("coefficient, first seed")
    bottom.set_xlabel("strength of the penalty")
    bottom.set_xscale("log")
    bottom.legend(ncols=2, fontsize=8)
    top.set_title("Along the path of the penalty: means over seeds with 95 % intervals")
    return figure


def _line_with_band(axes: Axes, x: Array, table: Table, name: str, colour: str, label: str) -> None:
    axes.plot(x, numbers(table[name]), color=colour, marker=".", label=label)
    shade(axes, x, numbers(table[f"{name}_ci_low"]), numbers(table[f"{name}_ci_high"]), colour)

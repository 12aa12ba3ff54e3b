"""Figures 2 to 6 of the notes, and the path they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcli.experiments.fit_poly import algebra_figures
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

INK = "#000000"

MAX_BARS = 40
# Bars of penalised coefficients: the largest by their mean over the seeds.
MOST_PENALISED = 16
# Errors further apart than this are drawn on a logarithmic axis.
FAR_APART = 50.0
SEVERAL_INPUTS = "Several inputs have no curve along x."
REGULARITY = "underlying regularity"
ALL_ROWS = "95 % of all rows that there could be"
NO_PATH = "No path was asked for (path_penalty: none)."


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    along = ("data", "fits", "coefficients", "path", "path_fits", "path_coefficients", "errors")
    algebra = ("basis", "ellipses", "law", "memorised", "memorised_errors", "normal_equations")
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in (*along, *algebra)}
    return {
        "data": data(tables["data"], tables["law"]),
        "basis": algebra_figures.basis(tables["basis"], tables["data"]),
        "normal_equations": algebra_figures.normal_equations(
            tables["normal_equations"], tables["data"]
        ),
        "ellipses": algebra_figures.ellipses(tables["ellipses"], tables["data"]),
        "memorised": algebra_figures.memorised(
            tables["memorised"], tables["law"], tables["memorised_errors"], tables["data"]
        ),
        "fits": fits(tables["data"], tables["fits"], tables["errors"]),
        "coefficients": coefficients(tables["coefficients"]),
        "regularized_fits": regularized_fits(tables["data"], tables["path_fits"]),
        "regularized_coefficients": penalised_coefficients(tables["coefficients"]),
        "path": path(tables["path"], tables["path_coefficients"], tables["data"]),
    }


def _columns(table: Table) -> tuple[str, str]:
    names = [name for name in table if name != "part"]
    return names[0], names[-1]


def _scatter(
    axes: Axes, table: Table, colours: tuple[str, str] = (POINTS, POINTS), size: float = 9
) -> tuple[float, float]:
    """The rows of the first seed; returns the range of the target, a little widened.

    Args:
        axes: where they are drawn.
        table: of the rows.
        colours: of training and test rows.
        size: of a mark, in square points.
    """
    x_name, t_name = _columns(table)
    for part, marker, colour in zip(("train", "test"), "o^", colours, strict=True):
        rows = where(table, part=part)
        if rows[x_name]:
            axes.scatter(
                numbers(rows[x_name]),
                numbers(rows[t_name]),
                s=size if part == "train" else 1.6 * size,
                marker=marker,
                color=colour,
                alpha=0.55 if colour == POINTS else 0.75,
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
        axes.plot(x, truth, "--", color=TRUTH, linewidth=1.8, label=REGULARITY)


def data(table: Table, law: Table) -> Figure:
    """Figures 1 and 2: all rows that there could be, those at hand, those kept for testing."""
    if len(table) > 3:
        return nothing_to_draw(SEVERAL_INPUTS)
    figure = new_figure(7.0, 4.6)
    axes = figure.add_subplot()
    low, high = _scatter(axes, table, (COLOURS[0], COLOURS[1]), 13)
    if law["x"]:
        x = numbers(law["x"])
        ends = numbers(law["low"]), numbers(law["high"])
        axes.fill_between(x, *ends, color=TRUTH, alpha=0.1, linewidth=0, label=ALL_ROWS)
        axes.plot(x, numbers(law["truth"]), "--", color=TRUTH, linewidth=2, label=REGULARITY)
        low, high = min(low, float(ends[0].min())), max(high, float(ends[1].max()))
    axes.set_ylim(low, high)
    counts = [len(where(table, part=part)["part"]) for part in ("train", "test")]
    axes.set_title(f"{sum(counts)} rows of the first seed, {counts[1]} of them kept for testing")
    figure.legend(loc="outside lower center", ncols=2, markerscale=1.6)
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
    if bare:
        grid.flat[-1].legend(handles, labels, loc="center", markerscale=1.6)
    else:
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
    means = np.concatenate([numbers(first[f"{name}_mse"]) for name in ("train", "test")])
    means = means[np.isfinite(means) & (means > 0)]
    if means.size and means.max() > FAR_APART * means.min():
        axes.set_yscale("log", nonpositive="clip")
    axes.set_xlabel("degree")
    axes.set_ylabel("mean squared error")
    axes.set_title("Error against degree, with the interval of the mean (95 %)")
    axes.legend()
    return figure


def coefficients(table: Table) -> Figure:
    """Figure 4: standardised coefficients at the highest degree, without a penalty."""
    if "least_squares" not in table or not table["term"]:
        return nothing_to_draw("No second estimator was asked for.")
    figure = new_figure()
    axes = figure.add_subplot()
    names = ("least_squares", "least_squares_low", "least_squares_high")
    w, low, high = (numbers(table[key]) for key in names)
    terms = table["term"]
    position = np.arange(1, w.size + 1)
    largest = float(np.abs(w).max(initial=0.0))
    if w.size > MAX_BARS:
        axes.vlines(position, low, high, color=COLOURS[0], alpha=0.25, linewidth=1.5)
        axes.plot(position, w, ".", color=COLOURS[0], markersize=4)
        axes.set_xlabel("power of x" if terms[0].isdigit() else "column")
    else:
        axes.bar(position, w, color=COLOURS[0], alpha=0.7)
        axes.vlines(position, low, high, color="black", linewidth=1)
        _name_terms(axes, terms)
    axes.set_ylabel("coefficient of the standardised column")
    if largest > 1e4:
        top = int(np.log10(largest))
        axes.set_yscale("symlog", linthresh=10.0 ** (top - 3))
        # A tick at the edge of the linear part would sit on the one at zero.
        decades = [10.0**power for power in range(top - 2, top + 2)]
        axes.set_yticks([*(-d for d in decades), 0.0, *decades])
    axes.set_title("Coefficients, least squares (lapack): first seed, central 95 % of seeds")
    return figure


def _name_terms(axes: Axes, terms: list[str]) -> None:
    """A tick for each term, its name shortened and turned where there are many."""
    short = [shortened(term, 18) for term in terms]
    turned = len(terms) > 12 or max(map(len, short), default=0) > 40 // max(1, len(terms))
    axes.set_xticks(np.arange(1, len(terms) + 1), short, fontsize=8)
    if turned:
        for tick in axes.get_xticklabels():
            tick.set(rotation=60, ha="right", rotation_mode="anchor")


def penalised_coefficients(table: Table) -> Figure:
    """Figure 6: means over the seeds with their intervals, and the first seed's."""
    if "penalised" not in table or not table["term"]:
        return nothing_to_draw(NO_PATH)
    figure = new_figure()
    axes = figure.add_subplot()
    mean, low, high = (
        numbers(table[f"penalised_mean{end}"]) for end in ("", "_ci_low", "_ci_high")
    )
    first = numbers(table["penalised"])
    size = np.where(np.isfinite(mean), np.abs(mean), 0.0)
    used = np.sort(np.argsort(-size, kind="stable")[:MOST_PENALISED])
    used = used[size[used] > 0]
    position = np.arange(1, used.size + 1)
    axes.bar(position, mean[used], color=COLOURS[0], alpha=0.6, label="mean over seeds")
    if np.isfinite(low[used]).all() and used.size:
        bars = [mean[used] - low[used], high[used] - mean[used]]
        axes.errorbar(
            position,
            mean[used],
            yerr=bars,
            fmt="none",
            color=INK,
            capsize=3,
            linewidth=1.2,
            label="95 % interval of the mean",
        )
    axes.plot(position, first[used], "o", color=COLOURS[1], markersize=4, label="first seed")
    axes.axhline(0, color=INK, linewidth=0.8)
    _name_terms(axes, [table["term"][i] for i in used])
    left_out = len(mean) - used.size
    axes.set_xlabel("term" + (f" ({left_out} others are smaller or zero)" if left_out else ""))
    axes.set_ylabel("coefficient of the standardised column")
    axes.set_title("Coefficients under the penalty, at the strength with the least mean error")
    axes.legend()
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


def path(table: Table, coefficient_rows: Table, data: Table) -> Figure:
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
        name = algebra_figures.term_label(rows["term"][0], next(iter(data)))
        named = f"weight of {name}" if i < len(COLOURS) else None
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
    if lines:
        bottom.legend(loc="upper center", bbox_to_anchor=(0.5, -0.26), ncols=3, fontsize=9)
    top.set_title("Along the path of the penalty: means over seeds with 95 % intervals")
    return figure


def _line_with_band(axes: Axes, x: Array, table: Table, name: str, colour: str, label: str) -> None:
    axes.plot(x, numbers(table[name]), color=colour, marker=".", label=label)
    shade(axes, x, numbers(table[f"{name}_ci_low"]), numbers(table[f"{name}_ci_high"]), colour)

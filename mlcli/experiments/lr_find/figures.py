"""The figures of `lr-find`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcli.experiments.lr_find.recipes import OF_RATES, OF_SCHEDULES, labels_of
from mlcli.experiments.networks.figures import draw_band, finish_axes, legend_below, scores
from mlcli.experiments.wording import rule_label
from mlcli.json_file import read_json
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

# Column, words and colour of each rate, from the top of a figure down.
RATES = (
    ("eta_crit", r"$\eta_\mathrm{crit}$", COLOURS[1]),
    ("eta_max", r"$\eta_\mathrm{max} = \eta_\mathrm{crit} / 10$", COLOURS[0]),
    ("valley", rule_label("valley"), COLOURS[2]),
    ("steep", rule_label("steep"), COLOURS[3]),
    ("slide", rule_label("slide"), COLOURS[4]),
    ("minimum", rule_label("minimum"), COLOURS[5]),
)
MARKED = RATES[:2]
# How far above the loss at the start a diverging curve is followed.
HEADROOM = 1.6
MOST_PANELS = 6


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = ("compare", "compare_members", "schedule", "suggestions", "sweep")
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    return {
        "range_test": range_test(tables["sweep"], tables["suggestions"]),
        "suggestions": suggestions(tables["suggestions"]),
        "schedule": schedule(tables["schedule"]),
        "compare": compare(tables["compare"], labels_of(OF_RATES)),
        "compare_schedules": compare(tables["compare"], labels_of(OF_SCHEDULES)),
        "schedule_scores": schedule_scores(
            tables["compare_members"], read_json(folder / "details.json")
        ),
    }


def geometric_interval(rates: Array) -> tuple[float, float, float]:
    """95 % interval of the geometric mean: lower end, mean, upper end; NaN where there is none."""
    from mlcli.experiments.summary import geometric_summary

    found = geometric_summary(rates)
    low, mean, high = (found[key] for key in ("ci_low", "mean", "ci_high"))
    return tuple(np.nan if v is None else float(v) for v in (low, mean, high))  # type: ignore[return-value]


def range_test(sweep: Table, suggested: Table) -> Figure:
    """Figure 15 for each variant: the curve, and below it where the rules are."""
    variants = distinct(sweep["variant"])[:MOST_PANELS]
    n_columns = min(len(variants), 3)
    n_rows = -(-len(variants) // n_columns)
    figure = new_figure(7.4 if n_columns == 1 else 4.6 * n_columns, 5.4 * n_rows)
    # A curve and its rules share their rates: two rows of axes for each row of variants.
    grid = figure.add_gridspec(2 * n_rows, n_columns, height_ratios=[2.2, 1.0] * n_rows)
    for place, variant in enumerate(variants):
        row, column = divmod(place, n_columns)
        upper = figure.add_subplot(grid[2 * row, column])
        lower = figure.add_subplot(grid[2 * row + 1, column], sharex=upper)
        rows = where(suggested, variant=variant)
        _draw_sweep(upper, where(sweep, variant=variant))
        _draw_rules(lower, rows)
        for name, _, colour in MARKED:
            _, mean, _ = geometric_interval(numbers(rows[name]))
            for axes in (upper, lower):
                if np.isfinite(mean):
                    axes.axvline(mean, color=colour, linewidth=1.2, linestyle="--", zorder=1.5)
        upper.tick_params(labelbottom=False)
        if len(variants) > 1:
            upper.set_title(variant)
        if place == 0:
            handles, labels = upper.get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _draw_sweep(axes: Axes, table: Table) -> None:
    rate, middle = numbers(table["rate"]), numbers(table["level_median"])
    axes.plot(
        rate, numbers(table["first_seed"]), color=POINTS, linewidth=0.7, alpha=0.7, label="one seed"
    )
    axes.plot(rate, middle, color="black", linewidth=1.8, label="level (does not lag)")
    low, high = numbers(table["level_low"]), numbers(table["level_high"])
    shade(axes, rate, low, high, "black")
    axes.plot(
        rate,
        numbers(table["smoothed_median"]),
        color="black",
        linewidth=1.0,
        linestyle=":",
        label="moving average (lags)",
    )
    axes.set_xscale("log")
    axes.set_xlim(rate[0], rate[-1])
    top = HEADROOM * float(np.nanmax(high[: max(1, len(high) // 10)]))
    bottom = min(0.0, float(np.nanmin(middle)))
    if np.nanmin(middle) > 0 and top > 100 * np.nanmin(middle):
        axes.set_yscale("log")
        bottom = float(np.nanmin(middle)) / 3
    axes.set_ylim(bottom, top)
    axes.set_ylabel("loss")


def _draw_rules(axes: Axes, table: Table) -> None:
    """One row a rule: its geometric mean with the interval."""
    for place, (name, _, colour) in enumerate(RATES):
        low, mean, high = geometric_interval(numbers(table[name]))
        if np.isfinite(mean):
            ends = [[mean - low], [high - mean]] if np.isfinite(low) else None
            axes.errorbar(
                [mean], [place], xerr=ends, fmt="o", color=colour, markersize=5, capsize=3
            )
        text = f"{mean:.3g}" if np.isfinite(mean) else "none"
        axes.text(1.01, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize=9)
    axes.set_yticks(range(len(RATES)), [words for _, words, _ in RATES])
    axes.set_ylim(len(RATES) - 0.4, -0.6)
    axes.set_xlabel(r"learning rate $\eta$")


def suggestions(table: Table) -> Figure:
    """Every seed's rate by every rule."""
    variants = distinct(table["variant"])[:MOST_PANELS]
    n_columns = min(len(variants), 3)
    n_rows = -(-len(variants) // n_columns)
    figure = new_figure(7.0 if n_columns == 1 else 4.2 * n_columns, 3.4 * n_rows)
    panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).ravel()
    for place, axes in enumerate(panels):
        if place >= len(variants):
            axes.axis("off")
            continue
        _draw_seeds(axes, where(table, variant=variants[place]))
        if len(variants) > 1:
            axes.set_title(variants[place])
    handles, labels = panels[0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside upper right", ncols=2)
    return figure


def _draw_seeds(axes: Axes, table: Table) -> None:
    for place, (name, _, colour) in enumerate(RATES):
        rates = numbers(table[name])
        rates = rates[np.isfinite(rates)]
        # Points beside each other where they would hide each other; no randomness.
        spread = np.linspace(-0.18, 0.18, rates.size) if rates.size > 1 else np.zeros(rates.size)
        axes.plot(
            rates, place + spread, "o", color=colour, markersize=4, alpha=0.6, label="one seed"
        )
        low, mean, high = geometric_interval(rates)
        if np.isfinite(mean):
            ends = [[mean - low], [high - mean]] if np.isfinite(low) else None
            axes.errorbar(
                [mean],
                [place],
                xerr=ends,
                fmt="D",
                color="black",
                markersize=4,
                capsize=4,
                label="geometric mean, 95 %",
            )
        else:
            axes.text(0.5, place, "none", transform=axes.get_yaxis_transform(), va="center")
    axes.set_xscale("log")
    axes.set_yticks(range(len(RATES)), [words for _, words, _ in RATES])
    axes.set_ylim(len(RATES) - 0.5, -0.5)
    axes.set_xlabel(r"learning rate $\eta$")


def schedule(table: Table) -> Figure:
    """The one-cycle as the notes draw it, and the other schedules, of the first variant."""
    if not table["variant"]:
        return nothing_to_draw("No variant has an eta_max.")
    rows = where(table, variant=table["variant"][0])
    names = distinct(rows["schedule"])
    figure = new_figure(8.6, 4.1)
    panels = figure.subplots(1, 2)
    for axes, scale in zip(panels, ("linear", "log"), strict=True):
        for place, name in reversed(list(enumerate(names))):
            own = where(rows, schedule=name)
            share, rate = 100 * numbers(own["share"]), numbers(own["learning_rate"])
            style = {"linewidth": 1.4} if place else {"linewidth": 2.4}
            axes.plot(share, rate, color=COLOURS[place], label=_pretty(name), **style)
        axes.set_yscale(scale)
        # The first schedule is drawn last, and is that of the marks.
        marks = (
            (r"$\eta_\mathrm{max}$", rate.max()),
            (r"$\eta_\mathrm{min}$", rate[0]),
            (r"$\eta_0$", rate[-1]),
        )
        for words, value in marks:
            # On a linear axis eta_0 can't be told from 0: it is marked where it can be seen.
            if scale == "linear" and value < 0.02 * rate.max():
                continue
            axes.axhline(value, color=POINTS, linewidth=0.8, linestyle=":")
            axes.text(101, value, f"{words} = {value:.3g}", va="center", fontsize=9)
        axes.set_xlim(0, 100)
        if scale == "linear":
            axes.set_ylim(0, 1.08 * rate.max())
        axes.set_xlabel("% of the training")
        axes.set_ylabel("learning rate")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=3)
    if len(distinct(table["variant"])) > 1:
        figure.suptitle(table["variant"][0])
    return figure


def _pretty(recipe: str) -> str:
    return recipe.replace("eta_max", r"$\eta_\mathrm{max}$").replace(
        "eta_crit", r"$\eta_\mathrm{crit}$"
    )


NOTHING_TRAINED = "Nothing was trained (compare_epochs is 0)."


def schedule_scores(members: Table, metrics: Mapping[str, Any]) -> Figure:
    """Every seed's score by each schedule: the first variant."""
    if not members["variant"]:
        return nothing_to_draw(NOTHING_TRAINED)
    own = _some(where(members, variant=members["variant"][0]), labels_of(OF_SCHEDULES))
    own["variant"] = [_pretty(training) for training in own["training"]]
    classes = "test_accuracy" in own
    name, label = ("test_accuracy", "test accuracy") if classes else ("test_mse", "test mse")
    return scores(own, metrics, name, label)


def _some(rows: Table, labels: Sequence[str]) -> Table:
    """The rows of some of the ways to train."""
    kept = [place for place, one in enumerate(rows["training"]) if one in labels]
    return {name: [column[place] for place in kept] for name, column in rows.items()}


def compare(table: Table, labels: Sequence[str]) -> Figure:
    """Curves of some of the ways to train: the first variant."""
    if not table["variant"]:
        return nothing_to_draw(NOTHING_TRAINED)
    rows = _some(where(table, variant=table["variant"][0]), labels)
    panels = [
        ("minibatch_loss", "loss", "training, minibatches"),
        ("validation_loss", "loss", "validation"),
        ("validation_accuracy", "accuracy", "validation"),
    ]
    there = [panel for panel in panels if np.isfinite(numbers(rows[panel[0]])).any()]
    recipes = distinct(rows["training"])
    figure = new_figure(max(6.0, 3.6 * len(there) + 0.6), 4.1)
    every = np.atleast_1d(figure.subplots(1, len(there)))
    for axes, (name, label, title) in zip(every, there, strict=True):
        values = numbers(rows[name])
        # An interval that reaches below 0 has no lower end on a logarithmic axis.
        floor = float(np.nanmin(values)) / 2
        for place, recipe in enumerate(recipes):
            one = where(rows, training=recipe)
            low = np.maximum(numbers(one[f"{name}_ci_low"]), floor)
            one[f"{name}_ci_low"] = ["" if np.isnan(v) else str(v) for v in low]
            draw_band(axes, numbers(one["epoch"]), one, name, place, _pretty(recipe))
        finish_axes(axes, values, label, title)
        if axes.get_yscale() == "log":
            axes.set_ylim(bottom=floor)
    legend_below(figure, every[0], len(recipes))
    if len(distinct(table["variant"])) > 1:
        figure.suptitle(table["variant"][0])
    return figure

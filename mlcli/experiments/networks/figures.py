"""Figures of trained networks, shared by `train-mlp`, `train-cnn` and `lr-find`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcli.plotting import (
    COLOURS,
    POINTS,
    Array,
    Table,
    distinct,
    new_figure,
    nothing_to_draw,
    numbers,
    shade,
    shortened,
    where,
)

MOST_IMAGES = 27

LINES = ("-", "--", ":", "-.")
# A figure shows this many variants at most.
MOST_VARIANTS = 12
# Classes whose shares are written into the matrix, and those whose names are beside it.
MOST_CLASSES = 20
MOST_TICKS = 60
# Letters of the name of a class.
MOST_NAME = 18


def line_style(place: int) -> dict[str, Any]:
    """Colour and dashes of the variant at this position."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": LINES[place // len(COLOURS) % len(LINES)],
    }


def draw_band(axes: Axes, x: Array, table: Table, name: str, place: int, label: str) -> None:
    """A mean with its band.

    Of a quantity that is never negative a lower end below 0 can't be meant: there the band reaches
    as far below the mean as above it on a logarithmic axis.
    """
    style = line_style(place)
    y = numbers(table[name])
    marker = "o" if y.size == 1 else ""
    axes.plot(x, y, label=label, marker=marker, linewidth=1.4, **style)
    low, high = (numbers(table[f"{name}_{end}"]) for end in ("ci_low", "ci_high"))
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where((low <= 0) & (y > 0), y * y / high, low)
    shade(axes, x, low, high, style["color"])


def finish_axes(axes: Axes, values: Array, label: str, title: str) -> None:
    """Labels, and a logarithmic axis where a positive quantity spans decades."""
    good = values[np.isfinite(values)]
    if good.size and (good > 0).all() and good.max() > 30 * good.min():
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.set_title(title)


def legend_below(figure: Figure, axes: Axes, count: int) -> None:
    """One legend for all panels, below them; none for a single line."""
    if count > 1:
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(6, count))


def curves(table: Table, *, classes: bool) -> Figure:
    """Training and validation curves of each variant."""
    panels = [
        ("minibatch_loss", "loss", "training, minibatches"),
        ("validation_loss", "loss", "validation"),
    ]
    if classes:
        panels.append(("validation_accuracy", "accuracy", "validation"))
    there = [panel for panel in panels if np.isfinite(numbers(table[panel[0]])).any()]
    if not there:
        return nothing_to_draw("No epoch ended with finite losses.")
    variants = distinct(table["variant"])[:MOST_VARIANTS]
    figure = new_figure(3.6 * len(there) + 0.6, 3.9)
    every = np.atleast_1d(figure.subplots(1, len(there)))
    for axes, (name, label, title) in zip(every, there, strict=True):
        shown = []
        for place, variant in enumerate(variants):
            rows = where(table, variant=variant)
            draw_band(axes, numbers(rows["epoch"]), rows, name, place, variant)
            shown.append(numbers(rows[name]))
        finish_axes(axes, np.concatenate(shown), label, title)
    legend_below(figure, every[0], len(variants))
    return figure


def scores(table: Table, metrics: Mapping[str, Any], name: str, label: str) -> Figure:
    """Every seed's score as a point, one row a variant, and the mean with its interval.

    Args:
        table: of the members.
        metrics: of the run, which has the number of test rows.
        name, label: of the score.
    """
    from mlcli.experiments.summary import summary

    variants = distinct(table["variant"])
    shown = variants[:40]
    figure = new_figure(7.0, max(1.8, 1.1 + 0.42 * len(shown)))
    axes = figure.add_subplot()
    for place, variant in enumerate(shown):
        values = numbers(where(table, variant=variant)[name])
        # The interval of details.json, whose variants are in another order.
        found = summary(values, name, metrics["data"]["n_test"])
        values = values[np.isfinite(values)]
        # Points are spread where they would overlap, without randomness.
        spread = np.linspace(-0.16, 0.16, values.size) if values.size > 1 else np.zeros(1)
        axes.plot(
            values,
            place + spread[: values.size],
            "o",
            markersize=3.5,
            alpha=0.55,
            color=COLOURS[0],
            label="one seed" if place == 0 else None,
        )
        low, mean, high = (found[key] for key in ("ci_low", "mean", "ci_high"))
        if mean is not None:
            ends = None if low is None or high is None else [[mean - low], [high - mean]]
            axes.errorbar(
                [mean],
                [place],
                xerr=ends,
                fmt="D",
                color="black",
                markersize=5,
                capsize=4,
                label="mean, 95 %" if place == 0 else None,
            )
        else:
            axes.text(0.5, place, "diverged", transform=axes.get_yaxis_transform(), va="center")
    axes.set_yticks(range(len(shown)), shown if len(variants) > 1 else [""])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlabel(label)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside upper right", ncols=2)
    return figure


def shown_in(members: Table) -> str:
    """The variant that figures of single rows are about."""
    return members["variant"][members["shown"].index("1")]


def confusion(table: Table, shown: str) -> Figure:
    """Confusion matrix of one variant, as shares of each true class."""
    if not table["class"]:
        return nothing_to_draw("A regression has no classes to confuse.")
    rows = where(table, variant=shown)
    n = round(np.sqrt(len(rows["class"])))
    # Two classes may have one name once it is shortened, so that places and not names are told.
    names = [shortened(name, MOST_NAME) for name in rows["class"][::n]]
    shares = numbers(rows["share"]).reshape(n, n)
    longest = max(map(len, names))
    side = min(9.0, 2.6 + 0.42 * n)
    figure = new_figure(side + 1.2 + 0.07 * longest, side + 0.6 + 0.07 * longest)
    axes = figure.add_subplot()
    axes.grid(visible=False)
    drawn = axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
    if n <= MOST_CLASSES:
        for i in range(n):
            for j in range(n):
                if shares[i, j] >= 0.0005:
                    ink = "white" if shares[i, j] > 0.4 else "black"
                    axes.text(
                        j,
                        i,
                        f"{100 * shares[i, j]:.1f}",
                        ha="center",
                        va="center",
                        fontsize=7.5,
                        color=ink,
                    )
    # Of very many classes every second, third, ... has its name, so that none hides another.
    ticks = range(0, n, -(-n // MOST_TICKS))
    shown_names, size = [names[i] for i in ticks], 10.0 if n <= MOST_CLASSES else 7.5
    # A name is about as wide as its letters, and a column 0.42 inches.
    upright = longest * 0.08 > 0.42
    axes.set_xticks(ticks, shown_names, rotation=90 if upright else 0, fontsize=size)
    axes.set_yticks(ticks, shown_names, fontsize=size)
    axes.set_xlabel("called")
    axes.set_ylabel("class")
    which = f"\n{shown}" if len(distinct(table["variant"])) > 1 else ""
    axes.set_title(f"% of a class by what it was called{which}", fontsize=10 if n < 6 else None)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, ticks=np.sqrt([0, 0.01, 0.1, 0.5, 1]))
    bar.ax.set_yticklabels(["0 %", "1 %", "10 %", "50 %", "100 %"])
    return figure


def calibration(table: Table, shown: str) -> Figure:
    """Accuracy against confidence; with intervals for one variant.

    Bins with less than one row per seed are left out.
    """
    if not table["variant"]:
        return nothing_to_draw("A regression has no confidence to check.")
    variants = distinct(table["variant"])[:MOST_VARIANTS]
    figure = new_figure(5.4, 4.8)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
    for place, variant in enumerate(variants):
        rows = where(table, variant=variant)
        many = numbers(rows["rows"]) >= 1
        x, y = numbers(rows["predicted"])[many], numbers(rows["observed"])[many]
        ends = np.array([numbers(rows[f"observed_ci_{end}"])[many] for end in ("low", "high")])
        ends = np.clip(ends, 0.0, 1.0)
        style = line_style(place)
        if variant == shown:
            axes.errorbar(
                x,
                y,
                yerr=np.nan_to_num(np.abs(ends - y)),
                marker="o",
                markersize=5,
                capsize=3,
                linewidth=1.8,
                label=variant,
                **style,
            )
        else:
            axes.plot(x, y, ".", linewidth=0.8, alpha=0.7, label=variant, color=style["color"])
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.05)
    axes.set_xlabel("confidence: mean of the largest probability")
    axes.set_ylabel("share called right")
    axes.set_title("Calibration on test rows")
    if len(variants) > 1:
        axes.legend(loc="upper left", fontsize=9)
    return figure


def schedule(table: Table) -> Figure:
    """The learning rate of each variant; variants with the same one are drawn once."""
    found: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for variant in distinct(table["variant"])[:MOST_VARIANTS]:
        rows = where(table, variant=variant)
        key = (tuple(rows["epoch"]), tuple(rows["learning_rate"]))
        found.setdefault(key, []).append(variant)
    figure = new_figure(6.4, 3.8)
    axes = figure.add_subplot()
    every = []
    for place, ((x, y), names) in enumerate(found.items()):
        label = names[0] if len(found) > 1 else "all"
        axes.plot(
            numbers(list(x)), numbers(list(y)), linewidth=1.6, label=label, **line_style(place)
        )
        every.append(numbers(list(y)))
    values = np.concatenate(every)
    if len(found) > 1:
        axes.legend(loc="upper right", fontsize=9)
    if len(found) > 1 and min(v.max() for v in every) * 30 < values.max():
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, 1.08 * values.max())
    axes.set_xlabel("epoch")
    axes.set_ylabel("learning rate")
    axes.set_title("Learning rate")
    return figure


def misclassified(table: Table, *, classes: bool) -> Figure:
    """Misclassified images."""
    if not classes:
        return nothing_to_draw("A regression has no classes to be called wrong.")
    if not table["row"]:
        return nothing_to_draw("No test row of the first seed was called wrong.")
    if not table["pixels"][0]:
        return nothing_to_draw("The rows are not images; misclassified.csv lists them.")
    images = [
        np.array([line.split(" ") for line in text.split("/")], dtype=float)
        for text in table["pixels"][:MOST_IMAGES]
    ]
    every = [
        [shortened(table[key][i], MOST_NAME) for key in ("class", "called")]
        for i in range(len(images))
    ]
    longest = max(len(name) for pair in every for name in pair)
    # Names of a letter or two fit into one line.
    gap = " " if longest <= 2 else "\n"
    width = max(1.05, 0.25 + 0.068 * (longest if gap == "\n" else 7))
    n_columns = min(len(images), max(1, int(9.6 / width)))
    n_rows = -(-len(images) // n_columns)
    height = 1.35 if gap == " " else 1.55
    figure = new_figure(max(2.4, width * n_columns + 0.2), height * n_rows + 0.2)
    panels = np.atleast_1d(figure.subplots(n_rows, n_columns)).ravel()
    for axes in panels:
        axes.axis("off")
    for i, (axes, pixels) in enumerate(zip(panels, images, strict=False)):
        axes.imshow(pixels, cmap="gray_r")
        sure = 100 * float(table["confidence"][i])
        axes.set_title(f"{every[i][0]}{gap}as {every[i][1]}\n{sure:.0f} %", fontsize=8)
    return figure


def predictions(table: Table) -> Figure:
    """Predicted against true target; of classes, the probability of the true class of each row."""
    if not table["row"]:
        return nothing_to_draw("The first seed diverged and predicts nothing.")
    if "probability" in table:
        return _probabilities(table)
    t, y = numbers(table["target"]), numbers(table["predicted"])
    figure = new_figure(5.2, 4.8)
    axes = figure.add_subplot()
    ends = [min(t.min(), np.nanmin(y)), max(t.max(), np.nanmax(y))]
    axes.plot(ends, ends, color="black", linewidth=0.8, linestyle=":")
    axes.plot(t, y, "o", markersize=3.5, alpha=0.6, color=COLOURS[0])
    axes.set_xlabel("target")
    axes.set_ylabel("predicted")
    axes.set_title("Test rows of the first seed")
    return figure


def _probabilities(table: Table) -> Figure:
    """Test rows from the least to the most probable true class."""
    p = numbers(table["probability"])
    right = np.array([a == b for a, b in zip(table["target"], table["predicted"], strict=True)])
    order = np.argsort(p, kind="stable")
    share = 100.0 * (np.arange(p.size) + 0.5) / p.size
    figure = new_figure(6.4, 4.2)
    axes = figure.add_subplot()
    axes.plot(share, p[order], color=POINTS, linewidth=0.8, zorder=1.5)
    for place, (what, here) in enumerate((("right", right[order]), ("wrong", ~right[order]))):
        axes.plot(
            share[here],
            p[order][here],
            "o",
            markersize=3.5,
            color=COLOURS[place],
            label=f"called {what}: {int(here.sum())}",
        )
    axes.set_xlim(-1, 101)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("% of the test rows of the first seed, least sure of the truth first")
    axes.set_ylabel("probability of the true class")
    axes.legend(loc="lower right")
    return figure

"""The figures of `propagate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mlcli.plotting import (
    COLOURS,
    POINTS,
    Array,
    Table,
    distinct,
    new_figure,
    numbers,
    read_table,
    shade,
    where,
)

# Eight activations: beyond the palette's six, grey and black.
PALETTE = (*COLOURS, POINTS, "black")
# Curves that lie on one another are told apart by their dashes.
DASHES = ("-", "-", "-", "--", "-.", ":", "-", "--")
# Powers of 10 that a panel of variances shows.
CUT = 20.0
PANELS_A_ROW = 4
SHOWN = ("sigmoid", "tanh", "relu")


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = ("activations", "sign_points", "signals", "signs", "trains")
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    signals = tables["signals"]
    deepest = max(distinct(signals["depth"]), key=int)
    plain = where(signals, normalisation="none", depth=deepest)
    normalised = where(signals, normalisation="batch", depth=deepest)
    return {
        "activations": curves(tables["activations"], "value", "h(a)", "Activation functions"),
        "derivatives": curves(tables["activations"], "derivative", "h'(a)", "Their derivatives"),
        "signs": signs(tables["sign_points"], tables["signs"]),
        "forward": layers(plain, "forward", "Var a"),
        "backward": layers(plain, "backward", "Var delta"),
        "batch_norm": batch_norm(normalised),
        "trains": trains(tables["trains"]),
    }


def _colour(i: int) -> str:
    return PALETTE[i % len(PALETTE)]


def curves(table: Table, key: str, label: str, title: str) -> Figure:
    """One curve per activation."""
    figure = new_figure(8.0, 4.6)
    axes = figure.add_subplot()
    for i, name in enumerate(distinct(table["activation"])):
        rows = where(table, activation=name)
        # The first curves are wide, so that later ones on top don't hide them.
        axes.plot(
            numbers(rows["a"]),
            numbers(rows[key]),
            label=name,
            color=_colour(i),
            linestyle=DASHES[i % len(DASHES)],
            linewidth=3.2 - 0.2 * i,
        )
    axes.set_xlabel("a")
    axes.set_ylabel(label)
    axes.set_title(title)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def signs(points: Table, shares: Table) -> Figure:
    """Gradients of two weights, and the share of gradients with one sign."""
    figure = new_figure(9.6, 7.4)
    halves: Any = figure.subfigures(2, 1, height_ratios=[1, 1.15])
    above, below = halves
    names = distinct(points["activation"])
    shown = [name for name in SHOWN if name in names] or names[:3]
    for axes, name in zip(np.atleast_1d(above.subplots(1, len(shown))), shown, strict=True):
        rows = where(points, activation=name)
        w_1, w_2 = numbers(rows["dE_dw_1"]), numbers(rows["dE_dw_2"])
        reach = 1.1 * max(np.quantile(np.abs(np.concatenate([w_1, w_2])), 0.98), 1e-300)
        for low in (-reach, 0.0):
            corner = Rectangle((low, low), reach, reach, color=COLOURS[5], alpha=0.15, linewidth=0)
            axes.add_patch(corner)
        axes.plot(w_1, w_2, "o", color=_colour(names.index(name)), markersize=3)
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-reach, reach)
        axes.set_box_aspect(1)
        axes.set_xlabel("dE/dw_1")
        axes.set_ylabel("dE/dw_2")
        axes.set_title(name)
    left, right = below.subplots(1, 2)
    fewest = min(distinct(shares["n"]), key=int)
    largest = max(distinct(shares["batch_size"]), key=int)
    _shares(left, where(shares, n=fewest), "batch_size", names)
    left.set_xlabel("rows that are summed over")
    left.set_ylabel("share with one sign")
    left.set_title(f"{fewest} weights")
    _shares(right, where(shares, batch_size=largest), "n", names)
    n = np.array(sorted(int(text) for text in distinct(shares["n"])))
    right.plot(n, 2.0 ** (1 - n), "k:", linewidth=1)
    right.set_yscale("log")
    right.set_xlabel("weights n")
    right.set_title(f"{largest} rows")
    right.plot([], [], "k--", linewidth=1.2, label="batch norm.")
    right.plot([], [], "k:", linewidth=1, label="theory")
    right.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    return figure


def _shares(axes: Axes, table: Table, key: str, names: Sequence[str]) -> None:
    """Shares against batch size or number of weights, normalised ones dashed."""
    for i, name in enumerate(names):
        for normalisation, dash in (("none", "-"), ("batch", "--")):
            rows = where(table, activation=name, normalisation=normalisation)
            x, share = numbers(rows[key]), numbers(rows["share"])
            low, high = numbers(rows["share_ci_low"]), numbers(rows["share_ci_high"])
            bars = np.nan_to_num(np.abs(np.stack([share - low, high - share])))
            seen = share > 0
            axes.errorbar(
                x[seen],
                share[seen],
                bars[:, seen],
                fmt="o",
                linestyle=dash,
                markersize=3,
                linewidth=1.2,
                color=_colour(i),
                label=name if dash == "-" else None,
            )
            if dash == "-" and key == "batch_size" and rows["large_batch"]:
                axes.axhline(
                    float(rows["large_batch"][0]), linestyle=":", linewidth=1, color=_colour(i)
                )
    axes.set_xscale("log", base=2)
    ticks = sorted({float(text) for text in table[key]})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def _measured(
    axes: Axes, rows: Table, side: str, colour: str, label: str, theory: str = "black"
) -> None:
    """log10 of a variance against the layer, its band, theory dashed."""
    layer, mean = numbers(rows["layer"]), numbers(rows[f"log10_{side}"])
    axes.plot(layer, mean, color=colour, linewidth=1.6, label=label)
    shade(
        axes,
        layer,
        numbers(rows[f"log10_{side}_ci_low"]),
        numbers(rows[f"log10_{side}_ci_high"]),
        colour,
    )
    expected = numbers(rows[f"log10_{side}_theory"])
    axes.plot(layer, expected, "--", color=theory, linewidth=0.9)


def layers(table: Table, side: str, symbol: str) -> Figure:
    """One panel per activation, one line per initialisation."""
    names, inits = distinct(table["activation"]), distinct(table["init"])
    n_columns = min(PANELS_A_ROW, len(names))
    n_rows = -(-len(names) // n_columns)
    figure = new_figure(2.6 * n_columns + 1.4, 2.5 * n_rows + 0.8)
    panels = np.atleast_1d(figure.subplots(n_rows, n_columns, sharex=True, sharey=True)).ravel()
    for axes, name in zip(panels, names, strict=False):
        for i, init in enumerate(inits):
            rows = where(table, activation=name, init=init)
            _measured(axes, rows, side, _colour(i), init)
        axes.set_title(name)
    for axes in panels[len(names) :]:
        axes.axis("off")
    values = numbers(table[f"log10_{side}"])
    reach = min(CUT, 1.05 * float(np.nanmax(np.abs(values), initial=1.0)))
    panels[0].set_ylim(-reach, reach)
    figure.supxlabel("layer")
    figure.supylabel(f"log10 {symbol}")
    handles, labels = panels[0].get_legend_handles_labels()
    dashed = panels[0].get_lines()[1]
    figure.legend(
        [*handles, dashed], [*labels, "theory"], loc="outside upper center", ncols=len(labels) + 1
    )
    return figure


def batch_norm(table: Table) -> Figure:
    """Errors under batch normalisation against the layer, and their factor per layer."""
    names, inits = distinct(table["activation"]), distinct(table["init"])
    figure = new_figure(11.0, 4.6)
    left, right = figure.subplots(1, 2)
    for i, name in enumerate(names):
        rows = where(table, activation=name, init=inits[0])
        _measured(left, rows, "backward", _colour(i), name, theory=_colour(i))
    left.set_xlabel("layer")
    left.set_ylabel("log10 Var delta")
    left.set_title(f"Errors, read from right to left ({inits[0]})")
    left.legend(fontsize=9)
    for j, name in enumerate(names):
        rows = where(table, activation=name, init=inits[0])
        theory = numbers(rows["log10_backward_theory"])
        right.plot(
            [j - 0.42, j + 0.42],
            [_a_layer(theory)] * 2,
            color="black",
            linewidth=1.5,
            label=None if j else "theory",
        )
    for i, init in enumerate(inits):
        x = np.arange(len(names)) + 0.7 * ((i + 0.5) / len(inits) - 0.5)
        found = [where(table, activation=name, init=init) for name in names]
        ends = [
            [_a_layer(numbers(rows[f"log10_backward{end}"])) for end in ("", "_ci_low", "_ci_high")]
            for rows in found
        ]
        mean, *bounds = np.array(ends).T
        bars = np.nan_to_num(np.abs(np.stack(bounds) - mean))
        right.errorbar(x, mean, bars, fmt="o", markersize=4, color=_colour(i), label=init)
    right.set_xticks(range(len(names)), names, rotation=30, ha="right")
    right.set_ylabel("factor of Var delta a layer")
    right.set_title("Geometric mean over the layers")
    right.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _a_layer(logs: Array) -> float:
    """The geometric mean over the layers of the factor between two of them."""
    return float(10.0 ** ((logs[0] - logs[-1]) / (logs.size - 1)))


def trains(table: Table) -> Figure:
    """Training accuracy of every pair, framed where it trains."""
    names, inits = distinct(table["activation"]), distinct(table["init"])
    figure = new_figure(1.35 * len(inits) + 3.2, 0.46 * len(names) + 1.9)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, normalisation, title in zip(
        panels, ("none", "batch"), ("No normalisation", "Batch normalisation"), strict=True
    ):
        rows = where(table, normalisation=normalisation)
        accuracy = 100 * numbers(rows["accuracy"]).reshape(len(names), len(inits))
        train, fail = (
            np.array(rows[key]).reshape(accuracy.shape) == "True" for key in ("trains", "fails")
        )
        image = axes.imshow(accuracy, cmap="cividis", vmin=0, vmax=100, aspect="auto")
        for (i, j), value in np.ndenumerate(accuracy):
            colour = "black" if value > 55 else "white"
            weight = "bold" if train[i, j] else "normal"
            axes.text(j, i, f"{value:.0f}", ha="center", va="center", color=colour, weight=weight)
            if not fail[i, j]:
                frame = Rectangle(
                    (j - 0.46, i - 0.46),
                    0.92,
                    0.92,
                    fill=False,
                    edgecolor=COLOURS[1],
                    linewidth=2,
                    linestyle="-" if train[i, j] else ":",
                )
                axes.add_patch(frame)
        axes.set_xticks(range(len(inits)), inits, rotation=35, ha="right")
        axes.set_yticks(range(len(names)), names)
        axes.grid(visible=False)
        axes.set_title(title)
    figure.colorbar(image, ax=panels, label="training accuracy, %", pad=0.02)
    return figure

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
# The activations that figures 12 and 13 of the notes have.
OF_FIGURE_12 = ("sigmoid", "tanh", "relu", "leaky-relu", "elu")
# Powers of 10 that a panel of variances shows.
CUT = 20.0
PANELS_A_ROW = 4
SHOWN = ("sigmoid", "tanh", "relu")


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = ("activations", "sign_points", "signals", "signs", "trains", "alive", "draws", "alphas")
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    signals = tables["signals"]
    deepest = max(distinct(signals["depth"]), key=int)
    plain = where(signals, normalisation="none", depth=deepest)
    normalised = where(signals, normalisation="batch", depth=deepest)
    return {
        "activations": curves(tables["activations"], "value", "h(a)", "Activation functions"),
        "derivatives": curves(tables["activations"], "derivative", "h'(a)", "Their derivatives"),
        "draws": draws(tables["draws"]),
        "signs": signs(tables["sign_points"], tables["signs"]),
        "forward": layers(plain, "forward", "Var a"),
        "backward": layers(plain, "backward", "Var delta"),
        "alive": alive(tables["alive"], where(tables["trains"], normalisation="none"), deepest),
        "alphas": alphas(tables["alphas"], deepest, float(tables["alive"]["most"][0])),
        "batch_norm": batch_norm(normalised),
        "trains": trains(tables["trains"]),
    }


def _colour(i: int) -> str:
    return PALETTE[i % len(PALETTE)]


def curves(table: Table, key: str, label: str, title: str) -> Figure:
    """One panel per activation, the curves of the others behind it."""
    names = distinct(table["activation"])
    every = {name: where(table, activation=name) for name in names}
    figure, panels = _panels(names, 2.3, 2.1)
    for axes, name in zip(panels, names, strict=True):
        for other in names:
            if other != name:
                rows = every[other]
                axes.plot(
                    numbers(rows["a"]),
                    numbers(rows[key]),
                    color=POINTS,
                    alpha=0.45,
                    linewidth=0.8,
                    zorder=1,
                )
        rows = every[name]
        colour = COLOURS[0] if name in OF_FIGURE_12 else COLOURS[1]
        axes.plot(numbers(rows["a"]), numbers(rows[key]), color=colour, linewidth=2.6, label=name)
        alpha = rows["alpha"][0]
        axes.set_title(f"{name}, alpha {float(alpha):g}" if alpha else name)
    figure.supxlabel("a")
    figure.supylabel(label)
    figure.suptitle(title)
    return figure


def _panels(names: Sequence[str], width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A panel for each name with the same axes, at most `PANELS_A_ROW` side by side."""
    n_columns = min(PANELS_A_ROW, len(names))
    n_rows = -(-len(names) // n_columns)
    figure = new_figure(width * n_columns + 0.8, height * n_rows + 0.9)
    panels = np.atleast_1d(figure.subplots(n_rows, n_columns, sharex=True, sharey=True)).ravel()
    for axes in panels[len(names) :]:
        axes.axis("off")
    return figure, list(panels[: len(names)])


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
    figure, panels = _panels(names, 2.6, 2.5)
    for axes, name in zip(panels, names, strict=True):
        for i, init in enumerate(inits):
            rows = where(table, activation=name, init=init)
            _measured(axes, rows, side, _colour(i), init)
        axes.set_title(name)
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


def _frame(i: int, j: int, colour: str, dash: str) -> Rectangle:
    """A frame around the cell in row i and column j of an image."""
    corner = (j - 0.46, i - 0.46)
    return Rectangle(corner, 0.92, 0.92, fill=False, edgecolor=colour, linewidth=2, linestyle=dash)


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
                axes.add_patch(_frame(i, j, COLOURS[1], "-" if train[i, j] else ":"))
        axes.set_xticks(range(len(inits)), inits, rotation=35, ha="right")
        axes.set_yticks(range(len(names)), names)
        axes.grid(visible=False)
        axes.set_title(title)
    figure.colorbar(image, ax=panels, label="training accuracy, %", pad=0.02)
    return figure


def alive(table: Table, trained: Table, depth: str) -> Figure:
    """The larger change of signal and errors in powers of 10, and what the same pairs learn."""
    names, inits = distinct(table["activation"]), distinct(table["init"])
    shape = len(names), len(inits)
    # The titles need the room, however few pairs there are.
    figure = new_figure(max(7.8, 1.35 * len(inits) + 3.2), 0.46 * len(names) + 2.3)
    left, right = figure.subplots(1, 2, sharey=True)
    forward, backward = (numbers(table[f"log10_{side}"]) for side in ("forward", "backward"))
    larger = np.where(np.abs(forward) > np.abs(backward), forward, backward)
    larger = np.where(np.isnan(forward + backward), np.nan, larger).reshape(shape)
    drawn = np.nan_to_num(larger, nan=CUT)
    image = left.imshow(drawn, cmap="PuOr", vmin=-CUT, vmax=CUT, aspect="auto")
    for (i, j), value in np.ndenumerate(larger):
        text = "out" if np.isnan(value) else f"{value:+.{1 if abs(value) < 9.95 else 0}f}"
        colour = "black" if abs(drawn[i, j]) < 0.6 * CUT else "white"
        left.text(j, i, text, ha="center", va="center", color=colour)
    left.set_title("Signal or errors, the larger change")
    figure.colorbar(image, ax=left, label="powers of 10", pad=0.02, extend="both")
    accuracy = 100 * numbers(trained["accuracy"]).reshape(shape)
    image = right.imshow(accuracy, cmap="cividis", vmin=0, vmax=100, aspect="auto")
    for (i, j), value in np.ndenumerate(accuracy):
        colour = "black" if value > 55 else "white"
        right.text(j, i, f"{value:.0f}", ha="center", va="center", color=colour)
    right.set_title("Training accuracy")
    figure.colorbar(image, ax=right, label="%", pad=0.02)
    is_alive, is_lost = (np.array(table[key]).reshape(shape) == "True" for key in ("alive", "lost"))
    for axes in (left, right):
        for (i, j), lost in np.ndenumerate(is_lost):
            if not lost:
                dash = "-" if is_alive[i, j] else ":"
                axes.add_patch(_frame(i, j, COLOURS[2], dash))
        axes.set_xticks(range(len(inits)), inits, rotation=35, ha="right")
        axes.set_yticks(range(len(names)), names)
        axes.grid(visible=False)
    percent = 100 * (10.0 ** (float(table["most"][0]) / (int(depth) - 1)) - 1)
    figure.suptitle(
        f"Framed: both change by at most {percent:.0f} % a layer, through {depth} layers"
    )
    return figure


def draws(table: Table) -> Figure:
    """Mean of z, and variances of z and delta over draws of W, for three choices of Var(w)."""
    figure = new_figure(10.2, 3.9)
    panels = figure.subplots(1, 3)
    last = max(int(text) for text in table["layer"])
    columns = (
        (panels[0], "signal", "mean", "Mean of z, (7.4)"),
        (panels[1], "signal", "variance", "Variance of z, (7.9)"),
        (panels[2], "errors", "variance", "Variance of delta, (7.11), (7.12)"),
    )
    inits = distinct(table["init"])
    for axes, side, key, title in columns:
        for i, init in enumerate(inits):
            rows = where(table, init=init, side=side)
            place = numbers(rows["layer"]) + 0.09 * (i - (len(inits) - 1) / 2)
            mean = numbers(rows[key])
            ends = np.stack([numbers(rows[f"{key}_ci_{end}"]) for end in ("low", "high")])
            bars = np.abs(ends - mean)
            axes.errorbar(place, mean, bars, fmt="o", markersize=4.5, color=COLOURS[i], label=init)
            if key == "variance":
                theory = numbers(rows["variance_theory"])
                axes.plot(place, theory, "--", color=COLOURS[i], linewidth=1.2)
                label = f"{init}\n{rows['equation'][0]}"
                axes.text(last + 0.22, theory[-1], label, va="center", fontsize=9, color=COLOURS[i])
        axes.set_title(title)
        axes.set_xlabel("hidden layer")
        axes.set_xticks(range(1, last + 1))
        if key == "variance":
            axes.set_xlim(0.75, last + 1.3)
            axes.set_yscale("log", base=2)
            axes.set_ylim(0.055, 1.6)
            axes.set_yticks([1, 0.5, 0.25, 0.125, 0.0625], ["1", "1/2", "1/4", "1/8", "1/16"])
    panels[0].axhline(0.0, color="black", linestyle="--", linewidth=1)
    panels[0].text(1.5, 0.0, "theory", ha="center", va="bottom", fontsize=9)
    return figure


def alphas(table: Table, depth: str, most: float) -> Figure:
    """Change of signal and errors against alpha, measured and by theory."""
    names = distinct(table["activation"])
    figure = new_figure(9.0, 4.2)
    panels = np.atleast_1d(figure.subplots(1, len(names), sharey=True))
    for axes, name in zip(panels, names, strict=True):
        rows = where(table, activation=name)
        alpha = numbers(rows["alpha"])
        axes.axhspan(-most, most, color=COLOURS[2], alpha=0.15, linewidth=0)
        axes.text(alpha[0], most, "alive", va="bottom", fontsize=9, color=COLOURS[2])
        for side, colour, word, size in (
            ("forward", COLOURS[0], "signal", 8),
            ("backward", COLOURS[1], "errors", 4),
        ):
            mean = numbers(rows[f"log10_{side}"])
            ends = np.stack([numbers(rows[f"log10_{side}_ci_{end}"]) for end in ("low", "high")])
            there = ~np.isnan(mean)
            bars = np.nan_to_num(np.abs(ends - mean))[:, there]
            axes.plot(alpha, numbers(rows[f"log10_{side}_theory"]), "--", color=colour)
            axes.errorbar(
                alpha[there],
                mean[there],
                bars,
                fmt="o",
                markersize=size,
                color=colour,
                label=word,
            )
        axes.set_title(name)
        axes.set_xlabel("alpha")
    panels[0].set_ylabel(f"powers of 10 through {depth} layers")
    panels[0].plot([], [], "k--", label="theory")
    panels[0].legend(loc="lower right")
    return figure

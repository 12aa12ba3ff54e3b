"""The figures of `backprop`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from mlcli.experiments.backprop.figures.drawing import (
    INK,
    MOST_NUMBERED,
    NetworkDrawing,
    digits,
    layer_colours,
)
from mlcli.experiments.backprop.figures.grids import matrices
from mlcli.json_file import read_json
from mlcli.lists import split_names
from mlcli.plotting import (
    COLOURS,
    POINTS,
    Array,
    Table,
    new_figure,
    nothing_to_draw,
    numbers,
    read_table,
    shade,
    shortened,
)

NAME_CHARACTERS = 12
# Inches of a column of a small copy.
COLUMN = 0.9
# The step at which the curves of the errors have their names.
NAMED_AT = 1e-3
Value = Mapping[tuple[str, int, int, int], float]


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = ("cost", "gradients", "matrices", "step_size", "steps", "weights")
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    network = read_json(folder / "details.json")["network"]
    values = values_of(tables["steps"], tables["weights"], tables["matrices"])
    return {
        "forward": forward(network, values),
        "backward": backward(network, values),
        "steps": steps(network, values),
        "matrices": matrices(network, tables["matrices"]),
        "step_size": step_size(tables["step_size"]),
        "cost": cost(tables["cost"]),
    }


def values_of(steps_table: Table, weights: Table, entries: Table) -> Value:
    """Numbers of the first row by kind, layer, unit and source: x, t, w, and each step's."""
    found: dict[tuple[str, int, int, int], float] = {}
    for kind, layer, unit, source, value in zip(
        *(steps_table[name] for name in ("kind", "layer", "unit", "source", "value")), strict=True
    ):
        # A bias is a weight whose source is 0.
        name = {"db": "dW"}.get(kind, kind)
        found[name, int(layer), int(unit), int(source or 0)] = float(value)
    for layer, unit, source, value in zip(
        *(weights[name] for name in ("layer", "unit", "source", "value")), strict=True
    ):
        found["w", int(layer), int(unit), int(source)] = float(value)
    for name, layer, unit, column, value in zip(
        *(entries[key] for key in ("matrix", "layer", "row", "column", "value")), strict=True
    ):
        if column == "1" and ((name == "z" and layer == "0") or name in ("t", "slope")):
            found[{"z": "x"}.get(name, name), int(layer), int(unit), 0] = float(value)
    return found


def _sizes(network: Mapping[str, Any]) -> list[int]:
    return [int(size) for size in network["sizes"].split("-")]


def forward(network: Mapping[str, Any], values: Value) -> Figure:
    """Weights on the lines; bias, sum and output in each neuron."""
    sizes = _sizes(network)
    last = len(sizes) - 1
    names = split_names(network["inputs"])
    plain = all(re.fullmatch(r"x_?\d+", name) for name in names)
    boxes: list[list[list[str]]] = [[]]
    for i in range(1, sizes[0] + 1):
        text = [f"$x_{i}$ = {digits(values['x', 0, i, 0])}"]
        named = names[i - 1].replace("$", r"\$") if i <= len(names) and not plain else ""
        boxes[0].append([*([shortened(named, NAME_CHARACTERS)] if named else []), *text])
    for layer in range(1, last + 1):
        column = []
        for k in range(1, sizes[layer] + 1):
            text = [
                f"$b_{k}$ = {digits(values['w', layer, k, 0])}",
                f"$a_{k}$ = {digits(values['a', layer, k, 0])}",
            ]
            if layer < last:
                text.append(f"$z_{k}$ = {digits(values['z', layer, k, 0])}")
            else:
                text.append(f"$y_{k}$ = {digits(values['y', layer, k, 0])}")
                text.append(f"$t_{k}$ = {digits(values['t', layer, k, 0])}")
            column.append(text)
        boxes.append(column)
    output = {
        "squared-error": "y = a",
        "softmax-cross-entropy": "y = softmax(a)",
        "sigmoid-cross-entropy": "y = σ(a)",
    }[network["loss"]]
    headings = ["inputs"]
    for layer in range(1, last + 1):
        h = f"z = {network['activation']}(a)" if layer < last else output
        headings.append(f"layer {layer}\na = Σ w z + b\n{h}")
    drawing = NetworkDrawing(
        boxes, headings, f"E = {digits(values['E', last, 0, 0])}{_unnumbered(sizes, 'weights')}"
    )
    drawing.draw_lines(_on_lines(values, "w", sizes), INK)
    drawing.draw_boxes(layer_colours(len(sizes)))
    return drawing.figure


def _on_lines(values: Value, kind: str, sizes: Sequence[int]) -> dict[tuple[int, int, int], str]:
    return {
        (layer, k, j): digits(value)
        for (name, layer, k, j), value in values.items()
        if name == kind and j > 0 and layer < len(sizes)
    }


def _unnumbered(sizes: Sequence[int], what: str) -> str:
    products = [n_in * n_out for n_in, n_out in pairwise(sizes)]
    table = "weights" if what == "weights" else "steps"
    if max(products) <= MOST_NUMBERED:
        return ""
    return f"; {what} without a number on their line are in {table}.csv"


def backward(network: Mapping[str, Any], values: Value) -> Figure:
    """Gradients on the lines; the error delta in each neuron."""
    sizes = _sizes(network)
    last = len(sizes) - 1
    boxes: list[list[list[str]]] = [
        [[f"$x_{i}$ = {digits(values['x', 0, i, 0])}"] for i in range(1, sizes[0] + 1)]
    ]
    for layer in range(1, last + 1):
        column = []
        for k in range(1, sizes[layer] + 1):
            text = [rf"$\delta_{k}$ = {digits(values['delta', layer, k, 0])}"]
            if layer < last:
                text.append(rf"$h'$ = {digits(values['slope', layer, k, 0])}")
                text.append(f"$z_{k}$ = {digits(values['z', layer, k, 0])}")
            else:
                difference = values["y", layer, k, 0], values["t", layer, k, 0]
                text.append(f"$y_{k}$ = {digits(difference[0])}")
                text.append(f"$t_{k}$ = {digits(difference[1])}")
            column.append(text)
        boxes.append(column)
    headings = [
        "inputs",
        *(f"layer {layer}\nδ = h′(a) Σ δ w" for layer in range(1, last)),
        f"layer {last}\nδ = y − t",
    ]
    drawing = NetworkDrawing(
        boxes,
        headings,
        f"on the lines ∂E/∂w = δ z, and ∂E/∂b = δ{_unnumbered(sizes, 'gradients')}",
    )
    drawing.draw_lines(_on_lines(values, "dW", sizes), COLOURS[1])
    drawing.draw_boxes(layer_colours(len(sizes)))
    return drawing.figure


def steps(network: Mapping[str, Any], values: Value) -> Figure:
    """One panel for each layer forward and one for each layer back."""
    sizes = _sizes(network)
    last = len(sizes) - 1
    tall = 0.55 + 0.42 * max(sizes)
    figure = new_figure(max(4.2, COLUMN * last * (last + 1)), 2 * (tall + 0.75))
    panels = figure.subplots(2, last, squeeze=False)
    for place in range(last):
        layer = place + 1
        what = f"z of layer {layer}" if layer < last else "y"
        _step(panels[0, place], sizes, values, layer, back=False)
        panels[0, place].set_title(f"{place + 1}. forward: {what}", fontsize=10)
        _step(panels[1, place], sizes, values, last - place, back=True)
        panels[1, place].set_title(
            f"{last + place + 1}. back: δ of layer {last - place}", fontsize=10
        )
    return figure


def _step(axes: Axes, sizes: Sequence[int], values: Value, layer: int, *, back: bool) -> None:
    """The network after one step: numbers that are there, and what the step used coloured."""
    last = len(sizes) - 1
    new = COLOURS[1] if back else COLOURS[0]
    # Forward a step uses the weights below the layer, backward those above it.
    used = (layer + 1 if layer < last else 0) if back else layer
    for gap in range(1, last + 1):
        lines = [
            ((gap - 1, _height(sizes, gap - 1, j)), (gap, _height(sizes, gap, k)))
            for j in range(1, sizes[gap - 1] + 1)
            for k in range(1, sizes[gap] + 1)
        ]
        active = gap == used
        axes.add_collection(
            LineCollection(
                lines,
                colors=new if active else POINTS,
                linewidths=1.6 if active else 0.5,
                label=f"_gap {gap}",
            )
        )
    for column, size in enumerate(sizes):
        for unit in range(1, size + 1):
            text = _number(values, column, unit, last, layer, back)
            fresh = column == layer
            axes.text(
                column,
                _height(sizes, column, unit),
                text or "     ",
                ha="center",
                va="center",
                fontsize=9,
                fontweight="bold" if fresh else "normal",
                bbox={
                    "boxstyle": "round,pad=0.3",
                    "facecolor": "white",
                    "edgecolor": new if fresh else POINTS,
                    "linewidth": 1.6 if fresh else 0.8,
                },
            )
    axes.set_xlim(-0.45, last + 0.45)
    axes.set_ylim(-max(sizes) / 2 - 0.1, max(sizes) / 2 + 0.1)
    axes.axis("off")


def _height(sizes: Sequence[int], column: int, unit: int) -> float:
    return (sizes[column] - 1) / 2 - (unit - 1)


def _number(values: Value, column: int, unit: int, last: int, layer: int, back: bool) -> str:
    """What is known of a unit after a step; empty if nothing is."""
    if back:
        return digits(values["delta", column, unit, 0]) if column >= layer else ""
    if column > layer:
        return ""
    kind = "x" if column == 0 else "y" if column == last else "z"
    return digits(values[kind, column, unit, 0])


def step_size(table: Table) -> Figure:
    """Errors of the differences against their step, with their theory."""
    steps_ = numbers(table["step"])
    kinds = (("central", "central", COLOURS[0]), ("one_sided", "one-sided", COLOURS[1]))
    if not any(np.isfinite(numbers(table[f"log10_{name}"])).any() for name, _, _ in kinds):
        return nothing_to_draw("Every weight is left out of the check.")
    figure = new_figure(6.6, 4.6)
    axes = figure.subplots()
    for name, label, colour in kinds:
        mean = numbers(table[f"log10_{name}"])
        low, high = (numbers(table[f"log10_{name}_{end}"]) for end in ("ci_low", "ci_high"))
        theory = numbers(table[f"log10_{name}_theory"])
        axes.plot(steps_, 10**mean, color=colour, label=label)
        shade(axes, steps_, 10**low, 10**high, colour)
        axes.plot(steps_, 10**theory, "--", color=colour, linewidth=1, label=f"{label}, theory")
        _beside(axes, steps_, 10**mean, label, colour, above=name == "one_sided")
    fixed = float(np.finfo(np.float64).eps) ** (1 / 3)
    axes.axvline(fixed, color=POINTS, linewidth=1, label="fixed step")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.annotate(
        f"∛(2u) = {fixed:.1e}",
        (fixed, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(4, -4),
        textcoords="offset points",
        va="top",
        fontsize=9,
    )
    axes.set_xlabel("step ε (dashed: theory)")
    axes.set_ylabel("largest error / largest gradient")
    left_out = numbers(table["left_out"])
    if left_out.max() > 0:
        axes.set_title(
            f"on average up to {left_out.max():.3g} weights of a network are left out",
            fontsize=9,
        )
    return figure


def _beside(axes: Axes, x: Array, y: Array, label: str, colour: str, *, above: bool) -> None:
    """A curve's name beside its rising part, where it is farther from the other one."""
    there = np.flatnonzero(np.isfinite(y) & (x <= NAMED_AT))
    if there.size:
        axes.annotate(
            label,
            (x[there[-1]], y[there[-1]]),
            xytext=(-6, 4) if above else (8, -8),
            textcoords="offset points",
            ha="right" if above else "left",
            va="bottom" if above else "top",
            color=colour,
            fontsize=10,
        )


def cost(table: Table) -> Figure:
    """Multiplications of one gradient against the number of weights."""
    figure = new_figure(6.6, 4.6)
    axes = figure.subplots()
    own = {name: column[:1] for name, column in table.items()}
    others = {name: column[1:] for name, column in table.items()}
    for place, (name, label) in enumerate(
        (
            ("central", "2W forward passes"),
            ("one_sided", "W + 1 forward passes"),
            ("backpropagation", "backpropagation"),
            ("forward", "one forward pass"),
        )
    ):
        colour = COLOURS[place]
        x, y = numbers(others["n_weights"]), numbers(others[name])
        axes.plot(x, y, color=colour, label=label)
        axes.plot(numbers(own["n_weights"]), numbers(own[name]), "o", color=colour)
        above = name in ("central", "backpropagation")
        axes.annotate(
            label,
            (x[-4], y[-4]),
            xytext=(-6, 6) if above else (6, -6),
            textcoords="offset points",
            ha="right" if above else "left",
            va="bottom" if above else "top",
            color=colour,
            fontsize=9,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("weights W, biases included")
    axes.set_ylabel("multiplications of one row's gradient")
    axes.set_title(f"dots: {own['network'][0]}, which is drawn", fontsize=10)
    return figure

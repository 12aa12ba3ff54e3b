"""What a reader of the report can move: signals and errors through the layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlcli.experiments.explore import Control, Explorable, Mark, Panel, State, span
from mlcli.plotting import Table, distinct, numbers, read_table, where

# From here on a factor is called lost or blown up, as a power of ten.
DECADES = 1.0
# Axes end here: what is beyond has vanished or exploded all the same.
FURTHEST = 12.0
MOST_LAYERS = 20
KINDS = (("log10_forward", "mean square of a"), ("log10_backward", "mean square of the errors"))


def explorables(folder: Path) -> list[Explorable]:
    """Both mean squares against the layer, for each activation, initialisation and depth."""
    table = where(read_table(folder / "tables" / "signals.csv"), normalisation="none")
    names = [distinct(table[key]) for key in ("activation", "init", "depth")]
    states: dict[tuple[int, ...], State] = {}
    sizes = [len(one) for one in names]
    for key in np.ndindex(*sizes):
        activation, init, depth = (names[i][place] for i, place in enumerate(key))
        rows = where(table, activation=activation, init=init, depth=depth)
        marks = [_marks(rows, column) for column, _ in KINDS]
        states[tuple(int(i) for i in key)] = State(marks, _says(rows, activation, init, depth))
    ends = [
        span(np.clip(numbers(table[column]), -FURTHEST, FURTHEST), [-DECADES, DECADES])
        for column, _ in KINDS
    ]
    layers = (0.0, max(float(depth) for depth in names[2]) + 1.0)
    panels = [
        Panel(f"log10 of the {label}", "layer", "power of ten", layers, end)
        for (_, label), end in zip(KINDS, ends, strict=True)
    ]
    return [
        Explorable(
            name="signals",
            title="Through the layers",
            lead="Choose an activation and an initialisation: do signals and errors survive?",
            controls=[
                Control(label, values)
                for label, values in zip(
                    ("activation", "initialisation", "layers"), names, strict=True
                )
            ],
            panels=panels,
            states=states,
            start=(0, 0, len(names[2]) - 1),
        )
    ]


def _marks(rows: Table, column: str) -> list[Mark]:
    every = numbers(rows["layer"])
    # A point every few layers of a deep network is enough for a screen.
    kept = np.unique(
        np.linspace(0, every.size - 1, min(every.size, MOST_LAYERS)).round().astype(int)
    )
    layer = every[kept]
    low, mean, high, theory = (
        numbers(rows[f"{column}{end}"])[kept] for end in ("_ci_low", "", "_ci_high", "_theory")
    )
    return [
        Mark("band", layer, low, high, colour=0, label="95 % interval"),
        Mark("line", layer, mean, colour=0, label="measured, mean over seeds"),
        Mark("line", layer, theory, colour="truth", label="theory of a wide network", dashed=True),
    ]


def _says(rows: Table, activation: str, init: str, depth: str) -> str:
    """Where signals end at the last layer, and errors at the first."""
    signal = numbers(rows["log10_forward"])
    error = numbers(rows["log10_backward"])
    forward, backward = signal[-1] - signal[0], error[0] - error[-1]
    told = f"{activation} with {init} weights, {depth} layers: the signals {_fate(forward)} "
    return told + f"from the first layer to the last, the errors {_fate(backward)} on the way back."


def _fate(decades: float) -> str:
    if not np.isfinite(decades):
        return "leave the range of numbers"
    if abs(decades) < DECADES:
        return f"stay within a factor of 10 (10^{decades:.2g})"
    return f"{'grow' if decades > 0 else 'shrink'} by 10^{abs(decades):.3g}"

"""Networks as the notes draw them: neurons in columns, a connection for each weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from mlcli.plotting import COLOURS, POINTS, Array, new_figure, nothing_to_draw

# A layer with more neurons shows the first and the last ones.
MOST_NEURONS = 7
# More shapes are not told apart at this size.
MOST_SHAPES = 4
# A deeper network shows its first and its last layers.
MOST_COLUMNS = 9
LINE = 0.5
DOTS = np.array([-0.11, 0.0, 0.11])


@dataclass(frozen=True)
class Shape:
    """A network to draw.

    Attributes:
        sizes: D, n^(1), ..., n^(L), K.
        activations: of its hidden layers, all that its variants have.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]


def shapes_in(model: Mapping[str, Any]) -> list[Shape]:
    """The different shapes of network that model.json tells of, in its order."""
    found: dict[tuple[int, ...], dict[str, None]] = {}
    for program in model["programs"]:
        names = found.setdefault(tuple(program["sizes"]), {})
        names.update(dict.fromkeys(str(one["activation"]) for one in program["members"]))
    return [Shape(sizes, tuple(names)) for sizes, names in found.items()]


def network(shapes: Sequence[Shape]) -> Figure:
    """Each shape: its layers, and the weights into the first neuron of each picked out."""
    if not shapes:
        return nothing_to_draw("No weights were kept, and so no shape of a network.")
    drawn = shapes[:MOST_SHAPES]
    widest = max(len(layers_shown(len(shape.sizes))) for shape in drawn)
    figure = new_figure(max(6.4, 1.9 * widest), 4.2 * len(drawn))
    for axes, shape in zip(
        figure.subplots(len(drawn), 1, squeeze=False).ravel(), drawn, strict=True
    ):
        _draw(axes, shape)
    return figure


def places(n: int) -> tuple[Array, bool]:
    """Heights of the neurons that are drawn of n, from the top, and whether some are left out."""
    if n <= MOST_NEURONS:
        return (n - 1) / 2 - np.arange(float(n)), False
    # One place in the middle is for the dots.
    heights = (MOST_NEURONS - 1) / 2 - np.arange(float(MOST_NEURONS))
    return np.delete(heights, MOST_NEURONS // 2), True


def layers_shown(n: int) -> list[int]:
    """Which of n columns of neurons are drawn: all, or the first ones and the last ones."""
    if n <= MOST_COLUMNS:
        return list(range(n))
    return [*range(MOST_COLUMNS // 2 + 1), *range(n - (MOST_COLUMNS - 1) // 2, n)]


def _draw(axes: Axes, shape: Shape) -> None:
    shown = layers_shown(len(shape.sizes))
    for x, i in enumerate(shown):
        heights, cut = places(shape.sizes[i])
        if x and shown[x - 1] == i - 1:
            _connect(axes, x, i, shape.sizes)
        elif x:
            axes.plot(x - 0.5 + DOTS, [0.0] * 3, "o", markersize=2.2, color="black")
        axes.plot(
            np.full(heights.size, x),
            heights,
            "o",
            markersize=13,
            zorder=3,
            color=COLOURS[2] if i == 0 else COLOURS[0],
            markeredgecolor="black",
            markeredgewidth=0.6,
        )
        if cut:
            axes.plot([x] * 3, 2 * DOTS, "o", markersize=2.2, color="black")
        axes.text(x, 3.75, _heading(i, shape), ha="center", va="bottom", fontsize=9)
    axes.set_xlim(-0.55, len(shown) - 0.45)
    axes.set_ylim(-4.8, 5.1)
    axes.axis("off")


def _connect(axes: Axes, x: int, i: int, sizes: Sequence[int]) -> None:
    """The weights between the columns x - 1 and x, which are layers i - 1 and i."""
    (left, _), (right, _) = places(sizes[i - 1]), places(sizes[i])
    lines = [((x - 1, y), (x, z)) for z in right for y in left]
    axes.add_collection(LineCollection(lines, colors=POINTS, linewidths=LINE, alpha=0.45))
    # The weights of one neuron: its preactivation is the sum over all that comes in.
    picked = [((x - 1, y), (x, right[0])) for y in left]
    axes.add_collection(LineCollection(picked, colors=COLOURS[1], linewidths=3 * LINE))
    axes.text(
        x - 0.5,
        -4.1,
        rf"$W^{{({i})}}$: {sizes[i]} × {sizes[i - 1]}",
        ha="center",
        va="top",
        fontsize=9,
    )


def _heading(i: int, shape: Shape) -> str:
    last = len(shape.sizes) - 1
    many = "" if shape.sizes[i] == 1 else "s"
    if i == 0:
        return f"$x = z^{{(0)}}$\n{shape.sizes[0]} input{many}"
    if i == last:
        return f"$a^{{({i})}}$, $y$\n{shape.sizes[-1]} output{many}"
    # Several activations are compared on one shape; each network has one of them.
    h = shape.activations[0] if len(shape.activations) == 1 else "h"
    return f"$z^{{({i})}}$ = {h}($a^{{({i})}}$)\n{shape.sizes[i]} neuron{many}"

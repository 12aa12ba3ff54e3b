"""A small network as a drawing: boxes with numbers, and a number on each line between them.

Lengths are inches, so that boxes, gaps and letters keep their sizes whatever the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from mlcli.plotting import COLOURS, POINTS, new_figure

INK = "black"
BOX_WIDTH, LINE_HEIGHT = 1.12, 0.19
GAP, SPACING = 1.6, 0.3
MARGIN, HEADING = 0.15, 0.62
LETTERS = 10
# The lines of more weights than this have no numbers; the table has them.
MOST_NUMBERED = 18
Edges = Mapping[tuple[int, int, int], str]


def digits(value: float) -> str:
    """Three significant digits, with a minus sign that is one."""
    return f"{value + 0.0:.3g}".replace("-", "−")


class NetworkDrawing:
    """Columns of boxes with lines of text, and lines between them.

    Args:
        boxes: for each layer, for each unit the lines of text in its box.
        headings: one for each layer.
        footer: below the drawing.
    """

    def __init__(
        self, boxes: Sequence[Sequence[Sequence[str]]], headings: Sequence[str], footer: str
    ) -> None:
        self.boxes = boxes
        self.tallest = max(len(text) for column in boxes for text in column) * LINE_HEIGHT + 0.12
        self.pitch = self.tallest + SPACING
        most = max(map(len, boxes))
        width = len(boxes) * BOX_WIDTH + (len(boxes) - 1) * GAP + 2 * MARGIN
        height = most * self.pitch + HEADING + 0.45
        self.figure: Figure = new_figure(width, height)
        self.figure.set_layout_engine("none")
        self.axes: Axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self.axes.set_xlim(0.0, width)
        self.axes.set_ylim(0.0, height)
        self.axes.axis("off")
        self.middle = 0.45 + most * self.pitch / 2
        for layer, heading in enumerate(headings):
            for place, line in enumerate(heading.split("\n")):
                self.axes.text(
                    self.x(layer),
                    height - 0.1 - place * LINE_HEIGHT,
                    line,
                    ha="center",
                    va="top",
                    fontsize=LETTERS,
                )
        self.axes.text(width / 2, 0.12, footer, ha="center", va="bottom", fontsize=LETTERS)

    def x(self, layer: int) -> float:
        """The middle of a column, inputs first."""
        return MARGIN + BOX_WIDTH / 2 + layer * (BOX_WIDTH + GAP)

    def y(self, layer: int, unit: int) -> float:
        """The middle of a box, from 1 at the top."""
        return self.middle + ((len(self.boxes[layer]) - 1) / 2 - (unit - 1)) * self.pitch

    def draw_boxes(self, colours: Sequence[str]) -> None:
        """Every box with its text; the edge of a layer's boxes has its colour."""
        for layer, column in enumerate(self.boxes):
            for unit, text in enumerate(column, start=1):
                x, y = self.x(layer), self.y(layer, unit)
                height = len(text) * LINE_HEIGHT + 0.12
                self.axes.add_patch(
                    FancyBboxPatch(
                        (x - BOX_WIDTH / 2, y - height / 2),
                        BOX_WIDTH,
                        height,
                        boxstyle="round,pad=0,rounding_size=0.08",
                        facecolor="white",
                        edgecolor=colours[layer],
                        linewidth=1.6,
                        label=f"_neuron {layer} {unit}",
                        zorder=2,
                    )
                )
                for place, line in enumerate(text):
                    self.axes.text(
                        x,
                        y + ((len(text) - 1) / 2 - place) * LINE_HEIGHT,
                        line,
                        ha="center",
                        va="center",
                        fontsize=LETTERS,
                        zorder=3,
                    )

    def draw_lines(self, numbers: Edges, colour: str) -> None:
        """Every weight's line, with its number near the side that has fewer units.

        There the numbers of all lines are evenly apart.
        """
        for layer in range(1, len(self.boxes)):
            n_left, n_right = len(self.boxes[layer - 1]), len(self.boxes[layer])
            share = n_left / (n_left + 1) if n_left <= n_right else 1 / (n_right + 1)
            start, end = self.x(layer - 1) + BOX_WIDTH / 2, self.x(layer) - BOX_WIDTH / 2
            # A number stays clear of the boxes.
            share = float(np.clip(share, 0.2, 0.8))
            lines = []
            for j in range(1, n_left + 1):
                for k in range(1, n_right + 1):
                    low, high = self.y(layer - 1, j), self.y(layer, k)
                    lines.append([(start, low), (end, high)])
                    if n_left * n_right > MOST_NUMBERED:
                        continue
                    self.axes.text(
                        start + share * (end - start),
                        low + share * (high - low),
                        numbers[layer, k, j],
                        ha="center",
                        va="center",
                        fontsize=LETTERS - 1,
                        color=colour,
                        zorder=1.5,
                        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
                    )
            self.axes.add_collection(LineCollection(lines, colors=POINTS, linewidths=0.9, zorder=1))


def layer_colours(n_layers: int) -> list[str]:
    """Inputs, hidden layers, outputs."""
    return [COLOURS[2], *[COLOURS[0]] * (n_layers - 2), COLOURS[1]]

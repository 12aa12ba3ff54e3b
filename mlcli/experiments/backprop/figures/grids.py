"""Section 6.4 as grids of numbers: products of matrices, and one entry as its sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mlcli.experiments.backprop.figures.drawing import digits
from mlcli.plotting import COLOURS, POINTS, Table, new_figure, numbers

Array = NDArray[np.float64]
CELL_WIDTH, CELL_HEIGHT = 0.54, 0.25
SIGN, MARGIN, BETWEEN = 0.26, 0.2, 0.62
LETTERS = 9
# What stands between the grids of a line.
Part = tuple[str, str, Array] | str


def read_matrices(table: Table) -> dict[tuple[str, int], Array]:
    """Matrices by name and layer, in the layout of the notes: a column for each row of the data."""
    entries: dict[tuple[str, int], dict[tuple[int, int], float]] = {}
    values = numbers(table["value"])
    for name, layer, k, j, value in zip(
        table["matrix"], table["layer"], table["row"], table["column"], values, strict=True
    ):
        entries.setdefault((name, int(layer)), {})[int(k), int(j)] = float(value)
    found = {}
    for key, cells in entries.items():
        shape = max(row for row, _ in cells), max(column for _, column in cells)
        matrix = np.empty(shape)
        for (row, column), value in cells.items():
            matrix[row - 1, column - 1] = value
        found[key] = matrix
    return found


def equations(network: Mapping[str, Any], table: Table) -> list[tuple[str, list[Part]]]:
    """Each line of the figure: its equation, and its matrices with the signs between them.

    The first layer of weights and the last are shown, with the errors that go from one to other.
    """
    m = read_matrices(table)
    last = len(network["sizes"].split("-")) - 1

    def part(name: str, layer: int, symbol: str) -> Part:
        return name, symbol, m[name, layer]

    lines: list[tuple[str, list[Part]]] = [
        (
            "(6.19)",
            [
                part("a", 1, r"$\mathbf{a}^{(1)}$"),
                "=",
                part("W", 1, r"$\mathbf{W}^{(1)}$"),
                "·",
                part("z", 0, r"$\mathbf{z}^{(0)}$"),
                "+",
                part("b", 1, r"$\mathbf{b}^{(1)}$"),
            ],
        ),
        (
            "(6.40)",
            [
                part("delta", last, rf"$\boldsymbol{{\delta}}^{{({last})}}$"),
                "=",
                part("z", last, r"$\mathbf{y}$"),
                "−",
                part("t", last, r"$\mathbf{t}$"),
            ],
        ),
    ]
    if last > 1:
        product = r"$\mathbf{W}^{(2)T}\boldsymbol{\delta}^{(2)}$"
        lines.append(
            (
                "(6.40), (6.41)",
                [
                    part("delta", 1, r"$\boldsymbol{\delta}^{(1)}$"),
                    "=",
                    part("back", 1, product),
                    "*",
                    part("slope", 1, r"$h'[\mathbf{a}^{(1)}]$"),
                ],
            )
        )
    gradient = r"$\partial E/\partial\mathbf{W}^{(1)}$"
    lines.append(
        (
            "(6.39)",
            [
                part("dW", 1, gradient),
                f"= 1/{network['n_rows']}" if network["n_rows"] > 1 else "=",
                part("delta", 1, r"$\boldsymbol{\delta}^{(1)}$"),
                "·",
                ("z_T", r"$\mathbf{z}^{(0)T}$", m["z", 0].T),
            ],
        )
    )
    return lines


def matrices(network: Mapping[str, Any], table: Table) -> Figure:
    """Every line as grids, and the sum (6.38) of the coloured entry."""
    lines = equations(network, table)
    widths = [sum(_width(part) for part in parts) for _, parts in lines]
    heights = [
        max(len(part[2]) for part in parts if not isinstance(part, str)) for _, parts in lines
    ]
    sum_text = _sum(network, lines[-1][1])
    width = max(max(widths), 5.2) + 2 * MARGIN
    height = sum(heights) * CELL_HEIGHT + len(lines) * BETWEEN + 0.5
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0.0, width)
    axes.set_ylim(0.0, height)
    axes.axis("off")
    top = height - 0.1
    for (equation, parts), tallest in zip(lines, heights, strict=True):
        axes.text(width - MARGIN, top - 0.02, equation, ha="right", va="top", fontsize=LETTERS)
        x, middle = MARGIN, top - BETWEEN + 0.14 - tallest * CELL_HEIGHT / 2
        for part in parts:
            if isinstance(part, str):
                axes.text(
                    x + _width(part) / 2,
                    middle,
                    part,
                    ha="center",
                    va="center",
                    fontsize=LETTERS + 2,
                )
            else:
                _grid(axes, x, middle, part, coloured=parts is lines[-1][1])
            x += _width(part)
        top -= BETWEEN + tallest * CELL_HEIGHT
    axes.text(MARGIN, 0.12, sum_text, ha="left", va="bottom", fontsize=LETTERS, color=COLOURS[1])
    return figure


def _width(part: Part) -> float:
    if isinstance(part, str):
        return max(SIGN, 0.11 * len(part) + 0.12)
    return float(max(part[2].shape[1] * CELL_WIDTH, 0.9))


def _grid(axes: Axes, x: float, middle: float, part: Part, *, coloured: bool) -> None:
    """One matrix with its name above; of the last line the parts of one entry are coloured."""
    assert not isinstance(part, str)
    name, symbol, matrix = part
    n_rows, n_columns = matrix.shape
    left = x + (_width(part) - n_columns * CELL_WIDTH) / 2
    top = middle + n_rows * CELL_HEIGHT / 2
    axes.text(
        left + n_columns * CELL_WIDTH / 2,
        top + 0.06,
        symbol,
        ha="center",
        va="bottom",
        fontsize=LETTERS + 1,
    )
    for row in range(n_rows):
        for column in range(n_columns):
            picked = coloured and {
                "dW": row == 0 and column == 0,
                "delta": row == 0,
                "z_T": column == 0,
            }.get(name, False)
            corner = left + column * CELL_WIDTH, top - (row + 1) * CELL_HEIGHT
            axes.add_patch(
                Rectangle(
                    corner,
                    CELL_WIDTH,
                    CELL_HEIGHT,
                    fill=False,
                    label=f"_{name} {row + 1} {column + 1}",
                    edgecolor=COLOURS[1] if picked else POINTS,
                    linewidth=1.6 if picked else 0.6,
                    zorder=3 if picked else 2,
                )
            )
            axes.text(
                corner[0] + CELL_WIDTH / 2,
                corner[1] + CELL_HEIGHT / 2,
                digits(float(matrix[row, column])),
                ha="center",
                va="center",
                fontsize=LETTERS - 1,
                color=COLOURS[1] if picked else "black",
            )


def _sum(network: Mapping[str, Any], parts: Sequence[Part]) -> str:
    """(6.38) of the first weight, with numbers put in."""
    found = {part[0]: part[2] for part in parts if not isinstance(part, str)}
    terms = [
        f"{_signed(float(d))}·{_signed(float(z))}"
        for d, z in zip(found["delta"][0], found["z_T"][:, 0], strict=True)
    ]
    m = network["n_rows"]
    lines = [" + ".join(terms[i : i + 4]) for i in range(0, len(terms), 4)]
    inside = " +\n".join(lines)
    factor = f"1/{m} " if m > 1 else ""
    value = digits(float(found["dW"][0, 0]))
    return f"(6.38): $\\partial E/\\partial w_{{11}}^{{(1)}}$ = {factor}[{inside}] = {value}"


def _signed(value: float) -> str:
    text = digits(value)
    return f"({text})" if text.startswith("−") else text

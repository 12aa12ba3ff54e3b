"""What a reader of the report can move: a filter over a small image, (8.8) and (8.9)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.explore import Colour, Control, Explorable, Mark, Panel, State
from mlcli.experiments.filters.figures import matrix_of
from mlcli.plotting import Table, distinct, read_table, shortened

Array = NDArray[np.float64]
# Bytes of an explorable; fewer strides, and then fewer filters, where it would have more.
MOST_BYTES = 250_000


@dataclass(frozen=True)
class Scanned:
    """A filter at every place of an image.

    Attributes:
        name: of the filter.
        stride: s.
        kernel: (f_h, f_w).
        output: (o_h, o_w).
    """

    name: str
    stride: int
    kernel: Array
    output: Array


def explorables(folder: Path) -> list[Explorable]:
    """Every filter of the run at every place of the image in ``scans``, with its products."""
    path = folder / "tables" / "scans.csv"
    if not path.is_file():
        return []
    table = read_table(path)
    names = distinct(table["matrix"])
    filters = [name.removeprefix("filter ") for name in names if name.startswith("filter ")]
    if not filters:
        return []
    strides = sorted({int(name.rsplit(" ", 1)[1]) for name in names if name.startswith("output ")})
    fewer = [(filters, strides)]
    fewer += [(filters[:k], strides[:1]) for k in range(len(filters), 0, -1)]
    for some, at in fewer:
        found = _scan(table, names[0], some, at)
        if len(json.dumps(found.to_dict())) <= MOST_BYTES:
            return [found]
    return []


def _scan(table: Table, name: str, filters: list[str], strides: list[int]) -> Explorable:
    image = matrix_of(table, name)
    n_h, n_w = image.shape
    states: dict[tuple[int, ...], State] = {}
    every = [
        Scanned(
            one,
            stride,
            matrix_of(table, f"filter {one}"),
            matrix_of(table, f"output {one}, stride {stride}"),
        )
        for one in filters
        for stride in strides
    ]
    start = None
    for number, scanned in enumerate(every):
        key = (number // len(strides), number % len(strides))[: 1 + (len(strides) > 1)]
        for place, (i, j) in enumerate(np.ndindex(scanned.output.shape)):
            states[(*key, place)] = _state(image, scanned, i, j)
        if start is None or (scanned.name, scanned.stride) == ("vertical", 1):
            start = (*key, int(np.abs(scanned.output).argmax()))
    output = np.max([one.output.shape for one in every], axis=0)
    most = max(one.output.size for one in every)
    controls = [Control("filter", filters)]
    if len(strides) > 1:
        controls.append(Control("stride", [str(stride) for stride in strides]))
    return Explorable(
        name="scan",
        title="A filter scans an image",
        lead="Move the place of the filter, then choose another filter: where does it respond?",
        controls=[*controls, Control("place", [str(k + 1) for k in range(most)])],
        panels=[
            _panel(shortened(name.replace(r"\$", "$"), 36), image.shape, [_image(image)]),
            _panel("filter at this place", image.shape, [_frame(0, 0, n_h, n_w, whole=True)]),
            _panel("output so far", tuple(output)),
        ],
        states=states,
        start=start or (0, 0),
    )


def _panel(title: str, shape: tuple[int, ...], fixed: list[Mark] | None = None) -> Panel:
    """Axes of cells, with a margin for the frame around them."""
    n_h, n_w = (float(side) for side in shape)
    ends = (-0.1, n_w + 0.1), (-n_h - 0.1, 0.1)
    return Panel(title, "column", "row", *ends, fixed or [], bare=True, square=True)


def _image(image: Array) -> Mark:
    n_h, n_w = image.shape
    return Mark("cells", (0, n_w), (0, -n_h), values=image, texts=_texts(image))


def _state(image: Array, scanned: Scanned, i: int, j: int) -> State:
    """The filter at row i and column j of its output."""
    kernel, output = scanned.kernel, scanned.output
    (f_h, f_w), (o_h, o_w) = kernel.shape, output.shape
    top, left = i * scanned.stride, j * scanned.stride
    # What comes later is not there yet; the shades are the same at every place.
    done = output[: i + 1].copy()
    done[i, j + 1 :] = np.nan
    shares = np.round(0.5 + 0.5 * done / (np.abs(output).max() or 1.0), 2)
    x, y = (left, left + f_w), (-top, -top - f_h)
    frame = _frame(top, left, f_h, f_w)
    marks = [
        [frame],
        [Mark("cells", x, y, values=kernel, texts=_texts(kernel)), frame],
        [
            Mark("shades", (0, o_w), (0, -i - 1), values=shares, texts=_texts(done)),
            _frame(0, 0, o_h, o_w, whole=True),
            _frame(i, j, 1, 1),
        ],
    ]
    return State(marks, _says(image[top : top + f_h, left : left + f_w], scanned, i, j))


def _frame(top: int, left: int, height: int, width: int, whole: bool = False) -> Mark:
    """A closed line around cells; dashed around a whole matrix, of which some is missing."""
    x, y = np.array([0, 1, 1, 0, 0]), np.array([0, 0, 1, 1, 0])
    colour: Colour = "points" if whole else "ink"
    return Mark("line", left + width * x, -top - height * y, colour=colour, dashed=whole)


def _texts(matrix: Array) -> list[list[str]]:
    return [["" if np.isnan(value) else _text(value) for value in row] for row in matrix]


def _text(value: float) -> str:
    return f"{value + 0.0:.4g}"


def _says(local: Array, scanned: Scanned, i: int, j: int) -> str:
    """The products and their sum, and what the positive and the negative weights give."""
    kernel, output = scanned.kernel, scanned.output
    products = " + ".join(
        f"{_text(pixel)}*{_text(weight)}" if weight >= 0 else f"{_text(pixel)}*({_text(weight)})"
        for pixel, weight in zip(local.ravel(), kernel.ravel(), strict=True)
    )
    response = output[i, j]
    said = f"{scanned.name}, stride {scanned.stride}, place ({i + 1}, {j + 1}): "
    said += f"{products} = {_text(response)}, (8.9)."
    if (kernel > 0).any() and (kernel < 0).any():
        gains = (np.sum(local * kernel * (kernel * sign > 0)) for sign in (1, -1))
        said += " The positive weights give {}, the negative ones {}".format(*map(_text, gains))
        if local.size > 1 and np.ptp(local) == 0:
            said += f", as all pixels are {_text(local.flat[0])}"
        said += "."
    if output.size > 1 and abs(response) == np.abs(output).max() > 0:
        said += f" No other of the {output.size} responses is larger in size."
    return said

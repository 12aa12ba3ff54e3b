"""What a reader of the report can move: numbers of a run for each position of one or two controls.

An experiment makes an `Explorable` from the tables of its run. The page draws the state of the
present position and says its sentence; it computes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

# Digits that a screen can show.
DIGITS = 4
Kind = Literal["line", "points", "band", "bars", "text", "cells", "shades", "arrow"]
# A number is a series of the page's palette; these have a colour of their own.
Colour = int | Literal["ink", "truth", "points", "grid"]


@dataclass(frozen=True)
class Mark:
    """One thing that is drawn in a panel.

    Attributes:
        kind: ``line`` through points, ``points``, a ``band`` between y and high, ``bars`` from 0,
            ``text`` at points, ``arrow`` from the first point to the second, ``cells`` (a matrix of
            numbers, each written in its cell) or ``shades`` (a matrix of shares from 0 to 1, drawn
            from the colour of series 0 to that of series 1).
        x, y: of its points; of cells and shades, the ends of the first and of the second axis.
        high: the upper edge of a band.
        texts: of a text, one per point; of cells, one per row and column.
        values: the rows of cells and shades, the first at the lower end of y.
        colour: a series of the palette, or ``ink``, ``truth``, ``points``, ``grid``.
        label: its name in the legend; empty for none.
        dashed: whether a line is.
        thin: whether a line is, as contours are.
    """

    kind: Kind
    x: ArrayLike = ()
    y: ArrayLike = ()
    high: ArrayLike = ()
    texts: Sequence[str] | Sequence[Sequence[str]] = ()
    values: ArrayLike = ()
    colour: Colour = 0
    label: str = ""
    dashed: bool = False
    thin: bool = False


@dataclass(frozen=True)
class Panel:
    """A pair of axes.

    Attributes:
        title: above it.
        x, y: labels of the axes.
        x_range, y_range: their ends, the same in every state.
        fixed: what every state shows, below its own marks.
        over: what every state shows, above them.
        log_x, log_y: which axes are logarithmic.
        bare: without ticks and grid, for drawings.
        square: the same scale on both axes.
        x_ticks: places on the axis of x and what is written there, instead of numbers.
    """

    title: str
    x: str
    y: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    fixed: Sequence[Mark] = ()
    over: Sequence[Mark] = ()
    log_x: bool = False
    log_y: bool = False
    bare: bool = False
    square: bool = False
    x_ticks: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True)
class Control:
    """What a reader moves: its name, and what each of its positions is called."""

    label: str
    values: Sequence[str]


@dataclass(frozen=True)
class State:
    """What one position shows: the marks of each panel, and a sentence of their numbers.

    A mark that is the same object in several states is written to the page once.
    """

    marks: Sequence[Sequence[Mark]]
    says: str


@dataclass(frozen=True)
class Explorable:
    """A part of the report that can be moved.

    Attributes:
        name: its id within the section, as ``strength``.
        title: what it lets one see.
        lead: what to try, in a sentence.
        controls: one or two of them.
        panels: side by side.
        states: for each position of the controls; the last control may end earlier where the
            others stand elsewhere.
        start: the position at the beginning.
    """

    name: str
    title: str
    lead: str
    controls: Sequence[Control]
    panels: Sequence[Panel]
    states: Mapping[tuple[int, ...], State]
    start: tuple[int, ...] = field(default=(0,))

    def __post_init__(self) -> None:
        """Refuse an explorable that the page could not show.

        Raises:
            ValueError: a position has no state, or a state not a list of marks for each panel.
        """
        sizes = [len(control.values) for control in self.controls]
        ends = {key[:-1]: 0 for key in self.states}
        for key in self.states:
            ends[key[:-1]] = max(ends[key[:-1]], key[-1] + 1)
        whole = {(*others, last) for others, end in ends.items() for last in range(end)}
        every = set(ends) == set(np.ndindex(*sizes[:-1])) and max(ends.values()) == sizes[-1]
        if set(self.states) != whole or not every or self.start not in self.states:
            raise ValueError(f"{self.name} must have a state for each position of its controls")
        if any(len(state.marks) != len(self.panels) for state in self.states.values()):
            raise ValueError(f"{self.name} must have marks for each panel in each state")

    def to_dict(self) -> dict[str, Any]:
        """What the script of the page reads, with four digits of each number.

        In place of a mark that several states share is its index in ``shared``.
        """
        every = [mark for state in self.states.values() for marks in state.marks for mark in marks]
        uses = Counter(map(id, every))
        shared = {id(mark): mark for mark in every if uses[id(mark)] > 1}
        places = {key: place for place, key in enumerate(shared)}
        return {
            "shared": [_mark(mark) for mark in shared.values()],
            "controls": [{"label": one.label, "values": list(one.values)} for one in self.controls],
            "panels": [_panel(one) for one in self.panels],
            "states": {
                ",".join(map(str, key)): {
                    "marks": [
                        [places[id(one)] if id(one) in places else _mark(one) for one in marks]
                        for marks in state.marks
                    ],
                    "says": state.says,
                }
                for key, state in sorted(self.states.items())
            },
            "start": list(self.start),
        }


def span(*values: ArrayLike, margin: float = 0.05) -> tuple[float, float]:
    """Ends of a linear axis that hold all finite values, with a margin."""
    every = np.concatenate([np.ravel(np.asarray(one, dtype=float)) for one in values])
    every = every[np.isfinite(every)]
    if not every.size:
        return 0.0, 1.0
    low, high = float(every.min()), float(every.max())
    wide = (high - low) or max(abs(high), 1.0)
    return low - margin * wide, high + margin * wide


def log_span(*values: ArrayLike, margin: float = 0.05) -> tuple[float, float]:
    """The same of a logarithmic axis, from what is positive."""
    every = np.concatenate([np.ravel(np.asarray(one, dtype=float)) for one in values])
    every = every[np.isfinite(every) & (every > 0)]
    low, high = span(np.log10(every), margin=margin)
    return 10.0**low, 10.0**high


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "title": panel.title,
        "x": panel.x,
        "y": panel.y,
        "xr": [_digits(one) for one in panel.x_range],
        "yr": [_digits(one) for one in panel.y_range],
        "fixed": [_mark(mark) for mark in panel.fixed],
        "over": [_mark(mark) for mark in panel.over],
        **{key: True for key in ("log_x", "log_y", "bare", "square") if getattr(panel, key)},
        **({"xt": [[_digits(at), text] for at, text in panel.x_ticks]} if panel.x_ticks else {}),
    }


def _mark(mark: Mark) -> dict[str, Any]:
    found: dict[str, Any] = {"k": mark.kind, "c": mark.colour}
    for key, values in (("x", mark.x), ("y", mark.y), ("h", mark.high)):
        if len(listed := _listed(values)):
            found[key] = listed
    if len(rows := _listed(mark.values)):
        found["v"] = rows
    if mark.texts:
        found["t"] = [one if isinstance(one, str) else list(one) for one in mark.texts]
    if mark.label:
        found["l"] = mark.label
    if mark.dashed:
        found["d"] = True
    if mark.thin:
        found["n"] = True
    return found


def _listed(values: ArrayLike) -> list[Any]:
    every = np.asarray(values, dtype=float)
    if every.ndim == 2:
        return [_listed(row) for row in every]
    return [_digits(one) for one in every]


def _digits(value: float) -> float | int | None:
    """Four digits; whole numbers without a point; null for what is not finite."""
    if not np.isfinite(value):
        return None
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e6 else rounded

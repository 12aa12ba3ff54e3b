"""One cell of a table -> one number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import numpy as np

from mlcli.datasets.dataset import Array
from mlcli.errors import DataError

# What counts as an empty cell, in every text reader alike.
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null")
TRUTH_VALUES = {"true": 1.0, "false": 0.0}
SHOWN_CHARACTERS = 24


class NotANumber(Exception):
    """A cell of a numeric column holds something else.

    Attributes:
        row: 0-based position among the rows that were parsed.
        text: what it holds.
    """

    def __init__(self, row: int, text: str) -> None:
        super().__init__(text)
        self.row = row
        self.text = text


def number(cell: object) -> float:
    """The number in a cell: NaN where it is empty, 0 and 1 for booleans.

    Raises:
        ValueError: it holds text.
    """
    if cell is None:
        return float("nan")
    if not isinstance(cell, str):
        return float(cell)  # type: ignore[arg-type]
    text = cell.strip()
    if text in MISSING:
        return float("nan")
    # Python reads 1_000 as a number, and no other tool that writes tables does.
    if "_" in text:
        raise ValueError(text)
    value = TRUTH_VALUES.get(text.lower())
    return float(text) if value is None else value


def numbers(cells: Iterable[object], length: int) -> Array:
    """A column of cells as (length,) floats.

    Raises:
        NotANumber: at the first cell that holds text.
    """
    column = np.empty(length)
    for row, cell in enumerate(cells):
        try:
            column[row] = number(cell)
        except (ValueError, TypeError):
            raise NotANumber(row, str(cell)) from None
    return column


def refuse_text(path: object, column: str, place: str, text: str, *, asked: bool) -> NoReturn:
    """Refuse a column that holds text.

    Args:
        path: the file.
        column: its name.
        place: where the text is, e.g. "line 7".
        text: the text.
        asked: whether the column was asked for by name.
    """
    shown = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
    raise DataError(
        f"column '{column}' of {path}",
        must="a number in every row",
        got=f"{shown!r} in {place}",
        hint="correcting that row" if asked else "naming the numeric columns with --features",
    )

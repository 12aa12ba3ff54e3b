"""One cell of a table -> one number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn

import numpy as np

from mlcli.datasets.dataset import Array
from mlcli.errors import DataError
from mlcli.lists import in_shell

# What counts as an empty cell, in every text reader alike.
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null")
TRUTH_VALUES = {"true": 1.0, "false": 0.0}
SHOWN_CHARACTERS = 24
_DATE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\S.*)?\s*$")


def is_date(text: str) -> bool:
    """Whether a text has the shape of a date."""
    return _DATE.match(text) is not None


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


class TextColumn(DataError):
    """A column that should hold numbers holds something else.

    Args:
        column: its name.
        path: the file.
        must: what it must hold.
        got: what it holds, and where.
        hint: what to try.
        flag: that declares such a feature.
    """

    def __init__(
        self, column: str, path: object, must: str, got: str, hint: str, flag: str
    ) -> None:
        super().__init__(
            f"column '{column}' of {path}",
            must=must,
            got=got,
            hint=f"{hint}, or {flag} {in_shell(column)}" if flag else hint,
        )
        self.column, self.path = column, path
        self._said = (column, path, must, got, hint)

    def of_target(self) -> TextColumn:
        """The same without a flag, which is for features only."""
        return TextColumn(*self._said, "")


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
    flag = "--dates" if is_date(text) else "--categorical"
    hint = "correcting that row" if asked else "naming the numeric columns with --features"
    must, got = "a number in every row", f"{shown!r} in {place}"
    raise TextColumn(column, path, must, got, hint, flag)

"""Cells of a table -> numbers: numbers, truth values, categories, dates, names of classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from mlcli.datasets.dataset import Array
from mlcli.errors import DataError
from mlcli.lists import in_shell
from mlcli.preparation.columns import MISSING as MISSING_CATEGORY

# What counts as an empty cell, in every text reader alike.
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null")
TRUTH_VALUES = {"true": 1.0, "false": 0.0}
SHOWN_CHARACTERS = 24
_DATE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\S.*)?\s*$")
# Distinct texts without spaces at their ends -> a number each, NaN for a gap; it raises BadText.
Coder = Callable[[Sequence[str]], Array]
NAN = float("nan")
# The order of day and month in dates with slashes, by what a user writes behind the column.
ORDERS = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y"}
# Dates with points always have the day first.
DATE_FORMATS = ("ISO8601", "%d.%m.%Y", *ORDERS.values(), "%Y/%m/%d")
A_DATE = "a date in every row, as 2024-05-27, 27.5.2024, 27/5/2024 or 5/27/2024"
SECONDS_A_YEAR = 365.2425 * 86_400
LISTED = 8
# The value of a class that collects all others, and a number that no class has.
OTHERS, ANY_OTHER = None, -1.0


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


def refuse_text(path: object, column: str, place: str, text: str, *, requested: bool) -> NoReturn:
    """Refuse a column that holds text.

    Args:
        path: the file.
        column: its name.
        place: where the text is, e.g. "line 7".
        text: the text.
        requested: whether the user named the column.
    """
    shown = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
    flag = "--dates" if is_date(text) else "--categorical"
    hint = "correcting that row" if requested else "naming the numeric columns with --features"
    must, got = "a number in every row", f"{shown!r} in {place}"
    raise TextColumn(column, path, must, got, hint, flag)


class BadText(Exception):
    """A text that a coder has no number for.

    Attributes:
        place: which of the texts.
        must: what it must be.
        hint: what to try.
    """

    def __init__(self, place: int, must: str, hint: str | None = None) -> None:
        super().__init__(must)
        self.place, self.must, self.hint = place, must, hint


class Learner:
    """A coder for a new column: it numbers distinct texts in the order in which they first appear.

    Attributes:
        texts: the distinct texts, in the order of their numbers.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __call__(self, texts: Sequence[str]) -> Array:
        """See `Coder`."""
        numbers = self._numbers
        return np.array([float(numbers.setdefault(text, len(numbers))) for text in texts])

    @property
    def texts(self) -> list[str]:
        """The distinct texts, in the order of their numbers."""
        return list(self._numbers)


def coded(path: object, name: str, cells: Any, first: int, coder: Coder) -> Array:
    """A column of texts, (n,), by a coder; a gap is NaN.

    Args:
        path: the file, for messages.
        name: the column, for messages.
        cells: Arrow's array of strings.
        first: rows of the file before these.
        coder: of the column.

    Raises:
        DataError: the coder has no number for a text, naming its row.
    """
    encoded = cells.dictionary_encode()
    texts = [text.strip() for text in encoded.dictionary.to_pylist()]
    places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    known = [place for place, text in enumerate(texts) if text not in MISSING]
    values = np.full(len(texts) + 1, NAN)  # the last one is that of a gap
    try:
        values[known] = coder([texts[place] for place in known])
    except BadText as bad:
        place = known[bad.place]
        text = texts[place]
        shown = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
        row = first + int((places == place).argmax()) + 1
        raise DataError(
            f"column '{name}' of {path}",
            must=bad.must,
            got=f"{shown!r} in row {row}",
            hint=bad.hint,
        ) from None
    found: Array = values[places]
    return found


def category_coder(values: Sequence[str], unseen: str) -> Coder:
    """Categories by their place in `values`; others are refused, or NaN with ``average``."""
    numbers = {value: float(place) for place, value in enumerate(values)}

    def code(texts: Sequence[str]) -> Array:
        for place, text in enumerate(texts):
            if text not in numbers and unseen == "refuse":
                raise BadText(
                    place,
                    f"a category of the training rows, {listed(values)}",
                    "a run with --unseen average",
                )
        return np.array([numbers.get(text, NAN) for text in texts])

    return code


def gap_code(values: Sequence[str]) -> float:
    """The code of an empty cell: that of the category of missing values, or NaN without one."""
    return float(values.index(MISSING_CATEGORY)) if MISSING_CATEGORY in values else NAN


def class_coder(names: Sequence[str], values: Sequence[float | None]) -> Coder:
    """A target's value by the name of its class; a number is taken as it is.

    Where one class collects all other values, any other text belongs to it.
    """
    by_name: Mapping[str, float | None] = dict(zip(names, values, strict=True))

    def code(texts: Sequence[str]) -> Array:
        return np.array([one(place, text) for place, text in enumerate(texts)])

    def one(place: int, text: str) -> float:
        value = by_name.get(text)
        if value is not None:
            return value
        try:
            return number(text)
        except ValueError:
            pass
        if OTHERS in by_name.values():
            return ANY_OTHER
        raise BadText(place, f"a class of the model, {listed(names)}")

    return code


def is_word(text: str) -> bool:
    """Whether a cell holds neither a number nor a truth value."""
    try:
        number(text)
    except ValueError:
        return True
    return False


def listed(names: Sequence[str], most: int = LISTED) -> str:
    """The first names for a sentence, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def date_form(texts: Sequence[str], forms: Sequence[str] = DATE_FORMATS) -> tuple[str, int | None]:
    """The form in which dates are written, and the first of them that it doesn't read."""
    best, fewest, first = forms[0], len(texts) + 1, None
    for form in forms:
        bad = np.flatnonzero(np.isnan(years_of(texts, form)))
        if bad.size < fewest:
            best, fewest, first = form, bad.size, int(bad[0]) if bad.size else None
    return best, first


def two_readings(texts: Sequence[str]) -> tuple[str, str, str] | None:
    """The first date that is another one with the month first, if all dates can be read so.

    Returns:
        The text, and the day that it is in ISO 8601 with the day and with the month first; None
        where one of the texts has only one reading or none, or both readings are the same.
    """
    days = [_days(texts, form) for form in ORDERS.values()]
    if any(one.isna().any() for one in days):
        return None
    unlike = np.flatnonzero((days[0] != days[1]).to_numpy())
    if not unlike.size:
        return None
    place = int(unlike[0])
    day_first, month_first = (one.iloc[place].date().isoformat() for one in days)
    return texts[place], day_first, month_first


def years_of(texts: Sequence[str], form: str) -> Array:
    """Dates as fractional years of 365.2425 days since 1970; NaN where a text is not a date."""
    import pandas as pd

    if not len(texts):
        return np.empty(0)
    seconds = (_days(texts, form) - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return np.asarray(1970.0 + seconds / SECONDS_A_YEAR, dtype=np.float64)


def _days(texts: Sequence[str], form: str) -> Any:
    """Dates as a pandas series, NaT where a text is not a date of that form."""
    import pandas as pd

    series = pd.Series(list(texts), dtype=object)
    return pd.to_datetime(series, format=form, errors="coerce", utc=True)


def date_coder(form: str) -> Coder:
    """Dates that are written in one form."""

    def code(texts: Sequence[str]) -> Array:
        years = years_of(texts, form)
        bad = np.flatnonzero(np.isnan(years))
        if bad.size:
            written = "as 2024-05-27" if form == "ISO8601" else f"written as {form}"
            raise BadText(int(bad[0]), f"a date {written}, as in the training")
        return years

    return code

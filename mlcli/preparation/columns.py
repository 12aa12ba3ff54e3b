"""Columns of a table -> the columns that a model reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Kind = Literal["number", "category", "date"]
# What the empty cells of a column of categories are called.
MISSING = "missing"
YEARLY = ("sine", "cosine")


@dataclass(frozen=True)
class Column:
    """One column of a table, and what is made of it.

    Attributes:
        name: its heading.
        kind: what its cells are. Read, a number is itself, a date its year with a fraction, and a
            category its place in `values`; a gap is NaN, as is a category that has no place.
        values: the K categories, of which the first has no column of its own.
        form: how its dates are written, in pandas' words.
        yearly: whether the time of the year stands beside the date.
        indicator: whether a column of 0 and 1 says where gaps were.
    """

    name: str
    kind: Kind
    values: tuple[str, ...] = ()
    form: str = ""
    yearly: bool = False
    indicator: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What its columns are called, d of them."""
        if self.kind == "category":
            return tuple(f"{self.name}={value}" for value in self.values[1:])
        found = [self.name]
        if self.yearly:
            found += [f"{wave} of year of {self.name}" for wave in YEARLY]
        if self.indicator:
            found.append(f"{self.name}={MISSING}")
        return tuple(found)

    def expand(self, cells: Array) -> Array:
        """Its columns, (n, d), from its cells as they were read, (n,)."""
        gap = np.isnan(cells)
        if self.kind == "category":
            own: Array = (cells[:, None] == np.arange(1, len(self.values))).astype(np.float64)
            own[gap] = np.nan
            return own  # (n, K - 1)
        found = [cells]
        if self.yearly:
            angle = 2.0 * np.pi * (cells - np.floor(cells))
            found += [np.sin(angle), np.cos(angle)]
        if self.indicator:
            found.append(gap.astype(np.float64))
        return np.column_stack(found)

    def words(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.kind == "category":
            found["values"] = list(self.values)
        if self.kind == "date":
            found |= {"form": self.form, "yearly": self.yearly}
        return found | ({"indicator": True} if self.indicator else {})


@dataclass(frozen=True)
class Preparation:
    """What is made of the features of a table.

    Attributes:
        columns: the features, as the table has them.
        impute: what fills gaps in numbers and dates, mean, median or most-frequent; None: nothing.
        unseen: refuse, or average to give a category that training rows lack their average.
    """

    columns: tuple[Column, ...]
    impute: str | None = None
    unseen: str = "refuse"

    @property
    def names(self) -> tuple[str, ...]:
        """The D columns that a model reads."""
        return tuple(name for column in self.columns for name in column.names)

    @property
    def raw_names(self) -> tuple[str, ...]:
        """The columns of the table."""
        return tuple(column.name for column in self.columns)

    @property
    def places(self) -> list[slice]:
        """Where the columns of each column of the table are among the D."""
        ends = np.cumsum([0, *(len(column.names) for column in self.columns)]).tolist()
        return [slice(start, end) for start, end in pairwise(ends)]

    @property
    def related(self) -> tuple[list[range], list[tuple[int, int]]]:
        """The D columns that are categories of one column, and sine and cosine of one angle."""
        placed = list(zip(self.columns, self.places, strict=True))
        return (
            [range(at.start, at.stop) for one, at in placed if one.kind == "category"],
            [(at.start + 1, at.start + 2) for one, at in placed if one.yearly],
        )

    def expand(self, cells: Mapping[str, Array]) -> Array:
        """X (n, D), NaN where something is missing or unseen, from the cells as they were read."""
        return np.column_stack([one.expand(cells[one.name]) for one in self.columns])

    def words(self) -> dict[str, Any]:
        """For JSON; `from_words` is the way back."""
        return {
            "columns": [column.words() for column in self.columns],
            "impute": self.impute,
            "unseen": self.unseen,
        }


def from_words(words: Mapping[str, Any]) -> Preparation:
    """The way back from `Preparation.words`.

    Raises:
        KeyError, TypeError, ValueError: these are no such words.
    """
    columns = tuple(_column(one) for one in words["columns"])
    impute, unseen = words["impute"], str(words["unseen"])
    return Preparation(columns, None if impute is None else str(impute), unseen)


def _column(words: Mapping[str, Any]) -> Column:
    kind = words["kind"]
    if kind not in ("number", "category", "date"):
        raise ValueError(f"there is no kind of column called {kind}")
    values: Sequence[Any] = words["values"] if kind == "category" else ()
    return Column(
        str(words["name"]),
        kind,
        tuple(str(value) for value in values),
        str(words["form"]) if kind == "date" else "",
        bool(words.get("yearly", False)),
        bool(words.get("indicator", False)),
    )

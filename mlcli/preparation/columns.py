"""From the columns of a table to the inputs of a model: categories, dates, indicators of gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Kind = Literal["number", "category", "date"]
# The name of the category of empty cells.
MISSING = "missing"
YEARLY = ("sine", "cosine")


@dataclass(frozen=True)
class Column:
    """One column of a table, and how it becomes inputs.

    Attributes:
        name: its header.
        kind: of its cells. They are read as a number: a number as it is, a date as its year with a
            fraction, a category as its index in `values`; a gap or an unknown category is NaN.
        values: the K categories; the first is the reference and has no column.
        form: the format of its dates, as in pandas.
        yearly: whether sine and cosine of the time of the year are added.
        indicator: whether a column of 0 and 1 marks gaps.
    """

    name: str
    kind: Kind
    values: tuple[str, ...] = ()
    form: str = ""
    yearly: bool = False
    indicator: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its inputs, (d,)."""
        if self.kind == "category":
            return tuple(f"{self.name}={value}" for value in self.values[1:])
        found = [self.name]
        if self.yearly:
            found += [f"{wave} of year of {self.name}" for wave in YEARLY]
        if self.indicator:
            found.append(f"{self.name}={MISSING}")
        return tuple(found)

    def expand(self, cells: Array) -> Array:
        """Its inputs, (n, d), from its cells as they were read, (n,)."""
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

    def to_dict(self) -> dict[str, Any]:
        """For JSON; `preparation_from_dict` reads it."""
        found: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.kind == "category":
            found["values"] = list(self.values)
        if self.kind == "date":
            found |= {"form": self.form, "yearly": self.yearly}
        return found | ({"indicator": True} if self.indicator else {})


@dataclass(frozen=True)
class Preparation:
    """How the features of a table become the inputs of a model.

    Attributes:
        columns: the features of the table.
        impute: what fills gaps in numbers and dates: mean, median or most-frequent; None: nothing.
        unseen: what to do with a category that training rows lack: refuse, or average to replace it
            by their average.
    """

    columns: tuple[Column, ...]
    impute: str | None = None
    unseen: str = "refuse"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs, (D,)."""
        return tuple(name for column in self.columns for name in column.names)

    @property
    def raw_names(self) -> tuple[str, ...]:
        """Names of the columns of the table."""
        return tuple(column.name for column in self.columns)

    @property
    def places(self) -> list[slice]:
        """Which of the D inputs come from each column of the table."""
        ends = np.cumsum([0, *(len(column.names) for column in self.columns)]).tolist()
        return [slice(start, end) for start, end in pairwise(ends)]

    @property
    def related(self) -> tuple[list[range], list[tuple[int, int]]]:
        """Inputs that are categories of one column, and pairs of sine and cosine of one angle."""
        placed = list(zip(self.columns, self.places, strict=True))
        return (
            [range(at.start, at.stop) for one, at in placed if one.kind == "category"],
            [(at.start + 1, at.start + 2) for one, at in placed if one.yearly],
        )

    def expand(self, cells: Mapping[str, Array]) -> Array:
        """X (n, D) from the cells as they were read; NaN where a value is missing or unseen."""
        return np.column_stack([one.expand(cells[one.name]) for one in self.columns])

    def to_dict(self) -> dict[str, Any]:
        """For JSON; `preparation_from_dict` reads it."""
        return {
            "columns": [column.to_dict() for column in self.columns],
            "impute": self.impute,
            "unseen": self.unseen,
        }


def preparation_from_dict(metadata: Mapping[str, Any]) -> Preparation:
    """The inverse of `Preparation.to_dict`.

    Raises:
        KeyError, TypeError, ValueError: the dictionary is invalid.
    """
    columns = tuple(_column(one) for one in metadata["columns"])
    impute, unseen = metadata["impute"], str(metadata["unseen"])
    return Preparation(columns, None if impute is None else str(impute), unseen)


def _column(metadata: Mapping[str, Any]) -> Column:
    kind = metadata["kind"]
    if kind not in ("number", "category", "date"):
        raise ValueError(f"there is no kind of column called {kind}")
    values: Sequence[Any] = metadata["values"] if kind == "category" else ()
    return Column(
        str(metadata["name"]),
        kind,
        tuple(str(value) for value in values),
        str(metadata["form"]) if kind == "date" else "",
        bool(metadata.get("yearly", False)),
        bool(metadata.get("indicator", False)),
    )

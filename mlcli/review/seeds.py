"""The value of each seed behind a mean, found in the tables of a run.

A table with a column of seeds holds, right of it, one column a quantity and, left of it, what the
rows of one group have in common. A group belongs to a metric of the same name if its values have
the metric's mean, standard deviation and number: what is found is checked, never guessed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from mlcli.errors import DataError
from mlcli.report.files import DIGITS
from mlcli.review.metrics import is_measured, quantities
from mlcli.review.runs import Run

SEED_COLUMNS = ("seed", "seed_index")
# What the rounding of the tables and of the metrics adds up to, in a share of the largest value.
ROUNDING = 4 * 10.0 ** (1 - DIGITS)


@dataclass(frozen=True)
class _Group:
    """The rows of one group: its words, and seed -> value of each quantity."""

    words: tuple[str, ...]
    columns: Mapping[str, Mapping[int, float]]


def per_seed(run: Run) -> dict[str, dict[int, float]]:
    """Path of a metric -> seed -> value, for each metric whose values a table holds.

    Raises:
        DataError: a table can't be read.
    """
    groups = [group for path in sorted(run.folder.glob("*.csv")) for group in _groups(path)]
    found = {}
    for path, entry in quantities(run.metrics).items():
        if is_measured(entry):
            values = _values(path, entry, groups)
            if values is not None:
                found[path] = dict(values)
    return found


def _rows(path: Path) -> Iterator[list[str]]:
    """The rows of a table, the heading first.

    Raises:
        DataError: it is not UTF-8, or a row has more cells or fewer than the heading.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            heading = next(reader, [])
            yield heading
            for row in reader:
                if row and len(row) != len(heading):
                    raise DataError(
                        f"{path}, line {reader.line_num}",
                        must=f"{len(heading)} cells, as the heading has",
                        got=str(len(row)),
                        hint="the run again",
                    )
                if row:
                    yield row
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no table in UTF-8 ({error})", hint="the run again") from None
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror})") from None


def _groups(path: Path) -> Iterator[_Group]:
    rows = _rows(path)
    heading = next(rows)
    place = next((heading.index(name) for name in SEED_COLUMNS if name in heading), None)
    if place is None:
        return
    grouped: dict[tuple[str, ...], list[list[str]]] = {}
    for row in rows:
        grouped.setdefault(tuple(row[:place]), []).append(row)
    for words, listed in grouped.items():
        if not all(row[place].isdecimal() for row in listed):
            continue
        columns = {
            name: {int(row[place]): _number(row[column]) for row in listed}
            for column, name in enumerate(heading)
            if column > place
        }
        if all(len(values) == len(listed) for values in columns.values()):
            yield _Group(words, columns)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _values(
    path: str, entry: Mapping[str, Any], groups: list[_Group]
) -> Mapping[int, float] | None:
    name = path.rpartition(".")[2]
    matching = [
        group for group in groups if name in group.columns and _matches(group.columns[name], entry)
    ]
    if not all(_alike(matching[0].columns[name], group.columns[name]) for group in matching):
        # Other values with the same mean: only a group that the path names will do.
        named = [group for group in matching if all(word in path for word in group.words[:1])]
        matching = named if len(named) == 1 else []
    return matching[0].columns[name] if matching else None


def _alike(a: Mapping[int, float], b: Mapping[int, float]) -> bool:
    """Whether two groups are the same but for rounding."""
    return a.keys() == b.keys() and all(
        abs(a[seed] - b[seed]) <= ROUNDING * max(abs(a[seed]), abs(b[seed])) for seed in a
    )


def _matches(values: Mapping[int, float], entry: Mapping[str, Any]) -> bool:
    listed = list(values.values())
    if len(listed) != entry["n"] or not all(isfinite(value) for value in listed):
        return False
    size = max(abs(value) for value in listed)
    if not abs(fmean(listed) - entry["mean"]) <= ROUNDING * size:
        return False
    return len(listed) == 1 or abs(stdev(listed) - entry["std"]) <= ROUNDING * size

"""One column of a table -> its type, missing values, range, outliers, frequent values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from mlcli.datasets.cells import two_readings
from mlcli.datasets.dataset import Array
from mlcli.datasets.declared import MOST_CATEGORIES
from mlcli.datasets.describe_read import Column

# Iglewicz and Hoaglin's limit on the robust z, 0.6745 |x - median| / MAD.
OUTLIER_Z = 3.5
NORMAL_QUARTILE = 0.6745
MOST_BINS = 24
SHOWN_VALUES = 8
SHOWN_CHARACTERS = 40
READINGS = ("text", "day_first", "month_first")


def short(text: str) -> str:
    """A text that fits in a table, on one line."""
    line = " ".join(text[: 2 * SHOWN_CHARACTERS].split())
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 3] + "..."


def describe_column(column: Column) -> dict[str, Any]:
    """What one column holds, in JSON's types; counts are those of the sampled rows."""
    counts = np.bincount(column.codes[~column.missing], minlength=len(column.values))
    constant = len(column.values) == 1
    found: dict[str, Any] = {
        "name": column.name,
        "type": "constant" if constant else column.kind,
        "n_missing": int(column.missing.sum()),
        "n_distinct": len(column.values),
    }
    if column.kind == "empty":
        return found
    order = np.argsort(-counts, kind="stable")[:SHOWN_VALUES]
    found["most_frequent"] = [
        {"value": short(column.values[place]), "n": int(counts[place])} for place in order
    ]
    if column.kind == "date":
        assert column.numbers is not None
        found |= _range_of_dates(column.numbers)
        if (readings := two_readings(column.values)) is not None:
            found["readings"] = dict(zip(READINGS, readings, strict=True))
    elif column.numbers is not None:
        found |= _range(column.numbers)
    return found


def flags_of(column: Column) -> list[str]:
    """The flags that make numbers of a feature, or fill its gaps; none where none is needed."""
    if len(column.values) < 2:
        return []
    if column.kind == "text":
        same = len(column.values) <= min(MOST_CATEGORIES, column.codes.size // 2)
        return ["--categorical"] if same else []
    flags = ["--dates"] if column.kind == "date" else []
    return [*flags, "--impute"] if column.missing.any() else flags


def _range_of_dates(seconds: Array) -> dict[str, Any]:
    low, median, high = (
        datetime.fromtimestamp(float(value), UTC).isoformat(sep=" ").removesuffix("+00:00")
        for value in (np.nanmin(seconds), np.nanmedian(seconds), np.nanmax(seconds))
    )
    return {"min": _day(low), "median": _day(median), "max": _day(high)}


def _day(text: str) -> str:
    return text.removesuffix(" 00:00:00")


def _range(numbers: Array) -> dict[str, Any]:
    finite = numbers[np.isfinite(numbers)]
    infinite = {"n_infinite": int(np.isinf(numbers).sum())}
    if not finite.size:
        return infinite
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(finite.mean())
        std = float(finite.std(ddof=1)) if finite.size > 1 else None
        median = float(np.median(finite))
    return infinite | {
        "min": float(finite.min()),
        "median": median,
        "max": float(finite.max()),
        "mean": mean,
        "std": std,
        "n_outliers": n_outliers(finite),
        "histogram": histogram(finite),
    }


def n_outliers(x: Array) -> int | None:
    """How many values have a robust z beyond `OUTLIER_Z`; None where half of all are equal."""
    with np.errstate(over="ignore", invalid="ignore"):
        distance = np.abs(x - np.median(x))
        mad = float(np.median(distance))
        if mad == 0 or not np.isfinite(mad):
            return None
        return int((NORMAL_QUARTILE * distance > OUTLIER_Z * mad).sum())


def histogram(x: Array) -> dict[str, list[float]] | None:
    """Counts in even bins, at most `MOST_BINS`; of whole numbers each its own where few."""
    low, high = float(x.min()), float(x.max())
    if not np.isfinite(high - low) or high <= low:
        return None
    few = bool((x == np.round(x)).all()) and high - low < MOST_BINS
    edges: Any = np.arange(low - 0.5, high + 1) if few else min(MOST_BINS, 5 + int(x.size**0.5))
    try:
        counts, edges = np.histogram(x, edges)
    except ValueError:  # the range is too narrow to be cut into bins
        return None
    return {"edges": edges.tolist(), "counts": counts.tolist()}

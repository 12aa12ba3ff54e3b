"""Columns of a table -> what each holds, which are related, and which reveal the target."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from mlcli.datasets.cells import two_readings
from mlcli.datasets.columns import MOST_CATEGORIES
from mlcli.datasets.dataset import ROWS_A_CLASS, Array
from mlcli.datasets.describe_sample import SampledColumn

# Iglewicz and Hoaglin's limit on the robust z, 0.6745 |x - median| / MAD.
OUTLIER_Z = 3.5
NORMAL_QUARTILE = 0.6745
MOST_BINS = 24
SHOWN_VALUES = 8
SHOWN_CHARACTERS = 40
READINGS = ("text", "day_first", "month_first")
# Beyond this, a feature is taken for the target in other units.
LEAK_CORRELATION = 0.999
# Beyond this, one feature is another in other units, but for rounding.
SAME_UNITS = 1 - 1e-9
# Of a table wider than this, the first so many numeric columns are correlated.
MOST_CORRELATED = 1000
FEWEST_ROWS = 3


def short(text: str) -> str:
    """A text that fits in a table, on one line."""
    line = " ".join(text[: 2 * SHOWN_CHARACTERS].split())
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 3] + "..."


def describe_column(column: SampledColumn) -> dict[str, Any]:
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


def flags_of(column: SampledColumn) -> list[str]:
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


def duplicates(columns: Sequence[SampledColumn]) -> list[list[str]]:
    """Groups of columns that hold the same values in every row, constant ones left out."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for column in columns:
        if len(column.values) > 1:
            # Equal numbers have equal codes and values; so have equal texts.
            key = (column.kind, column.codes.tobytes(), *_identity(column))
            groups.setdefault(key, []).append(column.name)
    return [names for names in groups.values() if len(names) > 1]


def _identity(column: SampledColumn) -> tuple[Any, ...]:
    if column.numbers is None:
        return tuple(column.values)
    # 0.0 + x has no negative zero.
    return ((0.0 + np.nan_to_num(column.numbers, posinf=np.inf, neginf=-np.inf)).tobytes(),)


def n_duplicate_rows(columns: Sequence[SampledColumn]) -> int:
    """How many rows equal an earlier one, missing cells taken as equal."""
    import pandas as pd

    return int(
        pd.DataFrame({i: column.codes for i, column in enumerate(columns)}).duplicated().sum()
    )


def correlations(columns: Sequence[SampledColumn]) -> Array:
    """Pearson's r of each pair over the rows where both are finite, (D, D); else NaN."""
    X = np.column_stack([np.asarray(column.numbers) for column in columns])  # (N, D)
    known = np.isfinite(X)
    with np.errstate(all="ignore"):
        # Units of about 1, so that nothing overflows or cancels in the sums of squares.
        low = np.where(known, X, np.inf).min(axis=0)
        high = np.where(known, X, -np.inf).max(axis=0)
        Z = np.where(known, (X / 2 - (low / 4 + high / 4)) / (high / 2 - low / 2), 0.0)
        Z = np.where(np.isfinite(Z), Z, 0.0)
        M = known.astype(np.float64)
        n = M.T @ M
        s = Z.T @ M  # (D, D): sums of column i where j is known
        ss = (Z**2).T @ M - s**2 / n
        r = (Z.T @ Z - s * s.T / n) / np.sqrt(ss * ss.T)
        flat = ss <= 1e-24 * n
        r[(n < FEWEST_ROWS) | flat | flat.T] = np.nan
    clipped: Array = np.clip(r, -1.0, 1.0)
    return clipped


def correlation_ratio(feature: SampledColumn, target: SampledColumn) -> float:
    """eta: the square root of the share of a feature's variance that lies between the classes."""
    assert feature.numbers is not None
    used = np.isfinite(feature.numbers) & ~target.missing
    x, codes = feature.numbers[used], target.codes[used]
    if x.size < FEWEST_ROWS:
        return float("nan")
    with np.errstate(all="ignore"):
        x = x - x.mean()
        n = np.bincount(codes)
        between = np.bincount(codes, x) ** 2 / np.maximum(n, 1)
        eta = np.sqrt(np.minimum(1.0, between.sum() / (x**2).sum()))
    return float(eta)


def leak(feature: SampledColumn, target: SampledColumn, *, classes: bool) -> str | None:
    """How a feature reveals the target, as part of a sentence; None if it does not.

    Args:
        feature, target: two columns of the same rows.
        classes: whether the target's values are classes.
    """
    if len(feature.values) < 2 or len(target.values) < 2:
        return None
    if feature.kind == target.kind and duplicates([feature, target]):
        return "equals the target in every row"
    both = ~feature.missing & ~target.missing
    if both.sum() < 2 * ROWS_A_CLASS:
        return None
    numeric = feature.numbers is not None and target.numeric and target.numbers is not None
    if numeric and (not classes or len(target.values) == 2) and (words := _same(feature, target)):
        return words
    if classes and (words := _tells_classes(feature, target, both)):
        return words
    return None


def _same(feature: SampledColumn, target: SampledColumn) -> str | None:
    """Whether a feature is the target in other units, or a monotone function of it."""
    from scipy.stats import rankdata

    r = float(correlations([feature, target])[0, 1])
    if abs(r) > LEAK_CORRELATION:
        return f"is the target in other units: correlation {r:.6f}"
    x, t = np.asarray(feature.numbers), np.asarray(target.numbers)
    used = np.isfinite(x) & np.isfinite(t)
    ranks = [rankdata(values[used]) for values in (x, t)]
    if used.sum() < FEWEST_ROWS or min(float(np.std(rank)) for rank in ranks) == 0:
        return None
    rho = float(np.corrcoef(*ranks)[0, 1])
    if abs(rho) > LEAK_CORRELATION:
        return f"rises and falls with the target: rank correlation {rho:.6f}"
    return None


def _tells_classes(feature: SampledColumn, target: SampledColumn, both: Any) -> str | None:
    """Whether each value, or each range of values, of a feature belongs to one class."""
    x, t = feature.codes[both], target.codes[both]
    n_classes = np.unique(t).size
    if n_classes < 2:
        return None
    n_values = np.unique(x).size
    pairs = np.unique(x * len(target.values) + t).size
    # Values that are hardly ever repeated would determine any class.
    if pairs == n_values and both.sum() >= ROWS_A_CLASS * n_values:
        return "tells the class: each of its values goes with one class"
    if feature.numbers is None or np.bincount(t)[np.unique(t)].min() < ROWS_A_CLASS:
        return None
    values = feature.numbers[both]
    order = np.lexsort((values, t))
    values, t = values[order], t[order]
    first = np.flatnonzero(np.r_[True, t[1:] != t[:-1]])
    last = np.r_[first[1:] - 1, t.size - 1]
    rank = np.argsort(values[first], kind="stable")
    if bool((values[last][rank][:-1] < values[first][rank][1:]).all()):
        return "tells the class: its ranges in the classes do not overlap"
    return None

"""Whether every interval of a run lies in the range of its quantity, and has its mean in it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlcli.experiments.summary import range_of
from mlcli.json_file import read_json
from mlcli.linear.statistics import SHARE, Range

Found = tuple[str, float, float, float]


def in_metrics(tree: Mapping[str, Any], path: str = "") -> Iterator[Found]:
    """Path, mean and ends of every interval of a tree of metrics."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            at = f"{path}.{key}" if path else key
            if value.get("ci_low") is not None:
                means = (value[name] for name in ("mean", "estimate", "coverage") if name in value)
                yield at, next(means), value["ci_low"], value["ci_high"]
            yield from in_metrics(value, at)


# The column of the mean beside plain `ci_low` and `ci_high`.
MEANS = ("mean", "estimate", "coverage", "measured", "distance", "observed", "rows")


def in_table(path: Path) -> Iterator[Found]:
    """The same of a table, with the name of the column for the path."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for low in [name for name in (rows[0] if rows else {}) if name.endswith("ci_low")]:
        stem = low.removesuffix("ci_low").removesuffix("_")
        means = (stem, f"{stem}_mse", f"mean_{stem}") if stem else MEANS
        # Table 1 of the notes has medians beside the interval of the mean.
        name = next((name for name in means if name in rows[0]), low)
        quantity = name if name == f"{stem}_mse" or not stem else stem
        for row in rows:
            if row[low]:
                high = row[low.removesuffix("low") + "high"]
                yield f"{path.stem}.{quantity}", float(row[name]), float(row[low]), float(high)


def declared(path: str, *, classes: bool) -> Range:
    """The range of what a path of these runs names."""
    table, _, name = path.rpartition(".")
    if classes and (" - " in path or path == "tests.mean" or name.startswith("difference")):
        return SHARE.of_difference
    if table in ("intervals", "coverage.naive", "coverage.corrected", "coverage.nested") or (
        name in ("estimate", "own_error", "expected_error")
    ):
        coverage = "coverage" in table
        return range_of("coverage" if coverage else "error_rate" if classes else "mse")
    if name == "mean":
        return range_of(
            {"calibration": "coverage", "scores": "accuracy", "table_1": "mse"}.get(
                table, "difference"
            )
        )
    if name == "difference":
        return Range()
    if classes and name in ("cv", "train", "loo", "expected", "selection_error", "score"):
        return SHARE
    return range_of(path)


def check(found: Found, *, classes: bool) -> None:
    path, mean, low, high = found
    range_ = declared(path, classes=classes)
    # Ten digits are written.
    slack = 1e-9 * max(abs(mean), abs(low), abs(high))
    assert range_.least <= low, found
    assert high <= range_.most, found
    assert low - slack <= mean <= high + slack, found


def check_intervals(folder: Path, *, classes: bool) -> None:
    """Check the metrics and the tables of a run, which predicted classes or numbers."""
    found = list(in_metrics(read_json(folder / "details.json")))
    for path in folder.glob("tables/*.csv"):
        found += in_table(path)
    assert found
    for one in found:
        check(one, classes=classes)

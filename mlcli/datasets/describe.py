"""A table or images -> what they hold, and what would spoil an experiment with them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets import labelled_images, read_npz, read_table
from mlcli.datasets.cells import ORDERS
from mlcli.datasets.columns import target_named
from mlcli.datasets.dataset import Task, few_enough, task_by_values
from mlcli.datasets.describe_columns import (
    MOST_CORRELATED,
    SAME_UNITS,
    correlation_ratio,
    correlations,
    describe_column,
    duplicates,
    flags_of,
    leak,
    n_duplicate_rows,
    short,
)
from mlcli.datasets.describe_sample import SampledColumn, read_sample
from mlcli.datasets.files import check_file
from mlcli.datasets.read_table import holds_parts
from mlcli.datasets.source import open_source
from mlcli.errors import DataError
from mlcli.lists import in_shell

LISTED_PAIRS = 10
# A class with fewer rows than this, or than a tenth of an even share, is rare.
RARE_ROWS = 10
RARE_SHARE = 0.1


def holds_images(path: Path) -> bool:
    """Whether a path is a folder of images, or an NPZ file of images.

    Raises:
        DataError: it can't be read.
    """
    if path.is_dir():
        return not holds_parts(path)
    check_file(path)
    return path.suffix.lower() == ".npz" and labelled_images.holds_images(
        read_npz.read_headers(path)
    )


def describe_table(
    path: Path, target: str | None = None, seed: int = 0, task: Task | None = None
) -> dict[str, Any]:
    """What a CSV, TSV, Parquet or NPZ table holds, in JSON's types.

    The whole file is read once, in blocks, and described by a sample of its rows if it has more
    than `describe_sample.SAMPLE_ROWS`; an NPZ file is in memory as a whole.

    Args:
        path: the file, or a folder of parts.
        target: the column to predict; left out, ``t``, ``y`` or ``target`` if there is one.
        seed: of the sample.
        task: what the target is; left out, judged by its values.

    Raises:
        DataError: it is not a table, has no such column, or its values do not fit that task.
    """
    if not path.is_dir():
        check_file(path)
    target = target_named(path, read_table.column_names(path), target)
    columns, n_rows = read_sample(path, seed)
    n_sampled = columns[0].codes.size
    found: dict[str, Any] = {
        "file": path.name,
        "n_rows": n_rows,
        "n_sampled": n_sampled,
        "n_duplicate_rows": n_duplicate_rows(columns),
        "duplicate_columns": duplicates(columns),
        "columns": [describe_column(column) for column in columns],
        "correlations": _pairs([c for c in columns if c.name != target]),
        "target": None,
    }
    if target is not None:
        one = next(column for column in columns if column.name == target)
        found["target"] = _describe_target(one, [c for c in columns if c is not one], task)
    for column, said in zip(columns, found["columns"], strict=True):
        said["declare"] = [] if column.name == target else flags_of(column)
    found["warnings"] = _warnings(found, columns)
    return found


def _pairs(columns: Sequence[SampledColumn]) -> dict[str, Any]:
    """The largest correlations among features, and how many columns were correlated."""
    used = [c for c in columns if c.numeric and len(c.values) > 1][:MOST_CORRELATED]
    if len(used) < 2:
        return {"n_columns": len(used), "largest": [], "names": [], "matrix": []}
    r = correlations(used)
    i, j = np.triu_indices(len(used), 1)
    sizes = np.nan_to_num(np.abs(r[i, j]), nan=-1.0)
    order = np.argsort(-sizes, kind="stable")[:LISTED_PAIRS]
    largest = [
        {"a": used[i[k]].name, "b": used[j[k]].name, "r": float(r[i[k], j[k]])}
        for k in order
        if sizes[k] >= 0
    ]
    small = [c.name for c in used[:LISTED_PAIRS]]
    matrix = [[_or_none(v) for v in row[: len(small)]] for row in r[: len(small)].tolist()]
    return {"n_columns": len(used), "largest": largest, "names": small, "matrix": matrix}


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _task_of(target: SampledColumn, asked: Task | None) -> Task | None:
    """The task of a target: the requested one, or by its values; None if neither fits.

    Raises:
        DataError: its values do not fit the requested task.
    """
    n_known = int((~target.missing).sum())
    enough = len(target.values) > 1 and few_enough(len(target.values), n_known)
    if asked == "classification" and not enough:
        got = f"classification of {len(target.values)} values in {n_known} rows"
        raise DataError(f"--task for target '{target.name}'", must="regression", got=got)
    if asked == "regression" and not target.numeric:
        got = f"regression of a column of type {target.kind}"
        raise DataError(f"--task for target '{target.name}'", must="classification", got=got)
    if target.numeric and target.numbers is not None:
        finite = target.numbers[np.isfinite(target.numbers)]
        return asked or (task_by_values(finite) if finite.size else None)
    return "classification" if target.kind == "text" and enough else None


def _describe_target(
    target: SampledColumn, features: Sequence[SampledColumn], asked: Task | None
) -> dict[str, Any]:
    known, task = ~target.missing, _task_of(target, asked)
    found: dict[str, Any] = {"name": target.name, "task": task, "classes": []}
    classes = task == "classification"
    if classes:
        counts = np.bincount(target.codes[known], minlength=len(target.values))
        found["classes"] = balance(target.values, counts)
    if task is not None:
        found["correlations"] = _with_target(target, features, classes=classes)
        leaks = [(one.name, leak(one, target, classes=classes)) for one in features]
        found["leaks"] = [{"name": name, "how": how} for name, how in leaks if how is not None]
    return found


def balance(values: Sequence[str], counts: NDArray[np.int64]) -> list[dict[str, Any]]:
    """How many rows each class has, and which are rare."""
    n_rows = int(counts.sum())
    rare = max(RARE_ROWS, RARE_SHARE * n_rows / len(counts))
    return [
        {"value": short(value), "n": int(n), "share": float(n / n_rows), "rare": bool(n < rare)}
        for value, n in zip(values, counts, strict=True)
    ]


def _with_target(
    target: SampledColumn, features: Sequence[SampledColumn], *, classes: bool
) -> list[dict[str, Any]]:
    """The features that go most with the target: by r, or by eta where the target is classes."""
    used = [c for c in features if c.numeric and len(c.values) > 1]
    if classes:
        sizes = [correlation_ratio(one, target) for one in used]
    else:
        sizes = [float(correlations([one, target])[0, 1]) for one in used]
    order = sorted(
        (k for k, size in enumerate(sizes) if np.isfinite(size)), key=lambda k: -abs(sizes[k])
    )
    return [{"name": used[k].name, "r": sizes[k]} for k in order[:LISTED_PAIRS]]


def _warnings(found: dict[str, Any], columns: Sequence[SampledColumn]) -> list[str]:
    """One sentence for each thing that would spoil an experiment."""
    lines = []
    target = found["target"] or {}
    for leaked in target.get("leaks", ()):
        lines.append(f"leakage: '{leaked['name']}' {leaked['how']}")
    for names in found["duplicate_columns"]:
        lines.append(f"duplicate columns: {_quoted(names)}")
    copies = [set(names) for names in found["duplicate_columns"]]
    for pair in found["correlations"]["largest"]:
        a, b = pair["a"], pair["b"]
        if abs(pair["r"]) > SAME_UNITS and not any({a, b} <= names for names in copies):
            lines.append(f"'{b}' is '{a}' in other units: correlation {pair['r']:.6f}")
    for column, said in zip(columns, found["columns"], strict=True):
        lines += [f"'{column.name}' {words}" for words in _faults(column, said)]
    if found["n_duplicate_rows"]:
        lines.append(
            f"{found['n_duplicate_rows']} of {found['n_sampled']} rows equal an earlier one"
        )
    rare = [one for one in target.get("classes", ()) if one["rare"]]
    if rare:
        listed = [f"{one['value']} ({one['n']} rows)" for one in rare[:LISTED_PAIRS]]
        lines.append(f"rare classes: {', '.join(listed)}")
    if target and target["task"] is None:
        lines.append(f"'{target['name']}' is neither a number nor one of few classes")
    return lines


def _faults(column: SampledColumn, said: dict[str, Any]) -> list[str]:
    lines = []
    if column.kind == "empty":
        lines.append("has no values")
    elif said["type"] == "constant":
        lines.append(f"is constant: {said['most_frequent'][0]['value']}")
    if column.strange is not None:
        lines.append(f"is mostly numbers, but also holds {short(column.strange)!r}")
    if "readings" in said:
        one = said["readings"]
        lines.append(
            f"has dates with two readings: {one['text']!r} is {one['day_first']} with the day "
            f"first, as shown here, or {one['month_first']} with the month first; --dates "
            f"{' or '.join(in_shell(f'{column.name}:{order}') for order in ORDERS)} says which"
        )
    if said.get("n_infinite"):
        lines.append(f"holds {said['n_infinite']} infinite values")
    n = column.codes.size
    unlike = len(column.values) == n >= RARE_ROWS
    if unlike and column.kind == "text":
        lines.append("has another text in every row, as a name or an identifier has")
    if unlike and column.kind == "whole number" and _counts_rows(column):
        lines.append("counts the rows")
    return lines


def _counts_rows(column: SampledColumn) -> bool:
    steps = np.diff(np.asarray(column.numbers))
    return bool((steps == 1).all())


def _quoted(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED_PAIRS} more" if len(names) > LISTED_PAIRS else ""
    return ", ".join(f"'{name}'" for name in names[:LISTED_PAIRS]) + more


def describe_images(
    path: str, target: str | None = None, resize: tuple[int, int] | None = None
) -> dict[str, Any]:
    """What a folder of images by class, or an NPZ file of images, holds, in JSON's types.

    All images are in memory at once, as in training.

    Args:
        path: the folder or the file.
        target: the array of the labels in an NPZ file.
        resize: (h, w) that the images of a folder are brought to.

    Raises:
        DataError: it holds no images, or they are of several sizes.
    """
    source = open_source(path, target=target, resize=resize)
    data = source.replicate(0, 0)
    labels, codes = np.unique(data.t, return_inverse=True)
    names = source.class_names or tuple(f"{label:g}" for label in labels)
    if source.class_names is not None:
        codes = data.t.astype(np.int64)
    classes = balance(names, np.bincount(codes, minlength=len(names)))
    warnings = [f"rare class: {one['value']} ({one['n']} images)" for one in classes if one["rare"]]
    n_different = len({hashlib.sha256(image.tobytes()).digest() for image in data.X})
    if n_different < len(data.t):
        again = len(data.t) - n_different
        warnings.append(f"{again} of {len(data.t)} images equal an earlier one")
    return {
        "file": source.name,
        "n_rows": len(data.t),
        "image_shape": list(source.image_shape or ()),
        "min": float(data.X.min()),
        "mean": float(data.X.mean()),
        "max": float(data.X.max()),
        "classes": classes,
        "warnings": warnings,
    }

"""The readers of table files behind one front: names, batches, and whole tables in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.datasets import parts as table_parts
from mlcli.datasets import read_npz, read_parquet, read_text
from mlcli.datasets.cells import TextColumn
from mlcli.datasets.checks import Missing, refuse_constant, refuse_too_many, refuse_too_many_columns
from mlcli.datasets.columns import Choice, choose
from mlcli.datasets.dataset import Array
from mlcli.datasets.files import sha256
from mlcli.errors import DataError

BATCH_ROWS = 65_536


def choose_columns(
    path: Path,
    target: str | None = None,
    features: Sequence[str] | None = None,
    draw_column: str | None = None,
    group_column: str | None = None,
) -> Choice:
    """Settle which columns of a file are used, from its heading alone.

    Raises:
        DataError: the file or the columns won't do.
    """
    return choose(
        path,
        column_names(path),
        target=target,
        features=features,
        draw_column=draw_column,
        group_column=group_column,
    )


def column_names(path: Path) -> list[str]:
    """The names of the columns of a file, or of every part in a folder.

    Raises:
        DataError: it can't be read, or a part has other columns.
    """
    if path.is_dir():
        return table_parts.column_names(path)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return [name for name, _ in read_npz.columns(path)]
    reader = read_parquet if suffix == ".parquet" else read_text
    names: list[str] = reader.column_names(path)
    refuse_too_many_columns(path, len(names))
    return names


def file_identity(path: Path, choice: Choice, *, drop_missing: bool) -> dict[str, Any]:
    """What the data are: the file's own name and bytes, and the columns; no folder, no clock.

    Of a folder of parts, the name and the bytes of each part.
    """
    which: dict[str, Any]
    if path.is_dir():
        parts = {part.name: sha256(part) for part in table_parts.parts_of(path)}
        which = {"kind": "parts", "parts": parts}
    else:
        which = {"kind": "file", "file": path.name, "sha256": sha256(path)}
    found = which | {
        "target": choice.target,
        "features": list(choice.features),
        "draw_column": choice.draw_column,
        "drop_missing": drop_missing,
    }
    return found if choice.group_column is None else found | {"groups": choice.group_column}


def column_batches(
    path: Path, choice: Choice, *, rows: int = BATCH_ROWS, as_text: bool = False
) -> Iterator[dict[str, Array]]:
    """The needed columns as floats, with NaN for empty cells, at most `rows` rows at a time.

    Args:
        path: the file, or a folder of parts, which are read one after another.
        choice: the columns.
        rows: at most so many rows in a batch.
        as_text: for CSV and TSV, read cells that Arrow doesn't take for floats, such as booleans.

    Raises:
        DataError: a column holds text, or the file is damaged.
        NotAllFloats: see `read_text.batches`.
    """
    if path.is_dir():
        for one in table_parts.parts_of(path):
            if table_parts.has_rows(one):
                yield from column_batches(one, choice, rows=rows, as_text=as_text)
        return
    names, asked = choice.names, choice.asked
    suffix = path.suffix.lower()
    if suffix == ".npz":
        found = read_npz.columns(path)
        parts = _alone(
            lambda: read_npz.read_columns(path, found, names, asked=asked, coders=choice.coders)
        )
    elif suffix == ".parquet":
        parts = read_parquet.batches(path, names, rows, asked=asked, coders=choice.coders)
    else:
        parts = read_text.batches(path, names, asked=asked, as_text=as_text, coders=choice.coders)
    try:
        for part in parts:
            n = len(part[choice.target])
            for first in range(0, n, rows):
                yield {name: column[first : first + rows] for name, column in part.items()}
    except TextColumn as error:
        raise (error.of_target() if error.column == choice.target else error) from None


def _alone(part: Callable[[], dict[str, Array]]) -> Iterator[dict[str, Array]]:
    yield part()


def read(
    path: Path,
    choice: Choice,
    *,
    drop_missing: bool = False,
    may_lack: frozenset[str] = frozenset(),
) -> dict[str, Array]:
    """The needed columns in memory, every value finite, at least two rows, no constant feature.

    Args:
        path: the file.
        choice: the columns.
        drop_missing: leave out rows with missing or infinite values.
        may_lack: columns whose gaps are no fault, and stay as NaN.

    Raises:
        DataError: saying which of these fails.
    """
    if path.suffix.lower() == ".parquet":
        # Equal values take next to nothing in such a file; of the others the file is the bound.
        n_values = read_parquet.n_rows(path) * len(choice.names)
        refuse_too_many(path, n_values, "fewer rows, or naming fewer columns with --features")
    try:
        parts = list(column_batches(path, choice))
    except read_text.NotAllFloats:
        parts = list(column_batches(path, choice, as_text=True))
    empty = [np.empty(0)]
    columns = {
        name: np.concatenate([part[name] for part in parts] or empty) for name in choice.names
    }
    missing = Missing()
    good = missing.see(
        {
            name: np.where(np.isnan(column), 0.0, column) if name in may_lack else column
            for name, column in columns.items()
        }
    )
    fillable = {name for name in choice.features if np.isnan(columns[name]).any()} - may_lack
    missing.refuse(path, drop_missing=drop_missing, fillable=fillable)
    if missing.n_bad_rows:
        columns = {name: column[good] for name, column in columns.items()}
    _refuse_constant_columns(path, choice, columns)
    return columns


def _refuse_constant_columns(path: Path, choice: Choice, columns: dict[str, Array]) -> None:
    """Of columns of words whoever named them has a say; see `declared.prepare`."""
    names = [name for name in choice.features if name not in choice.coders]
    known = [columns[name][~np.isnan(columns[name])] for name in names]
    for name, column in zip(names, known, strict=True):
        if not column.size:
            raise DataError(
                f"feature '{name}' of {path} has no values", hint="leaving it out with --features"
            )
    low, high = (np.array([end(column) for column in known]) for end in (np.min, np.max))
    refuse_constant(path, names, low, high)

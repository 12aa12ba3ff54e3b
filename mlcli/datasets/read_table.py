"""A table in a CSV, TSV, Parquet or NPZ file, or in a folder of parts: names, batches, all rows.

Parts are Parquet, CSV or TSV files, as pandas, Spark and DuckDB write them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.datasets import read_npz, read_parquet, read_text
from mlcli.datasets.cells import TextColumn
from mlcli.datasets.checks import Missing, refuse_constant, refuse_too_many, refuse_too_many_columns
from mlcli.datasets.columns import ColumnChoice, choose
from mlcli.datasets.dataset import Array
from mlcli.datasets.files import IMAGE_SUFFIXES, check_file, sha256, visible_entries
from mlcli.errors import DataError

SUFFIXES = (".parquet", ".csv", ".tsv")
# What writers leave beside the parts: _SUCCESS, _metadata, .part-0.parquet.crc.
PASSED_OVER = (".", "_")
BATCH_ROWS = 65_536


def holds_parts(folder: Path) -> bool:
    """Whether a folder directly contains parts of a table, and so is not a folder of images.

    Raises:
        DataError: the folder can't be listed, or holds neither parts nor folders.
    """
    entries = _entries(folder)
    if any(_suffix(entry.name) in SUFFIXES for entry in entries):
        return True
    if not entries or not any(
        entry.is_dir() or _suffix(entry.name) in IMAGE_SUFFIXES for entry in entries
    ):
        kinds = ", ".join(SUFFIXES)
        raise DataError(f"{folder} holds no parts of a table ({kinds}) and no folders of images")
    return False


def parts_of(path: Path) -> tuple[Path, ...]:
    """The files of a table: those of a folder in the order of their names, or the file itself.

    Raises:
        DataError: a folder holds something that is not a part, or parts of several kinds, or a part
            can't be read or is empty.
    """
    if not path.is_dir():
        return (path,)
    entries = _entries(path)
    tables = [entry.name for entry in entries if _suffix(entry.name) in SUFFIXES]
    for entry in entries:
        if entry.is_dir():
            raise DataError(
                f"the parts of a table in {path}",
                must="files that lie beside each other",
                got=f"the folder '{entry.name}' beside '{tables[0]}'",
                hint="moving it elsewhere",
            )
        if entry.name not in tables:
            raise DataError(
                f"'{entry.name}' in {path} is not part of a table as '{tables[0]}' is",
                hint="moving it elsewhere, or a name that begins with _",
            )
        if _suffix(entry.name) != _suffix(tables[0]):
            raise DataError(
                f"the parts in {path}",
                must="of one kind",
                got=f"'{tables[0]}' and '{entry.name}'",
                hint="a folder for each",
            )
    found = tuple(path / name for name in tables)
    for part in found:
        check_file(part)
    return found


def _names_of_parts(folder: Path) -> list[str]:
    """The names of the columns, which every part must have, in any order.

    Raises:
        DataError: naming the part that has others, or that can't be read.
    """
    first, *others = parts_of(folder)
    names = _names(first)
    for part in others:
        found = _names(part)
        if sorted(found) != sorted(names):
            raise _other_columns(part, first, found, names)
    return names


def has_rows(part: Path) -> bool:
    """Whether there is more in a part than its heading; one without rows adds nothing."""
    return part.suffix.lower() == ".parquet" or read_text.has_rows(part)


def _names(part: Path) -> list[str]:
    if part.suffix.lower() == ".parquet":
        return read_parquet.column_names(part)
    return read_text.heading(part)


def _other_columns(
    part: Path, first: Path, found: Sequence[str], names: Sequence[str]
) -> DataError:
    missing = [name for name in names if name not in found]
    more = [name for name in found if name not in names]
    got = f"no '{missing[0]}'" if missing else f"'{more[0]}' too" if more else "one of them twice"
    return DataError(f"the columns of {part}", must=f"those of {first.name}", got=got)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder without the files that writers of parts leave beside them."""
    return [one for one in visible_entries(folder, PASSED_OVER) if _suffix(one.name) != ".crc"]


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()


def choose_columns(
    path: Path,
    target: str | None = None,
    features: Sequence[str] | None = None,
    draw_column: str | None = None,
    group_column: str | None = None,
) -> ColumnChoice:
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
        return _names_of_parts(path)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return [name for name, _ in read_npz.columns(path)]
    reader = read_parquet if suffix == ".parquet" else read_text
    names: list[str] = reader.column_names(path)
    refuse_too_many_columns(path, len(names))
    return names


def file_identity(path: Path, choice: ColumnChoice, *, drop_missing: bool) -> dict[str, Any]:
    """What the data are: the file's own name and bytes, and the columns; no folder, no clock.

    Of a folder of parts, the name and the bytes of each part.
    """
    which: dict[str, Any]
    if path.is_dir():
        parts = {part.name: sha256(part) for part in parts_of(path)}
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
    path: Path, choice: ColumnChoice, *, rows: int = BATCH_ROWS, as_text: bool = False
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
        for one in parts_of(path):
            if has_rows(one):
                yield from column_batches(one, choice, rows=rows, as_text=as_text)
        return
    names, requested = choice.names, choice.requested
    suffix = path.suffix.lower()
    if suffix == ".npz":
        found = read_npz.columns(path)
        parts = _alone(
            lambda: read_npz.read_columns(
                path, found, names, requested=requested, coders=choice.coders
            )
        )
    elif suffix == ".parquet":
        parts = read_parquet.batches(path, names, rows, requested=requested, coders=choice.coders)
    else:
        parts = read_text.batches(
            path, names, requested=requested, as_text=as_text, coders=choice.coders
        )
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
    choice: ColumnChoice,
    *,
    drop_missing: bool = False,
    may_lack: frozenset[str] = frozenset(),
) -> dict[str, Array]:
    """The needed columns in memory, every value finite, at least two rows, no constant feature.

    Args:
        path: the file.
        choice: the columns.
        drop_missing: leave out rows with missing or infinite values.
        may_lack: columns in which missing values are allowed and stay NaN.

    Raises:
        DataError: saying which of these fails.
    """
    if path.suffix.lower() == ".parquet":
        # Repeated values are compressed to almost nothing, so the size of the file is no bound.
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


def _refuse_constant_columns(path: Path, choice: ColumnChoice, columns: dict[str, Array]) -> None:
    """Declared columns are left to `columns.prepared_features`."""
    names = [name for name in choice.features if name not in choice.coders]
    known = [columns[name][~np.isnan(columns[name])] for name in names]
    for name, column in zip(names, known, strict=True):
        if not column.size:
            raise DataError(
                f"feature '{name}' of {path} has no values", hint="leaving it out with --features"
            )
    low, high = (np.array([end(column) for column in known]) for end in (np.min, np.max))
    refuse_constant(path, names, low, high)

"""The readers of table files behind one front: names, batches, and whole tables in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.datasets import parts as table_parts
from mlcli.datasets import read_npz, read_parquet, read_text
from mlcli.datasets.checks import Missing, refuse_constant
from mlcli.datasets.columns import Choice, choose
from mlcli.datasets.dataset import Array
from mlcli.datasets.files import sha256

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
    if suffix == ".parquet":
        return list(read_parquet.column_names(path))
    return list(read_text.column_names(path))


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
        parts = iter([read_npz.read(path, read_npz.columns(path), names, asked=asked)])
    elif suffix == ".parquet":
        parts = read_parquet.batches(path, names, rows, asked=asked)
    else:
        parts = read_text.batches(path, names, asked=asked, as_text=as_text)
    for part in parts:
        n = len(part[choice.target])
        for first in range(0, n, rows):
            yield {name: column[first : first + rows] for name, column in part.items()}


def read(path: Path, choice: Choice, *, drop_missing: bool = False) -> dict[str, Array]:
    """The needed columns in memory, every value finite, at least two rows, no constant feature.

    Raises:
        DataError: saying which of these fails.
    """
    try:
        parts = list(column_batches(path, choice))
    except read_text.NotAllFloats:
        parts = list(column_batches(path, choice, as_text=True))
    empty = [np.empty(0)]
    columns = {
        name: np.concatenate([part[name] for part in parts] or empty) for name in choice.names
    }
    missing = Missing()
    good = missing.see(columns)
    missing.refuse(path, drop_missing=drop_missing)
    if missing.n_bad_rows:
        columns = {name: column[good] for name, column in columns.items()}
    low = np.array([columns[name].min() for name in choice.features])
    high = np.array([columns[name].max() for name in choice.features])
    refuse_constant(path, choice.features, low, high)
    return columns

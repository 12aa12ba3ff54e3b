"""The column of a table that says which rows belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets import read_npz
from mlcli.datasets.parts import parts_of
from mlcli.errors import DataError


def group_numbers(path: Path, column: str, n_rows: int) -> NDArray[np.int64]:
    """The group of each row as a number, (N,); the groups may be named by numbers or by text.

    Args:
        path: CSV, TSV, Parquet or NPZ, or a folder of parts.
        column: its name.
        n_rows: rows of the data; all of the file's.

    Raises:
        DataError: a row has no group, or rows of the file were left out.
    """
    values = [value for part in parts_of(path) for value in _column(part, column)]
    if len(values) != n_rows:
        raise DataError(
            f"{len(values) - n_rows} rows of {path} were left out, which the groups can't follow",
            hint="a file without missing values",
        )
    if any(value is None or value == "" or value != value for value in values):
        raise DataError(
            f"column '{column}' of {path}", must="a group for every row", got="empty cells"
        )
    _, numbers = np.unique(np.array([str(value) for value in values]), return_inverse=True)
    return numbers.astype(np.int64)


def _column(path: Path, name: str) -> list[object]:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        found = read_npz.read_columns(
            path, read_npz.columns(path), (name,), asked=frozenset({name}), coders={}
        )
        return list(found[name].tolist())
    if suffix == ".parquet":
        from pyarrow import parquet

        return list(parquet.read_table(path, columns=[name]).column(name).to_pylist())
    import pandas as pd

    table = pd.read_csv(
        path,
        usecols=[name],
        dtype=str,
        keep_default_na=False,
        sep="\t" if suffix == ".tsv" else ",",
    )
    return list(table[name])

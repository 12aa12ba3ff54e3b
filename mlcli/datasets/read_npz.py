"""NPZ archives of plain NumPy arrays.

A 1-D array is one column, named by its key. A 2-D array ``X`` of D columns becomes ``X_0`` ...
``X_{D-1}``; only a target (``t``, ``y``, ``target``) of shape (N, 1) keeps its bare name. Images,
an ``X`` of 3 or 4 dimensions, are left to `npz_images`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.datasets import npz_headers
from mlcli.datasets.cells import NotANumber, numbers, refuse_text
from mlcli.datasets.checks import refuse_too_many_columns
from mlcli.datasets.coding import Coder, coded
from mlcli.datasets.columns import DEFAULT_TARGETS
from mlcli.datasets.dataset import Array
from mlcli.datasets.npz_headers import DAMAGE, Head, damaged
from mlcli.errors import DataError


def columns(path: Path) -> list[tuple[str, Any]]:
    """Names and (N,) arrays, in the order of the archive.

    Raises:
        DataError: no NPZ archive, pickled objects, arrays of several lengths or dimensions.
    """
    found: list[tuple[str, Any]] = []
    heads = npz_headers.read(path)
    n_columns = 0
    for key, head in heads.items():
        n_columns += _n_columns(path, key, head)
    refuse_too_many_columns(path, n_columns)
    for key, array in load(path, heads).items():
        found += _expand(key, array)
    if not found:
        raise DataError(f"{path} holds no arrays", hint="numpy.savez with X and t")
    lengths = {name: len(column) for name, column in found}
    longest, shortest = max(lengths, key=lengths.__getitem__), min(lengths, key=lengths.__getitem__)
    if lengths[longest] != lengths[shortest]:
        raise DataError(
            f"the arrays of {path}",
            must="of one length",
            got=f"{lengths[longest]} in '{longest}' and {lengths[shortest]} in '{shortest}'",
        )
    return found


def read(
    path: Path,
    found: list[tuple[str, Any]],
    names: Sequence[str],
    *,
    asked: frozenset[str],
    coders: Mapping[str, Coder],
) -> dict[str, Array]:
    """Some of the columns as floats; booleans are 0 and 1.

    Args:
        path: the archive.
        found: what `columns` gave.
        names: the columns that are needed.
        asked: columns that the user named.
        coders: of the columns that hold words or dates.

    Raises:
        DataError: a column holds text or complex numbers.
    """
    by_name = dict(found)
    return {
        name: coded(path, name, _texts(by_name[name]), 0, coders[name])
        if name in coders
        else _floats(path, name, by_name[name], asked)
        for name in names
    }


def _texts(column: Any) -> Any:
    """An array as Arrow's strings."""
    import pyarrow as pa

    from mlcli.datasets.read_parquet import texts_of

    return texts_of(pa.array(column))


def load(path: Path, keys: Iterable[str]) -> dict[str, Any]:
    """Some of the arrays, whose heads have been read and found good.

    Raises:
        DataError: the archive is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in keys}
    except DAMAGE:
        raise damaged(path) from None


def _n_columns(path: Path, key: str, head: Head) -> int:
    """How many columns an array becomes; refused where it is none."""
    if head.shape is None or len(head.shape) not in (1, 2):
        got = "no array" if head.shape is None else f"{len(head.shape)} dimensions"
        raise DataError(
            f"'{key}' in {path}",
            must="an array of 1 or 2 dimensions, or images X of 3 or 4",
            got=got,
        )
    if 0 in head.shape:
        raise DataError(
            f"'{key}' in {path}", must="an array with values", got=f"one of shape {head.shape}"
        )
    return 1 if len(head.shape) == 1 else head.shape[1]


def _expand(key: str, array: Any) -> list[tuple[str, Any]]:
    if array.ndim == 1:
        return [(key, array)]
    if array.shape[1] == 1 and key in DEFAULT_TARGETS:
        return [(key, array[:, 0])]
    return [(f"{key}_{j}", array[:, j]) for j in range(array.shape[1])]


def _floats(path: Path, name: str, column: Any, asked: frozenset[str]) -> Array:
    if column.dtype.kind in "biuf":
        floats: Array = column.astype(np.float64)
        return floats
    if column.dtype.kind != "U":
        raise DataError(f"'{name}' in {path}", must="real numbers", got=str(column.dtype))
    try:
        return numbers(column.tolist(), len(column))
    except NotANumber as error:
        refuse_text(path, name, f"row {error.row + 1}", error.text, asked=name in asked)

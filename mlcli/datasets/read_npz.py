"""NPZ archives of plain NumPy arrays, whose headers are checked before an array is given memory.

A 1-D array is one column, named by its key. A 2-D array ``X`` of D columns becomes ``X_0`` ...
``X_{D-1}``; only a target (``t``, ``y``, ``target``) of shape (N, 1) keeps its bare name. Images,
an ``X`` of 3 or 4 dimensions, are left to `labelled_images`.
"""

from __future__ import annotations

import io
import math
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.datasets.cells import Coder, NotANumber, coded, numbers, refuse_text
from mlcli.datasets.checks import refuse_too_many, refuse_too_many_columns
from mlcli.datasets.columns import DEFAULT_TARGETS
from mlcli.datasets.dataset import Array
from mlcli.errors import DataError

# What NumPy and zipfile raise on bytes that aren't what they say; RuntimeError is encryption.
DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    RuntimeError,
    MemoryError,
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
)
READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
FLOAT_BYTES = 8
# What NumPy itself packs with; other packings can ask for any memory before the first byte.
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# As long as NumPy takes a header to be: one that says it is longer is never unpacked.
HEADER_BYTES = 10_000 + 16


@dataclass(frozen=True)
class ArrayHeader:
    """The shape and the type of one array; both None for a member that is not an array."""

    shape: tuple[int, ...] | None
    dtype: Any = None


def read_headers(path: Path) -> dict[str, ArrayHeader]:
    """Name -> header of each member, in the order of the archive.

    Raises:
        DataError: no NPZ archive, a damaged one, pickled objects, a size that its bytes don't
            bear out, or more numbers than `checks.MOST_VALUES`.
    """
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is not an NPZ archive", hint="numpy.savez with X and t")
    heads: dict[str, ArrayHeader] = {}
    n_values = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.compress_type not in PACKINGS:
                    raise damaged(path)
                with archive.open(member) as file:
                    start = file.read(HEADER_BYTES)
                head = _head(path, member.filename, start, member.file_size)
                key = member.filename.removesuffix(".npy")
                if key in heads:
                    raise damaged(path)
                heads[key] = head
                n_values += _n_floats(head)
    except DAMAGE:
        raise damaged(path) from None
    refuse_too_many(path, n_values, "fewer rows, or a table as Parquet")
    return heads


def damaged(path: Path) -> DataError:
    """The error for a damaged archive."""
    return DataError(f"{path} is damaged", hint="writing it again with numpy.savez")


def _head(path: Path, name: str, start: bytes, n_bytes: int) -> ArrayHeader:
    file = io.BytesIO(start)
    magic = file.read(np.lib.format.MAGIC_LEN)
    if not magic.startswith(np.lib.format.MAGIC_PREFIX) or len(magic) < np.lib.format.MAGIC_LEN:
        return ArrayHeader(None)
    reader = READERS.get((magic[-2], magic[-1]))
    if reader is None:
        # Version 3.0 is for structured arrays with names beyond Latin-1.
        raise DataError(
            f"'{name}' in {path}", must="a plain array of numbers", got="a structured one"
        )
    try:
        with warnings.catch_warnings():
            # NumPy evaluates the header as a Python literal, which may warn.
            warnings.simplefilter("ignore")
            shape, _, dtype = reader(file)
    except Exception:
        # NumPy reads a header as a Python literal, and odd texts make that raise almost anything.
        raise damaged(path) from None
    if dtype.hasobject:
        raise DataError(
            f"{path} holds pickled objects, which can run code when they are read",
            hint="saving plain arrays of numbers",
        )
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != n_bytes - file.tell():
        raise damaged(path)
    return ArrayHeader(shape, dtype)


def _n_floats(head: ArrayHeader) -> int:
    """How many floats take as much memory as the array and the floats made from it at the most."""
    if head.shape is None:
        return 0
    return math.prod(head.shape) * max(1, int(head.dtype.itemsize) // FLOAT_BYTES)


def columns(path: Path) -> list[tuple[str, Any]]:
    """Names and (N,) arrays, in the order of the archive.

    Raises:
        DataError: no NPZ archive, pickled objects, arrays of several lengths or dimensions.
    """
    found: list[tuple[str, Any]] = []
    heads = read_headers(path)
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


def read_columns(
    path: Path,
    found: list[tuple[str, Any]],
    names: Sequence[str],
    *,
    requested: frozenset[str],
    coders: Mapping[str, Coder],
) -> dict[str, Array]:
    """Some of the columns as floats; booleans are 0 and 1.

    Args:
        path: the archive.
        found: what `columns` gave.
        names: the columns that are needed.
        requested: columns that the user named.
        coders: of the columns of text or dates.

    Raises:
        DataError: a column holds text or complex numbers.
    """
    by_name = dict(found)
    return {
        name: coded(path, name, _texts(by_name[name]), 0, coders[name])
        if name in coders
        else _floats(path, name, by_name[name], requested)
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


def _n_columns(path: Path, key: str, head: ArrayHeader) -> int:
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


def _floats(path: Path, name: str, column: Any, requested: frozenset[str]) -> Array:
    if column.dtype.kind in "biuf":
        floats: Array = column.astype(np.float64)
        return floats
    if column.dtype.kind != "U":
        raise DataError(f"'{name}' in {path}", must="real numbers", got=str(column.dtype))
    try:
        return numbers(column.tolist(), len(column))
    except NotANumber as error:
        refuse_text(path, name, f"row {error.row + 1}", error.text, requested=name in requested)

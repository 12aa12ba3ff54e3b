"""What the arrays of an NPZ archive say they are, read before any of them is given memory.

A few bytes can claim an array of any size, and a small archive can unpack to a huge one.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from mlcli.datasets.limits import refuse_too_many
from mlcli.errors import DataError

# What NumPy and zipfile raise on bytes that aren't what they say; RuntimeError is encryption.
DAMAGE = (
    ValueError, OSError, EOFError, KeyError, RuntimeError, MemoryError, OverflowError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
FLOAT_BYTES = 8


@dataclass(frozen=True)
class Head:
    """The shape and the type of one array; neither for a member that is no array."""

    shape: tuple[int, ...] | None
    dtype: Any = None


def read(path: Path) -> dict[str, Head]:
    """Name -> head of each member, in the order of the archive.

    Raises:
        DataError: no NPZ archive, a damaged one, pickled objects, a size that its bytes don't
            bear out, or more numbers than `limits.MOST_VALUES`.
    """
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is no NPZ archive", hint="numpy.savez with X and t")
    heads: dict[str, Head] = {}
    n_values = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    head = _head(path, member.filename, file, member.file_size)
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
    """The refusal of an archive whose bytes aren't what they say."""
    return DataError(f"{path} is damaged", hint="writing it again with numpy.savez")


def _head(path: Path, name: str, file: IO[bytes], n_bytes: int) -> Head:
    start = file.read(np.lib.format.MAGIC_LEN)
    if not start.startswith(np.lib.format.MAGIC_PREFIX):
        return Head(None)
    reader = READERS.get((start[-2], start[-1]))
    if reader is None:
        # Version 3.0 is for structured arrays with names beyond Latin-1.
        raise DataError(f"'{name}' in {path}", must="a plain array of numbers",
                        got="a structured one")  # fmt: skip
    shape, _, dtype = reader(file)
    if dtype.hasobject:
        raise DataError(
            f"{path} holds pickled objects, which can run code when they are read",
            hint="saving plain arrays of numbers",
        )
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != n_bytes - file.tell():
        raise damaged(path)
    return Head(shape, dtype)


def _n_floats(head: Head) -> int:
    """How many floats take as much memory as the array and the floats made from it at the most."""
    if head.shape is None:
        return 0
    return math.prod(head.shape) * max(1, int(head.dtype.itemsize) // FLOAT_BYTES)

"""What the arrays of an NPZ archive say they are, read before any of them is given memory.

A few bytes can claim an array of any size, and a small archive can unpack to a huge one.
"""

from __future__ import annotations

import io
import math
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.datasets.checks import refuse_too_many
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
    """The refusal of an archive whose bytes aren't what they say."""
    return DataError(f"{path} is damaged", hint="writing it again with numpy.savez")


def _head(path: Path, name: str, start: bytes, n_bytes: int) -> Head:
    file = io.BytesIO(start)
    magic = file.read(np.lib.format.MAGIC_LEN)
    if not magic.startswith(np.lib.format.MAGIC_PREFIX) or len(magic) < np.lib.format.MAGIC_LEN:
        return Head(None)
    reader = READERS.get((magic[-2], magic[-1]))
    if reader is None:
        # Version 3.0 is for structured arrays with names beyond Latin-1.
        raise DataError(
            f"'{name}' in {path}", must="a plain array of numbers", got="a structured one"
        )
    try:
        with warnings.catch_warnings():
            # Of what Python finds odd in a header that is taken for one of its own texts.
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
    return Head(shape, dtype)


def _n_floats(head: Head) -> int:
    """How many floats take as much memory as the array and the floats made from it at the most."""
    if head.shape is None:
        return 0
    return math.prod(head.shape) * max(1, int(head.dtype.itemsize) // FLOAT_BYTES)

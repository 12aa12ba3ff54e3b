"""The IDX format of MNIST: two zero bytes, a type, the dimensions' count and sizes, the data."""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.checks import refuse_too_many
from mlcli.errors import DataError

UNSIGNED_BYTE = 0x08
MOST_DIMENSIONS = 8
GZIP_MAGIC = b"\x1f\x8b"
PIECE_BYTES = 2**20


def load_idx(path: Path) -> NDArray[np.uint8]:
    """The array of an IDX file of unsigned bytes, packed with gzip or not.

    Raises:
        DataError: it is not such a file, or holds more or fewer bytes than its dimensions say.
    """
    return load_with_hash(path)[0]


def load_with_hash(path: Path) -> tuple[NDArray[np.uint8], str]:
    """`load_idx`, and the SHA-256 of the unpacked bytes.

    The hash is of the unpacked bytes since the same data are in use packed in several ways: the
    gzip files of Debian's package and of the publisher differ.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            if not packed:
                return _parse(path, raw)
            with gzip.GzipFile(fileobj=raw) as unpacked:
                return _parse(path, unpacked)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} can't be read: {error}") from None


def _parse(path: Path, file: IO[bytes]) -> tuple[NDArray[np.uint8], str]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] != UNSIGNED_BYTE:
        raise DataError(f"{path}", must="an IDX file of unsigned bytes", got=f"the start {head!r}")
    n_dimensions = head[3]
    sizes = file.read(4 * n_dimensions)
    if not 1 <= n_dimensions <= MOST_DIMENSIONS or len(sizes) < 4 * n_dimensions:
        raise DataError(f"{path}", must="an IDX file", got=f"{n_dimensions} dimensions")
    shape = struct.unpack(f">{n_dimensions}I", sizes)
    body = _read_exactly(path, file, math.prod(shape))
    digest = hashlib.sha256(head + sizes)
    digest.update(body)
    return np.frombuffer(body, dtype=np.uint8).reshape(shape), digest.hexdigest()


def _read_exactly(path: Path, file: IO[bytes], expected: int) -> bytearray:
    """The rest of a file, piece by piece: what the dimensions claim is never allocated on trust."""
    body = bytearray()
    while len(body) <= expected and (piece := file.read(PIECE_BYTES)):
        body += piece
        # Zeros are packed a thousand to one.
        refuse_too_many(path, len(body), "the published file")
    if len(body) != expected:
        got = f"only {len(body)}" if len(body) < expected else "more"
        raise DataError(f"{path}", must=f"{expected} bytes by its dimensions", got=got)
    return body

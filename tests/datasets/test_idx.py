"""The IDX format."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mlcli.datasets.idx import load_idx
from mlcli.errors import DataError


def idx(array: np.ndarray) -> bytes:
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@given(arrays(np.uint8, array_shapes(max_dims=4, max_side=5)), st.booleans())
def test_reads_back(array: np.ndarray, packed: bool) -> None:
    import tempfile

    content = gzip.compress(idx(array)) if packed else idx(array)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(content)
        read = load_idx(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array)


GOOD = idx(np.arange(6, dtype=np.uint8).reshape(2, 3))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must be an IDX file of unsigned bytes"),
        (b"\0\0\x0d\x01" + GOOD[4:], "must be an IDX file of unsigned bytes"),
        (b"PK\x03\x04", "must be an IDX file of unsigned bytes"),
        (b"\0\0\x08\0", "must be an IDX file, got 0 dimensions"),
        (b"\0\0\x08\x02\0\0", "must be an IDX file, got 2 dimensions"),
        (GOOD[:-1], "must be 6 bytes by its dimensions, got only 5"),
        (GOOD + b"!", "must be 6 bytes by its dimensions, got more"),
        (b"\0\0\x08\x02" + b"\xff" * 8 + b"abc", "got only 3"),
        (gzip.compress(GOOD, mtime=0)[:-9], "can't be read"),
    ],
)
def test_wrong_files(tmp_path: Path, content: bytes, said: str) -> None:
    """The dimensions of one case claim 2^64 bytes; nothing of the kind is allocated."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError, match=said):
        load_idx(tmp_path / "a")
    with pytest.raises(DataError, match="can't be read"):
        load_idx(tmp_path / "none")

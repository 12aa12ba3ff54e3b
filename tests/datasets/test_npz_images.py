"""Images in NPZ files: every layout becomes the same rows, and other files are refused."""

from __future__ import annotations

import json
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_files import refusal

from mlcli.datasets import checks
from mlcli.datasets.images import as_rows, image_shape_of
from mlcli.datasets.source import open_source
from mlcli.errors import DataError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5, 7), dtype=np.uint8)  # (n, h, w)
COLOUR = RNG.integers(0, 256, (6, 3, 5, 7), dtype=np.uint8)  # (n, c, h, w)
CLASSES = np.array([0, 1, 2, 0, 1, 2])


def saved(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "a.npz", **arrays)
    return str(folder / "a.npz")


@pytest.mark.parametrize("stored", [GREY, GREY[:, None], GREY[..., None]])
def test_grey_images(tmp_path: Path, stored: Any) -> None:
    source = open_source(saved(tmp_path, X=stored, y=CLASSES))
    assert (source.image_shape, source.task) == ((5, 7), "classification")
    assert (source.n_rows, source.target_name, source.class_names) == (6, "y", None)
    assert source.feature_names == tuple(f"pixel_{j}" for j in range(35))
    data = source.replicate(0, 0)
    np.testing.assert_array_equal(data.X.reshape(6, 5, 7), GREY)
    np.testing.assert_array_equal(data.t, CLASSES)
    assert data.X.dtype == data.t.dtype == np.float64
    assert data.X.flags.c_contiguous


@pytest.mark.parametrize("n_channels", [3, 4])
def test_coloured_images_lie_channel_by_channel(tmp_path: Path, n_channels: int) -> None:
    X = RNG.random((6, n_channels, 5, 7)).astype(np.float32)
    first = open_source(saved(tmp_path, X=X, y=CLASSES))
    last = open_source(saved(tmp_path, X=np.moveaxis(X, 1, 3), y=CLASSES))
    for source in (first, last):
        assert source.image_shape == (n_channels, 5, 7)
        rows = source.replicate(0, 0).X
        np.testing.assert_array_equal(rows.reshape(6, n_channels, 5, 7), X)
        np.testing.assert_array_equal(rows[2, 35 + 7 + 3], X[2, 1, 1, 3])


def test_where_two_axes_could_be_the_channels_the_last_one_is() -> None:
    assert image_shape_of("X", (9, 3, 8, 4)) == (4, 3, 8)
    assert image_shape_of("X", (9, 3, 8, 5)) == (3, 8, 5)
    X = np.arange(96.0).reshape(1, 3, 8, 4)
    np.testing.assert_array_equal(as_rows(X).reshape(4, 3, 8)[2], X[0, :, :, 2])


@given(st.integers(1, 4), st.sampled_from([1, 3, 4]), st.integers(5, 9), st.integers(5, 9))
def test_rows_reshape_to_the_images(n: int, c: int, h: int, w: int) -> None:
    X = np.random.default_rng(n).random((n, h, w, c))
    shape = image_shape_of("X", X.shape)
    rows = as_rows(X)
    for i in range(n):
        image = rows[i].reshape(shape)
        np.testing.assert_array_equal(np.atleast_3d(image.T).T, np.moveaxis(X[i], 2, 0))


def test_the_type_of_the_target_is_the_task(tmp_path: Path) -> None:
    for y, task in (
        (CLASSES.astype(np.uint8), "classification"),
        (CLASSES > 0, "classification"),
        (CLASSES[:, None] - 5, "classification"),
        (CLASSES.astype(np.float32), "regression"),
    ):
        source = open_source(saved(tmp_path, X=GREY, y=y))
        assert source.task == task
        np.testing.assert_array_equal(source.replicate(0, 0).t, y.reshape(-1))


def test_which_array_is_the_target(tmp_path: Path) -> None:
    path = saved(tmp_path, X=GREY, y=CLASSES, angle=CLASSES / 2, words=np.array("any text"))
    assert open_source(path).target_name == "y"
    angle = open_source(path, target="angle")
    assert (angle.task, angle.target_name) == ("regression", "angle")
    said = refusal(path, target="size")
    assert "no array size of what they are; try --target with one of its arrays: y, angle" in said
    assert "try numpy.savez with X and y" in refusal(saved(tmp_path, X=GREY))
    assert "no array X of what" in refusal(saved(tmp_path, X=GREY, y=CLASSES), target="X")


def test_identity_is_of_the_bytes_and_the_reading(tmp_path: Path) -> None:
    path = saved(tmp_path, X=GREY, y=CLASSES, t=CLASSES[::-1])
    identity = open_source(path).identity
    assert json.loads(json.dumps(identity)) == identity
    assert str(tmp_path) not in str(identity)
    assert open_source(path).identity == identity
    assert open_source(path, target="y").identity != identity
    other = open_source(saved(tmp_path, X=GREY[::-1], y=CLASSES, t=CLASSES[::-1]))
    assert other.identity["sha256"] != identity["sha256"]


def test_an_array_of_two_dimensions_is_columns(tmp_path: Path) -> None:
    source = open_source(saved(tmp_path, X=GREY.reshape(6, 35), y=CLASSES))
    assert (source.image_shape, source.task, source.feature_names[34]) == (None, None, "X_34")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"X": COLOUR[None]}, "'X' in"),
        ({"X": COLOUR[None]}, "c = 1, 3 or 4, got the shape (1, 6, 3, 5, 7)"),
        ({"X": np.zeros((6, 5, 7, 2))}, "got the shape (6, 5, 7, 2)"),
        ({"X": np.zeros((6, 0, 7))}, "got the shape (6, 0, 7)"),
        ({"X": np.zeros((0, 5, 7)), "y": CLASSES[:0]}, "at least 2, got 0"),
        ({"X": GREY[:1], "y": CLASSES[:1]}, "at least 2, got 1"),
        ({"y": CLASSES[:5]}, "must be of shape (6,), a number an image, got the shape (5,)"),
        ({"y": np.eye(6)}, "got the shape (6, 6)"),
        ({"y": CLASSES * 0 + 4}, "'y' in"),
        ({"y": CLASSES * 0 + 4}, "must be of two classes or more, got only 4"),
        ({"y": CLASSES + 2**60}, "must be numbers of classes below 2**53"),
        ({"y": np.array(list("abcabc"))}, "must be integers or floats, got <U1"),
        ({"X": GREY * 1j}, "'X' in"),
        ({"y": np.array([0.5, np.nan, 1, 2, 3, 4])}, "values in 1 of 6 images, first in number 1"),
        ({"y": np.array([1, "a"], dtype=object)}, "holds pickled objects"),
        ({"images": GREY, "X": CLASSES}, "'images' in"),
        ({"images": GREY, "X": CLASSES}, "1 or 2 dimensions, or images X of 3 or 4, got 3"),
    ],
)
def test_refusals(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    assert said in refusal(saved(tmp_path, **{"X": GREY, "y": CLASSES} | arrays))


def test_missing_values(tmp_path: Path) -> None:
    X = GREY.astype(float)
    X[2, 4, 6], X[3, 0, 0] = np.nan, np.inf
    path = saved(tmp_path, X=X, y=CLASSES)
    assert "missing or infinite values in 2 of 6 images, first in number 2" in refusal(path)
    source = open_source(path, drop_missing=True)
    np.testing.assert_array_equal(source.replicate(0, 0).X, GREY[[0, 1, 4, 5]].reshape(4, 35))
    np.testing.assert_array_equal(source.replicate(0, 0).t, CLASSES[[0, 1, 4, 5]])


def test_flags_for_tables_and_folders_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, X=GREY, y=CLASSES)
    assert "--features can't be used with a.npz" in refusal(path, features=["pixel_0"])
    assert "--draw-column, --group-column can't" in refusal(path, draw_column="y", group_column="y")
    assert "--resize can't be used with" in refusal(path, resize=(3, 3))
    assert "--resize can't be used with digits" in refusal("digits", resize=(3, 3))


def npy(shape: tuple[int, ...], body: bytes, version: int = 1, descr: str = "|u1") -> bytes:
    head = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(head)) + head + body


def zipped(folder: Path, *members: tuple[str, bytes]) -> str:
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return str(folder / "a.npz")


@pytest.mark.parametrize("key", ["X", "x"])
@pytest.mark.parametrize(
    "shape", [(2**20, 2**10, 2**10), (2**40,), (6, -5, 7), (-6, -35, 1), (-210,)]
)
def test_sizes_that_the_bytes_do_not_bear_out(
    tmp_path: Path, key: str, shape: tuple[int, ...]
) -> None:
    claim = (f"{key}.npy", npy(shape, bytes(210)))
    assert "is damaged" in refusal(zipped(tmp_path, claim, ("y.npy", npy((6,), bytes(6)))))


@pytest.mark.parametrize("shape", [(60, 256, 256), (60 * 2**16,)])
def test_a_small_file_that_unpacks_to_too_much(
    tmp_path: Path, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every size is true, 4 MB in 5 kB; under a lower limit nothing of it is unpacked."""
    monkeypatch.setattr(checks, "MOST_VALUES", 2**20)
    path = zipped(tmp_path, ("X.npy", npy(shape, bytes(60 * 2**16))))
    assert Path(path).stat().st_size < 10_000
    tracemalloc.start()
    try:
        said = refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert "must be at most 1048576 (4 GiB in memory), got 3932160" in said


def test_the_limit_holds_the_whole_of_fashion_mnist() -> None:
    assert 70_000 * 784 < checks.MOST_VALUES == 2**29
    with pytest.raises(DataError):
        checks.refuse_too_many("a", 2**29 + 1, "less")
    checks.refuse_too_many("a", 2**29, "less")


def test_members_that_are_not_plain_arrays_are_refused(tmp_path: Path) -> None:
    good = ("y.npy", npy((6,), bytes(6)))
    assert "got no array" in refusal(zipped(tmp_path, ("notes", b"hello there"), good))
    twice = ("X", npy((6,), bytes(6)))
    assert "is damaged" in refusal(zipped(tmp_path, ("X.npy", npy((6,), bytes(6))), twice))
    third = ("X.npy", npy((6,), bytes(6), version=3))
    assert "must be a plain array of numbers" in refusal(zipped(tmp_path, third, good))
    wordless = ("X.npy", npy((2**50, 1, 1), b"", descr="<U0"))
    assert "must be at most" in refusal(zipped(tmp_path, wordless, good))

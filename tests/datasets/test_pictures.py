"""Pictures: names, PNG and JPEG files of every kind, and files that are none."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlcli.datasets.bundled import load_bundled
from mlcli.datasets.checks import MOST_PIXELS
from mlcli.datasets.dataset import Dataset
from mlcli.datasets.pictures import (
    edge_matrix,
    first_of_class,
    grey_images,
    named_picture,
    read_picture,
    reduce,
)
from mlcli.errors import DataError

RED = (255, 0, 0)


def saved(path: Path, array: np.ndarray, **how: object) -> Path:
    Image.fromarray(array).save(path, **how)
    return path


def random_bytes(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_the_matrix_of_the_notes_keeps_its_numbers() -> None:
    assert edge_matrix().tolist() == [[10, 10, 10, 0, 0, 0]] * 6
    picture = named_picture("matrix", 128)
    assert picture.pixels.shape == (6, 6, 1)
    assert (picture.pixels[:, :, 0] == edge_matrix()).all()
    assert picture.channel_names == ("grey",)


@pytest.mark.parametrize("name", ["china", "flower"])
def test_photographs_are_colours_from_0_to_1(name: str) -> None:
    whole, small = named_picture(name, 640), named_picture(name, 64)
    assert whole.pixels.shape == (427, 640, 3)
    assert whole.reduced_by == 1
    assert whole.pixels.min() >= 0
    assert 0.9 < whole.pixels.max() <= 1
    assert (small.pixels.shape, small.reduced_by) == ((42, 64, 3), 10)
    np.testing.assert_allclose(small.pixels[3, 5], whole.pixels[30:40, 50:60].mean(axis=(0, 1)))


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(DataError, match="'chine'; try china"):
        named_picture("chine", 64)


def test_the_first_image_of_a_class() -> None:
    digits = load_bundled("digits")
    picture = first_of_class(digits, (8, 8), 3, 64)
    np.testing.assert_array_equal(picture.pixels.ravel() * digits.X[3].max(), digits.X[3])
    with pytest.raises(DataError, match="classes 0 to 9, got 10"):
        first_of_class(digits, (8, 8), 10, 64)


def test_colours_of_a_set_become_grey_and_opacity_is_left_out() -> None:
    X = np.random.default_rng(0).random((3, 4, 5, 6))
    data = Dataset("a", X.reshape(3, -1), np.array([0.0, 1, 1]), (), "class")
    grey = grey_images(data, (4, 5, 6))
    np.testing.assert_allclose(grey, X[:, :3].mean(axis=1))
    np.testing.assert_allclose(first_of_class(data, (4, 5, 6), 1, 64).pixels[:, :, 0], grey[1])
    assert first_of_class(data, (20, 6), 1, 10).pixels.shape == (10, 3, 1)


def test_a_png_is_read_exactly(tmp_path: Path) -> None:
    for shape in ((7, 9, 3), (7, 9)):
        levels = random_bytes(*shape)
        found = read_picture(saved(tmp_path / "a.png", levels), 64).pixels
        np.testing.assert_array_equal(found, levels.reshape(7, 9, -1) / 255)


def test_a_jpeg_is_read_about_exactly(tmp_path: Path) -> None:
    levels = np.full((16, 24, 3), (200, 100, 50), np.uint8)
    found = read_picture(saved(tmp_path / "a.jpg", levels, quality=95), 64).pixels
    np.testing.assert_allclose(found, levels / 255, atol=0.02)
    turned = Image.Exif()
    turned[0x0112] = 6
    assert read_picture(saved(tmp_path / "b.jpg", levels, exif=turned), 64).pixels.shape[0] == 24


def test_every_kind_of_pixel_is_understood(tmp_path: Path) -> None:
    deep = np.array([[0, 65535], [13107, 32768]], np.uint16)
    found = read_picture(saved(tmp_path / "deep.png", deep), 64).pixels
    np.testing.assert_allclose(found[:, :, 0], deep / 65535)
    clear = np.zeros((2, 2, 4), np.uint8)
    clear[0, 0] = (*RED, 255)
    found = read_picture(saved(tmp_path / "clear.png", clear), 64).pixels
    assert found[0, 0].tolist() == [1, 0, 0]
    assert found[1, 1].tolist() == [1, 1, 1]
    for mode, channels in (("1", 1), ("LA", 1), ("P", 3)):
        Image.new("RGBA", (4, 5), RED).convert(mode).save(tmp_path / "kind.png")
        assert read_picture(tmp_path / "kind.png", 64).pixels.shape == (5, 4, channels), mode
    Image.new("CMYK", (4, 5)).save(tmp_path / "kind.jpg")
    assert read_picture(tmp_path / "kind.jpg", 64).pixels.min() > 0.98


@pytest.mark.parametrize(("shape", "side", "k"), [((9, 5), 4, 3), ((4, 4), 4, 1), ((1, 50), 10, 5)])
def test_reduction_is_by_means_of_whole_blocks(shape: tuple[int, int], side: int, k: int) -> None:
    levels = random_bytes(*shape, 1)
    found = reduce("a", levels, side)
    assert found.reduced_by == k
    assert max(found.pixels.shape) <= side
    first = levels[:k, :k, 0].mean() / 255
    assert found.pixels[0, 0, 0] == pytest.approx(first)


def encoded(kind: str, size: tuple[int, int] = (60, 60)) -> bytes:
    file = io.BytesIO()
    Image.fromarray(random_bytes(*size, 3)).save(file, kind)
    return file.getvalue()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def wrong_checksum(content: bytes) -> bytes:
    """A PNG whose pixels are as they were, but not their checksum."""
    return flipped(content, content.index(b"IEND") - 5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "another kind"),
        (b"not a picture", "another kind"),
        (encoded("GIF"), "another kind"),
        (encoded("BMP"), "another kind"),
        (encoded("PNG")[:3000], "can't be decoded"),
        (encoded("PNG")[:40], "whole PNG or JPEG"),
        (encoded("JPEG")[:1500], "can't be decoded"),
        (flipped(encoded("PNG"), 2000), "can't be decoded"),
        (wrong_checksum(encoded("PNG")), "can't be decoded"),
        (png_that_claims(60, 60), "can't be decoded"),
        (png_that_claims(0, 60), "whole PNG or JPEG"),
        (png_that_claims(9000, 9000), f"at most {MOST_PIXELS} pixels"),
        (png_that_claims(100_000, 100_000), f"at most {MOST_PIXELS} pixels"),
    ],
    ids=[
        "empty",
        "text",
        "gif",
        "bmp",
        "cut png",
        "header",
        "cut jpeg",
        "flipped",
        "checksum",
        "short data",
        "no width",
        "large",
        "bomb",
    ],
)
def test_an_incomplete_picture_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read_picture(path, 64)
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.png"):
        with pytest.raises(DataError, match="no such file"):
            read_picture(path, 64)

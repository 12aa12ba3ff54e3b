"""Folders of images by class: what is read, in what order, and what is refused."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from table_files import put, refusal

from mlcli.datasets import checks, images
from mlcli.datasets.images import decode
from mlcli.datasets.source import open_source
from mlcli.errors import DataError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (4, 5, 7), dtype=np.uint8)  # (n, h, w)
COLOUR = RNG.integers(0, 256, (4, 5, 7, 3), dtype=np.uint8)  # (n, h, w, c)


def write(folder: Path, name: str, image: np.ndarray | Image.Image, **how: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(image, Image.Image):
        image = Image.fromarray(image)
    image.save(path, **how)  # type: ignore[arg-type]
    return path


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two grey cats and two grey dogs, each image another one."""
    folder = tmp_path / "pets"
    for i, name in enumerate(["dog/b.png", "cat/10.png", "dog/a.PNG", "cat/9.png"]):
        write(folder, name, GREY[i])
    return folder


def test_grey_images_by_class(pets: Path) -> None:
    source = open_source(str(pets))
    assert source.class_names == ("cat", "dog")
    assert (source.task, source.image_shape, source.n_rows) == ("classification", (5, 7), 4)
    assert (source.name, source.target_name, source.n_own_test) == ("pets", "class", 0)
    data = source.replicate(0, 0)
    np.testing.assert_array_equal(data.t, [0, 0, 1, 1])
    np.testing.assert_array_equal(data.X.reshape(4, 5, 7), GREY[[1, 3, 2, 0]])
    assert data.X.dtype == data.t.dtype == np.float64
    assert len(source.feature_names) == 35


def test_one_colour_image_makes_all_images_colour(pets: Path) -> None:
    write(pets, "cat/9.png", COLOUR[0])
    source = open_source(str(pets))
    assert source.image_shape == (3, 5, 7)
    X = source.replicate(0, 0).X.reshape(4, 3, 5, 7)
    np.testing.assert_array_equal(X[1], COLOUR[0].transpose(2, 0, 1))
    np.testing.assert_array_equal(X[0], np.stack([GREY[1]] * 3))


def test_identity_is_of_names_and_bytes(pets: Path) -> None:
    first = open_source(str(pets)).identity
    assert json.loads(json.dumps(first)) == first
    assert str(pets.parent) not in str(first)
    elsewhere = pets.parent / "elsewhere" / "pets"
    elsewhere.parent.mkdir()
    pets = pets.rename(elsewhere)
    assert open_source(str(pets)).identity == first
    assert open_source(str(pets), resize=(5, 7)).identity != first
    seen = {first["sha256"]}
    (pets / "dog" / "b.png").rename(pets / "dog" / "c.png")
    seen.add(open_source(str(pets)).identity["sha256"])
    (pets / "dog" / "c.png").rename(pets / "cat" / "c.png")
    seen.add(open_source(str(pets)).identity["sha256"])
    (pets / "cat").rename(pets / "cow")
    seen.add(open_source(str(pets)).identity["sha256"])
    write(pets, "cow/c.png", GREY[0] // 2)
    seen.add(open_source(str(pets)).identity["sha256"])
    assert len(seen) == 5


def test_hidden_files_and_other_files_are_ignored(pets: Path) -> None:
    first = open_source(str(pets)).identity
    (pets / ".cache").mkdir()
    put(pets, "README.md", "two animals")
    put(pets / "cat", "notes.txt", "x")
    put(pets / "dog", ".hidden.png", "x")
    (pets / "dog" / "folder.png").mkdir()
    assert open_source(str(pets)).identity == first


def test_resizing(pets: Path) -> None:
    write(pets, "cat/9.png", np.full((40, 30), 200, dtype=np.uint8))
    assert "must be 5 x 7 pixels as the first image, got 40 x 30; try --resize" in refusal(
        str(pets)
    )
    assert str(pets / "cat" / "9.png") in refusal(str(pets))
    source = open_source(str(pets), resize=(4, 6))
    assert source.image_shape == (4, 6)
    np.testing.assert_array_equal(source.replicate(0, 0).X[1], [200] * 24)
    assert source.identity["resize"] == [4, 6]


def test_shrinking_averages(tmp_path: Path) -> None:
    """A fine chequered cloth is evenly grey from afar, not black or white."""
    cloth = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    with write(tmp_path, "a.png", cloth).open("rb") as file:
        small = decode(tmp_path / "a.png", file, (8, 8))
    assert small.shape == (8, 8)
    assert (abs(small.astype(int) - 127) <= 2).all()


def pixels(folder: Path, image: Image.Image, name: str = "a.png", **how: object) -> np.ndarray:
    path = write(folder, name, image, **how)
    with path.open("rb") as file:
        return decode(path, file, None)


def test_kinds_of_pixels(tmp_path: Path) -> None:
    grey, colour = Image.fromarray(GREY[0]), Image.fromarray(COLOUR[0])
    assert set(np.unique(pixels(tmp_path, grey.convert("1")))) <= {0, 255}
    assert pixels(tmp_path, grey.convert("1")).shape == (5, 7)
    assert pixels(tmp_path, colour.convert("P")).shape == (3, 5, 7)
    assert pixels(tmp_path, colour.convert("CMYK"), "a.jpg").shape == (3, 5, 7)
    even = Image.new("RGB", (7, 5), (200, 40, 90))
    jpeg = pixels(tmp_path, even, "a.jpeg", quality=95).reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(jpeg, [200, 40, 90], atol=3)


def test_transparent_pixels_are_laid_over_white(tmp_path: Path) -> None:
    half = pixels(tmp_path, Image.new("RGBA", (2, 2), (255, 0, 100, 51)))
    np.testing.assert_allclose(half[:, 0, 0], [255, 204, 224], atol=1)
    np.testing.assert_array_equal(pixels(tmp_path, Image.new("LA", (2, 2), (0, 0))), 255)
    np.testing.assert_array_equal(pixels(tmp_path, Image.new("L", (2, 2), 7), transparency=7), 255)


def test_photographs_are_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("L", (16, 8))
    image.paste(255, (0, 0, 8, 8))
    turned = pixels(tmp_path, image, "a.jpg", exif=exif, quality=95)
    assert turned.shape == (16, 8)
    assert turned[:8].min() > 240
    assert turned[8:].max() < 15


def test_folders_that_are_refused(pets: Path) -> None:
    def said() -> str:
        return refusal(str(pets))

    assert "--target can't be used with" in refusal(str(pets), target="t")
    assert "--resize must be a height and a width" in refusal(str(pets), resize=(0, 5))
    (pets / "bird").mkdir()
    assert f"{pets / 'bird'} holds no .png, .jpg or .jpeg images" in said()
    write(pets, "bird/robin/a.png", GREY[0])
    assert f"try {pets / 'bird'}, if its folders are the classes" in said()
    write(pets, "bird/a.gif", GREY[0])
    assert "a.gif must be a PNG or JPEG image, got .gif" in said()
    (pets / "bird").rename(pets / "b\x1bird")
    assert "must be printable, got 'b\\x1bird'" in said()


def test_too_few_classes(tmp_path: Path) -> None:
    assert f"{tmp_path} holds no parts of a table (.parquet, .csv, .tsv) and no folders" in refusal(
        str(tmp_path)
    )
    write(tmp_path, "cat/a.png", GREY[0])
    assert "one per class, got only 'cat'" in refusal(str(tmp_path))


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff\xe0\0\x10JFIF"]
)
def test_a_file_that_is_not_an_image_is_named(pets: Path, content: bytes) -> None:
    (pets / "dog" / "a.PNG").write_bytes(content)
    assert f"{pets / 'dog' / 'a.PNG'} can't be read as a PNG or JPEG image" in refusal(str(pets))


def test_an_image_with_a_wrong_checksum_is_refused(pets: Path) -> None:
    path = pets / "dog" / "a.PNG"
    content = bytearray(path.read_bytes())
    content[content.index(b"IEND") - 5] ^= 0xFF
    path.write_bytes(content)
    assert f"{path} can't be read as a PNG or JPEG image" in refusal(str(pets))
    assert open_source(str(pets), skip_bad=True).n_rows == 3


def test_other_formats_are_not_decoded(pets: Path) -> None:
    for kind in ("GIF", "BMP", "TIFF"):
        write(pets, "dog/a.PNG", GREY[0], format=kind)
        assert "can't be read as a PNG or JPEG image" in refusal(str(pets))


def test_deep_pixels_are_refused_rather_than_cut_off(pets: Path) -> None:
    write(pets, "dog/a.PNG", (GREY[0].astype(np.uint16) + 1) * 200)
    assert "a.PNG must be of 8 bits a channel, got more; try an NPZ file" in refusal(str(pets))


def chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def bomb(width: int, height: int, note: bytes = b"") -> bytes:
    """A PNG of a few bytes that says it is large, and may carry a note."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    notes = chunk(b"zTXt", b"a\0\0" + zlib.compress(note))
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + head + notes + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8_200, 10_000, 60_000])
def test_large_images_are_refused_before_they_are_unpacked(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "_pixels", None)
    with pytest.raises(DataError, match=r"a.png must be of at most 67108864 pixels"):
        decode(Path("a.png"), io.BytesIO(bomb(side, side)), None)


def test_a_png_comment_that_unpacks_to_too_much_is_refused() -> None:
    """Pillow refuses it in words of its own, which no other damage has."""
    with pytest.raises(DataError, match=r"a.png can't be read as a PNG or JPEG image"):
        decode(Path("a.png"), io.BytesIO(bomb(9, 9, note=bytes(2**24))), None)


def test_too_many_images(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MOST_VALUES", 3 * 35)
    assert "must be at most 105 (4 GiB in memory), got 140; try --resize" in refusal(str(pets))
    monkeypatch.setattr(checks, "MOST_VALUES", 6 * 35)
    assert open_source(str(pets)).n_rows == 4
    write(pets, "dog/b.png", COLOUR[0])
    assert "got 420" in refusal(str(pets))
    put(pets / "dog", "b.png", "never looked at, since the limit is reached before")
    monkeypatch.setattr(checks, "MOST_VALUES", 2 * 35)
    assert "must be at most 70" in refusal(str(pets))


def png_bytes() -> bytes:
    whole = io.BytesIO()
    Image.fromarray(COLOUR[0]).save(whole, "PNG")
    return whole.getvalue()


def jpeg_bytes() -> bytes:
    whole = io.BytesIO()
    Image.fromarray(COLOUR[0]).save(whole, "JPEG")
    return whole.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.sampled_from([png_bytes(), jpeg_bytes()]), st.data())
def test_no_bytes_lead_to_a_traceback(whole: bytes, data: st.DataObject) -> None:
    broken = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        broken[place] ^= data.draw(st.integers(1, 255))
    # Other errors than these would fail the test; a changed pixel may also be a good image.
    with contextlib.suppress(DataError):
        assert decode(Path("a.png"), io.BytesIO(bytes(broken)), None).dtype == np.uint8

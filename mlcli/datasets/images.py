"""Images as pixels: how they lie in a row of X, and how a PNG or JPEG file is read.

A row is an image flattened channel by channel, and each channel row by row from the top.
``image_shape`` is (h, w) for grey images and (c, h, w) for c channels, which are red, green and
blue, and with c = 4 the opacity; so ``X[i].reshape(image_shape)`` is image i.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.checks import MOST_PIXELS
from mlcli.datasets.dataset import Array
from mlcli.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

CHANNELS = (1, 3, 4)
# Each decoder is one more that a hostile file can attack.
FORMATS = ("PNG", "JPEG")
GREY = ("1", "L", "LA", "La")
DEEP = ("I", "F")
# What EXIF calls orientations in which height and width change places.
QUARTER_TURNS = (5, 6, 7, 8)


def image_shape_of(what: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The image_shape of an array of images.

    Args:
        what: the array, for the message.
        shape: (n, h, w), (n, h, w, c) or (n, c, h, w), with c one of `CHANNELS`. Where both the
            second and the last size could be c, the last one is, as image libraries write it.

    Returns:
        (h, w), or (c, h, w) for c > 1.

    Raises:
        DataError: it is none of these, or the images have no pixels.
    """
    sizes = shape[1:]
    if len(sizes) == 3:
        if _channels_last(shape):
            sizes = (shape[3], shape[1], shape[2])
        if sizes[0] == 1:
            sizes = sizes[1:]
    grey, coloured = len(sizes) == 2, len(sizes) == 3 and sizes[0] in CHANNELS
    if not (grey or coloured) or math.prod(sizes) == 0:
        raise DataError(
            what,
            must="images of shape (n, h, w), (n, h, w, c) or (n, c, h, w) with c = 1, 3 or 4",
            got=f"the shape {shape}",
        )
    return sizes


def as_rows(images: Any) -> Array:
    """Images as rows of floats, (n, D).

    Args:
        images: of a shape that `image_shape_of` takes.
    """
    if _channels_last(images.shape):
        images = images.transpose(0, 3, 1, 2)  # (n, c, h, w)
    return np.ascontiguousarray(images, dtype=np.float64).reshape(len(images), -1)


def pixel_names(image_shape: tuple[int, ...]) -> tuple[str, ...]:
    """D names of columns, in the order of a row."""
    return tuple(f"pixel_{j}" for j in range(math.prod(image_shape)))


def _channels_last(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[3] in CHANNELS


class UnreadableImage(Exception):
    """A file is not a complete PNG or JPEG image; the text says why."""


def decode(path: Path, file: IO[bytes], resize: tuple[int, int] | None) -> NDArray[np.uint8]:
    """The pixels of an image, (h, w) if it is grey and (3, h, w) in colour, of 0 to 255.

    Args:
        path: the file, for the message.
        file: it, open at its start.
        resize: (h, w) to bring it to, by linear interpolation that averages where it shrinks;
            height and width change independently.

    Raises:
        DataError: it is not a PNG or JPEG image, is damaged, has more pixels than `MOST_PIXELS`, or
            has more than 8 bits a channel and is grey.
    """
    try:
        return decode_levels(path, file, resize)
    except UnreadableImage:
        raise DataError(
            f"{path} can't be read as a PNG or JPEG image",
            hint="leaving it out, as --skip-bad does",
        ) from None


def decode_levels(
    path: Path, file: IO[bytes], resize: tuple[int, int] | None = None, *, deep: bool = False
) -> NDArray[Any]:
    """`decode`, for callers that word the error for an unreadable file themselves.

    A photograph is turned as its EXIF note says; what is transparent is laid over white. The size
    that the header claims and all checksums are checked before anything is decoded.

    Args:
        path, file, resize: see `decode`.
        deep: give 16 bits of grey as 0 to 65535, which are refused otherwise.

    Raises:
        UnreadableImage: it is not a PNG or JPEG image, or is damaged.
        DataError: as `decode`.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    with warnings.catch_warnings():
        # Pillow remarks on odd notes beside the pixels, and on large images, refused here anyway.
        warnings.simplefilter("ignore")
        try:
            # `open` reads the head alone; pixels are unpacked only once they have been counted.
            with Image.open(file, formats=FORMATS) as header:
                _check(path, header, deep)
                # Decoding alone passes over wrong checksums.
                header.verify()
            file.seek(0)
            with Image.open(file, formats=FORMATS) as image:
                turned = image if image.format == "PNG" else ImageOps.exif_transpose(image)
                return _pixels(turned, resize)
        except DataError:
            raise
        except Image.DecompressionBombError:
            raise _too_large(path, "more than twice that") from None
        except UnidentifiedImageError:
            raise UnreadableImage("a file of another kind") from None
        except Exception as error:
            # Damaged bytes make the decoders raise almost anything, SyntaxError and MemoryError
            # included.
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UnreadableImage(f"one that can't be decoded ({why})") from None


def head_size(path: Path) -> tuple[int, int]:
    """(h, w) of an image file once it is turned as `decode` does, without its pixels.

    Raises:
        DataError: it is not a PNG or JPEG image.
    """
    from PIL import ExifTags, Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size
                note = image.getexif().get(ExifTags.Base.Orientation, 1)
                turned = image.format == "JPEG" and note in QUARTER_TURNS
        except Exception:
            # As above: damaged bytes raise almost anything.
            raise DataError(
                f"{path} can't be read as a PNG or JPEG image", hint="leaving it out"
            ) from None
    return (width, height) if turned else (height, width)


def _check(path: Path, image: Image.Image, deep: bool) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise _too_large(path, f"{height} x {width}")
    if image.mode.startswith(DEEP) and not deep:
        # Cut off at 255 by a conversion, they would be white all over.
        raise DataError(
            f"{path}", must="of 8 bits a channel", got="more", hint="an NPZ file with X and y"
        )


def _too_large(path: Path, got: str) -> DataError:
    return DataError(f"{path}", must=f"of at most {MOST_PIXELS} pixels", got=got)


def _pixels(image: Image.Image, resize: tuple[int, int] | None) -> NDArray[Any]:
    from PIL import Image

    if image.mode.startswith(DEEP):
        return np.asarray(image).astype(np.uint16)
    mode = "L" if image.mode in GREY else "RGB"
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    image = image.convert(mode)
    if resize is not None:
        height, width = resize
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=np.uint8)  # (h, w) or (h, w, 3)
    return pixels if mode == "L" else pixels.transpose(2, 0, 1)  # (3, h, w)

"""One PNG or JPEG file -> its pixels; nothing in it is trusted before it is checked."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.limits import MOST_PIXELS
from mlcli.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG")
GREY = ("1", "L", "LA", "La")
DEEP = ("I", "F")
# What EXIF calls orientations in which height and width change places.
QUARTER_TURNS = (5, 6, 7, 8)


def decode(path: Path, file: IO[bytes], resize: tuple[int, int] | None) -> NDArray[np.uint8]:
    """The pixels of an image, (h, w) if it is grey and (3, h, w) in colour, of 0 to 255.

    A photograph is turned as its EXIF note says; what is transparent is laid over white.

    Args:
        path: the file, for the message.
        file: it, open at its start.
        resize: (h, w) to bring it to, by linear interpolation that averages where it shrinks;
            height and width change independently.

    Raises:
        DataError: it is no PNG or JPEG image, is damaged, has more pixels than `MOST_PIXELS`, or
            has more than 8 bits a channel and is grey.
    """
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        # Pillow remarks on odd notes beside the pixels, and on large images, refused here anyway.
        warnings.simplefilter("ignore")
        try:
            # `open` reads the head alone; pixels are unpacked only once they have been counted.
            with Image.open(file, formats=FORMATS) as image:
                _check(path, image)
                turned = image if image.format == "PNG" else ImageOps.exif_transpose(image)
                return _pixels(turned, resize)
        except DataError:
            raise
        except Image.DecompressionBombError:
            raise _too_large(path, "more than twice that") from None
        except Exception:
            # Damaged bytes make the decoders raise almost anything, SyntaxError included.
            raise DataError(
                f"{path} can't be read as a PNG or JPEG image",
                hint="leaving it out, as --skip-bad does",
            ) from None


def head_size(path: Path) -> tuple[int, int]:
    """(h, w) of an image file once it is turned as `decode` does, without its pixels.

    Raises:
        DataError: it is no PNG or JPEG image.
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


def _check(path: Path, image: Image.Image) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise _too_large(path, f"{height} x {width}")
    if image.mode.startswith(DEEP):
        # Cut off at 255 by a conversion, they would be white all over.
        raise DataError(
            f"{path}", must="of 8 bits a channel", got="more", hint="an NPZ file with X and y"
        )


def _too_large(path: Path, got: str) -> DataError:
    return DataError(f"{path}", must=f"of at most {MOST_PIXELS} pixels", got=got)


def _pixels(image: Image.Image, resize: tuple[int, int] | None) -> NDArray[np.uint8]:
    from PIL import Image

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

"""The parameters of `mlcli filters` (sections 8.1 to 8.3 and 8.5 of the notes)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import field_validator

from mlcli.config.common import SeedFields, SourceFields
from mlcli.config.fields import Int, Several, Unset, param

FilterName = Literal[
    "difference",
    "vertical",
    "horizontal",
    "sobel",
    "sobel-horizontal",
    "sobel-diagonal",
    "scharr",
    "scharr-horizontal",
]
Kernel = tuple[tuple[tuple[float, ...], ...], ...]
LARGEST_ENTRY = 1e9
LARGEST_PADDING = 64


def kernel_of(text: str) -> Kernel:
    """A kernel from text: channels between ``|``, rows between ``;``, entries between commas.

    Returns:
        (n_ch, f_h, f_w) as tuples.

    Raises:
        ValueError: an entry is no number, or the kernel is not rectangular.
    """
    channels = []
    for channel in text.split("|"):
        # A mark at the end of a row of text is no row of its own.
        rows = [row.replace(",", " ").split() for row in channel.strip().rstrip(";").split(";")]
        channels.append(tuple(tuple(_entry(word) for word in row) for row in rows))
    shapes = {(len(rows), len(row)) for rows in channels for row in rows}
    if len(shapes) > 1 or not all(channels[0]):
        sizes = "/".join(",".join(str(len(row)) for row in rows) for rows in channels)
        raise ValueError(f"must have rows of one length, got {sizes} entries; try '1,0,-1;2,0,-2'")
    return tuple(channels)


def _entry(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"must be numbers, got {word[:20]!r}; try '1,0,-1;2,0,-2'") from None
    if not math.isfinite(value) or abs(value) > LARGEST_ENTRY:
        raise ValueError(f"must be numbers of at most {LARGEST_ENTRY:g} in size, got {word[:20]!r}")
    return value


class FiltersConfig(SourceFields, SeedFields):
    """Filters, pooling and 1 x 1 convolutions on the notes' matrix, on pictures and on digits."""

    data: str = param(
        "digits",
        "Images that are shifted and unrolled: a set of images, one per row.",
        example="digits",
    )
    picture: Literal["matrix", "china", "flower", "digit"] = param(
        "china", "What is filtered: the matrix (8.1), a photograph, or a digit of the data."
    )
    picture_file: Annotated[str | None, Unset] = param(
        None, "A PNG or JPEG file that is filtered instead.", example="photo.png", is_file=True
    )
    longest_side: Int = param(
        128,
        "Pictures with a longer side are made smaller, by means over blocks of pixels.",
        unit="pixels",
        ge=8,
        le=2048,
    )
    digit: Int = param(2, "Class of the image that is shown shifted.", ge=0)
    filters: Several[FilterName] = param(
        ("difference", "vertical", "horizontal", "sobel", "scharr"),
        "Filters of sections 8.1 and 8.2.",
        also_called={"prewitt": "vertical", "edge": "vertical", "diagonal": "sobel-diagonal"},
    )
    kernel: Annotated[str | None, Unset] = param(
        None,
        "One more filter: rows between ; and entries between commas; channels between |.",
        example="0,1,0;1,-4,1;0,1,0",
    )
    kernel_file: Annotated[str | None, Unset] = param(
        None,
        "One more filter from a text file: a row a line, an empty line between channels.",
        example="kernel.txt",
        is_file=True,
    )
    channels: Literal["grey", "all", "each"] = param(
        "grey",
        "Colours of a picture: their mean is filtered, or all at once (8.10), or each by itself.",
    )
    stride: Int = param(1, "Stride s of the filters.", unit="pixels", ge=1, le=64)
    padding: str = param(
        "valid",
        "Zeros around the picture: valid (none), same (8.17) or their number p.",
        example="same",
    )
    n_filters: Int = param(10, "Filters of the layer whose parameters are counted.", ge=1, le=4096)
    filter_size: Int = param(3, "Size f of the filters of that layer.", unit="pixels", ge=1, le=64)
    pool_size: Int = param(2, "Size f of a pooling window.", unit="pixels", ge=1, le=64)
    pool_stride: Annotated[Int | None, Unset] = param(
        None,
        "Stride of the pooling windows (default: their size).",
        unit="pixels",
        example="1",
        ge=1,
        le=64,
    )
    max_shift: Int = param(3, "Farthest shift of the images.", unit="pixels", ge=1, le=16)
    n_images: Int = param(100, "Images of each seed that are shifted.", ge=2, le=1000)

    @field_validator("kernel")
    @classmethod
    def _is_a_kernel(cls, text: str | None) -> str | None:
        if text is not None:
            kernel_of(text)
        return text

    @field_validator("padding", mode="before")
    @classmethod
    def _numbers_are_paddings(cls, value: object) -> object:
        return str(value) if type(value) is int else value

    @field_validator("padding")
    @classmethod
    def _is_a_padding(cls, text: str) -> str:
        number = text.isascii() and text.isdigit() and len(text) <= 4
        if text not in ("valid", "same") and not (number and int(text) <= LARGEST_PADDING):
            raise ValueError(
                f"must be valid, same or an integer from 0 to {LARGEST_PADDING}, got {text!r}"
            )
        return text

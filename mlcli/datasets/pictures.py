"""One picture as an array: the notes' matrix, scikit-learn's photographs, a PNG or JPEG file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import Dataset
from mlcli.datasets.images import UnreadableImage, decode_levels
from mlcli.errors import DataError

Array = NDArray[np.float64]
MOST_BYTES = 100 * 2**20


@dataclass(frozen=True)
class Picture:
    """An image tensor in the notes' order.

    Attributes:
        name: what reports call it.
        pixels: (n_h, n_w, n_ch), one channel or red, green, blue; from 0 to 1, but the notes'
            matrix has its own 0 and 10.
        reduced_by: pixels of the original along each side of one pixel here.
    """

    name: str
    pixels: Array
    reduced_by: int = 1

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names of the channels."""
        return ("grey",) if self.pixels.shape[2] == 1 else ("red", "green", "blue")


def edge_matrix() -> Array:
    """The 6 x 6 image (8.1) of one vertical edge: three columns of 10, three of 0."""
    return np.tile([10.0, 10.0, 10.0, 0.0, 0.0, 0.0], (6, 1))


def named_picture(name: str, longest_side: int) -> Picture:
    """``matrix``, ``china`` or ``flower``.

    Args:
        name: one of them.
        longest_side: pictures with a longer side are reduced, see `reduce`.

    Raises:
        DataError: an unknown name, with the nearest one.
    """
    if name not in NAMED:
        nearest = get_close_matches(name, NAMED, n=1)
        raise DataError(
            "a picture",
            must="one of " + ", ".join(NAMED),
            got=repr(name),
            hint=nearest[0] if nearest else "a PNG or JPEG file",
        )
    return reduce(name, NAMED[name](), longest_side)


def _photograph(name: str) -> Callable[[], NDArray[Any]]:
    def load() -> NDArray[Any]:
        from sklearn.datasets import load_sample_image

        return np.asarray(load_sample_image(f"{name}.jpg"))

    return load


NAMED: dict[str, Callable[[], NDArray[Any]]] = {
    "matrix": lambda: edge_matrix()[:, :, None],
    "china": _photograph("china"),
    "flower": _photograph("flower"),
}


def grey_images(data: Dataset, shape: tuple[int, ...]) -> Array:
    """Every image of a set, (N, n_h, n_w), colours as their mean and without their opacity.

    Args:
        data: one image per row.
        shape: (n_h, n_w) or (n_ch, n_h, n_w) of a row.
    """
    images = data.X.reshape(-1, *shape)
    return images if len(shape) == 2 else np.asarray(images[:, :3].mean(axis=1))


def first_of_class(
    data: Dataset, shape: tuple[int, ...], number: int, longest_side: int
) -> Picture:
    """The first image of a class in grey, its brightest pixel at 1.

    Args:
        data: one image per row.
        shape: of a row, see `grey_images`.
        number: of the class.
        longest_side: see `reduce`.

    Raises:
        DataError: there is no such class.
    """
    rows = np.flatnonzero(data.t == number)
    if rows.size == 0:
        known = np.unique(data.t)
        raise DataError(
            f"the class of an image of {data.name}",
            must=f"one of its classes {known[0]:g} to {known[-1]:g}",
            got=str(number),
        )
    image = grey_images(replace(data, X=data.X[rows[:1]]), shape)[0]
    levels = image[:, :, None] / max(float(image.max()), 1.0)
    return reduce(f"{data.name}, class {number}", levels, longest_side)


def read_picture(path: Path, longest_side: int) -> Picture:
    """A PNG or JPEG file: grey stays grey, all else becomes red, green, blue; clear is white.

    Args:
        path: the file.
        longest_side: see `reduce`.

    Raises:
        DataError: it can't be read, is not a PNG or JPEG, is cut off, or is too large.
    """
    if not path.is_file():
        raise DataError("a picture", must="a PNG or JPEG file", got=f"{path} (no such file)")
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size > MOST_BYTES:
                raise DataError(f"{path}", must=f"at most {MOST_BYTES:,} bytes", got=f"{size:,}")
            levels = decode_levels(path, file, deep=True)
    except (UnreadableImage, OSError) as error:
        why = str(error) if isinstance(error, UnreadableImage) else f"{error.strerror}"
        raise DataError(f"{path}", must="a whole PNG or JPEG picture", got=why) from None
    levels = levels[:, :, None] if levels.ndim == 2 else levels.transpose(1, 2, 0)
    return reduce(path.name, np.ascontiguousarray(levels), longest_side)


def reduce(name: str, levels: NDArray[Any], longest_side: int) -> Picture:
    """Means over k x k blocks, k the least that fits, and whole numbers of a type onto 0 to 1.

    Rows and columns at the end that fill no block are left out, but for a side below k.

    Args:
        name: of the picture.
        levels: (n_h, n_w, n_ch).
        longest_side: the most pixels a side may keep.
    """
    n_h, n_w, n_ch = levels.shape
    k = -(-max(n_h, n_w) // longest_side)
    top = np.iinfo(levels.dtype).max if np.issubdtype(levels.dtype, np.integer) else 1.0
    if k == 1:
        return Picture(name, levels / top)
    k_h, k_w = min(k, n_h), min(k, n_w)
    o_h, o_w = n_h // k_h, n_w // k_w
    blocks = levels[: o_h * k_h, : o_w * k_w].reshape(o_h, k_h, o_w, k_w, n_ch)
    return Picture(name, blocks.mean(axis=(1, 3), dtype=np.float64) / top, k)

"""How an image lies in a row of X: the one convention of all sources.

A row is an image flattened channel by channel, and each channel row by row from the top.
``image_shape`` is (h, w) for grey images and (c, h, w) for c channels, which are red, green and
blue, and with c = 4 the opacity; so ``X[i].reshape(image_shape)`` is image i.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlcli.datasets.dataset import Array
from mlcli.errors import DataError

CHANNELS = (1, 3, 4)


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

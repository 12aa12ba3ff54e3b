"""Rows as images, and presets of layers on images of any size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlcli.estimators.parameters import ParameterError
from mlcli.neural.architecture import shapes
from mlcli.neural.layer_spec import LayerSpec, parse

Shape = tuple[int, int, int]
# Rows whose number of columns is the square of at least this are taken for square images.
SMALLEST_SIDE = 8


def shape_of(image_shape: Sequence[int] | None, n_features: int) -> Shape:
    """(c, h, w) of images that are unrolled into rows of D columns.

    Args:
        image_shape: (h, w) or (c, h, w); None: a square where D is that of 8 or more, as for the
            64 columns of 8 x 8 digits, else one line of D pixels.
        n_features: D.

    Raises:
        ParameterError: the shape is invalid, or does not have D pixels.
    """
    if image_shape is None:
        side = math.isqrt(n_features)
        square = side >= SMALLEST_SIDE and side * side == n_features
        return (1, side, side) if square else (1, 1, n_features)
    given = tuple(image_shape)
    good = len(given) in (2, 3) and all(isinstance(n, int | np.integer) and n > 0 for n in given)
    if not good:
        raise ParameterError(
            "CNNClassifier: image_shape",
            must="(h, w) or (c, h, w), numbers above 0",
            got=repr(image_shape),
        )
    c, h, w = (1, *given) if len(given) == 2 else given
    if c * h * w != n_features:
        raise ParameterError(
            "CNNClassifier: image_shape",
            must=f"of {n_features} pixels, the columns of X",
            got=f"{given}, which has {c * h * w}",
        )
    return int(c), int(h), int(w)


def unrolled(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Images (n, h, w) or (n, c, h, w) as rows, with their shape; other input unchanged."""
    ndim = getattr(X, "ndim", 0)
    if ndim not in (3, 4):
        return X, None
    images = np.asarray(X)
    return images.reshape(len(images), -1), images.shape[1:]


def fitted_lines(lines: Sequence[str], shape: Shape) -> tuple[str, ...]:
    """The layers, with every filter and window cut to the size of its input.

    On images of one line a pool of 2 x 2 becomes 1 x 2, and on a single pixel 1 x 1. Layers that
    fit are not changed.
    """
    found: list[str] = []
    current: Sequence[int] = shape
    for number, spec in enumerate(parse(lines)):
        found.append(_clipped(spec, current))
        # With some output layer, the shapes of incomplete lists of layers are defined.
        current = shapes(parse(found), shape, 1)[number].output
    return tuple(found)


def _clipped(spec: LayerSpec, shape: Sequence[int]) -> str:
    if spec.kind not in ("conv", "pool"):
        return spec.line
    sides = [n + 2 * p for n, p in zip(shape[1:], spec.padding, strict=True)]
    h, w = (min(f, n) for f, n in zip(spec.size, sides, strict=True))
    if (h, w) == spec.size:
        return spec.line
    down, right = min(spec.stride[0], h), min(spec.stride[1], w)
    if spec.kind == "pool":
        return f"pool {spec.pooling} {h}x{w} stride {down}x{right}"
    pad = f"{spec.padding[0]}x{spec.padding[1]}"
    return f"conv {spec.n} {h}x{w} pad {pad} stride {down}x{right}"

"""Images in an NPZ file: an array X of them, and an array of their classes or their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.datasets.columns import DEFAULT_TARGETS
from mlcli.datasets.dataset import Array, Dataset, Task
from mlcli.datasets.files import sha256
from mlcli.datasets.held import ImageSource
from mlcli.datasets.images import as_rows, image_shape_of, pixel_names
from mlcli.datasets.read_npz import ArrayHeader, load
from mlcli.errors import DataError

IMAGES = "X"
# Kinds of dtype: what is counted is a class, what is measured is a regression.
COUNTED, MEASURED = "biu", "f"


def holds_images(heads: Mapping[str, ArrayHeader]) -> bool:
    """Whether an NPZ file is one of images: its X has 3 dimensions or more."""
    head = heads.get(IMAGES)
    return head is not None and head.shape is not None and len(head.shape) > 2


def open_npz_images(
    path: Path, heads: Mapping[str, ArrayHeader], target: str | None, *, drop_missing: bool
) -> ImageSource:
    """Images X and a target with one number for each, (n,) or (n, 1).

    Integers and booleans are classes, floats a regression. Other arrays are left alone.

    Args:
        path: the file.
        heads: of its arrays.
        target: name of the target; left out, ``t``, else ``y``, else ``target``.
        drop_missing: leave out images with missing or infinite values.

    Raises:
        DataError: X is of no shape that `layout.image_shape_of` takes, the target is missing, of
            another length or of one class only, or values are missing.
    """
    key = _target(path, heads, target)
    shape = heads[IMAGES].shape or ()
    image_shape = image_shape_of(f"'{IMAGES}' in {path}", shape)
    _check_types(path, heads, key, n=shape[0])
    arrays = load(path, (IMAGES, key))
    task: Task = "classification" if heads[key].dtype.kind in COUNTED else "regression"
    good = _complete(path, arrays, key, drop_missing=drop_missing)
    images, values = arrays[IMAGES], arrays[key].reshape(-1)  # (n,)
    if not good.all():
        images, values = images[good], values[good]
    t: Array = values.astype(np.float64)
    if task == "classification":
        _check_classes(path, key, values, t)
    data = Dataset(path.name, as_rows(images), t, pixel_names(image_shape), key)
    identity: dict[str, Any] = {
        "kind": "file",
        "file": path.name,
        "sha256": sha256(path),
        "target": key,
        "features": [IMAGES],
        "image_shape": list(image_shape),
        "drop_missing": drop_missing,
    }
    return ImageSource(data, identity, task, image_shape)


def _target(path: Path, heads: Mapping[str, ArrayHeader], asked: str | None) -> str:
    others = [key for key in heads if key != IMAGES]
    wanted = DEFAULT_TARGETS if asked is None else (asked,)
    for name in wanted:
        if name in others:
            return name
    hint = "--target with one of its arrays: " + ", ".join(others[:12])
    raise DataError(
        f"{path} has images X but no array {' or '.join(wanted)} of what they are",
        hint=hint if others else "numpy.savez with X and y",
    )


def _check_types(path: Path, heads: Mapping[str, ArrayHeader], key: str, n: int) -> None:
    shape = heads[key].shape
    if shape not in ((n,), (n, 1)):
        got = "no array" if shape is None else f"the shape {shape}"
        raise DataError(f"'{key}' in {path}", must=f"of shape ({n},), a number an image", got=got)
    for name in (IMAGES, key):
        dtype = heads[name].dtype
        if dtype.kind not in COUNTED + MEASURED:
            raise DataError(f"'{name}' in {path}", must="integers or floats", got=str(dtype))


def _complete(path: Path, arrays: Mapping[str, Any], key: str, *, drop_missing: bool) -> Any:
    """Which images have nothing missing or infinite, in their pixels or their target, (n,)."""
    n = len(arrays[key])
    good = np.ones(n, dtype=bool)
    for name in (IMAGES, key):
        if arrays[name].dtype.kind == MEASURED:
            finite = np.isfinite(arrays[name])
            bad = ~finite.all(axis=tuple(range(1, finite.ndim)))  # (n,)
            good &= ~bad
            if bad.any() and not drop_missing:
                raise DataError(
                    f"'{name}' in {path} has missing or infinite values in {int(bad.sum())} of "
                    f"{n} images, first in number {int(bad.argmax())}",
                    hint="--drop-missing to leave those images out",
                )
    if good.sum() < 2:
        raise DataError(f"the images of {path}", must="at least 2", got=str(int(good.sum())))
    return good


def _check_classes(path: Path, key: str, values: Any, t: Array) -> None:
    classes = np.unique(values)
    if classes.size < 2:
        raise DataError(
            f"'{key}' in {path}", must="of two classes or more", got=f"only {classes[0]}"
        )
    if np.unique(t).size != classes.size:
        raise DataError(
            f"'{key}' in {path}", must="numbers of classes below 2**53", got=str(classes[-1])
        )

"""Images by class -> their size, number, range and classes."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from mlcli.datasets.describe import balance
from mlcli.datasets.source import open_source


def describe_images(
    path: str, target: str | None = None, resize: tuple[int, int] | None = None
) -> dict[str, Any]:
    """What a folder of images by class, or an NPZ file of images, holds, in JSON's types.

    All images are in memory at once, as in training.

    Args:
        path: the folder or the file.
        target: the array of the labels in an NPZ file.
        resize: (h, w) that the images of a folder are brought to.

    Raises:
        DataError: it holds no images, or they are of several sizes.
    """
    source = open_source(path, target=target, resize=resize)
    data = source.replicate(0, 0)
    labels, codes = np.unique(data.t, return_inverse=True)
    names = source.class_names or tuple(f"{label:g}" for label in labels)
    if source.class_names is not None:
        codes = data.t.astype(np.int64)
    classes = balance(names, np.bincount(codes, minlength=len(names)))
    warnings = [f"rare class: {one['value']} ({one['n']} images)" for one in classes if one["rare"]]
    n_different = len({hashlib.sha256(image.tobytes()).digest() for image in data.X})
    if n_different < len(data.t):
        again = len(data.t) - n_different
        warnings.append(f"{again} of {len(data.t)} images equal an earlier one")
    return {
        "file": source.name,
        "n_rows": len(data.t),
        "image_shape": list(source.image_shape or ()),
        "min": float(data.X.min()),
        "mean": float(data.X.mean()),
        "max": float(data.X.max()),
        "classes": classes,
        "warnings": warnings,
    }

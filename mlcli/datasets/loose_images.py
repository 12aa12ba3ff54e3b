"""A folder of images that need no classes, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.image_folder import SUFFIXES, what_is_wrong
from mlcli.datasets.images import decode
from mlcli.datasets.rows import Batch, Wanted, check_images
from mlcli.errors import DataError


def folder_batches(folder: Path, wanted: Wanted, rows: int) -> Iterator[Batch]:
    """The PNG and JPEG images of a folder and of the folders in it, in the order of their names.

    Args:
        folder: where they are; hidden files and folders are passed over.
        wanted: with a target, each image's folder is the name of its class.
        rows: images at a time.

    Raises:
        DataError: there are none, one can't be read or is of another size, or a folder's name is
            that of no class.
    """
    paths = sorted(path for path in folder.rglob("*") if _is_image(path.relative_to(folder)))
    if not paths:
        raise DataError(f"{folder} holds no .png, .jpg or .jpeg images")
    for path in paths:
        # Names become cells of the answer, and text on a terminal.
        if not str(path.relative_to(folder)).isprintable():
            raise DataError(f"the names in {folder}", must="printable", got=ascii(path.name))
    n_read = 0
    for start in range(0, len(paths), rows):
        some = paths[start : start + rows]
        images, skipped = {}, []
        for path in some:
            try:
                image = _decoded(path, wanted)
            except DataError as error:
                if not wanted.skip_bad:
                    raise
                skipped.append(what_is_wrong(error))
                continue
            images[path] = _row(path, image, wanted)
        some = list(images)
        X = np.stack(list(images.values())) if images else np.empty((0, len(wanted.features)))
        t = None if wanted.target is None else np.array([_class(path, wanted) for path in some])
        files = tuple(path.relative_to(folder).as_posix() for path in some)
        yield Batch(X, t, files, tuple(skipped))
        n_read += len(X)
    if not n_read:
        raise DataError(f"{folder} holds no image that can be read")


def _is_image(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.suffix.lower() in SUFFIXES


def _decoded(path: Path, wanted: Wanted) -> NDArray[np.float64]:
    try:
        with path.open("rb") as file:
            return decode(path, file, wanted.resize).astype(np.float64)
    except OSError as error:
        raise DataError(f"{path} can't be read: {(error.strerror or '').lower()}") from None


def _row(path: Path, image: NDArray[np.float64], wanted: Wanted) -> NDArray[np.float64]:
    assert wanted.image_shape is not None
    if image.ndim == 2 and len(wanted.image_shape) == 3 and wanted.image_shape[0] == 3:
        # As in the training: a grey image is as red as it is green and blue.
        image = np.broadcast_to(image, (3, *image.shape))
    check_images(f"{path}", image.shape, wanted)
    return image.reshape(-1)


def _class(path: Path, wanted: Wanted) -> float:
    name = path.parent.name
    if name not in wanted.classes:
        raise DataError(
            f"the folder of {path}",
            must="the name of a class of the model: " + ", ".join(wanted.classes[:12]),
            got=repr(name),
        )
    value = wanted.class_values[wanted.classes.index(name)]
    assert value is not None
    return value

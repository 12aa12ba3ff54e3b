"""A folder of images by class: DIR/name of the class/image.png."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.checks import MOST_PIXELS, refuse_too_many
from mlcli.datasets.dataset import Array, Dataset
from mlcli.datasets.held import ImageSource
from mlcli.datasets.images import decode, head_size, pixel_names
from mlcli.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg")
# Images that aren't read; passing them over would lose rows without a word.
OTHER_IMAGES = (".bmp", ".gif", ".tif", ".tiff", ".webp", ".heic")

Pixels = NDArray[np.uint8]


def open_folder(
    folder: Path, resize: tuple[int, int] | None = None, *, skip_bad: bool = False
) -> ImageSource:
    """Read every image of a folder of classes.

    Classes are numbered from 0 in the order of their names, and rows lie in the order of class
    and file name. If every image is grey, all stay grey; else all are red, green and blue. Hidden
    files and folders, and files that aren't images, are passed over.

    Args:
        folder: it holds one folder for each class.
        resize: (h, w) that all images are brought to; left out, they must be of one size.
        skip_bad: leave out files that are no image or are damaged; the source says which.

    Raises:
        DataError: fewer than two classes, a class without images, a file that is no image, images
            of several sizes, or more of them than fit in memory.
    """
    if resize is not None:
        _check_resize(resize)
    classes = {name: _images(folder, name) for name in _class_names(folder)}
    names = tuple(classes)
    pairs = [(k, path) for k, paths in enumerate(classes.values()) for path in paths]
    images, digest, skipped = _read(folder, [path for _, path in pairs], resize, skip_bad)
    pairs = [(k, path) for k, path in pairs if path not in skipped]
    kept = {k for k, _ in pairs}
    for k, name in enumerate(names):
        if k not in kept:
            raise DataError(f"{folder / name} holds no image that can be read")
    X, image_shape = _rows(images)
    t = np.array([k for k, _ in pairs], dtype=np.float64)
    data = Dataset(
        folder.resolve().name, X, t, pixel_names(image_shape), "class", class_names=names
    )
    identity: dict[str, Any] = {
        "kind": "folder",
        "folder": data.name,
        "sha256": digest,
        "resize": None if resize is None else list(resize),
    }
    if skipped:
        identity["skipped"] = [path.relative_to(folder).as_posix() for path in skipped]
    return ImageSource(
        data, identity, "classification", image_shape, names, skipped=tuple(skipped.values())
    )


def image_sizes(folder: Path) -> set[tuple[int, int]]:
    """The different (h, w) of the images of a folder of classes, from their heads alone.

    Raises:
        DataError: as `open_folder`, but for sizes.
    """
    names = _class_names(folder)
    return {head_size(path) for name in names for path in _images(folder, name)}


def _check_resize(resize: tuple[int, int]) -> None:
    height, width = resize
    if min(height, width) < 1 or height * width > MOST_PIXELS:
        raise DataError(
            "--resize",
            must=f"a height and a width, with at most {MOST_PIXELS} pixels",
            got=f"{height} x {width}",
        )


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    """What isn't hidden in a folder, in the order of names.

    Raises:
        DataError: it can't be listed, or a name can't be shown.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted((e for e in entries if e.name[0] != "."), key=lambda e: e.name)
    except OSError as error:
        raise DataError(f"{folder} can't be read: {(error.strerror or '').lower()}") from None
    for entry in found:
        if not entry.name.isprintable():
            raise DataError(f"the names in {folder}", must="printable", got=ascii(entry.name))
    return found


def _class_names(folder: Path) -> list[str]:
    names = [entry.name for entry in _listed(folder) if entry.is_dir()]
    if len(names) < 2:
        got = f"only '{names[0]}'" if names else "none"
        raise DataError(f"the folders in {folder}", must="two or more, one a class", got=got)
    return names


def _images(folder: Path, name: str) -> list[Path]:
    found = _listed(folder / name)
    for entry in found:
        if Path(entry.name).suffix.lower() in OTHER_IMAGES:
            raise DataError(
                f"{Path(entry.path)}", must="a PNG or JPEG image", got=Path(entry.name).suffix
            )
    paths = [
        Path(entry.path)
        for entry in found
        if Path(entry.name).suffix.lower() in SUFFIXES and entry.is_file()
    ]
    if not paths:
        nested = any(entry.is_dir() for entry in found)
        raise DataError(
            f"{folder / name} holds no .png, .jpg or .jpeg images of its class",
            hint=f"{folder / name}, if its folders are the classes" if nested else None,
        )
    return paths


def _read(
    folder: Path, paths: list[Path], resize: tuple[int, int] | None, skip_bad: bool
) -> tuple[list[Pixels], str, dict[Path, str]]:
    """The images, a SHA-256 over their classes, names and bytes, and what was wrong with others."""
    images: list[Pixels] = []
    skipped: dict[Path, str] = {}
    digest = hashlib.sha256()
    n_values = 0
    for path in paths:
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
                file.seek(0)
                image = decode(path, file, resize)
        except OSError as error:
            raise DataError(f"{path} can't be read: {(error.strerror or '').lower()}") from None
        except DataError as error:
            if not skip_bad:
                raise
            skipped[path] = what_is_wrong(error)
            continue
        # No name holds a zero byte, and all hashes are of one length: nothing can run together.
        digest.update(f"{path.parent.name}/{path.name}\0".encode() + content)
        if images and image.shape[-2:] != images[0].shape[-2:]:
            height, width = images[0].shape[-2:]
            raise DataError(
                f"{path}",
                must=f"{height} x {width} pixels as the first image",
                got=" x ".join(map(str, image.shape[-2:])),
                hint="--resize",
            )
        images.append(image)
        n_values += image.size
        refuse_too_many(folder, n_values, "--resize to fewer pixels, or fewer images")
    if not images:
        raise DataError(f"{folder} holds no image that can be read")
    # One image in colour makes all of them as large.
    n_most = len(images) * max(image.size for image in images)
    refuse_too_many(folder, n_most, "--resize to fewer pixels, or fewer images")
    return images, digest.hexdigest(), skipped


def what_is_wrong(error: DataError) -> str:
    """A sentence without what to try."""
    return str(error).partition("; try ")[0]


def _rows(images: list[Pixels]) -> tuple[Array, tuple[int, ...]]:
    """Images as rows (n, D), with their image_shape."""
    image_shape = max((image.shape for image in images), key=len)
    X = np.empty((len(images), math.prod(image_shape)))
    for row, image in zip(X, images, strict=True):
        # A grey image among coloured ones is as red as it is green and blue.
        row.reshape(image_shape)[...] = image
    return X, image_shape

"""Images with their classes or numbers: a folder DIR/class/image.png, or an NPZ file of X and y."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.checks import MOST_PIXELS, refuse_too_many
from mlcli.datasets.columns import DEFAULT_TARGETS
from mlcli.datasets.dataset import Array, Dataset, Task
from mlcli.datasets.files import IMAGE_SUFFIXES, sha256, visible_entries
from mlcli.datasets.images import as_rows, decode, head_size, image_shape_of, pixel_names
from mlcli.datasets.in_memory import ImageSource
from mlcli.datasets.read_npz import ArrayHeader, load
from mlcli.errors import DataError

HIDDEN = (".",)
# Images that can't be read; ignoring them would lose rows silently.
OTHER_IMAGES = (".bmp", ".gif", ".tif", ".tiff", ".webp", ".heic")

Pixels = NDArray[np.uint8]
IMAGES = "X"


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
        skip_bad: leave out files that are not images or are damaged; see `ImageSource.skipped`.

    Raises:
        DataError: fewer than two classes, a class without images, a file that is not an image,
            images of several sizes, or more of them than fit in memory.
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


def _class_names(folder: Path) -> list[str]:
    names = [entry.name for entry in visible_entries(folder, HIDDEN) if entry.is_dir()]
    if len(names) < 2:
        got = f"only '{names[0]}'" if names else "none"
        raise DataError(f"the folders in {folder}", must="two or more, one per class", got=got)
    return names


def _images(folder: Path, name: str) -> list[Path]:
    found = visible_entries(folder / name, HIDDEN)
    for entry in found:
        if Path(entry.name).suffix.lower() in OTHER_IMAGES:
            raise DataError(
                f"{Path(entry.path)}", must="a PNG or JPEG image", got=Path(entry.name).suffix
            )
    paths = [
        Path(entry.path)
        for entry in found
        if Path(entry.name).suffix.lower() in IMAGE_SUFFIXES and entry.is_file()
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


# Kinds of dtype: integers and booleans are classes, floats are a regression.
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
        DataError: X is of no shape that `images.image_shape_of` takes, the target is missing, of
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

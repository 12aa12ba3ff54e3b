"""Image sets: find them on this machine, fetch them once, load them verified."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.download import DownloadFailed, Progress, download
from mlcli.datasets.idx import load_idx, load_with_hash
from mlcli.datasets.imagesets import (
    IMAGE_SETS,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    ImageSet,
)
from mlcli.errors import DataError

__all__ = ["fetch", "find", "images", "load_idx", "require"]

FOLDER_VARIABLE = "MLCLI_DATA"
Bytes = NDArray[np.uint8]


def find(name: str) -> Path | None:
    """The folder that holds the four files of an image set, or None.

    Searched in turn: ``$MLCLI_DATA/<name>``, ``$MLCLI_DATA``, the folder of a system package
    (Debian's dataset-fashion-mnist), and the user's cache.

    Raises:
        DataError: there is no image set of that name.
    """
    wanted = _image_set(name)
    return next((folder for folder in _candidates(wanted) if _holds(folder, wanted)), None)


def fetch(name: str, *, folder: Path | None = None, progress: Progress | None = None) -> Path:
    """Make sure that an image set is on this machine.

    Args:
        name: ``fashion-mnist`` or ``mnist``.
        folder: where to put it; left out, a set that `find` finds is used as it is, and a new one
            goes to ``$MLCLI_DATA/<name>`` or the user's cache.
        progress: called with the bytes of a file so far and in all, file after file.

    Returns:
        The folder of the four files.

    Raises:
        DataError: no mirror delivers the right bytes, or the folder can't be written. What came
            of a file is kept as ``.part``, and the next attempt asks only for the rest.
    """
    wanted = _image_set(name)
    if folder is None:
        found = find(name)
        if found is not None:
            return found
        folder = _cache(wanted)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, sha256 in wanted.files.items():
            if not _is_right(folder / file, sha256):
                _fetch_file(wanted, folder / file, sha256, progress)
    except OSError as error:
        raise DataError(f"{folder} can't be written to: {error.strerror}") from None
    return folder


def require(name: str) -> Path:
    """`find`, for a set that must be there.

    Raises:
        DataError: it isn't; saying how to get it.
    """
    folder = find(name)
    if folder is None:
        raise DataError(
            f"{name} is not on this machine",
            hint=f"`mlcli data fetch {name}` or placing its files in ${FOLDER_VARIABLE}/{name}",
        )
    return folder


def images(name: str) -> tuple[Bytes, Bytes, Bytes, Bytes]:
    """Training images (60000, 28, 28) and classes (60000,), then the 10000 of the test part.

    Pixels are 0 (background) to 255. Every file is checked against its SHA-256.

    Raises:
        DataError: the set isn't on this machine, or a file isn't the published one.
    """
    wanted = _image_set(name)
    folder = require(name)
    files = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
    first, second, third, fourth = (_verified(folder / file, wanted.files[file]) for file in files)
    return first, second, third, fourth


def _image_set(name: str) -> ImageSet:
    if name not in IMAGE_SETS:
        raise DataError("the image set", must=" or ".join(IMAGE_SETS), got=f"'{name}'")
    return IMAGE_SETS[name]


def _candidates(wanted: ImageSet) -> list[Path]:
    own = os.environ.get(FOLDER_VARIABLE)
    given = [Path(own) / wanted.name, Path(own)] if own else []
    return [*given, *map(Path, wanted.system_folders), _user_cache(wanted)]


def _cache(wanted: ImageSet) -> Path:
    own = os.environ.get(FOLDER_VARIABLE)
    return Path(own) / wanted.name if own else _user_cache(wanted)


def _user_cache(wanted: ImageSet) -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("mlcli") / wanted.name


def _holds(folder: Path, wanted: ImageSet) -> bool:
    # Both sets name their files alike; the smallest one tells them apart in a millisecond.
    complete = all((folder / file).is_file() for file in wanted.files)
    return complete and _is_right(folder / TEST_LABELS, wanted.files[TEST_LABELS])


def _is_right(path: Path, sha256: str) -> bool:
    try:
        return load_with_hash(path)[1] == sha256
    except DataError:
        return False


def _verified(path: Path, sha256: str) -> Bytes:
    array, found = load_with_hash(path)
    if found != sha256:
        raise DataError(f"{path} is not the published file", hint="deleting it and fetching again")
    return array


def _fetch_file(wanted: ImageSet, path: Path, sha256: str, progress: Progress | None) -> None:
    part = path.with_name(path.name + ".part")
    reasons = []
    for mirror in wanted.mirrors:
        try:
            resumed = download(mirror + path.name, part, progress)
            if resumed and not _is_right(part, sha256):
                # The kept beginning may be another mirror's: the same data, packed in another way.
                part.unlink()
                download(mirror + path.name, part, progress)
        except DownloadFailed as error:
            reasons.append(str(error))
            continue
        if _is_right(part, sha256):
            os.replace(part, path)
            return
        part.unlink()
        reasons.append("the bytes are not the published ones")
    raise DataError(
        f"{path.name} of {wanted.name} could not be fetched from any of {len(reasons)} mirrors "
        f"({reasons[-1]})",
        hint=f"with a network, or place the set's four files in ${FOLDER_VARIABLE}/{wanted.name}",
    )

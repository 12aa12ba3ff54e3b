"""Image sets: where they are published, fetching them once, finding them, loading them verified."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.idx import load_with_hash
from mlcli.errors import DataError

TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"
TIMEOUT_SECONDS = 20.0
# A connection that breaks loses the piece that it was in, so pieces are small.
PIECE_BYTES = 2**13
Progress = Callable[[int, int], None]
FOLDER_VARIABLE = "MLCLI_DATA"
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class ImageSet:
    """A set of four IDX files.

    Attributes:
        files: name of each file -> SHA-256 of its unpacked bytes.
        mirrors: addresses of folders that hold the four files, the first tried first.
        system_folders: where a system package puts them.
    """

    name: str
    files: dict[str, str]
    mirrors: tuple[str, ...]
    system_folders: tuple[str, ...] = ()


IMAGE_SETS: dict[str, ImageSet] = {
    "fashion-mnist": ImageSet(
        name="fashion-mnist",
        files={
            TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        mirrors=(
            "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        system_folders=("/usr/share/datasets/fashion-mnist",),
    ),
    "mnist": ImageSet(
        name="mnist",
        files={
            TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
    ),
}


OK, PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 200, 206, 416


class DownloadFailed(Exception):
    """A server can't be reached, refuses, or stops half-way; the bytes received so far are kept."""


def download(url: str, part: Path, progress: Progress | None = None) -> bool:
    """Download `url` into `part`, only the rest if `part` holds a beginning.

    From a server that ignores ranges the whole file is downloaded.

    Args:
        url: what to fetch.
        part: where to, appended to as the bytes come.
        progress: called with the bytes so far and in all, where the server says how many.

    Returns:
        Whether an earlier beginning was continued, which may be the cause of a wrong result.

    Raises:
        DownloadFailed: with the reason.
        OSError: `part` can't be written.
    """
    import requests

    have = part.stat().st_size if part.exists() else 0
    # Without "identity" a server may pack the bytes again, and offsets would mean nothing.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
            if response.status_code == RANGE_NOT_SATISFIABLE:
                # Either the file is complete already, or `part` belongs to another file.
                return True
            if response.status_code not in (OK, PARTIAL_CONTENT):
                raise DownloadFailed(f"HTTP {response.status_code}")
            resumed = response.status_code == PARTIAL_CONTENT
            _append(response, part, have if resumed else 0, progress)
            return resumed
    except requests.RequestException as error:
        raise DownloadFailed(type(error).__name__) from None


def _append(response: Any, part: Path, have: int, progress: Progress | None) -> None:
    length = response.headers.get("Content-Length")
    total = have + int(length) if length is not None else None
    with part.open("ab" if have else "wb") as file:
        for piece in response.iter_content(PIECE_BYTES):
            file.write(piece)
            have += len(piece)
            if progress is not None and total is not None:
                progress(have, total)
    # urllib3 before 2 takes a connection that ends early for the end of the file.
    if total is not None and have < total:
        raise DownloadFailed(f"the connection ended after {have} of {total} bytes")


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
            if _is_right(folder / file, sha256):
                continue
            try:
                _fetch_file(wanted, folder / file, sha256, progress)
            except (DataError, OSError):
                # Another process that fetches the same file may have finished it meanwhile.
                if not _is_right(folder / file, sha256):
                    raise
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
                # The beginning may be from another mirror: the same data, compressed differently.
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

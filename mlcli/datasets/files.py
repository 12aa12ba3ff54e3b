"""A file on disk: whether it can be read at all, and what its bytes are."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from mlcli.errors import DataError

Stamp = tuple[tuple[str, int, int, int], ...]
# Where `mlcli data make` writes.
MADE_FOLDER = "data"
SUFFIXES = (".csv", ".tsv", ".parquet", ".npz")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")


def check_file(path: Path) -> None:
    """Refuse a path that is not a readable, non-empty file of a known kind.

    Raises:
        DataError: saying which of these it is.
    """
    if path.suffix.lower() not in SUFFIXES and not path.is_dir():
        raise DataError(
            f"{path}", must="a .csv, .tsv, .parquet or .npz file", got=path.suffix or "no suffix"
        )
    try:
        if path.is_dir():
            raise DataError(f"{path}", must="a file", got="a folder", hint="one of the files in it")
        with path.open("rb") as file:
            if not file.read(1):
                raise DataError(f"{path} is empty", hint="a file with a heading and rows")
    except FileNotFoundError:
        raise DataError(f"{path} does not exist", hint=_maker_of(path)) from None
    except PermissionError:
        raise DataError(f"{path} can't be read: permission denied", hint="chmod u+r") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read: {_reason(error)}") from None


def visible_entries(folder: Path, hidden: tuple[str, ...]) -> list[os.DirEntry[str]]:
    """The entries of a folder in the order of their names.

    Args:
        folder: the folder.
        hidden: beginnings of names that are left out.

    Raises:
        DataError: the folder can't be listed, or a name can't be shown.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                (one for one in entries if not one.name.startswith(hidden)), key=lambda e: e.name
            )
    except OSError as error:
        raise DataError(f"{folder} can't be read: {(error.strerror or '').lower()}") from None
    for entry in found:
        if not entry.name.isprintable():
            raise DataError(f"the names in {folder}", must="printable", got=ascii(entry.name))
    return found


def _maker_of(path: Path) -> str:
    """The commands that make a file that is not there."""
    from mlcli.datasets.names import canonical
    from mlcli.datasets.synthetic import SYNTHETIC

    found = []
    if (name := canonical(path.stem)) in SYNTHETIC and path.parent.name == MADE_FOLDER:
        found.append(f"`mlcli data make --names {name}`")
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.as_posix() in Path("dvc.yaml").read_text(encoding="utf-8"):
            found.append("`dvc repro`")
    return " or ".join(found or ["another path or `mlcli data list`"])


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_changed(name: str, before: Stamp | None) -> None:
    """Refuse a file that was written to since its stamp was taken.

    A manifest names the data by what was hashed, so nothing else may have been read. What was only
    removed had been read by then, or the reading would have failed.

    Raises:
        DataError: it was.
    """
    if stamp(name) not in (None, before):
        raise DataError(f"{name} changed while it was read", hint="the same command again")


def stamp(name: str) -> Stamp | None:
    """Sizes and times of a file, or of all files below a folder; None if it is not there."""
    path = Path(name).expanduser()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    try:
        found = [(str(one), one.stat()) for one in files]
    except OSError:
        return None
    return tuple((name, one.st_ino, one.st_size, one.st_mtime_ns) for name, one in found)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()

"""A table in parts: a folder of Parquet, CSV or TSV files, as pandas, Spark and DuckDB write it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mlcli.datasets import read_parquet, read_text
from mlcli.datasets.files import check_file
from mlcli.errors import DataError

SUFFIXES = (".parquet", ".csv", ".tsv")
# What writers leave beside the parts: _SUCCESS, _metadata, .part-0.parquet.crc.
PASSED_OVER = (".", "_")
IMAGES = (".png", ".jpg", ".jpeg")


def holds_parts(folder: Path) -> bool:
    """Whether a table's part lies in a folder itself, so that it is no folder of images.

    Raises:
        DataError: the folder can't be listed, or holds neither parts nor folders.
    """
    entries = _entries(folder)
    if any(_suffix(entry.name) in SUFFIXES for entry in entries):
        return True
    if not entries or not any(entry.is_dir() or _suffix(entry.name) in IMAGES for entry in entries):
        kinds = ", ".join(SUFFIXES)
        raise DataError(f"{folder} holds no parts of a table ({kinds}) and no folders of images")
    return False


def parts_of(path: Path) -> tuple[Path, ...]:
    """The files of a table: those of a folder in the order of their names, or the file itself.

    Raises:
        DataError: a folder holds something that is no part, or parts of several kinds, or a part
            can't be read or is empty.
    """
    if not path.is_dir():
        return (path,)
    entries = _entries(path)
    tables = [entry.name for entry in entries if _suffix(entry.name) in SUFFIXES]
    for entry in entries:
        if entry.is_dir():
            raise DataError(
                f"the parts of a table in {path}",
                must="files that lie beside each other",
                got=f"the folder '{entry.name}' beside '{tables[0]}'",
                hint="moving it elsewhere",
            )
        if entry.name not in tables:
            raise DataError(
                f"'{entry.name}' in {path} is no part of a table as '{tables[0]}' is",
                hint="moving it elsewhere, or a name that begins with _",
            )
        if _suffix(entry.name) != _suffix(tables[0]):
            raise DataError(
                f"the parts in {path}",
                must="of one kind",
                got=f"'{tables[0]}' and '{entry.name}'",
                hint="a folder for each",
            )
    found = tuple(path / name for name in tables)
    for part in found:
        check_file(part)
    return found


def column_names(folder: Path) -> list[str]:
    """The names of the columns, which every part must have, in any order.

    Raises:
        DataError: naming the part that has others, or that can't be read.
    """
    first, *others = parts_of(folder)
    names = _names(first)
    for part in others:
        found = _names(part)
        if sorted(found) != sorted(names):
            raise _other_columns(part, first, found, names)
    return names


def has_rows(part: Path) -> bool:
    """Whether there is more in a part than its heading; one without rows adds nothing."""
    return part.suffix.lower() == ".parquet" or read_text.has_rows(part)


def _names(part: Path) -> list[str]:
    if part.suffix.lower() == ".parquet":
        return read_parquet.column_names(part)
    return read_text.heading(part)


def _other_columns(
    part: Path, first: Path, found: Sequence[str], names: Sequence[str]
) -> DataError:
    missing = [name for name in names if name not in found]
    more = [name for name in found if name not in names]
    got = f"no '{missing[0]}'" if missing else f"'{more[0]}' too" if more else "one of them twice"
    return DataError(f"the columns of {part}", must=f"those of {first.name}", got=got)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What isn't passed over, in the order of names.

    Raises:
        DataError: the folder can't be listed, or a name can't be shown.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted((e for e in entries if not _passed_over(e.name)), key=lambda e: e.name)
    except OSError as error:
        raise DataError(f"{folder} can't be read: {(error.strerror or '').lower()}") from None
    for entry in found:
        if not entry.name.isprintable():
            raise DataError(f"the names in {folder}", must="printable", got=ascii(entry.name))
    return found


def _passed_over(name: str) -> bool:
    return name.startswith(PASSED_OVER) or _suffix(name) == ".crc"


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()

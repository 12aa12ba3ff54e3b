"""A text table whose target is text -> the same table with the classes numbered."""

from __future__ import annotations

from pathlib import Path

from mlcli.datasets import read_text
from mlcli.datasets.cells import MISSING
from mlcli.datasets.task import MAX_CLASSES
from mlcli.errors import DataError


def write_numbered(path: Path, target: str, out: Path) -> tuple[str, ...]:
    """Copy a CSV or TSV file with its classes as 0, 1, ... in the order of their names.

    All other cells stay as they are written; the file is read twice, row by row.

    Args:
        path: the file.
        target: its column of classes.
        out: the copy.

    Returns:
        The names of the classes, in the order of their numbers.

    Raises:
        DataError: it is no text file, or holds more classes than are told apart.
    """
    if path.suffix.lower() not in (".csv", ".tsv"):
        raise DataError(
            f"column '{target}' of {path}", must="numbers, one a class", got="text",
            hint="saving it as CSV, where classes are numbered for you",
        )  # fmt: skip
    place = read_text.column_names(path).index(target)
    found = {cells[place].strip() for cells in read_text.rows(path) if len(cells) > place}
    names = tuple(sorted(found - set(MISSING)))
    if len(names) > MAX_CLASSES:
        raise DataError(
            f"column '{target}' of {path}", must=f"at most {MAX_CLASSES} classes",
            got=str(len(names)), hint="another --target",
        )  # fmt: skip
    numbers = {name: str(number) for number, name in enumerate(names)}
    read_text.write_rows(path, out, place, lambda cell: numbers.get(cell.strip(), ""))
    return names

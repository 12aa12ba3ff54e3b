"""The folder of a tracker: replaced whole, and never one with other things in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlcli.errors import DataError
from mlcli.report.folder import replacing


@contextmanager
def replaced(target: Path, is_own: Callable[[str], bool]) -> Iterator[Path]:
    """A new folder to fill, which becomes `target` if the block ends well.

    Args:
        target: the folder to be.
        is_own: whether a name in it is one that this tracker writes.

    Raises:
        DataError: something else is in the way.
    """
    if target.is_file():
        raise DataError(f"{target} is a file")
    names = sorted(path.name for path in target.iterdir()) if target.is_dir() else []
    foreign = next((name for name in names if not is_own(name)), None)
    if foreign is not None:
        raise DataError(f"{target} holds {foreign}, which no tracking wrote")
    with replacing(target) as partial:
        yield partial

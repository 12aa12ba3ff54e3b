"""The processes that a command has left, by what Linux says of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def still_there(found: Callable[[], list[int]], *, within: float = 10.0) -> list[int]:
    """Those processes that there are after so many seconds; none as soon as there are none.

    A killed run's workers hear of its death from the system, and put away what they have.
    """
    deadline = time.monotonic() + within
    while (left := found()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def in_folder(folder: Path) -> list[int]:
    """The processes that work in a folder and are not yet dead."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if Path(os.readlink(link)) == folder:
                found.append(int(link.parent.name))
    return found


def of_session(session: int) -> list[int]:
    """The processes of a session that are not yet dead."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found

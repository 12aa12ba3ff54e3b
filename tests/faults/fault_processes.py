"""The processes that a command has left, by what Linux says of them."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path


def still_at_work(folder: Path, *, within: float = 10.0) -> list[int]:
    """The processes in a folder after so many seconds, or none as soon as there are none.

    A killed run's workers hear of its death from the system, and put away what they have.
    """
    deadline = time.monotonic() + within
    while (left := _working_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def _working_in(folder: Path) -> list[int]:
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

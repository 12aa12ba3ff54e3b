"""Work that is not done yet: how its files and folders are named, replaced, and swept when dead.

A partial stands beside what it becomes, hidden, and carries the process and the host that writes
it: ``.out.4711@host.partial`` for ``out``. A killed process can't remove its own; the next run that
writes to the same folder does.
"""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = ".partial"
# Where two folders can't be exchanged in one call, the old one waits under this mark meanwhile.
ASIDE = ".old"
NAMED = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)@(?P<host>.*?)(?P<aside>\.old)?\.partial")
# The processes of another host can't be asked; what one has not touched for so long is dead.
DEAD_SECONDS = 24 * 3600.0


def partial_of(target: Path) -> Path:
    """Where this process writes what becomes `target`."""
    return target.with_name(f".{target.name}.{os.getpid()}@{_host()}{SUFFIX}")


def aside_of(target: Path) -> Path:
    """Where this process puts the old `target` for the moment between two renames."""
    return target.with_name(f".{target.name}.{os.getpid()}@{_host()}{ASIDE}{SUFFIX}")


@contextmanager
def replacing_file(target: Path) -> Iterator[Path]:
    """A path to write; it becomes `target` if the block ends well, and vanishes otherwise.

    Raises:
        OSError: the folder can't be written to.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent)
    partial = partial_of(target)
    try:
        yield partial
        sync(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """A new folder among the system's temporary ones, for the block and this user alone."""
    place = _temporary_place()
    sweep(place)
    folder = partial_of(place / f"mlcli-{purpose}-{secrets.token_hex(4)}")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _temporary_place() -> Path:
    """`tempfile.gettempdir()`, which tries each place by a file that a kill would leave there."""
    given = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    for place in (*given, "/tmp"):
        if place and os.path.isdir(place) and os.access(place, os.W_OK):
            return Path(place).absolute()
    return Path(tempfile.gettempdir())


def sweep(parent: Path) -> None:
    """Remove what killed processes left in a folder; a live one keeps its own.

    An old result that was put aside, and has no successor, takes its place again.
    """
    for path, name, aside in _dead(parent):
        target = path.with_name(name)
        if aside and not target.exists():
            path.rename(target)
        else:
            remove(path)


def dead_partials(target: Path) -> list[Path]:
    """What killed processes left of a target."""
    return [path for path, name, aside in _dead(target.parent) if name == target.name and not aside]


def _dead(parent: Path) -> Iterator[tuple[Path, str, bool]]:
    """Each partial in a folder whose process is gone: itself, its target, whether it was aside."""
    for path in sorted(parent.glob(f".*{SUFFIX}")):
        named = NAMED.fullmatch(path.name)
        if named is not None and not _alive(path, int(named["pid"]), named["host"]):
            yield path, named["name"], bool(named["aside"])


def sync(path: Path) -> None:
    """Have a file's content on the disk before its name: a power cut leaves no empty file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there and can be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "-", platform.node())


def _alive(path: Path, pid: int, host: str) -> bool:
    if host != _host():
        try:
            return time.time() - path.lstat().st_mtime < DEAD_SECONDS
        except OSError:
            return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

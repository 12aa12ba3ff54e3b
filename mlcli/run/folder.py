"""A run folder appears whole or not at all.

Files are written to a hidden folder beside the target, which is then exchanged with it in one
system call where the system has one (Linux, macOS). A run that is killed leaves the old result or
the new.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlcli.errors import ConfigError
from mlcli.partials import aside_of, partial_of, sweep, sync

UNTRACKED = ("environment.json", "timings.json")
AT_FDCWD = -100
MACOS_AT_FDCWD = -2
RENAME_EXCHANGE = 2
FULL = (errno.ENOSPC, errno.EDQUOT)
OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST)
# Of two runs that move the same folder at once without the system call, one may find it gone.
MOST_TRIES = 100


def check_writable(target: Path, known: frozenset[str] | set[str]) -> None:
    """Refuse a target that can't be written, or that holds files which no run wrote.

    Args:
        target: the run folder to be.
        known: relative paths that belong to a run there.

    Raises:
        ConfigError: naming what is in the way.
        OSError: the disk is full.
    """
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target}", must="a folder", got="a file", hint="another --out")
    parent = next(p for p in (target.parent, *target.parent.parents) if p.exists())
    for folder in (parent, target) if target.exists() else (parent,):
        _check_folder(folder, "--out")
    if not target.exists():
        return
    foreign = [str(path.relative_to(target)) for path in _files(target)]
    foreign = sorted(name for name in foreign if name not in known)
    if foreign:
        raise ConfigError(
            f"{target} holds {foreign[0]}, which no run of this command wrote",
            hint="an empty folder for --out",
        )


def check_file(target: Path, flag: str) -> None:
    """Refuse a single file that can't be written, before any work.

    Args:
        target: the file to be; the folders above it may be missing.
        flag: that named it.

    Raises:
        ConfigError: naming what is in the way.
        OSError: the disk is full.
    """
    if target.is_dir():
        raise ConfigError(f"{flag} {target}", must="a file", got="a folder")
    parent = next(p for p in target.parents if p.exists())
    if not parent.is_dir():
        raise ConfigError(f"{flag} {target}", must="in a folder", got=f"the file {parent}")
    _check_folder(parent, flag)


def _check_folder(folder: Path, flag: str) -> None:
    try:
        _try_to_write(folder)
    except OSError as error:
        if error.errno in FULL:
            raise
        why = (error.strerror or "").lower()
        raise ConfigError(f"{folder} can't be written to ({why})", hint=f"another {flag}") from None


def _try_to_write(folder: Path) -> None:
    """Tried, not asked: permissions say nothing of read-only mounts, nor to root.

    A file without a name can't outlive a process that is killed; not every file system has them.
    """
    if hasattr(os, "O_TMPFILE"):
        try:
            os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600))
            return
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT):
                raise
    probe = partial_of(folder / "probe")
    probe.mkdir()
    probe.rmdir()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if not path.is_dir())


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A new folder to fill; it becomes `target` if the block ends well, and vanishes otherwise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent)
    partial = partial_of(target)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        for path in _files(partial):
            sync(path)
        _exchange(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _exchange(new: Path, target: Path) -> None:
    """Put a folder in the place of another, which may come or go meanwhile."""
    for _ in range(MOST_TRIES):
        try:
            new.rename(target)  # fails where a folder stands that is not empty
            return
        except OSError as error:
            if error.errno not in OCCUPIED:
                raise
        if _exchange_atomically(new, target):
            return
        # Without such a call there is a moment between two renames: `aside` holds the old result.
        aside = aside_of(target)
        try:
            target.rename(aside)
            new.rename(target)
            return
        except OSError as error:
            if error.errno not in (*OCCUPIED, errno.ENOENT):
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    raise ConfigError(f"{target} is replaced all the time by other runs", hint="another --out")


def _exchange_atomically(new: Path, target: Path) -> bool:
    """Swap two folders in one system call; False where there is none."""
    first, second = os.fsencode(new), os.fsencode(target)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            done = libc.renameatx_np(MACOS_AT_FDCWD, first, MACOS_AT_FDCWD, second, RENAME_EXCHANGE)
        else:
            done = libc.renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE)
    except (OSError, AttributeError, TypeError):
        return False
    return bool(done == 0)

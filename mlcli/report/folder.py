"""A run folder appears whole or not at all.

Files are written to a hidden folder beside the target, which is then exchanged with it in one
system call where the system has one (Linux, macOS). A run that is killed leaves the old result or
the new.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlcli.errors import ConfigError

PARTIAL = ".partial"
UNTRACKED = ("environment.json", "timings.json")
AT_FDCWD = -100
MACOS_AT_FDCWD = -2
RENAME_EXCHANGE = 2


def check_writable(target: Path, known: frozenset[str] | set[str]) -> None:
    """Refuse a target that can't be written, or that holds files which no run wrote.

    Args:
        target: the run folder to be.
        known: relative paths that belong to a run there.

    Raises:
        ConfigError: naming what is in the way.
    """
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target}", must="a folder", got="a file", hint="another --out")
    parent = next(p for p in (target.parent, *target.parent.parents) if p.exists())
    for folder in (parent, target) if target.exists() else (parent,):
        if not _can_write(folder):
            raise ConfigError(f"{folder} can't be written to", hint="another --out")
    if not target.exists():
        return
    foreign = [str(path.relative_to(target)) for path in _files(target)]
    foreign = sorted(name for name in foreign if name not in known)
    if foreign:
        raise ConfigError(
            f"{target} holds {foreign[0]}, which no run of this command wrote",
            hint="an empty folder for --out",
        )


def _can_write(folder: Path) -> bool:
    """Tried, not asked: permissions say nothing of read-only mounts, nor to root."""
    probe = folder / f".{os.getpid()}{PARTIAL}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError:
        return False
    return True


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if not path.is_dir())


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A new folder to fill; it becomes `target` if the block ends well, and vanishes otherwise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep_partials(target.parent)
    partial = target.parent / f".{target.name}.{os.getpid()}{PARTIAL}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        for path in _files(partial):
            _sync(path)
        _exchange(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _exchange(new: Path, target: Path) -> None:
    if not target.exists():
        new.rename(target)
    elif not _exchange_atomically(new, target):
        # Without such a call there is a moment between two renames: `aside` holds the old result.
        aside = new.with_name(new.name + ".old" + PARTIAL)
        target.rename(aside)
        new.rename(target)
        shutil.rmtree(aside, ignore_errors=True)


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


def sweep_partials(parent: Path) -> None:
    """Remove what killed runs left in `parent`; a live process keeps its own."""
    for path in parent.glob(f".*{PARTIAL}"):
        digits = path.name.removesuffix(PARTIAL).removesuffix(".old" + PARTIAL).rpartition(".")[2]
        if digits.isdigit() and not _alive(int(digits)):
            shutil.rmtree(path, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OSError):
        return True
    return True

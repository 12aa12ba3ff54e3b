"""Runs the command line in copies of one warm process, and hurts the copy at an exact event.

The heavy packages are imported once; each command then is a fork, which costs what the command
computes and nothing more. Requests are lines of JSON on stdin, answers lines on stdout.

An event is a change of the file system that Python announces to its audit hooks: a file opened for
writing, a folder made, a name moved or removed. Killing the copy before each of them in turn puts
its files through every state that a kill can leave between two calls.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

NAMELESS = getattr(os, "O_TMPFILE", -1)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CREATING = ("open", "os.mkdir", "os.rename")
CHANGING = (*CREATING, "os.remove", "os.rmdir")
# The exchange of two folders goes past Python's own functions, but is looked up by name.
EXCHANGES = ("renameat2", "renameatx_np")
TRACEBACK_CODE = 71
WARM = (
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "matplotlib.font_manager",
    "mlcli.__main__",
    "mlcli.sweeps.search",
    "mlcli.datasets.fetch",
    "mlcli.datasets.make",
    "mlcli.datasets.rows",
    "mlcli.models.load",
    "mlcli.neural.training",
    "mlcli.projects.create",
    "mlcli.run.checkpoint",
    "mlcli.report.comparison",
    "mlcli.report.svg_figures",
    "mlcli.report.gallery",
    "mlcli.review.compare",
    "pandas",
    "pyarrow.parquet",
    "requests",
    "rich.table",
    "scipy.integrate",
    "scipy.stats",
    "sklearn.datasets",
    "sklearn.ensemble",
    "sympy",
    "torch.fx.experimental.symbolic_shapes",
)
Hook = Callable[[str, tuple[Any, ...]], None]


def change(event: str, arguments: tuple[Any, ...], below: str) -> str | None:
    """What an event changes below a folder, or None."""
    if event == "ctypes.dlsym":
        return str(arguments[1]) if arguments[1] in EXCHANGES else None
    if event not in CHANGING or isinstance(arguments[0], int):
        return None
    if event == "open" and not (arguments[2] or 0) & WRITING:
        return None
    path = os.path.join(os.getcwd(), os.fsdecode(arguments[0]))
    if event == "os.mkdir" and os.path.isdir(path):
        return None
    if event == "open" and (arguments[2] or 0) & NAMELESS == NAMELESS:
        return None
    return f"{event} {os.path.relpath(path, below)}" if path.startswith(below) else None


def counting(below: str, act: Callable[[int, str], None]) -> Hook:
    """A hook that hands on each change with its number, from 1, before it is made."""
    n_seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal n_seen
        found = change(event, arguments, below)
        if found is not None:
            n_seen += 1
            act(n_seen, found)

    return hook


def hurt(fault: dict[str, Any], below: str) -> None:
    """Prepare this process for what is to happen to it."""

    def strike(number: int, what: str) -> None:
        if number in fault["at"]:
            os.kill(os.getpid(), fault["signal"])

    def fill(number: int, what: str) -> None:
        if number >= fault["from"] and (what.startswith(CREATING) or what in EXCHANGES):
            raise OSError(fault["errno"], os.strerror(fault["errno"]))

    if "log" in fault:
        log = os.open(fault["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        sys.addaudithook(counting(below, lambda _, what: note(log, what)))
    if "signal" in fault:
        sys.addaudithook(counting(below, strike))
    if "errno" in fault:
        sys.addaudithook(counting(below, fill))
    if "reading" in fault:
        sys.addaudithook(spoiling(fault["reading"], fault["before"], fault["do"]))
    if "file_bytes" in fault:
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault["file_bytes"], resource.RLIM_INFINITY))
    if "memory" in fault:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + fault["memory"], resource.RLIM_INFINITY))


def note(log: int, what: str) -> None:
    os.write(log, f"{what}\n".encode())


def spoiling(name: str, before: int, do: str) -> Hook:
    """A hook that removes or changes a file before it is opened for reading for the n-th time."""
    n_seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal n_seen
        if event != "open" or isinstance(arguments[0], int) or (arguments[2] or 0) & WRITING:
            return
        if os.path.realpath(os.fsdecode(arguments[0])) == name:
            n_seen += 1
            if n_seen == before:
                n_seen += 100  # what is done below opens the file too
                spoil(Path(name), do)

    return hook


def spoil(path: Path, do: str) -> None:
    """Remove a file, cut it in half, or give it more rows."""
    if do == "remove":
        path.unlink()
        return
    lines = path.read_bytes().splitlines(keepends=True)
    kept = lines[: len(lines) // 2] if do == "cut" else [*lines, *lines[-5:]]
    other = path.with_name("other")
    other.write_bytes(b"".join(kept))
    other.replace(path)


def child(asked: dict[str, Any]) -> NoReturn:
    """In the copy: the command, with its own streams, until its end or the fault."""
    code = TRACEBACK_CODE
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(asked["folder"])
        os.environ.update(asked["environment"])
        streams = [(asked["out"], 1), (asked["err"], 2)]
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for path, number in streams:
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace")
        for name, value in asked["constants"].items():
            module, _, constant = name.rpartition(".")
            setattr(import_module(module), constant, value)
        if asked["mirror"]:
            use_mirror(**asked["mirror"])
        from mlcli.__main__ import call

        hurt(asked["fault"], asked["below"])
        code = call(asked["arguments"])
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        code = TRACEBACK_CODE
    finally:
        os._exit(code)


def use_mirror(name: str, address: str, files: dict[str, str]) -> None:
    """Put a small image set of the test's own server in the place of a large one."""
    from mlcli.datasets.fetch import IMAGE_SETS, ImageSet

    IMAGE_SETS[name] = ImageSet(name, files, (address,))


def serve() -> None:
    """Import what commands import, then answer one request a line."""
    from mlcli.cli import COMMANDS, load
    from mlcli.config import SECTIONS

    for command in COMMANDS:
        load(command)
    for section in SECTIONS:
        if (Path(__file__).parents[2] / "mlcli" / "experiments" / section).is_dir():
            import_module(f"mlcli.experiments.{section}")
    for name in WARM:
        import_module(name)
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        pid = asked.get("reap") or os.fork()
        if pid == 0:
            child(asked)
        if "reap" in asked or asked["wait"]:
            _, status = os.waitpid(pid, 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
        else:
            print(pid, flush=True)


if __name__ == "__main__":
    serve()

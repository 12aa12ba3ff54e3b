"""What a reader may do while it reads a file, and what it takes: held by the process itself.

Python tells an audit hook of every file that is opened, renamed or removed, of processes, sockets
and unpickling. Time is held by an alarm on the processor's time, which a busy machine does not
lengthen, memory by the kernel's own count of resident pages.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

SECONDS = 10
# Of resident memory, above what is there before the file is opened.
MOST_BYTES = 2**30
# A net below the measurement: the reader gets MemoryError instead of the machine's memory.
ADDRESS_BYTES = 3 * 2**30
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = frozenset(
    {
        "os.rename",
        "os.remove",
        "os.mkdir",
        "os.rmdir",
        "os.link",
        "os.symlink",
        "os.truncate",
        "os.chmod",
        "os.chown",
        "os.utime",
        "os.setxattr",
        "shutil.rmtree",
        "shutil.move",
        "shutil.copyfile",
        "tempfile.mkstemp",
        "tempfile.mkdtemp",
    }
)
NEVER = frozenset(
    {
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "os.forkpty",
        "socket.connect",
        "socket.bind",
        "socket.getaddrinfo",
        "pickle.find_class",
        "os.kill",
    }
)
# Read by libraries about themselves and about the machine.
SYSTEM = ("/proc", "/sys", "/dev/null", "/dev/urandom", "/usr", "/etc/localtime", "/etc/mime.types")


class TooSlowError(BaseException):
    """A file took longer than it may; no `except Exception` takes it for something else."""


@dataclass
class Guard:
    """Watches while it is on.

    Attributes:
        readable: folders whose files may be read.
        writable: folders in which files may be made.
        crimes: what was done that no reader may do.
        most_bytes, most_seconds: the most that any file took so far.
    """

    readable: tuple[str, ...]
    writable: tuple[str, ...]
    crimes: list[str] = field(default_factory=list)
    most_bytes: int = 0
    most_seconds: float = 0.0
    on: bool = False

    def install(self) -> None:
        """Hook this process, for good."""
        faulthandler.enable(sys.__stderr__)
        signal.signal(signal.SIGPROF, _ring)
        sys.addaudithook(self._hear)
        used = int(_status("VmSize"))
        limit = used + ADDRESS_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in NEVER:
            self.crimes.append(f"{event} {str(arguments)[:200]}")
        elif event == "open":
            path, mode, flags = arguments
            if isinstance(path, str | bytes | os.PathLike):
                writes = bool(flags & WRITING) if isinstance(flags, int) else "r" not in str(mode)
                self._judge("open to write" if writes else "open", path, writes)
        elif event in CHANGES:
            for one in arguments:
                if isinstance(one, str | bytes | os.PathLike):
                    self._judge(event, one, True)

    def _judge(self, what: str, path: Any, writes: bool) -> None:
        name = os.path.realpath(os.fsdecode(path))
        allowed = self.writable if writes else (*self.readable, *self.writable, *SYSTEM)
        if name == os.devnull or any(name == one or name.startswith(one + "/") for one in allowed):
            return
        own = (sys.prefix, sys.base_prefix, str(Path(__file__).parent))
        if not writes and (name.startswith(own) or "__editable__" in name):
            return
        self.crimes.append(f"{what} {name}")


def _ring(number: int, frame: FrameType | None) -> None:
    raise TooSlowError


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(key)


@contextmanager
def _counted(guard: Guard) -> Iterator[Callable[[], int]]:
    # The kernel starts its count of the most resident pages anew.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    yield lambda: _status("VmHWM") - before


def watched(guard: Guard, call: Callable[[], object]) -> list[str]:
    """Call a reader; what it did wrong, in words, nothing if it behaved.

    What it raises is raised, but for slowness. A warning is wrong too: it would stand on the
    user's screen beside the one sentence.
    """
    import time

    faults: list[str] = []
    guard.crimes.clear()
    start = time.process_time()
    with _counted(guard) as peak, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Where C code holds on so long that no handler runs, or a pipe never ends, the process
        # ends with its stack.
        faulthandler.dump_traceback_later(12 * SECONDS, exit=True, file=sys.__stderr__)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        guard.on = True
        try:
            call()
        except TooSlowError:
            faults.append(f"took more than {SECONDS} s")
        finally:
            guard.on = False
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.cancel_dump_traceback_later()
            took = peak()
            guard.most_bytes = max(guard.most_bytes, took)
            guard.most_seconds = max(guard.most_seconds, time.process_time() - start)
    if took > MOST_BYTES:
        faults.append(f"took {took / 2**20:.0f} MiB")
    faults += [f"warned: {one.category.__name__}: {str(one.message)[:200]}" for one in caught]
    return faults + guard.crimes

"""Runs of the warm process in folders whose every state is known, and the judge of what is left."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from fault_commands import Case, make_inputs
from fault_processes import in_folder, still_there

from mlcli.run.manifest import hashes, read_manifest

SERVER = Path(__file__).with_name("fault_server.py")
# Clocks and hosts, outside of what is promised to be the same.
OUTSIDE = ("manifest.json", "environment.json", "timings.json")
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its code (minus the signal that killed it) and what it printed."""

    code: int
    out: str
    err: str


class Server:
    """The warm process."""

    def __init__(self) -> None:
        environment = {**os.environ, **ENVIRONMENT}
        for name in ("DVC_STAGE", "DVC_ROOT", "MLCLI_DATA", "MLCLI_TRACEBACK"):
            environment.pop(name, None)
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def ask(self, **asked: Any) -> int:
        """The exit code of a command; its process if it is not waited for."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def reap(self, pid: int) -> int:
        """The exit code of a process that was not waited for."""
        return self.ask(reap=pid)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@contextmanager
def mirror(folder: Path) -> Iterator[dict[str, Any]]:
    """An image set of a few bytes on a server of this process: its name, address and hashes."""
    import gzip

    from mlcli.datasets import fetch

    contents = {
        fetch.TRAIN_IMAGES: bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4, *range(32)]),
        fetch.TRAIN_LABELS: bytes([0, 0, 8, 1, 0, 0, 0, 2, 0, 1]),
        fetch.TEST_IMAGES: bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 4, *range(16)]),
        fetch.TEST_LABELS: bytes([0, 0, 8, 1, 0, 0, 0, 1, 1]),
    }
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(gzip.compress(content, mtime=0))

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield {
                "name": "mnist",
                "address": f"http://127.0.0.1:{server.server_port}/",
                "files": {
                    name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
                },
            }
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Yard:
    """A working folder for one case, and the states that it can start from.

    Attributes:
        root: holds all of it.
        served: the image set that `data fetch` is sent to.
    """

    case: Case
    root: Path
    server: Server
    served: dict[str, Any]
    work: Path = field(init=False)

    def __post_init__(self) -> None:
        self.work = self.root / "hurt" / "work"
        self.root.mkdir(parents=True)

    def run(self, arguments: list[str], *, wait: bool = True, **fault: Any) -> Outcome:
        """Run a command here, hurt by `fault` (see `fault_server.hurt`)."""
        hurt = self.root / "hurt"
        if "log" in fault:
            fault["log"] = str(self.root / "log")
        out, err = fault.pop("out", str(self.root / "out")), str(self.root / "err")
        code = self.server.ask(
            arguments=arguments,
            folder=str(self.work),
            below=str(hurt),
            out=out,
            err=err,
            environment={"TMPDIR": str(hurt / "tmp"), "HOME": str(hurt)},
            wait=wait,
            constants=self.case.constants,
            mirror=self.served if self.case.mirror else None,
            fault=fault,
        )
        if not wait:
            return Outcome(code, "", "")
        printed = "" if out.startswith("/dev/") else Path(out).read_text()
        return Outcome(code, printed, Path(err).read_text())

    def start(self, *, old: bool) -> None:
        """Bring the folder into a state to start from: without a result, or with an old one."""
        if old and not self.case.old_words:
            raise ValueError(f"{self.case.name} has no old result")
        state = self._with_old if old else self._without
        self._put(state)

    def _put(self, state: Path) -> None:
        shutil.rmtree(self.root / "hurt", ignore_errors=True)
        shutil.copytree(state, self.root / "hurt", symlinks=True)

    @cached_property
    def _without(self) -> Path:
        hurt = self.root / "hurt"
        shutil.rmtree(hurt, ignore_errors=True)
        self.work.mkdir(parents=True)
        (hurt / "tmp").mkdir()
        make_inputs(self.work)
        for words in self.case.setup:
            self.succeed(shlex.split(words))
        return self._keep("without")

    @cached_property
    def _with_old(self) -> Path:
        self._put(self._without)
        self.succeed(shlex.split(self.case.old_words))
        return self._keep("with-old")

    def _keep(self, name: str) -> Path:
        kept = self.root / name
        shutil.copytree(self.root / "hurt", kept, symlinks=True)
        return kept

    def succeed(self, arguments: list[str]) -> Outcome:
        """Run a command that must end well."""
        done = self.run(arguments)
        assert done.code == 0, f"{' '.join(arguments)}: {done.code}\n{done.err}"
        return done

    @cached_property
    def references(self) -> dict[bool, Reference]:
        """What an uninterrupted run gives, from each state to start from."""
        states = (False, True) if self.case.old_words else (False,)
        return {old: self._reference(old) for old in states}

    def _reference(self, old: bool) -> Reference:
        self.start(old=old)
        before = units(self.work, self.case)
        done = self.run(self.case.arguments, log=True)
        assert done.code == 0, done.err
        events = (self.root / "log").read_text().splitlines()
        names = listing(self.root / "hurt")
        return Reference(before, units(self.work, self.case), names, events, done.out)


@dataclass(frozen=True)
class Reference:
    """An uninterrupted run.

    Attributes:
        before, after: unit -> digest.
        names: of everything that is there in the end.
        events: the changes it makes on its way.
        out: what it prints.
    """

    before: dict[str, str]
    after: dict[str, str]
    names: set[str]
    events: list[str]
    out: str


def is_partial(path: Path) -> bool:
    """Whether a name says that it holds work under way."""
    return path.name.startswith(".") and path.name.endswith((".partial", ".checkpoint.npz"))


def listing(folder: Path) -> set[str]:
    """Every name below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def units(work: Path, case: Case) -> dict[str, str]:
    """Unit -> digest of its bytes: run folders and `whole` folders as one, other files alone."""
    found: dict[str, str] = {}
    folders = [path.parent for path in work.rglob("manifest.json")]
    folders += [work / name for name in case.whole if (work / name).is_dir()]
    folders = [one for one in folders if not _under_way(one, work)]
    for folder in folders:
        inside = {k: v for k, v in hashes(folder).items() if k not in OUTSIDE[1:]}
        found[folder.relative_to(work).as_posix()] = hashlib.sha256(
            json.dumps(inside, sort_keys=True).encode()
        ).hexdigest()
    for path in work.rglob("*"):
        if path.is_file() and not _under_way(path, work) and not set(folders) & set(path.parents):
            found[path.relative_to(work).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _under_way(path: Path, work: Path) -> bool:
    inside = [work / part for part in path.relative_to(work).parents][:-1]
    return any(is_partial(one) for one in (path, *inside)) or path.suffix == ".part"


def torn(work: Path) -> list[str]:
    """Run folders whose files are not those of their manifest."""
    found = []
    for path in work.rglob("manifest.json"):
        if _under_way(path, work):
            continue
        manifest = read_manifest(path.parent)
        inside = {k: v for k, v in hashes(path.parent).items() if k not in OUTSIDE}
        if manifest is None or inside != manifest["files"]:
            found.append(f"{path.parent.relative_to(work)} is not what its manifest says")
    return found


def judge(yard: Yard, reference: Reference) -> tuple[str, list[str]]:
    """What a run that was hurt left: the outcome in a word, and every broken promise."""
    left = still_there(lambda: in_folder(yard.work))
    wrong = [f"process {pid} outlived its parent" for pid in left]
    wrong += torn(yard.work)
    now = units(yard.work, yard.case)
    for name, digest in now.items():
        known = {side[name] for side in (reference.before, reference.after) if name in side}
        if digest in known:
            continue
        if name in yard.case.growing:
            wrong += _half_a_table(yard.work / name)
        else:
            wrong.append(f"{name} is neither the old nor the new")
    wrong += [
        f"{name} is gone"
        for name in reference.before
        if name in reference.after and name not in now
    ]
    if now == reference.after and reference.after != reference.before:
        return "new", wrong
    if now == reference.before:
        gained = set(reference.after) - set(reference.before)
        replaced = any(reference.after.get(k, v) != v for k, v in reference.before.items())
        return "old" if replaced or not gained else "absent", wrong
    return "between", wrong


def _half_a_table(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        json.loads(text)
        return []
    cells = {len(row) for row in csv.reader(text.splitlines())}
    return [] if text.endswith("\n") and len(cells) == 1 else [f"{path.name} is cut off"]


def goes_on(yard: Yard, reference: Reference) -> list[str]:
    """Every broken promise of the next run: it ends well, with the same bytes and no rubbish."""
    is_done = units(yard.work, yard.case) == reference.after
    done = yard.run(yard.case.arguments)
    if done.code == 2 and yard.case.once and is_done:
        kept = units(yard.work, yard.case) == reference.after
        return [] if kept else ["what was done was changed by a refused run"]
    if done.code != 0:
        return [f"the next run ends with {done.code}: {done.err.strip()[-300:]}"]
    wrong = []
    now = units(yard.work, yard.case)
    if now != reference.after:
        differ = {name for name, _ in now.items() ^ reference.after.items()}
        wrong.append(f"the next run differs in {sorted(differ)}")
    names = listing(yard.root / "hurt")
    if names != reference.names:
        wrong.append(
            f"left behind {sorted(names - reference.names)}, "
            f"missing {sorted(reference.names - names)}"
        )
    return wrong

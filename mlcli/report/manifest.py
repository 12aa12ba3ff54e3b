"""The manifest of a run: the question, where each value came from, and what made the answer."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any

from mlcli import __version__
from mlcli.json_file import read_json
from mlcli.report.machine import platform_facts

SCHEMA = 2
HASH_LENGTH = 10
TEXTS = ("command", "run", "determinism")
MAPPINGS = ("config", "data", "seeds", "versions", "platform", "files")
NUMERIC_PACKAGES = ("numpy", "scipy", "torch", "pandas", "matplotlib")


def question(
    command: str, config: Mapping[str, Any], identity: Mapping[str, Any], processes: int = 1
) -> dict[str, Any]:
    """What decides the answer to the last bit: the command, its resolved config, and the data.

    Several processes that train together add up in another order, and so are named too.
    """
    asked = {"command": command, "config": dict(config), "data": dict(identity)}
    return asked | ({"processes": processes} if processes > 1 else {})


def question_hash(asked: Mapping[str, Any]) -> str:
    """A short name for a question, the same on every machine."""
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"), default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def package_versions() -> dict[str, str]:
    """Versions of the packages that can change a digit or a pixel."""
    return {"python": platform.python_version(), "mlcli": __version__} | dict(_installed())


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    found = []
    for name in NUMERIC_PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def manifest(
    asked: Mapping[str, Any],
    sources: Mapping[str, str],
    files: Mapping[str, str],
    determinism: str,
    seeds: Mapping[str, int],
    certificates: Mapping[str, Any],
    threads: Mapping[str, int],
    devices: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """The manifest. It holds no clock, host or path, so that it can be hashed.

    Args:
        asked: from `question`.
        sources: key -> flag, set, environment, file or default.
        files: relative path -> SHA-256 of each file of the run.
        determinism: how equal bytes are held.
        seeds: the seeds used.
        certificates: of each iterative solve, from `mlcli.certificate.summarise`.
        threads: from `scale.threads.thread_counts`.
        devices: see `result.Result`.
    """
    config = {k: {"value": v, "source": sources[k]} for k, v in asked["config"].items()}
    return {
        "schema": SCHEMA,
        "command": asked["command"],
        "run": question_hash(asked),
        "config": config,
        "data": asked["data"],
        **{key: asked[key] for key in ("processes",) if key in asked},
        "seeds": dict(seeds),
        "versions": package_versions(),
        "platform": platform_facts(),
        "threads": dict(threads),
        **({"devices": [dict(one) for one in devices]} if devices else {}),
        "determinism": determinism,
        **({"certificates": dict(certificates)} if certificates else {}),
        "files": dict(files),
    }


def environment(
    started: str, command_line: list[str], threads: Mapping[str, str]
) -> dict[str, Any]:
    """When and where it ran: kept beside the result, outside what is hashed.

    Args:
        started: in ISO 8601.
        command_line: the arguments of the process.
        threads: from `scale.threads.thread_variables`.
    """
    return {
        "started": started,
        "command_line": command_line,
        "host": platform.node(),
        "platform": platform.platform(),
        "python": sys.version.split()[0],
        "thread_variables": dict(threads),
    }


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashes(folder: Path) -> dict[str, str]:
    """Relative path -> SHA-256 of every file below a folder, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a run folder, or None if it has none that can be read."""
    try:
        found = read_json(folder / "manifest.json")
    except (OSError, ValueError):
        return None
    return found if _is_manifest(found) else None


def why_no_manifest(folder: Path) -> tuple[str, str]:
    """Why a folder has no manifest of this version, in a sentence, and what to try."""
    try:
        found = read_json(folder / "manifest.json")
    except (OSError, ValueError):
        found = None
    if isinstance(found, dict) and found.get("schema") in range(1, SCHEMA):
        again = f"`mlcli {found.get('command')} --out {folder} --force`"
        return f"{folder} was written by an earlier version", f"{again}, which makes it anew"
    return f"{folder}/manifest.json is not a manifest of this version", "the run again"


def _is_manifest(found: Any) -> bool:
    """Whether it has what `manifest` writes, as far as its readers rely on it."""
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        return False
    texts, mappings = (found.get(key) for key in TEXTS), [found.get(key) for key in MAPPINGS]
    return (
        all(isinstance(one, str) for one in texts)
        and all(isinstance(one, dict) for one in mappings)
        and all(isinstance(one, str) for one in found["files"].values())
        and all(_is_below(name) for name in found["files"])
        and all(
            isinstance(one, dict) and one.keys() >= {"value", "source"}
            for one in found["config"].values()
        )
    )


def _is_below(name: str) -> bool:
    """Whether a name in a manifest stays in the folder of the run."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name


def is_finished(folder: Path, wanted: Mapping[str, Any], suffixes: tuple[str, ...]) -> bool:
    """Whether a folder answers a question with this version, whole, with figures of these kinds.

    Every file is hashed again, so a file that was changed by hand is not taken for a result.
    """
    found = read_manifest(folder)
    if found is None or found["run"] != question_hash(wanted):
        return False
    names = found["files"]
    figures = all(any(name.endswith(suffix) for name in names) for suffix in suffixes)
    present = all((folder / name).is_file() for name in names)
    return (
        figures
        and present
        and found["versions"] == package_versions()
        and all(sha256(folder / name) == digest for name, digest in names.items())
    )

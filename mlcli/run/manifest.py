"""The manifest of a run: its parameters with their sources, data, versions and machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any

from mlcli import __version__
from mlcli.json_file import read_json

# Variables by which users choose other kernels than the processor's own.
CHOSEN = ("ATEN_CPU_CAPABILITY", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA")


SCHEMA = 2
HASH_LENGTH = 10
TEXTS = ("command", "run", "determinism")
MAPPINGS = ("config", "data", "seeds", "versions", "platform", "files")
NUMERIC_PACKAGES = ("numpy", "scipy", "torch", "pandas", "matplotlib")


def run_key(
    command: str, config: Mapping[str, Any], identity: Mapping[str, Any], processes: int = 1
) -> dict[str, Any]:
    """What decides a result to the last bit: the command, its resolved config, and the data.

    Several processes that train together add up in another order, so their number is part of it.
    """
    key = {"command": command, "config": dict(config), "data": dict(identity)}
    return key | ({"processes": processes} if processes > 1 else {})


def run_hash(key: Mapping[str, Any]) -> str:
    """A short name for a key, the same on every machine."""
    text = json.dumps(key, sort_keys=True, separators=(",", ":"), default=list)
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
    key: Mapping[str, Any],
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
        key: from `run_key`.
        sources: key -> flag, set, environment, file or default.
        files: relative path -> SHA-256 of each file of the run.
        determinism: how equal bytes are held.
        seeds: the seeds used.
        certificates: of each iterative solve, from `mlcli.certificate.summarise`.
        threads: from `scale.threads.thread_counts`.
        devices: see `result.Result`.
    """
    config = {k: {"value": v, "source": sources[k]} for k, v in key["config"].items()}
    return {
        "schema": SCHEMA,
        "command": key["command"],
        "run": run_hash(key),
        "config": config,
        "data": key["data"],
        **({"processes": key["processes"]} if "processes" in key else {}),
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
        and all(type(one) is int for one in found["seeds"].values())
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
    """Whether a folder holds this run, complete, by these versions, with figures of these kinds.

    Every file is hashed again, so a file that was changed by hand is not taken for a result.
    """
    found = read_manifest(folder)
    if found is None or found["run"] != run_hash(wanted):
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


def platform_facts() -> dict[str, Any]:
    """System, machine and the kernels that NumPy, its BLAS and torch use; no host, no clock.

    torch and oneDNN choose by the processor's features, which NumPy lists too, and by variables, so
    torch need not be imported.
    """
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "kernels": {"blas": _blas(), "simd": _simd(), "chosen": _chosen()},
    }


def _blas() -> str:
    """The kernel of NumPy's BLAS, as ``openblas SkylakeX``."""
    import numpy  # noqa: F401  # loads its BLAS
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    pools = [pool for pool in pools if "numpy" in pool["filepath"]] or pools
    return ", ".join(
        sorted({f"{pool['internal_api']} {pool.get('architecture', '')}".strip() for pool in pools})
    )


def _simd() -> str:
    """The features of the processor that NumPy found, without those that a variable disables."""
    import numpy as np

    features = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return " ".join([*features.get("baseline", []), *features.get("found", [])])


def _chosen() -> str:
    given = {name: os.environ[name] for name in CHOSEN if os.environ.get(name)}
    return " ".join(f"{name}={value}" for name, value in given.items())


def difference(recorded: Mapping[str, Any]) -> str:
    """What differs between a recorded machine and this one, in a few words; empty if nothing.

    Args:
        recorded: from `platform_facts`, or without kernels from an earlier version.
    """
    here = platform_facts()
    for a, b in ((recorded, here), (recorded.get("kernels") or {}, here["kernels"])):
        for key in ("system", "machine", "blas", "simd", "chosen"):
            if key in a and a[key] != b.get(key):
                return f"{key} {a[key] or 'none'} there, {b.get(key) or 'none'} here"
    return ""

"""Whether a run folder is what its manifest says, and whether the same question gives it again."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlcli.report.folder import UNTRACKED
from mlcli.report.manifest import package_versions, question, question_hash, sha256
from mlcli.review.differences import (
    PICTURES,
    Close,
    Difference,
    first_byte,
    first_difference,
    in_mappings,
)

MANIFEST = "manifest.json"
# Parts of a manifest that say by what and how a run was made, not what was asked.
MADE_BY = ("versions", "platform", "threads", "determinism", "files")


@dataclass(frozen=True)
class Integrity:
    """A folder against the hashes in its manifest.

    Attributes:
        n_files: how many the manifest names.
        altered, missing, extra: relative paths, sorted.
        fault: what is wrong with the manifest itself, if anything.
    """

    n_files: int
    altered: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    fault: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.altered or self.missing or self.extra or self.fault)

    @property
    def sentence(self) -> str:
        """What is wrong, in one line."""
        parts = [_named(getattr(self, what), what) for what in ("altered", "missing", "extra")]
        return "; ".join(part for part in (*parts, self.fault) if part)


def _named(names: tuple[str, ...], what: str) -> str:
    if len(names) > 1:
        return f"{names[0]} and {len(names) - 1} more are {what}"
    return f"{names[0]} is {what}" if names else ""


@dataclass(frozen=True)
class Repeat:
    """A run against the same question asked again.

    Attributes:
        match: bytes or numbers: what was asked of the files.
        n_same: files with the same bytes.
        n_within: files whose numbers are within the tolerances.
        not_compared: pictures that have other bytes, where numbers are compared.
        differences: file -> where it differs first.
        reason: why it could not be asked again, if so.
        not_run: whether that lies in what is here (its data, say), so that nothing is known of
            the result.
    """

    match: str
    n_same: int = 0
    n_within: int = 0
    not_compared: tuple[str, ...] = ()
    differences: Mapping[str, Difference] = field(default_factory=dict)
    reason: str = ""
    not_run: bool = False

    @property
    def passed(self) -> bool:
        """Whether the answer is the same."""
        return not (self.differences or self.reason)

    @property
    def sentence(self) -> str:
        """What differs first."""
        if self.reason:
            return self.reason
        return next((f"{name}, {where}" for name, where in self.differences.items()), "")


def integrity(folder: Path, manifest: Mapping[str, Any]) -> Integrity:
    """Hash every file of a folder and compare with its manifest."""
    recorded: Mapping[str, str] = manifest["files"]
    present = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    there = sorted(set(recorded) & present)
    return Integrity(
        n_files=len(recorded),
        altered=tuple(name for name in there if sha256(folder / name) != recorded[name]),
        missing=tuple(sorted(set(recorded) - present)),
        extra=tuple(sorted(present - set(recorded) - {MANIFEST, *UNTRACKED})),
        fault=_fault(manifest),
    )


def _fault(manifest: Mapping[str, Any]) -> str:
    """A manifest names itself after its question, so a setting changed by hand shows."""
    config = {key: entry["value"] for key, entry in manifest["config"].items()}
    processes = manifest.get("processes", 1)
    name = question_hash(question(manifest["command"], config, manifest["data"], processes))
    if name == manifest["run"]:
        return ""
    return f"{MANIFEST} calls the run {manifest['run']}, but its settings and data are {name}"


def made_here(
    manifest: Mapping[str, Any], environment: Mapping[str, Any] | None, threads: Mapping[str, int]
) -> bool:
    """Whether equal bytes are promised: the same versions and threads on the same machine.

    Args:
        manifest: of the run.
        environment: its environment.json; without it the machine is not known.
        threads: from `scale.threads.thread_counts`, of this process.
    """
    return (
        manifest["versions"] == package_versions()
        and manifest["platform"] == {"system": platform.system(), "machine": platform.machine()}
        and manifest.get("threads", threads) == threads
        and environment is not None
        and environment.get("host") == platform.node()
    )


def compare_folders(
    recorded: Path,
    again: Path,
    manifests: tuple[Mapping[str, Any], Mapping[str, Any]],
    match: str,
    close: Close,
) -> Repeat:
    """Compare the files of a run with those of its repeat.

    Args:
        recorded, again: the two folders.
        manifests: of both, in that order.
        match: bytes, or numbers within tolerances.
        close: whether two numbers are within them.
    """
    differences: dict[str, Difference] = {}
    said = _in_manifests(manifests)
    if said is not None:
        differences[MANIFEST] = said
    n_same, n_within, not_compared = 0, 0, []
    for name in _in_order({*manifests[0]["files"], *manifests[1]["files"]}):
        a, b = recorded / name, again / name
        if not a.is_file() and name in manifests[0]["files"]:
            # Missing from its own folder, which `integrity` says.
            continue
        if not (a.is_file() and b.is_file()):
            ends = ("a file" if path.is_file() else None for path in (a, b))
            differences[name] = Difference("the file", *ends)
        elif a.read_bytes() == b.read_bytes():
            n_same += 1
        elif match == "numbers" and a.suffix in PICTURES:
            not_compared.append(name)
        else:
            where = _compare(a, b, match, close)
            if where is None:
                n_within += 1
            else:
                differences[name] = where
    return Repeat(match, n_same, n_within, tuple(not_compared), differences)


def _in_order(names: set[str]) -> list[str]:
    """The metrics first, then curves and models, pictures last: what follows from what."""
    return sorted(
        names, key=lambda name: (name.endswith(PICTURES), name != "metrics.json", "/" in name, name)
    )


def _compare(a: Path, b: Path, match: str, close: Close) -> Difference | None:
    exactly = match == "bytes"
    try:
        where = first_difference(a, b, (lambda x, y: x == y) if exactly else close)
    except ValueError as error:
        return Difference(f"can't be read ({error})", None, None)
    if where is None and exactly:
        # The same numbers, written in another way.
        at = first_byte(a.read_bytes(), b.read_bytes())
        return Difference(f"byte {at}, the numbers being equal", "one text", "another")
    return where


def _in_manifests(manifests: tuple[Mapping[str, Any], Mapping[str, Any]]) -> Difference | None:
    a, b = ({k: v for k, v in one.items() if k not in MADE_BY} for one in manifests)
    # A later version may have more settings; their defaults are what the earlier one did.
    if b["config"].keys() > a["config"].keys():
        b["config"] = {key: b["config"][key] for key in a["config"]}
        b["run"] = a["run"]
    return next(in_mappings(a, b, lambda x, y: x == y), None)

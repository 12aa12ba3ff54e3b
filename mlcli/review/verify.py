"""Whether a run folder is what its manifest says, and whether the same question gives it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlcli.json_file import read_json
from mlcli.report.files import DETAILS
from mlcli.report.folder import UNTRACKED
from mlcli.report.machine import difference
from mlcli.report.manifest import package_versions, question, question_hash, sha256
from mlcli.review.differences import (
    PICTURES,
    Close,
    Difference,
    first_byte,
    first_difference,
    in_mappings,
)
from mlcli.review.metrics import is_number, is_summary, quantities

MANIFEST = "manifest.json"
# Parts of a manifest that say by what and how a run was made, not what was asked.
MADE_BY = ("versions", "platform", "threads", "devices", "determinism", "files")


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
        match: bytes, numbers or intervals: how the files were compared.
        n_same: files with the same bytes.
        n_within: files whose numbers are within the tolerances.
        not_compared: files that have other bytes and were not compared further: pictures, and
            where means are compared by their intervals all but details.json.
        n_means: means whose intervals overlap, of those beyond the tolerances.
        machine: how the machine differs from the recorded one; empty if it does not.
        differences: file -> where it differs first.
        reason: why it could not be asked again, if so.
        not_run: whether that lies in what is here (its data, say), so that nothing is known of
            the result.
    """

    match: str
    n_same: int = 0
    n_within: int = 0
    not_compared: tuple[str, ...] = ()
    n_means: int = 0
    machine: str = ""
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


def made_elsewhere(manifest: Mapping[str, Any], threads: Mapping[str, int]) -> str:
    """Why equal bytes are not promised, in a few words; empty where they are.

    They are promised to the same versions with as many threads on a machine with the same kernels.

    Args:
        manifest: of the run.
        threads: from `scale.threads.thread_counts`, of this process.
    """
    here = package_versions()
    for name, recorded in manifest["versions"].items():
        if recorded != here.get(name):
            return f"{name} {recorded} there, {here.get(name, 'none')} here"
    if "kernels" not in manifest["platform"]:
        return "its kernels were not recorded"
    recorded_threads = manifest.get("threads", threads)
    if recorded_threads != threads:
        return f"threads {recorded_threads} there, {dict(threads)} here"
    if different := _other_device(manifest.get("devices", ())):
        return different
    return difference(manifest["platform"])


def _other_device(recorded: Sequence[Mapping[str, str]]) -> str:
    """A device of a run that is not here, in a few words; empty if there is none."""
    missing = {one["device"] for one in recorded} - {"cpu"}
    if not missing:
        return ""
    from mlcli.neural.device import accelerator_description

    here = accelerator_description()
    missing -= {here}
    return f"device {sorted(missing)[0]} there, {here or 'none'} here" if missing else ""


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
        match: bytes, numbers within tolerances, or intervals of the means in details.json.
        close: whether two numbers are within them.
    """
    differences: dict[str, Difference] = {}
    said = _in_manifests(manifests)
    if said is not None:
        differences[MANIFEST] = said
    n_same, n_within, n_means, not_compared = 0, 0, 0, []
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
        elif match != "bytes" and a.suffix in PICTURES:
            not_compared.append(name)
        elif (where := _compare(a, b, match, close)) is None:
            n_within += 1
        elif match != "intervals":
            differences[name] = where
        elif name != DETAILS:
            not_compared.append(name)
        else:
            n_means, where = _compare_means(a, b, close)
            if where is not None:
                differences[name] = where
    return Repeat(match, n_same, n_within, tuple(not_compared), n_means, differences=differences)


def _compare_means(a: Path, b: Path, close: Close) -> tuple[int, Difference | None]:
    """How many means of two details.json have intervals that overlap, and where they first don't.

    Only means over seeds are compared: a p value, for example, follows from them.
    """
    found, again = (quantities(read_json(path)) for path in (a, b))
    n_means = 0
    for name in dict.fromkeys([*found, *again]):
        if name not in found or name not in again:
            return n_means, Difference(name, *(one.get(name) for one in (found, again)))
        one, other = found[name], again[name]
        if not (is_summary(one) and is_summary(other)) or not is_number(one["mean"]):
            continue
        if is_number(other["mean"]) and (close(one["mean"], other["mean"]) or _overlap(one, other)):
            n_means += 1
        else:
            return n_means, Difference(f"{name}.mean", one["mean"], other["mean"])
    if n_means == 0:
        return 0, Difference("the file", "no mean over seeds", "nothing to compare by intervals")
    return n_means, None


def _overlap(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    ends = [a["ci_low"], b["ci_high"], b["ci_low"], a["ci_high"]]
    return all(map(is_number, ends)) and ends[0] <= ends[1] and ends[2] <= ends[3]


def _in_order(names: set[str]) -> list[str]:
    """The metrics first, then curves and models, pictures last: what follows from what."""
    return sorted(
        names,
        key=lambda name: (
            name.endswith(PICTURES),
            name != DETAILS,
            name.startswith("model/"),
            name,
        ),
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

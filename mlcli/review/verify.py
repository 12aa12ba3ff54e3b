"""Whether a run folder is what its manifest says, and whether running again gives the same."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from mlcli.json_file import read_json
from mlcli.run.details import flat, is_number, is_summary, quantities
from mlcli.run.files import DETAILS
from mlcli.run.folder import UNTRACKED
from mlcli.run.manifest import difference, package_versions, run_hash, run_key, sha256

Close = Callable[[float, float], bool]
PICTURES = (".png", ".svg", ".pdf")


MANIFEST = "manifest.json"
# Parts of a manifest that say by what and how a run was made, not of what.
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
    """A run compared with a repetition of it.

    Attributes:
        match: bytes, numbers or intervals: how the files were compared.
        n_same: files with the same bytes.
        n_within: files whose numbers are within the tolerances.
        not_compared: files that have other bytes and were not compared further: pictures, and
            where means are compared by their intervals all but details.json.
        n_means: means whose intervals overlap, of those beyond the tolerances.
        machine: how the machine differs from the recorded one; empty if it does not.
        differences: file -> where it differs first.
        reason: why it could not be repeated, if so.
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
    """A manifest names itself after its key, so a setting changed by hand shows."""
    config = {key: entry["value"] for key, entry in manifest["config"].items()}
    processes = manifest.get("processes", 1)
    name = run_hash(run_key(manifest["command"], config, manifest["data"], processes))
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


@dataclass(frozen=True)
class Difference:
    """Where two files differ first.

    Attributes:
        place: a row and column, a path of keys, or an index, as the reader of the file sees it.
        recorded, again: what stands there in the one and in the other.
    """

    place: str
    recorded: Any
    again: Any

    def __str__(self) -> str:
        return f"{self.place}: {shown(self.recorded)} recorded, {shown(self.again)} again"


def shown(value: Any) -> str:
    """A value for a sentence."""
    if value is None:
        return "nothing"
    if isinstance(value, float):
        return repr(value)
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def within(relative: float, absolute: float) -> Close:
    """Whether two numbers are as close as that; NaN is close to NaN, an infinity to itself."""

    def close(a: float, b: float) -> bool:
        if a == b or (a != a and b != b):
            return True
        # False where one is NaN; an infinity would be within any share of itself.
        gap, size = abs(a - b), max(abs(a), abs(b))
        return size != float("inf") and gap <= absolute + relative * size

    return close


def first_difference(recorded: Path, again: Path, close: Close) -> Difference | None:
    """Where two files of the same name differ first; None where no number does.

    Pictures and kinds of files that can't be read as numbers are compared by their bytes.

    Raises:
        ValueError: one of the files is not what its name says.
    """
    kinds: dict[str, Callable[[Path, Path, Close], Iterator[Difference]]] = {
        ".csv": _in_tables,
        ".json": _in_trees,
        ".yaml": _in_yaml,
        ".npy": _in_arrays,
        ".safetensors": _in_arrays,
    }
    compare = kinds.get(recorded.suffix, _in_bytes)
    return next(compare(recorded, again, close), None)


def _in_tables(recorded: Path, again: Path, close: Close) -> Iterator[Difference]:
    with (
        recorded.open(encoding="utf-8", newline="") as a,
        again.open(encoding="utf-8", newline="") as b,
    ):
        rows_a, rows_b = csv.reader(a), csv.reader(b)
        names, names_b = next(rows_a, []), next(rows_b, [])
        if names != names_b:
            yield Difference("the heading", ",".join(names), ",".join(names_b))
            return
        # Counted as an editor does, the heading being line 1.
        for line, (row_a, row_b) in enumerate(zip_longest(rows_a, rows_b), start=2):
            if row_a is None or row_b is None:
                ends = (f"{'a row' if row else 'no row'}" for row in (row_a, row_b))
                yield Difference(f"line {line}", *ends)
                return
            for name, cell_a, cell_b in zip_longest(names, row_a, row_b, fillvalue=""):
                if not _same_cell(cell_a, cell_b, close):
                    yield Difference(f"line {line}, column {name}", _cell(cell_a), _cell(cell_b))


def _cell(text: str) -> Any:
    return text or None


def _same_cell(a: str, b: str, close: Close) -> bool:
    if a == b:
        return True
    try:
        return close(float(a), float(b))
    except ValueError:
        return False


def _in_trees(recorded: Path, again: Path, close: Close) -> Iterator[Difference]:
    a, b = (_plain(read_json(path)) for path in (recorded, again))
    yield from in_mappings(a, b, close)


def _in_yaml(recorded: Path, again: Path, close: Close) -> Iterator[Difference]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        a, b = (_plain(YAML(typ="safe", pure=True).load(path)) for path in (recorded, again))
    except YAMLError:
        raise ValueError("not YAML") from None
    yield from in_mappings(a, b, close)


def _plain(tree: Any) -> dict[str, Any]:
    return tree if isinstance(tree, dict) else {"value": tree}


def in_mappings(
    recorded: Mapping[str, Any], again: Mapping[str, Any], close: Close
) -> Iterator[Difference]:
    """Every path at which two trees differ, in the order of the first, then what only one has."""
    a, b = (_spread(tree) for tree in (recorded, again))
    for path in dict.fromkeys([*a, *b]):
        if path not in a or path not in b:
            yield Difference(path, a.get(path), b.get(path))
        elif is_number(a[path]) and is_number(b[path]):
            if not close(float(a[path]), float(b[path])):
                yield Difference(path, a[path], b[path])
        elif a[path] != b[path] or isinstance(a[path], bool) != isinstance(b[path], bool):
            yield Difference(path, a[path], b[path])


def _spread(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of a tree, those in lists too."""
    found: dict[str, Any] = {}
    for path, value in flat(tree).items():
        if isinstance(value, list):
            found |= _spread({f"{path}[{i}]": item for i, item in enumerate(value)})
        else:
            found[path] = value
    return found


def _in_arrays(recorded: Path, again: Path, close: Close) -> Iterator[Difference]:
    import numpy as np

    a, b = _read_arrays(recorded), _read_arrays(again)
    for name in dict.fromkeys([*a, *b]):
        if name not in a or name not in b:
            ends = ("an array" if name in one else None for one in (a, b))
            yield Difference(name or "the array", *ends)
            continue
        kinds = [f"{one[name].dtype} {one[name].shape}" for one in (a, b)]
        if kinds[0] != kinds[1]:
            yield Difference(name or "the array", *kinds)
            continue
        unequal = np.flatnonzero(np.ravel(a[name] != b[name]))
        for place in unequal:
            pair = [one[name].flat[place].item() for one in (a, b)]
            if not close(float(pair[0]), float(pair[1])):
                index = ", ".join(str(i) for i in np.unravel_index(place, a[name].shape))
                yield Difference(f"{name}[{index}]", *pair)


def _read_arrays(path: Path) -> dict[str, Any]:
    if path.suffix == ".npy":
        import numpy as np

        return {"": np.load(path, allow_pickle=False)}
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(path.read_bytes()))
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def _in_bytes(recorded: Path, again: Path, close: Close) -> Iterator[Difference]:
    a, b = recorded.read_bytes(), again.read_bytes()
    if a != b:
        at = first_byte(a, b)
        ends = (f"{one[at]:#04x}" if at < len(one) else None for one in (a, b))
        yield Difference(f"byte {at}", *ends)


def first_byte(a: bytes, b: bytes) -> int:
    """The place, from 0, of the first byte in which two contents differ."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))

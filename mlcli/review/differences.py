"""The first number in which two files differ, by what kind of file they are."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from mlcli.json_file import read_json
from mlcli.review.metrics import flat, is_number

Close = Callable[[float, float], bool]
PICTURES = (".png", ".svg", ".pdf")


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

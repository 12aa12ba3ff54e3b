"""What there is to log of a run, read from its folder: the same for every tracker.

Names are those of `check` and `compare`: a number of details.json by its dotted path. A curve is
``file/key/column``, one for each combination of the keys in its file.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mlcli.errors import DataError
from mlcli.report.runs import command_line
from mlcli.review.runs import read_run
from mlcli.run.details import flat, is_number
from mlcli.run.folder import replacing
from mlcli.run.manifest import run_hash, sha256

STEPS = ("epoch", "step")
# What all trackers take in a name; MLflow is the strictest.
FORBIDDEN = re.compile(r"[^\w.\- ]", re.ASCII)
LONGEST_NAME = 240

Series = dict[str, list[tuple[int, float]]]


@dataclass(frozen=True)
class Record:
    """A finished run, as a tracker needs it.

    Attributes:
        folder: where its files are.
        command, run: the command, and the short hash that names the run.
        config: each parameter as it would be written behind its flag.
        sources: where the value of each came from.
        metrics: every finite number of details.json by its path.
        series: (step, value) pairs by name, from every CSV file with an epoch or a step.
        files: paths of its files in the folder, the manifest among them, none of this machine.
        tags: hashes and the like, each a text.
        started: seconds since 1970.
        seconds: how long it took.
    """

    folder: Path
    command: str
    run: str
    config: Mapping[str, str]
    sources: Mapping[str, str]
    metrics: Mapping[str, float]
    series: Mapping[str, Sequence[tuple[int, float]]]
    files: Sequence[str]
    tags: Mapping[str, str]
    started: float
    seconds: float

    @property
    def figures(self) -> list[str]:
        """Those of the files that are pictures which every tracker can show."""
        return [
            name for name in self.files if name.endswith(".png") and name.startswith("figures/")
        ]


def read_record(folder: Path) -> Record:
    """The record of a run folder.

    Raises:
        DataError: it is not the folder of a finished run.
    """
    found = read_run(folder)
    manifest = found.manifest
    started, seconds = _times(folder)
    tags = {
        "mlcli.command": command_line(manifest),
        "mlcli.run": manifest["run"],
        "mlcli.manifest_sha256": sha256(folder / "manifest.json"),
        "mlcli.version": str(manifest["versions"].get("mlcli", "")),
        "mlcli.data": str(manifest["data"].get("name", "")),
        "mlcli.data_digest": run_hash(manifest["data"]),
        "mlcli.data_sha256": str(manifest["data"].get("sha256", "")),
    }
    numbers = ((k, float(v)) for k, v in flat(found.metrics).items() if is_number(v))
    return Record(
        folder=folder,
        command=found.command,
        run=manifest["run"],
        config={key: _text(entry["value"]) for key, entry in manifest["config"].items()},
        sources={key: str(entry["source"]) for key, entry in manifest["config"].items()},
        metrics=_named(numbers),
        series=_named(
            pair
            for name in manifest["files"]
            if name.startswith("tables/") and name.endswith(".csv")
            for pair in read_series(folder / name).items()
        ),
        files=[*manifest["files"], "manifest.json"],
        tags={key: text for key, text in tags.items() if text},
        started=started,
        seconds=seconds,
    )


def _times(folder: Path) -> tuple[float, float]:
    """When a run began and how long it took; 0 if unknown."""
    try:
        where = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
        spent = json.loads((folder / "timings.json").read_text(encoding="utf-8"))
        started = datetime.fromisoformat(where["started"]).timestamp()
        return started, float(spent["compute_seconds"] + spent["write_seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0, 0.0


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_text, value))
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return str(value)


def _named(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The same pairs under names that every tracker takes, no two alike."""
    named: dict[str, Any] = {}
    for name, value in pairs:
        parts = (FORBIDDEN.sub("_", part).strip(" .") or "_" for part in name.split("/"))
        safe = "/".join(parts)[:LONGEST_NAME]
        number, unique = 2, safe
        while unique in named:
            unique, number = f"{safe} {number}", number + 1
        named[unique] = value
    return named


def read_series(path: Path) -> Series:
    """The curves of a CSV file with a column of epochs or steps, none if it has no such column.

    Columns of text tell curves of one file apart. Where they don't, so that a step comes twice, the
    columns after them do, as many as it takes: a layer, a learning rate.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    step = next((name for name in STEPS if rows and name in rows[0]), None)
    if step is None or not all(_is_whole(row[step]) for row in rows):
        return {}
    columns = [name for name in rows[0] if name != step]
    keys = [name for name in columns if not all(_is_float(row[name]) for row in rows)]
    rest = [name for name in columns if name not in keys]
    while len({(row[step], *(row[key] for key in keys)) for row in rows}) < len(rows) and rest:
        keys.append(rest.pop(0))
    series: Series = {}
    for row in rows:
        below = "/".join(_part(key, row[key]) for key in keys)
        for name in rest:
            value = float(row[name] or "nan")
            if is_number(value):
                full = "/".join(part for part in (path.stem, below, _slashless(name)) if part)
                series.setdefault(full, []).append((int(float(row[step])), value))
    return series


def _part(key: str, cell: str) -> str:
    """The value of a key as part of a name; a number gets the key before it."""
    return _slashless(f"{key} {cell}" if _is_float(cell) else cell)


def _slashless(text: str) -> str:
    return text.replace("/", "_")


def _is_float(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _is_whole(cell: str) -> bool:
    return _is_float(cell) and float(cell or "nan").is_integer()


@contextmanager
def replaced(target: Path, is_own: Callable[[str], bool]) -> Iterator[Path]:
    """A new folder to fill, which becomes `target` if the block ends well.

    Args:
        target: the folder to be.
        is_own: whether a name in it is one that this tracker writes.

    Raises:
        DataError: something else is in the way.
    """
    if target.is_file():
        raise DataError(f"{target} is a file")
    names = sorted(path.name for path in target.iterdir()) if target.is_dir() else []
    foreign = next((name for name in names if not is_own(name)), None)
    if foreign is not None:
        raise DataError(f"{target} holds {foreign}, which no tracking wrote")
    with replacing(target) as partial:
        yield partial

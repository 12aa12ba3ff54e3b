"""The points of a sweep, each a run like any other."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlcli.errors import EXIT_NO_ANSWER, ConfigError, InputError, MlcliError, machine_failure
from mlcli.experiments import load
from mlcli.experiments.experiment import Context, Prepared
from mlcli.json_file import read_json
from mlcli.result import Result
from mlcli.review.runs import read_run
from mlcli.run.execute import (
    RunOptions,
    RunSpec,
    certified,
    execute,
    finished,
    now,
    prepare,
    record,
    tidy,
)
from mlcli.run.manifest import package_versions, run_hash
from mlcli.scale.workers import Processes, Workers
from mlcli.sweeps.axes import Point
from mlcli.sweeps.table import DONE, FAILED, NO_ANSWER, Row

TABLE, KEY_FILE = "sweep.csv", "sweep.json"
DIED = "its process died, perhaps for want of memory"


@dataclass(frozen=True)
class Task:
    """A point to run, in terms that another process understands."""

    section: str
    point: Point
    options: RunOptions


def task(section: str, point: Point, options: RunOptions) -> Task:
    """The task of a point."""
    sets = tuple(f"{section}.{key}={text}" for key, text in point)
    return Task(section, point, replace(options, sets=sets))


def prepared(one: Task) -> RunSpec:
    """A point, checked.

    Raises:
        InputError: its parameters or data won't do.
    """
    return prepare(one.section, {}, one.options)


def check_all(tasks: Sequence[Task]) -> tuple[list[Task], list[RunSpec]]:
    """Check every point before any runs; equal points are one.

    Raises:
        ConfigError: naming what is wrong with each.
    """
    kept: dict[Path, tuple[Task, RunSpec]] = {}
    faults: dict[str, None] = {}
    for one in tasks:
        try:
            found = prepared(one)
        except InputError as error:
            faults |= dict.fromkeys(str(error).splitlines())
            continue
        kept.setdefault(found.target, (one, found))
    if faults:
        raise ConfigError("\n".join(faults))
    return [one for one, _ in kept.values()], [found for _, found in kept.values()]


@dataclass(frozen=True)
class RemotePoint:
    """A point to run on a worker that has none of this machine's files."""

    section: str
    prepared: Prepared[Any]


@dataclass(frozen=True)
class PointResult:
    """What came of a point: the result if it is done, else the reason."""

    outcome: str
    reason: str
    result: Result | None
    seconds: float


def _remote(points: Sequence[RunSpec]) -> list[RemotePoint]:
    """The points as workers get them. Equal data are one object, so that they are sent once."""
    sources: dict[str, Any] = {}
    remote = []
    for one in points:
        name = json.dumps([one.prepared.source.name, one.key["data"]], sort_keys=True, default=str)
        source = sources.setdefault(name, one.prepared.source)
        remote.append(RemotePoint(one.about.section, replace(one.prepared, source=source)))
    return remote


def run_remote(point: RemotePoint) -> PointResult:
    """Run a point in this process, which writes nothing."""
    t_start, found = time.perf_counter(), []

    def work() -> None:
        result = load(point.section).run(point.prepared, Context(Processes(1)))
        found.append(certified(result))

    outcome, reason = _attempted(work)
    return PointResult(outcome, reason, found[0] if found else None, time.perf_counter() - t_start)


def run_point(one: Task) -> tuple[str, str]:
    """Run a point in this process: its outcome, and the reason if there is no answer."""
    return _attempted(lambda: execute(prepared(one)))


def _attempted(work: Callable[[], None]) -> tuple[str, str]:
    try:
        work()
    except MlcliError as error:
        outcome = NO_ANSWER if error.exit_code == EXIT_NO_ANSWER else FAILED
        return outcome, " ".join(str(error).splitlines())
    except Exception as error:
        if sentence := machine_failure(error):
            return FAILED, sentence
        first = (str(error).splitlines() or [""])[0]
        return FAILED, f"this is a bug: {type(error).__name__}: {first}"
    return DONE, ""


def row_of(one: Task, found: RunSpec, outcome: str = "", reason: str = "") -> Row:
    """The row of a point; with the run, if it is done."""
    name = run_hash(found.key)
    if outcome == DONE:
        return Row(one.point, name, DONE, found=read_run(found.target))
    return Row(one.point, name, outcome, reason) if outcome else Row(one.point, name)


def run_all(
    tasks: Sequence[Task],
    points: Sequence[RunSpec],
    *,
    workers: Callable[[], AbstractContextManager[Workers]],
    force: bool,
    known: Mapping[str, str],
) -> Generator[list[Row], None, None]:
    """The rows of a sweep, first those done before, then after each point that is done.

    Args:
        tasks, points: what `check_all` gave.
        workers: opens those who run the points, if there is one to run.
        force: run again what is done.
        known: run -> reason of points that had no answer before.
    """
    rows = []
    for one, found in zip(tasks, points, strict=True):
        if force:
            rows.append(row_of(one, found))
        elif finished(found):
            tidy(found)
            rows.append(row_of(one, found, DONE))
        elif run_hash(found.key) in known:
            rows.append(row_of(one, found, NO_ANSWER, known[run_hash(found.key)]))
        else:
            rows.append(row_of(one, found))
    yield list(rows)
    waiting = [i for i, row in enumerate(rows) if row.outcome not in (DONE, NO_ANSWER)]
    if not waiting:
        return
    left = [tasks[i] for i in waiting]
    with workers() as opened:
        for place, outcome, reason in outcomes(left, [points[i] for i in waiting], opened):
            i = waiting[place]
            rows[i] = row_of(tasks[i], points[i], outcome, reason)
            yield list(rows)


def outcomes(
    tasks: Sequence[Task], points: Sequence[RunSpec], workers: Workers
) -> Iterator[tuple[int, str, str]]:
    """(place, outcome, reason) of each point, as its run is done and written."""
    if isinstance(workers, Processes):
        # Workers of a point would be too many beside other points.
        inner = 1 if min(workers.jobs or 1, len(tasks)) > 1 else None
        tasks = [replace(one, options=replace(one.options, jobs=inner)) for one in tasks]
        for place, answer in workers.each_apart(run_point, tasks):
            yield place, *(answer or (FAILED, DIED))
        return
    started = now()
    for place, found in workers.each_apart(run_remote, _remote(points)):
        if found is None:
            yield place, FAILED, DIED
            continue
        if found.result is not None:
            record(points[place], found.result, started, found.seconds)
        yield place, found.outcome, found.reason


def sweep_key(command: str, points: Sequence[RunSpec], more: Mapping[str, Any]) -> dict[str, Any]:
    """The points of a sweep and the versions: its identity, without clock or path."""
    runs = [run_hash(found.key) for found in points]
    return {"command": command, "points": runs, "versions": package_versions(), **more}


def without_answer(folder: Path, key: Mapping[str, Any]) -> dict[str, str]:
    """The points that had no answer with these versions before: run -> reason."""
    try:
        before = read_json(folder / KEY_FILE)
        with (folder / TABLE).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return {}
    if not isinstance(before, dict) or before.get("versions") != key["versions"]:
        return {}
    return {
        row["run"]: row.get("reason") or ""
        for row in rows
        if row.get("outcome") == NO_ANSWER and row.get("run")
    }

"""The points of a sweep, each a run like any other."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlcli.commands.experiment import Prepared, execute, finished, prepare
from mlcli.commands.options import RunOptions
from mlcli.errors import EXIT_NO_ANSWER, ConfigError, InputError, MlcliError
from mlcli.json_file import read_json
from mlcli.report.manifest import package_versions, question_hash
from mlcli.review.runs import read_run
from mlcli.scale.processes import each_apart
from mlcli.sweeps.axes import Point
from mlcli.sweeps.table import DONE, FAILED, NO_ANSWER, Row

TABLE, QUESTION = "sweep.csv", "sweep.json"
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


def prepared(one: Task) -> Prepared:
    """A point, checked.

    Raises:
        InputError: it can't be asked.
    """
    return prepare(one.section, {}, one.options)


def check_all(tasks: Sequence[Task]) -> tuple[list[Task], list[Prepared]]:
    """Check every point before any runs; points that ask the same are one.

    Raises:
        ConfigError: naming what is wrong with each.
    """
    kept: dict[Path, tuple[Task, Prepared]] = {}
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


def run_point(one: Task) -> tuple[str, str]:
    """Run a point in this process: its outcome, and the reason if there is no answer."""
    try:
        execute(prepared(one))
    except MlcliError as error:
        outcome = NO_ANSWER if error.exit_code == EXIT_NO_ANSWER else FAILED
        return outcome, " ".join(str(error).splitlines())
    except MemoryError:
        return FAILED, "out of memory"
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        return FAILED, f"this is a bug: {type(error).__name__}: {first}"
    return DONE, ""


def row_of(one: Task, found: Prepared, outcome: str = "", reason: str = "") -> Row:
    """The row of a point; with the run, if it is done."""
    name = question_hash(found.asked)
    if outcome == DONE:
        return Row(one.point, name, DONE, found=read_run(found.target))
    return Row(one.point, name, outcome, reason) if outcome else Row(one.point, name)


def run_all(
    tasks: Sequence[Task],
    points: Sequence[Prepared],
    *,
    jobs: int,
    force: bool,
    known: Mapping[str, str],
) -> Iterator[list[Row]]:
    """The rows of a sweep, first those done before, then after each point that is done.

    Args:
        tasks, points: what `check_all` gave.
        jobs: points at a time.
        force: run again what is done.
        known: run -> reason of points that had no answer before.
    """
    rows = []
    for one, found in zip(tasks, points, strict=True):
        if force:
            rows.append(row_of(one, found))
        elif finished(found):
            rows.append(row_of(one, found, DONE))
        elif question_hash(found.asked) in known:
            rows.append(row_of(one, found, NO_ANSWER, known[question_hash(found.asked)]))
        else:
            rows.append(row_of(one, found))
    yield list(rows)
    waiting = [i for i, row in enumerate(rows) if row.outcome not in (DONE, NO_ANSWER)]
    # Workers of a point would be too many beside other points.
    inner = 1 if jobs > 1 else None
    asked = [replace(tasks[i], options=replace(tasks[i].options, jobs=inner)) for i in waiting]
    for place, answer in each_apart(run_point, asked, jobs=jobs):
        i = waiting[place]
        outcome, reason = answer or (FAILED, DIED)
        rows[i] = row_of(tasks[i], points[i], outcome, reason)
        yield list(rows)


def question_of(
    command: str, points: Sequence[Prepared], more: Mapping[str, Any]
) -> dict[str, Any]:
    """What a sweep asked, and by which versions: its identity, without clock or path."""
    runs = [question_hash(found.asked) for found in points]
    return {"command": command, "points": runs, "versions": package_versions(), **more}


def without_answer(folder: Path, question: Mapping[str, Any]) -> dict[str, str]:
    """The points that had no answer when these versions asked before: run -> reason."""
    try:
        before = read_json(folder / QUESTION)
        with (folder / TABLE).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return {}
    if not isinstance(before, dict) or before.get("versions") != question["versions"]:
        return {}
    return {
        row["run"]: row.get("reason") or ""
        for row in rows
        if row.get("outcome") == NO_ANSWER and row.get("run")
    }

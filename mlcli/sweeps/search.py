"""A sweep: its points, each a run like any other, and the table that is kept after each of them."""

from __future__ import annotations

import csv
import json
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlcli import console
from mlcli.config import SECTIONS, config_class
from mlcli.errors import (
    EXIT_NO_ANSWER,
    ConfigError,
    InputError,
    Interrupted,
    MlcliError,
    NoAnswerError,
    machine_failure,
)
from mlcli.experiments import load
from mlcli.experiments.experiment import Context, Headline, Prepared
from mlcli.json_file import read_json
from mlcli.params.faults import unknown
from mlcli.result import Result
from mlcli.review.runs import read_run
from mlcli.run.details import quantities
from mlcli.run.execute import (
    RUNS,
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
from mlcli.run.files import csv_text, json_text, replace_text
from mlcli.run.manifest import package_versions, run_hash
from mlcli.run.workers import check_cluster, check_no_files, workers_of
from mlcli.scale.workers import Processes, Workers
from mlcli.sweeps.axes import Axis, Point, draws, grid, parse_axis
from mlcli.sweeps.headlines import headline_of, scores
from mlcli.sweeps.table import (
    DONE,
    FAILED,
    NO_ANSWER,
    WAITING,
    Row,
    Scored,
    columns,
    metrics_of,
    scored,
)

METRICS = "metrics.json"
TABLE, KEY_FILE = "sweep.csv", "sweep.json"
DIED = "its process died, perhaps for want of memory"


@dataclass(frozen=True)
class Request:
    """How a sweep runs, without its points."""

    section: str
    metric: str | None
    best: str | None
    confirm: bool
    params: Path | None
    out: Path | None
    jobs: int | None
    cluster: str | None
    quiet: bool
    force: bool

    @property
    def command(self) -> str:
        """The command that is swept."""
        return self.section.replace("_", "-")

    def workers(self) -> AbstractContextManager[Workers]:
        """Who runs the points."""
        return workers_of(self.cluster, self.jobs)

    @property
    def options(self) -> RunOptions:
        """How each point runs: without figures, which nobody looks at one by one."""
        return RunOptions(params=self.params, quiet=True, plots=False)


@dataclass(frozen=True)
class Finished:
    """A sweep that is done: its folder, its points, and its metrics.json."""

    folder: Path
    headline: Headline
    points: list[Scored]
    metrics: dict[str, Any]


def section_of(command: str) -> str:
    """The section of an experiment's name.

    Raises:
        ConfigError: there is no such experiment.
    """
    section = command.replace("-", "_")
    known = [name for name in SECTIONS if name != "data"]
    if section not in known:
        names = [name.replace("_", "-") for name in known]
        raise ConfigError(unknown("experiment", command, names))
    return section


def points_of(section: str, sets: Sequence[str], n_samples: int | None, seed: int) -> list[Point]:
    """The points that the flags describe.

    Raises:
        ConfigError: an axis is no axis, its key is unknown or given twice.
    """
    axes: list[Axis] = []
    faults = []
    known = config_class(section).model_fields
    for text in sets:
        try:
            axis = parse_axis(text, section)
        except ConfigError as error:
            faults.append(str(error))
            continue
        if axis.key not in known:
            faults.append(f"-S {text}: {unknown('key', axis.key, known)} (section {section})")
        elif axis.key in [one.key for one in axes]:
            faults.append(f"-S {text}: {axis.key} is given twice; try one list of values")
        else:
            axes.append(axis)
    if faults:
        raise ConfigError("\n".join(faults))
    return grid(axes) if n_samples is None else draws(axes, n_samples, seed)


def checked(request: Request, points: Sequence[Point]) -> tuple[list[Task], list[RunSpec]]:
    """The folder and every point, checked before any runs."""
    check_cluster(request.cluster, request.jobs)
    if request.out is not None:
        _check_folder(request.out)
    tasks, found = check_all([task(request.section, point, request.options) for point in points])
    for one in found if request.cluster else ():
        check_no_files(one.resolved.config, one.prepared.source)
    return tasks, found


def _check_folder(out: Path) -> None:
    """Only an empty folder or a sweep's own will do: nothing of another's is overwritten.

    Raises:
        ConfigError: it is a file, or holds other files.
    """
    if file := next((one for one in (out, *out.parents) if one.is_file()), None):
        raise ConfigError("--out", must="a folder", got=f"the file {file}", hint="another name")
    names = sorted(one.name for one in out.iterdir()) if out.is_dir() else []
    own = (KEY_FILE, TABLE, METRICS) if KEY_FILE in names else ()
    others = [name for name in names if name not in own and not name.startswith(".")]
    if others:
        raise ConfigError(
            "--out",
            must="a new folder, an empty one or that of a sweep",
            got=f"{out} with {others[0]} in it",
            hint="another name",
        )


def run_sweep(request: Request, points: Sequence[Point]) -> Finished:
    """Run what is not done, and keep the table in its folder after every point.

    Raises:
        Interrupted: Ctrl-C; the same command goes on.
        NoAnswerError: no point has a number, though each ran.
        MlcliError: no point is done, and some failed.
    """
    headlines = headline_of(request.section, request.metric, request.best)
    tasks, specs = checked(request, points)
    key = sweep_key(request.command, specs, {"metric": request.metric, "best": request.best})
    folder = request.out or RUNS / "sweep" / run_hash(key)
    known = without_answer(folder, key)
    replace_text(folder / KEY_FILE, json_text(key))
    rows: list[Row] = []
    try:
        every = run_all(tasks, specs, workers=request.workers, force=request.force, known=known)
        with closing(every):
            for rows in every:
                # At once, so that a metric that is not there stops the sweep at its first point.
                headline, found = scored(rows, headlines)
                replace_text(folder / TABLE, csv_text(columns(found)))
                _say(request, rows)
        metrics = metrics_of(request.command, headline, found)
        if request.confirm:
            metrics["confirmed"] = _confirmed(request, tasks, specs, metrics)
    except KeyboardInterrupt:
        n_done = sum(row.outcome != WAITING for row in rows)
        raise Interrupted(
            f"interrupted after {n_done} of {len(tasks)} points; the same command goes on"
        ) from None
    replace_text(folder / METRICS, json_text(metrics))
    return Finished(folder, headline, found, metrics)


def _say(request: Request, rows: Sequence[Row]) -> None:
    if not request.quiet:
        n_of = Counter(row.outcome for row in rows)
        said = f"{request.command}: {n_of[DONE]} of {len(rows)} points done"
        for outcome, words in ((NO_ANSWER, "without an answer"), (FAILED, "failed")):
            said += f", {n_of[outcome]} {words}" if n_of[outcome] else ""
        console.message(said)


def _confirmed(
    request: Request, tasks: Sequence[Task], specs: Sequence[RunSpec], metrics: dict[str, Any]
) -> dict[str, Any]:
    """The best point once more, with a seed that no point had."""
    names = [run_hash(found.key) for found in specs]
    best = tasks[names.index(metrics["best"]["run"])]
    seed = 1 + max(int(found.resolved.config.seed) for found in specs)
    point = (*(pair for pair in best.point if pair[0] != "seed"), ("seed", str(seed)))
    asked_again = task(request.section, point, request.options)
    again = prepared(asked_again)
    if request.force or not finished(again):
        if not request.quiet:
            console.message(f"{request.command}: the best again, with seed {seed}")
        with request.workers() as workers:
            (_, outcome, reason), *_ = outcomes([asked_again], [again], workers)
        if outcome == FAILED:
            raise MlcliError(f"the best failed with seed {seed}: {reason}")
        if outcome != DONE:
            raise NoAnswerError(f"the best had no answer with seed {seed}: {reason}")
    run, path = read_run(again.target), metrics["metric"]
    return {
        "seed": seed,
        "run": run_hash(again.key),
        path: quantities(run.metrics)[path],
        "test": scores(path, run.metrics),
    }


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

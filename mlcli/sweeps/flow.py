"""From the flags of a sweep to its folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcli import console
from mlcli.config import SECTIONS, config_class
from mlcli.errors import ConfigError, Interrupted, MlcliError, NoAnswerError
from mlcli.experiments.experiment import Headline
from mlcli.params.faults import unknown
from mlcli.result import Progress
from mlcli.review.runs import read_run
from mlcli.run.details import quantities
from mlcli.run.execute import RUNS, ProgressStyle, RunOptions, RunSpec, finished
from mlcli.run.files import csv_text, json_text, replace_text
from mlcli.run.manifest import run_hash
from mlcli.run.workers import check_cluster, check_no_files, workers_of
from mlcli.scale.workers import Workers
from mlcli.sweeps.axes import Axis, Point, draws, grid, parse_axis
from mlcli.sweeps.headlines import headline_of, scores
from mlcli.sweeps.points import (
    KEY_FILE,
    TABLE,
    Task,
    check_all,
    outcomes,
    prepared,
    run_all,
    sweep_key,
    task,
    without_answer,
)
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
    progress: ProgressStyle = ProgressStyle.AUTO

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
        return RunOptions(params=self.params, quiet=True, plots=False, progress=self.progress)


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
    in_json = request.progress is ProgressStyle.JSON
    progress = console.JsonProgress("sweep", run_hash(key)) if in_json else None
    try:
        every = run_all(tasks, specs, workers=request.workers, force=request.force, known=known)
        with closing(every):
            for rows in every:
                # At once, so that a metric that is not there stops the sweep at its first point.
                headline, found = scored(rows, headlines)
                replace_text(folder / TABLE, csv_text(columns(found)))
                _say(request, rows, progress)
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


def _say(request: Request, rows: Sequence[Row], progress: Progress | None) -> None:
    n_of = Counter(row.outcome for row in rows)
    if progress is not None:
        progress(len(rows) - n_of[WAITING], len(rows))
    elif not request.quiet:
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

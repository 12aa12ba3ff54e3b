"""The steps of a run, the same for every experiment: check, compute, write the run folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli import console
from mlcli.certificate import refuse_uncertified, summarise, warnings_of
from mlcli.config import config_class
from mlcli.config.fields import extra
from mlcli.errors import ConfigError
from mlcli.experiments import load
from mlcli.experiments.experiment import About, Context, Experiment, Prepared, check_device
from mlcli.params import Resolved, resolve
from mlcli.partials import sweep
from mlcli.result import Progress, Result
from mlcli.run import files, folder
from mlcli.run import manifest as manifests
from mlcli.run.workers import check_cluster, check_hands_out, workers_of
from mlcli.scale import threads

if TYPE_CHECKING:
    from mlcli.datasets.files import Stamp
    from mlcli.run.checkpoint import FileCheckpoint

RUNS = Path("runs")
FIGURE_KINDS = ("png", "svg", "pdf")
TOGETHER = (
    "{n} processes have each their share of every minibatch and add up its parts; one process, or "
    "another number of them, can differ in the last digits and then in all that follows from them"
)


class ProgressStyle(StrEnum):
    """How the progress of a run is shown on stderr."""

    AUTO = "auto"
    JSON = "json"


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out and shown. None of these changes a number.

    Attributes:
        params, sets, out: the params file, the texts of ``-S``, the folder to write.
        jobs, cluster: who works.
        json, quiet, dry_run: what is shown.
        progress: a bar, where there is a terminal and it is not quiet, or lines of JSON.
        plots, figures: whether figures are drawn, and in which formats.
        force: run again what is done.
        track: trackers to log to.
        resume: whether to continue from the checkpoint of an interrupted run.
        processes, rank: of the processes that torchrun started; only the first one writes.
    """

    params: Path | None = None
    sets: tuple[str, ...] = ()
    out: Path | None = None
    jobs: int | None = None
    cluster: str | None = None
    json: bool = False
    quiet: bool = False
    progress: ProgressStyle = ProgressStyle.AUTO
    dry_run: bool = False
    plots: bool = True
    figures: tuple[str, ...] = ("png",)
    force: bool = False
    track: tuple[str, ...] = ()
    resume: bool = True
    processes: int = 1
    rank: int = 0


@dataclass(frozen=True)
class RunSpec:
    """A run that has passed every check and can be executed.

    Attributes:
        experiment: what is run.
        resolved: its config, with the source of each value.
        prepared: what `Experiment.prepare` built.
        key: what decides the result to the last bit, from `manifest.run_key`.
        target: the run folder.
        figures: relative paths of the figures; what has nothing to draw is not written.
        options: how to run.
        stamp: of the data file, to notice that it changes meanwhile.
    """

    experiment: Experiment[Any, Any]
    resolved: Resolved[Any]
    prepared: Prepared[Any]
    key: dict[str, Any]
    target: Path
    figures: tuple[str, ...]
    options: RunOptions
    stamp: Stamp | None

    @property
    def about(self) -> About:
        """What is known of the experiment without running it."""
        return self.experiment.about

    @property
    def outputs(self) -> list[str]:
        """Every file of the run folder that belongs to its hashed part, and the manifest."""
        return sorted([*self.about.files, *self.figures, "manifest.json"])


def prepare(section: str, flags: Mapping[str, Any], options: RunOptions) -> RunSpec:
    """Resolve the parameters and make every check that can be made before any work.

    Raises:
        InputError: the parameters, the data, the workers or the output folder won't do.
    """
    check_cluster(options.cluster, options.jobs)
    model = config_class(section)
    resolved = resolve(model, section, flags=flags, sets=options.sets, params=options.params)
    spec = prepare_resolved(section, resolved, options)
    if options.cluster is not None:
        check_hands_out(spec.about, spec.prepared.source)
    return spec


def prepare_resolved(section: str, resolved: Resolved[Any], options: RunOptions) -> RunSpec:
    """The same for a config that is resolved already.

    Raises:
        InputError: the values, the data, or the output folder won't do.
    """
    from mlcli.datasets.files import stamp
    from mlcli.experiments.source import source_of

    experiment = load(section)
    config: Any = resolved.config
    before = stamp(config.data)
    source = source_of(config)
    console.left_out(() if options.quiet else getattr(source, "skipped", ()))
    for remark in () if options.quiet else config.remarks():
        console.message(f"note: {remark}")
    check_device(experiment.about, config.device)
    prepared = experiment.prepare(config, source)
    command, names = experiment.about.command, tuple(experiment.about.figures)
    identity = source.identity | _input_files(config)
    key = manifests.run_key(command, config.identity(), identity, options.processes)
    target = options.out or RUNS / command / manifests.run_hash(key)
    kinds = options.figures if options.plots else ()
    figures = tuple(f"figures/{name}.{kind}" for name in names for kind in kinds)
    spec = RunSpec(experiment, resolved, prepared, key, target, figures, options, before)
    drawn = [f"{name}.{kind}" for name in names for kind in FIGURE_KINDS]
    # An earlier version wrote figures and tables into the run folder itself.
    earlier = [*drawn, *(f"{name}.csv" for name in experiment.about.tables)]
    every = {*earlier, *(f"figures/{name}" for name in drawn)}
    if options.rank == 0:
        folder.check_writable(target, every | set(spec.outputs) | set(folder.UNTRACKED))
    return spec


def _input_files(config: Any) -> dict[str, Any]:
    """The SHA-256 of each file beside the data that a config names.

    Raises:
        ConfigError: one can't be read.
    """
    found = {}
    for key, field in type(config).model_fields.items():
        name = getattr(config, key)
        if extra(field, "is_file") and name is not None:
            try:
                found[key] = manifests.sha256(Path(name).expanduser())
            except OSError as error:
                flag = "--" + key.replace("_", "-")
                raise ConfigError(
                    flag, must="a file that can be read", got=f"{name} ({error.strerror})"
                ) from None
    return {"files": found} if found else {}


def finished(spec: RunSpec) -> bool:
    """Whether the run folder holds this run already, complete and by these versions."""
    suffixes = tuple(spec.options.figures) if spec.options.plots else ()
    return manifests.is_finished(spec.target, spec.key, suffixes)


def tidy(spec: RunSpec) -> None:
    """Remove what a run left that was killed after its folder had been written."""
    sweep(spec.target.parent)
    if checkpoint := _checkpoint(spec):
        sweep(checkpoint.path.parent)
        checkpoint.clear()


def execute(spec: RunSpec, group: Any = None) -> None:
    """Run and write, without showing anything but progress and warnings.

    Args:
        spec: the run.
        group: `neural.data_parallel.ProcessGroup` of which this process is the first, or None.

    Raises:
        MlcliError: there is no answer, or the work was interrupted.
    """
    options = spec.options
    started, t_start = now(), time.perf_counter()
    checkpoint = _checkpoint(spec)
    if checkpoint is not None and checkpoint.exists() and not options.quiet:
        console.message("going on from where an interrupted run of this command stopped")
    with (
        workers_of(options.cluster, options.jobs) as workers,
        progress_of(spec) as progress,
    ):
        context = Context(workers, progress, checkpoint, group)
        result = spec.experiment.run(spec.prepared, context)
    result = certified(result)
    record(spec, result, started, time.perf_counter() - t_start)
    for warning in () if options.quiet else result.warnings:
        console.message(f"note: {warning}")


def progress_of(spec: RunSpec) -> AbstractContextManager[Progress]:
    """Who is told how far the run is, while the block runs."""
    if spec.options.progress is ProgressStyle.JSON:
        name = manifests.run_hash(spec.key)
        return nullcontext(console.JsonProgress(spec.about.section, name))
    return console.progress(spec.about.command, quiet=spec.options.quiet)


def certified(result: Result) -> Result:
    """The result with the certificates in its metrics, and with warnings of seeds without one.

    Raises:
        NoAnswerError: no seed of a solve is certified.
    """
    every = {**result.certificates, **result.unfinished}
    if not every:
        return result
    warnings = refuse_uncertified(result.certificates, result.certificate_hint)
    warnings += warnings_of(result.unfinished)
    metrics = result.metrics | {"certificates": summarise(every)}
    return replace(result, metrics=metrics, warnings=[*result.warnings, *warnings])


def record(spec: RunSpec, result: Result, started: str, compute_seconds: float) -> None:
    """Write the run folder: all of it, or nothing.

    Args:
        spec: the run.
        result: what it found.
        started: when the work began, in ISO 8601.
        compute_seconds: how long it took.

    Raises:
        DataError: the data changed while they were read.
    """
    from mlcli.datasets.files import refuse_changed
    from mlcli.experiments.source import with_images

    options, config, t_computed = spec.options, spec.resolved.config, time.perf_counter()
    refuse_changed(config.data, spec.stamp)
    with folder.replacing(spec.target) as partial:
        whole = with_images(result, spec.prepared.source)
        files.write_result(whole, partial, spec.about.metrics, config.n_seeds)
        if options.plots:
            draw(spec.experiment, partial, options.figures)
        t_drawn = time.perf_counter()
        made = manifests.manifest(
            spec.key,
            spec.resolved.sources,
            manifests.hashes(partial),
            result.determinism if options.processes == 1 else TOGETHER.format(n=options.processes),
            {"seed": config.seed, "n_seeds": config.n_seeds},
            result.metrics.get("certificates", {}),
            threads.thread_counts(),
            result.devices,
        )
        files.write_text(partial / "manifest.json", files.json_text(made))
        seconds = {"compute_seconds": compute_seconds, "write_seconds": t_drawn - t_computed}
        timings = {**seconds, **result.timings}
        files.write_text(partial / "timings.json", files.json_text(timings))
        where = manifests.environment(started, sys.argv, threads.thread_variables())
        files.write_text(partial / "environment.json", files.json_text(where))
    if (kept := _checkpoint(spec)) is not None:
        kept.clear()


def draw(experiment: Experiment[Any, Any], where: Path, kinds: tuple[str, ...]) -> None:
    """Draw every figure of an experiment from the tables of a run folder, and into it.

    A figure sees what a reader of the CSV files sees, so it can be drawn again from them alone.
    One with nothing to draw is not written; the report says why.
    """
    from mlcli.plotting import save, styled, why_empty

    with styled():
        for name, figure in experiment.draw(where).items():
            for kind in () if why_empty(figure) else kinds:
                save(figure, where / "figures" / f"{name}.{kind}")


def now() -> str:
    """The time of day, as runs record when they began."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _checkpoint(spec: RunSpec) -> FileCheckpoint | None:
    """The checkpoint of an experiment that can resume. Its place does not depend on --out."""
    if not (spec.options.resume and spec.about.resumes):
        return None
    from mlcli.run.checkpoint import FileCheckpoint

    key = spec.key
    # Any number of processes can continue from it.
    alone = manifests.run_key(key["command"], key["config"], key["data"])
    name = f".{manifests.run_hash(alone)}.checkpoint.npz"
    return FileCheckpoint(RUNS / key["command"] / name)

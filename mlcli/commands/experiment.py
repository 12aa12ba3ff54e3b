"""From flags to a finished run folder: the same steps for every experiment."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mlcli import console
from mlcli.certificate import refuse_uncertified, summarise, warnings_of
from mlcli.commands.dry_run import show_plan
from mlcli.commands.flags import with_flags
from mlcli.commands.launch import DETERMINISM
from mlcli.commands.options import FIGURE_KINDS, RunOptions
from mlcli.commands.track import track_run, trackers_of
from mlcli.commands.workers import check_cluster, check_hands_out, workers_of
from mlcli.config import config_class
from mlcli.config.fields import extra
from mlcli.errors import ConfigError
from mlcli.experiments import about, load
from mlcli.experiments.experiment import About, Context, Experiment, Prepared, check_device
from mlcli.params import Resolved, resolve
from mlcli.partials import sweep
from mlcli.report import files, folder
from mlcli.report import manifest as manifests
from mlcli.result import Display, Result
from mlcli.scale import threads
from mlcli.scale.torchrun import launched

if TYPE_CHECKING:
    from mlcli.datasets.files import Stamp
    from mlcli.report.checkpoint import FileCheckpoint

RUNS = Path("runs")
NOTES = (
    'Numbers such as (3.13) and section 7.1 are those of the lecture notes "Notes on Machine '
    'Learning and Neural Networks" by S. Lal.'
)


def experiment_app(section: str) -> typer.Typer:
    """The Typer app of one experiment, its flags made from its config model."""
    app = typer.Typer(add_completion=False)

    def body(flags: Mapping[str, Any], run_flags: Mapping[str, Any]) -> None:
        run(section, flags, options_of(run_flags))

    flags = with_flags(
        config_class(section), body, help=help_of(section), first=about(section).flags
    )
    app.command()(flags)
    return app


def help_of(section: str) -> str:
    """The text of an experiment's help: its summary and its example."""
    one = about(section)
    return f"{one.summary}\n\n{NOTES}\n\nExample: {one.example}"


def options_of(given: Mapping[str, Any]) -> RunOptions:
    """How to run, from the values of the run flags.

    Raises:
        ConfigError: a kind of figure that there is not, or a tracker that is not there.
    """
    kinds = tuple(kind.strip() for kind in given["figures"].split(",") if kind.strip())
    wrong = [kind for kind in kinds if kind not in FIGURE_KINDS]
    if wrong or not kinds:
        raise ConfigError(
            "--figures", must="some of png, svg, pdf", got=repr(given["figures"]), hint="png,svg"
        )
    settled = {"sets": tuple(given["sets"] or ()), "figures": kinds}
    return RunOptions(**dict(given) | settled | {"track": trackers_of(given["track"])})


@dataclass(frozen=True)
class RunSpec:
    """A question that was checked and found askable."""

    experiment: Experiment[Any, Any]
    resolved: Resolved[Any]
    prepared: Prepared[Any]
    asked: dict[str, Any]
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


def run(section: str, flags: Mapping[str, Any], options: RunOptions) -> None:
    """Resolve, check, run, write, show, track; under torchrun, with the other processes."""
    launch = launched()
    if launch is None:
        spec = prepare(section, flags, options)
        carry_out(spec)
        track_run(spec.target, options)
        return
    from mlcli.commands.together import run_together

    run_together(section, flags, options, launch)


def carry_out(spec: RunSpec) -> None:
    """Answer a question, unless it was answered before, and show the answer."""
    options = spec.options
    if options.dry_run:
        show_plan(spec, not options.force and finished(spec))
        return
    if not options.force and finished(spec):
        tidy(spec)
        if not options.quiet:
            console.message(f"already done: {spec.target} (--force runs it again)")
    else:
        execute(spec)
    show(spec)


def prepare(section: str, flags: Mapping[str, Any], options: RunOptions) -> RunSpec:
    """Check everything that can be checked before any work.

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
    """The same from a config that is settled already, wherever its values came from.

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
    asked = manifests.question(command, config.question(), identity, options.processes)
    target = options.out or RUNS / command / manifests.question_hash(asked)
    kinds = options.figures if options.plots else ()
    figures = tuple(f"figures/{name}.{kind}" for name in names for kind in kinds)
    spec = RunSpec(experiment, resolved, prepared, asked, target, figures, options, before)
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
    """Whether the question was answered before, whole and by these versions."""
    suffixes = tuple(spec.options.figures) if spec.options.plots else ()
    return manifests.is_finished(spec.target, spec.asked, suffixes)


def tidy(spec: RunSpec) -> None:
    """Remove what a run left that was killed after its answer had been written."""
    sweep(spec.target.parent)
    if checkpoint := _checkpoint(spec):
        sweep(checkpoint.path.parent)
        checkpoint.clear()


def execute(spec: RunSpec, group: Any = None) -> None:
    """Run and write, without showing anything but progress and warnings.

    Args:
        spec: the question.
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
        console.progress(spec.asked["command"], quiet=options.quiet) as progress,
    ):
        context = Context(workers, progress, checkpoint, group)
        result = spec.experiment.run(spec.prepared, context)
    result = certified(result)
    record(spec, result, started, time.perf_counter() - t_start)
    for warning in () if options.quiet else result.warnings:
        console.message(f"note: {warning}")


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
    """Write what was found, and how, into the run folder: all of it, or nothing.

    Args:
        spec: the question.
        result: the answer.
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
            from mlcli.report.figures import draw

            draw(spec.experiment, partial, options.figures)
        t_drawn = time.perf_counter()
        made = manifests.manifest(
            spec.asked,
            spec.resolved.sources,
            manifests.hashes(partial),
            result.determinism
            if options.processes == 1
            else DETERMINISM.format(n=options.processes),
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


def now() -> str:
    """The time of day, as runs record when they began."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _checkpoint(spec: RunSpec) -> FileCheckpoint | None:
    """Where a command that can go on after an interrupt keeps its work, wherever it writes."""
    if not (spec.options.resume and spec.about.resumes):
        return None
    from mlcli.report.checkpoint import FileCheckpoint

    asked = spec.asked
    # Any number of processes goes on from it.
    alone = manifests.question(asked["command"], asked["config"], asked["data"])
    name = f".{manifests.question_hash(alone)}.checkpoint.npz"
    return FileCheckpoint(RUNS / asked["command"] / name)


def show(spec: RunSpec) -> None:
    """Print what a finished run came to."""
    text = (spec.target / files.DETAILS).read_text(encoding="utf-8")
    if spec.options.json:
        console.print_text(text)
        return
    import json

    metrics = json.loads(text)
    console.print_displays(spec.experiment.display(metrics))
    console.print_displays(certificate_table(metrics.get("certificates", {})))
    spent = json.loads((spec.target / "timings.json").read_text(encoding="utf-8"))
    console.print_displays(spec.experiment.display_timings(spent))
    if not spec.options.quiet:
        console.message(f"written to {spec.target}")


def certificate_table(summaries: Mapping[str, Mapping[str, Any]]) -> list[Display]:
    """One row per solve: the worst certificate of all seeds, and how many are certified."""
    if not summaries:
        return []
    rows = [
        [
            solve,
            one["quantity"],
            "not a number" if one["largest"] is None else f"{one['largest']:.2g}",
            f"{one['tolerance']:.2g}",
            f"{one['n_certified']} of {one['n']}",
        ]
        for solve, one in summaries.items()
    ]
    headings = ["solve", "certificate", "largest", "tolerance", "certified"]
    return [Display("Certificates, computed from the answers", headings, rows)]

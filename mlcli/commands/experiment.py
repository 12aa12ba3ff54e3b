"""From flags to a finished run folder: the same steps for every experiment."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
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
from mlcli.params import Resolved, resolve
from mlcli.partials import sweep
from mlcli.report import files, folder
from mlcli.report import manifest as manifests
from mlcli.result import Display, Result
from mlcli.scale import thread_variables, threads
from mlcli.scale.torchrun import launched

if TYPE_CHECKING:
    from mlcli.datasets.files import Stamp
    from mlcli.report.checkpoint import FileCheckpoint

RUNS = Path("runs")


def experiment_app(section: str, help: str) -> typer.Typer:
    """The Typer app of one experiment, its flags made from its config model."""
    app = typer.Typer(add_completion=False)

    def body(flags: Mapping[str, Any], run_flags: Mapping[str, Any]) -> None:
        run(section, flags, options_of(run_flags))

    app.command()(with_flags(config_class(section), body, help=help))
    return app


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
class Prepared:
    """A question that was checked and found askable."""

    section: str
    resolved: Resolved[Any]
    source: Any
    experiment: ModuleType
    asked: dict[str, Any]
    target: Path
    figures: tuple[str, ...]
    options: RunOptions
    stamp: Stamp | None

    @property
    def outputs(self) -> list[str]:
        """Every file of the run folder that belongs to its hashed part, and the manifest."""
        return sorted([*self.experiment.FILES, *self.figures, "manifest.json"])


def run(section: str, flags: Mapping[str, Any], options: RunOptions) -> None:
    """Resolve, check, run, write, show, track; under torchrun, with the other processes."""
    launch = launched()
    if launch is None:
        prepared = prepare(section, flags, options)
        carry_out(prepared)
        track_run(prepared.target, options)
        return
    from mlcli.commands.together import run_together

    run_together(section, flags, options, launch)


def carry_out(prepared: Prepared) -> None:
    """Answer a question, unless it was answered before, and show the answer."""
    options = prepared.options
    if options.dry_run:
        show_plan(prepared, not options.force and finished(prepared))
        return
    if not options.force and finished(prepared):
        tidy(prepared)
        if not options.quiet:
            console.message(f"already done: {prepared.target} (--force runs it again)")
    else:
        execute(prepared)
    show(prepared)


def prepare(section: str, flags: Mapping[str, Any], options: RunOptions) -> Prepared:
    """Check everything that can be checked before any work.

    Raises:
        InputError: the parameters, the data, the workers or the output folder won't do.
    """
    check_cluster(options.cluster, options.jobs)
    model = config_class(section)
    resolved = resolve(model, section, flags=flags, sets=options.sets, params=options.params)
    prepared = prepare_resolved(section, resolved, options)
    if options.cluster is not None:
        check_hands_out(prepared.experiment, prepared.asked["command"], prepared.source)
    return prepared


def prepare_resolved(section: str, resolved: Resolved[Any], options: RunOptions) -> Prepared:
    """The same from a config that is settled already, wherever its values came from.

    Raises:
        InputError: the values, the data, or the output folder won't do.
    """
    from mlcli.datasets.files import stamp
    from mlcli.experiments.source import source_of
    from mlcli.report.captions import figure_names

    experiment = import_module(f"mlcli.experiments.{section}")
    config: Any = resolved.config
    before = stamp(config.data)
    source = source_of(config)
    console.left_out(() if options.quiet else getattr(source, "skipped", ()))
    for remark in () if options.quiet else config.remarks():
        console.message(f"note: {remark}")
    experiment.check(config, source)
    command = section.replace("_", "-")
    identity = source.identity | _input_files(config)
    asked = manifests.question(command, config.question(), identity, options.processes)
    target = options.out or RUNS / command / manifests.question_hash(asked)
    kinds = options.figures if options.plots else ()
    figures = tuple(f"{name}.{kind}" for name in figure_names(section) for kind in kinds)
    prepared = Prepared(
        section, resolved, source, experiment, asked, target, figures, options, before
    )
    every = {f"{name}.{kind}" for name in figure_names(section) for kind in FIGURE_KINDS}
    if options.rank == 0:
        folder.check_writable(target, every | set(prepared.outputs) | set(folder.UNTRACKED))
    return prepared


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


def finished(prepared: Prepared) -> bool:
    """Whether the question was answered before, whole and by these versions."""
    suffixes = tuple(prepared.options.figures) if prepared.options.plots else ()
    return manifests.is_finished(prepared.target, prepared.asked, suffixes)


def tidy(prepared: Prepared) -> None:
    """Remove what a run left that was killed after its answer had been written."""
    sweep(prepared.target.parent)
    if checkpoint := _checkpoint(prepared):
        sweep(checkpoint.path.parent)
        checkpoint.clear()


def execute(prepared: Prepared, group: Any = None) -> None:
    """Run and write, without showing anything but progress and warnings.

    Args:
        prepared: the question.
        group: `neural.process_group.ProcessGroup` of which this process is the first, or None.

    Raises:
        MlcliError: there is no answer, or the work was interrupted.
    """
    options = prepared.options
    started, t_start = now(), time.perf_counter()
    checkpoint = _checkpoint(prepared)
    more: dict[str, Any] = {} if checkpoint is None else {"checkpoint": checkpoint}
    more |= {} if group is None else {"group": group}
    if checkpoint is not None and checkpoint.exists() and not options.quiet:
        console.message("going on from where an interrupted run of this command stopped")
    with (
        workers_of(options.cluster, options.jobs) as workers,
        console.progress(prepared.asked["command"], quiet=options.quiet) as progress,
    ):
        result: Result = prepared.experiment.run(
            prepared.resolved.config, prepared.source, workers=workers, progress=progress, **more
        )
    result = certified(result)
    record(prepared, result, started, time.perf_counter() - t_start)
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


def record(prepared: Prepared, result: Result, started: str, compute_seconds: float) -> None:
    """Write what was found, and how, into the run folder: all of it, or nothing.

    Args:
        prepared: the question.
        result: the answer.
        started: when the work began, in ISO 8601.
        compute_seconds: how long it took.

    Raises:
        DataError: the data changed while they were read.
    """
    from mlcli.datasets.files import refuse_changed
    from mlcli.experiments.source import with_images

    options, config, t_computed = prepared.options, prepared.resolved.config, time.perf_counter()
    refuse_changed(config.data, prepared.stamp)
    with folder.replacing(prepared.target) as partial:
        files.write_result(with_images(result, prepared.source), partial)
        if options.plots:
            from mlcli.report.figures import draw

            draw(prepared.section, partial, options.figures)
        t_drawn = time.perf_counter()
        made = manifests.manifest(
            prepared.asked,
            prepared.resolved.sources,
            manifests.hashes(partial),
            result.determinism
            if options.processes == 1
            else DETERMINISM.format(n=options.processes),
            {"seed": config.seed, "n_seeds": config.n_seeds},
            result.metrics.get("certificates", {}),
            threads.thread_counts(),
        )
        files.write_text(partial / "manifest.json", files.json_text(made))
        seconds = {"compute_seconds": compute_seconds, "write_seconds": t_drawn - t_computed}
        timings = {**seconds, **result.timings}
        files.write_text(partial / "timings.json", files.json_text(timings))
        where = manifests.environment(started, sys.argv, thread_variables.thread_variables())
        files.write_text(partial / "environment.json", files.json_text(where))
    if (kept := _checkpoint(prepared)) is not None:
        kept.clear()


def now() -> str:
    """The time of day, as runs record when they began."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _checkpoint(prepared: Prepared) -> FileCheckpoint | None:
    """Where a command that can go on after an interrupt keeps its work, wherever it writes."""
    if not (prepared.options.resume and getattr(prepared.experiment, "RESUMES", False)):
        return None
    from mlcli.report.checkpoint import FileCheckpoint

    asked = prepared.asked
    # Any number of processes goes on from it.
    alone = manifests.question(asked["command"], asked["config"], asked["data"])
    name = f".{manifests.question_hash(alone)}.checkpoint.npz"
    return FileCheckpoint(RUNS / asked["command"] / name)


def show(prepared: Prepared) -> None:
    """Print what a finished run came to."""
    text = (prepared.target / "metrics.json").read_text(encoding="utf-8")
    if prepared.options.json:
        console.print_text(text)
        return
    import json

    metrics = json.loads(text)
    console.print_displays(prepared.experiment.display(metrics))
    console.print_displays(_certificate_table(metrics.get("certificates", {})))
    if hasattr(prepared.experiment, "display_timings"):
        spent = (prepared.target / "timings.json").read_text(encoding="utf-8")
        console.print_displays(prepared.experiment.display_timings(json.loads(spent)))
    if not prepared.options.quiet:
        console.message(f"written to {prepared.target}")


def _certificate_table(summaries: Mapping[str, Mapping[str, Any]]) -> list[Display]:
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

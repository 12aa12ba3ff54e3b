"""From flags to a finished run folder: the same steps for every experiment."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import typer

from mlcli import console
from mlcli.commands.flags import with_flags
from mlcli.commands.options import FIGURE_KINDS, RunOptions
from mlcli.config import config_class
from mlcli.config.fields import extra
from mlcli.errors import ConfigError
from mlcli.params import Resolved, resolve
from mlcli.report import files, folder
from mlcli.report import manifest as manifests
from mlcli.result import Result

if TYPE_CHECKING:
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
        ConfigError: a kind of figure that there is not.
    """
    kinds = tuple(kind.strip() for kind in given["figures"].split(",") if kind.strip())
    wrong = [kind for kind in kinds if kind not in FIGURE_KINDS]
    if wrong or not kinds:
        raise ConfigError(
            "--figures", must="some of png, svg, pdf", got=repr(given["figures"]), hint="png,svg"
        )
    values = dict(given) | {"sets": tuple(given["sets"] or ()), "figures": kinds}
    return RunOptions(**values)


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

    @property
    def outputs(self) -> list[str]:
        """Every file of the run folder that belongs to its hashed part, and the manifest."""
        return sorted([*self.experiment.FILES, *self.figures, "manifest.json"])


def run(section: str, flags: Mapping[str, Any], options: RunOptions) -> None:
    """Resolve, check, run, write, show."""
    carry_out(prepare(section, flags, options))


def carry_out(prepared: Prepared) -> None:
    """Answer a question, unless it was answered before, and show the answer."""
    options = prepared.options
    if options.dry_run:
        _show_plan(prepared)
        return
    if not options.force and finished(prepared):
        if not options.quiet:
            console.message(f"already done: {prepared.target} (--force runs it again)")
    else:
        execute(prepared)
    _show(prepared)


def prepare(section: str, flags: Mapping[str, Any], options: RunOptions) -> Prepared:
    """Check everything that can be checked before any work.

    Raises:
        InputError: the parameters, the data, or the output folder won't do.
    """
    model = config_class(section)
    resolved = resolve(model, section, flags=flags, sets=options.sets, params=options.params)
    return prepare_resolved(section, resolved, options)


def prepare_resolved(section: str, resolved: Resolved[Any], options: RunOptions) -> Prepared:
    """The same from a config that is settled already, wherever its values came from.

    Raises:
        InputError: the values, the data, or the output folder won't do.
    """
    from mlcli.experiments.source import source_of
    from mlcli.report.captions import figure_names

    experiment = import_module(f"mlcli.experiments.{section}")
    config: Any = resolved.config
    source = source_of(config)
    experiment.check(config, source)
    command = section.replace("_", "-")
    identity = source.identity | _input_files(config)
    asked = manifests.question(command, config.question(), identity)
    target = options.out or RUNS / command / manifests.question_hash(asked)
    kinds = options.figures if options.plots else ()
    figures = tuple(f"{name}.{kind}" for name in figure_names(section) for kind in kinds)
    prepared = Prepared(section, resolved, source, experiment, asked, target, figures, options)
    every = {f"{name}.{kind}" for name in figure_names(section) for kind in FIGURE_KINDS}
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


def execute(prepared: Prepared) -> None:
    """Run and write, without showing anything but progress and warnings.

    Raises:
        MlcliError: there is no answer, or the work was interrupted.
    """
    options, config = prepared.options, prepared.resolved.config
    started, t_start = datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter()
    checkpoint = _checkpoint(prepared)
    more = {} if checkpoint is None else {"checkpoint": checkpoint}
    if checkpoint is not None and checkpoint.exists() and not options.quiet:
        console.message("going on from where an interrupted run of this command stopped")
    with console.progress(prepared.asked["command"], quiet=options.quiet) as progress:
        result: Result = prepared.experiment.run(
            config, prepared.source, jobs=options.jobs, progress=progress, **more
        )
    t_computed = time.perf_counter()
    with folder.replacing(prepared.target) as partial:
        files.write_result(result, partial)
        if options.plots:
            from mlcli.report.figures import draw

            draw(prepared.section, partial, options.figures)
        t_drawn = time.perf_counter()
        made = manifests.manifest(
            prepared.asked,
            prepared.resolved.sources,
            manifests.hashes(partial),
            result.determinism,
            {"seed": config.seed, "n_seeds": config.n_seeds},
        )
        files.write_text(partial / "manifest.json", files.json_text(made))
        seconds = {"compute_seconds": t_computed - t_start, "write_seconds": t_drawn - t_computed}
        timings = {**seconds, **result.timings}
        files.write_text(partial / "timings.json", files.json_text(timings))
        where = manifests.environment(started, sys.argv)
        files.write_text(partial / "environment.json", files.json_text(where))
    if checkpoint is not None:
        checkpoint.clear()
    for warning in () if options.quiet else result.warnings:
        console.message(f"note: {warning}")


def _checkpoint(prepared: Prepared) -> FileCheckpoint | None:
    """Where a command that can go on after an interrupt keeps its work, wherever it writes."""
    if not (prepared.options.resume and getattr(prepared.experiment, "RESUMES", False)):
        return None
    from mlcli.report.checkpoint import FileCheckpoint

    command = prepared.asked["command"]
    name = f".{manifests.question_hash(prepared.asked)}.checkpoint.npz"
    return FileCheckpoint(RUNS / command / name)


def _show(prepared: Prepared) -> None:
    text = (prepared.target / "metrics.json").read_text(encoding="utf-8")
    if prepared.options.json:
        console.print_text(text)
        return
    import json

    console.print_displays(prepared.experiment.display(json.loads(text)))
    if hasattr(prepared.experiment, "display_timings"):
        spent = (prepared.target / "timings.json").read_text(encoding="utf-8")
        console.print_displays(prepared.experiment.display_timings(json.loads(spent)))
    if not prepared.options.quiet:
        console.message(f"written to {prepared.target}")


def _show_plan(prepared: Prepared) -> None:
    config = prepared.resolved.config.model_dump(mode="json")
    plan = {
        "command": prepared.asked["command"],
        "run": manifests.question_hash(prepared.asked),
        "config": {
            key: {"value": value, "source": prepared.resolved.sources[key]}
            for key, value in config.items()
        },
        "data": prepared.asked["data"],
        "folder": str(prepared.target),
        "files": [*prepared.outputs, *folder.UNTRACKED],
        "work": prepared.experiment.plan(prepared.resolved.config, prepared.source),
        "done_already": not prepared.options.force and finished(prepared),
    }
    if prepared.options.json:
        console.print_json(plan)
        return
    rows = {k: f"{v['value']}  ({v['source']})" for k, v in plan["config"].items()}
    console.print_text("\n".join(_plan_lines(plan, rows)))


def _plan_lines(plan: Mapping[str, Any], rows: Mapping[str, str]) -> Sequence[str]:
    lines = [f"{plan['command']}: nothing was run or written", "", console.pairs(rows), ""]
    lines += ["work:", console.pairs(plan["work"]), ""]
    lines += [f"would write to {plan['folder']}:", *(f"  {name}" for name in plan["files"])]
    if plan["done_already"]:
        lines.append("this run is there already, whole; it would be shown, not repeated")
    return lines

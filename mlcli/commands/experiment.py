"""The command of an experiment: its flags, its run, and what is printed of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from mlcli import console
from mlcli.commands.flags import with_flags
from mlcli.config import config_class
from mlcli.config.common import ImageFields, SourceFields
from mlcli.errors import ConfigError, MlcliError
from mlcli.experiments import about
from mlcli.params import GIVEN, as_flag
from mlcli.result import Display
from mlcli.run import files, folder
from mlcli.run.execute import (
    FIGURE_KINDS,
    ProgressStyle,
    RunOptions,
    RunSpec,
    execute,
    finished,
    prepare,
    tidy,
)
from mlcli.run.manifest import run_hash
from mlcli.scale.torchrun import Launch, launched
from mlcli.tracking import track_run, trackers_of

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
    """How to run, from the values of the run flags, which also say how messages are written.

    Raises:
        ConfigError: an unknown kind of figure, or a tracker that is not installed.
    """
    kinds = tuple(kind.strip() for kind in given["figures"].split(",") if kind.strip())
    wrong = [kind for kind in kinds if kind not in FIGURE_KINDS]
    if wrong or not kinds:
        raise ConfigError(
            "--figures", must="some of png, svg, pdf", got=repr(given["figures"]), hint="png,svg"
        )
    console.speak_json(given["progress"] is ProgressStyle.JSON)
    settled = {"sets": tuple(given["sets"] or ()), "figures": kinds}
    return RunOptions(**dict(given) | settled | {"track": trackers_of(given["track"])})


def run(section: str, flags: Mapping[str, Any], options: RunOptions) -> None:
    """Resolve, check, run, write, show, track; under torchrun, with the other processes."""
    launch = launched()
    if launch is not None:
        run_together(section, flags, options, launch)
        return
    spec = prepare(section, flags, options)
    carry_out(spec)
    track_run(spec.target, options)


def carry_out(spec: RunSpec) -> None:
    """Execute a run unless it is done already, and show it; or show the plan for --dry-run."""
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


def run_together(
    section: str, flags: Mapping[str, Any], options: RunOptions, launch: Launch
) -> None:
    """Check in every process of torchrun, train in all of them, write and show in the first.

    Raises:
        MlcliError: in every process, if it is raised in one.
    """
    try:
        _run_together(section, flags, options, launch)
    except MlcliError as error:
        # If the first process is dead, the second one says so.
        if launch.rank == 1 and "process 0 of" in str(error):
            console.silence(False)
        raise


def _run_together(
    section: str, flags: Mapping[str, Any], options: RunOptions, launch: Launch
) -> None:
    from mlcli.experiments.networks.processes import agreed, check_together, joined

    own = replace(options, processes=launch.size, rank=launch.rank)

    def prepared_here() -> RunSpec:
        found = prepare(section, flags, own)
        check_together(found.resolved.config, launch)
        return found

    with joined(launch) as group:
        spec = agreed(group, prepared_here, lambda one: run_hash(one.key))
        if options.dry_run:
            if launch.rank == 0:
                show_plan(spec, not options.force and finished(spec))
            return
        # Only the first one's folder counts, wherever the others are.
        there = launch.rank == 0 and not options.force and finished(spec)
        there = group.exchange(json.dumps(there))[0] == "true"
        if there and not options.quiet:
            console.message(f"already done: {spec.target} (--force runs it again)")
        if not there and launch.rank == 0:
            execute(spec, group)
        elif not there:
            spec.experiment.follow(spec.prepared, group)
        if launch.rank == 0:
            show(spec)
            track_run(spec.target, options)


def show(spec: RunSpec) -> None:
    """Print the tables of a finished run, or its details.json."""
    text = (spec.target / files.DETAILS).read_text(encoding="utf-8")
    if spec.options.json:
        console.print_text(text)
        return
    metrics = json.loads(text)
    console.print_displays(spec.experiment.display(metrics))
    console.print_displays(certificate_table(metrics.get("certificates", {})))
    spent = json.loads((spec.target / "timings.json").read_text(encoding="utf-8"))
    console.print_displays(spec.experiment.display_timings(spent))
    if not spec.options.quiet:
        console.message(f"written to {spec.target}")
        written = {Path(name).stem for name in spec.figures if (spec.target / name).exists()}
        if written:
            console.message(f"figures in {spec.target / 'figures'}: {', '.join(sorted(written))}")
        if line := next_line(spec, metrics):
            console.message(f"try next: {line}")


def next_line(spec: RunSpec, metrics: Mapping[str, Any]) -> str:
    """The command line to try after a run, on the data that its flags named; empty if none."""
    words = shlex.split(spec.experiment.next_command(metrics))
    if not words:
        return ""
    taken = config_class(words[0].replace("-", "_")).model_fields
    for key in (*SourceFields.model_fields, *ImageFields.model_fields):
        given = spec.resolved.sources.get(key) in GIVEN and key in taken
        flag = as_flag(key, getattr(spec.resolved.config, key)) if given else []
        if flag and flag[0] not in words:
            words += flag
    if spec.options.params is not None:
        words += ["--params", str(spec.options.params)]
    return shlex.join(["mlcli", *words])


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
    n = sum(one["n"] for one in summaries.values())
    missed = [solve for solve, one in summaries.items() if one["n_certified"] < one["n"]]
    remark = f"Each of the {n} answers is certified: its bound is below the tolerance."
    if missed:
        certified = sum(one["n_certified"] for one in summaries.values())
        remark = f"{certified} of {n} answers are certified; not all of {', '.join(missed)}."
    return [Display("Certificates, computed from the answers", headings, rows, remark)]


def show_plan(spec: RunSpec, done_already: bool) -> None:
    """Print what a run would do and write, as a table or as JSON."""
    config = spec.resolved.config.model_dump(mode="json")
    plan = {
        "command": spec.about.command,
        "run": run_hash(spec.key),
        "config": {
            key: {"value": value, "source": spec.resolved.sources[key]}
            for key, value in config.items()
        },
        "data": spec.key["data"],
        "folder": str(spec.target),
        "files": [*spec.outputs, *folder.UNTRACKED],
        "work": spec.experiment.plan(spec.prepared),
        "done_already": done_already,
    }
    if spec.options.track:
        plan["track"] = list(spec.options.track)
    if spec.options.json:
        console.print_json(plan)
        return
    rows = {k: f"{v['value']}  ({v['source']})" for k, v in plan["config"].items()}
    lines = [f"{plan['command']}: nothing was run or written", "", console.pairs(rows), ""]
    lines += ["work:", console.pairs(plan["work"]), ""]
    lines += [f"would write to {plan['folder']}:", *(f"  {name}" for name in plan["files"])]
    if "track" in plan:
        lines.append(f"would be logged with {', '.join(plan['track'])}")
    if plan["done_already"]:
        lines.append("this run is there already, whole; it would be shown, not repeated")
    console.print_text("\n".join(lines))

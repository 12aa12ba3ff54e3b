"""`mlcli verify`: is a result whole, and does it come out again?"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlcli import console
from mlcli.commands.complete import run_folders
from mlcli.config.verify import ABSOLUTE, RELATIVE
from mlcli.errors import DataError, GateError, InputError, Interrupted, MlcliError
from mlcli.experiments import EXPERIMENTS, about
from mlcli.partials import temporary_folder
from mlcli.result import Display

if TYPE_CHECKING:
    from mlcli.review.runs import Run
    from mlcli.review.verify import Close, Integrity, Repeat

app = typer.Typer(add_completion=False)
REPORTS = Path("reports")
SAME, WITHIN, DIFFERS, NOT_RUN = "same", "within", "DIFFERS", "NOT RUN"
MATCH_HELP = (
    "bytes: the same bytes. numbers: numbers within the tolerances, pictures left out. intervals: "
    "means over seeds whose intervals overlap. auto: bytes where the run was made by these "
    "versions with as many threads on a machine with these kernels; elsewhere intervals for "
    "trainings and fits that are not well conditioned, else numbers."
)
TOGETHER = (
    "{n} processes trained it together, and verify asks with one, whose last digits can differ; "
    "try --hashes-only, or the same command under torchrun and mlcli compare"
)
Place = Annotated[
    Path,
    typer.Argument(
        help="A run folder, or a folder with run folders in it.", autocompletion=run_folders
    ),
]


class Match(StrEnum):
    """How the files of a repeat are compared."""

    AUTO = "auto"
    BYTES = "bytes"
    NUMBERS = "numbers"
    INTERVALS = "intervals"


@app.command()
def verify(
    run: Place = REPORTS,
    hashes_only: Annotated[
        bool, typer.Option("--hashes-only", help="Hash the files, run nothing: instant.")
    ] = False,
    match: Annotated[
        Match,
        typer.Option("--match", help=MATCH_HELP),
    ] = Match.AUTO,
    relative: Annotated[
        float,
        typer.Option("--rtol", help="Tolerance as a share of the larger number.", min=0.0),
    ] = RELATIVE,
    absolute: Annotated[
        float, typer.Option("--atol", help="Tolerance beside that.", min=0.0)
    ] = ABSOLUTE,
    jobs: Annotated[
        int | None, typer.Option("--jobs", help="Workers; never changes a byte.", min=1)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No messages.")] = False,
) -> None:
    """Make a result again and compare; exit 3 if it differs, 2 if it can't be repeated.

    First every file is hashed and compared with manifest.json, which names altered, missing and
    extra files. Then the run is repeated in a temporary folder, and each file is
    compared with the recorded one; what differs first is named with its file, line and column.

    The verdict is same (bytes), within (tolerances or intervals), DIFFERS or NOT RUN.

    --json prints {passed, runs: [{folder, command, run, passed, verdict, integrity: {n_files,
    altered, missing, extra, fault}, repeat: null or {match, n_same, n_within, not_compared,
    n_means, machine, differences: {file: {place, recorded, again}}, reason, not_run}}]}.

    Example: mlcli verify reports/fit_poly
    """
    from mlcli.review.runs import folders_below, read_run
    from mlcli.review.verify import within
    from mlcli.run.files import strict

    close = within(relative, absolute)
    found = []
    for folder in folders_below(run):
        if not (quiet or hashes_only):
            console.message(f"{folder}: again")
        found.append(_look(read_run(folder), None if hashes_only else match, close, jobs))
    if as_json:
        console.print_json(strict(_json(found)))
    else:
        console.print_displays([_display(run, found, relative, absolute)])
    verdicts = [(_verdict(*one[1:]), one) for one in found]
    for verdict, what, kind in (
        (DIFFERS, "differ", GateError),
        (NOT_RUN, "could not be compared", DataError),
    ):
        failed = [one for said, one in verdicts if said == verdict]
        if failed:
            why = f"{failed[0][0].folder}: {_why(*failed[0][1:])}"
            raise kind(f"{len(failed)} of {len(found)} runs {what}: {why}")


def _look(
    run: Run, match: Match | None, close: Close, jobs: int | None
) -> tuple[Run, Integrity, Repeat | None]:
    """A run against its manifest and, unless `match` is None, against its repeat."""
    from mlcli.review.verify import integrity

    checked = integrity(run.folder, run.manifest)
    if match is None:
        return run, checked, None
    from dataclasses import replace

    from mlcli.review.verify import made_elsewhere
    from mlcli.scale.threads import thread_counts

    elsewhere = made_elsewhere(run.manifest, thread_counts())
    how = str(match)
    if match is Match.AUTO:
        how = "bytes" if not elsewhere else "numbers"
        loose = run.section in EXPERIMENTS and about(run.section).by_intervals
        how = "intervals" if elsewhere and loose else how
    return run, checked, replace(_again(run, how, close, jobs), machine=elsewhere)


def _passed(checked: Integrity, repeat: Repeat | None) -> bool:
    return checked.whole and (repeat is None or repeat.passed)


def _verdict(checked: Integrity, repeat: Repeat | None) -> str:
    if _passed(checked, repeat):
        exact = repeat is None or not (repeat.n_within or repeat.not_compared or repeat.n_means)
        return SAME if exact else WITHIN
    return NOT_RUN if checked.whole and repeat is not None and repeat.not_run else DIFFERS


def _why(checked: Integrity, repeat: Repeat | None) -> str:
    parts = [checked.sentence, "" if repeat is None else repeat.sentence]
    return "; ".join(part for part in parts if part)


def _again(run: Run, match: str, close: Close, jobs: int | None) -> Repeat:
    """Repeat a run in a temporary folder and compare."""
    from mlcli.review.verify import Repeat, compare_folders
    from mlcli.run.execute import execute
    from mlcli.run.manifest import read_manifest

    if (n := run.manifest.get("processes", 1)) != 1:
        return Repeat(match, reason=TOGETHER.format(n=n), not_run=True)
    with temporary_folder("verify") as temporary:
        target = temporary / run.section
        try:
            spec = _prepared(run, target, jobs)
            if spec.key["data"] != run.manifest["data"]:
                return Repeat(match, reason=_other_data(run.manifest["data"], spec.key))
            execute(spec)
        except Interrupted:
            raise
        except MlcliError as error:
            reason = f"it can't be run again: {' '.join(str(error).splitlines())}"
            return Repeat(match, reason=reason, not_run=isinstance(error, InputError))
        manifest = read_manifest(target) or {}
        return compare_folders(run.folder, target, (run.manifest, manifest), match, close)


def _prepared(run: Run, target: Path, jobs: int | None) -> Any:
    from pydantic import ValidationError

    from mlcli.config import SECTIONS, config_class
    from mlcli.errors import ConfigError
    from mlcli.params.faults import explain
    from mlcli.params.resolve import Resolved
    from mlcli.run.execute import FIGURE_KINDS, RunOptions, prepare_resolved

    if run.section not in SECTIONS:
        raise ConfigError(f"there is no command {run.command} in this version")
    model = config_class(run.section)
    recorded = run.manifest["config"]
    # What nobody gave is left out, as it was: some values may not be given together with others.
    defaults = model.model_construct().model_dump(mode="json")
    given = {
        key: value
        for key, value in run.config.items()
        if key not in model.model_fields
        or recorded[key]["source"] != "default"
        or value != defaults[key]
    }
    try:
        config = model(**given)
    except ValidationError as error:
        faults = explain(error, model, run.section, {})
        raise ConfigError("; ".join(fault.sentence for fault in faults)) from None
    sources = {
        key: recorded[key]["source"] if key in recorded else "default" for key in model.model_fields
    }
    kinds = tuple(
        kind
        for kind in FIGURE_KINDS
        if any(name.endswith(f".{kind}") for name in run.manifest["files"])
    )
    options = RunOptions(
        out=target,
        jobs=jobs,
        quiet=True,
        plots=bool(kinds),
        figures=kinds,
        force=True,
        resume=False,
    )
    return prepare_resolved(run.section, Resolved(config, sources), options)


def _other_data(recorded: Mapping[str, Any], key: Mapping[str, Any]) -> str:
    from mlcli.review.verify import in_mappings

    first = next(in_mappings(recorded, key["data"], lambda a, b: a == b))
    return f"the data are others: {first}"


def _json(found: list[tuple[Run, Integrity, Repeat | None]]) -> dict[str, Any]:
    from dataclasses import asdict

    runs = [
        {
            "folder": str(run.folder),
            "command": run.command,
            "run": run.manifest["run"],
            "passed": _passed(checked, repeat),
            "verdict": _verdict(checked, repeat),
            "integrity": asdict(checked),
            "repeat": None if repeat is None else asdict(repeat),
        }
        for run, checked, repeat in found
    ]
    return {"passed": all(one["passed"] for one in runs), "runs": runs}


def _display(
    place: Path,
    found: list[tuple[Run, Integrity, Repeat | None]],
    relative: float,
    absolute: float,
) -> Display:
    rows = []
    for run, checked, repeat in found:
        row = [_verdict(checked, repeat), str(run.folder), str(checked.n_files)]
        if repeat is not None:
            row += [str(repeat.n_same), str(repeat.n_within), str(repeat.n_means)]
            row += [str(len(repeat.not_compared))]
        rows.append([*row, _why(checked, repeat)])
    hashed = all(repeat is None for _, _, repeat in found)
    headings = ["", "run", "files"]
    if not hashed:
        headings += ["same bytes", "within tolerances", "means within intervals", "not compared"]
    headings.append("what differs first")
    if not any(row[-1] for row in rows):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    what = "hashes against manifest.json" if hashed else "run again and compared"
    loose = [
        repeat
        for _, checked, repeat in found
        if repeat is not None and repeat.match != "bytes" and repeat.n_same < checked.n_files
    ]
    said = [
        f"Made elsewhere ({loose[0].machine}), so that last digits may differ."
        if loose and loose[0].machine
        else "",
        f"Two numbers are within the tolerances where |a - b| <= {absolute:g} + {relative:g} "
        "max(|a|, |b|)."
        if loose
        else "",
        "Means of trainings and of fits that are not well conditioned are within the intervals "
        "where the recorded one and the new one overlap; files that follow from single seeds are "
        "not compared."
        if any(repeat.match == "intervals" for repeat in loose)
        else "",
    ]
    return Display(f"{place}: {what}", headings, rows, " ".join(filter(None, said)))

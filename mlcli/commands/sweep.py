"""`mlcli sweep`: a grid or a random search over the parameters of one command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlcli import console
from mlcli.commands.complete import experiments, words
from mlcli.errors import ConfigError
from mlcli.result import Display
from mlcli.run.workers import CLUSTER_HELP
from mlcli.sweeps.axes import EXAMPLE, MOST_POINTS
from mlcli.tracking import ONE_A_COMMAND, TRACKERS, track, trackers_of

if TYPE_CHECKING:
    from mlcli.sweeps.axes import Point
    from mlcli.sweeps.search import Finished, Request

app = typer.Typer(add_completion=False)
# Trackers that tell many runs of a command apart.
SEVERAL = tuple(name for name in TRACKERS if name not in ONE_A_COMMAND)
# Rows shown at a terminal; sweep.csv has every one.
MOST_ROWS = 30


class End(StrEnum):
    """Which end of a metric is the better."""

    LARGEST = "largest"
    SMALLEST = "smallest"


def _option(*names: str, help: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, **more)


SETS_HELP = (
    f"Values of one parameter, as {EXAMPLE}; repeat for more. Also log(low,high,n), "
    "linear(low,high,n), range(start,stop,step); for a random search log(low,high), "
    "linear(low,high), integers(low,high)."
)
METRIC_HELP = (
    "Path in details.json, or its last key, to rank by (default: the command's score on validation "
    "rows, where it has one)."
)
Command = Annotated[
    str, typer.Argument(help="An experiment, as train-mlp.", autocompletion=experiments)
]
Sets = Annotated[list[str], _option("-S", "--set", help=SETS_HELP, metavar="KEY=VALUES")]
Samples = Annotated[
    int | None,
    _option("--n-samples", help="A random search of so many points.", min=1, max=MOST_POINTS),
]
Seed = Annotated[int, _option("--seed", help="Seed of the random search.", min=0)]
Metric = Annotated[str | None, _option("--metric", help=METRIC_HELP, metavar="PATH")]
Best = Annotated[End | None, _option("--best", help="Which end of the metric is the better.")]
Confirm = Annotated[
    bool, _option("--confirm", help="Run the best again with fresh seeds: the honest number.")
]
Params = Annotated[
    Path | None,
    _option("--params", help="Read this file instead of ./params.yaml.", metavar="FILE"),
]
Out = Annotated[
    Path | None,
    _option("--out", help="Folder of the table (default: runs/sweep/<hash>).", metavar="DIR"),
]
Jobs = Annotated[
    int | None,
    _option("--jobs", help="Points at a time (default: 1); never changes a byte.", min=1),
]
Cluster = Annotated[str | None, _option("--cluster", help=CLUSTER_HELP, metavar="ADDRESS")]
Json = Annotated[bool, _option("--json", help="Print exactly details.json to stdout.")]
Quiet = Annotated[bool, _option("--quiet", help="No messages.")]
DryRun = Annotated[bool, _option("--dry-run", help="List the points; run nothing.")]
Force = Annotated[bool, _option("--force", help="Run again what is done.")]

TRACK_HELP = f"Also log each point: one or several of {', '.join(SEVERAL)}."
Track = Annotated[
    str | None,
    _option(
        "--track", help=TRACK_HELP, metavar="NAMES", autocompletion=words(SEVERAL, several=True)
    ),
]


@app.command()
def sweep(
    command: Command,
    sets: Sets,
    n_samples: Samples = None,
    seed: Seed = 0,
    metric: Metric = None,
    best: Best = None,
    confirm: Confirm = False,
    params: Params = None,
    out: Out = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    as_json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    force: Force = False,
    track_with: Track = None,
) -> None:
    """Run a command over a grid or a random search; name the best, honestly.

    Each point is a run under runs/<command>/ and is found again, so an interrupted sweep goes on
    and a larger one takes in a smaller. A point that diverges is a row with its reason; one that
    failed (its process was killed, the disk was full) makes the exit code 1, too. The table
    goes to sweep.csv and the best to metrics.json, with the winner's curse: how much being the best
    of many flatters. Commas part values; a list in brackets is one value, compared inside a point.

    Example: mlcli sweep train-mlp -S data=iris -S 'learning_rate=log(1e-3,1,4)'
    """
    from mlcli.sweeps.search import Request, points_of, run_sweep, section_of
    from mlcli.sweeps.table import failed

    section, trackers = section_of(command), _trackers(track_with)
    points = points_of(section, sets, n_samples, seed)
    request = Request(
        section,
        metric,
        None if best is None else str(best),
        confirm,
        params,
        out,
        jobs,
        cluster,
        quiet,
        force,
    )
    if dry_run:
        _show_points(request, points)
        return
    found = run_sweep(request, points)
    if as_json:
        from mlcli.run.files import json_text

        console.print_text(json_text(found.metrics))
    else:
        _show(found, quiet)
    track([one.row.found.folder for one in found.points if one.row.found], trackers, quiet=quiet)
    if n_failed := found.metrics["n_failed"]:
        raise failed(found.points, f"{n_failed} of {len(found.points)} points failed")


def _trackers(text: str | None) -> tuple[str, ...]:
    """The trackers of the flag.

    Raises:
        ConfigError: one is not there, or has room for one run a command.
    """
    names = trackers_of(text)
    for name in names:
        if name in ONE_A_COMMAND:
            raise ConfigError(
                f"--track {name} keeps one run of a command, and a sweep has many",
                hint=" or ".join(SEVERAL),
            )
    return names


def _show_points(request: Request, points: Sequence[Point]) -> None:
    from mlcli.run.execute import finished
    from mlcli.sweeps.search import checked

    tasks, prepared = checked(request, points)
    keys = [key for key, _ in tasks[0].point]
    rows = [
        [*(text for _, text in one.point), str(found.target), "yes" if finished(found) else "no"]
        for one, found in zip(tasks, prepared, strict=True)
    ]
    title = f"{request.command}: {len(rows)} points; nothing was run or written"
    console.print_displays([Display(title, [*keys, "folder", "done already"], rows)])


def _show(found: Finished, quiet: bool) -> None:
    from mlcli.sweeps.table import DONE, ranked

    metrics = found.metrics
    order = ranked(found.points, found.headline.largest)
    rest = [one for one in found.points if one not in order]
    keys = [key for key, _ in found.points[0].row.point]
    varied = [
        place
        for place in range(len(keys))
        if len({one.row.point[place][1] for one in found.points}) > 1
    ] or list(range(len(keys)))
    rows = []
    for one in [*order, *rest]:
        number = _number(one.number) if one.number else one.row.reason or one.row.outcome
        if one.row.outcome == DONE and one.number is None:
            number = f"{one.path} is null"
        rows.append([*(one.row.point[place][1] for place in varied), number, one.row.run])
    more = f"{len(rows) - MOST_ROWS} more in sweep.csv." if len(rows) > MOST_ROWS else ""
    end = f"{metrics['best_is']} first"
    title = f"{metrics['command']}: {metrics['n_points']} points by {metrics['metric']}, {end}"
    headings = [*(keys[place] for place in varied), metrics["metric"], "run"]
    console.print_displays([Display(title, headings, rows[:MOST_ROWS], more)])
    console.print_text("\n".join(_sentences(metrics)))
    if not quiet:
        console.message(f"written to {found.folder}")


def _sentences(metrics: Mapping[str, Any]) -> list[str]:
    """What may be said of the best."""
    best, path = metrics["best"], metrics["metric"]
    words = [word for key, text in best["settings"].items() for word in ("-S", f"{key}={text}")]
    section = metrics["command"].replace("-", "_")
    words = [word if word == "-S" else f"{section}.{word}" for word in words]
    said = [f"The best: {path} {_number(best[path])}", *_tests(best["test"], "")]
    said.append(f"  mlcli {metrics['command']} {shlex.join(words)}")
    if metrics["measured_on"] == "test":
        said.append(
            "It was chosen by its test score, for want of another: no test score is left to judge "
            "it by."
        )
    said += [
        f"It lies at the end of {key} ({text}): a wider range may hold a better one."
        for key, text in metrics["at_the_end_of"].items()
    ]
    curse = metrics["winners_curse"]
    if curse is not None:
        said.append(
            f"The winner's curse: the best of {curse['n_compared']} was lucky too; its {path} "
            f"flatters by about {curse['bias']:.2g}, by at most "
            f"{max(curse['bias'], curse['bias_if_all_equal']):.2g} if all were equally good "
            f"(errors taken {curse['errors_taken']})."
        )
    again = metrics.get("confirmed")
    if again is None:
        said.append("--confirm runs it again with fresh seeds, for a number that is not flattered.")
    else:
        said.append(f"Again with seed {again['seed']}: {path} {_number(again[path])}")
        said += _tests(again["test"], "again ")
    return said


def _tests(scores: Mapping[str, Any], prefix: str) -> list[str]:
    return [f"  {prefix}{name} {_number(value)}" for name, value in scores.items()]


def _number(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    if value["mean"] is None:
        return "null"
    if value["ci_low"] is None:
        return f"{value['mean']:.4g}"
    return f"{value['mean']:.4g} [{value['ci_low']:.4g}, {value['ci_high']:.4g}]"

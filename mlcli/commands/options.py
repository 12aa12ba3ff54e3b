"""The flags that every experiment has and that are no parameters: they never change a number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from mlcli.commands.complete import words
from mlcli.commands.workers import CLUSTER_HELP
from mlcli.tracking import TRACKERS

RUN_PANEL = "Run"
FIGURE_KINDS = ("png", "svg", "pdf")
TRACK_HELP = f"Also log the run: one or several of {', '.join(TRACKERS)}."


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out and shown."""

    params: Path | None = None
    sets: tuple[str, ...] = ()
    out: Path | None = None
    jobs: int | None = None
    cluster: str | None = None
    json: bool = False
    quiet: bool = False
    dry_run: bool = False
    plots: bool = True
    figures: tuple[str, ...] = ("png",)
    force: bool = False
    track: tuple[str, ...] = ()
    # No flag: work that is to be done anew does not go on from what an interrupted run left.
    resume: bool = True
    # No flags either: torchrun says so. The first process alone writes.
    processes: int = 1
    rank: int = 0


def _option(*names: str, help: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=RUN_PANEL, **more)


# One home for the run flags: name -> (annotation, default), in the order of the help.
RUN_FLAGS: dict[str, tuple[Any, Any]] = {
    "params": (
        Annotated[
            Path | None,
            _option("--params", help="Read this file instead of ./params.yaml.", metavar="FILE"),
        ],
        None,
    ),
    "sets": (
        Annotated[
            list[str] | None,
            _option("-S", "--set", help="Set section.key=value, as DVC does.", metavar="KEY=VALUE"),
        ],
        None,
    ),
    "out": (
        Annotated[
            Path | None,
            _option(
                "--out",
                help="Folder of the result (default: runs/<command>/<hash>).",
                metavar="DIR",
            ),
        ],
        None,
    ),
    "jobs": (
        Annotated[
            int | None,
            _option(
                "--jobs", help="Workers (default: one per processor); never changes a byte.", min=1
            ),
        ],
        None,
    ),
    "cluster": (
        Annotated[str | None, _option("--cluster", help=CLUSTER_HELP, metavar="ADDRESS")],
        None,
    ),
    "json": (
        Annotated[bool, _option("--json", help="Print exactly details.json to stdout.")],
        False,
    ),
    "quiet": (Annotated[bool, _option("--quiet", help="No messages and no progress bar.")], False),
    "dry_run": (
        Annotated[
            bool, _option("--dry-run", help="Show what would be done and written; do nothing.")
        ],
        False,
    ),
    "plots": (Annotated[bool, _option("--plots/--no-plots", help="Draw figures.")], True),
    "figures": (
        Annotated[
            str,
            _option(
                "--figures",
                help="Kinds of figure: png,svg,pdf.",
                metavar="KINDS",
                autocompletion=words(FIGURE_KINDS, several=True),
            ),
        ],
        "png",
    ),
    "force": (Annotated[bool, _option("--force", help="Run again even if it is done.")], False),
    "track": (
        Annotated[
            str | None,
            _option(
                "--track",
                help=TRACK_HELP,
                metavar="NAMES",
                autocompletion=words(TRACKERS, several=True),
            ),
        ],
        None,
    ),
}

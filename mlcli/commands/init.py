"""`mlcli init`: a new project of one's own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mlcli import console
from mlcli.commands.complete import words
from mlcli.errors import ConfigError
from mlcli.projects.ci import Service

app = typer.Typer(add_completion=False)
TASKS: tuple[Literal["classification", "regression"], ...] = ("classification", "regression")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="A new or an empty folder.", metavar="DIR")],
    data: Annotated[
        Path | None, typer.Option("--data", help="A CSV, TSV, Parquet or NPZ file.", metavar="FILE")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="Column to predict (default: t, y or target).")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help=f"{' or '.join(TASKS)} (default: classes if the target's values are "
            "words or few whole numbers).",
            metavar="WORD",
            autocompletion=words(TASKS, several=False),
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option("--images", help="A folder with a folder of images for each class."),
    ] = None,
    ci: Annotated[
        Service | None,
        typer.Option("--ci", help="Also write what runs and checks the project after each push."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No messages.")] = False,
) -> None:
    """Make a new project of your own data, ready for `dvc repro`.

    Looks at the data, proposes task, features, degrees, networks and batches, and writes
    params.yaml, dvc.yaml, a README and a copy of the data (if it is at most 100 MiB).

    --ci writes ci.sh, which runs the stages, checks gates, compares with a revision of git, uploads
    the report and prints a comment in Markdown; and for github or gitlab the file that runs it.

    Example: mlcli init rivers --data rivers.csv --target flow
    """
    asked = _asked(data, target, images, task)
    from mlcli.projects.ci import notes
    from mlcli.projects.create import create
    from mlcli.projects.texts import commands_of, summary

    given = data if data is not None else images
    given = None if given is None else given.expanduser()
    project = create(folder, given, target, asked, ci)
    proposal = project.proposal
    rows = dict(summary(proposal))
    if proposal.by_values and task is None:
        rows["task"] += "; --task regression predicts it as a number"
    if given is not None:
        rows["data"] = "copied" if project.copied else f"stay at {given.resolve()}"
    console.print_text(console.pairs(rows))
    if proposal.left_out:
        left_out = {f"  {name}": why for name, why in proposal.left_out.items()}
        console.print_text("\nnot features:\n" + console.pairs(left_out))
    everything, one = commands_of(proposal)
    console.print_text(f"\nnext:\n  cd {folder} && {everything}\n  cd {folder} && {one}")
    if not quiet:
        for note in () if ci is None else notes(ci, folder):
            console.message(f"note: {note}")
        console.message(f"written to {folder}")


def _asked(
    data: Path | None, target: str | None, images: Path | None, task: str | None
) -> Literal["classification", "regression"] | None:
    """The task that was asked for.

    Raises:
        ConfigError: it is none, or flags don't go together.
    """
    if data is not None and images is not None:
        raise ConfigError("--data and --images can't both be given", hint="one of them")
    if target is not None and data is None:
        raise ConfigError("--target goes with --data", hint="--data FILE")
    if task is not None and data is None:
        raise ConfigError("--task goes with --data", hint="--data FILE")
    asked = next((one for one in TASKS if one == task), None)
    if task is not None and asked is None:
        raise ConfigError("--task", must=f"one of {', '.join(TASKS)}", got=task)
    if images is not None and images.exists() and not images.expanduser().is_dir():
        raise ConfigError("--images", must="a folder", got=f"the file {images}", hint="--data")
    return asked

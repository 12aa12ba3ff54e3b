"""`mlcli help`: the reference, as plain text."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlcli import console
from mlcli.commands.complete import command_names
from mlcli.errors import ConfigError

app = typer.Typer(add_completion=False)
ALL = "all"


@app.command()
def help(
    context: typer.Context,
    topic: Annotated[
        list[str] | None,
        typer.Argument(
            help="A command, as kfold or data make, or all.", autocompletion=command_names
        ),
    ] = None,
) -> None:
    """Print the reference of a command, or of all, as plain text.

    Flags with what they must be, their default, unit and meaning; files, exit codes, environment
    variables, an example. 80 columns wide off a terminal.

    Example: mlcli help train-mlp
    """
    from mlcli.commands.reference import overview, page

    root = context.find_root()
    group: Any = root.command
    width, asked = console.width(), " ".join(topic or [])
    if not asked:
        console.print_text(overview(_panels(group, root), width))
    elif asked == ALL:
        pages = [overview(_panels(group, root), width)]
        pages += [page(name, _load(group, root, name), width) for name in group.list_commands(root)]
        console.print_text("\n\n\n".join(pages))
    else:
        console.print_text(page(asked, _find(group, root, asked), width))


def _panels(group: Any, root: Any) -> dict[str, dict[str, str]]:
    """Panel -> command -> summary."""
    panels: dict[str, dict[str, str]] = {}
    for name in group.list_commands(root):
        panel, summary = group.summary(name)
        panels.setdefault(panel, {})[name] = summary
    return panels


def _load(group: Any, root: Any, name: str) -> Any:
    return group.resolve_command(root, [name])[1]


def _find(group: Any, root: Any, asked: str) -> Any:
    """The command or subcommand of that name.

    Raises:
        ConfigError: there is none; with the nearest name.
    """
    from mlcli.params.faults import unknown

    first, *rest = asked.split()
    names = group.list_commands(root)
    if first not in names:
        raise ConfigError(unknown("command", first, [*names, ALL]))
    command = _load(group, root, first)
    below = getattr(command, "commands", {})
    if not rest:
        return command
    if not below or len(rest) > 1:
        raise ConfigError(f"there is no help on {asked!r}", hint=f"`mlcli help {first}`")
    if rest[0] not in below:
        raise ConfigError(unknown(f"command of {first}", rest[0], below))
    return below[rest[0]]

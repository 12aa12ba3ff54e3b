"""`mlcli help`: the reference of the commands and the topics of the guide, as plain text."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Annotated, Any

import typer

from mlcli import console
from mlcli.commands.complete import command_names
from mlcli.errors import ConfigError

app = typer.Typer(add_completion=False)
ALL = "all"
FENCE = "```"
COMMENT = re.compile(r"^<!--.*-->\n\n?", re.MULTILINE)
# A figure or a link: its text and its target.
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


@cache
def topics() -> dict[str, str]:
    """The topics of the guide and their titles, in alphabetical order."""
    texts = {
        path.name.removesuffix(".md"): path.read_text(encoding="utf-8")
        for path in resources.files("mlcli").joinpath("guide").iterdir()
        if path.name.endswith(".md")
    }
    return {name: texts[name].splitlines()[0].lstrip("# ") for name in sorted(texts)}


def topic_text(name: str) -> str:
    """A topic of the guide for the terminal: links name the topic or the address they lead to."""
    path = resources.files("mlcli").joinpath("guide", f"{name}.md")
    parts = path.read_text(encoding="utf-8").split(FENCE)
    # Every second part is a block of code, which stays as it is.
    parts[::2] = [COMMENT.sub("", LINK.sub(_link_text, part)) for part in parts[::2]]
    return FENCE.join(parts)


def _link_text(found: re.Match[str]) -> str:
    figure, text, target = found.groups()
    if figure:
        return f"(figure: {text})"
    name, _, _ = target.partition("#")
    topic = name.removesuffix(".md")
    if not name:
        return text
    return f"{text} (mlcli help {topic})" if topic in topics() else f"{text} ({target})"


def help_names(ctx: Any, incomplete: str) -> list[str]:
    """Commands, ``all`` and topics, for the completion of the shell."""
    found = [name for name in topics() if name.startswith(incomplete)]
    return command_names(ctx, incomplete) + found


@app.command()
def help(
    context: typer.Context,
    topic: Annotated[
        list[str] | None,
        typer.Argument(
            help="A command, as kfold or data make; a topic, as own-data; or all.",
            autocompletion=help_names,
        ),
    ] = None,
) -> None:
    """Print the reference of a command, or a topic of the guide, as plain text.

    Without a name: all commands and topics. A topic prints a page of the guide, offline.
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
    elif asked in topics():
        console.print_text(topic_text(asked))
    elif asked == ALL:
        pages = [overview(_panels(group, root), width)]
        pages += [page(name, _load(group, root, name), width) for name in group.list_commands(root)]
        console.print_text("\n\n\n".join(pages))
    else:
        console.print_text(page(asked, _find(group, root, asked), width))


def _panels(group: Any, root: Any) -> dict[str, dict[str, str]]:
    """Panel -> command -> summary, and the topics of the guide with their titles."""
    panels: dict[str, dict[str, str]] = {}
    for name in group.list_commands(root):
        panel, summary = group.summary(name)
        panels.setdefault(panel, {})[name] = summary
    return panels | {"Topics": topics()}


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
        raise ConfigError(unknown("command or topic", first, [*names, *topics(), ALL]))
    command = _load(group, root, first)
    below = getattr(command, "commands", {})
    if not rest:
        return command
    if not below or len(rest) > 1:
        raise ConfigError(f"there is no help on {asked!r}", hint=f"`mlcli help {first}`")
    if rest[0] not in below:
        raise ConfigError(unknown(f"command of {first}", rest[0], below))
    return below[rest[0]]

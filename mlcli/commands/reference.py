"""The pages of `mlcli help`, made from the commands and their config models."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlcli.commands.flags import FlagEntry, entries, panels, unhide
from mlcli.config import SECTIONS, config_class
from mlcli.config.data import MakeFields
from mlcli.errors import EXIT_CODES
from mlcli.experiments import EXPERIMENTS, about

INDENT, DEEPER = " " * 4, " " * 8
EXAMPLE = "Example: "
PARAMETERS = (
    "Each flag of an experiment is a key of its section of params.yaml. A flag wins over -S, then "
    "come MLCLI_SECTION__KEY, the command's section, section data, and the default.",
    "Section data has the data of every command whose own section names none: data, target, "
    "features, categorical and so on, as in any section.",
)
# What a command looks up, beside its parameters.
VARIABLES = {
    "MLCLI_SECTION__KEY": "A parameter, as MLCLI_TRAIN_MLP__N_EPOCHS=3; a flag and -S win over it.",
    "MLCLI_DATA": "Folder where large data sets are looked for and kept.",
    "MLCLI_THREADS": "The most threads a network takes, at most 8; it decides last digits.",
    "MLCLI_TRACEBACK": "Set to 1, a bug is shown with its traceback.",
    "COLUMNS": "Width of tables and text (default: the terminal's; in a pipe, what they need).",
    "NO_COLOR": "Set to anything, there is no colour.",
    "DVC_STAGE": "Set by DVC in its stages: there, what params.yaml tracks can't be overridden.",
    "MLFLOW_TRACKING_URI": "Where --track mlflow logs to (default: ./mlruns).",
    "MLFLOW_EXPERIMENT_NAME": "Experiment that --track mlflow logs to (default: mlcli/<command>).",
}


def overview(panels_of: Mapping[str, Mapping[str, str]], width: int) -> str:
    """The page of the program.

    Args:
        panels_of: panel -> command -> summary.
        width: of the text.
    """
    lines = ["NAME", f"{INDENT}mlcli - the fundamentals of machine learning as experiments"]
    lines += ["", "SYNOPSIS", f"{INDENT}mlcli COMMAND [OPTIONS] [ARGUMENTS]"]
    lines += [f"{INDENT}mlcli help {name}" for name in ("COMMAND", "TOPIC", "all")]
    for panel, commands in panels_of.items():
        lines += ["", panel.upper()]
        for name, summary in commands.items():
            lines += _item(name, [summary], width)
    lines += ["", "PARAMETERS"]
    for words in PARAMETERS:
        lines += _wrapped(words, INDENT, width)
    lines += ["", "EXIT CODES", *_codes(width), "", "ENVIRONMENT"]
    for name, words in VARIABLES.items():
        lines += _item(name, [words], width)
    return "\n".join(lines)


def page(name: str, command: Any, width: int) -> str:
    """The page of a command, or the pages of its subcommands.

    Args:
        name: as it is typed behind ``mlcli``.
        command: Typer's.
        width: of the text.
    """
    below = getattr(command, "commands", None)
    if below:
        return "\n\n\n".join(page(f"{name} {part}", one, width) for part, one in below.items())
    context = command.make_context(name, [], resilient_parsing=True)
    paragraphs, examples = split_help(command.help)
    usage = " ".join(["mlcli", name, *command.collect_usage_pieces(context)])
    lines = ["NAME", *_wrapped(f"mlcli {name} - {paragraphs[0]}", INDENT, width)]
    lines += ["", "SYNOPSIS", *_wrapped(usage, INDENT, width)]
    if len(paragraphs) > 1:
        lines += ["", "DESCRIPTION"]
        lines += "\n\n".join(
            "\n".join(_wrapped(text, INDENT, width)) for text in paragraphs[1:]
        ).splitlines()
    for panel, items in _flags(name, command, context).items():
        lines += ["", panel.upper()]
        for one in items:
            lines += _item(one.names, one.sentences, width)
    section = name.replace("-", "_")
    if section in EXPERIMENTS:
        lines += ["", "FILES", *_files(section, width)]
    lines += ["", "EXIT CODES", *_codes(width)]
    lines += ["", "EXAMPLE", *(INDENT + line for line in examples)]
    return "\n".join(lines)


def split_help(text: str) -> tuple[list[str], list[str]]:
    """The paragraphs of a command's help, and its examples."""
    paragraphs, examples = [], []
    for part in text.split("\n\n"):
        words = " ".join(part.split())
        if words.startswith(EXAMPLE):
            examples.append(words.removeprefix(EXAMPLE))
        elif words:
            paragraphs.append(words)
    return paragraphs, examples


def _flags(name: str, command: Any, context: Any) -> dict[str, list[FlagEntry]]:
    """Entries by panel: arguments, parameters of the config model, then what Typer alone knows."""
    section = name.replace("-", "_")
    known = entries(config_class(section)) if section in SECTIONS else {}
    known = entries(MakeFields) if name == "data make" else known
    unhide(command)
    found: dict[str, list[FlagEntry]] = {"Arguments": []}
    found |= {panel: [] for panel in panels() if known}
    for param in command.params:
        one = known.get(param.name or "")
        if one is None:
            one = _entry(param, context)
        if one is not None:
            found.setdefault(one.panel, []).append(one)
    return {panel: items for panel, items in found.items() if items}


def _entry(param: Any, context: Any) -> FlagEntry | None:
    """The entry of a flag or an argument that a config model does not have."""
    record = param.get_help_record(context)
    if record is None:
        return None
    names, words = (" ".join(part.split()).replace(" range>", ">") for part in record)
    panel = param.rich_help_panel or "Options"
    return FlagEntry(panel if param.opts[0].startswith("-") else "Arguments", names, [words])


def _files(section: str, width: int) -> Iterator[str]:
    """What a run of an experiment writes into its folder."""
    from mlcli.run.folder import UNTRACKED

    one = about(section)
    drawn = [f"figures/{name}.png" for name in one.figures]
    yield from _wrapped(f"In runs/{one.command}/<hash>/ or the folder of --out:", INDENT, width)
    yield from _wrapped(", ".join([*one.files, *drawn, "manifest.json", *UNTRACKED]), DEEPER, width)


def _codes(width: int) -> Iterator[str]:
    for code, meaning in EXIT_CODES.items():
        yield from textwrap.wrap(
            f"{code:<4}{meaning}", width, initial_indent=INDENT, subsequent_indent=DEEPER
        )


def _item(head: str, sentences: Sequence[str], width: int) -> list[str]:
    lines = _wrapped(head, INDENT, width)
    for one in sentences:
        lines += _wrapped(one, DEEPER, width)
    return lines


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    room = width - len(indent)
    parted = (word.replace(",", ", ") if len(word) > room else word for word in text.split())
    return textwrap.wrap(
        " ".join(parted),
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )

"""Typer flags made from a config model, so that no flag is declared twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from mlcli.commands import complete
from mlcli.commands.complete import words
from mlcli.config.common import SeedFields, SourceFields, SyntheticFields
from mlcli.config.fields import (
    Section,
    choices,
    extra,
    is_flag,
    is_several,
    metavar,
    requirement,
)
from mlcli.config.networks import CnnFields, FitFields, MlpFields, ScheduleFields
from mlcli.run.execute import FIGURE_KINDS
from mlcli.run.workers import CLUSTER_HELP
from mlcli.tracking import TRACKERS

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


# The panel of the help in which the fields of a class stand; the command's own come first.
OWN_PANEL = "Parameters"
PANELS: dict[type, str] = {
    MlpFields: "Network",
    CnnFields: "Network",
    FitFields: "Learning",
    ScheduleFields: "Schedule of the learning rate",
    SourceFields: "Data",
    SyntheticFields: "Synthetic data",
    SeedFields: "Seeds and device",
}
# What `--help` shows of every experiment beside the parameters of its own.
COMMON = ("data", "target", "features", "n_seeds", "seed")
RARELY_USED = ("sets", "cluster", "figures", "track", "force", "quiet")
HELP_ALL = "help_all"


RUN_PANEL = "Run"
TRACK_HELP = f"Also log the run: one or several of {', '.join(TRACKERS)}."


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


def _panel(model: type[Section], key: str) -> str:
    owner = next(c for c in reversed(model.__mro__) if key in inspect.get_annotations(c))
    return PANELS.get(owner, OWN_PANEL)


def _default_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


def _show_all(context: typer.Context, given: bool) -> None:
    if given:
        unhide(context.command)
        typer.echo(context.get_help())
        raise typer.Exit()


HELP_ALL_FLAG = (
    Annotated[
        bool,
        typer.Option(
            "--help-all",
            callback=_show_all,
            is_eager=True,
            help="Show every flag and exit.",
            rich_help_panel=RUN_PANEL,
        ),
    ],
    False,
)


def unhide(command: Any) -> None:
    """Let the help of a Typer command show every flag."""
    for param in command.params:
        if param.name != HELP_ALL:
            param.hidden = False


def _option_of(parameter: inspect.Parameter) -> Any:
    """Typer's description of a flag."""
    return get_args(parameter.annotation)[1]


@dataclass(frozen=True)
class FlagEntry:
    """A flag in the reference: its panel, how it is typed, and what is said of it."""

    panel: str
    names: str
    sentences: list[str]


def entries(model: type[Section]) -> dict[str, FlagEntry]:
    """The entry of every flag of a config model, by its key."""
    found = {}
    for key, field in model.model_fields.items():
        name, must = "--" + key.replace("_", "-"), requirement(field)
        typed = f"{name} / --no-{name[2:]}" if is_flag(field) else f"{name} {metavar(field)}"
        facts = "" if is_flag(field) else f"{must[0].upper()}{must[1:]}."
        if unit := extra(field, "unit"):
            facts += f" Unit: {unit}."
        if field.default is not None:
            facts += f" Default: {_default_text(field.default)}."
        sentences = [text for text in (field.description, facts.strip()) if text]
        found[key] = FlagEntry(_panel(model, key), typed, sentences)
    return found


def _completion(key: str, field: FieldInfo) -> Any:
    """How the value of a flag is completed; files where nothing else is known."""
    if words := choices(field):
        return complete.words(words, several=is_several(field))
    if extra(field, "is_file"):
        return complete.paths
    return complete.data_sets if key == "data" else None


def _flag(model: type[Section], key: str) -> inspect.Parameter:
    field = model.model_fields[key]
    name = "--" + key.replace("_", "-")
    unit = extra(field, "unit")
    words = choices(field)
    count = "One or several of" if is_several(field) else "One of"
    help = (field.description or "") + (f" {count} {', '.join(words)}." if words else "")
    help += f" Unit: {unit}." if unit else ""
    if field.default is not None:
        help += f" (default: {_default_text(field.default)})"
    panel = _panel(model, key)
    if is_flag(field):
        option = typer.Option(f"{name}/--no-{name[2:]}", help=help, rich_help_panel=panel)
        return _keyword(key, Annotated[bool | None, option], None)
    option = typer.Option(
        name,
        help=help,
        metavar=metavar(field),
        rich_help_panel=panel,
        autocompletion=_completion(key, field),
    )
    return _keyword(key, Annotated[str | None, option], None)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def with_flags(
    model: type[Section],
    body: Callable[..., Any],
    *,
    run_flags: Mapping[str, tuple[Any, Any]] = RUN_FLAGS,
    help: str,
    first: Collection[str] = (),
) -> Callable[..., Any]:
    """A function that Typer sees with one flag per field of `model`, plus the run flags.

    Args:
        model: of the parameters.
        body: called with two mappings: the values of the model's flags (None where not given) and
            those of the run flags.
        run_flags: name -> (annotation, default).
        help: of the command.
        first: the parameters that ``--help`` shows beside `COMMON`; empty: all of them. The others
            are shown by ``--help-all``.
    """

    def command(**values: Any) -> None:
        fields = {key: values[key] for key in model.model_fields}
        body(fields, {key: values[key] for key in run_flags})

    ordered = sorted(model.model_fields, key=lambda key: _PANEL_ORDER.index(_panel(model, key)))
    parameters = [_flag(model, key) for key in ordered]
    parameters += [_keyword(name, *declared) for name, declared in run_flags.items()]
    if first:
        shown = {*first, *COMMON, *(name for name in run_flags if name not in RARELY_USED)}
        for one in parameters:
            if one.name not in shown:
                _option_of(one).hidden = True
        parameters.append(_keyword(HELP_ALL, *HELP_ALL_FLAG))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    command.__doc__ = help
    return command


_PANEL_ORDER = [OWN_PANEL, *dict.fromkeys(PANELS.values())]


def panels() -> tuple[str, ...]:
    """The panels of parameters, in the order of the help."""
    return tuple(_PANEL_ORDER)

"""Typer flags made from a config model, so that no flag is declared twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from mlcli.commands.options import RUN_FLAGS
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


def _panel(model: type[Section], key: str) -> str:
    owner = next(c for c in reversed(model.__mro__) if key in inspect.get_annotations(c))
    return PANELS.get(owner, OWN_PANEL)


def _default_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


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
    option = typer.Option(name, help=help, metavar=metavar(field), rich_help_panel=panel)
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
) -> Callable[..., Any]:
    """A function that Typer sees with one flag a field of `model`, plus the run flags.

    `body` is called with two mappings: the values of the model's flags (None where not given) and
    those of the run flags.
    """

    def command(**values: Any) -> None:
        fields = {key: values[key] for key in model.model_fields}
        body(fields, {key: values[key] for key in run_flags})

    ordered = sorted(model.model_fields, key=lambda key: _PANEL_ORDER.index(_panel(model, key)))
    parameters = [_flag(model, key) for key in ordered]
    parameters += [_keyword(name, *declared) for name, declared in run_flags.items()]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    command.__doc__ = help
    return command


_PANEL_ORDER = [OWN_PANEL, *dict.fromkeys(PANELS.values())]


def reference(*models: type[Section]) -> str:
    """Parameters in Markdown: those of a shared class, or those of a section that none shares."""
    lines = ["| flag | must be | default | meaning |", "|---|---|---|---|"]
    for model in models:
        for key in model.model_fields:
            if _panel(model, key) != PANELS.get(model, OWN_PANEL):
                continue
            field = model.model_fields[key]
            default = "" if field.default is None else _default_text(field.default)
            cells = (f"`--{key.replace('_', '-')}`", requirement(field), default, field.description)
            lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)

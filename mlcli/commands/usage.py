"""Usage errors as one sentence that names the nearest flag or command."""

from __future__ import annotations

import re
from typing import Any

EXTRA_ARGUMENTS = re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)")


def usage_sentence(error: Exception) -> str | None:
    """The sentence of a usage error, with the nearest right flag or command."""
    from typer.exceptions import TyperException

    if not isinstance(error, TyperException):
        return None
    sentence = error.format_message().rstrip(".")
    if option := getattr(error, "option_name", None):
        hint = f"; try {' or '.join(_flags_meant(option, error)) or '--help'}"
        return f"unknown flag {option}{hint}" if "No such option" in sentence else sentence + hint
    if found := EXTRA_ARGUMENTS.fullmatch(sentence):
        return f"unexpected argument {found[1]}; try {_place_of(found[1], error)}"
    sentence = sentence.replace("'", "").replace("Did you mean", "; try").replace(". ;", ";")
    sentence = (sentence[0].lower() + sentence[1:]).rstrip("?")
    if sentence.startswith("missing"):
        help = getattr(getattr(error, "param", None), "help", None) or ""
        word = help.split(" ")[0]
        start = help[:1] if len(word) > 1 and word.isupper() else help[:1].lower()
        sentence += f": {start}{help[1:].rstrip('.')}" if help else ""
    return sentence


def _flags_meant(option: str, error: Exception) -> list[str]:
    """The flags and arguments of the command that an unknown flag may stand for."""
    from difflib import get_close_matches

    from mlcli.params.faults import meant

    params = _params(error)
    shown = {
        name: f"--{name}" if name in flags else f"{name.upper()} as an argument"
        for param in params
        if (flags := [one[2:] for one in param.opts if one.startswith("--")]) or param.name
        for name in flags or [param.name]
    }
    # Without the hyphens, which would make every short name alike.
    near = meant(option, shown) or get_close_matches(option.strip("-"), [*shown, "help"])
    return [shown.get(name, "--help") for name in near]


def _place_of(argument: str, error: Exception) -> str:
    """Where an argument that a command does not take belongs."""
    flags = {one for param in _params(error) for one in param.opts}
    return f"--data {argument.split()[0]}" if "--data" in flags else "--help"


def _params(error: Exception) -> list[Any]:
    """The flags and arguments of the command that refused its command line."""
    return list(getattr(getattr(getattr(error, "ctx", None), "command", None), "params", ()))

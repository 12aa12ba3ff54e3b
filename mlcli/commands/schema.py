"""`mlcli schema`: the JSON schema of params.yaml, made from the config models."""

from __future__ import annotations

from typing import Any

import typer

from mlcli import console
from mlcli.config import SECTIONS, config_class, gates

app = typer.Typer(add_completion=False)
KEYWORDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def params_schema() -> dict[str, Any]:
    """The JSON schema of the whole file."""
    sections: dict[str, Any] = {gates.SECTION: gates.JSON_SCHEMA}
    for name in SECTIONS:
        sections[name] = _json_schema_words(config_class(name).model_json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "params.yaml of mlcli",
        "type": "object",
        "additionalProperties": False,
        "properties": sections,
    }


def _json_schema_words(node: Any) -> Any:
    """Limits on optional numbers come out of pydantic in its own words; JSON schema has others."""
    if isinstance(node, dict):
        return {KEYWORDS.get(key, key): _json_schema_words(value) for key, value in node.items()}
    return [_json_schema_words(item) for item in node] if isinstance(node, list) else node


@app.command()
def schema() -> None:
    """Print the JSON schema of params.yaml.

    An editor that reads the first line of params.yaml completes and checks the file with it.

    Example: mlcli schema > mlcli/params.schema.json
    """
    console.print_json(params_schema())

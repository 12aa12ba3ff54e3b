"""`mlcli validate`: the whole of params.yaml, and what dvc.yaml tracks of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli import console
from mlcli.errors import ConfigError
from mlcli.params.dvc_guard import missing_params
from mlcli.params.resolve import validate_file
from mlcli.params.yaml_file import DEFAULT_FILE, read_yaml

app = typer.Typer(add_completion=False)


@app.command()
def validate(
    params: Annotated[Path, typer.Argument(help="The file to check.")] = DEFAULT_FILE,
) -> None:
    """Check params.yaml and dvc.yaml, every fault with its place.

    Prints each fault as file:line:column with the nearest right name; exits with 2 if any.

    Example: mlcli validate params.yaml
    """
    faults = validate_file(params)
    dvc_file = params.parent / "dvc.yaml"
    if dvc_file.is_file():
        faults += missing_params(dvc_file, read_yaml(params))
    if faults:
        raise ConfigError("\n".join(str(fault) for fault in faults))
    checked = f"{params} and {dvc_file}" if dvc_file.is_file() else str(params)
    console.print_text(f"{checked}: no faults")

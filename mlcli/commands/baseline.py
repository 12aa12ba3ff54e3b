"""`mlcli baseline`: the honest table of simple and standard methods on the user's data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mlcli.commands.complete import data_sets
from mlcli.commands.experiment import help_of, options_of, run
from mlcli.commands.flags import RUN_FLAGS, with_flags
from mlcli.experiments import about
from mlcli.experiments.baseline.config import BaselineConfig

app = typer.Typer(add_completion=False)
FILE_HELP = "The data, as --data (default: that of params.yaml, else diabetes)."
FILE = {
    "file": (
        Annotated[
            str | None, typer.Argument(help=FILE_HELP, metavar="[FILE]", autocompletion=data_sets)
        ],
        None,
    )
}


def _baseline(flags: Mapping[str, Any], run_flags: Mapping[str, Any]) -> None:
    given, values = dict(run_flags), dict(flags)
    file = given.pop("file")
    if file is not None:
        values["data"] = file
    run("baseline", values, options_of(given))


app.command()(
    with_flags(
        BaselineConfig,
        _baseline,
        run_flags=FILE | RUN_FLAGS,
        help=help_of("baseline"),
        first=about("baseline").flags,
    )
)

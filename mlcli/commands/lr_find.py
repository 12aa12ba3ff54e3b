"""`mlcli lr-find`: the range test of section 7.4 of the notes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mlcli import console
from mlcli.commands.experiment import carry_out, help_of, options_of
from mlcli.commands.flags import RUN_FLAGS, RUN_PANEL, with_flags
from mlcli.config import inherited_keys
from mlcli.errors import ConfigError
from mlcli.experiments import about
from mlcli.experiments.lr_find.config import LrFindConfig
from mlcli.params.yaml_file import DEFAULT_FILE, put_values, read_yaml
from mlcli.run.execute import RunSpec, prepare
from mlcli.tracking import track_run

app = typer.Typer(add_completion=False)
# What --apply sets; the rest of the section describes the network, and is the user's.
APPLIED = ("learning_rate", "schedule", "cycle_start", "cycle_final")
APPLY_HELP = (
    "Put the one-cycle settings that are found into the training's section of the params file."
)
APPLY = {
    "apply": (
        Annotated[bool, typer.Option("--apply", help=APPLY_HELP, rich_help_panel=RUN_PANEL)],
        False,
    )
}


def _lr_find(flags: Mapping[str, Any], run_flags: Mapping[str, Any]) -> None:
    given = dict(run_flags)
    apply = given.pop("apply")
    spec = prepare("lr_find", flags, options_of(given))
    if apply:
        _refuse_apply(spec)
    carry_out(spec)
    if apply and not spec.options.dry_run:
        _apply(spec)
    track_run(spec.target, spec.options)


app.command()(
    with_flags(
        LrFindConfig,
        _lr_find,
        run_flags=RUN_FLAGS | APPLY,
        help=help_of("lr_find"),
        first=about("lr_find").flags,
    )
)


def _refuse_apply(spec: RunSpec) -> None:
    """A stage may not change the file it is read from, and one file has room for one answer.

    Raises:
        ConfigError: in one sentence.
    """
    if os.environ.get("DVC_STAGE"):
        raise ConfigError(
            "--apply changes the params file, which a DVC stage must not do",
            hint="it by hand, outside `dvc repro`",
        )
    # Light: neither torch nor NumPy.
    from mlcli.experiments.lr_find.config import training_of
    from mlcli.experiments.networks.variants import variants_of

    variants = variants_of(training_of(spec.resolved.config))
    if len(variants) > 1:
        raise ConfigError(
            f"--apply has one answer to write, and {len(variants)} variants are compared",
            hint="one value of each, as --init he",
        )


def _apply(spec: RunSpec) -> None:
    """Put the suggestion of the run folder into the params file, and say so on stderr."""
    path: Path = spec.options.params or DEFAULT_FILE
    training = LrFindConfig.inherits[spec.resolved.config.network]
    section = read_yaml(spec.target / "one_cycle.yaml").values[training]
    values = {key: section[key] for key in APPLIED}
    before = put_values(path, training, values)
    if spec.options.quiet:
        return
    for key, value in values.items():
        was = "" if before[key] is None else f", was {before[key]}"
        console.message(f"{path}: {training}.{key}: {value}{was}")
    sources = spec.resolved.sources
    elsewhere = [
        key
        for key in inherited_keys(LrFindConfig, training)
        if sources[key] in ("flag", "set", "environment", "file")
    ]
    if elsewhere:
        console.message(
            f"note: {', '.join(elsewhere)} did not come from section {training}, so {path} may "
            f"describe another network than the one that was swept; "
            f"{spec.target / 'one_cycle.yaml'} has them all"
        )

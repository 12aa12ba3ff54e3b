"""Assembles the commands. Nothing heavy is imported here: `mlcli --help` answers at once.

Every experiment is a command; the flags of most are made from its config model alone. The others,
and the experiments with arguments of their own, are the Typer app ``app`` in
``mlcli.commands.<name>``, imported when the command is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mlcli import console
from mlcli.errors import ConfigError
from mlcli.experiments import EXPERIMENTS, about
from mlcli.scale.torchrun import launched

OTHERS: dict[str, tuple[str, str]] = {
    "predict": ("Models", "Predict new rows or images with the model of a run."),
    "evaluate": ("Models", "Score the model of a run on rows whose target is known."),
    "export": (
        "Models",
        "Write the model of a run as ONNX, safetensors or scikit-learn.",
    ),
    "data": ("Data", "List, describe, make and fetch data sets."),
    "report": ("Results", "Turn run folders into one self-contained HTML page."),
    "runs": ("Results", "List what has been run, with its data and its score."),
    "notes": ("Results", "List every figure, table and equation of the notes, and what shows it."),
    "compare": ("Results", "Compare runs: settings, metrics with tests, curves."),
    "check": ("Results", "Hold metrics to gates; exit 3 if one fails."),
    "power": (
        "Results",
        "Say what difference so many seeds can show, and how many seeds one takes.",
    ),
    "sweep": ("Results", "Run a command over a grid or a random search; name the best, honestly."),
    "verify": (
        "Results",
        "Make a result again and compare; exit 3 if it differs, 2 if it can't be repeated.",
    ),
    "init": ("Set-up", "Make a new project of your own data, ready for `dvc repro`."),
    "validate": ("Set-up", "Check params.yaml and dvc.yaml, every fault with its place."),
    "schema": ("Set-up", "Print the JSON schema of params.yaml."),
    "help": ("Set-up", "Print the reference of a command, or a topic of the guide, as plain text."),
    "doctor": ("Set-up", "Print versions, devices, threads, BLAS and what is missing."),
}


class Commands(Mapping[str, tuple[str, str]]):
    """Every command by name: its panel and its summary.

    An experiment describes itself. Only the experiments that are looked up are imported.
    """

    names = (*(section.replace("_", "-") for section in EXPERIMENTS), *OTHERS)

    def __getitem__(self, name: str) -> tuple[str, str]:
        """The panel and the summary of a command."""
        section = name.replace("-", "_")
        if section in EXPERIMENTS:
            return about(section).panel, about(section).summary
        return OTHERS[name]

    def __iter__(self) -> Iterator[str]:
        """The names in the order of the list."""
        return iter(self.names)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        """Whether there is a command of that name."""
        return name in self.names


COMMANDS = Commands()
# Experiments whose command has more than the flags of its config model.
WITH_COMMANDS = ("lr_find", "baseline")


class LazyGroup(TyperGroup):
    """Lists all commands from their summaries, and imports only the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by name: the real one once it was called, else its summary."""
        if cmd_name in self.commands or cmd_name not in COMMANDS:
            return self.commands.get(cmd_name)
        panel, summary = COMMANDS[cmd_name]
        return TyperCommand(cmd_name, help=summary, rich_help_panel=panel)

    def summary(self, cmd_name: str) -> tuple[str, str]:
        """The panel and the summary of a command."""
        return COMMANDS[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that is called."""
        name = args[0] if args else ""
        refuse_unless_together(name)
        if name in COMMANDS:
            self.commands[name] = load(name)
        else:
            self.commands.update({n: self.get_command(ctx, n) for n in COMMANDS})
        return super().resolve_command(ctx, args)


def load(name: str) -> Any:
    """The Typer command of that name."""
    command = typer.main.get_command(_app(name.replace("-", "_")))
    command.name = name
    return command


def _app(name: str) -> typer.Typer:
    if name in EXPERIMENTS and name not in WITH_COMMANDS:
        from mlcli.commands.experiment import experiment_app

        return experiment_app(name)
    found: typer.Typer = import_module(f"mlcli.commands.{name}").app
    return found


def refuse_unless_together(name: str) -> None:
    """Under torchrun: only the first process prints, and only some commands can run.

    Args:
        name: of the command.

    Raises:
        ConfigError: the command works in one process, or the launch is not complete.
    """
    launch = launched()
    console.silence(launch is not None and launch.rank > 0)
    if launch is None:
        return
    together = [about(section).command for section in EXPERIMENTS if about(section).torchrun]
    if name not in together:
        raise ConfigError(
            f"under torchrun with {launch.size} processes, the command",
            must=" or ".join(together),
            got=name,
            hint=f"mlcli {name} without torchrun",
        )


app = typer.Typer(
    name="mlcli",
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=True,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(given: bool) -> None:
    if given:
        from mlcli import __version__

        typer.echo(f"mlcli {__version__}")
        raise typer.Exit()


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The fundamentals of machine learning as experiments you can repeat.

    Try: mlcli fit-poly
    """

"""`train-mlp`: multilayer perceptrons and what decides whether they learn (section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import Context, Experiment
from mlcli.experiments.train_mlp.about import ABOUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.explore import Explorable
    from mlcli.experiments.train_mlp.config import TrainMlpConfig
    from mlcli.experiments.train_mlp.run import PreparedMlp
    from mlcli.neural.data_parallel import ProcessGroup
    from mlcli.result import Display, Result


class TrainMlp(Experiment["TrainMlpConfig", "PreparedMlp"]):
    """`train-mlp`: multilayer perceptrons and what decides whether they learn (section 7)."""

    about = ABOUT

    def prepare(self, config: TrainMlpConfig, source: Source) -> PreparedMlp:
        from mlcli.experiments.train_mlp.run import prepare

        return prepare(config, source)

    def plan(self, prepared: PreparedMlp) -> Mapping[str, Any]:
        from mlcli.experiments.train_mlp.run import plan

        return plan(prepared)

    def run(self, prepared: PreparedMlp, context: Context) -> Result:
        from mlcli.experiments.train_mlp.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.train_mlp.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.train_mlp.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.train_mlp.figures import figures

        return figures(folder)

    def explore(self, folder: Path) -> list[Explorable]:
        from mlcli.experiments.train_mlp.explore import explorables

        return explorables(folder)

    def follow(self, prepared: PreparedMlp, group: ProcessGroup) -> None:
        from mlcli.experiments.train_mlp.run import follow

        follow(prepared, group)


EXPERIMENT = TrainMlp()

"""`train-mlp`: multilayer perceptrons and what decides whether they learn (section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import Context, Experiment, Prepared
from mlcli.experiments.train_mlp.about import ABOUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.train_mlp.config import TrainMlpConfig
    from mlcli.neural.data_parallel import ProcessGroup
    from mlcli.result import Display, Result


class TrainMlp(Experiment["TrainMlpConfig", "Prepared[TrainMlpConfig]"]):
    """`train-mlp`: multilayer perceptrons and what decides whether they learn (section 7)."""

    about = ABOUT

    def prepare(self, config: TrainMlpConfig, source: Source) -> Prepared[TrainMlpConfig]:
        from mlcli.experiments.train_mlp.run import check

        check(config, source)
        return Prepared(config, source)

    def plan(self, prepared: Prepared[TrainMlpConfig]) -> Mapping[str, Any]:
        from mlcli.experiments.train_mlp.run import plan

        return plan(prepared.config, prepared.source)

    def run(self, prepared: Prepared[TrainMlpConfig], context: Context) -> Result:
        from mlcli.experiments.train_mlp.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.train_mlp.display import display

        return display(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.train_mlp.figures import figures

        return figures(folder)

    def follow(self, prepared: Prepared[TrainMlpConfig], group: ProcessGroup) -> None:
        from mlcli.experiments.train_mlp.run import follow

        follow(prepared, group)


EXPERIMENT = TrainMlp()

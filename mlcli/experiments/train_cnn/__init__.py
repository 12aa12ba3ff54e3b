"""`train-cnn`: convolutional networks on images (section 8), side by side and against an MLP."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import Context, Experiment
from mlcli.experiments.train_cnn.about import ABOUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.train_cnn.config import TrainCnnConfig
    from mlcli.experiments.train_cnn.run import PreparedCnn
    from mlcli.neural.data_parallel import ProcessGroup
    from mlcli.result import Display, Result


class TrainCnn(Experiment["TrainCnnConfig", "PreparedCnn"]):
    """Convolutional networks on images (section 8), side by side and against an MLP."""

    about = ABOUT

    def prepare(self, config: TrainCnnConfig, source: Source) -> PreparedCnn:
        from mlcli.experiments.train_cnn.run import prepare

        return prepare(config, source)

    def plan(self, prepared: PreparedCnn) -> Mapping[str, Any]:
        from mlcli.experiments.train_cnn.run import plan

        return plan(prepared)

    def run(self, prepared: PreparedCnn, context: Context) -> Result:
        from mlcli.experiments.train_cnn.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.train_cnn.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.train_cnn.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.train_cnn.figures import figures

        return figures(folder)

    def follow(self, prepared: PreparedCnn, group: ProcessGroup) -> None:
        from mlcli.experiments.train_cnn.run import follow

        follow(prepared, group)


EXPERIMENT = TrainCnn()

"""`train-cnn`: convolutional networks on images (section 8), side by side and against an MLP."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import Context, Experiment, Prepared
from mlcli.experiments.train_cnn.about import ABOUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.train_cnn.config import TrainCnnConfig
    from mlcli.neural.data_parallel import ProcessGroup
    from mlcli.result import Display, Result


class TrainCnn(Experiment["TrainCnnConfig", "Prepared[TrainCnnConfig]"]):
    """Convolutional networks on images (section 8), side by side and against an MLP."""

    about = ABOUT

    def prepare(self, config: TrainCnnConfig, source: Source) -> Prepared[TrainCnnConfig]:
        from mlcli.experiments.train_cnn.run import check

        check(config, source)
        return Prepared(config, source)

    def plan(self, prepared: Prepared[TrainCnnConfig]) -> Mapping[str, Any]:
        from mlcli.experiments.train_cnn.run import plan

        return plan(prepared.config, prepared.source)

    def run(self, prepared: Prepared[TrainCnnConfig], context: Context) -> Result:
        from mlcli.experiments.train_cnn.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.train_cnn.display import display

        return display(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.train_cnn.figures import figures

        return figures(folder)

    def follow(self, prepared: Prepared[TrainCnnConfig], group: ProcessGroup) -> None:
        from mlcli.experiments.train_cnn.run import follow

        follow(prepared, group)


EXPERIMENT = TrainCnn()

"""`propagate`: vanishing and exploding gradients (sections 7.1 to 7.3 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import Context, Experiment
from mlcli.experiments.propagate.about import ABOUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.propagate.config import PropagateConfig
    from mlcli.experiments.propagate.run import PreparedPropagate
    from mlcli.experiments.wording import Printed
    from mlcli.result import Display, Result


class Propagate(Experiment["PropagateConfig", "PreparedPropagate"]):
    """`propagate`: vanishing and exploding gradients (sections 7.1 to 7.3 of the notes)."""

    about = ABOUT

    def prepare(self, config: PropagateConfig, source: Source) -> PreparedPropagate:
        from mlcli.experiments.propagate.run import prepare

        return prepare(config, source)

    def plan(self, prepared: PreparedPropagate) -> Mapping[str, Any]:
        from mlcli.experiments.propagate.run import plan

        return plan(prepared)

    def run(self, prepared: PreparedPropagate, context: Context) -> Result:
        from mlcli.experiments.propagate.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.propagate.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.propagate.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.propagate.figures import figures

        return figures(folder)

    def compare(self, metrics: Mapping[str, Any]) -> list[Printed]:
        from mlcli.experiments.propagate.paper import printed

        return list(printed(metrics))


EXPERIMENT = Propagate()

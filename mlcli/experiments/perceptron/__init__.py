"""`perceptron`: threshold units, alone and in one hidden layer (section 6.1 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import Context, Experiment
from mlcli.experiments.perceptron.about import ABOUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.perceptron.config import PerceptronConfig
    from mlcli.experiments.perceptron.run import PreparedPerceptron
    from mlcli.experiments.wording import Printed
    from mlcli.result import Display, Result


class PerceptronExperiment(Experiment["PerceptronConfig", "PreparedPerceptron"]):
    """`perceptron`: threshold units, alone and in one hidden layer (section 6.1 of the notes)."""

    about = ABOUT

    def prepare(self, config: PerceptronConfig, source: Source) -> PreparedPerceptron:
        from mlcli.experiments.perceptron.run import prepare

        return prepare(config, source)

    def plan(self, prepared: PreparedPerceptron) -> Mapping[str, Any]:
        from mlcli.experiments.perceptron.run import plan

        return plan(prepared)

    def run(self, prepared: PreparedPerceptron, context: Context) -> Result:
        from mlcli.experiments.perceptron.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.perceptron.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.perceptron.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.perceptron.figures import figures

        return figures(folder)

    def compare(self, metrics: Mapping[str, Any]) -> list[Printed]:
        from mlcli.experiments.perceptron.paper import printed

        return list(printed(metrics))


EXPERIMENT = PerceptronExperiment()

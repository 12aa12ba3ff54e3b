"""`descent`: gradient descent against the closed form and the flow (section 4 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.descent.about import ABOUT
from mlcli.experiments.experiment import Context, Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.descent.config import DescentConfig
    from mlcli.experiments.descent.run import PreparedDescent
    from mlcli.experiments.explore import Explorable
    from mlcli.result import Display, Result


class DescentExperiment(Experiment["DescentConfig", "PreparedDescent"]):
    """`descent`: gradient descent against the closed form and the flow (section 4 of the notes)."""

    about = ABOUT

    def prepare(self, config: DescentConfig, source: Source) -> PreparedDescent:
        from mlcli.experiments.descent.run import prepare

        return prepare(config, source)

    def plan(self, prepared: PreparedDescent) -> Mapping[str, Any]:
        from mlcli.experiments.descent.run import plan

        return plan(prepared)

    def run(self, prepared: PreparedDescent, context: Context) -> Result:
        from mlcli.experiments.descent.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.descent.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.descent.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.descent.figures import figures

        return figures(folder)

    def explore(self, folder: Path) -> list[Explorable]:
        from mlcli.experiments.descent.explore import explorables

        return explorables(folder)


EXPERIMENT = DescentExperiment()

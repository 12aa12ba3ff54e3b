"""`logistic`: classification by logistic regression (section 5 and appendix C of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import Context, Experiment
from mlcli.experiments.logistic.about import ABOUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.explore import Explorable
    from mlcli.experiments.logistic.config import LogisticConfig
    from mlcli.experiments.logistic.run import PreparedLogistic
    from mlcli.result import Display, Result


class LogisticExperiment(Experiment["LogisticConfig", "PreparedLogistic"]):
    """`logistic`: classification by logistic regression (section 5 and appendix C of the notes)."""

    about = ABOUT

    def prepare(self, config: LogisticConfig, source: Source) -> PreparedLogistic:
        from mlcli.experiments.logistic.run import prepare

        return prepare(config, source)

    def plan(self, prepared: PreparedLogistic) -> Mapping[str, Any]:
        from mlcli.experiments.logistic.run import plan

        return plan(prepared)

    def run(self, prepared: PreparedLogistic, context: Context) -> Result:
        from mlcli.experiments.logistic.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.logistic.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.logistic.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.logistic.figures import figures

        return figures(folder)

    def explore(self, folder: Path) -> list[Explorable]:
        from mlcli.experiments.logistic.explore import explorables

        return explorables(folder)


EXPERIMENT = LogisticExperiment()

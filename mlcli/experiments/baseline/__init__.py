"""`baseline`: what simple and standard methods make of the data, and whether any is worth it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.baseline.about import ABOUT
from mlcli.experiments.experiment import Context, Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.baseline.config import BaselineConfig
    from mlcli.experiments.baseline.run import PreparedBaseline
    from mlcli.result import Display, Result


class BaselineExperiment(Experiment["BaselineConfig", "PreparedBaseline"]):
    """What simple and standard methods make of the data, and whether any is worth it."""

    about = ABOUT

    def prepare(self, config: BaselineConfig, source: Source) -> PreparedBaseline:
        from mlcli.experiments.baseline.run import prepare

        return prepare(config, source)

    def plan(self, prepared: PreparedBaseline) -> Mapping[str, Any]:
        from mlcli.experiments.baseline.run import plan

        return plan(prepared)

    def run(self, prepared: PreparedBaseline, context: Context) -> Result:
        from mlcli.experiments.baseline.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.baseline.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.baseline.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.baseline.figures import figures

        return figures(folder)

    def display_timings(self, timings: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.baseline.display import display_timings

        return display_timings(timings)


EXPERIMENT = BaselineExperiment()

"""`backprop`: a small network written out, and its gradients checked (sections 6.3 and 6.4)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.backprop.about import ABOUT
from mlcli.experiments.experiment import Context, Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.backprop.config import BackpropConfig
    from mlcli.experiments.backprop.problem import PreparedBackprop
    from mlcli.experiments.explore import Explorable
    from mlcli.result import Display, Result


class BackpropExperiment(Experiment["BackpropConfig", "PreparedBackprop"]):
    """`backprop`: a small network written out, and its gradients checked (6.17) to (6.41)."""

    about = ABOUT

    def prepare(self, config: BackpropConfig, source: Source) -> PreparedBackprop:
        from mlcli.experiments.backprop.problem import prepare

        return prepare(config, source)

    def plan(self, prepared: PreparedBackprop) -> Mapping[str, Any]:
        from mlcli.experiments.backprop.run import plan

        return plan(prepared)

    def run(self, prepared: PreparedBackprop, context: Context) -> Result:
        from mlcli.experiments.backprop.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.backprop.display import display

        return display(metrics)

    def display_timings(self, timings: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.backprop.display import display_timings

        return display_timings(timings)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.backprop.figures import figures

        return figures(folder)

    def explore(self, folder: Path) -> list[Explorable]:
        from mlcli.experiments.backprop.explore import explorables

        return explorables(folder)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.backprop.display import next_command

        return next_command(metrics)


EXPERIMENT = BackpropExperiment()

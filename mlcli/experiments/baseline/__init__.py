"""`baseline`: what simple and standard methods make of the data, and whether any is worth it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.baseline.about import ABOUT
from mlcli.experiments.experiment import Context, Experiment, Prepared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.baseline.config import BaselineConfig
    from mlcli.result import Display, Result


class Baseline(Experiment["BaselineConfig", "Prepared[BaselineConfig]"]):
    """What simple and standard methods make of the data, and whether any is worth it."""

    about = ABOUT

    def prepare(self, config: BaselineConfig, source: Source) -> Prepared[BaselineConfig]:
        from mlcli.experiments.baseline.run import check

        check(config, source)
        return Prepared(config, source)

    def plan(self, prepared: Prepared[BaselineConfig]) -> Mapping[str, Any]:
        from mlcli.experiments.baseline.run import plan

        return plan(prepared.config, prepared.source)

    def run(self, prepared: Prepared[BaselineConfig], context: Context) -> Result:
        from mlcli.experiments.baseline.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.baseline.display import display

        return display(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.baseline.figures import figures

        return figures(folder)

    def display_timings(self, timings: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.baseline.display import display_timings

        return display_timings(timings)


EXPERIMENT = Baseline()

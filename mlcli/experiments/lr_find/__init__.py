"""`lr-find`: the range test of section 7.4 over seeds, and trainings with its result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import Context, Experiment
from mlcli.experiments.lr_find.about import ABOUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.lr_find.config import LrFindConfig
    from mlcli.experiments.lr_find.run import PreparedLrFind
    from mlcli.result import Display, Result


class LrFind(Experiment["LrFindConfig", "PreparedLrFind"]):
    """The range test of section 7.4 over seeds, and whether its answer is worth following."""

    about = ABOUT

    def prepare(self, config: LrFindConfig, source: Source) -> PreparedLrFind:
        from mlcli.experiments.lr_find.run import prepare

        return prepare(config, source)

    def plan(self, prepared: PreparedLrFind) -> Mapping[str, Any]:
        from mlcli.experiments.lr_find.run import plan

        return plan(prepared)

    def run(self, prepared: PreparedLrFind, context: Context) -> Result:
        from mlcli.experiments.lr_find.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.lr_find.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.lr_find.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.lr_find.figures import figures

        return figures(folder)


EXPERIMENT = LrFind()

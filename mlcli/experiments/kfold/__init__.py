"""`kfold`: which model to take, and how sure to be of its error (section 2 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import Context, Experiment
from mlcli.experiments.kfold.about import ABOUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.kfold.config import KfoldConfig
    from mlcli.experiments.kfold.prepare import KfoldPrepared
    from mlcli.result import Display, Result


class Kfold(Experiment["KfoldConfig", "KfoldPrepared"]):
    """`kfold`: which model to take, and how sure to be of its error (section 2 of the notes)."""

    about = ABOUT

    def prepare(self, config: KfoldConfig, source: Source) -> KfoldPrepared:
        from mlcli.experiments.kfold.prepare import prepare

        return prepare(config, source)

    def plan(self, prepared: KfoldPrepared) -> Mapping[str, Any]:
        from mlcli.experiments.kfold.prepare import plan

        return plan(prepared)

    def run(self, prepared: KfoldPrepared, context: Context) -> Result:
        from mlcli.experiments.kfold.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.kfold.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.kfold.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.kfold.figures import figures

        return figures(folder)


EXPERIMENT = Kfold()

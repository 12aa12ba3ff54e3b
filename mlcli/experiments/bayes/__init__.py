"""`bayes`: linear regression with a distribution over its weights (appendix B of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.bayes.about import ABOUT
from mlcli.experiments.experiment import Context, Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.bayes.config import BayesConfig
    from mlcli.experiments.bayes.prepare import BayesPrepared
    from mlcli.experiments.explore import Explorable
    from mlcli.result import Display, Result


class Bayes(Experiment["BayesConfig", "BayesPrepared"]):
    """`bayes`: linear regression with a distribution over its weights (appendix B of the notes)."""

    about = ABOUT

    def prepare(self, config: BayesConfig, source: Source) -> BayesPrepared:
        from mlcli.experiments.bayes.prepare import prepare

        return prepare(config, source)

    def plan(self, prepared: BayesPrepared) -> Mapping[str, Any]:
        from mlcli.experiments.bayes.prepare import plan

        return plan(prepared)

    def run(self, prepared: BayesPrepared, context: Context) -> Result:
        from mlcli.experiments.bayes.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.bayes.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.bayes.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.bayes.figures import figures

        return figures(folder)

    def explore(self, folder: Path) -> list[Explorable]:
        from mlcli.experiments.bayes.explore import explorables

        return explorables(folder)

    def check_answer(self, prepared: BayesPrepared) -> None:
        from mlcli.experiments.bayes.run import check_answer

        check_answer(prepared)


EXPERIMENT = Bayes()

"""`bayes`: linear regression with a distribution over its weights (appendix B of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.bayes.about import ABOUT
from mlcli.experiments.experiment import Context, Experiment, Prepared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.bayes.config import BayesConfig
    from mlcli.result import Display, Result


class Bayes(Experiment["BayesConfig", "Prepared[BayesConfig]"]):
    """`bayes`: linear regression with a distribution over its weights (appendix B of the notes)."""

    about = ABOUT

    def prepare(self, config: BayesConfig, source: Source) -> Prepared[BayesConfig]:
        from mlcli.experiments.bayes.checks import check

        check(config, source)
        return Prepared(config, source)

    def plan(self, prepared: Prepared[BayesConfig]) -> Mapping[str, Any]:
        from mlcli.experiments.bayes.checks import plan

        return plan(prepared.config, prepared.source)

    def run(self, prepared: Prepared[BayesConfig], context: Context) -> Result:
        from mlcli.experiments.bayes.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.bayes.display import display

        return display(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.bayes.figures import figures

        return figures(folder)

    def check_answer(self, prepared: Prepared[BayesConfig]) -> None:
        from mlcli.experiments.bayes.run import check_answer

        check_answer(prepared.config, prepared.source)


EXPERIMENT = Bayes()

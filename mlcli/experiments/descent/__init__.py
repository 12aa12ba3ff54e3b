"""`descent`: gradient descent against the closed form and the flow (section 4 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.descent.about import ABOUT
from mlcli.experiments.experiment import Context, Experiment, Prepared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.descent.config import DescentConfig
    from mlcli.result import Display, Result


class Descent(Experiment["DescentConfig", "Prepared[DescentConfig]"]):
    """`descent`: gradient descent against the closed form and the flow (section 4 of the notes)."""

    about = ABOUT

    def prepare(self, config: DescentConfig, source: Source) -> Prepared[DescentConfig]:
        from mlcli.experiments.descent.run import check

        check(config, source)
        return Prepared(config, source)

    def plan(self, prepared: Prepared[DescentConfig]) -> Mapping[str, Any]:
        from mlcli.experiments.descent.run import plan

        return plan(prepared.config, prepared.source)

    def run(self, prepared: Prepared[DescentConfig], context: Context) -> Result:
        from mlcli.experiments.descent.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.descent.display import display

        return display(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.descent.figures import figures

        return figures(folder)


EXPERIMENT = Descent()

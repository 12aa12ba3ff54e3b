"""`fit-poly`: linear basis-function models in closed form (sections 3 and 4 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import Context, Experiment
from mlcli.experiments.fit_poly.about import ABOUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.explore import Explorable
    from mlcli.experiments.fit_poly.config import FitPolyConfig
    from mlcli.experiments.fit_poly.prepare import FitPolyPrepared
    from mlcli.experiments.wording import Printed
    from mlcli.result import Display, Result


class FitPoly(Experiment["FitPolyConfig", "FitPolyPrepared"]):
    """`fit-poly`: linear basis-function models in closed form (sections 3 and 4 of the notes)."""

    about = ABOUT

    def prepare(self, config: FitPolyConfig, source: Source) -> FitPolyPrepared:
        from mlcli.experiments.fit_poly.prepare import prepare

        return prepare(config, source)

    def plan(self, prepared: FitPolyPrepared) -> Mapping[str, Any]:
        from mlcli.experiments.fit_poly.prepare import plan

        return plan(prepared)

    def run(self, prepared: FitPolyPrepared, context: Context) -> Result:
        from mlcli.experiments.fit_poly.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.fit_poly.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.fit_poly.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.fit_poly.figures import figures

        return figures(folder)

    def explore(self, folder: Path) -> list[Explorable]:
        from mlcli.experiments.fit_poly.explore import explorables

        return explorables(folder)

    def compare(self, metrics: Mapping[str, Any]) -> list[Printed]:
        from mlcli.experiments.fit_poly.paper import printed

        return list(printed(metrics))


EXPERIMENT = FitPoly()

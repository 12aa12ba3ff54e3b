"""`fit-poly`: linear basis-function models in closed form (sections 3 and 4 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import Context, Experiment, Prepared
from mlcli.experiments.fit_poly.about import ABOUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.fit_poly.config import FitPolyConfig
    from mlcli.result import Display, Result


class FitPoly(Experiment["FitPolyConfig", "Prepared[FitPolyConfig]"]):
    """`fit-poly`: linear basis-function models in closed form (sections 3 and 4 of the notes)."""

    about = ABOUT

    def prepare(self, config: FitPolyConfig, source: Source) -> Prepared[FitPolyConfig]:
        from mlcli.experiments.fit_poly.checks import check

        check(config, source)
        return Prepared(config, source)

    def plan(self, prepared: Prepared[FitPolyConfig]) -> Mapping[str, Any]:
        from mlcli.experiments.fit_poly.checks import plan

        return plan(prepared.config, prepared.source)

    def run(self, prepared: Prepared[FitPolyConfig], context: Context) -> Result:
        from mlcli.experiments.fit_poly.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.fit_poly.display import display

        return display(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.fit_poly.figures import figures

        return figures(folder)


EXPERIMENT = FitPoly()

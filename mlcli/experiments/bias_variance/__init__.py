"""`bias-variance`: the decomposition of appendix A, computed (section 3.2 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.bias_variance.about import ABOUT
from mlcli.experiments.experiment import Context, Experiment, Prepared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.bias_variance.config import BiasVarianceConfig
    from mlcli.result import Display, Result


class BiasVariance(Experiment["BiasVarianceConfig", "Prepared[BiasVarianceConfig]"]):
    """`bias-variance`: the decomposition of appendix A, computed (section 3.2 of the notes)."""

    about = ABOUT

    def prepare(self, config: BiasVarianceConfig, source: Source) -> Prepared[BiasVarianceConfig]:
        from mlcli.experiments.bias_variance.prepare import prepare

        return prepare(config, source)

    def plan(self, prepared: Prepared[BiasVarianceConfig]) -> Mapping[str, Any]:
        from mlcli.experiments.bias_variance.prepare import plan

        return plan(prepared)

    def run(self, prepared: Prepared[BiasVarianceConfig], context: Context) -> Result:
        from mlcli.experiments.bias_variance.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.bias_variance.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.bias_variance.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.bias_variance.figures import figures

        return figures(folder)


EXPERIMENT = BiasVariance()

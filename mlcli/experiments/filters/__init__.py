"""`filters`: filters, pooling and 1 x 1 convolutions (sections 8.1 to 8.3 and 8.5 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.experiments.experiment import Context, Experiment
from mlcli.experiments.filters.about import ABOUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.datasets.source import Source
    from mlcli.experiments.explore import Explorable
    from mlcli.experiments.filters.config import FiltersConfig
    from mlcli.experiments.filters.run import PreparedFilters
    from mlcli.experiments.wording import Printed
    from mlcli.result import Display, Result


class Filters(Experiment["FiltersConfig", "PreparedFilters"]):
    """Filters, pooling and 1 x 1 convolutions (sections 8.1 to 8.3 and 8.5 of the notes)."""

    about = ABOUT

    def prepare(self, config: FiltersConfig, source: Source) -> PreparedFilters:
        from mlcli.experiments.filters.run import prepare

        return prepare(config, source)

    def plan(self, prepared: PreparedFilters) -> Mapping[str, Any]:
        from mlcli.experiments.filters.run import plan

        return plan(prepared)

    def run(self, prepared: PreparedFilters, context: Context) -> Result:
        from mlcli.experiments.filters.run import run

        return run(prepared, context)

    def display(self, metrics: Mapping[str, Any]) -> list[Display]:
        from mlcli.experiments.filters.display import display

        return display(metrics)

    def next_command(self, metrics: Mapping[str, Any]) -> str:
        from mlcli.experiments.filters.display import next_command

        return next_command(metrics)

    def draw(self, folder: Path) -> dict[str, Figure]:
        from mlcli.experiments.filters.figures import figures

        return figures(folder)

    def explore(self, folder: Path) -> list[Explorable]:
        from mlcli.experiments.filters.explore import explorables

        return explorables(folder)

    def compare(self, metrics: Mapping[str, Any]) -> list[Printed]:
        from mlcli.experiments.filters.paper import printed

        return list(printed(metrics))


EXPERIMENT = Filters()

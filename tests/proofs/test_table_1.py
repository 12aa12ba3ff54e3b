"""Table 1 of the notes against 400 independent draws: where its eight numbers lie."""

from __future__ import annotations

from mlcli.datasets.source import open_source
from mlcli.experiments.experiment import Context
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.fit_poly.prepare import FitPolyPrepared
from mlcli.experiments.fit_poly.run import run
from mlcli.scale.workers import Processes


def test_every_number_lies_in_the_central_95_percent_of_400_draws() -> None:
    config = FitPolyConfig(n_seeds=400, path_penalty="none")
    found = run(FitPolyPrepared(config, open_source("noisy-cubic")), Context(Processes(1)))
    losses = {
        (degree, loss): values
        for degree, both in found.metrics["table_1"].items()
        for loss, values in both.items()
    }
    assert len(losses) == 8
    for where, values in losses.items():
        assert values["q025"] < values["paper"] < values["q975"], where

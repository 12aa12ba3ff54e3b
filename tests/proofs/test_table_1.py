"""Table 1 of the notes against 400 independent draws: where its eight numbers lie."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.datasets.source import open_source
from mlcli.experiments.experiment import Context
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.fit_poly.prepare import FitPolyPrepared
from mlcli.experiments.fit_poly.run import run
from mlcli.scale.workers import Processes

# Ten draws lie beyond each end of the central 95 %.
N_DRAWS = 400
PRINTED = {1: (4.11, 4.88), 3: (3.63, 4.15), 5: (3.61, 4.12), 300: (3.24, 5120.0)}


def test_every_number_lies_in_the_central_95_percent_of_400_draws() -> None:
    config = FitPolyConfig(n_seeds=N_DRAWS, path_penalty="none")
    found = run(FitPolyPrepared(config, open_source("noisy-cubic")), Context(Processes(1)))
    scores = found.tables["scores"]
    # The notes solved the normal equations.
    own, degrees = np.array(scores["estimator"]) == "lapack", np.array(scores["degree"])
    for degree, printed in PRINTED.items():
        for name, number in zip(("train_mse", "test_mse"), printed, strict=True):
            one = found.metrics["table_1"][f"degree_{degree}"][name]
            draws = np.sort(np.array(scores[name])[own & (degrees == degree)])
            assert len(draws) == one["n"] == N_DRAWS
            # Between the tenth and the eleventh draw from each end.
            assert draws[9] <= one["q025"] <= draws[10]
            assert draws[-11] <= one["q975"] <= draws[-10]
            assert one["paper"] == number
            assert one["q025"] < number < one["q975"], (degree, name)
            assert one["inside"] is True


@pytest.mark.parametrize("factor", [0.75, 1.25])
def test_losses_of_another_noise_lie_outside(factor: float) -> None:
    """What the comparison can tell: a noise that is a quarter off misses the training losses."""
    config = FitPolyConfig(n_seeds=N_DRAWS, path_penalty="none", degrees=(3, 5))
    found = run(FitPolyPrepared(config, open_source("noisy-cubic")), Context(Processes(1)))
    for degree in (3, 5):
        one = found.metrics["table_1"][f"degree_{degree}"]["train_mse"]
        assert not one["q025"] < one["paper"] * factor**2 < one["q975"]

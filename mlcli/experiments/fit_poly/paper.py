"""Table 1 of the notes, and where its numbers lie among ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mlcli.datasets.source import Source
from mlcli.datasets.synthetic import SYNTHETIC, generator_of
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.summary import band
from mlcli.experiments.wording import Printed, between, number
from mlcli.linear.statistics import NON_NEGATIVE, mean_interval
from mlcli.result import Columns

# Degree -> (train loss, test loss) as printed. The losses are plain means of squares: with the 1/2
# of (3.5) they would need noise of standard deviation 2.7.
TABLE_1: dict[int, tuple[float, float]] = {
    1: (4.11, 4.88),
    3: (3.63, 4.15),
    5: (3.61, 4.12),
    300: (3.24, 5.12e3),
}
_BESIDE = ("paper", "median", "q025", "q975", "mean_ci_low", "mean_ci_high", "inside", "n")


def compare(scores: Mapping[int, np.ndarray]) -> dict[str, Any]:
    """Paper beside ours for each degree that is in the table.

    Args:
        scores: degree -> array (n_seeds, 2) of train and test mse of the estimator the notes used.

    Returns:
        ``degree_d -> train_mse, test_mse -> paper, median, q025, q975, mean_ci_low,
        mean_ci_high, inside`` where inside tells whether the printed number lies in the central
        95 % of the draws.
    """
    return {
        f"degree_{degree}": {
            name: _beside(paper, scores[degree][:, column])
            for column, (name, paper) in enumerate(
                zip(("train_mse", "test_mse"), TABLE_1[degree], strict=True)
            )
        }
        for degree in sorted(set(scores) & set(TABLE_1))
    }


def printed(metrics: Mapping[str, Any]) -> Iterator[Printed]:
    """Table 1, of a run that has it."""
    table = metrics.get("table_1", {})
    for name in sorted(table, key=lambda key: int(key.removeprefix("degree_"))):
        for loss, word in (("train_mse", "training"), ("test_mse", "test")):
            found = table[name][loss]
            yield Printed(
                "Table 1",
                f"{word} loss, degree {name.removeprefix('degree_')}",
                number(found["paper"]),
                number(found["median"]),
                f"{between(found['q025'], found['q975'], found['q025'])} of draws",
                "inside" if found["inside"] else "outside",
            )


def _beside(paper: float, values: np.ndarray) -> dict[str, Any]:
    low, median, high = (float(edge) for edge in band(values))
    _, _, ci_low, ci_high, n = mean_interval(values, within=NON_NEGATIVE)
    return {
        "paper": paper,
        "median": median,
        "q025": low,
        "q975": high,
        "mean_ci_low": ci_low,
        "mean_ci_high": ci_high,
        "inside": bool(low <= paper <= high),
        "n": n,
    }


def columns(compared: Mapping[str, Any]) -> Columns:
    """What `compare` found, one row per degree and loss."""
    found: dict[str, list[Any]] = {key: [] for key in ("degree", "loss", *_BESIDE)}
    for name, losses in compared.items():
        for loss, values in losses.items():
            found["degree"].append(int(name.removeprefix("degree_")))
            found["loss"].append(loss)
            for key in _BESIDE:
                found[key].append(values[key])
    return found


def is_of_the_notes(config: FitPolyConfig, source: Source) -> bool:
    """Whether Table 1 is about such data: the notes' cubic, noise, rows, basis and test part."""
    own = generator_of(SYNTHETIC["noisy-cubic"])
    return (
        source.generator == own
        and config.test_fraction == FitPolyConfig.model_fields["test_fraction"].default
        and config.basis == "polynomial"
        and config.intercept
    )

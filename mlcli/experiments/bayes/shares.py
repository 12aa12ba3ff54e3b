"""Shares that `bayes` counts over data sets: degrees that were chosen, intervals that covered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.bayes import tables
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.experiments.bayes.studies import METHODS
from mlcli.result import Metrics

Array = NDArray[np.float64]


def shares(chosen: Sequence[int | None]) -> dict[str, float]:
    """The share of the data sets that chose each degree, None aside."""
    counts = Counter(degree for degree in chosen if degree is not None)
    return {f"degree_{degree}": counts[degree] / len(chosen) for degree in sorted(counts)}


def calibrated(config: BayesConfig, study: Sequence[Array]) -> Metrics:
    """How often intervals covered, by method and level; empty where nothing was drawn."""
    rows = tables.calibration_rows(study)
    if not rows:
        return {}
    found: dict[str, Any] = {method.replace(" ", "_"): {} for method in METHODS}
    for row in rows:
        kept = {key: value for key, value in row.items() if key not in ("method", "level")}
        found[row["method"].replace(" ", "_")][f"level_{100 * row['level']:g}"] = kept
    return found | {"n": len(study), "rows": config.calibration_rows}

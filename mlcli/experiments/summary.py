"""Many values of one quantity as a mean with its interval, or as a band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlcli.linear.statistics import mean_interval

Array = NDArray[np.float64]
INTERVAL = ("mean", "std", "ci_low", "ci_high", "n")
# The central 95 % of independent draws.
CENTRAL = (0.025, 0.975)


def summary(values: Sequence[float] | Array) -> dict[str, float | int | None]:
    """``mean, std, ci_low, ci_high, n`` of independent values (Student t, 95 %)."""
    finite = np.asarray(values, dtype=float)
    if not np.isfinite(finite).all():
        return dict.fromkeys(INTERVAL[:-1], None) | {"n": int(finite.size)}
    return dict(zip(INTERVAL, mean_interval(finite), strict=True))


def interval_columns(name: str, stacked: Array) -> dict[str, list[object]]:
    """Means over the first axis, (n_seeds, k), with the ends of their intervals: three columns."""
    rows = [summary(values) for values in stacked.T]
    return {
        name: [row["mean"] for row in rows],
        f"{name}_ci_low": [row["ci_low"] for row in rows],
        f"{name}_ci_high": [row["ci_high"] for row in rows],
    }


def band(stacked: Array) -> tuple[Array, Array, Array]:
    """Median and central 95 % over the first axis, (n_seeds, ...) -> three of (...)."""
    low, median, high = np.quantile(stacked, [CENTRAL[0], 0.5, CENTRAL[1]], axis=0)
    return low, median, high

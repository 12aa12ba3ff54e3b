"""Paths of `descent` on a grid of learning rates and momenta, which the report lets one move."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.optimisation.descent import (
    QuadraticLoss,
    descend,
    momentum_critical_rate,
    momentum_factors,
)
from mlcli.result import Columns

Array = NDArray[np.float64]
MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95)
# Learning rates in units of the critical one of their momentum, 2 (1 + mu) / lambda_max.
RATES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
# Steps of a path in the table.
N_SHOWN = 60
# A factor is measured until the distance has shrunk by exp(-20), and over so many steps at most.
SHRUNK, MOST_STEPS = 20.0, 1000
# Below this share of the first excess loss there is only rounding.
ROUNDING = 1e-26


def grid_tables(loss: QuadraticLoss) -> dict[str, Columns]:
    """The paths in the plane of `paths_table`, and the factor of each, measured and in theory.

    A factor is that of the excess loss per step in the long run, in theory the square of the
    spectral radius of a step. The measured one is empty where the minimum is reached at once, to
    rounding.
    """
    paths: dict[str, list[Any]] = {
        key: [] for key in ("rate", "momentum", "step", "stiff", "soft", "excess")
    }
    factors: dict[str, list[Any]] = {
        key: []
        for key in (
            *("rate", "momentum", "learning_rate", "critical_rate", "first_step", "last_step"),
            *("measured", "theory", "stiff_theory", "soft_theory", "lambda_max", "lambda_min"),
        )
    }
    start, ends = np.zeros(loss.w_star.size), (float(loss.values[-1]), float(loss.values[0]))
    for momentum in MOMENTA:
        critical = momentum_critical_rate(ends[0], momentum)
        for rate in RATES:
            theory = momentum_factors(loss.values, rate * critical, momentum) ** 2
            n_steps = _steps(float(theory.max()))
            path = descend(
                loss.gradient, start, rate * critical, max(n_steps, N_SHOWN), momentum=momentum
            )
            shown, excess = path.W[: N_SHOWN + 1], loss.excess(path.W)
            along = (shown - loss.w_star) @ loss.vectors  # (n, p)
            n = len(shown)
            every = ([rate] * n, [momentum] * n, range(n), along[:, -1], along[:, 0], excess[:n])
            for values, more in zip(paths.values(), every, strict=True):
                values.extend(np.asarray(more).tolist())
            first, last = _measured_steps(excess[: n_steps + 1])
            measured = _factor(excess, first, last)
            of_theory = [float(theory[i]) for i in (theory.argmax(), -1, 0)]
            row = (rate, momentum, rate * critical, critical, first, last, measured, *of_theory)
            for values, value in zip(factors.values(), (*row, *ends), strict=True):
                values.append(value)
    return {"grid_factors": factors, "grid_paths": paths}


def _steps(factor: float) -> int:
    """Long enough that the slowest direction dominates, short enough to stay above rounding."""
    slope = 0.5 * abs(float(np.log(factor))) if factor > 0 else np.inf
    return int(np.clip(SHRUNK / max(slope, 1e-12), 4, MOST_STEPS))


def _measured_steps(excess: Array) -> tuple[int, int]:
    """The second half of the steps before the excess loss is rounding or infinite."""
    above = (excess > ROUNDING * excess[0]) & np.isfinite(excess)
    last = int(np.flatnonzero(above).max(initial=0))
    return last // 2, last


def _factor(excess: Array, first: int, last: int) -> float | None:
    """The factor per step between two steps, by least squares on the logarithm; None of one."""
    kept = excess[first : last + 1]
    if kept.size < 2 or not (kept > 0).all():
        return None
    x = np.arange(kept.size) - (kept.size - 1) / 2
    return float(np.exp(x @ np.log(kept) / (x @ x)))

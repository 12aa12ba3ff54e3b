"""The tables of `descent`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.descent.config import DescentConfig
from mlcli.experiments.descent.studies import DescentOutcome
from mlcli.experiments.summary import band, summary
from mlcli.optimisation.descent import QuadraticLoss, best_momentum, best_plain, descend, exact_flow
from mlcli.result import Columns

Array = NDArray[np.float64]
MAX_STEPS = 500
N_FLOW = 200


def paths_table(config: DescentConfig, loss: QuadraticLoss) -> Columns:
    """Paths in the plane of the stiffest and the softest direction, in units of the start.

    The excess loss of a point (a, b) there is (lambda_max a^2 + lambda_min b^2) / 2; the flow is
    the path of rate 0.
    """
    columns: dict[str, list[Any]] = {
        key: [] for key in ("rate", "step", "stiff", "soft", "excess", "lambda_max", "lambda_min")
    }
    start = np.zeros(loss.w_star.size)
    lowest = float(loss.values[0])
    flow = exact_flow(loss, start, np.linspace(0, 4 / lowest, N_FLOW))
    every = [(0.0, flow)]
    for rate in config.path_rates:
        path = descend(loss.gradient, start, rate * loss.critical_rate, config.n_path)
        every.append((rate, path.W))
    for rate, W in every:
        along = (W - loss.w_star) @ loss.vectors  # (n, p)
        columns["rate"] += [rate] * len(W)
        columns["step"] += list(range(len(W)))
        columns["stiff"] += along[:, -1].tolist()
        columns["soft"] += along[:, 0].tolist()
        columns["excess"] += loss.excess(W).tolist()
        columns["lambda_max"] += [float(loss.values[-1])] * len(W)
        columns["lambda_min"] += [lowest] * len(W)
    return columns


def loss_table(found: Sequence[DescentOutcome]) -> Columns:
    """Excess loss against step, median and central 95 % over the data sets."""
    stacked = np.stack([one.excess for one in found])  # (n_seeds, n_steps + 1)
    shown = np.unique(np.linspace(0, stacked.shape[1] - 1, MAX_STEPS).round().astype(int))
    low, median, high = band(stacked[:, shown])
    return {"step": shown, "excess": stacked[0, shown], "median": median, "low": low, "high": high}


def noise_table(config: DescentConfig, found: Sequence[DescentOutcome]) -> Columns:
    """Noise floors against learning rate and batch size, measured and in theory."""
    names = ("batch_size", "rate", "measured", "ci_low", "ci_high", "theory", "n_diverged")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for b, batch in enumerate(config.batch_sizes):
        for r, rate in enumerate(config.noise_rates):
            measured = np.array([one.noise[b, r] for one in found])
            theory = np.array([one.theory[b, r] for one in found])
            settled = np.isfinite(measured) & np.isfinite(theory)
            one = summary(measured[settled], "measured") if settled.any() else {}
            mean = float(theory[settled].mean()) if settled.any() else None
            row = (
                batch,
                rate,
                one.get("mean"),
                one.get("ci_low"),
                one.get("ci_high"),
                mean,
                int((~settled).sum()),
            )
            for name, value in zip(names, row, strict=True):
                columns[name].append(value)
    return columns


def flow_table(config: DescentConfig, found: Sequence[DescentOutcome]) -> Columns:
    """Distance between descent and the flow against the number of steps."""
    names = ("loss", "n_steps", "distance", "ci_low", "ci_high")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for row, loss in enumerate(("quadratic", "log cosh")):
        for k, n in enumerate(sorted(set(config.flow_steps))):
            one = summary([float(each.flow_errors[row, k]) for each in found], "distance")
            values = (loss, n, one["mean"], one["ci_low"], one["ci_high"])
            for name, value in zip(names, values, strict=True):
                columns[name].append(value)
    return columns


def rates_table(config: DescentConfig, found: Sequence[DescentOutcome]) -> Columns:
    """The factor per step against the condition number, measured and in theory."""
    names = ("method", "condition_number", "measured", "ci_low", "ci_high", "theory")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for row, (method, tune) in enumerate((("plain", best_plain), ("momentum", best_momentum))):
        for k, kappa in enumerate(config.condition_numbers):
            one = summary([float(each.rates[row, k]) for each in found], "measured")
            values = (
                method,
                kappa,
                one["mean"],
                one["ci_low"],
                one["ci_high"],
                tune(1.0, kappa).rate,
            )
            for name, value in zip(names, values, strict=True):
                columns[name].append(value)
    return columns

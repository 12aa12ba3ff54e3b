"""The tables of `descent`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.descent.config import DescentConfig
from mlcli.experiments.descent.studies import (
    ESCAPE_STEPS,
    N_ESCAPES,
    DescentOutcome,
    escape_rates,
    escape_starts,
    two_minima,
)
from mlcli.experiments.summary import band, summary
from mlcli.linear.statistics import NON_NEGATIVE, SHARE_OF_ROWS
from mlcli.optimisation.descent import (
    QuadraticLoss,
    best_momentum,
    best_plain,
    descend,
    exact_flow,
    minibatch_path,
    stationary_moment,
)
from mlcli.optimisation.escape import chance_beyond, minibatch_walk
from mlcli.result import Columns
from mlcli.rng import stream

Array = NDArray[np.float64]
MAX_STEPS = 500
N_FLOW = 200
N_LOSS = 401
# Batch sizes whose paths are shown, and the name of descent on every row.
MAX_PATHS = 6
EVERY_ROW = "all"


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


def stochastic_table(config: DescentConfig, loss: QuadraticLoss, Phi: Array, t: Array) -> Columns:
    """Paths of minibatch descent in the plane of `paths_table`, at the largest noise rate.

    Beside each point are the stationary second moments of its batch size in that plane; empty where
    it diverges. The path of batch size "all" is descent on every row.
    """
    names = ("batch_size", "step", "stiff", "soft", "excess")
    moments = ("stiff_stiff", "stiff_soft", "soft_soft")
    columns: dict[str, list[Any]] = {
        key: [] for key in (*names, *moments, "lambda_max", "lambda_min")
    }
    eta = max(config.noise_rates) * loss.critical_rate
    start, n_steps = np.zeros(loss.w_star.size), min(config.n_steps, MAX_STEPS)
    plane = loss.vectors[:, [-1, 0]]  # (p, 2)
    every: list[tuple[str | int, Array, Array | None]] = [
        (EVERY_ROW, descend(loss.gradient, start, eta, n_steps).W, np.zeros_like(loss.H))
    ]
    for batch in config.batch_sizes[:MAX_PATHS]:
        rng = stream(config.seed, "path", batch)
        path = minibatch_path(Phi, t, start, eta, batch, n_steps, rng)
        every.append((batch, path.W, stationary_moment(Phi, t, loss, eta, batch)))
    for label, W, moment in every:
        along = (W - loss.w_star) @ plane
        columns["batch_size"] += [label] * len(W)
        columns["step"] += list(range(len(W)))
        columns["stiff"] += along[:, 0].tolist()
        columns["soft"] += along[:, 1].tolist()
        columns["excess"] += loss.excess(W).tolist()
        in_plane = None if moment is None else plane.T @ moment @ plane
        for name, (i, j) in zip(moments, ((0, 0), (0, 1), (1, 1)), strict=True):
            value = None if in_plane is None else float(in_plane[i, j])
            columns[name] += [value] * len(W)
        columns["lambda_max"] += [float(loss.values[-1])] * len(W)
        columns["lambda_min"] += [float(loss.values[0])] * len(W)
    return columns


def spread_table(config: DescentConfig, found: Sequence[DescentOutcome]) -> Columns:
    """Distance from the minimum where minibatch descent settles, as root mean squares."""
    names = ("batch_size", "rate", "direction", "measured", "std", "ci_low", "ci_high", "theory")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for b, batch in enumerate(config.batch_sizes):
        for r, rate in enumerate(config.noise_rates):
            for k, direction in enumerate(("stiffest", "softest")):
                measured = np.array([one.spread[b, r, k] for one in found])
                theory = np.array([one.spread_theory[b, r, k] for one in found])
                settled = np.isfinite(measured) & np.isfinite(theory)
                one = summary(measured[settled], NON_NEGATIVE) if settled.any() else {}
                ends = (one.get(key) for key in ("mean", "std", "ci_low", "ci_high"))
                mean = float(theory[settled].mean()) if settled.any() else None
                for name, value in zip(names, (batch, rate, direction, *ends, mean), strict=True):
                    columns[name].append(value)
    return columns


def escape_table(config: DescentConfig, found: Sequence[DescentOutcome]) -> Columns:
    """Share of runs that left the local minimum, measured and by the chain of `chance_beyond`."""
    names = ("batch_size", "rate", "n_runs", "share", "share_ci_low", "share_ci_high", "theory")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    loss, starts, etas = two_minima(), escape_starts(), escape_rates(config)
    barrier = float(loss.stationary[1])
    rows: list[tuple[Any, ...]] = []
    for rate, eta in zip(config.noise_rates, etas, strict=True):
        ends = descend(loss.gradient, starts, float(eta), ESCAPE_STEPS).W[-1]
        rows.append((EVERY_ROW, rate, N_ESCAPES, float((ends > barrier).mean()), None, None, None))
    for b, batch in enumerate(config.batch_sizes):
        theory = chance_beyond(loss, starts, etas, batch, ESCAPE_STEPS, barrier)
        for r, rate in enumerate(config.noise_rates):
            one = summary([one.escaped[b, r] for one in found], SHARE_OF_ROWS, N_ESCAPES)
            ends_ = (one["ci_low"], one["ci_high"])
            n_runs = N_ESCAPES * len(found)
            rows.append((batch, rate, n_runs, one["mean"], *ends_, float(theory[r])))
    for row in rows:
        for name, value in zip(names, row, strict=True):
            columns[name].append(value)
    return columns


def escape_loss_table() -> Columns:
    """The loss with two minima and its slope, along w."""
    loss = two_minima()
    w = np.linspace(loss.x.min() - 0.5, loss.x.max() + 0.5, N_LOSS)
    return {"w": w, "loss": loss.loss(w), "slope": loss.gradient(w)}


def escape_paths_table(config: DescentConfig) -> Columns:
    """Paths from the local minimum at the largest noise rate, one for each batch size."""
    loss, eta = two_minima(), escape_rates(config).max(keepdims=True)
    start = loss.stationary[:1]
    every: list[tuple[str | int, Array]] = [
        (EVERY_ROW, descend(loss.gradient, start, float(eta[0]), ESCAPE_STEPS).W[:, 0])
    ]
    for batch in config.batch_sizes[:MAX_PATHS]:
        rng = stream(config.seed, "escape path", batch)
        walk = minibatch_walk(loss, start, eta, batch, ESCAPE_STEPS, rng)
        every.append((batch, np.array([start[0], *(W[0, 0] for W in walk)])))
    columns: dict[str, list[Any]] = {"batch_size": [], "step": [], "w": []}
    for label, w in every:
        columns["batch_size"] += [label] * w.size
        columns["step"] += list(range(w.size))
        columns["w"] += w.tolist()
    return columns


def overfit_table(found: Sequence[DescentOutcome]) -> Columns:
    """Errors of descent that overfits and then goes on with decay: medians and central 95 %."""
    names = [f"{rows}{end}" for rows in ("train", "test") for end in ("", "_low", "_high")]
    columns: dict[str, list[Any]] = {name: [] for name in ("part", "step", *names)}
    every = [one.overfit for one in found if one.overfit is not None]
    if not every:
        return columns
    steps = every[0].steps
    for p, part in enumerate(("overfit", "regularised")):
        columns["part"] += [part] * steps.size
        columns["step"] += steps.astype(int).tolist()
        for r, rows in enumerate(("train", "test")):
            low, median, high = band(np.stack([one.errors[p, :, r] for one in every]))
            for end, values in (("", median), ("_low", low), ("_high", high)):
                columns[f"{rows}{end}"] += values.tolist()
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

"""How often a gate would fail on the same code with fresh seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlcli.config.gates import WITHIN
from mlcli.linear.arrays import Floats
from mlcli.linear.statistics import Range, mean_interval
from mlcli.review.gates import Verdict
from mlcli.review.runs import Run, per_seed
from mlcli.review.scores import Seed, range_for
from mlcli.rng import stream
from mlcli.run.details import flat, is_number, quantities

DRAWS = 4000
# How often a gate at the bound that is proposed would fail.
RATE = 0.01
LEAVES = ("mean", "std", "ci_low", "ci_high")
Rng = np.random.Generator


@dataclass(frozen=True)
class Flakiness:
    """A gate and fresh seeds.

    Attributes:
        verdict: of the gate now.
        n: fresh seeds of the run; None where seeds.csv does not tell.
        bootstrap: the chance to fail if the seeds of the run are all there are.
        t: the same if seeds are normal; mean and spread are then as uncertain as they are known.
        bound: at which the gate would fail with probability `RATE`, by t; a pair for two ends, and
            the difference of the two metrics where the bound is one.
        reason: why the chance is not known.
    """

    verdict: Verdict
    n: int | None = None
    bootstrap: float | None = None
    t: float | None = None
    bound: float | tuple[float, float] | None = None
    reason: str = ""


@dataclass(frozen=True)
class _Measured:
    """The end of a path such as ``test_accuracy.ci_low``.

    Attributes:
        run: whose it is.
        leaf: one of `LEAVES`.
        values: of each seed.
        within: the range of the quantity.
        rows: behind each value, where the interval says so.
        offset: of the reported number from the one that is made of the values.
    """

    run: Run
    leaf: str
    values: Mapping[Seed, float]
    within: Range
    rows: float | None
    offset: float

    def of(self, samples: Floats) -> Floats:
        """The number for each row of samples (n_draws, n)."""
        return _statistic(samples, self.leaf, self.within, self.rows) + self.offset


def flakiness(
    verdicts: Sequence[Verdict], runs: Mapping[str, Run], n_seeds: int | None = None
) -> list[Flakiness]:
    """How often each gate would fail with fresh seeds.

    Args:
        verdicts: of the gates.
        runs: section -> run; section "" for paths that name none.
        n_seeds: of a fresh run; None: as many as the run has.
    """
    return [_one(verdict, runs, n_seeds) for verdict in verdicts]


def _one(verdict: Verdict, runs: Mapping[str, Run], n_seeds: int | None) -> Flakiness:
    gate = verdict.gate
    value = _measured(gate.metric, runs)
    if value is None:
        return Flakiness(verdict, reason="no values per seed")
    bound = _measured(gate.bound, runs) if isinstance(gate.bound, str) else None
    if isinstance(gate.bound, str) and bound is None and not is_number(verdict.bound):
        return Flakiness(verdict, reason="the bound is not a number")
    if len(value.values) < 2:
        return Flakiness(verdict, reason="one seed has no spread")
    n = n_seeds or len(value.values)
    chances = []
    for draw in (_bootstrap, _normal):
        rng = stream(0, "flaky", gate.text)
        found, other = _fresh(draw, value, bound, n, rng)
        threshold: Any = verdict.bound if other is None else other
        chances.append(float(1 - _holds(gate.operator, found, threshold).mean()))
    return Flakiness(verdict, n, chances[0], chances[1], _proposed(gate.operator, found, other))


def _fresh(
    draw: Any, value: _Measured, bound: _Measured | None, n: int, rng: Rng
) -> tuple[Floats, Floats | None]:
    """The metric, and the one that bounds it, of `DRAWS` fresh runs."""
    if bound is None:
        samples = draw(_matrix(value), n, rng)
        return value.of(np.clip(samples[:, 0], value.within.least, value.within.most)), None
    if bound.run is value.run and bound.values.keys() == value.values.keys():
        # Both come from the same seeds, and vary together.
        samples = draw(_matrix(value, bound), n, rng)
        parts = samples[:, 0], samples[:, 1]
    else:
        parts = draw(_matrix(value), n, rng)[:, 0], draw(_matrix(bound), n, rng)[:, 0]
    ends = [
        one.of(np.clip(part, one.within.least, one.within.most))
        for one, part in zip((value, bound), parts, strict=True)
    ]
    return ends[0], ends[1]


def _matrix(*metrics: _Measured) -> Floats:
    """One row per metric, one column per seed."""
    return np.array([[one.values[seed] for seed in metrics[0].values] for one in metrics])


def _bootstrap(values: Floats, n: int, rng: Rng) -> Floats:
    """Seeds drawn from those that there are, (n_draws, n_metrics, n)."""
    chosen = rng.integers(values.shape[1], size=(DRAWS, n))
    return np.moveaxis(values[:, chosen], 0, 1)


def _normal(values: Floats, n: int, rng: Rng) -> Floats:
    """Normal seeds, (n_draws, n_metrics, n), whose mean and covariance are themselves drawn.

    With S = L L^T the sums of squares and products of k seeds, the covariance is L (A A^T)^-1 L^T,
    where A A^T is Wishart's by Bartlett's decomposition. Its degrees of freedom are such that for
    each metric, and for the difference of two, a fresh mean minus the observed one is
    s sqrt(1/k + 1/n) t_{k-1}.
    """
    p, k = values.shape
    centred = values - values.mean(axis=1, keepdims=True)
    eigenvalues, vectors = np.linalg.eigh(centred @ centred.T)
    half = vectors * np.sqrt(np.maximum(eigenvalues, 0.0))  # (p, p), S = half half^T
    A = np.zeros((DRAWS, p, p))
    for i in range(p):
        A[:, i, i] = np.sqrt(rng.chisquare(k + p - 2 - i, DRAWS))
        A[:, i, :i] = rng.normal(size=(DRAWS, i))
    # Of W = A A^T the inverse is A^-T A^-1.
    scale = half @ np.swapaxes(np.linalg.inv(A), 1, 2)
    centre = values.mean(axis=1)[:, None] + scale @ rng.normal(size=(DRAWS, p, 1)) / np.sqrt(k)
    return np.asarray(centre + scale @ rng.normal(size=(DRAWS, p, n)))


def _holds(operator: str, value: Floats, bound: Any) -> Any:
    if operator == WITHIN:
        return (value >= bound[0]) & (value <= bound[1])
    if operator == "==":
        return value == bound
    if operator in (">", ">="):
        return value > bound if operator == ">" else value >= bound
    return value < bound if operator == "<" else value <= bound


def _proposed(
    operator: str, value: Floats, other: Floats | None
) -> float | tuple[float, float] | None:
    if operator == "==":
        return None
    if operator == WITHIN:
        low, high = np.quantile(value, [RATE / 2, 1 - RATE / 2])
        return float(low), float(high)
    distance = value if other is None else value - other
    return float(np.quantile(distance, RATE if operator in (">", ">=") else 1 - RATE))


def _measured(path: str, runs: Mapping[str, Run]) -> _Measured | None:
    """What seeds.csv knows of a path; None if it has no values for it."""
    for section, run in runs.items():
        prefix = f"{section}." if section else ""
        if not path.startswith(prefix):
            continue
        name, _, leaf = path.removeprefix(prefix).rpartition(".")
        values = per_seed(run).get(name)
        if values and leaf in LEAVES:
            reported = quantities(run.metrics)[name][leaf]
            return _with_rows(run, name, leaf, values, reported)
    return None


def _with_rows(
    run: Run, name: str, leaf: str, values: Mapping[Seed, float], reported: Any
) -> _Measured | None:
    """With the number of rows that gives the reported interval, if one of the run does."""
    if not is_number(reported):
        return None
    within = range_for(name, values.values())
    counts: dict[float | None, None] = {None: None}
    for path, value in flat(run.metrics).items():
        if path.rpartition(".")[2] in ("n_test", "n_validation", "n_train") and is_number(value):
            counts[value] = None
    drawn, share = run.manifest["data"].get("n_samples"), run.config.get("test_fraction")
    if is_number(drawn) and is_number(share):
        counts[round(drawn * share)] = None
    sample = np.array([list(values.values())])
    made = {
        rows: float(_statistic(sample, leaf, within, rows)[0]) if sample.size > 1 else reported
        for rows in counts
    }
    rows = min(made, key=lambda one: abs(made[one] - reported))
    return _Measured(run, leaf, values, within, rows, reported - made[rows])


def _statistic(samples: Floats, leaf: str, within: Range, rows: float | None) -> Floats:
    """The mean, standard deviation or end of the interval of each row of samples (n_draws, n)."""
    if leaf == "mean":
        return np.asarray(samples.mean(axis=1))
    if leaf == "std":
        return np.asarray(samples.std(axis=1, ddof=1))
    end = 2 if leaf == "ci_low" else 3
    every = None if rows is None else rows * samples.shape[1]
    return np.array([mean_interval(row, within=within, rows=every)[end] for row in samples])


def as_json(found: Sequence[Flakiness]) -> list[dict[str, Any]]:
    """What `mlcli check --flaky --json` adds to each gate."""
    return [
        {
            "n_seeds": one.n,
            "fails_by_bootstrap": one.bootstrap,
            "fails_by_t": one.t,
            "bound_for_1_percent": list(one.bound) if isinstance(one.bound, tuple) else one.bound,
            "unknown": one.reason,
        }
        for one in found
    ]

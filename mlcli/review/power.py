"""What a run's seeds can show, and how many seeds a difference takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from mlcli.errors import ConfigError, DataError
from mlcli.experiments import EXPERIMENTS
from mlcli.review.compare import overlap, paired_differences, pairing
from mlcli.review.gates import nearest_path
from mlcli.review.runs import Run, per_seed
from mlcli.run.details import is_measured, quantities
from mlcli.selection.power import (
    PowerDesign,
    correlation,
    least_difference,
    power,
    seeds_needed,
    smallest_difference,
    std_interval,
)
from mlcli.sweeps.headlines import shown_score

CHANCES = (0.8, 0.95)
SEEDS = (2, 3, 4, 5, 8, 16, 32, 64)
PAIRED, UNPAIRED = "paired", "unpaired"
# The spread of a metric below this share of its mean is rounding.
NO_SPREAD = 1e-9


@dataclass(frozen=True)
class Plan:
    """How two runs would be compared.

    Attributes:
        name: `PAIRED` or `UNPAIRED`.
        why: where its spread comes from.
        design: spread and test.
        factors: what the ends of the interval of the spread are times the spread.
    """

    name: str
    why: str
    design: PowerDesign
    factors: tuple[float, float]

    @property
    def std(self) -> float:
        """Of the difference of two seeds."""
        return sqrt(sum(std**2 for std in self.design.stds))


@dataclass(frozen=True)
class Sensitivity:
    """What the seeds of a metric can show.

    Attributes:
        metric: its path.
        n: seeds per run.
        difference: that is asked for; None if there is none.
        plans: the plan that needs fewer seeds first.
    """

    metric: str
    n: int
    difference: float | None
    plans: tuple[Plan, ...]


def metric_of(run: Run, asked: str | None) -> str:
    """The path of a metric of a run that has a mean over seeds.

    Raises:
        ConfigError: there is none, or several that nothing chooses from.
    """
    every = quantities(run.metrics)
    known = [path for path in every if is_measured(every[path])]
    if asked is None:
        shown = shown_score(run.section, run.metrics) if run.section in EXPERIMENTS else None
        if shown is not None and shown.path in known:
            return shown.path
        if len(known) == 1:
            return known[0]
        hint = f"--metric {known[0]}" if known else None
        raise ConfigError(f"{run.name} has {len(known)} metrics over seeds", hint=hint)
    paths = [path for path in known if asked in (path, f"{run.section}.{path}")]
    paths = paths or [path for path in known if path.endswith(f".{asked}")]
    if len(paths) == 1:
        return paths[0]
    near = paths[0] if paths else nearest_path(asked, known)
    what = f"is there {len(paths)} times" if paths else "has no mean over seeds"
    raise ConfigError(f"--metric {asked} {what} in {run.name}", hint=near)


def sensitivity(
    run: Run,
    other: Run | None,
    metric: str | None = None,
    difference: float | None = None,
    n_seeds: int | None = None,
    given: float | None = None,
) -> Sensitivity:
    """What seeds can show of one metric, paired where something tells the spread of the pairs.

    Args:
        run: whose seeds tell the spread.
        other: a run that is compared with it, if there is one.
        metric: its path or the end of it; left out, that of the list of runs.
        difference: seeds are counted for it.
        n_seeds: per run; left out, those of the run.
        given: the correlation of two runs' scores of one seed, if it is known.

    Raises:
        ConfigError: there is no such metric, or an argument is out of its range.
        DataError: the metric has one seed, or doesn't vary.
    """
    if difference is not None and not 0 < abs(difference) < float("inf"):
        raise ConfigError("--difference", must="a number other than 0", got=f"{difference:g}")
    if given is not None and not -1 <= given < 1:
        raise ConfigError("--correlation", must="from -1 to below 1", got=f"{given:g}")
    path = metric_of(run, metric)
    runs = [run] if other is None else [run, other]
    found = [quantities(one.metrics).get(path) for one in runs]
    for one, value in zip(runs, found, strict=True):
        _check(one, path, value)
    n = min(int(value["n"]) for value in found if value)
    stds = [float(value["std"]) for value in found if value]
    overlaps = [overlap(one, path) for one in runs]
    last = -1
    unpaired = Plan(
        UNPAIRED,
        f"the spread over {n} seeds",
        PowerDesign((stds[0], stds[last]), (overlaps[0], overlaps[last])),
        _factors(n - 1 if other is None else 2 * (n - 1)),
    )
    plans = [unpaired]
    paired = _paired(run, other, path, given, (stds[0], max(overlaps), n))
    if paired is not None:
        plans.append(paired)
    n_planned = n_seeds or n
    plans.sort(key=lambda plan: smallest_difference(plan.design, n_planned, CHANCES[0]))
    return Sensitivity(path, n_planned, difference, tuple(plans))


def _check(run: Run, path: str, value: Any) -> None:
    if not is_measured(value):
        raise ConfigError(f"{path} of {run.name}", must="a mean over seeds", got="none")
    if value["n"] < 2:
        raise DataError(f"{path} of {run.name} has one seed, which has no spread")
    if value["std"] <= NO_SPREAD * abs(value["mean"]):
        raise DataError(f"{path} of {run.name} has the same value for every seed")


def _factors(dof: int) -> tuple[float, float]:
    return std_interval(1.0, dof)


def _paired(
    run: Run,
    other: Run | None,
    path: str,
    given: float | None,
    spread: tuple[float, float, int],
) -> Plan | None:
    """By measured differences, a given correlation, or that of the variants of the run."""
    std, share, n = spread
    if other is not None and given is None:
        seeds = per_seed(run).get(path), per_seed(other).get(path)
        differences = paired_differences(*seeds) if pairing(run, other).paired else None
        if differences is None or np.ptp(differences) <= NO_SPREAD * std:
            return None
        design = PowerDesign((float(differences.std(ddof=1)),), (share,))
        return Plan(PAIRED, f"the spread of {n} differences", design, _factors(n - 1))
    why = f"the spread over {n} seeds and a correlation of {given}"
    if given is None:
        given, n_pairs = _between_variants(run, path)
        if given is None:
            return None
        why = (
            f"the spread over {n} seeds and the correlation {given:.2f} of this run's variants"
            f" (median of {n_pairs})"
        )
    design = PowerDesign((std * sqrt(2 * (1 - given)),), (share,))
    return Plan(PAIRED, why, design, _factors(n - 1))


def _between_variants(run: Run, path: str) -> tuple[float | None, int]:
    """The median correlation of a metric with the same of other variants, and of how many."""
    seeds = per_seed(run)
    variant, _, leaf = path.rpartition(".")
    above = variant.rpartition(".")[0]
    own = seeds.get(path)
    found = []
    for name, values in seeds.items():
        sibling, _, end = name.rpartition(".")
        same = end == leaf and sibling.rpartition(".")[0] == above and name != path
        if same and variant and own and values.keys() == own.keys():
            pair = [np.array([one[seed] for seed in own]) for one in (own, values)]
            found.append(correlation(*pair))
    known = [one for one in found if one is not None and one < 1]
    return (float(np.median(known)) if known else None), len(known)


def curve(plan: Plan, counts: Sequence[int]) -> dict[str, list[float]]:
    """Columns: the number of seeds, and the smallest difference for each power."""
    columns: dict[str, list[float]] = {"n_seeds": list(counts)}
    for chance in CHANCES:
        columns[f"difference_{chance:g}"] = [
            smallest_difference(plan.design, n, chance) for n in counts
        ]
    return columns


def columns(found: Sensitivity, counts: Sequence[int]) -> dict[str, list[Any]]:
    """The table of power.csv: one row per plan and number of seeds."""
    table: dict[str, list[Any]] = {"design": []}
    for plan in found.plans:
        table["design"] += [plan.name] * len(counts)
        for name, values in curve(plan, counts).items():
            table.setdefault(name, []).extend(values)
        if found.difference is not None:
            asked = [power(found.difference, plan.design, n) for n in counts]
            table.setdefault("power_of_difference", []).extend(asked)
    return table


def counts_of(found: Sensitivity) -> list[int]:
    """The numbers of seeds that are shown."""
    return sorted({*SEEDS, found.n})


def sentence(found: Sensitivity) -> str:
    """What the seeds show, in one sentence."""
    plan = found.plans[0]
    small, sure = (smallest_difference(plan.design, found.n, chance) for chance in CHANCES)
    low, high = (factor * small for factor in plan.factors)
    text = (
        f"{found.n} seeds per run, {plan.name}, show a difference of {found.metric} of"
        f" {small:.3g} with power 0.8 ({low:.3g} to {high:.3g}, as the spread is an estimate) and"
        f" of {sure:.3g} with 0.95"
    )
    least = least_difference(plan.design, CHANCES[0])
    if found.difference is None:
        floor = f"; no number of seeds shows less than {least:.3g}, since they share rows"
        return text + (floor if least else "") + "."
    needed = [seeds_needed(plan.design, found.difference, chance) for chance in CHANCES]
    if needed[0] is None:
        return (
            f"{text}; no number of seeds shows {abs(found.difference):g} with power 0.8: seeds"
            f" share their rows, and the least is {least:.3g}."
        )
    second = "no number of seeds" if needed[1] is None else str(needed[1])
    return f"{text}; {abs(found.difference):g} takes {needed[0]} seeds, or {second} for 0.95."


def as_json(run: Run, found: Sensitivity) -> dict[str, Any]:
    """What `mlcli power --json` prints."""
    return {
        "run": run.name,
        "metric": found.metric,
        "n_seeds": found.n,
        "difference": found.difference,
        "designs": [_plan_json(found, plan) for plan in found.plans],
        "sentence": sentence(found),
    }


def _plan_json(found: Sensitivity, plan: Plan) -> dict[str, Any]:
    by_chance: dict[str, Mapping[str, Any]] = {
        "smallest_difference": {
            f"{chance:g}": smallest_difference(plan.design, found.n, chance) for chance in CHANCES
        },
        "least_difference": {
            f"{chance:g}": least_difference(plan.design, chance) for chance in CHANCES
        },
    }
    if found.difference is not None:
        by_chance["seeds_needed"] = {
            f"{chance:g}": seeds_needed(plan.design, found.difference, chance) for chance in CHANCES
        }
    low, high = (factor * plan.std for factor in plan.factors)
    return {
        "design": plan.name,
        "why": plan.why,
        "std": plan.std,
        "std_low": low,
        "std_high": high,
        "overlaps": list(plan.design.overlaps),
        **by_chance,
        "curve": curve(plan, counts_of(found)),
    }

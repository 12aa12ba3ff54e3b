"""The CSV tables of `lr-find`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.lr_find.answer import SAFETY, cycle_of, eta_max_of
from mlcli.experiments.lr_find.comparison import RecipeComparison
from mlcli.experiments.lr_find.config import LrFindConfig, training_of
from mlcli.experiments.lr_find.range_tests import VariantRangeTest
from mlcli.experiments.lr_find.recipes import OF_SCHEDULES, RECIPES
from mlcli.experiments.networks.member_groups import schedule_of
from mlcli.experiments.networks.tables import curves_table, members_table
from mlcli.experiments.summary import band
from mlcli.optimisation.range_test import RULES
from mlcli.result import Columns

Floats = NDArray[np.float64]
# Steps of the schedule in its table; its knots are among them.
N_SCHEDULE = 100
BAND = ("low", "median", "high")


def sweep_table(range_tests: Sequence[VariantRangeTest]) -> Columns:
    """Loss, its level and the smoothed loss against the rate: median and central 95 % of seeds.

    Medians, since a mean over diverging curves is dominated by the first to diverge. A seed is
    left out where one of these is not finite; `n` are used. `first_seed` is one raw curve.
    """
    columns: dict[str, list[Any]] = {"variant": [], "step": [], "rate": [], "n": []}
    for one in range_tests:
        level = np.stack([s.level for s in one.suggestions], axis=1)  # (n, S)
        smoothed = np.stack([s.smoothed for s in one.suggestions], axis=1)
        finite = np.isfinite(smoothed) & np.isfinite(level) & np.isfinite(one.losses)
        columns["variant"] += [one.variant.label] * len(one.rates)
        columns["step"] += range(1, len(one.rates) + 1)
        columns["rate"] += one.rates.tolist()
        columns["n"] += finite.sum(axis=1).tolist()
        every = (("loss", one.losses), ("level", level), ("smoothed", smoothed))
        for name, curves in every:
            rows = [_band(values[mask]) for values, mask in zip(curves, finite, strict=True)]
            for place, end in enumerate(BAND):
                columns.setdefault(f"{name}_{end}", []).extend(row[place] for row in rows)
        first = np.where(finite[:, 0], one.losses[:, 0], np.nan)
        columns.setdefault("first_seed", []).extend(first.tolist())
    return columns


def _band(values: Floats) -> tuple[float, ...]:
    return tuple(map(float, band(values))) if values.size else (np.nan, np.nan, np.nan)


def suggestions_table(range_tests: Sequence[VariantRangeTest]) -> Columns:
    """One row per member: the outcome of its range test, and its rates."""
    every = [
        (one.variant.label, s, found)
        for one in range_tests
        for s, found in enumerate(one.suggestions)
    ]
    critical = [found.eta_crit for _, _, found in every]
    return {
        "variant": [label for label, _, _ in every],
        "seed": [seed for _, seed, _ in every],
        "outcome": [found.onset.outcome for _, _, found in every],
        "diverged_at": [_step(found.onset.diverged) for _, _, found in every],
        "eta_crit": critical,
        "eta_max": [value / SAFETY for value in critical],
        **{name: [found.rules[name] for _, _, found in every] for name in RULES},
    }


def _step(place: int | None) -> int | None:
    """A step counted from 1."""
    return None if place is None else place + 1


def schedule_table(config: LrFindConfig, range_tests: Sequence[VariantRangeTest]) -> Columns:
    """The schedules of each variant against the share of the training that is done."""
    columns: dict[str, list[Any]] = {
        key: [] for key in ("variant", "schedule", "share", "learning_rate")
    }
    for one in range_tests:
        eta_max = eta_max_of(one)
        if eta_max is None:
            continue
        training = training_of(config, **cycle_of(config, eta_max))
        # As many steps as points: one for each row, and an epoch of all of them.
        training = training.model_copy(update={"n_epochs": 1, "decay_epochs": None})
        for name in OF_SCHEDULES:
            schedule, _, label = RECIPES[name]
            factor = schedule_of(training, schedule, N_SCHEDULE, 1)
            columns["variant"] += [one.variant.label] * N_SCHEDULE
            columns["schedule"] += [label] * N_SCHEDULE
            for step in range(N_SCHEDULE):
                columns["share"].append(step / (N_SCHEDULE - 1))
                columns["learning_rate"].append(eta_max * factor(step, N_SCHEDULE))
    return columns


def compare_table(compared: Sequence[RecipeComparison]) -> Columns:
    """Curves of the trainings against the epoch: means over the seeds and their intervals."""
    tables = [curves_table(one.recipes, one.fitted, one.problem) for one in compared]
    return _joined(compared, tables, "epoch")


def compare_members_table(compared: Sequence[RecipeComparison]) -> Columns:
    """Scores of the trainings, one row per member."""
    tables = [members_table(one.outcomes) for one in compared]
    return _joined(compared, tables, "seed")


def _joined(compared: Sequence[RecipeComparison], tables: Sequence[Columns], empty: str) -> Columns:
    """Concatenate the tables, with a column for the network before that of the recipe."""
    if not tables:
        return {"variant": [], "training": [], empty: []}
    columns: dict[str, list[Any]] = {"variant": [], "training": []}
    for one, table in zip(compared, tables, strict=True):
        columns["variant"] += [one.variant.label] * len(table["variant"])
        columns["training"] += table["variant"]
        for name in list(table)[1:]:
            columns.setdefault(name, []).extend(table[name])
    return columns

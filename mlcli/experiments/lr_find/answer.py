"""The suggested rates of a variant over its seeds, and the errors if there are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.config import inherited_keys
from mlcli.errors import NoAnswerError
from mlcli.experiments.lr_find.config import LrFindConfig, section_of
from mlcli.experiments.lr_find.range_tests import VariantRangeTest
from mlcli.experiments.summary import geometric_summary
from mlcli.optimisation.range_test import RULES, Suggestion

Floats = NDArray[np.float64]
# eta_max = eta_crit / 10 and eta_min = eta_max / 10 of section 7.4.
SAFETY = 10.0
DIGITS = 3
# A loss that falls within the first n_steps / EARLY steps falls early.
EARLY = 20


def summary_of_rates(rates: Floats) -> dict[str, Any]:
    """``{mean, std, ci_low, ci_high, n, scale}`` of the finite rates.

    Rates spread over decades and are symmetric, if at all, in their logarithm.
    """
    return {**geometric_summary(rates), "scale": "log10"}


def rates_in(range_test: VariantRangeTest) -> dict[str, Any]:
    """eta_crit, eta_max, eta_min and the rules of one variant, and how many seeds have none."""
    critical = range_test.values("eta_crit")
    return {
        "eta_crit": summary_of_rates(critical),
        "eta_max": summary_of_rates(critical / SAFETY),
        "eta_min": summary_of_rates(critical / SAFETY**2),
        "suggestions": {name: summary_of_rates(range_test.values(name)) for name in RULES},
        "n_diverged": range_test.count("found", "at-once"),
        "n_without_eta_crit": range_test.count("flat", "at-once", "bounded"),
    }


def eta_max_of(range_test: VariantRangeTest) -> float | None:
    """The rate to train with, in three digits; None where no seed has one."""
    mean = summary_of_rates(range_test.values("eta_crit"))["mean"]
    return None if mean is None else float(f"{mean / SAFETY:.{DIGITS}g}")


def cycle_of(config: LrFindConfig, eta_max: float) -> dict[str, Any]:
    """The one-cycle schedule of section 7.4, as keys of a training: up to eta_max, down to eta_0.

    If eta_0 is above eta_min, the cycle ends at eta_min.
    """
    start = 1.0 / SAFETY
    final = min(start, float(f"{config.eta_0 / eta_max:.6g}"))
    return {
        "learning_rate": eta_max,
        "schedule": "one-cycle",
        "cycle_start": start,
        "cycle_final": final,
    }


def one_cycle_section(
    config: LrFindConfig, range_test: VariantRangeTest, eta_max: float
) -> dict[str, Any]:
    """A section of params.yaml for a training: the network of a variant, its data, the schedule."""
    keys = inherited_keys(LrFindConfig, section_of(config))
    given = config.model_dump(mode="json", include=set(keys))
    values = {key: range_test.variant.values.get(key, value) for key, value in given.items()}
    kept = {key: value for key, value in values.items() if value is not None}
    return kept | cycle_of(config, eta_max)


def certificates_of(range_tests: Sequence[VariantRangeTest]) -> dict[str, list[Certificate]]:
    """The ratio of a rate that diverges to one that still trains.

    At eta_crit the level of the loss is near its smallest, and at the rate of the divergence it is
    `--divergence` times that. Seeds without an eta_crit have a sentence of their own.
    """
    found = {}
    for one in range_tests:
        ratios = [
            float(one.rates[each.onset.diverged]) / each.eta_crit
            for each in one.suggestions
            if each.onset.outcome == "found" and each.onset.diverged is not None
        ]
        if ratios:
            name = f"eta_crit of {one.variant.name}" if one.variant.name else "eta_crit"
            found[name] = [Certificate("rate that diverges / eta_crit", r, SAFETY) for r in ratios]
    return found


def falls_early(config: LrFindConfig, suggestions: Sequence[Suggestion]) -> bool:
    """Whether most losses do half of their fall in the first steps: the sweep starts too late."""
    steps = [one.onset.fallen for one in suggestions if one.onset.fallen is not None]
    return bool(steps) and bool(np.median(steps) < config.n_steps / EARLY)


def refuse_no_answer(config: LrFindConfig, range_tests: Sequence[VariantRangeTest]) -> None:
    """Raise if no seed of any variant has an eta_crit.

    Raises:
        NoAnswerError: with the most common outcome, and what to try.
    """
    every = [suggestion for one in range_tests for suggestion in one.suggestions]
    if any(np.isfinite(one.eta_crit) for one in every):
        return
    outcomes = [one.onset.outcome for one in every]
    most = max(("bounded", "flat", "at-once"), key=outcomes.count)
    if most == "bounded":
        # A rate far too large can leave a network dead, with a loss that moves no more.
        early = falls_early(config, every)
        raise NoAnswerError(
            f"no member diverges up to the rate {config.rate_max:g}, so there is no eta_crit",
            hint=(
                f"--rate-min {config.rate_min / 1000:g}, since the loss falls within the first "
                f"steps already, or "
                if early
                else ""
            )
            + f"--rate-max {10 * config.rate_max:g} or a smaller --divergence",
        )
    if most == "flat":
        raise NoAnswerError(
            f"the loss never falls by a tenth between the rates {config.rate_min:g} and "
            f"{config.rate_max:g}, so no rate can be suggested",
            hint="another --init or a larger --rate-max",
        )
    first = min(int(one.onset.diverged or 0) for one in every if one.onset.outcome == "at-once")
    raise NoAnswerError(
        f"the loss diverges before it has ever fallen, the first at step {first + 1} of "
        f"{config.n_steps}",
        hint=f"--rate-min {config.rate_min / 1000:g} or another --init",
    )


def warnings_of(config: LrFindConfig, range_tests: Sequence[VariantRangeTest]) -> list[str]:
    """Warnings about seeds without a suggestion."""
    said = []
    whys = {
        "flat": "have a loss that never falls",
        "at-once": "diverge before their loss has fallen",
        "bounded": f"do not diverge up to {config.rate_max:g}",
    }
    for one in range_tests:
        if falls_early(config, one.suggestions):
            said.append(
                f"the loss{f' of {one.variant.name}' if one.variant.name else ''} falls within the "
                "first steps already: a smaller --rate-min would see the start of it"
            )
        of = f" of {one.variant.name}" if one.variant.name else ""
        for outcome, why in whys.items():
            if count := one.count(outcome):
                said.append(f"{count} of {config.n_seeds} members{of} {why}: they have no eta_crit")
    if len(range_tests) > 1:
        first = next(one for one in range_tests if eta_max_of(one) is not None)
        said.append(f"one_cycle.yaml has the settings of {first.variant.name} alone")
    if config.n_seeds == 1:
        said.append("one seed has no interval; std and the bounds are null")
    return said

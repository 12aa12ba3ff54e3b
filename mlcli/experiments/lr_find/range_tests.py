"""The range test of every member, and the learning rates that it suggests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.lr_find.config import LrFindConfig
from mlcli.experiments.networks.member_groups import (
    MemberGroup,
    device_of,
    group_kernels,
    loss_of,
    network_of,
    optimiser_of,
    out_of_memory_error,
    streams_of,
    view_of,
)
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant
from mlcli.neural.range_test import range_test
from mlcli.optimisation.range_test import Suggestion, suggest

Floats = NDArray[np.float64]
# Minibatches whose loss is measured before the first step: the level from which it must fall.
N_STILL = 9


@dataclass(frozen=True)
class VariantRangeTest:
    """The range tests of one variant.

    Attributes:
        variant: what the members have in common.
        rates: eta_t, (n,).
        losses: E_t of each seed, (n, S).
        suggestions: of each seed, S.
    """

    variant: Variant
    rates: Floats
    losses: Floats
    suggestions: tuple[Suggestion, ...]

    def values(self, name: str) -> Floats:
        """eta_crit, or the rate of a rule, of each seed; NaN where it has none, (S,)."""
        if name == "eta_crit":
            return np.array([one.eta_crit for one in self.suggestions])
        return np.array([one.rules[name] for one in self.suggestions])

    def count(self, *outcomes: str) -> int:
        """Number of seeds with one of these outcomes, see `optimisation.range_test.onset`."""
        return sum(one.onset.outcome in outcomes for one in self.suggestions)


def rates_of(config: LrFindConfig) -> Floats:
    """eta_t = rate_min (rate_max / rate_min)^(t / (n - 1)), (n,)."""
    return np.geomspace(config.rate_min, config.rate_max, config.n_steps)


def range_tests_of(
    config: LrFindConfig,
    problem: Problem,
    variants: Sequence[Variant],
    groups: Sequence[MemberGroup],
    done: Callable[[str], None],
) -> list[VariantRangeTest]:
    """The range test of every member, in order of variants.

    Args:
        config: validated parameters.
        problem: rows and splits.
        variants: all of them.
        groups: their members by shape.
        done: called after each group, with a note.

    Raises:
        InputError: the members don't fit into memory.
    """
    rates = rates_of(config)
    curves: dict[tuple[str, ...], list[Floats]] = {one.path: [] for one in variants}
    still = np.zeros(N_STILL)
    for group in groups:
        with group_kernels(group, device_of(config, group).device):
            losses = _range_test_of_group(config, problem, group, np.concatenate([still, rates]))
        for m, member in enumerate(group.members):
            curves[member.variant.path].append(losses[:, m])
        done(f"{len(group.members)} members swept")
    found = []
    for variant in variants:
        every = np.stack(curves[variant.path], axis=1)  # (N_STILL + n, S)
        starts, losses = np.median(every[:N_STILL], axis=0), every[N_STILL:]
        suggested = tuple(
            suggest(rates, curve, float(start), config.smoothing, config.divergence)
            for start, curve in zip(starts, losses.T, strict=True)
        )
        found.append(VariantRangeTest(variant, rates, losses, suggested))
    return found


def _range_test_of_group(
    config: LrFindConfig, problem: Problem, group: MemberGroup, rates: Floats
) -> Floats:
    net = network_of(config, group)
    try:
        return range_test(
            net,
            optimiser_of(config, group, net),
            loss_of(problem),
            problem.X,
            problem.t,
            rates,
            streams_of(group, config.seed),
            batch_size=group.common.batch_size,
            view=view_of(problem, group, "train"),
            clip_norm=config.clip_norm,
            autocast=config.precision == "bf16",
        )
    except (RuntimeError, MemoryError) as error:
        raise out_of_memory_error(error) from None

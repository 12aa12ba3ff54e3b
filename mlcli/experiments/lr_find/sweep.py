"""Sweep the learning rate of every member, and read off each curve what it suggests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.config import config_class, inherited_keys
from mlcli.experiments.lr_find.config import LrFindConfig
from mlcli.experiments.networks.members import (
    Program,
    loss_of,
    network_of,
    optimiser_of,
    out_of_memory,
    streams_of,
    view_of,
)
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.threads import program_threads
from mlcli.experiments.networks.variants import Variant
from mlcli.neural.range_test import range_test
from mlcli.optimisation.range_test import Suggestion, suggest

Floats = NDArray[np.float64]
# Minibatches whose loss is looked at before the first step: the level from which it must fall.
N_STILL = 9


@dataclass(frozen=True)
class Swept:
    """The sweeps of one variant.

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
        """Seeds whose sweep ended in one of these ways, see `range_test.onset`."""
        return sum(one.onset.outcome in outcomes for one in self.suggestions)


def section_of(config: LrFindConfig) -> str:
    """The section of the training whose rate is looked for."""
    return LrFindConfig.inherits[config.network]


def training_of(config: LrFindConfig, **more: Any) -> Any:
    """The training of the same network, with other settings where `more` has them."""
    section = section_of(config)
    shared = {key: getattr(config, key) for key in inherited_keys(LrFindConfig, section)}
    model: Any = config_class(section)
    return model(**shared, n_seeds=config.n_seeds, **more)


def rates_of(config: LrFindConfig) -> Floats:
    """eta_t = rate_min (rate_max / rate_min)^(t / (n - 1)), (n,)."""
    return np.geomspace(config.rate_min, config.rate_max, config.n_steps)


def sweep_all(
    config: LrFindConfig,
    problem: Problem,
    variants: Sequence[Variant],
    programs: Sequence[Program],
    done: Callable[[str], None],
) -> list[Swept]:
    """The range test of every member, in order of variants.

    Args:
        config: validated parameters.
        problem: rows and splits.
        variants: all of them.
        programs: their members by shape.
        done: told of each program that is done.

    Raises:
        InputError: the members don't fit into memory.
    """
    rates = rates_of(config)
    curves: dict[tuple[str, ...], list[Floats]] = {one.path: [] for one in variants}
    still = np.zeros(N_STILL)
    for program in programs:
        with program_threads(program):
            losses = _sweep(config, problem, program, np.concatenate([still, rates]))
        for m, member in enumerate(program.members):
            curves[member.variant.path].append(losses[:, m])
        done(f"{len(program.members)} members swept")
    found = []
    for variant in variants:
        every = np.stack(curves[variant.path], axis=1)  # (N_STILL + n, S)
        starts, losses = np.median(every[:N_STILL], axis=0), every[N_STILL:]
        suggested = tuple(
            suggest(rates, curve, float(start), config.smoothing, config.divergence)
            for start, curve in zip(starts, losses.T, strict=True)
        )
        found.append(Swept(variant, rates, losses, suggested))
    return found


def _sweep(config: LrFindConfig, problem: Problem, program: Program, rates: Floats) -> Floats:
    net = network_of(config, program)
    try:
        return range_test(
            net,
            optimiser_of(config, program, net),
            loss_of(problem),
            problem.X,
            problem.t,
            rates,
            streams_of(program, config.seed),
            batch_size=program.common.batch_size,
            view=view_of(problem, program, "train"),
            clip_norm=config.clip_norm,
            autocast=config.precision == "bf16",
        )
    except (RuntimeError, MemoryError) as error:
        raise out_of_memory(error) from None

"""All that one curve of a range test suggests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlcli.optimisation.range_test.onset import Onset, level_of, onset
from mlcli.optimisation.range_test.rules import RULES, readable
from mlcli.optimisation.range_test.smoothing import exponential

Floats = NDArray[np.float64]


class Suggestion(NamedTuple):
    """What a curve says.

    Attributes:
        onset: where its loss turns.
        level: of the losses, which does not lag, (n,).
        smoothed: s_t, the moving average of the losses that the rules read, (n,).
        eta_crit: the rate at which the loss starts to diverge, or NaN.
        rules: the rate of each rule of `rules.RULES`, or NaN.
    """

    onset: Onset
    level: Floats
    smoothed: Floats
    eta_crit: float
    rules: Mapping[str, float]


def suggest(rates: Floats, losses: Floats, start: float, beta: float, factor: float) -> Suggestion:
    """Read eta_crit and the rules off a sweep; a loss that has never fallen suggests nothing.

    Args:
        rates: eta_t, rising, (n,).
        losses: E_t of each minibatch before its step, (n,).
        start: level of the losses before the first step.
        beta: of the moving average.
        factor: how many times its smallest value the loss reaches when it diverges; above 1.
    """
    # Losses near the largest number there is are added up here: they overflow, as they may.
    with np.errstate(over="ignore", invalid="ignore"):
        smoothed = exponential(losses, beta)
        turn, level = onset(losses, start, factor), level_of(losses)
    critical, found = np.nan, dict.fromkeys(RULES, np.nan)
    if turn.critical is not None:
        critical = float(rates[turn.critical])
    if turn.outcome in ("found", "bounded"):
        eta, s = readable(rates, smoothed, turn.diverged)
        found = {name: rule(eta, s) for name, rule in RULES.items()}
    return Suggestion(turn, level, smoothed, critical, found)

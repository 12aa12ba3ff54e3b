"""Rules that read a learning rate off a range test, as in fastai, side by side.

Each takes rates and smoothed losses, both (n,), of which `readable` has cut what no rule may look
at, and gives a rate, or NaN where the curve has no answer. fastai has them in callback/schedule.py;
where its code breaks on short or monotone curves, the text says what is done instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Where no rule looks: one step in so many at the start, and so many steps at the end.
START = 10
END = 5
# Steps that a rule needs.
FEWEST = 3
SLIDE_STEPS = 15
SLIDE_THRESHOLD = 0.005


def readable(rates: Floats, smoothed: Floats, diverged: int | None = None) -> tuple[Floats, Floats]:
    """Rates and losses from step n // 10 on, up to the divergence, without the last 5 steps.

    fastai stops its sweep where it sees the loss diverge, at 4 times its smallest value, so what it
    reads ends 5 steps before; a value that is not finite, and all after it, are left out too.

    Args:
        rates: eta_t of the whole sweep, (n,).
        smoothed: s_t, (n,).
        diverged: step at which the divergence was seen, if it was.
    """
    end = len(rates) if diverged is None else diverged + 1
    part = slice(len(rates) // START, max(0, end - END))
    eta, s = rates[part], smoothed[part]
    bad = ~np.isfinite(s)
    n_good = int(bad.argmax()) if bad.any() else len(s)
    return eta[:n_good], s[:n_good]


def longest_fall(losses: Floats) -> NDArray[np.int64]:
    """Steps of the longest strictly decreasing subsequence; of several, the first to end."""
    n = len(losses)
    length = np.ones(n, dtype=np.int64)
    before = np.full(n, -1)
    for i in range(1, n):
        found = np.where(losses[:i] > losses[i], length[:i], 0)
        j = int(found.argmax())
        if found[j]:
            length[i], before[i] = found[j] + 1, j
    steps = []
    at = int(length.argmax()) if n else -1
    while at >= 0:
        steps.append(at)
        at = int(before[at])
    return np.array(steps[::-1], dtype=np.int64)


def valley(rates: Floats, losses: Floats) -> float:
    """The middle of the longest fall: a third of its extent on, and half a third.

    fastai takes for its first step the last one minus its length, which is right only if it has no
    gaps, and is -1 on a curve that always falls; here it is the subsequence's own first step.
    """
    steps = longest_fall(losses)
    if len(steps) < 2:
        return np.nan
    third = (int(steps[-1]) - int(steps[0])) / 3
    return float(rates[int(steps[0]) + int(third) + int(third / 2)])


def steep(rates: Floats, losses: Floats) -> float:
    """The rate of the largest fall, argmin dE / d ln eta; NaN where the loss never falls.

    On a linear axis, as in some programs, the slope is divided by eta: noise at the smallest rates
    would win.
    """
    if len(losses) < FEWEST:
        return np.nan
    slope = np.diff(losses) / np.diff(np.log(rates))  # (n - 1,)
    at = int(slope.argmin())
    return float(rates[at]) if slope[at] < 0 else np.nan


def slide(rates: Floats, losses: Floats) -> float:
    """The left end of a window that slides down from the largest rate while its slopes differ.

    With g the change of the loss a step: the window of 15 steps goes on to the left while its ends
    have slopes g that differ by more than 0.005. NaN where the curve is not longer than the window,
    or never falls.
    """
    right, left = len(losses) - 1, len(losses) - 1 - SLIDE_STEPS
    if left < 0 or not losses.min() < losses[0]:
        return np.nan
    g = np.gradient(losses)
    found = left
    while left >= 0 and abs(g[right] - g[left]) > SLIDE_THRESHOLD:
        found = left
        right, left = right - 1, left - 1
    return float(rates[found])


def minimum(rates: Floats, losses: Floats) -> float:
    """A tenth of the rate with the smallest loss; NaN where that is the first: it never falls."""
    if len(losses) < FEWEST:
        return np.nan
    at = int(losses.argmin())
    return float(rates[at]) / 10 if at > 0 else np.nan


RULES: Mapping[str, Callable[[Floats, Floats], float]] = MappingProxyType(
    {"valley": valley, "steep": steep, "slide": slide, "minimum": minimum}
)

"""The range test of section 7.4: what a curve of loss against growing learning rate says.

**eta_crit** is the rate at which the loss starts to diverge. In practice the loss is watched
through its moving average, which shows late what happens, and the notes take a tenth of what they
see for that reason too (their footnote 13). Here nothing lags:

1. The level of the loss at a step is the median of the losses around it.
2. Divergence: the first step at which the level is above `factor` times its smallest value so far,
   the loss at the start among them, or the loss is not finite.
3. Onset: the last step before it at which the level was still within sqrt(factor) of its smallest
   value. Its rate is eta_crit.

So eta_crit depends on no moving average, nor on how far the sweep goes on.

On a quadratic loss gradient descent diverges if and only if eta > 2 / lambda_max. The sweep sees it
with a delay: while eta was smaller the top component has decayed, at eta near 1 / lambda_max to
almost nothing, and past 2 / lambda_max it must come back from there before the loss shows it. Each
step multiplies it by eta lambda_max - 1. From a depth of e^-D and with n steps over L nepers of the
rate, that takes until about (2 / lambda_max) (1 + sqrt(D L / n)): with slower sweeps it goes to
2 / lambda_max. The noise of minibatches holds the component up, so D is small; with full batches
only rounding does, D = 37 in float64. Small minibatches diverge earlier, since each has a
lambda_max of its own.

**The rules** read a learning rate off the curve, as fastai does in callback/schedule.py. Each takes
rates and smoothed losses, both (n,), of which `readable` has cut the ends, and gives a rate, or NaN
where the curve has no answer. Where fastai's code breaks on short or monotone curves, the docstring
says what is done instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# A loss that never falls below this share of its value at the start has not fallen.
FALL = 0.9
# The centred median is over about 1 / WINDOW of the steps.
WINDOW = 20
# The rules ignore 1 / START of the steps at the start, and END steps at the end.
START = 10
END = 5
# The fewest steps that a rule needs.
FEWEST = 3
SLIDE_STEPS = 15
SLIDE_THRESHOLD = 0.005


def exponential(losses: Floats, beta: float) -> Floats:
    """s_t = (1 - beta) sum_k beta^k E_(t-k) / (1 - beta^(t+1)), the debiased moving average, (n,).

    It lags beta / (1 - beta) steps behind a slow change. From the first loss that is not finite on
    it is not finite either.
    """
    smoothed = np.empty(len(losses))
    total = 0.0
    for t, loss in enumerate(losses):
        total = beta * total + (1.0 - beta) * loss
        smoothed[t] = total / (1.0 - beta ** (t + 1))
    return smoothed


def centred(losses: Floats, width: int) -> Floats:
    """The median of the `width` losses around each step, fewer at the ends, (n,); width is odd.

    It does not lag: half of the window lies on either side.
    A loss that is not finite counts as larger than all others.
    """
    half = width // 2
    padded = np.pad(np.where(np.isfinite(losses), losses, np.inf), half, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)  # (n, width)
    # NaN, the padding, sorts behind infinity.
    ordered = np.sort(windows, axis=1)
    present = np.count_nonzero(~np.isnan(windows), axis=1)
    # Of an even number the lower of the two in the middle: their mean could be inf - inf.
    return np.asarray(ordered[np.arange(len(losses)), (present - 1) // 2])


class Onset(NamedTuple):
    """Where a loss starts to diverge.

    Attributes:
        outcome: found; flat, where the loss has never fallen and does not diverge; at-once, where
            it diverges without having fallen; or bounded, where it has fallen and never diverges.
        critical: step of eta_crit, or None.
        diverged: step at which the divergence was seen, or None.
        fallen: step at which half of the fall was first done, or None.
    """

    outcome: str
    critical: int | None
    diverged: int | None
    fallen: int | None = None


def divergence(losses: Floats, level: Floats, start: float, factor: float) -> int | None:
    """The first step with level_t > factor min(start, level_0, ..., level_t), or E_t not finite.

    Args:
        losses: E_t, (n,).
        level: of the losses, (n,).
        start: level of the losses before the first step.
        factor: above 1.
    """
    best = np.minimum(start, np.minimum.accumulate(level))
    bad = ~np.isfinite(losses) | (level > factor * best)
    return int(bad.argmax()) if bad.any() else None


def window(n_steps: int) -> int:
    """Width of the centred median for a sweep of n steps: odd, about n / 20."""
    return 2 * (n_steps // (2 * WINDOW)) + 1


def level_of(losses: Floats) -> Floats:
    """The centred median of the losses, (n,); infinite where most of them are not finite."""
    return centred(losses, window(len(losses)))


def onset(losses: Floats, start: float, factor: float) -> Onset:
    """Find where the loss starts to diverge, as defined at the top of this module.

    Args:
        losses: E_t of each minibatch before its step, (n,).
        start: level of the losses before the first step. The first losses of a sweep that begins
            at too large a rate do not show it.
        factor: how many times its smallest value the level reaches when it diverges; above 1.
    """
    level = level_of(losses)
    diverged = divergence(losses, level, start, factor)
    before = level[:diverged]
    if not (before < FALL * start).any():
        return Onset("flat" if diverged is None else "at-once", None, diverged)
    fallen = int(np.flatnonzero(before <= (start + before.min()) / 2)[0])
    if diverged is None:
        return Onset("bounded", None, None, fallen)
    near = np.flatnonzero(before <= np.sqrt(factor) * before.min())
    return Onset("found", int(near[-1]), diverged, fallen)


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
    """Steps of the longest strictly decreasing subsequence; of several, the one that ends first."""
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
    would decide.
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


class Suggestion(NamedTuple):
    """What one curve of a range test suggests.

    Attributes:
        onset: where its loss starts to diverge.
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
    """Compute eta_crit and the rate of each rule from a sweep; all NaN if the loss never fell.

    Args:
        rates: eta_t, rising, (n,).
        losses: E_t of each minibatch before its step, (n,).
        start: level of the losses before the first step.
        beta: of the moving average.
        factor: how many times its smallest value the loss reaches when it diverges; above 1.
    """
    # Sums of losses near the largest float may overflow.
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

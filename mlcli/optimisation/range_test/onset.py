"""eta_crit of section 7.4: the rate at which the loss starts to diverge.

In practice the loss is watched through its moving average, which shows late what happens, and the
notes take a tenth of what they see for that reason too (their footnote 13). Here nothing lags:

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
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlcli.optimisation.range_test.smoothing import centred

Floats = NDArray[np.float64]
# A loss that never gets below this share of what it was at the start has not fallen.
FALL = 0.9
# The centred median is over about one step in so many.
WINDOW = 20


class Onset(NamedTuple):
    """Where a loss turns.

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
    """Where the loss starts to diverge, as the head of this module defines it.

    Args:
        losses: E_t of each minibatch before its step, (n,).
        start: level of the losses before the first step. The first losses of a sweep that begins
            at too large a rate say nothing of it.
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

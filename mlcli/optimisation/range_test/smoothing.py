"""Two averages of a noisy curve of losses: one that lags, as in practice, and one that does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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

    It does not lag, and a step or a turn stays where it is: half of the window lies on either side.
    A loss that is not finite counts as larger than all others.
    """
    half = width // 2
    padded = np.pad(np.where(np.isfinite(losses), losses, np.inf), half, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)  # (n, width)
    # NaN, the padding, sorts behind infinity.
    ordered = np.sort(windows, axis=1)
    present = np.count_nonzero(~np.isnan(windows), axis=1)
    # Of an even number the lower of the two in the middle: infinity minus itself is no number.
    return np.asarray(ordered[np.arange(len(losses)), (present - 1) // 2])

"""The winner's curse: by how much the best of many noisy means flatters.

Whoever is best was also lucky. With means m_j and noise e_j ~ N(0, C/n) the winner's mean is too
good by E[e_J], J the best of m + e. Two numbers enclose it: with m as measured, whose spread has
noise in it already, the estimate is low; with all m equal it is the most that these errors can do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.rng import stream
from mlcli.sweeps.axes import N_DRAWS

Array = NDArray[np.float64]
# Numbers drawn at a time, so that many points need no more memory than few.
BLOCK = 1_000_000


@dataclass(frozen=True)
class Curse:
    """How much the best flatters, in units of the metric, never below 0.

    Attributes:
        bias: with the means as they are.
        bias_if_equal: were all points equally good.
        n_compared: points.
        joint: whether the errors of points are taken together, seed by seed; else as independent.
    """

    bias: float
    bias_if_equal: float
    n_compared: int
    joint: bool


def curse(
    means: Sequence[float],
    errors: Sequence[float],
    values: Sequence[Mapping[int, float] | None],
    *,
    largest: bool,
    n_seeds: int,
    overlap: float = 0.0,
) -> Curse:
    """How much the best of several means flatters.

    Args:
        means: one a point.
        errors: the standard error of each, as of independent seeds.
        values: seed -> value behind each mean, where it is known.
        largest: whether more is better.
        n_seeds: seeds behind a mean.
        overlap: n_test / n_train where seeds are splits of the same rows: errors are larger by
    sqrt(1 + n overlap) then.
    """
    m = np.asarray(means, dtype=float) * (1.0 if largest else -1.0)
    root = _common(values)
    joint = root is not None
    if root is None:
        root = np.diag(np.asarray(errors, dtype=float))
    root = root * sqrt(1 + n_seeds * overlap)
    rng = stream(0, "winners-curse")
    size = max(1, BLOCK // max(root.shape))
    sums, n_done = np.zeros(2), 0
    while n_done < N_DRAWS:
        count = min(size, N_DRAWS - n_done)
        noise = rng.standard_normal((count, root.shape[0])) @ root  # (count, k)
        winners = (m + noise).argmax(axis=1)
        sums += noise[np.arange(count), winners].sum(), noise.max(axis=1).sum()
        n_done += count
    bias, equal = (max(0.0, float(one)) for one in sums / N_DRAWS)
    return Curse(bias, equal, m.size, joint)


def _common(values: Sequence[Mapping[int, float] | None]) -> Array | None:
    """A root of the covariance of the means, (n, k), where all points have the same seeds."""
    known: list[Any] = [one for one in values if one]
    if len(known) < len(values) or not known:
        return None
    seeds = sorted(known[0])
    if len(seeds) < 2 or any(sorted(one) != seeds for one in known):
        return None
    table = np.array([[one[seed] for one in known] for seed in seeds])  # (n, k)
    n = len(seeds)
    centred: Array = (table - table.mean(axis=0)) / sqrt(n * (n - 1))
    return centred

"""The power of a test of two means over seeds: what n seeds can show, and how many it takes.

The test is Student's of paired differences, or Welch's of two groups of n seeds each. Where seeds
are splits of the same rows, their scores are correlated and the variance of a mean is Nadeau and
Bengio's, s^2 (1/n + n_test/n_train), which more seeds don't bring below s^2 n_test/n_train.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isnan, sqrt

from mlcli.linear.arrays import Floats
from mlcli.linear.statistics import student_t_quantile

# More seeds than this are as good as infinitely many, and nobody runs them.
MOST_SEEDS = 1_000_000


@dataclass(frozen=True)
class PowerDesign:
    """How two variants are compared: the spread of their scores and the test.

    Attributes:
        stds: of the paired differences (one number), or of the scores of each group (two).
        overlaps: n_test / n_train for each of `stds` where seeds are splits of the same rows,
            else 0.
        confidence: of the two-sided interval that must exclude "no difference".
    """

    stds: tuple[float, ...]
    overlaps: tuple[float, ...]
    confidence: float = 0.95

    def standard_error(self, n: float) -> float:
        """Of the mean difference for n seeds per variant: sqrt(sum s^2 (1/n + n_test/n_train))."""
        return sqrt(sum(self._variances(n)))

    def dof(self, n: int) -> float:
        """n - 1 for paired differences, else Welch and Satterthwaite's."""
        variances = self._variances(n)
        total = sum(variances)
        if len(variances) == 1 or total == 0:
            return n - 1
        return (n - 1) / sum((variance / total) ** 2 for variance in variances)

    def _variances(self, n: float) -> list[float]:
        pairs = zip(self.stds, self.overlaps, strict=True)
        return [std**2 * (1 / n + overlap) for std, overlap in pairs]


def power(difference: float, design: PowerDesign, n: int) -> float:
    """The chance that n seeds show a true difference: that the interval excludes 0.

    P(|T| > t) of a noncentral t with noncentrality difference / standard error; exact for paired
    differences and for two groups of equal spread, close to it for others.

    Args:
        difference: the true one, of either sign.
        design: of the comparison.
        n: seeds per variant, at least 2.
    """
    error = design.standard_error(n)
    if error == 0:
        return float(difference != 0)
    return _power(abs(difference) / error, design.dof(n), design.confidence)


def _power(noncentrality: float, dof: float, confidence: float) -> float:
    from scipy.special import nctdtr, ndtr, stdtr

    t = student_t_quantile((1 + confidence) / 2, dof) if dof < inf else _normal(confidence)
    if dof == inf:
        return float(ndtr(noncentrality - t) + ndtr(-noncentrality - t))
    if noncentrality == 0:
        return float(2 * stdtr(dof, -t))
    other_side = nctdtr(dof, noncentrality, -t)
    # SciPy gives no number for a tail that is too small for one.
    return float(1 - nctdtr(dof, noncentrality, t) + (0.0 if isnan(other_side) else other_side))


def _normal(confidence: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf((1 + confidence) / 2)


def smallest_difference(design: PowerDesign, n: int, chance: float) -> float:
    """The true difference that n seeds show with this chance.

    Args:
        design: of the comparison.
        n: seeds per variant, at least 2.
        chance: the power, in (1 - confidence, 1).
    """
    return design.standard_error(n) * _noncentrality(design.dof(n), design.confidence, chance)


def least_difference(design: PowerDesign, chance: float) -> float:
    """The true difference that no number of seeds gets below; 0 for independent seeds."""
    return design.standard_error(inf) * _noncentrality(inf, design.confidence, chance)


def _noncentrality(dof: float, confidence: float, chance: float) -> float:
    from scipy.optimize import brentq

    high = 1.0
    while _power(high, dof, confidence) < chance:
        high *= 2
    root: Callable[..., float] = brentq
    return float(root(lambda x: _power(x, dof, confidence) - chance, 0.0, high, xtol=1e-12))


def seeds_needed(design: PowerDesign, difference: float, chance: float) -> int | None:
    """The fewest seeds per variant that show a true difference with this chance.

    Args:
        design: of the comparison.
        difference: the true one.
        chance: the power, in (1 - confidence, 1).

    Returns:
        None where no number of seeds does: the difference is 0, or seeds share their rows.
    """
    if difference == 0:
        return None
    low, high = 1, 2
    while power(difference, design, high) < chance:
        low, high = high, 2 * high
        if low > MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(difference, design, middle) >= chance else (middle, high)
    return high


def std_interval(std: float, dof: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a standard deviation estimated with so many degrees of freedom.

    std sqrt(dof / chi2), with the quantiles of chi2 at (1 +- confidence)/2.
    """
    from scipy.special import chdtri

    tail = (1 - confidence) / 2
    low, high = (std * sqrt(dof / float(chdtri(dof, p))) for p in (tail, 1 - tail))
    return low, high


def correlation(a: Floats, b: Floats) -> float | None:
    """Of the scores of two variants over the same seeds, (n,) each; None where one is constant."""
    import numpy as np

    if a.size < 2 or not a.std() or not b.std():
        return None
    return float(np.corrcoef(a, b)[0, 1])

"""From residuals and replicates to variances and intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import copysign, erfc, frexp, fsum, inf, ldexp, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from mlcli.linear.arrays import Floats
from mlcli.linear.student import student_t_quantile

__all__ = [
    "ANY",
    "AT_MOST_ONE",
    "CORRELATION",
    "NON_NEGATIVE",
    "SHARE",
    "SHARE_OF_ROWS",
    "Range",
    "bounded_interval",
    "interval_ends",
    "mean_interval",
    "normal_cdf",
    "r_squared",
    "residual_variance",
    "residual_variance_or_none",
    "spread",
    "student_t_quantile",
    "wilson_interval",
]


@dataclass(frozen=True)
class Range:
    """The values that a quantity can have, which an interval of its mean never leaves.

    Attributes:
        least, most: the ends, which belong to it; infinite where there is none.
        of_rows: whether each value is the share of some rows for which something holds, so that the
            number of rows says how much the share varies at least.
        skewed: whether values near an end are skew, as a share near 1 or a loss near 0 is. Not so a
            difference of two shares, whose interval is that of its test.
    """

    least: float = -inf
    most: float = inf
    of_rows: bool = False
    skewed: bool = True

    @property
    def of_difference(self) -> Range:
        """Of the difference of two such quantities."""
        width = self.most - self.least
        return Range(-width, width, skewed=False)


ANY = Range()
NON_NEGATIVE = Range(0.0)
AT_MOST_ONE = Range(most=1.0)
SHARE = Range(0.0, 1.0)
SHARE_OF_ROWS = Range(0.0, 1.0, of_rows=True)
CORRELATION = Range(-1.0, 1.0)

EPSILON = float(np.finfo(np.float64).eps)
_erfc = np.vectorize(erfc, otypes=[np.float64])


def normal_cdf(z: ArrayLike) -> Floats:
    """P(Z <= z) of the standard normal, (1 + erf(z / sqrt 2)) / 2, without SciPy's import."""
    return np.asarray(0.5 * _erfc(-np.asarray(z, dtype=np.float64) / sqrt(2.0)))


def r_squared(rss: float, t: ArrayLike, centred: bool = True) -> float | None:
    """1 - rss / tss; None when t does not vary, as nothing is left to explain.

    Args:
        rss: the residual sum of squares, in the units of t squared.
        t: targets, (N,).
        centred: tss is sum (t - mean t)^2, or sum t^2 for a model without intercept.
    """
    values = np.asarray(t, dtype=np.float64)
    if values.size == 0:
        return None
    spread = values - values.mean() if centred else values
    # A constant that is not a binary fraction leaves rounding behind, which is not variation.
    if values.min() == values.max() if centred else not values.any():
        return None
    return 1.0 - rss / float(spread @ spread)


def residual_variance(rss: float, n_rows: int, dof: float) -> float:
    """The unbiased estimate of the noise variance, rss / (N - dof), in the units of t squared.

    Args:
        rss: the residual sum of squares.
        n_rows: N.
        dof: degrees of freedom of the fit, the number of columns for plain least squares.

    Raises:
        ValueError: N is not above dof, so that no residual degrees of freedom are left.
    """
    if n_rows <= dof:
        raise ValueError(f"n_rows must exceed the degrees of freedom {dof:g}, got {n_rows}")
    return rss / (n_rows - dof)


def residual_variance_or_none(rss: float, n_rows: int, dof: float) -> float | None:
    """`residual_variance`, or None where it doesn't exist."""
    return residual_variance(rss, n_rows, dof) if n_rows > dof else None


def interval_ends(mean: ArrayLike, half: ArrayLike, within: Range = ANY) -> tuple[Floats, Floats]:
    """The ends of a confidence interval of means, given Student's half widths.

    Student's interval m -+ h is cut at the ends of the range, which costs no coverage, since the
    true mean is in the range. Near an end of the range the values are skew: their standard
    deviation grows with the distance from that end, and a small mean comes with a small standard
    deviation, so that Student's interval ends too soon on the far side. Each end is therefore the
    one farther from m of the above and of the interval

        {mu: (m - mu)^2 <= h^2 V(mu) / V(m)},

    whose variance function V(mu) is mu - least, most - mu, or the product of both. It is Wilson's
    with an estimated dispersion, and stays within the range by itself.

    Args:
        mean: m, any shape.
        half: h, Student's quantile times the standard error; the shape of m.
        within: the range of the quantity. ANY leaves Student's interval.

    Returns:
        (low, high), low <= mean <= high.
    """
    m, h = np.asarray(mean, dtype=np.float64), np.asarray(half, dtype=np.float64)
    low, high = m - h, m + h
    least, most = within.least, within.most
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if within.skewed and least > -inf and most < inf:
            # With u = mu - least and w = most - least: (m - mu)^2 = c u (w - u).
            u, w = m - least, most - least
            c = np.where((u > 0) & (u < w), (h / u) * (h / (w - u)), 0.0)
            spread = np.sqrt(h * h + (c * w / 2) ** 2)
            low = np.fmin(low, least + (u + c * w / 2 - spread) / (1 + c))
            high = np.fmax(high, least + (u + c * w / 2 + spread) / (1 + c))
        elif within.skewed and least > -inf:
            high = np.fmax(high, least + _far(m - least, h))
        elif within.skewed and most < inf:
            low = np.fmin(low, most - _far(most - m, h))
    return np.minimum(np.maximum(low, least), m), np.maximum(np.minimum(high, most), m)


def _far(distance: Floats, half: Floats) -> Floats:
    """The larger u with (d - u)^2 = h^2 u / d: d (e/2 + sqrt(1 + e^2/4))^2 with e = h / d."""
    e = np.where(distance > 0, half / distance, 0.0)
    return np.asarray(distance * (e / 2 + np.sqrt(1 + e * e / 4)) ** 2)


def bounded_interval(
    mean: float,
    half: float,
    within: Range = ANY,
    rows: float | None = None,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """`interval_ends` of one mean, and what the number of rows adds.

    Where the number of rows is known and the range has two ends: a share of rows has Wilson's
    interval of all rows in place of the one with estimated dispersion; and where half is 0, so that
    the values say nothing of their spread, the rows do, since the mean of so many rows varies no
    more than a share of them.

    Args:
        mean, half, within: see `interval_ends`.
        rows: the number of rows behind the mean; None: not known.
        confidence: of Wilson's interval.
    """
    width = within.most - within.least
    says = within.of_rows or (half == 0 and within.skewed)
    by_rows = bool(rows) and width < inf and says
    range_ = replace(within, skewed=within.skewed and not by_rows)
    low, high = (float(end) for end in interval_ends(mean, half, range_))
    if by_rows and rows:
        least, most = wilson_interval((mean - within.least) / width, rows, confidence)
        low = min(low, within.least + width * least)
        high = max(high, within.least + width * most)
    return low, high


def wilson_interval(share: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a probability, from the share of n independent trials.

    (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), which stays within [0, 1].
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle, scale = share + z * z / (2 * n), 1 + z * z / n
    spread = z * sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    low = 0.0 if share <= 0 else (middle - spread) / scale
    high = 1.0 if share >= 1 else (middle + spread) / scale
    return low, high


def mean_interval(
    values: Iterable[float],
    confidence: float = 0.95,
    within: Range = ANY,
    rows: float | None = None,
) -> tuple[float, float | None, float | None, float | None, int]:
    """Mean, standard deviation (1/(n-1)) and the interval of the mean.

    `bounded_interval` of Student's half width t_{n-1}((1 + confidence)/2) std / sqrt(n), that is
    mean -+ half where the quantity has no range.

    The sums are exact before one rounding, so the order of the values does not matter.

    Args:
        values: n finite numbers.
        confidence: strictly between 0 and 1.
        within: the range of the quantity.
        rows: the number of rows behind all n values together; None: not known.

    Returns:
        (mean, std, low, high, n); std, low and high are None for n = 1.

    Raises:
        ValueError: there are no values, one is not finite, or the confidence is out of range.
    """
    numbers = [float(value) for value in values]
    n = len(numbers)
    if n == 0 or not np.isfinite(numbers).all():
        raise ValueError(f"values must be one or more finite numbers, got {n} with some not finite")
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence must be between 0 and 1, got {confidence}")
    # A power of two as the unit: exact, and squares neither overflow nor vanish. Between two ends
    # the unit is that of the ends.
    bounded = within.most - within.least < inf
    unit = 0 if bounded else frexp(max(abs(value) for value in numbers))[1]
    scaled = [ldexp(value, -unit) for value in numbers]
    m = min(max(fsum(scaled) / n, min(scaled)), max(scaled))
    mean = ldexp(m, unit)
    if n == 1:
        return mean, None, None, None, 1
    std = sqrt(fsum((value - m) ** 2 for value in scaled) / (n - 1))
    half = student_t_quantile((1 + confidence) / 2, n - 1) * std / sqrt(n)
    least, most = (_scaled(end, -unit) for end in (within.least, within.most))
    range_ = replace(within, least=least, most=most)
    low, high = bounded_interval(m, half, range_, rows, confidence)
    return mean, ldexp(std, unit), ldexp(low, unit), ldexp(high, unit), n


def _scaled(end: float, power: int) -> float:
    """An end of a range in another unit; one too far away to matter is at infinity."""
    return copysign(inf, end) if end and power > 1000 else ldexp(end, power)


def spread(X: Floats) -> Floats:
    """Standard deviations of the columns X (n, ...); 1 where all that varies is rounding.

    The mean of a column of one number is rounded, and so is what is left of it beside its mean.
    """
    std = X.std(axis=0)
    return np.asarray(np.where(std > 10 * EPSILON * np.abs(X).max(axis=0, initial=0.0), std, 1.0))

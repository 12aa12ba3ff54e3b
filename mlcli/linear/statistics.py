"""From residuals and replicates to variances and intervals."""

from __future__ import annotations

from collections.abc import Iterable
from math import erfc, frexp, fsum, ldexp, sqrt

import numpy as np
from numpy.typing import ArrayLike

from mlcli.linear.arrays import Floats
from mlcli.linear.student import student_t_quantile

__all__ = [
    "mean_interval",
    "normal_cdf",
    "r_squared",
    "residual_variance",
    "residual_variance_or_none",
    "spread",
    "student_t_quantile",
]


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
    # A constant that is no binary fraction leaves rounding behind, which is not variation.
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


def mean_interval(
    values: Iterable[float], confidence: float = 0.95
) -> tuple[float, float | None, float | None, float | None, int]:
    """Mean, standard deviation (1/(n-1)) and Student's interval of the mean.

    mean -+ t_{n-1}((1 + confidence)/2) std / sqrt(n). The sums are exact before one rounding, so
    the order of the values does not matter.

    Args:
        values: n finite numbers.
        confidence: strictly between 0 and 1.

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
    # A power of two as the unit: exact, and squares neither overflow nor vanish.
    unit = frexp(max(abs(value) for value in numbers))[1]
    scaled = [ldexp(value, -unit) for value in numbers]
    mean = min(max(fsum(scaled) / n, min(scaled)), max(scaled))
    if n == 1:
        return ldexp(mean, unit), None, None, None, 1
    std = sqrt(fsum((value - mean) ** 2 for value in scaled) / (n - 1))
    half = student_t_quantile((1 + confidence) / 2, n - 1) * std / sqrt(n)
    low, high = ldexp(mean - half, unit), ldexp(mean + half, unit)
    return ldexp(mean, unit), ldexp(std, unit), low, high, n


def spread(X: Floats) -> Floats:
    """Standard deviations of the columns X (n, ...); 1 where all that varies is rounding.

    The mean of a column of one number is rounded, and so is what is left of it beside its mean.
    """
    std = X.std(axis=0)
    return np.asarray(np.where(std > 10 * EPSILON * np.abs(X).max(axis=0, initial=0.0), std, 1.0))

"""Confidence bounds for a cross-validated error, and tests of differences of scores.

The k estimates of the expected loss are not independent (section 2), and no unbiased estimate of
the variance of their mean exists (Bengio and Grandvalet 2004). `naive` ignores that, `corrected`
allows for it by a rule, `mlcli.selection.nested` measures it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from mlcli.linear.arrays import Floats
from mlcli.linear.statistics import Range, bounded_interval, wilson_interval
from mlcli.linear.student import student_t_quantile

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate of the expected loss and its bounds.

    Attributes:
        estimate: in the units of the loss.
        std_error: the standard error the bounds are made of.
        low, high: the bounds.
    """

    estimate: float
    std_error: float
    low: float
    high: float

    def within(self, range_: Range, rows: float | None = None) -> Interval:
        """The same with the range of the loss taken into account, by `bounded_interval`.

        Args:
            range_: of the loss.
            rows: different rows that were tested; None: not known.
        """
        half = self.high - self.estimate
        estimate = min(max(self.estimate, range_.least), range_.most)
        low, high = bounded_interval(estimate, half, range_, rows)
        return Interval(estimate, self.std_error, low, high)


def naive(fold_losses: Floats, confidence: float = CONFIDENCE) -> Interval:
    """Student's interval as if the k means were independent: std / sqrt(k), k - 1 degrees.

    Args:
        fold_losses: mean loss on each test part, (k,), k >= 2.
        confidence: between 0 and 1.
    """
    return _student(fold_losses, 1.0 / fold_losses.size, fold_losses.size - 1, confidence)


def corrected(
    fold_losses: Floats, n_train: float, n_test: float, confidence: float = CONFIDENCE
) -> Interval:
    """Nadeau and Bengio's interval: variance std^2 (1/k + n_test / n_train), k - 1 degrees.

    The term n_test / n_train stands for the correlation of fits that share training rows.

    Args:
        fold_losses: mean loss on each test part, (k,), k >= 2; k counts all repeats.
        n_train, n_test: rows of one split (a mean where they differ).
        confidence: between 0 and 1.
    """
    k = fold_losses.size
    return _student(fold_losses, 1.0 / k + n_test / n_train, k - 1, confidence)


# Errors whose squares are beyond a float have no interval.
@np.errstate(over="ignore", invalid="ignore")
def _student(fold_losses: Floats, share: float, dof: int, confidence: float) -> Interval:
    estimate = float(fold_losses.mean())
    std_error = sqrt(share * float(fold_losses.var(ddof=1)))
    half = student_t_quantile((1 + confidence) / 2, dof) * std_error
    return Interval(estimate, std_error, estimate - half, estimate + half)


def coverage_interval(n_inside: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's interval for the share of n independent trials that came out inside."""
    p = n_inside / n
    low, high = wilson_interval(p, n, confidence)
    return Interval(p, float(np.sqrt(p * (1 - p) / n)), low, high)


def p_value(mean: float, standard_error: float, dof: float) -> float | None:
    """Two-sided, of Student's t of a mean difference; None where nothing varies.

    Args:
        mean: of the differences.
        standard_error: of that mean. Of n differences with standard deviation std it is
            std sqrt(1/n) where they are independent, and Nadeau and Bengio's
            std sqrt(1/n + n_test/n_train) where they are splits that share their rows.
        dof: degrees of freedom, n - 1.
    """
    if standard_error <= 0:
        return None
    from scipy.special import stdtr

    return float(2 * stdtr(dof, -abs(mean) / standard_error))


def holm_adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjustment for several tests: the i-th smallest of m times m - i + 1, never falling.

    Args:
        p_values: of each; None where there was no test, which then doesn't count.
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, i) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[i] = largest
    return adjusted

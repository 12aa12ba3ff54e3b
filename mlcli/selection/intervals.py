"""Confidence bounds for a cross-validated error.

The k estimates of the expected loss are not independent (section 2), and no unbiased estimate of
the variance of their mean exists (Bengio and Grandvalet 2004). `naive` ignores that, `corrected`
allows for it by a rule, `mlcli.selection.nested` measures it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from mlcli.linear.arrays import Floats
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

    def within(self, least: float, most: float) -> Interval:
        """The same with bounds that no loss can pass taken into account."""
        estimate, low, high = (
            min(max(value, least), most) for value in (self.estimate, self.low, self.high)
        )
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
    """Wilson's interval for the share of n independent trials that came out inside.

    (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), which stays within [0, 1].
    """
    p, z = n_inside / n, NormalDist().inv_cdf((1 + confidence) / 2)
    middle, scale = p + z * z / (2 * n), 1 + z * z / n
    spread = z * sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    low = 0.0 if n_inside == 0 else (middle - spread) / scale
    high = 1.0 if n_inside == n else (middle + spread) / scale
    return Interval(p, float(np.sqrt(p * (1 - p) / n)), low, high)

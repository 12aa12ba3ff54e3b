"""Means of several quantities over rows that come in batches, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from mlcli.linear.statistics import NON_NEGATIVE, Range, interval_ends
from mlcli.linear.student import student_t_quantile

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A metric and its interval; the bounds are None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None

    def entry(self) -> dict[str, float | None]:
        """As JSON."""
        return {"value": self.value, "ci_low": self.low, "ci_high": self.high}


class Moments:
    """Mean and covariance of d quantities, batch by batch (Chan, Golub and LeVeque 1979)."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self.n = 0
        self.mean = np.zeros(len(names))
        self._scatter = np.zeros((len(names), len(names)))

    def see(self, **values: Array) -> None:
        """Take in a batch: the values of each quantity, (n,) each."""
        V = np.stack([values[name] for name in self._names])  # (d, n)
        n = V.shape[1]
        if n == 0:
            return
        mean = V.mean(axis=1)
        centred = V - mean[:, None]
        step, total = mean - self.mean, self.n + n
        self._scatter += centred @ centred.T + np.outer(step, step) * (self.n * n / total)
        self.mean = self.mean + step * (n / total)
        self.n = total

    def of(self, name: str) -> float:
        """The mean of a quantity."""
        return float(self.mean[self._names.index(name)])

    def variance(self, **weights: float) -> float:
        """Variance over the rows, with 1/n, of a combination of quantities."""
        g = np.array([weights.get(name, 0.0) for name in self._names])
        return max(float(g @ self._scatter @ g) / self.n, 0.0)

    def interval(self, value: float, level: float, within: Range, **weights: float) -> Estimate:
        """The interval of a value whose error is, row by row, such a combination's.

        That of `interval_ends`, from Student's quantile, within the range of the value.
        """
        if self.n < 2:
            return Estimate(value)
        std_error = sqrt(self.variance(**weights) / (self.n - 1))
        half = student_t_quantile((1 + level) / 2, self.n - 1) * std_error
        low, high = interval_ends(value, half, within)
        return Estimate(value, float(low), float(high))

    def estimate(self, name: str, level: float, within: Range = NON_NEGATIVE) -> Estimate:
        """The mean of a quantity with its interval."""
        return self.interval(self.of(name), level, within, **{name: 1.0})

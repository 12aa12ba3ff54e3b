"""How good predictions are: metrics of rows that come in batches, each with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.linear.statistics import AT_MOST_ONE, NON_NEGATIVE, Range, interval_ends
from mlcli.linear.student import student_t_quantile
from mlcli.models.prediction import Array, ClassPredictions, NumberPredictions
from mlcli.scores import brier_scores, calibration, confusion_matrix, cross_entropies
from mlcli.selection.intervals import coverage_interval

Ints = NDArray[np.int64]
N_BINS = 10
N_DRAWS = 1000
INTERVALS = (
    "Student's over the rows, cut at the range of the metric and widened where it is skew; "
    "of r2 by the delta method; of shares (accuracy, coverage) Wilson's; "
    f"calibration_error_by_chance: mean and central part of {N_DRAWS} draws in which the "
    "probabilities are right"
)


@dataclass(frozen=True)
class Estimate:
    """A metric and its interval; the bounds are None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None

    def entry(self) -> dict[str, float | None]:
        """The estimate for JSON."""
        return {"value": self.value, "ci_low": self.low, "ci_high": self.high}


class RunningMoments:
    """Mean and covariance of d quantities, batch by batch (Chan, Golub and LeVeque 1979)."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self.n = 0
        self.mean = np.zeros(len(names))
        self._scatter = np.zeros((len(names), len(names)))

    def add(self, **values: Array) -> None:
        """Add a batch: the values of each quantity, (n,) each."""
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
        """The interval of a value whose error per row is a combination of the quantities.

        `interval_ends` with Student's quantile, within the range of the value.
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


class NumberMetrics:
    """mse, rmse, mae, r2 and the coverage of the intervals."""

    def __init__(self) -> None:
        self._moments = RunningMoments(("square", "absolute", "t", "t_square"))
        self._origin: float | None = None
        self._inside: int | None = None

    def add(self, found: NumberPredictions, t: Array) -> None:
        """Add a batch of predictions and targets, (n,)."""
        if self._origin is None:
            # Squares of t are taken about this value, so that they keep their digits.
            self._origin = float(t.mean())
        error, about = t - found.mean, t - self._origin
        self._moments.add(square=error**2, absolute=np.abs(error), t=about, t_square=about**2)
        if found.low is not None and found.high is not None:
            inside = int(((found.low <= t) & (t <= found.high)).sum())
            self._inside = (self._inside or 0) + inside

    def estimates(self, level: float) -> dict[str, Estimate]:
        """Each metric by name."""
        m = self._moments
        mse = m.estimate("square", level)
        low, high = mse.low, mse.high
        rmse = Estimate(
            sqrt(mse.value),
            None if low is None else sqrt(low),
            None if high is None else sqrt(high),
        )
        found = {"mse": mse, "rmse": rmse, "mae": m.estimate("absolute", level)}
        variance = m.variance(t=1.0)
        if variance > 0:
            # r2 = 1 - A/B: row by row its error is (a - (A/B) (t - mean)^2) / B.
            ratio = mse.value / variance
            slopes = {"square": 1.0, "t": 2 * ratio * m.of("t"), "t_square": -ratio}
            weights = {name: slope / variance for name, slope in slopes.items()}
            found["r2"] = m.interval(1.0 - ratio, level, AT_MOST_ONE, **weights)
        if self._inside is not None:
            share = coverage_interval(self._inside, m.n, level)
            found["coverage"] = Estimate(share.estimate, share.low, share.high)
        return found

    @property
    def n_rows(self) -> int:
        """Rows so far."""
        return self._moments.n


class ClassMetrics:
    """accuracy, cross-entropy, calibration error and the confusion matrix."""

    def __init__(self, n_classes: int) -> None:
        self.counts: Ints = np.zeros((n_classes, n_classes), dtype=np.int64)
        self._moments = RunningMoments(("loss", "brier"))
        self._bins = calibration(np.zeros(0, np.bool_), np.zeros(0), N_BINS)

    def add(self, found: ClassPredictions, labels: Ints) -> None:
        """Add a batch of predictions and the labels 0..K-1, (n,)."""
        self.counts += confusion_matrix(labels, found.predicted, len(self.counts))
        if found.P is None:
            return
        self._moments.add(
            loss=cross_entropies(labels, found.P), brier=brier_scores(labels, found.P)
        )
        p = found.P[np.arange(labels.size), found.predicted]
        self._bins += calibration(found.predicted == labels, p, N_BINS)

    def estimates(self, level: float) -> dict[str, Estimate]:
        """Each metric by name."""
        n, n_right = int(self.counts.sum()), int(np.trace(self.counts))
        share = coverage_interval(n_right, n, level)
        found = {"accuracy": Estimate(share.estimate, share.low, share.high)}
        if self._moments.n:
            found["cross_entropy"] = self._moments.estimate("loss", level)
            found["brier"] = self._moments.estimate("brier", level, Range(0.0, 2.0))
            found["calibration_error"], by_chance = self._calibration(level)
            found["calibration_error_by_chance"] = by_chance
        return found

    def _calibration(self, level: float) -> tuple[Estimate, Estimate]:
        """The expected calibration error, and what it would be by chance.

        Even exact probabilities have a positive one on finitely many rows: its mean and central
        part over random draws are the second estimate.
        """
        filled = self._bins.counts > 0
        n, expected = self._bins.counts[filled], self._bins.predicted_sum[filled]
        rng = np.random.default_rng(0)
        drawn = rng.binomial(n, np.minimum(expected / n, 1.0), (N_DRAWS, n.size))
        errors = np.abs(drawn - expected).sum(axis=1) / n.sum()
        low, high = np.quantile(errors, [(1 - level) / 2, (1 + level) / 2])
        return Estimate(self._bins.expected_error), Estimate(
            float(errors.mean()), float(low), float(high)
        )

    @property
    def n_rows(self) -> int:
        """Rows so far."""
        return int(self.counts.sum())


def entries(found: dict[str, Estimate]) -> dict[str, Any]:
    """The estimates for JSON."""
    return {name: one.entry() for name, one in found.items()}

"""How good predictions are: errors of numbers, and scores of probabilities and decisions.

Targets come first and predictions second, as in scikit-learn. Classes are numbered 0..K-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def squared(t: Floats, y: Floats) -> Floats:
    """(t - y)^2, eq (2.5); t (n,) and y (n, ...) give (n, ...)."""
    with np.errstate(over="ignore"):
        return np.asarray((_beside(t, y) - y) ** 2)


def absolute(t: Floats, y: Floats) -> Floats:
    """|t - y|; shapes as `squared`."""
    return np.asarray(np.abs(_beside(t, y) - y))


def zero_one(t: Floats, y: Floats) -> Floats:
    """1 where the predicted class y is not t, else 0, eq (2.4); shapes as `squared`."""
    return np.asarray(_beside(t, y) != y, dtype=np.float64)


def _beside(t: Floats, y: Floats) -> Floats:
    """t with a trailing axis of length 1 for each further axis of y."""
    return t.reshape(t.shape + (1,) * (y.ndim - 1))


def mean_squared_error(t: Floats, y: Floats) -> float:
    """1/N sum_n (t_n - y_n)^2 for targets and predictions (N,)."""
    return float(squared(t, y).mean())


def mean_absolute_error(t: Floats, y: Floats) -> float:
    """1/N sum_n |t_n - y_n| for targets and predictions (N,)."""
    return float(absolute(t, y).mean())


def r2_score(mse: float, variance: float) -> float:
    """1 - mse / variance, the share of the variance that is explained; NaN without variance."""
    return 1 - mse / variance if variance > 0 else np.nan


def accuracy(labels: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Share of rows whose predicted class is the right one, for labels (N,) each."""
    return float((predicted == labels).mean())


def cross_entropies(labels: Ints, P: Floats) -> Floats:
    """-ln p(C_t|x_n) of each row in nats, (N,), for probabilities (N, K).

    A probability that has rounded to 0 counts as the smallest positive number, so that the
    cross-entropy stays finite.
    """
    of_label = P[np.arange(labels.size), labels]
    return np.asarray(-np.log(np.maximum(of_label, np.finfo(np.float64).tiny)))


def mean_cross_entropy(labels: Ints, P: Floats) -> float:
    """-1/N sum_n ln p(C_t|x_n), eq (5.13), in nats: the mean of `cross_entropies`."""
    return float(cross_entropies(labels, P).mean())


def mean_cross_entropy_of_activations(labels: Ints, A: Floats) -> float:
    """-1/N sum_n ln softmax(a_n)_t, eq (5.22), in nats, for activations (N, K).

    No probability is rounded, so that the value is right however small it is; NaN where an
    activation is not finite.
    """
    with np.errstate(invalid="ignore"):
        shifted = A - A.max(axis=1, keepdims=True)
        log_total = np.log(np.exp(shifted).sum(axis=1))
    return float((log_total - shifted[np.arange(len(labels)), labels]).mean())


def brier_scores(labels: Ints, P: Floats) -> Floats:
    """sum_k (p(C_k|x_n) - t_nk)^2 of each row, (N,), for probabilities (N, K)."""
    return np.asarray(((P - np.eye(P.shape[1])[labels]) ** 2).sum(axis=1))


def brier_score(labels: Ints, P: Floats) -> float:
    """1/N sum_n sum_k (p(C_k|x_n) - t_nk)^2, between 0 and 2.

    The sum is over all classes, as Brier had it: of two classes it is twice the one-sided
    1/N sum_n (p(C_1|x_n) - t_n)^2 that scikit-learn's `brier_score_loss` gives.
    """
    return float(brier_scores(labels, P).mean())


def confusion_matrix(labels: Ints, predicted: Ints, n_classes: int) -> Ints:
    """Rows of class i that are predicted to be of class j, (K, K)."""
    flat = np.bincount(labels * n_classes + predicted, minlength=n_classes**2)
    return np.asarray(flat.reshape(n_classes, n_classes))  # (K, K)


@dataclass(frozen=True)
class ClassRates:
    """Precision, recall and their harmonic mean of each class, (K,).

    Precision is NaN for a class that is never predicted, and f1 is 0.
    """

    precision: Floats
    recall: Floats
    f1: Floats


def class_rates(counts: Ints) -> ClassRates:
    """The rates of each class from a confusion matrix (K, K)."""
    hit = np.diag(counts).astype(np.float64)
    predicted, there = counts.sum(axis=0), counts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = hit / predicted, hit / there
        f1 = 2.0 * hit / (predicted + there)
    return ClassRates(precision, recall, f1)


def rates_at_thresholds(positive: Bools, p: Floats, thresholds: Floats) -> Floats:
    """Precision, recall and accuracy where a row is predicted positive if p > p_0, (3, m).

    Precision is NaN where no row is predicted positive.

    Args:
        positive: which rows are positive, (N,).
        p: their probabilities, (N,).
        thresholds: p_0, (m,).
    """
    predicted = p[None, :] > thresholds[:, None]  # (m, N)
    hits = (predicted & positive).sum(axis=1)
    n_predicted, n_positive = predicted.sum(axis=1), max(int(positive.sum()), 1)
    with np.errstate(invalid="ignore"):
        precision = np.where(n_predicted > 0, hits / n_predicted, np.nan)
    return np.stack([precision, hits / n_positive, (predicted == positive).mean(axis=1)])


def shares_at_thresholds(positive: Bools, p: Floats, thresholds: Floats) -> Floats:
    """True and false positives, false and true negatives as shares of the rows, (4, m).

    The arguments are those of `rates_at_thresholds`.
    """
    predicted = p[None, :] > thresholds[:, None]  # (m, N)
    hits = (predicted & positive).sum(axis=1)
    counts = [hits, predicted.sum(axis=1) - hits, positive.sum() - hits]
    return np.stack([*counts, positive.size - np.sum(counts, axis=0)]) / positive.size


@dataclass(frozen=True)
class ThresholdCounts:
    """Counts at each threshold p_0: a row is predicted positive where p > p_0, eq (5.2).

    Attributes:
        thresholds: falling, infinity first, (m,).
        true_positives, false_positives: (m,).
        n_positive, n_negative: rows of each kind.
    """

    thresholds: Floats
    true_positives: Floats
    false_positives: Floats
    n_positive: int
    n_negative: int

    @property
    def recall(self) -> Floats:
        """True-positive rate: the share of the positives that is predicted positive, (m,)."""
        return self.true_positives / self.n_positive

    @property
    def false_positive_rate(self) -> Floats:
        """The share of the negatives that is predicted positive, (m,)."""
        return self.false_positives / self.n_negative

    @property
    def precision(self) -> Floats:
        """The share of positives among the predicted positives, 1 where there are none, (m,)."""
        predicted = self.true_positives + self.false_positives
        return np.where(predicted > 0, self.true_positives / np.maximum(predicted, 1.0), 1.0)


def threshold_counts(positive: Bools, p: Floats) -> ThresholdCounts | None:
    """Counts at every distinct p, (N,); None where all rows are of one kind.

    Rows with equal p change sides together: counting them one by one would draw a curve that
    depends on the order of the rows.
    """
    n_positive = int(positive.sum())
    if not 0 < n_positive < positive.size:
        return None
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))
    true = np.cumsum(positive[order])[ends].astype(np.float64)
    false = ends + 1.0 - true
    thresholds = np.concatenate([[np.inf], p[order][ends]])
    zero = np.zeros(1)
    return ThresholdCounts(
        thresholds,
        np.concatenate([zero, true]),
        np.concatenate([zero, false]),
        n_positive,
        positive.size - n_positive,
    )


def roc_auc(counts: ThresholdCounts) -> float:
    """Area under recall against false-positive rate.

    It is the probability that a random positive row has the larger p, ties counted half.
    """
    return float(np.trapezoid(counts.recall, counts.false_positive_rate))


def average_precision(counts: ThresholdCounts) -> float:
    """sum_m (R_m - R_{m-1}) P_m: precision averaged over recall, without interpolation."""
    return float((np.diff(counts.recall) * counts.precision[1:]).sum())


@dataclass(frozen=True)
class Calibration:
    """What is predicted against what happens, in bins of p of equal width.

    The calibration of more rows is the sum of those of its parts.

    Attributes:
        counts: rows, (n_bins,).
        predicted_sum: sum of p over them, (n_bins,).
        observed_sum: positive rows among them, (n_bins,).
    """

    counts: Ints
    predicted_sum: Floats
    observed_sum: Floats

    def __add__(self, other: Calibration) -> Calibration:
        return Calibration(
            self.counts + other.counts,
            self.predicted_sum + other.predicted_sum,
            self.observed_sum + other.observed_sum,
        )

    @property
    def predicted(self) -> Floats:
        """Mean p, (n_bins,); NaN in an empty bin."""
        with np.errstate(invalid="ignore"):
            return self.predicted_sum / self.counts

    @property
    def observed(self) -> Floats:
        """Share of positive rows, (n_bins,); NaN in an empty bin."""
        with np.errstate(invalid="ignore"):
            return self.observed_sum / self.counts

    @property
    def expected_error(self) -> float:
        """Mean over the rows of |observed - predicted| of their bin."""
        return float(np.abs(self.observed_sum - self.predicted_sum).sum() / self.counts.sum())


def calibration(positive: Bools, p: Floats, n_bins: int) -> Calibration:
    """Rows sorted into n_bins bins of [0, 1] by p, (N,)."""
    bins = np.minimum((p * n_bins).astype(np.int64), n_bins - 1)
    return Calibration(
        np.bincount(bins, minlength=n_bins),
        np.asarray(np.bincount(bins, p, n_bins), dtype=np.float64),
        np.asarray(np.bincount(bins[positive], minlength=n_bins), dtype=np.float64),
    )

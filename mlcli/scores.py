"""How good predictions are: errors of numbers, and scores of probabilities and decisions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.softmax import Floats

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Decisions:
    """Counts at each threshold p_0: a row is called positive where p > p_0, eq (5.2).

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
        """True-positive rate, found positives of all positives, (m,)."""
        return self.true_positives / self.n_positive

    @property
    def false_positive_rate(self) -> Floats:
        """Negatives called positive of all negatives, (m,)."""
        return self.false_positives / self.n_negative

    @property
    def precision(self) -> Floats:
        """True positives of all called positive, 1 where none is, (m,)."""
        called = self.true_positives + self.false_positives
        return np.where(called > 0, self.true_positives / np.maximum(called, 1.0), 1.0)


def decisions(p: Floats, positive: Bools) -> Decisions | None:
    """Counts at every distinct p, (N,); None when only one kind of row is there.

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
    return Decisions(
        thresholds,
        np.concatenate([zero, true]),
        np.concatenate([zero, false]),
        n_positive,
        positive.size - n_positive,
    )


def roc_auc(found: Decisions) -> float:
    """Area under recall against false-positive rate.

    It is the probability that a random positive row has the larger p, ties counted half.
    """
    return float(np.trapezoid(found.recall, found.false_positive_rate))


def average_precision(found: Decisions) -> float:
    """sum_m (R_m - R_{m-1}) P_m: precision averaged over recall, without interpolation."""
    return float((np.diff(found.recall) * found.precision[1:]).sum())


def confusion(labels: Ints, called: Ints, n_classes: int) -> Ints:
    """Rows of class i called class j, (K, K)."""
    flat = np.bincount(labels * n_classes + called, minlength=n_classes**2)
    return np.asarray(flat.reshape(n_classes, n_classes))  # (K, K)


@dataclass(frozen=True)
class Rates:
    """Precision, recall and their harmonic mean, (K,); precision is NaN for a class never called.

    f1 is 0 there: such a class is never found.
    """

    precision: Floats
    recall: Floats
    f1: Floats


def rates(counts: Ints) -> Rates:
    """The rates of each class from a confusion matrix (K, K)."""
    hit = np.diag(counts).astype(np.float64)
    called, there = counts.sum(axis=0), counts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = hit / called, hit / there
        f1 = 2.0 * hit / (called + there)
    return Rates(precision, recall, f1)


@dataclass(frozen=True)
class Calibration:
    """What is predicted against what happens, in bins of p of equal width; NaN in an empty bin.

    Attributes:
        predicted: mean p, (n_bins,).
        observed: share of positive rows, (n_bins,).
        counts: rows, (n_bins,).
    """

    predicted: Floats
    observed: Floats
    counts: Ints

    @property
    def expected_error(self) -> float:
        """Mean over the rows of |observed - predicted| of their bin."""
        filled = self.counts > 0
        gap = np.abs(self.observed - self.predicted)[filled]
        return float((self.counts[filled] * gap).sum() / self.counts.sum())


def calibration(p: Floats, positive: Bools, n_bins: int) -> Calibration:
    """Rows sorted into n_bins bins of [0, 1] by p, (N,)."""
    bins = np.minimum((p * n_bins).astype(np.int64), n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        predicted = np.bincount(bins, p, n_bins) / counts
        observed = np.bincount(bins, positive.astype(np.float64), n_bins) / counts
    return Calibration(predicted, observed, counts)


def mean_cross_entropy(P: Floats, labels: Ints) -> float:
    """-1/N sum_n ln p(C_t|x_n), eq (5.13), for probabilities (N, K).

    A probability that has rounded to 0 counts as the smallest positive number, so that the mean
    stays finite.
    """
    told = P[np.arange(labels.size), labels]
    return float(-np.log(np.maximum(told, np.finfo(np.float64).tiny)).mean())


def brier(P: Floats, labels: Ints) -> float:
    """1/N sum_n sum_k (p(C_k|x_n) - t_nk)^2, between 0 and 2.

    The sum is over all classes, as Brier had it: of two classes it is twice the one-sided
    1/N sum_n (p(C_1|x_n) - t_n)^2 that scikit-learn's `brier_score_loss` gives.
    """
    return float(((P - np.eye(P.shape[1])[labels]) ** 2).sum(axis=1).mean())

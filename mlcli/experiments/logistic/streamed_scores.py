"""Scores of predictions that come in batches, in bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.information import Information, information
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.experiments.logistic.likelihood import log_likelihood_of
from mlcli.experiments.logistic.replicate import (
    N_CELLS,
    N_GRID,
    curves,
    entropy_of_cells,
    predicted_classes,
)
from mlcli.scores import (
    ThresholdCounts,
    brier_score,
    calibration,
    class_rates,
    confusion_matrix,
    mean_cross_entropy,
)

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
# Numbers of bins of the log odds of a class against all others, over the range of a sample.
MOST_BINS, FEWEST_BINS = 2**16, 2**8
NO_ROWS = np.zeros(0)


class StreamedScores:
    """Counts and sums over the rows of one part, training or test.

    Every score is exact except those of curves over all thresholds, for which log odds are counted
    in bins and the rows of one bin change sides together.

    Args:
        config: validated parameters.
        n_classes: K.
        sample: predictions of a sample, (m, K), whose range the bins cover; its deciles bound the
            cells of (C.5).
    """

    def __init__(self, config: LogisticConfig, n_classes: int, sample: Array) -> None:
        self._config, self._K = config, n_classes
        self._bounds = np.quantile(sample[:, -1], np.arange(1, N_CELLS) / N_CELLS)
        K = n_classes
        self.n_rows = 0
        self.counts = np.zeros((K, K), dtype=np.int64)
        self._of = [1] if K == 2 else list(range(K))
        n_bins = max(FEWEST_BINS, MOST_BINS // len(self._of))
        self._odds = np.zeros((len(self._of), 2, n_bins), dtype=np.int64)
        odds = [_odds(sample, k) for k in self._of]
        self._ranges = [(float(one.min()), float(np.ptp(one))) for one in odds]
        self._thresholds = np.zeros((2, N_GRID + 1), dtype=np.int64)
        # Of class 1 of two, of the predicted class of more.
        self.calibration = calibration(NO_ROWS > 0, NO_ROWS, config.n_calibration_bins)
        self._cells = np.zeros((2, N_CELLS, K))
        self._sums = np.zeros(2)
        self.log_likelihood = 0.0

    def add(self, P: Array, t: Ints) -> None:
        """Add probabilities (n, K) and classes (n,)."""
        n, K = t.size, self._K
        if n == 0:
            return
        self.n_rows += n
        self.counts += confusion_matrix(t, predicted_classes(self._config, P), K)
        self._sums += [n * mean_cross_entropy(t, P), n * brier_score(t, P)]
        self.log_likelihood += log_likelihood_of(P, t)
        for place, k in enumerate(self._of):
            self._add_odds(place, P, k, t == k)
        if K == 2:
            # How many of the even thresholds are below p: a row is predicted positive there.
            above = np.searchsorted(np.linspace(0, 1, N_GRID), P[:, 1], side="left")
            for row, some in enumerate((t == 1, t == 0)):
                self._thresholds[row] += np.bincount(above[some], minlength=N_GRID + 1)
        chosen, right = (P[:, 1], t == 1) if K == 2 else (P.max(axis=1), P.argmax(axis=1) == t)
        self.calibration += calibration(right, chosen, self._config.n_calibration_bins)
        cell = np.searchsorted(self._bounds, P[:, -1])
        np.add.at(self._cells[0], (cell, t), 1.0)
        np.add.at(self._cells[1], cell, P)

    def _add_odds(self, place: int, P: Array, k: int, positive: NDArray[np.bool_]) -> None:
        n_bins, (low, width) = self._odds.shape[2], self._ranges[place]
        share = (_odds(P, k) - low) / (width or 1.0)
        bins = (share * n_bins).clip(0, n_bins - 1).astype(np.int64)
        for row, some in enumerate((positive, ~positive)):
            self._odds[place, row] += np.bincount(bins[some], minlength=n_bins)

    def scores(self) -> dict[str, float]:
        """Accuracy, cross-entropy, Brier score and the rates, by name."""
        found, n = class_rates(self.counts), self.n_rows
        of = slice(1, 2) if self._K == 2 else slice(None)
        return {
            "accuracy": float(np.diag(self.counts).sum() / n),
            "cross_entropy": float(self._sums[0] / n),
            "brier": float(self._sums[1] / n),
            "precision": float(np.nan_to_num(found.precision[of]).mean()),
            "recall": float(np.nan_to_num(found.recall[of]).mean()),
            "f1": float(np.nan_to_num(found.f1[of]).mean()),
        }

    def curves(self) -> tuple[Array | None, Array | None, dict[str, float]]:
        """As `replicate.curves`."""
        every = zip(self._odds, self._ranges, strict=True)
        return curves([_threshold_counts(counts, *one) for counts, one in every])

    def largest_error_of_auc(self) -> float:
        """An upper bound of the error of the area under the ROC curve."""
        pairs = [float((one[0] * one[1].astype(np.float64)).sum()) for one in self._odds]
        every = [float(one[0].sum()) * float(one[1].sum()) for one in self._odds]
        shares = [some / most for some, most in zip(pairs, every, strict=True) if most > 0]
        return float(np.mean(shares)) / 2 if shares else 0.0

    def by_threshold(self) -> Array | None:
        """Precision, recall and accuracy of two classes at even thresholds, (3, N_GRID)."""
        if self._K != 2:
            return None
        hits, false, n_positive, n_negative = self._at_thresholds()
        with np.errstate(invalid="ignore"):
            precision = np.where(hits + false > 0, hits / (hits + false), np.nan)
        accuracy = (hits + n_negative - false) / self.n_rows
        return np.stack([precision, hits / max(n_positive, 1), accuracy])

    def shares_by_threshold(self) -> Array | None:
        """As `scores.shares_at_thresholds` at even thresholds, (4, N_GRID), of two classes."""
        if self._K != 2:
            return None
        hits, false, n_positive, n_negative = self._at_thresholds()
        return np.stack([hits, false, n_positive - hits, n_negative - false]) / self.n_rows

    def _at_thresholds(self) -> tuple[Ints, Ints, int, int]:
        """True and false positives, (N_GRID,) each, and the positive and the negative rows."""
        hits, false = self._thresholds[:, ::-1].cumsum(axis=1)[:, -2::-1]
        n_positive, n_negative = self._thresholds.sum(axis=1)
        return hits, false, int(n_positive), int(n_negative)

    def cells(self) -> tuple[Information, float]:
        """(C.5) for the rows in cells of similar predictions, of about equal numbers of rows.

        With the entropy of the cells.
        """
        p, q = self._cells / self.n_rows
        return information(p, q), entropy_of_cells(p)

    def rows(self) -> Information:
        """(C.5) for the rows, as `likelihood.rows_information`, from their likelihood."""
        entropy, loss = float(np.log(self.n_rows)), -self.log_likelihood / self.n_rows
        return Information(entropy, loss, entropy + loss)


def _odds(P: Array, k: int) -> Array:
    """Log odds of a class against all others, (n,), finite even if a probability rounded to 0."""
    least = np.finfo(np.float64).tiny
    others = P[:, 1 - k] if P.shape[1] == 2 else 1.0 - P[:, k]
    return np.asarray(np.log(np.maximum(P[:, k], least)) - np.log(np.maximum(others, least)))


def _threshold_counts(counts: Ints, low: float, width: float) -> ThresholdCounts | None:
    """Counts at the edges of bins, from the rows of each, (2, n_bins), positive ones first."""
    n_positive, n_negative = (int(n) for n in counts.sum(axis=1))
    if not (n_positive and n_negative):
        return None
    filled = np.flatnonzero(counts.sum(axis=0))[::-1]
    true, false = np.cumsum(counts[:, filled], axis=1).astype(np.float64)
    thresholds = low + width * filled / counts.shape[1]
    first = np.zeros(1)
    return ThresholdCounts(
        np.concatenate([[np.inf], thresholds]),
        np.concatenate([first, true]),
        np.concatenate([first, false]),
        n_positive,
        n_negative,
    )

"""The repeats together: errors with intervals that mean what they say, and the choices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.kfold.replicate import KfoldOutcome
from mlcli.experiments.summary import INTERVAL, summary
from mlcli.linear.statistics import NON_NEGATIVE, Range
from mlcli.selection.cross_validation import at_minimum, one_standard_error
from mlcli.selection.intervals import Interval, corrected, naive

Array = NDArray[np.float64]
Cell = tuple[int, int]


@dataclass(frozen=True)
class Estimates:
    """What all repeats say; degrees rise, strengths fall.

    Attributes:
        outcomes: the repeats.
        fresh: whether they are independent data sets (else partitions of one).
        error: the mean cross-validated error, (n_degrees, n_strengths).
        best: the cell with the least of it.
        one_se: the simplest cell within one standard error of that.
        range_of_loss: the values that the loss can have.
    """

    outcomes: Sequence[KfoldOutcome]
    fresh: bool
    error: Array
    best: Cell
    one_se: Cell
    range_of_loss: Range = NON_NEGATIVE

    def cv(self, cell: Cell) -> dict[str, Any]:
        """The cross-validated error of a model: mean, std, ci_low, ci_high, n.

        Independent data sets: Student's interval over them. One data set: over all splits of all
        partitions, with Nadeau and Bengio's correction, since they share their rows.
        """
        if self.fresh:
            errors = [float(one.error[cell]) for one in self.outcomes]
            return summary(errors, self.range_of_loss, self._rows())
        splits = np.concatenate([one.scores.test[cell] for one in self.outcomes])
        if splits.size < 2 or not np.isfinite(splits).all():
            return dict.fromkeys(INTERVAL, None) | {"mean": _finite(splits), "n": splits.size}
        found = corrected(splits, *self._sizes()).within(self.range_of_loss, self._rows())
        values = (found.estimate, float(splits.std(ddof=1)), found.low, found.high, splits.size)
        return dict(zip(INTERVAL, values, strict=True))

    def of_fit(self, name: str, cell: Cell) -> dict[str, Any] | None:
        """A score of the fit of all rows; None where there is none. One data set: one value."""
        outcomes = self.outcomes if self.fresh else self.outcomes[:1]
        values = [float(getattr(one.scores, name)[cell]) for one in outcomes]
        return None if np.isnan(values).all() else summary(values, self.range_of_loss, self._rows())

    def chosen_within(self) -> dict[str, Any] | None:
        """The error of choosing and fitting together, from cross-validation within the folds."""
        if np.isnan(self.outcomes[0].scores.inner).any():
            return None
        values = [one.chosen_within() for one in self.outcomes]
        if self.fresh:
            means = [float(splits.mean()) for splits in values]
            return summary(means, self.range_of_loss, self._rows())
        splits = np.concatenate(values)
        found = corrected(splits, *self._sizes()).within(self.range_of_loss, self._rows())
        numbers = (found.estimate, float(splits.std(ddof=1)), found.low, found.high, splits.size)
        return dict(zip(INTERVAL, numbers, strict=True))

    def shares(self, rule: str, degrees: Sequence[int]) -> dict[str, float]:
        """How often each degree was chosen by a rule, as a share of the repeats."""
        cells = [getattr(one, rule)() for one in self.outcomes]
        counts = Counter(degrees[cell[0]] for cell in cells)
        return {f"degree_{d}": counts[d] / len(cells) for d in sorted(counts)}

    def first_intervals(self) -> Mapping[str, Interval]:
        """The naive and the corrected interval of the best model on the first data set."""
        first = self.outcomes[0]
        splits = first.scores.test[self.best]
        if splits.size < 2 or not np.isfinite(splits).all():
            return {}
        one = splits[: splits.size // first.n_partitions]
        found = {"naive": naive(one)} if one.size > 1 else {}
        found["corrected"] = corrected(splits, *self._sizes())
        range_, rows = self.range_of_loss, self._rows()
        return {kind: bounds.within(range_, rows) for kind, bounds in found.items()}

    def _rows(self) -> float:
        """Different rows that are tested in one repeat."""
        first = self.outcomes[0]
        return float(first.n_test.sum()) / first.n_partitions

    def _sizes(self) -> tuple[float, float]:
        first = self.outcomes[0]
        return float(first.n_train.mean()), float(first.n_test.mean())


def estimate(
    outcomes: Sequence[KfoldOutcome], fresh: bool, range_of_loss: Range = NON_NEGATIVE
) -> Estimates:
    """Average the repeats and choose by both rules.

    The standard error of the second rule is that of the mean error: over the data sets if there are
    several, else over the folds of one partition.
    """
    stacked = np.stack([one.error for one in outcomes])  # (n_repeats, n_degrees, n_strengths)
    error = stacked.mean(axis=0)
    if fresh and len(outcomes) > 1:
        with np.errstate(invalid="ignore", over="ignore"):
            std_error = stacked.std(axis=0, ddof=1) / np.sqrt(len(outcomes))
    else:
        std_error = np.mean([one.std_error for one in outcomes], axis=0)
    one_se = one_standard_error(error, std_error)
    return Estimates(outcomes, fresh, error, at_minimum(error), one_se, range_of_loss)


def _finite(values: Array) -> float | None:
    mean = float(values.mean()) if values.size else np.nan
    return mean if np.isfinite(mean) else None

"""The standardised columns of training rows that are met in batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import DataError
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.linear.arrays import EPSILON
from mlcli.linear.basis import POWERS, Basis, fit_basis
from mlcli.linear.design import ColumnScaling, Design
from mlcli.linear.redundant import Redundant, is_binary

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


class Ranges:
    """Ranges of the features, and the rows of each class.

    Attributes:
        low, high: (D,).
        binary: which features are 0 or 1 in every row, (D,).
        counts: (K,).
    """

    def __init__(self, n_features: int, n_classes: int) -> None:
        self.low = np.full(n_features, np.inf)
        self.high = np.full(n_features, -np.inf)
        self.binary = np.ones(n_features, dtype=np.bool_)
        self.counts = np.zeros(n_classes, dtype=np.int64)

    def add(self, X: Array, labels: Ints) -> None:
        """Take in rows X (n, D) of known classes (n,)."""
        if labels.size:
            self.low = np.minimum(self.low, X.min(axis=0))
            self.high = np.maximum(self.high, X.max(axis=0))
            self.binary &= is_binary(X)
            self.counts += np.bincount(labels, minlength=self.counts.size)


class Columns:
    """Means and standard deviations of the columns, from a second look at the rows.

    Squares are summed about the means of a sample, so that no digits are lost.

    Args:
        config: validated parameters.
        ranges: of the training rows.
        sample: some rows, (m, D).
    """

    def __init__(self, config: LogisticConfig, ranges: Ranges, sample: Array) -> None:
        self._config, self._ranges = config, ranges
        self._scale = np.ones(ranges.low.size)
        if config.basis in POWERS and config.standardize:
            largest = np.maximum(np.abs(ranges.low), np.abs(ranges.high))
            self._scale = np.where(largest > 0, largest, 1.0)
        self._basis: Basis = fit_basis(
            config.basis,
            ranges.low / self._scale,
            ranges.high / self._scale,
            config.degree,
            intercept=config.intercept,
            redundant=Redundant(frozenset(np.flatnonzero(ranges.binary).tolist())),
        )
        Phi = self._evaluate(sample)
        self._about = Phi.mean(axis=0) if config.intercept else np.zeros(Phi.shape[1])
        self._sums = np.zeros((2, Phi.shape[1]))

    def add(self, X: Array) -> None:
        """Take in rows, (n, D)."""
        rest = self._evaluate(X) - self._about
        with np.errstate(over="ignore", invalid="ignore"):
            self._sums += [rest.sum(axis=0), np.einsum("ij,ij->j", rest, rest)]

    def design(self) -> Design:
        """The columns as `linear.design.build` makes them of all these rows, which it lacks.

        Raises:
            DataError: a column has exceeded a float.
        """
        config, counts = self._config, self._ranges.counts
        n = int(counts.sum())
        if not np.isfinite(self._sums).all():
            raise DataError(
                "the columns of the basis",
                must="finite",
                got="NaN or infinity",
                hint="--standardize",
            )
        shift, square = self._sums / n
        mean, t_mean = np.zeros_like(shift), 0.0
        if config.intercept:
            mean, square = self._about + shift, square - shift**2
            t_mean = float(counts @ np.arange(counts.size)) / n
        std = np.sqrt(np.maximum(square, 0.0))
        std[std <= 10 * EPSILON * np.abs(mean)] = 1.0
        if not config.standardize:
            std = np.ones_like(std)
        nothing = np.empty((0, mean.size))
        return Design(
            self._basis, self._scale, ColumnScaling(mean, std, t_mean), nothing, nothing[:, 0]
        )

    def _evaluate(self, X: Array) -> Array:
        Phi = self._basis.evaluate(X / self._scale)
        return Phi[:, 1:] if self._config.intercept else Phi

"""`logistic` on a table that is larger than memory: a few passes for all seeds together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.classifier import MOST_ERRORS, LogisticModel, with_constant
from mlcli.classification.newton import LogisticFit, fit_newton, standard_errors_from_hessian
from mlcli.classification.objective import Objective, even_weights
from mlcli.classification.softmax import n_columns, probabilities
from mlcli.classification.streamed_newton import StreamedNewton
from mlcli.datasets.split import stratified_indices, test_mask
from mlcli.datasets.streaming import MAX_VALUES, StreamSource
from mlcli.errors import DataError
from mlcli.experiments.logistic.classes import (
    TargetClasses,
    class_weights_of,
    classes_of_values,
    labels_of,
    strengths_of,
)
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.experiments.logistic.densities import plane_outcome
from mlcli.experiments.logistic.replicate import LogisticOutcome, LogisticSplit, why_no_minimum
from mlcli.experiments.logistic.streamed_scores import StreamedScores
from mlcli.experiments.logistic.studies import MAX_ROWS, saturation, separable
from mlcli.experiments.logistic.tables import plane_for
from mlcli.linear.arrays import EPSILON
from mlcli.linear.basis import POWERS, Basis, count_columns, fit_basis
from mlcli.linear.design import ColumnScaling, Design
from mlcli.linear.redundant import Redundant, is_binary
from mlcli.result import Progress
from mlcli.rng import stream

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
# The most numbers in the columns of a chunk, and in all Hessians of one pass.
CHUNK_CELLS = 2**19
HESSIAN_CELLS = 2**24
FEWEST_ROWS, MOST_ROWS = 256, 8192
# The most steps on the sample, whose fit is the start for all rows.
SAMPLE_STEPS = 30


def classes_in_batches(config: LogisticConfig, source: StreamSource) -> TargetClasses:
    """The classes of a table that is read in batches, without labels.

    Raises:
        DataError: the target is not classes, or a setting needs all rows at once.
    """
    if config.solver != "newton" or config.loss != "cross-entropy":
        raise DataError(
            f"{source.name} has {source.n_rows} rows and is read in batches, which only --solver "
            "newton with --loss cross-entropy can use",
            hint="fewer rows for the rest",
        )
    if source.target_counts is None and config.positive is None:
        raise DataError(
            f"target '{source.target_name}'",
            must="classes",
            got=f"more than {MAX_VALUES} values",
            hint="another --target",
        )
    values = _values(source)
    if source.target_counts is None:
        label = [config.positive] if isinstance(config.positive, float) else []
        values = np.union1d(source.sample.t, label)
    names = tuple(f"{value:g}" for value in values)
    return classes_of_values(config, values, names, source.n_rows, source.target_name)


def _values(source: StreamSource) -> Array:
    return np.array(list(source.target_counts or {}), dtype=np.float64)


class StreamedRanges:
    """Ranges of the features and counts of the classes of rows that come in batches.

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
        """Add rows X (n, D) with classes (n,)."""
        if labels.size:
            self.low = np.minimum(self.low, X.min(axis=0))
            self.high = np.maximum(self.high, X.max(axis=0))
            self.binary &= is_binary(X)
            self.counts += np.bincount(labels, minlength=self.counts.size)


class StreamedColumns:
    """Means and standard deviations of the columns of rows that come in batches.

    It needs the ranges of the features, and so a second pass. Squares are summed about the means of
    a sample, so that no digits are lost.

    Args:
        config: validated parameters.
        ranges: of the training rows.
        sample: some rows, (m, D).
    """

    def __init__(self, config: LogisticConfig, ranges: StreamedRanges, sample: Array) -> None:
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
        """Add rows, (n, D)."""
        rest = self._evaluate(X) - self._about
        with np.errstate(over="ignore", invalid="ignore"):
            self._sums += [rest.sum(axis=0), np.einsum("ij,ij->j", rest, rest)]

    def design(self) -> Design:
        """The design that `linear.design.build` makes of all these rows, without its rows.

        Raises:
            DataError: a column has overflowed.
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
        no_rows = np.empty((0, mean.size))
        return Design(
            self._basis, self._scale, ColumnScaling(mean, std, t_mean), no_rows, no_rows[:, 0]
        )

    def _evaluate(self, X: Array) -> Array:
        Phi = self._basis.evaluate(X / self._scale)
        return Phi[:, 1:] if self._config.intercept else Phi


class _Seed:
    """One seed: what is known of its training rows, and its fit."""

    def __init__(self, config: LogisticConfig, index: int, n_features: int, n_classes: int) -> None:
        self._config = config
        self.index = index
        self.ranges = StreamedRanges(n_features, n_classes)
        self.design: Design
        self.newton: StreamedNewton
        self._row_weights: Array

    def begin(self, design: Design, X: Array, labels: Ints) -> None:
        """Start from the fit to the sample, X (m, D) and labels (m,)."""
        config, counts = self._config, self.ranges.counts.astype(np.float64)
        K = counts.size
        by_class = class_weights_of(config, np.arange(K), K, counts)
        self.design = design
        self._row_weights = by_class / (counts @ by_class)
        free = (0,) if config.intercept else ()
        l1, l2 = strengths_of(config)
        weights = by_class[labels] / by_class[labels].sum()
        sample = Objective(self.phi(X), labels, K, weights, l1=l1, l2=l2, free=free)
        start = fit_newton(sample, np.zeros(sample.shape), SAMPLE_STEPS).W
        self.newton = StreamedNewton(K, start, l1=l1, l2=l2, free=free, max_steps=config.max_steps)

    def phi(self, X: Array) -> Array:
        """The columns at X (n, D), (n, p)."""
        return with_constant(self.design.columns(X), self._config.intercept)

    def predict(self, X: Array) -> Array:
        """p(C_k|x) at X (n, D) -> (n, K)."""
        return probabilities(self.phi(X) @ self.fit.W)

    def add(self, X: Array, labels: Ints) -> None:
        """Add training rows to a pass of Newton's method."""
        self.newton.add(self.phi(X), labels, self._row_weights[labels])

    @property
    def fit(self) -> LogisticFit:
        """The weights, after the last pass."""
        assert self.newton.fit is not None
        return self.newton.fit

    def classifier(self, split: LogisticSplit) -> LogisticModel:
        """The model, with an objective on some training rows of the sample for the studies."""
        config, W = self._config, self.fit.W
        some = split.train[:: -(-split.train.size // MAX_ROWS)]
        labels, K = split.classes.labels[some], split.classes.size
        l1, l2 = strengths_of(config)
        objective = Objective(
            self.phi(split.X[some]),
            labels,
            K,
            even_weights(labels.size),
            l1=l1,
            l2=l2,
            free=(0,) if config.intercept else (),
        )
        errors = None
        # Only the Hessian of the first seed is kept.
        if self.newton.curvature.size and W.size <= MOST_ERRORS:
            errors = standard_errors_from_hessian(
                self.newton.curvature, self.newton.gauge, int(self.ranges.counts.sum())
            )
        return LogisticModel(self.design, config.intercept, objective, self.fit, errors)


@dataclass(frozen=True)
class StreamedFit:
    """Result of `run_streamed`.

    Attributes:
        outcomes: one per seed.
        model: of the first seed.
        split: the sample, split, for the figures.
        auc_error: an upper bound of the error of the areas under curves.
    """

    outcomes: list[LogisticOutcome]
    model: LogisticModel
    split: LogisticSplit
    auc_error: float


def run_streamed(
    config: LogisticConfig, source: StreamSource, classes: TargetClasses, progress: Progress
) -> StreamedFit:
    """Fit and score every seed: two passes for the columns, one per Newton step, one for scores.

    Each row is assigned to the test part of a seed independently, the same way in every pass. The
    steps start at the fit to the source's sample and end where those on rows in memory would.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _Run(config, source, classes, progress).answer()


class _Run:
    """The passes over the file."""

    def __init__(
        self,
        config: LogisticConfig,
        source: StreamSource,
        classes: TargetClasses,
        progress: Progress,
    ) -> None:
        self._config, self._source, self._progress = config, source, progress
        self._classes = replace(classes, labels=labels_of(classes, source.sample.t))
        D, K = len(source.feature_names), self._classes.size
        self._seeds = [_Seed(config, index, D, K) for index in range(config.n_seeds)]
        p = count_columns(config.basis, D, config.degree, config.intercept)
        self._chunk = max(FEWEST_ROWS, min(MOST_ROWS, CHUNK_CELLS // p))
        # The planes are those of a sample.
        self._plane = plane_for(config, source.feature_names, self._sample_split(0))
        self._at_once = max(1, HESSIAN_CELLS // (p * n_columns(K)) ** 2)

    def answer(self) -> StreamedFit:
        """Do all passes."""
        X, labels = self._source.sample.X, self._classes.labels
        for seed, rows, classes in self._training(self._seeds):
            seed.ranges.add(rows, classes)
        self._refuse_empty()
        columns = {one.index: StreamedColumns(self._config, one.ranges, X) for one in self._seeds}
        for seed, rows, _ in self._training(self._seeds):
            columns[seed.index].add(rows)
        for first in range(0, len(self._seeds), self._at_once):
            together = self._seeds[first : first + self._at_once]
            for seed in together:
                seed.begin(columns[seed.index].design(), X, labels)
            self._fit(together)
        return self._scored()

    def _rows(
        self, seeds: Sequence[_Seed]
    ) -> Iterator[tuple[_Seed, NDArray[np.bool_], Array, Ints]]:
        """A pass in chunks: seed, which rows are of its test part (n,), X (n, D), labels (n,)."""
        config, done = self._config, 0
        rngs = [stream(config.seed, "split", seed.index) for seed in seeds]
        for X, t in self._source.batches():
            labels = labels_of(self._classes, t)
            tests = [test_mask(t.size, config.test_fraction, rng) for rng in rngs]
            for start in range(0, t.size, self._chunk):
                part = slice(start, start + self._chunk)
                for seed, test in zip(seeds, tests, strict=True):
                    yield seed, test[part], X[part], labels[part]
            done += t.size
            self._progress(done, self._source.n_rows)

    def _training(self, seeds: Sequence[_Seed]) -> Iterator[tuple[_Seed, Array, Ints]]:
        for seed, test, X, labels in self._rows(seeds):
            if not test.all():
                yield seed, X[~test], labels[~test]

    def _refuse_empty(self) -> None:
        for seed in self._seeds:
            for name, count in zip(self._classes.names, seed.ranges.counts, strict=True):
                if count == 0:
                    raise DataError(
                        f"class {name} has no row in the training part of repeat {seed.index}",
                        hint="a lower --test-fraction, or leaving its few rows out",
                    )

    def _fit(self, seeds: Sequence[_Seed]) -> None:
        while live := [seed for seed in seeds if seed.newton.fit is None]:
            for seed, X, labels in self._training(live):
                seed.add(X, labels)
            for seed in live:
                seed.newton.finish_pass()
        for seed in seeds[int(seeds[0].index == 0) :]:
            seed.newton.curvature = np.empty((0, 0))

    def _scored(self) -> StreamedFit:
        config, classes, X = self._config, self._classes, self._source.sample.X
        found = []
        for seed in self._seeds:
            P = seed.predict(X)
            both = [StreamedScores(config, classes.size, P) for _ in range(2)]
            found.append((seed, both[0], both[1]))
        for seed, test, rows, labels in self._rows(self._seeds):
            P = seed.predict(rows)
            _, of_test, of_train = found[seed.index]
            of_test.add(P[test], labels[test])
            of_train.add(P[~test], labels[~test])
        outcomes = [self._outcome(*one) for one in found]
        split = self._sample_split(0)
        model = self._seeds[0].classifier(split)
        return StreamedFit(
            outcomes, model, split, max(test.largest_error_of_auc() for _, test, _ in found)
        )

    def _sample_split(self, index: int) -> LogisticSplit:
        rng = stream(self._config.seed, "sample", index)
        labels = self._classes.labels
        train, test = stratified_indices(labels, self._config.test_fraction, rng)
        return LogisticSplit(self._source.sample.X, self._classes, train, test, self._source.sample)

    def _outcome(self, seed: _Seed, test: StreamedScores, train: StreamedScores) -> LogisticOutcome:
        if test.n_rows == 0:
            raise DataError("no row was left for testing", hint="a higher --test-fraction")
        config, fit = self._config, seed.fit
        W = fit.W[int(config.intercept) :]
        roc, precision, areas = test.curves()
        bins, of_train = test.calibration, train.scores()
        commonest = int(seed.ranges.counts.argmax())
        scores = (
            {f"test_{name}": value for name, value in test.scores().items()}
            | areas
            | {
                "train_accuracy": of_train["accuracy"],
                "train_cross_entropy": of_train["cross_entropy"],
                "commonest_class_accuracy": float(test.counts[commonest].sum() / test.n_rows),
                "n_steps": float(fit.n_steps),
                "converged": float(fit.converged),
                "largest_violation": seed.newton.violation,
                "n_nonzero": float((W != 0).sum()),
                "weight_norm": float(np.linalg.norm(W)),
                "test_calibration_error": bins.expected_error,
            }
        )
        split = self._sample_split(seed.index)
        model, cells = seed.classifier(split), test.cells()
        parts, plane = (split.train, split.test), self._plane
        return LogisticOutcome(
            scores,
            test.counts,
            roc,
            precision,
            test.by_threshold(),
            test.shares_by_threshold(),
            bins,
            {"cells": cells[0], "rows": test.rows()},
            {"cells": cells[1], "rows": float(np.log(test.n_rows))},
            test.log_likelihood,
            None
            if plane is None
            else plane_outcome(config, self._source, split.X, split.classes, parts, plane),
            fit.certificate,
            why_no_minimum(fit, self._classes.names),
            saturation(config, model),
            separable(config, model),
            train.n_rows,
        )

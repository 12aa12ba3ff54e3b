"""One repeat of `kfold`: a data set, its partitions, and the scores of every model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import worst_of
from mlcli.experiments.cross_validation.refits import logistic_losses
from mlcli.experiments.cross_validation.scores import (
    CrossValidationScores,
    logistic_scores,
    scores_of,
)
from mlcli.experiments.cross_validation.spec import CrossValidationSpec
from mlcli.experiments.kfold.prepare import KfoldPrepared
from mlcli.scale.workers import Workers
from mlcli.selection.cross_validation import at_minimum, one_standard_error
from mlcli.selection.folds import Folds

Array = NDArray[np.float64]


@dataclass(frozen=True)
class KfoldOutcome:
    """What one repeat contributes.

    Attributes:
        scores: of all its partitions, their splits one after the other.
        n_train, n_test: rows of each split, (n_splits,).
        n_partitions: how many partitions there are.
        path: the scores of the highest degree over a grid of strengths, where the main comparison
            has no penalty; its own `path` is None.
    """

    scores: CrossValidationScores
    n_train: NDArray[np.int64]
    n_test: NDArray[np.int64]
    n_partitions: int
    path: KfoldOutcome | None = None

    @property
    def error(self) -> Array:
        """The cross-validated error: the mean over the splits, (n_degrees, n_strengths)."""
        return np.asarray(self.scores.test.mean(axis=2))

    @property
    def std_error(self) -> Array:
        """Naive standard errors of one partition's mean, averaged over the partitions."""
        shape = (*self.scores.test.shape[:2], self.n_partitions, -1)
        splits = self.scores.test.reshape(shape)  # (n_degrees, n_strengths, n_partitions, k)
        k = splits.shape[3]
        if k < 2:
            return np.full(shape[:2], np.nan)
        return np.asarray((splits.std(axis=3, ddof=1) / np.sqrt(k)).mean(axis=2))

    def minimum(self) -> tuple[int, int]:
        """The cell with the least error."""
        return at_minimum(self.error)

    def one_se(self) -> tuple[int, int]:
        """The simplest cell within one standard error of the least."""
        return one_standard_error(self.error, self.std_error)

    def chosen_within(self) -> Array:
        """Loss on each test part of the model chosen on its training part alone, (n_splits,)."""
        inner = self.scores.inner
        best = [at_minimum(inner[:, :, split]) for split in range(inner.shape[2])]
        return np.array([self.scores.test[cell][split] for split, cell in enumerate(best)])


def outcomes(prepared: KfoldPrepared, workers: Workers) -> Iterator[KfoldOutcome]:
    """Every repeat in order; refits of single splits are shared among the workers too."""
    total = prepared.n_replicates
    if prepared.config.model == "linear":
        yield from workers.map_ordered(lambda index: _linear(prepared, index), range(total))
        return
    pieces = [piece for index in range(total) for piece in _logistic_pieces(prepared, index)]
    losses = workers.map_ordered(lambda piece: _logistic_piece(prepared, piece), pieces)
    for index in range(total):
        found = [next(losses) for piece in pieces if piece[0] == index]
        _, every = prepared.repeat(index)
        yield _outcome(every, [logistic_scores(found[0], found[1:])])


def _linear(prepared: KfoldPrepared, index: int) -> KfoldOutcome:
    data, every = prepared.repeat(index)

    def scored(spec: CrossValidationSpec) -> KfoldOutcome:
        return _outcome(every, [scores_of(spec, data, folds, prepared.known) for folds in every])

    found = scored(prepared.spec)
    return found if prepared.path_spec is None else replace(found, path=scored(prepared.path_spec))


def _outcome(every: Sequence[Folds], scores: Sequence[CrossValidationScores]) -> KfoldOutcome:
    joined = replace(
        scores[0],
        test=np.concatenate([one.test for one in scores], axis=2),
        inner=np.concatenate([one.inner for one in scores], axis=2),
        n_refits=sum(one.n_refits for one in scores),
        relative_gap=max(one.relative_gap for one in scores),
        certificate=worst_of(*(one.certificate for one in scores)),
    )
    return KfoldOutcome(
        joined,
        np.concatenate([folds.n_train for folds in every]),
        np.concatenate([folds.n_test for folds in every]),
        len(every),
    )


def _logistic_pieces(prepared: KfoldPrepared, index: int) -> list[tuple[int, int, int]]:
    """(repeat, partition, split); the fit of all rows comes first, as split -1."""
    _, every = prepared.repeat(index)
    splits = [(index, p, split) for p, folds in enumerate(every) for split in range(folds.n_splits)]
    return [(index, 0, -1), *splits]


def _logistic_piece(prepared: KfoldPrepared, piece: tuple[int, int, int]) -> Array:
    index, partition, split = piece
    spec, (data, every) = prepared.spec, prepared.repeat(index)
    rows = np.arange(data.t.size)
    if split < 0:
        return logistic_losses(spec, data.fitted_to().X, data.t, rows, rows, data.related)
    folds = every[partition]
    train, test = folds.train_rows(split), folds.test_rows(split)
    return logistic_losses(spec, data.fitted_to(train).X, data.t, train, test, data.related)

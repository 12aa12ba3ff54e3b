"""Intervals for the error of one model, and how often such intervals hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source
from mlcli.datasets.synthetic import Generator
from mlcli.experiments.cross_validation.refits import (
    class_refit,
    columns_of,
    penalised_refit,
    refit_with_preparation,
)
from mlcli.experiments.cross_validation.scores import least_squares_columns
from mlcli.experiments.cross_validation.spec import CrossValidationSpec
from mlcli.experiments.kfold.config import KfoldConfig
from mlcli.experiments.kfold.prepare import SPARE_NODES, KfoldPrepared
from mlcli.linear.arnoldi import fit_arnoldi
from mlcli.linear.statistics import NON_NEGATIVE
from mlcli.rng import stream
from mlcli.scale.workers import Workers
from mlcli.selection.cross_validation import LOSSES
from mlcli.selection.expected_loss import expected_squared_error, uniform_quadrature
from mlcli.selection.folds import k_fold, stratified
from mlcli.selection.intervals import Interval, corrected, naive
from mlcli.selection.nested import (
    PairLosses,
    least_squares_pairs,
    nested_interval,
    refitted_pairs,
)

Array = NDArray[np.float64]
KINDS = ("naive", "corrected", "nested")


def nested_bounds(
    prepared: KfoldPrepared, degree: int, strength: float, workers: Workers
) -> Interval | None:
    """The nested interval of one model on the first data set; None where the scheme has none.

    Plain and stratified folds only: other schemes' folds can't be drawn again within their training
    rows.
    """
    config, (data, _) = prepared.config, prepared.first
    k = config.n_folds
    if config.scheme not in ("kfold", "stratified") or config.n_nested == 0 or k < 3:
        return None
    if data.t.size < 2 * k:
        return None
    pairs = _pairs(prepared.spec, data, degree, strength)

    def one(index: int) -> PairLosses:
        rng = stream(config.seed, "nested", index)
        stratify = config.scheme == "stratified"
        folds = stratified(data.t, k, rng) if stratify else k_fold(data.t.size, k, rng)
        return pairs(folds)

    return nested_interval(workers.map_ordered(one, range(config.n_nested)))


def _pairs(
    spec: CrossValidationSpec, data: Dataset, degree: int, strength: float
) -> Callable[..., PairLosses]:
    """How the pair losses of one model are found: from Gram matrices, or by refits."""
    X, t, loss = data.X, data.t, LOSSES[spec.loss]
    if data.preparation is not None:
        refit = refit_with_preparation(spec, data, degree, strength)
        return lambda folds: refitted_pairs(t, folds, refit, loss)
    if spec.loss == "zero-one":
        refit = class_refit(spec, X, t, degree, strength, data.related)
        return lambda folds: refitted_pairs(t, folds, refit, loss)
    if spec.penalty in ("l1", "elastic"):
        refit = penalised_refit(spec, X, t, degree, strength, data.related)
        return lambda folds: refitted_pairs(t, folds, refit, loss)
    if spec.penalty == "none":
        columns, _ = least_squares_columns(spec, X, t, (degree,), (np.arange(t.size),))
        P, penalty = columns.rows(slice(None)), None
    else:
        P, penalty = _ridge_columns(spec, data, degree, strength)
    return lambda folds: least_squares_pairs(P, t, folds, penalty, loss)


def _ridge_columns(
    spec: CrossValidationSpec, data: Dataset, degree: int, strength: float
) -> tuple[Array, Array]:
    """Ridge in orthonormal columns U of A = U S V^T: l2 |w|^2 is l2 sum c_j^2 / s_j^2."""
    A = columns_of(spec, data.X, data.t, degree, data.related).columns.rows(slice(None))
    A = A[:, int(spec.intercept) :]  # (N, M)
    U, s, _ = np.linalg.svd(A, full_matrices=False)
    kept = s > np.finfo(float).eps * s.max(initial=0.0)
    P, penalty = U[:, kept], 2.0 * strength / s[kept] ** 2
    if not spec.intercept:
        return P, penalty
    constant = np.full((A.shape[0], 1), A.shape[0] ** -0.5)
    return np.concatenate([constant, P], axis=1), np.append(0.0, penalty)


@dataclass(frozen=True)
class Covered:
    """One data set of the study: its intervals, and the true error of its own fit."""

    intervals: dict[str, Interval]
    own_error: float


def coverage_study(config: KfoldConfig, source: Source, workers: Workers) -> Iterator[Covered]:
    """Intervals on many small data sets, where the truth is known; nothing where it is not."""
    generator = source.generator
    if generator is None or config.n_coverage == 0 or config.loss != "squared":
        return
    yield from workers.map_ordered(
        lambda index: _covered(config, generator, index), range(config.n_coverage)
    )


def _covered(config: KfoldConfig, generator: Generator, index: int) -> Covered:
    rng = stream(config.seed, "coverage", index)
    data = generator.draw(rng, config.coverage_rows)
    n_rows, k, t = config.coverage_rows, min(config.n_folds, config.coverage_rows // 2), data.t
    basis, Q = fit_arnoldi(data.X, config.coverage_degree)
    nodes, weights = uniform_quadrature(
        generator.chosen.x_min, generator.chosen.x_max, config.coverage_degree + SPARE_NODES
    )
    y = basis.evaluate(nodes[:, None]) @ (Q.T @ t)  # (n_nodes,)
    truth = generator.spec.truth(nodes[:, None])
    own = expected_squared_error(y[:, None], truth, weights, generator.chosen.noise_std)
    n_nested = max(1, config.n_nested)
    pairs = [least_squares_pairs(Q, t, k_fold(n_rows, k, rng)) for _ in range(n_nested)]
    first = pairs[0]
    rows = first.loss[np.arange(n_rows), first.fold]  # (N,)
    folds = np.array([rows[first.fold == fold].mean() for fold in range(k)])
    intervals = {
        "naive": naive(folds),
        "corrected": corrected(folds, n_rows * (k - 1) / k, n_rows / k),
    }
    if k > 2:
        # Of two folds none is left to train on without both.
        intervals["nested"] = nested_interval(pairs)
    kept = {kind: bounds.within(NON_NEGATIVE) for kind, bounds in intervals.items()}
    return Covered(kept, float(own[0]))

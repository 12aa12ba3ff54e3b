"""The splits of one repeat, and what is known of the data's own law."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source
from mlcli.experiments.kfold.config import KfoldConfig
from mlcli.linear.nested import NestedColumns, families
from mlcli.rng import stream
from mlcli.selection import folds as schemes
from mlcli.selection.expected_error import (
    expected_absolute_error,
    expected_squared_error,
    uniform_quadrature,
)
from mlcli.selection.folds import Folds

Array = NDArray[np.float64]
# Nodes beside those that the degree needs, for truths that are no polynomials.
SPARE_NODES = 64


def degrees_of(config: KfoldConfig) -> tuple[int, ...]:
    """The degrees that are compared, rising; the linear basis has only one size."""
    return tuple(d for family in families(config.basis, config.degrees) for d in family)


def partitions(config: KfoldConfig, dataset: Dataset, index: int) -> list[Folds]:
    """The splits of one repeat, one `Folds` a random partition."""
    found = []
    for repeat in range(1 if _fixed(config) else config.n_repeats):
        found.append(partition(config, dataset, stream(config.seed, "folds", index, repeat)))
    return found


def partition(config: KfoldConfig, dataset: Dataset, rng: np.random.Generator) -> Folds:
    """One partition of a data set by the scheme that is asked for.

    Raises:
        DataError: the rows, classes or groups are too few for the folds.
    """
    n_rows, k = dataset.t.size, config.n_folds
    if config.scheme == "stratified":
        return schemes.stratified(dataset.t, k, rng)
    if config.scheme == "grouped" and dataset.groups is not None:
        return schemes.grouped(dataset.groups, k, rng)
    if config.scheme == "leave-one-out":
        return schemes.leave_one_out(n_rows)
    if config.scheme == "time-ordered":
        return schemes.time_ordered(n_rows, k)
    if config.scheme == "train-test":
        return schemes.train_test(n_rows, config.test_fraction, rng)
    return schemes.k_fold(n_rows, k, rng)


def _fixed(config: KfoldConfig) -> bool:
    return config.scheme in ("leave-one-out", "time-ordered")


def n_replicates(config: KfoldConfig, source: Source) -> int:
    """Independent data sets, or partitions of the only one; one where nothing is random."""
    return config.n_seeds if source.fresh_draws or not _fixed(config) else 1


@dataclass(frozen=True)
class Known:
    """The law of the data: x uniform, normal noise around the truth.

    Attributes:
        nodes: points (n, 1) for averages over x, with `weights` (n,) that sum to 1.
        truth: f~ at the nodes, (n,).
        noise_std: in units of t.
        loss: squared or absolute.
    """

    nodes: Array
    weights: Array
    truth: Array
    noise_std: float
    loss: str

    def expected(self, columns: NestedColumns, W: Array) -> Array:
        """The true expected loss (2.6) of models with coefficients W (p, n_models)."""
        y = columns.evaluate(self.nodes)[:, : W.shape[0]] @ W  # (n, n_models)
        law = expected_squared_error if self.loss == "squared" else expected_absolute_error
        return law(y, self.truth, self.weights, self.noise_std)


def known_law(config: KfoldConfig, source: Source, top_degree: int) -> Known | None:
    """What is known of the data, or None for data of unknown origin or a loss on classes."""
    generator = source.generator
    if generator is None or config.loss == "zero-one":
        return None
    low, high = generator.chosen.x_min, generator.chosen.x_max
    nodes, weights = uniform_quadrature(low, high, top_degree + SPARE_NODES)
    truth = generator.spec.truth(nodes[:, None])
    return Known(nodes[:, None], weights, truth, generator.chosen.noise_std, config.loss)

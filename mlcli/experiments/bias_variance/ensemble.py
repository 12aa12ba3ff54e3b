"""The ensemble of one seed: where its data sets and its test rows come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.source import Source
from mlcli.datasets.split import train_test_indices
from mlcli.datasets.synthetic import Generator
from mlcli.experiments.bias_variance.config import FRESH_ROWS, BiasVarianceConfig
from mlcli.linear.redundant import UNRELATED, Related
from mlcli.rng import stream
from mlcli.selection.expected_loss import uniform_quadrature

Array = NDArray[np.float64]
N_GRID = 161
FEWEST_NODES = 200


@dataclass(frozen=True)
class EnsembleTruth:
    """What is known where the generator is: f~ and the average over x ~ U(x_min, x_max).

    Attributes:
        nodes, weights: quadrature for averages over x, (n_nodes, 1) and (n_nodes,).
        at_nodes, at_test: f~ there.
        noise_variance: of t around f~.
    """

    nodes: Array
    weights: Array
    at_nodes: Array
    at_test: Array
    noise_variance: float


@dataclass(frozen=True)
class DataSetEnsemble:
    """Data sets of one seed, and the rows on which they are judged.

    Attributes:
        members: the data sets, X (N, D) and t (N,), drawn one by one.
        X_test, t_test: rows from which no member learned.
        known: None where the generator is unknown.
        related: features that belong together by how they were made (`Dataset.related`).
    """

    members: Iterator[tuple[Array, Array]]
    X_test: Array
    t_test: Array
    known: EnsembleTruth | None
    related: Related = UNRELATED


def fresh_rows(config: BiasVarianceConfig) -> int:
    """Rows of each fresh data set."""
    return config.n_rows or config.n_samples or FRESH_ROWS


def open_ensemble(
    config: BiasVarianceConfig, source: Source, index: int, top: int
) -> DataSetEnsemble:
    """Fresh draws where the generator is known, a bootstrap where not.

    Args:
        index: which of the n_seeds.
        top: the highest degree, for which the quadrature is exact when f~ is a polynomial too.
    """
    if source.generator is None:
        return _bootstrap(config, source, index)
    generator = source.generator
    test = generator.draw(stream(config.seed, "test", index), config.n_test)
    chosen, truth = generator.chosen, generator.spec.truth
    nodes, weights = uniform_quadrature(chosen.x_min, chosen.x_max, max(FEWEST_NODES, top + 20))
    X = nodes[:, None]  # (n_nodes, 1)
    known = EnsembleTruth(X, weights, truth(X), truth(test.X), chosen.noise_std**2)
    return DataSetEnsemble(_fresh(config, generator, index), test.X, test.t, known)


def _fresh(
    config: BiasVarianceConfig, generator: Generator, index: int
) -> Iterator[tuple[Array, Array]]:
    n_rows = fresh_rows(config)
    for member in range(config.n_datasets):
        dataset = generator.draw(stream(config.seed, "ensemble", index, member), n_rows)
        yield dataset.X, dataset.t


def _bootstrap(config: BiasVarianceConfig, source: Source, index: int) -> DataSetEnsemble:
    """Each member draws rows of one training part with replacement; the test part is apart."""
    dataset = source.replicate(index, config.seed)
    rng = stream(config.seed, "split", index)
    train, test = train_test_indices(dataset.t.size, config.test_fraction, rng)
    dataset = dataset.fitted_to(train)

    def members() -> Iterator[tuple[Array, Array]]:
        for member in range(config.n_datasets):
            rng = stream(config.seed, "ensemble", index, member)
            rows = rng.choice(train, size=config.n_rows or train.size)
            yield dataset.X[rows], dataset.t[rows]

    return DataSetEnsemble(members(), dataset.X[test], dataset.t[test], None, dataset.related)


def curve_grid(source: Source, config: BiasVarianceConfig) -> Array | None:
    """Points along a single input, (n_grid, 1); several inputs have no curve."""
    if len(source.feature_names) != 1:
        return None
    if source.generator is not None:
        low, high = source.generator.chosen.x_min, source.generator.chosen.x_max
    else:
        X = source.replicate(0, config.seed).X
        low, high = float(np.nanmin(X)), float(np.nanmax(X))
    return np.linspace(low, high, N_GRID)[:, None]  # (n_grid, 1)

"""Past the interpolation threshold: the shortest solution in more and more columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.source import Source
from mlcli.experiments.bias_variance.config import BiasVarianceConfig
from mlcli.rng import stream
from mlcli.selection.bias_variance import EnsembleMoments, decompose
from mlcli.selection.expected_loss import uniform_quadrature
from mlcli.selection.interpolation import COLUMNS, legendre_columns, minimum_norms

Array = NDArray[np.float64]
# Numbers in the columns of the data sets that are held at once, some 30 MB.
HELD = 4_000_000


@dataclass(frozen=True)
class DoubleDescent:
    """What one seed found in one kind of columns, one value per number of columns, (k,).

    Attributes:
        bias_squared, variance, sum: as in (A.18), means over the data sets.
        median_error: over the data sets, of the expected squared error, noise included.
        median_norm: over the data sets, of |w|.
    """

    bias_squared: Array
    variance: Array
    sum: Array
    median_error: Array
    median_norm: Array


def descent_sizes(config: BiasVarianceConfig) -> tuple[int, ...]:
    """The numbers of columns, rising."""
    return tuple(sorted(set(config.descent_columns)))


def descends(config: BiasVarianceConfig, source: Source) -> bool:
    """Whether this part is computed: it needs a known generator."""
    return config.descent and source.generator is not None


def run_descent(config: BiasVarianceConfig, source: Source, index: int) -> dict[str, DoubleDescent]:
    """Both kinds of columns on the same data sets of one seed; empty where not computed."""
    if not config.descent or source.generator is None:
        return {}
    generator = source.generator
    draws = [
        generator.draw(stream(config.seed, "descent", index, member), config.descent_rows)
        for member in range(config.n_datasets)
    ]
    x = np.stack([one.X[:, 0] for one in draws])  # (S, N)
    t = np.stack([one.t for one in draws])  # (S, N)
    low, high = generator.chosen.x_min, generator.chosen.x_max
    nodes, weights = uniform_quadrature(low, high, descent_sizes(config)[-1] + 20)
    truth = generator.spec.truth(nodes[:, None])  # (n_nodes,)
    noise_variance = generator.chosen.noise_std**2
    return {
        kind: _kind(config, kind, (x, t), (low, high), (nodes, weights, truth), noise_variance)
        for kind in COLUMNS
    }


def _kind(
    config: BiasVarianceConfig,
    kind: str,
    rows: tuple[Array, Array],
    ends: tuple[float, float],
    judged: tuple[Array, Array, Array],
    noise_variance: float,
) -> DoubleDescent:
    nodes, weights, truth = judged
    sizes = descent_sizes(config)
    at_nodes = legendre_columns(nodes, *ends, sizes[-1], kind)  # (n_nodes, P)
    moments = [EnsembleMoments(nodes.size, 1) for _ in sizes]
    errors: list[list[Array]] = [[] for _ in sizes]
    norms: list[list[Array]] = [[] for _ in sizes]
    batch = max(1, HELD // (config.descent_rows * sizes[-1]))
    for start in range(0, len(rows[0]), batch):
        x, t = (part[start : start + batch] for part in rows)
        Phi = np.stack([legendre_columns(one, *ends, sizes[-1], kind) for one in x])  # (S, N, P)
        for k, fit in enumerate(minimum_norms(Phi, t, sizes)):
            predictions = at_nodes[:, : sizes[k]] @ fit.W.T  # (n_nodes, S)
            for one in predictions.T:
                moments[k].add(one[:, None])
            errors[k].append(weights @ (predictions - truth[:, None]) ** 2)  # (S,)
            norms[k].append(fit.norm)
    found = [decompose(one, truth, weights, noise_variance) for one in moments]
    return DoubleDescent(
        bias_squared=np.array([one.bias_squared[0] for one in found]),
        variance=np.array([one.variance[0] for one in found]),
        sum=np.array([one.total[0] for one in found]),
        median_error=np.array([np.median(np.concatenate(e)) for e in errors]) + noise_variance,
        median_norm=np.array([np.median(np.concatenate(one)) for one in norms]),
    )

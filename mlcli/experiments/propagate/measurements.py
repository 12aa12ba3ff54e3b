"""Measurements on networks with initial weights: signals, errors, signs of gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.propagate.config import PropagateConfig
from mlcli.neural.activations import find_activation
from mlcli.neural.device import DTYPES
from mlcli.neural.layer_statistics import Signals, one_signed, signals, weight_gradient
from mlcli.neural.mlp import MLP
from mlcli.rng import stream

Array = NDArray[np.float64]
NORMALISATIONS = ("none", "batch")
# The gradients whose signs are compared are those of W^(2), from z^(1) = h(a^(1)); by Xavier's
# draw a^(1) has the variance of the inputs.
SIGN_DEPTH, SIGN_LAYER, SIGN_SCHEME = 2, 2, "xavier"
POINT_ROWS, POINT_NEURONS = 25, 8
# The notes want alpha large. He's weights have the same factor for any slope, Xavier's don't.
ALPHA_SCHEME = "xavier"
ALPHAS: Mapping[str, tuple[float, ...]] = {
    "leaky-relu": (0.01, 0.1, 0.3, 0.6, 0.9),
    "elu": (0.3, 0.6, 1.0, 1.5, 2.0),
}


def _draw(
    config: PropagateConfig, depth: int, activation: str, scheme: str, normalisation: str
) -> MLP:
    """One network per seed, of equal widths, with weights from the seed's own stream.

    In float64 and on the CPU: with N(0, 1) weights 50 layers exceed the range of float32.
    """
    return MLP(
        [config.width] * (depth + 2),
        [stream(config.seed, "weights", index) for index in range(config.n_seeds)],
        activation=activation,
        scheme=scheme,
        normalisation=normalisation,
        dtype=DTYPES["float64"],
    )


def _normal(config: PropagateConfig, name: str, n_rows: int, *address: int) -> Array:
    """Standard normal rows or delta of each seed, (n_seeds, n_rows, width)."""
    return np.stack(
        [
            stream(config.seed, name, index, *address).standard_normal((n_rows, config.width))
            for index in range(config.n_seeds)
        ]
    )


def measure_signals(
    config: PropagateConfig, scheme: str, normalisation: str
) -> Mapping[tuple[str, int], Signals]:
    """Signals and errors of every activation and depth under one initialisation."""
    X, delta = (_normal(config, name, config.n_rows) for name in ("rows", "errors"))
    gains: dict[float, list[str]] = {}
    for name in config.activations:
        gains.setdefault(find_activation(config.h(name)).negative_slope, []).append(name)
    found = {}
    for depth in config.depths:
        for names in gains.values():
            net = _draw(config, depth, config.h(names[0]), scheme, normalisation)
            for name in names:
                found[name, depth] = signals(net, config.h(name), X, delta)
    return found


def measure_alphas(config: PropagateConfig) -> Mapping[tuple[str, float], Signals]:
    """Signals and errors of the deepest networks for each alpha of `ALPHAS`.

    Xavier's weights don't depend on alpha, so that one draw serves all.
    """
    X, delta = (_normal(config, name, config.n_rows) for name in ("rows", "errors"))
    net = _draw(config, max(config.depths), "linear", ALPHA_SCHEME, "none")
    return {
        (name, alpha): signals(net, find_activation(name).with_alpha(alpha).name, X, delta)
        for name, alphas in ALPHAS.items()
        for alpha in alphas
    }


@dataclass(frozen=True)
class Signs:
    """Signs of the gradients of one activation.

    Attributes:
        shares: (normalisation, batch size, n) -> of each seed, the share of gradients of n weights
            that have one sign, (n_seeds,).
        points: gradients of two weights of a neuron, single rows of the first seed, (k, 2).
    """

    shares: Mapping[tuple[str, int, int], Array]
    points: Array


def measure_signs(config: PropagateConfig, activation: str) -> Signs:
    """Share of gradients of n weights of one neuron that have one sign, (7.23)."""
    shares = {}
    for normalisation in NORMALISATIONS:
        net = _draw(config, SIGN_DEPTH, config.h(activation), SIGN_SCHEME, normalisation)
        for size in config.batch_sizes:
            # One row has no variance for the normalisation.
            if normalisation == "none" or size > 1:
                for n, share in _shares(config, net, size).items():
                    shares[normalisation, size, n] = share
        if normalisation == "none":
            points = _points(config, net)
    return Signs(shares, points)


def _shares(config: PropagateConfig, net: MLP, size: int) -> dict[int, Array]:
    totals = {n: np.zeros((2, config.n_seeds)) for n in config.sign_counts}
    for batch in range(config.n_batches):
        X, delta = (_normal(config, name, size, size, batch) for name in ("rows", "errors"))
        gradient = weight_gradient(net, SIGN_LAYER, X, delta)
        for n, total in totals.items():
            total += np.stack(one_signed(gradient, n))
    return {n: same / np.maximum(alive, 1) for n, (same, alive) in totals.items()}


def _points(config: PropagateConfig, net: MLP) -> Array:
    found = []
    for row in range(POINT_ROWS):
        X, delta = (_normal(config, name, 1, 1, row) for name in ("point rows", "point errors"))
        found.append(weight_gradient(net, SIGN_LAYER, X, delta)[0, :2, :POINT_NEURONS].T)
    return np.concatenate(found)  # (POINT_ROWS POINT_NEURONS, 2)

"""Mean and variance over draws of W, in a linear network whose layers grow, (7.3) to (7.19)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.neural.device import DTYPES
from mlcli.neural.layer_statistics import layer_values
from mlcli.neural.mean_field import LayerVariances, variances
from mlcli.neural.mlp import MLP
from mlcli.rng import stream

Array = NDArray[np.float64]
N_DRAWS = 400
# D, n^(1), n^(2), n^(3), K. Where all widths are equal the three choices of Var(w) are one.
SIZES = (16, 32, 64, 128, 10)
# In a linear network the slope on the left is 1, so that he-fan-out has Var(w) = 1 / n_out.
DRAWN: Mapping[str, str] = {"lecun": "(7.10)", "he-fan-out": "(7.18)", "xavier": "(7.19)"}


@dataclass(frozen=True)
class Drawn:
    """z^(l) or delta^(l) of a hidden layer, for one input and one error at the outputs.

    Attributes:
        means: of each draw, the mean over the neurons, (N_DRAWS,).
        squares: of each draw, the mean over the neurons of the square of what differs from the
            neuron's mean over the draws, times N / (N - 1): their mean is the variance over the
            draws, (N_DRAWS,).
    """

    means: Array
    squares: Array


@dataclass(frozen=True)
class DrawnLayers:
    """The hidden layers l = 1, ..., L under one choice of Var(w).

    Attributes:
        signal: z^(l), (7.3) and (7.4).
        errors: delta^(l), (7.11), and (7.12) of the last one.
    """

    signal: tuple[Drawn, ...]
    errors: tuple[Drawn, ...]


def measure_draws(seed: int, scheme: str) -> DrawnLayers:
    """Draw W again and again, with the same input and the same errors of the outputs.

    Both have mean square 1, so that their variances over the draws are those of `expected`.
    """
    x, delta = (
        _of_mean_square_one(stream(seed, f"draws {name}").standard_normal(n))
        for name, n in (("input", SIZES[0]), ("errors", SIZES[-1]))
    )
    net = MLP(
        SIZES,
        [stream(seed, "draws", index) for index in range(N_DRAWS)],
        activation="linear",
        scheme=scheme,
        dtype=DTYPES["float64"],
    )
    # (N_DRAWS, 1, D) and (N_DRAWS, 1, K)
    rows, errors = (np.tile(values, (N_DRAWS, 1, 1)) for values in (x, delta))
    found = layer_values(net, rows, errors)
    return DrawnLayers(*(tuple(_over_draws(one[:, 0]) for one in layers) for layers in found))


def expected(scheme: str) -> LayerVariances:
    """Var z^(l) = n^(l-1) Var(w) Var z^(l-1) and (7.16); exact in a linear network of any width."""
    return variances("linear", scheme, SIZES)


def _of_mean_square_one(values: Array) -> Array:
    return np.asarray(values / np.sqrt(np.mean(values**2)))


def _over_draws(values: Array) -> Drawn:
    """From the values of each draw and neuron, (N_DRAWS, n)."""
    n = len(values)
    squares = (values - values.mean(axis=0)) ** 2 * (n / (n - 1))
    return Drawn(values.mean(axis=1), squares.mean(axis=1))

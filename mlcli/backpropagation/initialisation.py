"""Initial weights (section 7.1.1): the variance matters, the distribution hardly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

Floats = NDArray[np.floating[Any]]

# Var(w) of a layer with n_in inputs and n_out outputs. "unit" is the old practice, sigma = 1.
VARIANCES: Mapping[str, Callable[[int, int], float]] = MappingProxyType(
    {
        "unit": lambda n_in, n_out: 1.0,
        "forward": lambda n_in, n_out: 1.0 / n_in,
        "backward": lambda n_in, n_out: 1.0 / n_out,
        "xavier": lambda n_in, n_out: 2.0 / (n_in + n_out),
        "he": lambda n_in, n_out: 2.0 / n_in,
    }
)


def variance(scheme: str, n_in: int, n_out: int) -> float:
    """Var(w) of a scheme; W is (n_out, n_in).

    forward: 1/n_in, eq (7.10), keeps Var(z). backward: 1/n_out, eq (7.18), keeps Var(delta).
    xavier: 1/n_av with n_av = (n_in + n_out)/2, eq (7.19), whose second slot is a variance, not
    the standard deviation of section 7.1.1's N(0, sigma). he: 2/n_in, which makes up for the half
    of E a^2 that ReLU cuts off. unit: 1.

    Raises:
        ValueError: there is no such scheme.
    """
    if scheme not in VARIANCES:
        raise ValueError(f"scheme must be one of {', '.join(VARIANCES)}, got {scheme!r}")
    return VARIANCES[scheme](n_in, n_out)


def draw_weights(
    rng: np.random.Generator,
    n_in: int,
    n_out: int,
    scheme: str = "xavier",
    distribution: Literal["normal", "uniform"] = "normal",
    dtype: DTypeLike = np.float64,
) -> Floats:
    """W (n_out, n_in) with mean 0 and the variance v of the scheme.

    normal: N(0, v). uniform: U(-a, a) with a = sqrt(3 v), so that a^2/3 = v.

    Raises:
        ValueError: there is no such scheme or distribution.
    """
    std = variance(scheme, n_in, n_out) ** 0.5
    shape = (n_out, n_in)
    if distribution == "normal":
        return np.asarray(std * rng.standard_normal(shape), dtype=dtype)
    if distribution == "uniform":
        bound = 3.0**0.5 * std
        return np.asarray(rng.uniform(-bound, bound, shape), dtype=dtype)
    raise ValueError(f"distribution must be normal or uniform, got {distribution!r}")

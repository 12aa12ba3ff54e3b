"""Initial weights (section 7.1.1), drawn in float64 on the CPU from the member's own stream.

So they depend neither on the other members nor on the device or type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# (n_in, n_out, slope of h on the left) -> Var(w). n_in and n_out count connections; for a
# convolution channels times the area of the filter.
Variance = Callable[[int, int, float], float]

_VARIANCES: Mapping[str, Variance] = MappingProxyType(
    {
        # The compromise of (7.19); its second slot is a variance.
        "xavier": lambda n_in, n_out, slope: 2.0 / (n_in + n_out),
        # Compensates for h on the left: E h(a)^2 = (1 + slope^2) / 2 E a^2.
        "he": lambda n_in, n_out, slope: 2.0 / ((1.0 + slope**2) * n_in),
        "he-fan-out": lambda n_in, n_out, slope: 2.0 / ((1.0 + slope**2) * n_out),
        # Forward propagation alone, (7.10).
        "lecun": lambda n_in, n_out, slope: 1.0 / n_in,
    }
)
# normal is the old practice, N(0, 1); uniform is U(-1/sqrt(n_in), 1/sqrt(n_in)), torch's default.
_PLAIN: Mapping[str, Variance] = MappingProxyType(
    {
        "zeros": lambda n_in, n_out, slope: 0.0,
        "normal": lambda n_in, n_out, slope: 1.0,
        "uniform": lambda n_in, n_out, slope: 1.0 / (3.0 * n_in),
        # The shorter side of W is orthonormal.
        "orthogonal": lambda n_in, n_out, slope: 1.0 / max(n_in, n_out),
    }
)


def _normal(variance: Variance) -> Callable[..., Floats]:
    def draw(
        rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int, slope: float
    ) -> Floats:
        return math.sqrt(variance(n_in, n_out, slope)) * rng.standard_normal(shape)

    return draw


def _uniform(variance: Variance) -> Callable[..., Floats]:
    def draw(
        rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int, slope: float
    ) -> Floats:
        # U(-c, c) has the variance c^2 / 3.
        bound = math.sqrt(3.0 * variance(n_in, n_out, slope))
        return rng.uniform(-bound, bound, shape)

    return draw


def _zeros(
    rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int, slope: float
) -> Floats:
    return np.zeros(shape)


def _orthogonal(
    rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int, slope: float
) -> Floats:
    """Orthonormal rows or columns, whichever are fewer, uniform over all such matrices."""
    n_rows = shape[0]
    n_columns = math.prod(shape[1:])
    tall = rng.standard_normal((max(n_rows, n_columns), min(n_rows, n_columns)))
    Q, R = np.linalg.qr(tall)
    # The signs of LAPACK's R are a convention; without them Q is uniform.
    Q = Q * np.where(np.diag(R) < 0, -1.0, 1.0)
    return np.ascontiguousarray(Q if n_rows >= n_columns else Q.T).reshape(shape)


# Each draws W of a shape: (rng, shape, n_in, n_out, slope) -> W.
SCHEMES: Mapping[str, Callable[..., Floats]] = MappingProxyType(
    {
        "zeros": _zeros,
        "normal": _normal(_PLAIN["normal"]),
        "uniform": _uniform(_PLAIN["uniform"]),
        "orthogonal": _orthogonal,
        **{name: _normal(variance) for name, variance in _VARIANCES.items()},
        **{f"{name}-normal": _normal(variance) for name, variance in _VARIANCES.items()},
        **{f"{name}-uniform": _uniform(variance) for name, variance in _VARIANCES.items()},
    }
)


def weight_variance(scheme: str, n_in: int, n_out: int, slope: float = 0.0) -> float:
    """Var(w) of a scheme, the one that `draw_weights` draws with; its arguments.

    Raises:
        ValueError: there is no such scheme.
    """
    _check_name(scheme)
    base = scheme if scheme in _PLAIN else scheme.removesuffix("-normal").removesuffix("-uniform")
    variances = _PLAIN if base in _PLAIN else _VARIANCES
    return variances[base](n_in, n_out, slope)


def draw_weights(
    rng: np.random.Generator,
    scheme: str,
    shape: tuple[int, ...],
    n_in: int,
    n_out: int,
    slope: float = 0.0,
) -> Floats:
    """W of a shape, with mean 0 and the variance of a scheme, in float64.

    xavier: 2/(n_in + n_out), (7.19). he: 2/((1 + slope^2) n_in); he-fan-out the same with n_out.
    lecun: 1/n_in, (7.10). Each is normal unless `-uniform` is added to its name. normal: 1.
    uniform: 1/(3 n_in). orthogonal: W W^T = 1 or W^T W = 1. zeros: 0.

    Args:
        rng: of one member.
        scheme: a name of `SCHEMES`.
        shape: of W.
        n_in: connections into a neuron.
        n_out: connections out of a neuron of the layer before.
        slope: of the activation on the left.

    Raises:
        ValueError: there is no such scheme.
    """
    _check_name(scheme)
    return SCHEMES[scheme](rng, shape, n_in, n_out, slope)


def _check_name(scheme: str) -> None:
    if scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, got {scheme!r}")

"""The losses of section 2, one value a row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlcli.linear.arrays import Floats

Loss = Callable[[Floats, Floats], Floats]


def squared(t: Floats, y: Floats) -> Floats:
    """(t - y)^2, eq (2.5); t (n,) and y (n, ...) give (n, ...)."""
    with np.errstate(over="ignore"):
        return np.asarray((_beside(t, y) - y) ** 2)


def absolute(t: Floats, y: Floats) -> Floats:
    """|t - y|; shapes as `squared`."""
    return np.asarray(np.abs(_beside(t, y) - y))


def zero_one(t: Floats, y: Floats) -> Floats:
    """1 where the predicted class y is not t, else 0, eq (2.4); shapes as `squared`."""
    return np.asarray(_beside(t, y) != y, dtype=np.float64)


def _beside(t: Floats, y: Floats) -> Floats:
    return t.reshape(t.shape + (1,) * (y.ndim - 1))


LOSSES: dict[str, Loss] = {"squared": squared, "absolute": absolute, "zero-one": zero_one}

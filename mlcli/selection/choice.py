"""Which model to take from a cross-validation."""

from __future__ import annotations

import numpy as np

from mlcli.linear.arrays import Floats


def at_minimum(error: Floats) -> tuple[int, int]:
    """The cell with the least error; of equal ones the first, which is the simplest.

    Args:
        error: (n_degrees, n_strengths), degrees rising, strengths falling; NaN never wins.
    """
    finite = np.where(np.isfinite(error), error, np.inf)
    degree, strength = np.unravel_index(int(finite.argmin()), error.shape)
    return int(degree), int(strength)


def one_standard_error(error: Floats, std_error: Floats) -> tuple[int, int]:
    """The simplest cell whose error is within one standard error of the least.

    Simplest is the lowest degree, and for it the greatest strength (Breiman and others' rule).

    Args:
        error: (n_degrees, n_strengths), degrees rising, strengths falling.
        std_error: standard errors of `error`, the same shape; the one at the minimum counts.
    """
    best = at_minimum(error)
    margin = std_error[best] if np.isfinite(std_error[best]) else 0.0
    good = error <= error[best] + margin
    degree = int(np.flatnonzero(good.any(axis=1))[0])
    return degree, int(np.flatnonzero(good[degree])[0])

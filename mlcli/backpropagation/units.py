"""The hidden units of a layer: how many differ, by how much, and what they see of the inputs.

Units that start alike stay alike: they have the same output and get the same gradient, by (6.30)
and (6.34). That is why weights must not all start at zero (section 7.1.1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
# Binary digits of a unit's largest weight that float32 keeps through a training.
DIGITS = 10


def distinct_units(W: Floats, b: Floats) -> float:
    """Share of the units of a layer that no other unit equals, up to rounding.

    Args:
        W: weights into the layer, a row per unit, (n, n_in).
        b: its biases, (n,).
    """
    incoming = np.column_stack([W, b]).astype(np.float64)
    # Kernels sum the columns of a matrix in different orders, so equal units part in last digits.
    _, power = np.frexp(np.abs(incoming).max(axis=1, keepdims=True))
    rounded = np.column_stack([power, np.round(np.ldexp(incoming, DIGITS - power))])
    _, place, counts = np.unique(rounded, axis=0, return_inverse=True, return_counts=True)
    return float((counts[place.ravel()] == 1).mean())


def units_std(W: Floats, b: Floats) -> float:
    """Root of the mean square by which weights and bias of a unit differ from the mean unit.

    0 exactly where all units are the same; arguments as of `distinct_units`.
    """
    incoming = np.column_stack([W, b]).astype(np.float64)  # (n, n_in + 1)
    # Against the first unit, so that equal units leave no rounding of their mean behind.
    moved = incoming - incoming[0]
    unit = float(np.abs(moved).max()) or 1.0
    moved /= unit
    return unit * float(np.sqrt(((moved - moved.mean(axis=0)) ** 2).mean()))


def in_units_of_data(
    W: Floats, b: Floats, shift: Floats, scale: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and biases that act on x itself, of a layer that acts on (x - shift) / scale.

    a_j = sum_i w_ji (x_i - shift_i) / scale_i + b_j, (6.12), is 0 on a line of the plane where
    there are two inputs.

    Args:
        W: weights, (n, D).
        b: biases, (n,).
        shift, scale: of the inputs, (D,) each.

    Returns:
        (n, D) and (n,).
    """
    weights = np.asarray(W, dtype=np.float64) / scale
    return weights, np.asarray(b, dtype=np.float64) - weights @ shift

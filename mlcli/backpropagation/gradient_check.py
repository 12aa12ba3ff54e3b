"""Numerical derivatives, to check backpropagation with (the footnote of section 6.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def central_differences(
    f: Callable[[], float], x: Floats, step: float | None = None
) -> NDArray[np.float64]:
    """dE/dx by [E(x + epsilon) - E(x - epsilon)] / (2 epsilon), entry by entry; the shape of x.

    (6.17) made symmetric: the error falls with epsilon^2 instead of epsilon. It takes 2W forward
    passes for W entries; the one-sided form takes W + 1, not the 2W of the notes. Backpropagation
    takes one forward and one backward pass.

    Args:
        f: E as a function of the current values of the array x.
        x: contiguous array that f reads; it is changed during the call and restored.
        step: epsilon; by default the cube root of the machine's precision, where the errors of
            rounding and of curvature are about equal.

    Raises:
        ValueError: x is not contiguous, so that it has no flat view.
    """
    if not x.flags.c_contiguous:
        raise ValueError("x must be contiguous")
    epsilon = float(np.finfo(x.dtype).eps) ** (1 / 3) if step is None else step
    flat = x.reshape(-1)  # (W,)
    derivative = np.empty(flat.size)
    for i, entry in enumerate(flat.copy()):
        flat[i] = entry + epsilon
        above, right = f(), float(flat[i])
        flat[i] = entry - epsilon
        below, left = f(), float(flat[i])
        flat[i] = entry
        # The distance after rounding, which is not exactly 2 epsilon.
        derivative[i] = (above - below) / (right - left)
    return derivative.reshape(x.shape)


def relative_error(found: Floats, expected: Floats) -> float:
    """|found - expected| / max(|found|, |expected|) in the Euclidean norm; 0 if both vanish."""
    size = max(float(np.linalg.norm(found)), float(np.linalg.norm(expected)))
    return float(np.linalg.norm(found - expected)) / size if size > 0 else 0.0

"""The grid of strengths that several experiments walk along."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def strength_grid(weakest: float, strongest: float, n: int) -> NDArray[np.float64]:
    """`n` strengths, strongest first, evenly spaced in the logarithm."""
    values = np.geomspace(strongest, weakest, n)
    # geomspace is off by an ulp inside; ten digits make the decades exact.
    return np.array([float(f"{value:.10g}") for value in values])

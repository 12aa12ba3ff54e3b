"""Which function computes again what an entry of the index says is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tests.notes.run_folder import RunFolder

# Pairs of what was read out of the run and what the functions of the entry give, each with how far
# they may be apart, relative and absolute.
Pairs = Iterable[tuple[Any, Any, float]]
Recompute = Callable[..., Pairs]
RECOMPUTED: dict[str, Recompute] = {}
# Tables have 10 significant digits, and sums over rows may differ in their order.
DIGITS = 1e-8


def computes(*labels: str) -> Callable[[Recompute], Recompute]:
    """Register a function for entries: it takes the run and what is at each of their places."""

    def register(recompute: Recompute) -> Recompute:
        for label in labels:
            assert label not in RECOMPUTED, label
            RECOMPUTED[label] = recompute
        return recompute

    return register


def drawn(artists: Iterable[Any], x: Any, y: Any, tolerance: float = DIGITS) -> bool:
    """Whether one of the artists draws the points (x, y)."""
    points = np.column_stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)])
    return any(
        one.shape == points.shape and np.allclose(one, points, rtol=tolerance, atol=tolerance)
        for one in points_of(artists)
    )


def points_of(artists: Iterable[Any]) -> list[Any]:
    """The points of each line or scatter, (n, 2), without the texts of legends."""
    return [one for one in artists if isinstance(one, np.ndarray)]


def rows_of(run: RunFolder) -> Any:
    """The first data set of a run, prepared as the fit of all its rows says."""
    return run.prepared.source.replicate(0, run.config.seed).fitted_to()

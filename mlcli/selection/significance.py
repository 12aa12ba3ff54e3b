"""Whether differences of scores on the same splits could be chance."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt


def p_value(mean: float, std: float, n: int, share: float) -> float | None:
    """Two-sided, of Student's t of a mean difference with n - 1 degrees; None for a std of 0.

    Args:
        mean: of n differences, one a split.
        std: of them, with 1/(n - 1).
        n: at least 2.
        share: the variance of the mean in units of std^2: 1/n where splits are independent,
            Nadeau and Bengio's 1/n + n_test/n_train where they share their rows.
    """
    if std <= 0:
        return None
    from scipy.special import stdtr

    return float(2 * stdtr(n - 1, -abs(mean) / (std * sqrt(share))))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjustment for several tests: the i-th smallest of m times m - i + 1, never falling.

    Args:
        p_values: of each; None where there was no test, which then doesn't count.
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, i) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[i] = largest
    return adjusted

"""Whether differences of scores on the same splits could be chance."""

from __future__ import annotations

from collections.abc import Sequence


def p_value(mean: float, standard_error: float, dof: float) -> float | None:
    """Two-sided, of Student's t of a mean difference; None where nothing varies.

    Args:
        mean: of the differences.
        standard_error: of that mean. Of n differences with standard deviation std it is
            std sqrt(1/n) where they are independent, and Nadeau and Bengio's
            std sqrt(1/n + n_test/n_train) where they are splits that share their rows.
        dof: degrees of freedom, n - 1.
    """
    if standard_error <= 0:
        return None
    from scipy.special import stdtr

    return float(2 * stdtr(dof, -abs(mean) / standard_error))


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

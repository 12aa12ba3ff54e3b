"""Student's tests of a difference of two means: pair by pair, or of two groups (Welch)."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.summary import summary
from mlcli.linear.statistics import ANY, Range, interval_ends, student_t_quantile
from mlcli.selection.intervals import holm_adjusted, p_value

ROUNDING = 1e-12


def paired_test(
    differences: NDArray[np.float64],
    overlap: float,
    within: Range = ANY,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """The mean of paired differences with its interval and the probability of one so far from 0.

    Args:
        differences: one per pair, (n,).
        overlap: n_test / n_train where the pairs are splits of the same rows, whose differences are
            not independent: the variance of the mean is then Nadeau and Bengio's,
            std^2 (1/n + n_test/n_train). 0 for independent pairs.
        within: the range of a difference, at which the interval is cut.
        confidence: of the interval.

    Returns:
        ``{mean, std, ci_low, ci_high, n, p_value}``; p_value is None where nothing varies.
    """
    n = differences.size
    # Differences of equal scores, and their sum, are rounding at most.
    size = np.abs(differences).max(initial=0.0)
    differences = np.where(np.abs(differences) <= ROUNDING * size, 0.0, differences)
    entry = summary(differences, within)
    if entry["mean"] is not None and abs(entry["mean"]) <= ROUNDING * size:
        entry["mean"] = 0.0
    entry["p_value"] = None
    if n < 2 or not np.isfinite(differences).all():
        return entry
    std = float(differences.std(ddof=1))
    mean, scale = float(entry["mean"] or 0.0), sqrt(1 / n + overlap)
    return entry | _interval(mean, (std, scale), n - 1, within, confidence)


def welch_test(
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    overlaps: tuple[float, float],
    within: Range = ANY,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """The difference b - a of two means whose values are not paired (Welch).

    Args:
        a, b: their ``mean``, ``std`` and ``n``.
        overlaps: of each, as in `paired_test`.
        within, confidence: as in `paired_test`.

    Returns:
        ``{mean, ci_low, ci_high, p_value}``, with None for what there are too few values for.
    """
    mean = b["mean"] - a["mean"]
    entry = {"mean": mean, "ci_low": None, "ci_high": None, "p_value": None}
    if min(a["n"], b["n"]) < 2:
        return entry
    variances = [
        one["std"] ** 2 * (1 / one["n"] + overlap)
        for one, overlap in zip((a, b), overlaps, strict=True)
    ]
    width = sqrt(sum(variances))
    if width == 0:
        return entry | _interval(mean, (0.0, 1.0), 1, within, confidence)
    # Welch and Satterthwaite's degrees of freedom, of shares so that squares don't underflow.
    shares = [variance / width**2 for variance in variances]
    dof = 1 / sum(s**2 / (one["n"] - 1) for s, one in zip(shares, (a, b), strict=True))
    return entry | _interval(mean, (width, 1.0), dof, within, confidence)


def _interval(
    mean: float, error: tuple[float, float], dof: float, within: Range, confidence: float
) -> dict[str, Any]:
    """Of a mean whose standard error is the product of two numbers."""
    std, scale = error
    half = student_t_quantile((1 + confidence) / 2, dof) * std * scale
    low, high = interval_ends(mean, half, within)
    entry: dict[str, Any] = {"ci_low": float(low), "ci_high": float(high)}
    p = p_value(mean, std * scale, dof)
    return entry if p is None else entry | {"p_value": p}


def holm(tests: Mapping[str, dict[str, Any]]) -> None:
    """Put Holm's adjusted probability into each test.

    Args:
        tests: each with its ``p_value``; each gets ``p_holm``.
    """
    adjusted = holm_adjusted([entry["p_value"] for entry in tests.values()])
    for entry, p in zip(tests.values(), adjusted, strict=True):
        entry["p_holm"] = p

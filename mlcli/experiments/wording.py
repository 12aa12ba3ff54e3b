"""Numbers and intervals as the cells of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Brier's own, over all classes; of two classes it is twice the one-sided score.
BRIER = "Brier score, sum over classes"


def rule_label(name: str) -> str:
    """What tables and figures call a rule that reads a learning rate off a range test."""
    return f"{name} (fastai)"


def number(value: float | None) -> str:
    """Four significant digits; a dash where there is no number."""
    if value is None:
        return "-"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}"


def between(low: float | None, high: float | None) -> str:
    """``low to high``; empty where there is no interval."""
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"


def interval(summary: Mapping[str, Any] | None) -> tuple[str, str]:
    """The mean and the interval of a summary; two empty cells where there is none."""
    if not summary:
        return "", ""
    return number(summary["mean"]), between(summary["ci_low"], summary["ci_high"])

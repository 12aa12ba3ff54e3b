"""Numbers and intervals as the cells of a table, and beside those that the notes print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


def with_interval(summary: Mapping[str, Any]) -> str:
    """A mean with its interval for a sentence, as ``3.96 (3.94 to 3.98)``.

    An end that is a million times the mean is said in words, and a single value has no interval.
    """
    mean, low, high = (summary[key] for key in ("mean", "ci_low", "ci_high"))
    if mean is None or low is None:
        return number(mean)
    if max(abs(low), abs(high)) > 1e6 * abs(mean) > 0:
        return f"{number(mean)} (an interval without a useful end)"
    return f"{number(mean)} ({between(low, high)})"


@dataclass(frozen=True)
class Printed:
    """One printed number and ours.

    Attributes:
        place: where it stands in the notes.
        what: what it is.
        printed: as the notes have it.
        ours: as the run has it.
        interval: the interval of ours, empty where there is none to have.
        verdict: how the two stand to each other.
    """

    place: str
    what: str
    printed: str
    ours: str
    interval: str
    verdict: str


def exact(place: str, what: str, printed: str, ours: str) -> Printed:
    """A number without an interval: equal, or it differs."""
    return Printed(place, what, printed, ours, "", "equal" if printed == ours else "differs")


def measured(place: str, what: str, printed: float, found: Mapping[str, Any]) -> Printed:
    """A mean over seeds: inside, where its interval holds the printed number, or outside."""
    inside = found["ci_low"] <= printed <= found["ci_high"]
    drawn = between(found["ci_low"], found["ci_high"])
    verdict = "inside" if inside else "outside"
    return Printed(place, what, number(printed), number(found["mean"]), drawn, verdict)

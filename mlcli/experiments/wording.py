"""Numbers and intervals as the cells of a table, and beside those that the notes print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

# Brier's own, over all classes; of two classes it is twice the one-sided score.
BRIER = "Brier score, sum over classes"
# From so many powers of ten on an interval is said in words.
WIDE = 6
# Names in a sentence, before the rest are counted.
MOST_NAMED = 4


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


def between(low: float | None, high: float | None, scale: float | None = None) -> str:
    """``low to high``; empty where there is no interval.

    Args:
        low, high: its ends.
        scale: a usual size of the quantity, where it can be beyond all measure. An interval that
            spans six powers of ten or more, from there if its lower end is 0, is then said in
            words.
    """
    if low is None or high is None:
        return ""
    start = low if low > 0 else scale
    if scale is not None and start and start > 0 and high > 0:
        powers = log10(high) - log10(start)
        if powers >= WIDE:
            return f"over {int(powers)} powers of ten"
    return f"{number(low)} to {number(high)}"


def interval(summary: Mapping[str, Any] | None, scale: float | None = None) -> tuple[str, str]:
    """The mean and the interval of a summary; two empty cells where there is none."""
    if not summary:
        return "", ""
    return number(summary["mean"]), between(summary["ci_low"], summary["ci_high"], scale)


def with_interval(summary: Mapping[str, Any], scale: float | None = None) -> str:
    """A mean with its interval for a sentence, as ``3.96 (3.94 to 3.98)``.

    A single value has no interval. One over many powers of ten is said in words, as `between` does
    where the scale is known; without one, an end that is a million times the mean.
    """
    mean, low, high = (summary[key] for key in ("mean", "ci_low", "ci_high"))
    if mean is None or low is None:
        return number(mean)
    if scale is None and max(abs(low), abs(high)) > 1e6 * abs(mean) > 0:
        return f"{number(mean)} (an interval without a useful end)"
    return f"{number(mean)} ({between(low, high, scale)})"


def times(ratio: float) -> str:
    """``1.2 times``, or ``10^14 times`` where the factor is beyond all measure."""
    if ratio >= 10.0**WIDE:
        return f"10^{int(log10(ratio))} times"
    return f"{number(float(f'{ratio:.3g}'))} times"


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def least_of(errors: Mapping[str, Mapping[str, Any]], noun: str, what: str) -> str:
    """Which of several models has the least error, whose intervals overlap its, which is far off.

    Args:
        errors: name of a model, as ``3``, -> the summary of its error.
        noun: what the names are, as ``degree``.
        what: the error, as ``test error``.
    """
    known = {name: one for name, one in errors.items() if one["mean"] is not None}
    if not known:
        return f"No {what} is a number."
    best = min(known, key=lambda name: float(known[name]["mean"]))
    least = known[best]
    scale = float(least["mean"]) or None
    subject = f"{noun.capitalize()} {best}"
    if len(errors) == 1:
        return f"{subject} has the {what} {with_interval(least, scale)}."
    said = f"{subject} has the least {what}, {with_interval(least, scale)}"
    if least["ci_high"] is not None:
        near = [
            name
            for name, one in known.items()
            if name != best
            and one["ci_low"] is not None
            and one["ci_low"] <= least["ci_high"]
            and not _is_wide(one, scale)
        ]
        said += (
            f"; the interval{_of(noun, near)} overlap{'s' * (len(near) == 1)} it" if near else ""
        )
        said += "" if near else "; no other interval reaches it"
    worst = max(known, key=lambda name: float(known[name]["mean"]))
    if scale and float(known[worst]["mean"]) > scale:
        said += f"; {noun} {worst} has {times(float(known[worst]['mean']) / scale)} that"
        if _is_wide(known[worst], scale):
            said += f", with an interval of {interval(known[worst], scale)[1]}"
    missing = [name for name in errors if name not in known]
    said += f"; the error{_of(noun, missing)} is beyond a number" if missing else ""
    return said + "."


def _is_wide(one: Mapping[str, Any], scale: float | None) -> bool:
    return interval(one, scale)[1].startswith("over ")


def _of(noun: str, names: Sequence[str]) -> str:
    """`` of degree 1``, ``s of degrees 1 and 5``, or of the first and how many others."""
    if len(names) == 1:
        return f" of {noun} {names[0]}"
    if len(names) <= MOST_NAMED:
        return f"s of {noun}s {listed(names)}"
    return f"s of {len(names)} other {noun}s"


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

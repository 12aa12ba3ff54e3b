"""Worse, not worse or undecided: the interval of a difference against a margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb, isfinite
from typing import Any

import numpy as np

from mlcli.errors import ConfigError
from mlcli.experiments import EXPERIMENTS, about
from mlcli.experiments.paired import paired_test, welch_test
from mlcli.linear.arrays import Floats
from mlcli.review.compare import (
    PAIRED,
    WELCH,
    overlap,
    paired_differences,
    pairing,
    range_of_difference,
)
from mlcli.review.gates import JUnitCase, nearest_path
from mlcli.review.runs import Run, per_seed
from mlcli.run.details import is_measured, is_summary, quantities
from mlcli.selection.power import PowerDesign, seeds_needed
from mlcli.sweeps.headlines import largest_is_best

WORSE, NOT_WORSE, UNDECIDED = "worse", "not worse", "undecided"
SIGN, PERMUTATION = "sign", "permutation"
# All verdicts of a call together are wrong at most so often, on both sides of the margin.
LEVEL = 0.05
# The chance with which the seeds that would decide do so.
CHANCE = 0.8
# Scores are written with ten digits: a spread below this share of them is rounding.
NO_SPREAD = 1e-9


@dataclass(frozen=True)
class Decision:
    """A metric of one run against the same of the first.

    Attributes:
        command, name: of the run, and what the user calls it.
        metric: its path.
        better: ``more`` or ``less``.
        verdict: `WORSE`, `NOT_WORSE` or `UNDECIDED`.
        difference: of the means, this run's minus the first's.
        low, high: the interval of the difference; None where there is none.
        p_value: two-sided, of a true difference of just the margin.
        margin: a loss up to this counts as not worse.
        confidence: of the interval.
        n: seeds of the first run and of this one.
        test: paired, Welch, sign or permutation; None where there is none.
        seeds: of an undecided metric: so many per run decide with probability `CHANCE` if
            difference and spread stay as they are; None where no number does.
        reason: what is special, in a few words.
    """

    command: str
    name: str
    metric: str
    better: str
    verdict: str
    difference: float | None
    margin: float
    confidence: float
    n: tuple[int, int]
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    test: str | None = None
    seeds: int | None = None
    reason: str = ""


def margins_of(texts: Sequence[str], margin: float | None) -> dict[str, float]:
    """The margin of each metric by its name.

    Args:
        texts: ``metric`` or ``metric=margin``.
        margin: of the metrics that have none of their own; None: 0.

    Raises:
        ConfigError: there is no metric, or a margin is not a number, or is negative.
    """
    found: dict[str, float] = {}
    _check_margin("--margin", margin or 0.0)
    for text in texts:
        name, equals, own = text.rpartition("=")
        try:
            value = float(own) if equals else margin or 0.0
        except ValueError:
            raise ConfigError(f"the margin of {name}", must="a number from 0", got=own) from None
        _check_margin(f"the margin of {name}", value)
        found[name.strip() if equals else text] = value
    if not found or not all(found):
        raise ConfigError("--fail-if-worse", must="one or more metrics", got="none")
    return found


def _check_margin(what: str, margin: float) -> None:
    if not isfinite(margin) or margin < 0:
        raise ConfigError(what, must="a number from 0", got=f"{margin:g}")


def decide(
    groups: Sequence[Sequence[Run]],
    margins: Mapping[str, float],
    best: str | None = None,
    unpaired: bool = False,
) -> list[Decision]:
    """A verdict for each metric and each run but the first of its group.

    The interval of each of k verdicts has level 1 - 0.05/k, so that the chance of any wrong
    "worse" is at most 2.5 %.

    Args:
        groups: runs that are compared with the first of them, of one command or across commands.
        margins: of each metric by its name: a loss up to this counts as not worse. A name is a path
            in details.json, its end, or one with the section before it.
        best: ``largest`` or ``smallest``, where the names don't tell.
        unpaired: whether seeds of the same number have nothing in common.

    Raises:
        ConfigError: there is no such metric, it has no values per seed, or it is not known which
            end is better.
    """
    asked = [
        (runs, run, path, margin)
        for name, margin in margins.items()
        for runs, path in _places(groups, name)
        for run in runs[1:]
    ]
    confidence = 1 - LEVEL / len(asked)
    alone = len({path for _, _, path, _ in asked}) == 1
    return [
        _decision(
            (runs[0], run),
            path,
            is_largest_best(runs[0], path, best, alone),
            margin,
            confidence,
            unpaired,
        )
        for runs, run, path, margin in asked
    ]


def _places(groups: Sequence[Sequence[Run]], name: str) -> list[tuple[Sequence[Run], str]]:
    """The groups that have a metric, and its path there."""
    found = []
    every: dict[str, None] = {}
    for runs in groups:
        known = quantities(runs[0].metrics)
        section = runs[0].section
        every |= dict.fromkeys(known if len(groups) == 1 else (f"{section}.{p}" for p in known))
        exact = [path for path in known if name in (path, f"{section}.{path}")]
        paths = exact[:1] or [path for path in known if path.endswith(f".{name}")]
        if len(paths) > 1:
            raise ConfigError(
                f"--fail-if-worse {name} is there {len(paths)} times in {runs[0].name}",
                hint=paths[0],
            )
        found += [(runs, path) for path in paths]
    if not found:
        near = nearest_path(name, every)
        first = " and ".join(runs[0].name for runs in groups[:3])
        raise ConfigError(f"--fail-if-worse {name}: {first} has no such metric", hint=near)
    return found


def is_largest_best(run: Run, path: str, best: str | None, alone: bool = True) -> bool:
    """Whether more of a metric is better.

    Args:
        run: whose experiment may tell.
        path: of the metric.
        best: ``largest`` or ``smallest``, if the user says so.
        alone: whether the user says so of this metric alone.

    Raises:
        ConfigError: it is not known, or what is said of several metrics can't be true of this one.
    """
    found = _known_best(run, path)
    if best is not None:
        if not alone and found is not None and found != (best == "largest"):
            less = "more" if found else "less"
            raise ConfigError(
                f"--best {best} is said of {path} too, of which {less} is better",
                hint="a call for each metric",
            )
        return best == "largest"
    if found is None:
        raise ConfigError(f"{path} does not say which end is better", hint="--best largest")
    return found


def _known_best(run: Run, path: str) -> bool | None:
    """By the headlines of the experiment, or the metric's name."""
    if run.section in EXPERIMENTS:
        known = about(run.section)
        for one in (*known.headlines, *known.shown):
            if path == one.name or path.endswith(f".{one.name}"):
                return one.largest
    return largest_is_best(path)


def _decision(
    runs: tuple[Run, Run],
    path: str,
    largest: bool,
    margin: float,
    confidence: float,
    unpaired: bool,
) -> Decision:
    first, run = runs
    a, b = (_summary(one, path) for one in runs)
    n = int(a["n"]), int(b["n"])
    empty = Decision(
        run.command,
        run.name,
        path,
        "more" if largest else "less",
        UNDECIDED,
        None,
        margin,
        confidence,
        n,
    )
    if not is_measured(a):
        raise ConfigError(f"{path} of {first.name} has no valid number to compare with")
    if not is_measured(b):
        return replace(empty, verdict=WORSE, reason="a seed has no valid number")
    seeds = per_seed(first).get(path), per_seed(run).get(path)
    overlaps = overlap(first, path), overlap(run, path)
    differences = None
    if pairing(first, run, unpaired).paired:
        differences = paired_differences(*seeds)
    difference = b["mean"] - a["mean"]
    size = max(abs(a["mean"]), abs(b["mean"]), a["std"] or 0.0, b["std"] or 0.0)
    entry = replace(empty, difference=difference if abs(difference) > NO_SPREAD * size else 0.0)
    sign = 1.0 if largest else -1.0
    if differences is not None:
        if np.ptp(differences) <= NO_SPREAD * size:
            return _constant(entry, sign, bool(max(overlaps)), n[:1])
    elif max(a["std"] or 0.0, b["std"] or 0.0) <= NO_SPREAD * size and min(n) > 1:
        return _constant(entry, sign, bool(max(overlaps)), n)
    if min(n) < 2:
        return replace(entry, reason="one seed has no spread, so there is no test")
    return _tested(entry, sign, differences, (a, b), overlaps, seeds)


def _summary(run: Run, path: str) -> Mapping[str, Any]:
    """A metric of a run.

    Raises:
        ConfigError: it has no mean over seeds.
    """
    value = quantities(run.metrics).get(path)
    if not is_summary(value) or value is None:
        got = "nothing" if value is None else "one number"
        raise ConfigError(f"{path} of {run.name}", must="a mean over seeds", got=got)
    return dict(value)


def _tested(
    entry: Decision,
    sign: float,
    differences: Floats | None,
    pair: tuple[Mapping[str, Any], Mapping[str, Any]],
    overlaps: tuple[float, float],
    seeds: tuple[Mapping[Any, float] | None, Mapping[Any, float] | None],
) -> Decision:
    """By Student's interval, paired or Welch's, of the difference plus the margin."""
    shift = sign * entry.margin
    if differences is not None:
        design = PowerDesign((float(differences.std(ddof=1)),), (max(overlaps),), entry.confidence)
        found = paired_test(differences + shift, max(overlaps), confidence=entry.confidence)
    else:
        a, b = pair
        design = PowerDesign((a["std"], b["std"]), overlaps, entry.confidence)
        moved = dict(b) | {"mean": b["mean"] + shift}
        found = welch_test(a, moved, overlaps, confidence=entry.confidence)
    within = range_of_difference(entry.metric, pair, seeds)
    low = max(found["ci_low"] - shift, within.least)
    high = min(found["ci_high"] - shift, within.most)
    # The end on the side of "worse" is the lower one where more is better.
    ends = (low, high) if sign > 0 else (-high, -low)
    verdict = WORSE if ends[1] < -entry.margin else UNDECIDED
    if ends[0] >= -entry.margin:
        verdict = NOT_WORSE
    return replace(
        entry,
        verdict=verdict,
        low=low,
        high=high,
        p_value=found["p_value"],
        test=PAIRED if differences is not None else WELCH,
        seeds=seeds_needed(design, float(found["mean"]), CHANCE) if verdict == UNDECIDED else None,
    )


def _constant(entry: Decision, sign: float, shared: bool, n: tuple[int, ...]) -> Decision:
    """Where nothing varies, Student's test doesn't exist; an exact one may.

    Args:
        entry: with the difference.
        sign: 1 where more is better, else -1.
        shared: whether seeds are splits of the same rows.
        n: seeds of the paired differences, or of both groups.
    """
    assert entry.difference is not None
    gain = sign * entry.difference
    if entry.difference == 0:
        reason = "every seed has the same score in both"
        return replace(entry, verdict=NOT_WORSE, low=0.0, high=0.0, reason=reason)
    if shared:
        reason = "the difference does not vary and seeds share their rows, so there is no test"
        return replace(entry, reason=reason)
    # Of n signs all are the same, or of two groups every value of one is above those of the other.
    p = 2 * 0.5 ** n[0] if len(n) == 1 else 2 / comb(sum(n), n[0])
    test = SIGN if len(n) == 1 else PERMUTATION
    verdict = UNDECIDED
    if p <= 1 - entry.confidence:
        verdict = WORSE if gain < -entry.margin else NOT_WORSE
    needed = next(
        k
        for k in range(2, 100)
        if (2 * 0.5**k if len(n) == 1 else 2 / comb(2 * k, k)) <= 1 - entry.confidence
    )
    return replace(
        entry,
        verdict=verdict,
        p_value=min(p, 1.0),
        test=test,
        seeds=needed if verdict == UNDECIDED else None,
        reason=f"the difference does not vary, so the test is the exact {test} test",
    )


def sentence(one: Decision) -> str:
    """A verdict in one sentence."""
    if one.difference is None:
        return f"{one.metric} of {one.name} is {one.verdict}: {one.reason}"
    text = f"{one.metric} of {one.name} is {one.verdict}: {one.difference:+.4g}"
    if one.low is not None:
        text += f", {level(one.confidence)} interval {one.low:.4g} to {one.high:.4g}"
    text += f", margin {one.margin:g}, {one.better} is better"
    if one.reason:
        text += f"; {one.reason}"
    if one.verdict == UNDECIDED and min(one.n) > 1:
        many = "no number of seeds" if one.seeds is None else f"about {one.seeds} seeds a run"
        text += f"; {many} would decide"
    return text


def level(confidence: float) -> str:
    """A confidence in per cent."""
    return f"{100 * confidence:.4g} %"


def as_json(one: Decision) -> dict[str, Any]:
    """A verdict as `mlcli compare --json` prints it."""
    return {
        "command": one.command,
        "run": one.name,
        "metric": one.metric,
        "better": one.better,
        "verdict": one.verdict,
        "difference": one.difference,
        "ci_low": one.low,
        "ci_high": one.high,
        "confidence": one.confidence,
        "p_value": one.p_value,
        "margin": one.margin,
        "n": list(one.n),
        "test": one.test,
        "seeds_needed": one.seeds,
        "reason": one.reason,
    }


def junit_cases(decisions: Sequence[Decision], undecided_fails: bool) -> list[JUnitCase]:
    """One test case per verdict: worse fails; undecided fails or is skipped."""
    outcomes = {
        WORSE: "failure",
        NOT_WORSE: "",
        UNDECIDED: "failure" if undecided_fails else "skipped",
    }
    return [
        JUnitCase(
            one.command,
            f"{one.metric} of {one.name}",
            outcomes[one.verdict],
            sentence(one),
            f"p {one.p_value}, n {one.n[0]} and {one.n[1]}, seeds that would decide: {one.seeds}",
        )
        for one in decisions
    ]

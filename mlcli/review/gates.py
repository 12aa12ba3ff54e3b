"""Gates held against metrics. What is missing, null or no number fails, and says so."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from xml.etree import ElementTree

from mlcli.config.gates import WITHIN, Gate
from mlcli.run.details import flat

# What XML 1.0 can't hold, even escaped.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Verdict:
    """How a gate came out.

    Attributes:
        gate: what was asked.
        place: where it was written: a place in a file, or the flag.
        passed: whether it holds.
        value: the metric, where there is one.
        bound: what it was compared with, where that is a number.
        margin: how far it may still move before the gate turns: positive when it holds.
        reason: why it failed, where the numbers don't say.
    """

    gate: Gate
    place: str
    passed: bool
    value: Any = None
    bound: float | bool | tuple[float, float] | None = None
    margin: float | None = None
    reason: str = ""


class _AbsentError(LookupError):
    """A metric that is not there as a number."""


def judge(gates: Iterable[tuple[Gate, str]], metrics: Mapping[str, Any]) -> list[Verdict]:
    """Hold each gate against the metrics.

    Args:
        gates: each with the place it was written at.
        metrics: section -> tree of metrics; section "" holds paths that name no section.
    """
    known: dict[str, Any] = {}
    for section, tree in metrics.items():
        known |= flat(tree, f"{section}." if section else "")
    return [_judge(gate, place, known) for gate, place in gates]


def _judge(gate: Gate, place: str, known: Mapping[str, Any]) -> Verdict:
    bound: Any = None if isinstance(gate.bound, str) else gate.bound
    try:
        value = _value(gate.metric, known, "it")
    except _AbsentError as absent:
        return Verdict(gate, place, False, bound=bound, reason=str(absent))
    try:
        if isinstance(gate.bound, str):
            bound = _value(gate.bound, known, gate.bound)
    except _AbsentError as absent:
        return Verdict(gate, place, False, value, reason=str(absent))
    if isinstance(value, bool) or isinstance(bound, bool):
        if not (isinstance(value, bool) and isinstance(bound, bool) and gate.operator == "=="):
            kinds = ["true or false" if isinstance(x, bool) else "a number" for x in (value, bound)]
            reason = f"it is {kinds[0]}, and {kinds[1]} is not a bound for it with {gate.operator}"
            return Verdict(gate, place, False, value, bound, reason=reason)
        return Verdict(gate, place, value == bound, value, bound)
    margin = _margin(gate.operator, value, bound)
    strict = gate.operator in (">", "<")
    return Verdict(gate, place, margin > 0 if strict else margin >= 0, value, bound, margin)


def _margin(operator: str, value: float, bound: Any) -> float:
    if operator == WITHIN:
        return float(min(value - bound[0], bound[1] - value))
    if operator == "==":
        # Not -0.0, which would be printed.
        return -abs(value - bound) or 0.0
    return float(value - bound if operator in (">", ">=") else bound - value)


def _value(path: str, known: Mapping[str, Any], subject: str) -> Any:
    """The number, or true or false, at a path.

    Raises:
        _AbsentError: saying what is there instead, of `subject`.
    """
    if path not in known:
        raise _AbsentError(f"{subject} {_missing(path, known)}")
    value = known[path]
    if value is None:
        raise _AbsentError(f"{subject} is null: there was no valid number")
    if isinstance(value, float) and not math.isfinite(value):
        raise _AbsentError(f"{subject} is {value}")
    if not isinstance(value, bool | int | float):
        raise _AbsentError(f"{subject} is {value!r}, not a number")
    return value


def _missing(path: str, known: Mapping[str, Any]) -> str:
    below = [name for name in known if name.startswith(f"{path}.")]
    if below:
        keys = list(
            dict.fromkeys(name.removeprefix(f"{path}.").partition(".")[0] for name in below)
        )
        first = next((key for key in ("ci_low", "mean") if key in keys), keys[0])
        return f"is a group of {', '.join(keys[:6])}; try {path}.{first}"
    near = nearest_path(path, known)
    return "is not there" + (f"; try {near}" if near else "")


def nearest_path(path: str, known: Iterable[str]) -> str | None:
    """The known path closest to one that is not there, one of the same section before others."""
    names = list(known)
    section = path.partition(".")[0] + "."
    same = [name for name in names if name.startswith(section)]
    for candidates in (same, names):
        close = get_close_matches(path, candidates, n=1, cutoff=0.5)
        if close:
            return close[0]
    return None


def as_json(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """What `mlcli check --json` prints."""
    return {
        "passed": all(one.passed for one in verdicts),
        "n_gates": len(verdicts),
        "n_failed": sum(not one.passed for one in verdicts),
        "gates": [
            {
                "gate": one.gate.text,
                "place": one.place,
                "metric": one.gate.metric,
                "operator": one.gate.operator,
                "value": one.value,
                "bound": one.bound,
                "margin": one.margin,
                "passed": one.passed,
                "reason": one.reason,
            }
            for one in verdicts
        ],
    }


@dataclass(frozen=True)
class JUnitCase:
    """One test case of a JUnit file.

    Attributes:
        group, name: what was held against a condition.
        outcome: ``failure``, ``skipped``, or "" where it passed.
        message: one sentence.
        text: more of it.
    """

    group: str
    name: str
    outcome: str
    message: str
    text: str = ""


def junit_text(verdicts: Sequence[Verdict], sentences: Sequence[str]) -> str:
    """One test case a gate, those that fail with their sentence.

    Args:
        verdicts: of the gates.
        sentences: why each came out as it did.
    """
    return junit_file(
        "mlcli check",
        [
            JUnitCase(
                verdict.gate.section,
                verdict.gate.text,
                "" if verdict.passed else "failure",
                sentence,
                verdict.place,
            )
            for verdict, sentence in zip(verdicts, sentences, strict=True)
        ],
    )


def junit_file(suite_name: str, cases: Sequence[JUnitCase]) -> str:
    """A JUnit file of one suite."""
    outcomes = [case.outcome for case in cases]
    counts = {"tests": str(len(cases)), "failures": str(outcomes.count("failure")), "errors": "0"}
    if "skipped" in outcomes:
        counts["skipped"] = str(outcomes.count("skipped"))
    suite = ElementTree.Element("testsuite", {"name": suite_name} | counts)
    for case in cases:
        names = {"classname": _clean(case.group), "name": _clean(case.name)}
        element = ElementTree.SubElement(suite, "testcase", names)
        if case.outcome:
            found = ElementTree.SubElement(element, case.outcome, {"message": _clean(case.message)})
            found.text = _clean(case.text)
    ElementTree.indent(suite)
    body = ElementTree.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _clean(text: str) -> str:
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)

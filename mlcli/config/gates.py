"""The grammar of a gate: ``section.path.to.metric >= number``, in params.yaml or after --assert.

    gate   = metric OP bound | metric "within" LOW..HIGH
    OP     = >= | > | <= | < | ==
    bound  = number | true | false | another metric

A metric is the path of one number in details.json below its section, dots between its keys.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

SECTION = "gates"
WITHIN = "within"
EXAMPLE = "train_mlp.test_accuracy.ci_low >= 0.97"
# The longer signs first, since each is looked for in this order at every place.
SIGNS = (">=", "<=", "==", ">", "<")
OPERATOR = re.compile(r">=|<=|==|>|<|(?<=\s)within(?=\s|$)")
NOT_AN_OPERATOR = {"=": "==", "!": "== with the other value", "~": WITHIN}
JSON_SCHEMA = {
    "title": "Gates",
    "description": f"What `mlcli check` holds the reports to, such as {EXAMPLE}.",
    "type": "array",
    "items": {"type": "string", "pattern": r"^.+(>=|<=|==|>|<|\swithin\s).+$"},
}


class GateSyntaxError(ValueError):
    """The text is not a gate; the message names the character, counted from 1, and the reason."""

    def __init__(self, at: int, sentence: str) -> None:
        super().__init__(f"character {at}: {sentence}")
        self.at = at


@dataclass(frozen=True)
class Gate:
    """A metric and what it is held to.

    Attributes:
        text: as it was written.
        metric: the path of the metric.
        operator: one of `SIGNS`, or within.
        bound: a number, true or false, the path of another metric, or (low, high).
    """

    text: str
    metric: str
    operator: str
    bound: float | bool | str | tuple[float, float]

    @property
    def section(self) -> str:
        """The first key of the path."""
        return self.metric.partition(".")[0]


def parse_gate(text: str) -> Gate:
    """The gate that a text describes.

    Raises:
        GateSyntaxError: with the first character that won't do.
    """
    found = list(OPERATOR.finditer(text))
    if not found:
        raise _no_operator(text)
    sign = found[0]
    if len(found) > 1:
        raise GateSyntaxError(
            found[1].start() + 1,
            f"a gate has one comparison, got {sign[0]} and {found[1][0]}; try {WITHIN} LOW..HIGH",
        )
    metric = _path(text[: sign.start()], 0)
    right, start = text[sign.end() :], sign.end()
    if not right.strip():
        raise GateSyntaxError(start + 1, f"a bound must follow {sign[0]}; try {EXAMPLE}")
    start += len(right) - len(right.lstrip())
    bound = _range(right.strip(), start) if sign[0] == WITHIN else _bound(right.strip(), start)
    if isinstance(bound, bool) and sign[0] != "==":
        raise GateSyntaxError(start + 1, f"{right.strip()} can only be compared with ==")
    return Gate(text.strip(), metric, sign[0], bound)


def _no_operator(text: str) -> GateSyntaxError:
    for at, sign in enumerate(text):
        if sign in NOT_AN_OPERATOR:
            meant = NOT_AN_OPERATOR[sign]
            return GateSyntaxError(at + 1, f"{sign} is not a comparison; try {meant}")
    what = f"a comparison ({', '.join(SIGNS)} or {WITHIN}) must follow the metric"
    return GateSyntaxError(len(text.rstrip()) + 1, f"{what}; try {EXAMPLE}")


def _path(text: str, start: int) -> str:
    """The path of a metric: keys with dots between them, none empty."""
    path = text.strip()
    if not path:
        raise GateSyntaxError(start + 1, f"a metric must come first; try {EXAMPLE}")
    at = start + len(text) - len(text.lstrip())
    for key in path.split("."):
        if not key.strip():
            raise GateSyntaxError(at + 1, f"a key is missing beside a dot in {path}")
        at += len(key) + 1
    return path


def _bound(text: str, start: int) -> float | bool | str:
    if text in ("true", "false"):
        return text == "true"
    number = _number(text)
    if number is None:
        if text[0].isdigit() or text[0] in "+-." or text.lower() in ("nan", "inf", "infinity"):
            raise GateSyntaxError(start + 1, f"a bound must be a finite number, got {text}")
        return _path(text, start)
    return number


def _range(text: str, start: int) -> tuple[float, float]:
    low, dots, high = text.partition("..")
    ends = _number(low), _number(high)
    if not dots or ends[0] is None or ends[1] is None:
        raise GateSyntaxError(start + 1, f"{WITHIN} must be followed by LOW..HIGH, got {text}")
    if ends[0] > ends[1]:
        raise GateSyntaxError(start + 1, f"the range {text} runs backwards")
    return ends[0], ends[1]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None

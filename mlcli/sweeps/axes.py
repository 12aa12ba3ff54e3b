"""The grammar of a sweep: which values each parameter takes.

    axis  = [section.]key=values
    values = value,value,...            each in YAML, as -S takes it; [a,b] is one value, a list
           | choice(value,value,...)    the same
           | range(start,stop[,step])   start, start + step, ..., without stop
           | log(low,high,n)            n values, even in the logarithm, both ends included
           | linear(low,high,n)         n values, evenly spaced, both ends included
           | log(low,high) | linear(low,high) | integers(low,high)    drawn at random

Commas in brackets or quotes part nothing. The first three are DVC's grammar too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import exp, isfinite, log

from mlcli.errors import ConfigError
from mlcli.rng import stream

# More points than this are a slip of the pen.
MOST_POINTS = 10_000
# Digits that a drawn value keeps, so that it can be typed again.
DIGITS = 4
# Draws behind the estimate of how much the best of many flatters.
N_DRAWS = 20_000
EXAMPLE = "learning_rate=0.01,0.1"


FUNCTION = re.compile(r"(choice|range|log|linear|integers)\((.*)\)", re.DOTALL)
# A float holds every whole number below this, and no value needs more digits than these.
LARGEST_INTEGER, MOST_DIGITS = 1e15, 17
# How far rounding may move a value: a share of the gap to the next, or of the interval it is
# drawn from.
SHARE_OF_GAP, SHARE_OF_WIDTH = 0.01, 1e-4
OPENING, CLOSING, QUOTES = "([{", ")]}", "\"'"
Point = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Axis:
    """The values of one parameter.

    Attributes:
        key: of the command's section.
        values: as texts in YAML; empty for an interval.
        kind: log, linear or integers where values are drawn from [low, high].
    """

    key: str
    values: tuple[str, ...] = ()
    kind: str = ""
    low: float = 0.0
    high: float = 0.0


def parse_axis(text: str, section: str) -> Axis:
    """The axis that a text describes.

    Raises:
        ConfigError: in one sentence.
    """
    name, equals, spec = text.partition("=")
    owner, _, key = name.strip().rpartition(".")
    if not equals or not key or not spec.strip():
        raise ConfigError(f"-S {text}", must="key=values", got=repr(text), hint=f"-S {EXAMPLE}")
    if owner not in ("", section):
        raise ConfigError(f"-S {text}: section {owner} does nothing here", hint=f"{section}.{key}")
    function = FUNCTION.fullmatch(spec.strip())
    try:
        if function is None or function[1] == "choice":
            return Axis(key, _values(spec if function is None else function[2]))
        return _from_function(key, function[1], [float(one) for one in _values(function[2])])
    except ValueError as error:
        raise ConfigError(f"-S {text}: {error}") from None


def _values(text: str) -> tuple[str, ...]:
    """The pieces between commas that stand in no bracket or quote."""
    pieces, start, depth, quote = [], 0, 0, ""
    for at, mark in enumerate(text):
        if quote:
            quote = "" if mark == quote else quote
        elif mark in QUOTES:
            quote = mark
        elif mark in OPENING:
            depth += 1
        elif mark in CLOSING:
            depth -= 1
        elif mark == "," and depth == 0:
            pieces.append(text[start:at].strip())
            start = at + 1
    if quote or depth:
        raise ValueError("a bracket or quote is left open")
    pieces.append(text[start:].strip())
    if "" in pieces:
        raise ValueError("a value is missing beside a comma")
    return tuple(pieces)


def _from_function(key: str, name: str, numbers: list[float]) -> Axis:
    if not all(isfinite(number) for number in numbers):
        raise ValueError(f"{name} takes finite numbers")
    if name == "range":
        return Axis(key, _range(numbers))
    if len(numbers) not in (2, 3) or (len(numbers) == 3 and name == "integers"):
        raise ValueError(
            f"{name} takes low,high" + ("" if name == "integers" else " or low,high,n")
        )
    low, high = numbers[:2]
    if not isfinite(high - low):
        raise ValueError(f"{name} takes numbers that are not that far apart")
    if not low < high or (name == "log" and low <= 0):
        raise ValueError(f"{name} takes low < high" + (", both above 0" if name == "log" else ""))
    if len(numbers) == 2:
        if name == "integers" and not (low.is_integer() and high.is_integer()):
            raise ValueError("integers takes whole numbers")
        if name == "integers" and max(abs(low), abs(high)) >= LARGEST_INTEGER:
            raise ValueError(f"integers takes whole numbers below {LARGEST_INTEGER:g} in size")
        return Axis(key, kind=name, low=low, high=high)
    n = numbers[2]
    if not n.is_integer() or not 2 <= n <= MOST_POINTS:
        raise ValueError(f"the number of values must be a whole number from 2 on, got {n:g}")
    shares = [i / (n - 1) for i in range(int(n))]
    exact = [low, *(_between(name, low, high, share) for share in shares[1:-1]), high]
    gaps = [after - before for before, after in pairwise(exact)]
    inner = [
        _rounded(value, min(beside) * SHARE_OF_GAP)
        for value, beside in zip(exact[1:-1], pairwise(gaps), strict=True)
    ]
    values = tuple(_text(value) for value in (low, *inner, high))
    if len(set(values)) < len(values):
        raise ValueError(f"{low!r} and {high!r} are too close for {n:g} values between them")
    return Axis(key, values)


def _range(numbers: list[float]) -> tuple[str, ...]:
    if len(numbers) not in (2, 3) or (len(numbers) == 3 and numbers[2] == 0):
        raise ValueError("range takes start,stop or start,stop,step, the step not 0")
    start, stop, step = (*numbers, 1.0)[:3]
    values: list[str] = []
    while (stop - (start + len(values) * step)) * step > 0:
        value = start + len(values) * step
        values.append(_text(_rounded(value, abs(step) * SHARE_OF_GAP, digits=12)))
        if len(values) > MOST_POINTS:
            raise ValueError(f"range has more than {MOST_POINTS} values")
    if not values:
        raise ValueError("range has no value: it runs away from its stop")
    return tuple(values)


def _between(kind: str, low: float, high: float, share: float) -> float:
    if kind == "log":
        return exp(log(low) + share * (log(high) - log(low)))
    return low + share * (high - low)


def _rounded(value: float, most: float, digits: int = DIGITS) -> float:
    """To few digits, and to as many more as it takes to move by no more than `most`."""
    for n in range(digits, MOST_DIGITS):
        rounded = float(f"{value:.{n}g}")
        if abs(rounded - value) <= most:
            return rounded
    return value


def _text(value: float) -> str:
    """As YAML reads it: an integer without a point."""
    return str(int(value)) if value.is_integer() and abs(value) < LARGEST_INTEGER else repr(value)


def grid(axes: Sequence[Axis]) -> list[Point]:
    """Every combination, the last axis fastest.

    Raises:
        ConfigError: an axis is an interval, or there are too many.
    """
    for axis in axes:
        if axis.kind:
            interval = f"{axis.kind}({axis.low:g},{axis.high:g})"
            counted = "range" if axis.kind == "integers" else f"{interval[:-1]},7)"
            raise ConfigError(
                f"-S {axis.key}={interval} is an interval, and a grid needs values",
                hint=f"{counted}, or --n-samples 20 for a random search",
            )
    n_points = 1
    for axis in axes:
        n_points *= len(axis.values)
    if n_points > MOST_POINTS:
        raise ConfigError("the grid", must=f"at most {MOST_POINTS} points", got=str(n_points))
    combinations = product(*([(axis.key, value) for value in axis.values] for axis in axes))
    return [tuple(point) for point in combinations]


def draws(axes: Sequence[Axis], n_samples: int, seed: int) -> list[Point]:
    """A random search: more samples go on where fewer ended."""
    return [tuple(_sample(axes, index, seed)) for index in range(n_samples)]


def _sample(axes: Sequence[Axis], index: int, seed: int) -> Iterator[tuple[str, str]]:
    for axis in axes:
        rng = stream(seed, "sweep", axis.key, index)
        if axis.values:
            yield axis.key, axis.values[int(rng.integers(len(axis.values)))]
        elif axis.kind == "integers":
            yield axis.key, str(int(rng.integers(int(axis.low), int(axis.high) + 1)))
        else:
            value = _between(axis.kind, axis.low, axis.high, float(rng.random()))
            value = _rounded(value, (axis.high - axis.low) * SHARE_OF_WIDTH)
            yield axis.key, _text(min(max(value, axis.low), axis.high))

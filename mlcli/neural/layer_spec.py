"""Layers of a convolutional network as lines of text, parsed into `LayerSpec`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType

from mlcli.neural.activations import ACTIVATIONS, find_activation

Pair = tuple[int, int]


@dataclass(frozen=True)
class LayerSpec:
    """One layer as specified.

    Attributes:
        line: as written, with single spaces.
        kind: conv, pool, batch-norm, activation, dropout, global, flatten, dense, residual, scan.
        n: filters or neurons.
        size: height and width of the filter or window.
        stride: s along the height and along the width.
        padding: p, zeros on either side, along the height and along the width.
        pooling: max or avg, of pool and global.
        activation: of activation and residual.
        rate: the probability that dropout drops an activation.
    """

    line: str
    kind: str
    n: int = 0
    size: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    pooling: str = ""
    activation: str = ""
    rate: float = 0.0


def parse(lines: Sequence[str]) -> tuple[LayerSpec, ...]:
    """The layers of a list of lines.

    Raises:
        ValueError: a line can't be parsed; the message names it and the nearest valid word.
    """
    return tuple(_parse(number, line) for number, line in enumerate(lines, start=1))


def _parse(number: int, line: str) -> LayerSpec:
    tokens = str(line).lower().split()
    text = " ".join(tokens)
    try:
        kind, rest = (tokens[0], tokens[1:]) if tokens else ("", [])
        if kind in ACTIVATIONS:
            return LayerSpec(text, "activation", activation=_activation(kind, rest))
        if kind not in _READERS:
            raise ValueError(_unknown("the layer", kind, (*_READERS, *ACTIVATIONS)))
        return _READERS[kind](LayerSpec(text, kind), rest)
    except ValueError as error:
        raise ValueError(f"layer {number}, {text!r}: {error}") from None


def _unknown(what: str, word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, 1)
    hint = f"; did you mean {near[0]}" if near else ""
    return f"{what} must be one of {', '.join(known)}, got {word!r}{hint}"


def _done(rest: Sequence[str]) -> None:
    if rest:
        raise ValueError(f"nothing must follow here, got {' '.join(rest)!r}")


def _count(what: str, rest: list[str]) -> int:
    """Pops the next token, a whole number above 0."""
    word = rest.pop(0) if rest else ""
    if not word.isdecimal() or int(word) < 1:
        raise ValueError(f"{what} must be a whole number above 0, got {word!r}")
    return int(word)


def _pair(what: str, rest: list[str], least: int = 1) -> Pair:
    """Pops the next token, `3` or `3x5`, height first."""
    word = rest.pop(0) if rest else ""
    found = re.fullmatch(r"(\d+)(?:x(\d+))?", word, re.ASCII)
    pair = (0, 0) if found is None else (int(found[1]), int(found[2] or found[1]))
    if found is None or min(pair) < least:
        raise ValueError(f"{what} must be like 3 or 3x5, at least {least}, got {word!r}")
    return pair


def _options(spec: LayerSpec, rest: list[str], known: tuple[str, ...]) -> LayerSpec:
    """Reads the options at the end: `stride 2`, `pad same`, `pad 1`."""
    while rest:
        word = rest.pop(0)
        if word not in known:
            raise ValueError(_unknown("what follows", word, known))
        if word == "stride":
            spec = replace(spec, stride=_pair("the stride", rest))
        elif rest[:1] == ["same"]:
            rest.pop(0)
            if spec.size[0] % 2 == 0 or spec.size[1] % 2 == 0:
                size = "x".join(map(str, spec.size))
                raise ValueError(f"a filter with pad same must have odd sides, got {size}")
            # p = (f - 1) / 2, (8.17).
            spec = replace(spec, padding=(spec.size[0] // 2, spec.size[1] // 2))
        else:
            spec = replace(spec, padding=_pair("the padding, if not same,", rest, least=0))
    return spec


def _pooling(rest: list[str]) -> str:
    word = rest.pop(0) if rest else ""
    if word not in ("max", "avg"):
        raise ValueError(_unknown("the way to pool", word, ("max", "avg")))
    return word


def _conv(spec: LayerSpec, rest: list[str]) -> LayerSpec:
    n = _count("the number of filters", rest)
    spec = replace(spec, n=n, size=_pair("the size of the filters", rest))
    return _options(spec, rest, ("pad", "stride"))


def _pool(spec: LayerSpec, rest: list[str]) -> LayerSpec:
    pooling, size = _pooling(rest), _pair("the size of the window", rest)
    # By default windows don't overlap, as in figure 22.
    return _options(replace(spec, pooling=pooling, size=size, stride=size), rest, ("stride",))


def _global(spec: LayerSpec, rest: list[str]) -> LayerSpec:
    spec = replace(spec, pooling=_pooling(rest))
    _done(rest)
    return spec


def _plain(spec: LayerSpec, rest: list[str]) -> LayerSpec:
    _done(rest)
    return spec


def _dropout(spec: LayerSpec, rest: list[str]) -> LayerSpec:
    word = rest.pop(0) if rest else ""
    try:
        rate = float(word)
    except ValueError:
        rate = -1.0
    if not 0 <= rate < 1:
        raise ValueError(f"the probability must be at least 0 and below 1, got {word!r}")
    _done(rest)
    return replace(spec, rate=rate)


def _dense(spec: LayerSpec, rest: list[str]) -> LayerSpec:
    spec = replace(spec, n=_count("the number of neurons", rest))
    _done(rest)
    return spec


def _activation(name: str, rest: list[str]) -> str:
    """An activation, with its alpha where that follows, as ``leaky-relu 0.3``."""
    if not rest:
        return name
    try:
        alpha = float(rest[0])
    except ValueError:
        _done(rest)
    _done(rest[1:])
    return find_activation(name).with_alpha(alpha).name


def _residual(spec: LayerSpec, rest: list[str]) -> LayerSpec:
    spec = replace(spec, n=_count("the number of filters", rest), activation="relu")
    for place, word in enumerate(rest):
        if word in ACTIVATIONS:
            spec = replace(spec, activation=_activation(word, rest[place + 1 :]))
            rest = rest[:place]
            break
    return _options(spec, rest, ("stride",))


def _scan(spec: LayerSpec, rest: list[str]) -> LayerSpec:
    spec = replace(spec, n=_count("the number of filters", rest))
    _done(rest)
    return spec


_READERS: Mapping[str, Callable[[LayerSpec, list[str]], LayerSpec]] = MappingProxyType(
    {
        "conv": _conv,
        "pool": _pool,
        "batch-norm": _plain,
        "dropout": _dropout,
        "global": _global,
        "flatten": _plain,
        "dense": _dense,
        "residual": _residual,
        "scan": _scan,
    }
)

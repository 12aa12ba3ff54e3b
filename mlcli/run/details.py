"""The numbers of a details.json by their paths."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

# What `experiments.summary` writes of many values of one quantity.
INTERVAL = frozenset({"mean", "std", "ci_low", "ci_high", "n"})


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every leaf by its path, dots between the keys; a key may have dots of its own."""
    return dict(_leaves(tree, prefix))


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def quantities(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every quantity by its path: a summary as its mapping, anything else as it is."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and not is_summary(value):
            found |= quantities(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def is_summary(value: Any) -> bool:
    """Whether a value is a mean over seeds with its interval, and perhaps more."""
    if not (isinstance(value, Mapping) and value.keys() >= INTERVAL and is_number(value["n"])):
        return False
    numbers = [value[key] for key in INTERVAL if key != "n"]
    both = (value["ci_low"] is None) == (value["ci_high"] is None)
    return both and all(one is None or _is_float(one) for one in numbers)


def is_measured(value: Any) -> bool:
    """Whether a value is a summary with a finite mean and, of several values, a finite spread."""
    return (
        is_summary(value)
        and is_number(value["mean"])
        and (value["n"] < 2 or is_number(value["std"]))
    )


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, and neither true nor false."""
    return _is_float(value) and math.isfinite(value)


def _is_float(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

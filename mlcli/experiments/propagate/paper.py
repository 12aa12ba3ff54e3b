"""The numbers of the notes that `propagate` computes, beside its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlcli.experiments.wording import Printed, measured

# Of a sigmoid all gradients of a row share one sign.
ONE_SIGN = 1.0


def printed(metrics: Mapping[str, Any]) -> Iterator[Printed]:
    """What figure 14 says of a sigmoid."""
    shares = metrics.get("signs", {}).get("none", {}).get("sigmoid", {})
    for name in sorted(shares, key=lambda key: int(key.removeprefix("n_"))):
        found = shares[name].get("batch_1")
        if found:
            what = f"share of gradients with one sign, sigmoid, {name[2:]} weights, single rows"
            yield measured("Figure 14", what, ONE_SIGN, found)

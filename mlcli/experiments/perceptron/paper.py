"""The numbers of the notes that `perceptron` computes, beside its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlcli.experiments.wording import Printed, exact

INPUTS = ("00", "01", "10", "11")
# Outputs for the inputs 00, 01, 10, 11.
NAND = "1 1 1 0"
XOR = "0 1 1 0"


def printed(metrics: Mapping[str, Any]) -> Iterator[Printed]:
    """Tables 2 and 3."""
    tables = metrics.get("truth_tables", {})
    for place, name, outputs in (("Table 2", "nand", NAND), ("Table 3", "xor", XOR)):
        if name in tables:
            ours = " ".join(str(tables[name][bits]) for bits in INPUTS)
            yield exact(place, f"{name.upper()} of the inputs 00, 01, 10, 11", outputs, ours)

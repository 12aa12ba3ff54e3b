"""The numbers of the notes that `filters` computes, beside its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlcli.experiments.filters.metrics import N_NOTES
from mlcli.experiments.wording import Printed, exact

# A row of (8.12), as printed and as its own filter gives it, and a row of (8.2).
EDGES_PRINTED = "0 10 10 0"
EDGES = "0 30 30 0"
DIFFERENCES = "0 0 10 0 0"


def printed(metrics: Mapping[str, Any]) -> Iterator[Printed]:
    """(8.2), (8.12) and (8.18)."""
    matrix = metrics.get("matrix", {})
    if "vertical" in matrix:
        ours = matrix["vertical"]["row_1"]
        corrected = "misprint: three differences of 10 add up to 30"
        verdict = corrected if ours == EDGES else "differs"
        what = "a row of the 6 x 6 matrix under the filter for vertical edges"
        yield Printed("(8.12)", what, EDGES_PRINTED, ours, "", verdict)
    if "difference" in matrix:
        what = "a row of it under the difference of neighbours"
        yield exact("(8.2)", what, DIFFERENCES, matrix["difference"]["row_1"])
    layer = metrics.get("layer", {}).get("notes")
    if layer:
        what = "parameters of ten filters of 3 x 3 x 3"
        yield exact("(8.18)", what, str(N_NOTES), str(layer["n_parameters"]))

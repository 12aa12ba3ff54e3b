"""What the notes print as numbers, beside ours. The printed numbers stand here.

Those of Table 1 and of (8.18) stand with `fit-poly` and `filters`, which compare them themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlcli.experiments.wording import between, number

Metrics = Mapping[str, Any]
INPUTS = ("00", "01", "10", "11")
# Outputs for the inputs 00, 01, 10, 11.
NAND = "1 1 1 0"
XOR = "0 1 1 0"
# A row of (8.12), as printed and as its own filter gives it, and a row of (8.2).
EDGES_PRINTED = "0 10 10 0"
EDGES = "0 30 30 0"
DIFFERENCES = "0 0 10 0 0"
# Of a sigmoid all gradients of a row share one sign.
ONE_SIGN = 1.0


@dataclass(frozen=True)
class Compared:
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


def compared(section: str, metrics: Metrics) -> list[Compared]:
    """The printed numbers that a run has a number for; a run of other settings may have none."""
    rows = ROWS.get(section)
    return list(rows(metrics)) if rows else []


def _fit_poly(metrics: Metrics) -> Iterator[Compared]:
    table = metrics.get("table_1", {})
    for name in sorted(table, key=lambda key: int(key.removeprefix("degree_"))):
        for loss, word in (("train_mse", "training"), ("test_mse", "test")):
            found = table[name][loss]
            drawn = between(found["q025"], found["q975"])
            verdict = "inside" if found["inside"] else "outside"
            what = f"{word} loss, degree {name.removeprefix('degree_')}"
            yield Compared(
                "Table 1",
                what,
                number(found["paper"]),
                number(found["median"]),
                f"{drawn} of draws",
                verdict,
            )


def _perceptron(metrics: Metrics) -> Iterator[Compared]:
    tables = metrics.get("truth_tables", {})
    for place, name, printed in (("Table 2", "nand", NAND), ("Table 3", "xor", XOR)):
        if name in tables:
            ours = " ".join(str(tables[name][bits]) for bits in INPUTS)
            yield _exact(place, f"{name.upper()} of the inputs 00, 01, 10, 11", printed, ours)


def _propagate(metrics: Metrics) -> Iterator[Compared]:
    shares = metrics.get("signs", {}).get("none", {}).get("sigmoid", {})
    for name in sorted(shares, key=lambda key: int(key.removeprefix("n_"))):
        found = shares[name].get("batch_1")
        if found:
            what = f"share of gradients with one sign, sigmoid, {name[2:]} weights, single rows"
            yield _measured("Figure 14", what, ONE_SIGN, found)


def _filters(metrics: Metrics) -> Iterator[Compared]:
    matrix = metrics.get("matrix", {})
    if "vertical" in matrix:
        ours = matrix["vertical"]["row_1"]
        corrected = "misprint: three differences of 10 add up to 30"
        verdict = corrected if ours == EDGES else "differs"
        what = "a row of the 6 x 6 matrix under the filter for vertical edges"
        yield Compared("(8.12)", what, EDGES_PRINTED, ours, "", verdict)
    if "difference" in matrix:
        what = "a row of it under the difference of neighbours"
        yield _exact("(8.2)", what, DIFFERENCES, matrix["difference"]["row_1"])
    layer = metrics.get("layer", {}).get("notes")
    if layer:
        from mlcli.experiments.filters.metrics import N_NOTES

        what = "parameters of ten filters of 3 x 3 x 3"
        ours = str(layer["n_parameters"])
        yield _exact("(8.18)", what, str(N_NOTES), ours)


def _exact(place: str, what: str, printed: str, ours: str) -> Compared:
    return Compared(place, what, printed, ours, "", "equal" if printed == ours else "differs")


def _measured(place: str, what: str, printed: float, found: Metrics) -> Compared:
    inside = found["ci_low"] <= printed <= found["ci_high"]
    drawn = between(found["ci_low"], found["ci_high"])
    verdict = "inside" if inside else "outside"
    return Compared(place, what, number(printed), number(found["mean"]), drawn, verdict)


ROWS: dict[str, Callable[[Metrics], Iterator[Compared]]] = {
    "fit_poly": _fit_poly,
    "perceptron": _perceptron,
    "propagate": _propagate,
    "filters": _filters,
}

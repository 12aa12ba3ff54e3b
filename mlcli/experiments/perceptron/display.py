"""The tables that `perceptron` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.wording import interval, number
from mlcli.result import Display


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Truth tables, the learning rule against its bound, and the rate of the approximator."""
    tables = metrics["truth_tables"]
    names = ("nand", "xor", "half_adder_sum", "half_adder_carry", "asked", "one_unit")
    rows = []
    for bits in ("00", "01", "10", "11"):
        cells = [tables[name].get(bits) for name in names]
        rows.append([bits, *("-" if cell is None else str(cell) for cell in cells)])
    headings = [
        "inputs",
        "NAND (Table 2)",
        "XOR (Table 3)",
        "sum",
        "carry",
        "asked for",
        "one unit",
    ]
    remark = "" if metrics["one_unit_exists"] else "No single unit has the table asked for."
    shown = [Display("truth tables of units", headings, rows, remark)]
    rows = []
    learning = metrics["learning"]
    for name in sorted(learning, key=lambda key: (key == "data", key)):
        one = learning[name]
        label = metrics["data_name"] if name == "data" else f"margin {name.removeprefix('margin_')}"
        rows.append(
            [
                label,
                *interval(one["mistakes"]),
                number(one["smallest_bound"]),
                f"{100 * one['share_below_bound']:.0f} %",
                f"{100 * one['share_converged']:.0f} %",
            ]
        )
    headings = ["rows", "mistakes", "95 % interval", "smallest bound", "below bound", "separated"]
    shown.append(Display("Rosenblatt's rule", headings, rows))
    rows = [
        [label, *interval(metrics[key])]
        for label, key in (
            ("slope of the largest error", "slope_of_largest_error"),
            ("slope of the rms error", "slope_of_rms_error"),
        )
    ]
    title = f"error against number of bins, {metrics['function']}"
    shown.append(Display(title, ["in logarithms", "mean", "95 % interval"], rows))
    return shown

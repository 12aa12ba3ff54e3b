"""The tables that `perceptron` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.wording import between, interval, number
from mlcli.result import Display

BITS = ("00", "01", "10", "11")
# Below this, relative to the largest value of the function, an error is rounding.
ROUNDING = 1e-12


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Truth tables, the learning rule, bumps, the step's limit, and rates of approximation."""
    return [
        _truth_tables(metrics),
        _learning(metrics),
        _bump(metrics["bump"]),
        _slopes(metrics),
        _polynomials(metrics),
        _sigmoids(metrics["sigmoids"]),
    ]


def next_command(metrics: Mapping[str, Any]) -> str:
    """A table that takes a hidden unit, a function with a kink, or rows that are hard to learn."""
    if metrics["one_unit_exists"]:
        return "perceptron --truth-table 0110"
    if "abs" not in metrics["function"]:
        return "perceptron --function 'abs(x - 0.4)'"
    return "perceptron --margins 0.01,0.3"


def _truth_tables(metrics: Mapping[str, Any]) -> Display:
    tables = metrics["truth_tables"]
    names = ("nand", "xor", "half_adder_sum", "half_adder_carry", "asked", "one_unit")
    rows = []
    for bits in BITS:
        cells = [tables[name].get(bits) for name in names]
        rows.append([bits, *("-" if cell is None else str(cell) for cell in cells)])
    headings = [
        "inputs",
        "NAND (Table 2)",
        "XOR (Table 3)",
        "half adder: sum",
        "half adder: carry",
        "--truth-table",
        "one unit",
    ]
    asked = "".join(str(tables["asked"][bits]) for bits in BITS)
    if metrics["one_unit_exists"]:
        unit = metrics["unit"]
        said = (
            f"One unit has the table {asked}: it fires where {_weighted(unit)} > 0. "
            "The half adder, which adds two bits, is made of five NAND units."
        )
    else:
        said = (
            f"No single unit has the table {asked}, as no line separates its outputs; a hidden unit"
            " makes it. The half adder, which adds two bits, is made of five NAND units."
        )
    return Display("truth tables of units", headings, rows, said)


def _weighted(unit: Mapping[str, float]) -> str:
    """w_1 x_1 + w_2 x_2 + b, without what is 0."""
    parts = [(unit["w_1"], " x_1"), (unit["w_2"], " x_2"), (unit["b"], "")]
    shown = ""
    for value, name in parts:
        size = name.strip() if name and abs(value) == 1 else f"{abs(value):g}{name}"
        sign = ("-" if value < 0 else "") if not shown else (" - " if value < 0 else " + ")
        shown += f"{sign}{size}" if value else ""
    return shown


def _learning(metrics: Mapping[str, Any]) -> Display:
    rows, nearest, inseparable = [], (-1.0, ""), []
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
        if one["share_converged"] < 1:
            inseparable.append(label)
        if one["smallest_bound"]:
            nearest = max(nearest, (one["mistakes"]["mean"] / one["smallest_bound"], label))
    if inseparable:
        said = f"Not every run found a line that separates the rows of {', '.join(inseparable)}."
    else:
        said = "Every run found a line that separates its rows."
    if nearest[1]:
        said += (
            f" Nearest to the bound (R / gamma)^2, which no order of the rows can pass, comes "
            f"{nearest[1]}: {100 * nearest[0]:.2g} % of the mistakes that it allows."
        )
    headings = ["rows", "mistakes", "95 % interval", "smallest bound", "below bound", "separated"]
    return Display("Rosenblatt's rule", headings, rows, said)


def _bump(bump: Mapping[str, Any]) -> Display:
    headings = ["unit 1 fires above", "unit 2 fires above", "h", "between them", "before", "after"]
    keys = ("s_1", "s_2", "height", "inside", "before", "after")
    said = (
        f"Between {number(bump['s_1'])} and {number(bump['s_2'])} h (unit 1 - unit 2) is "
        f"{number(bump['inside'])}, the function in the middle of the bin; before and after it is "
        f"{between(*sorted((bump['before'], bump['after'])))}."
    )
    if bump["before"] == bump["after"]:
        said = said.replace(between(bump["before"], bump["after"]), number(bump["before"]))
    title = f"a bump from two units, bin {bump['bin']} of {bump['n_bins']}"
    return Display(title, headings, [[number(bump[key]) for key in keys]], said)


def _slopes(metrics: Mapping[str, Any]) -> Display:
    rows = [
        [label, *interval(metrics[key])]
        for label, key in (
            ("slope of the largest error", "slope_of_largest_error"),
            ("slope of the rms error", "slope_of_rms_error"),
        )
    ]
    slope = metrics["slope_of_rms_error"]["mean"]
    if slope is None:
        said = "The errors have no slope that could be measured."
    else:
        said = (
            f"Twice as many bins leave {2.0**slope:.2g} times the rms error; where the function is "
            "smooth, theory says half of it."
        )
    title = f"error against number of bins, {metrics['function']}"
    return Display(title, ["in logarithms", "mean", "95 % interval"], rows, said)


def _polynomials(metrics: Mapping[str, Any]) -> Display:
    found = metrics["polynomials"]
    names = sorted(found, key=lambda name: int(name[2:]))
    keys = ("staircase", "bernstein", "chebyshev", "best_at_least")
    rows = [[name[2:], *(number(found[name][key]) for key in keys)] for name in names]
    headings = [
        "numbers to choose",
        "staircase of units",
        "Bernstein",
        "Chebyshev points",
        "best polynomial at least",
    ]
    first, last = found[names[0]], found[names[-1]]
    rounding = ROUNDING * metrics["largest_value"]
    if last["staircase"] > first["staircase"] / 2 and last["chebyshev"] > first["chebyshev"] / 2:
        said = (
            f"From {names[0][2:]} to {names[-1][2:]} numbers neither family halves its largest "
            "error, as of a function that jumps: the theorem is about continuous ones."
        )
    elif max(first["chebyshev"], first["staircase"]) <= rounding:
        said = f"Both families have the function exactly with {names[0][2:]} numbers."
    else:
        # Beyond rounding nothing more can be seen.
        above = [name for name in names if found[name]["chebyshev"] > rounding]
        name = above[-1] if above else names[0]
        one = found[name]
        better = "polynomial" if one["chebyshev"] < one["staircase"] else "staircase"
        said = (
            f"With {name[2:]} numbers the best polynomial errs by "
            f"{between(one['best_at_least'], one['chebyshev'])} and the staircase by "
            f"{number(one['staircase'])}: the {better} needs fewer numbers for this function."
        )
    title = f"largest error of two universal families, {metrics['function']}"
    return Display(title, headings, rows, said)


def _sigmoids(found: Mapping[str, Any]) -> Display:
    names = sorted(found, key=lambda name: float(name[7:]))
    keys = ("area", "area_theory", "at_zero", "beyond", "beyond_theory")
    rows = [[name[7:], *(number(found[name][key]) for key in keys)] for name in names]
    headings = ["lambda", "area", "theory", "at z = 0", "beyond |z| = 0.1", "theory"]
    first, last = names[0], names[-1]
    said = (
        f"At lambda {last[7:]} the area between sigmoid and step is {number(found[last]['area'])}"
    )
    if last != first:
        said += f", at {first[7:]} {number(found[first]['area'])}"
    said += (
        f"; at z = 0 they stay {number(found[last]['at_zero'])} apart. The limit is that of a "
        "growing lambda, not of lambda to 0 as printed."
    )
    title = "distance of sigma(lambda z) from the step (5.15), |z| < 5"
    return Display(title, headings, rows, said)

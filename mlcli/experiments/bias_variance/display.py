"""The tables that `bias-variance` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlcli.experiments.wording import between, interval, number, with_interval
from mlcli.result import Display

PREFIX = "degree_"
# A slope within so many of its standard errors is 0 as far as was measured.
STANDARD_ERRORS = 4
# The directions of the variation, polynomials of Legendre with the mean square 1.
DIRECTIONS = ("constant", "line", "parabola", "cubic")


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """The terms of (A.18) against degree, at the best strength, and past the threshold."""
    shown = [_degrees(metrics)]
    if "best" in metrics.get("strength", {}):
        shown.append(_strength(metrics["strength"]))
    if "descent" in metrics:
        shown.append(_descent(metrics["descent"]))
    if "expected_loss" in metrics:
        shown += [_losses(metrics["expected_loss"]), _slopes(metrics["expected_loss"])]
    return shown


def _headings(first: str, terms: Mapping[str, Any]) -> list[str]:
    apart = ["bias^2", "unbiased", "variance", "noise"]
    parts = apart if "noise" in terms else ["bias^2 + noise", "variance"]
    measured = ["measured", "measured - sum, 95 %"] if "noise" in terms else []
    return [first, *parts, "sum", "95 % interval", *measured, "median"]


def _cells(terms: Mapping[str, Any]) -> list[str]:
    mean = {name: number(terms[name]["mean"]) for name in terms}
    total = [*interval(terms["sum"])]
    if "noise" not in terms:
        parts = [mean["bias_squared_plus_noise"], mean["variance"]]
        return [*parts, *total, mean["median_error"]]
    parts = [mean[k] for k in ("bias_squared", "bias_squared_unbiased", "variance", "noise")]
    difference = terms["difference"]
    measured = [
        mean["generalisation_error"],
        between(difference["ci_low"], difference["ci_high"]),
    ]
    return [*parts, *total, *measured, mean["median_error"]]


def _degrees_of(metrics: Mapping[str, Any]) -> list[int]:
    """The degrees, rising."""
    return sorted(int(key.removeprefix(PREFIX)) for key in metrics if key.startswith(PREFIX))


def _degrees(metrics: Mapping[str, Any]) -> Display:
    degrees = _degrees_of(metrics)
    rows = [[str(d), *_cells(metrics[f"{PREFIX}{d}"])] for d in degrees]
    title = (
        f"squared error over {metrics['n_datasets']} data sets of {metrics['n_rows']} rows "
        f"({metrics['ensemble']}), means over {metrics['n_seeds']} seeds"
    )
    headings = _headings("degree", metrics[f"{PREFIX}{degrees[0]}"])
    return Display(title, headings, rows, _remark(metrics))


def _remark(metrics: Mapping[str, Any]) -> str:
    """The lowest sum and what ties with it; where bias ends, and how far the variance rises."""
    terms = {degree: metrics[f"degree_{degree}"] for degree in _degrees_of(metrics)}
    best = metrics["best_degree"]
    if best is None:
        return "No degree has a sum that a number can hold."
    lowest = terms[best]["sum"]
    ties = [d for d in terms if d != best and _overlap(terms[d]["sum"], lowest)]
    found = f"Degree {best} has the lowest sum, {with_interval(lowest)}"
    if ties:
        whose = "those of degrees" if len(ties) > 1 else "that of degree"
        found += f", an interval that overlaps {whose} {_listed(ties, max(terms))}"
    return f"{found}. {_terms_remark(metrics, terms)}"


def _terms_remark(metrics: Mapping[str, Any], terms: Mapping[int, Mapping[str, Any]]) -> str:
    first, last = min(terms), max(terms)
    ends = [number(terms[d]["variance"]["mean"]) for d in (first, last)]
    rise = f"the variance goes from {ends[0]} at degree {first} to {ends[1]} at {last}"
    if first == last:
        rise = f"the variance is {ends[0]}"
    if metrics["ensemble"] == "bootstrap":
        same = "; all seeds resample the same rows" if metrics["seeds_share_rows"] else ""
        return f"The regularity is unknown, so bias^2 and noise can't be told apart; {rise}{same}."
    lows = {d: terms[d]["bias_squared_unbiased"]["ci_low"] for d in terms}
    none = [d for d, low in lows.items() if low is not None and low <= 0]
    if all(low is None for low in lows.values()):
        return f"One seed has no interval; {rise}."
    if not none:
        return f"Bias^2 is above 0 at each degree; {rise}."
    return f"Bias^2 can't be told from 0 at degree {_listed(none, last)}; {rise}."


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two intervals have a part in common; without intervals nothing is said."""
    if None in (one["ci_low"], other["ci_low"]):
        return False
    return bool(one["ci_low"] <= other["ci_high"] and other["ci_low"] <= one["ci_high"])


def _listed(degrees: Sequence[int], last: int) -> str:
    """``3, 5 and 6``, or ``3 and above`` where nothing is left out up to the last."""
    if len(degrees) > 2 and list(degrees) == list(range(degrees[0], last + 1)):
        return f"{degrees[0]} and above"
    *others, final = map(str, degrees)
    return f"{', '.join(others)} and {final}" if others else final


def _strength(strength: Mapping[str, Any]) -> Display:
    best = strength["best"]
    row = [number(strength["best_strength"]), *_cells(best)]
    title = f"degree {strength['degree']} under the {strength['penalty']} penalty, best strength"
    remark = (
        f"At strength {number(strength['best_strength'])} degree {strength['degree']} has the sum "
        f"{with_interval(best['sum'])}, a little low since the same seeds chose the strength."
    )
    return Display(title, _headings("strength", best), [row], remark)


def _descent(descent: Mapping[str, Any]) -> Display:
    rows = []
    kinds = {kind: found for kind, found in sorted(descent.items()) if kind != "n_rows"}
    for kind, found in kinds.items():
        for name in ("lowest_below", "peak", "lowest_beyond"):
            if name in found:
                one = found[name]
                cells = interval(one["median_error"])
                rows.append([kind, name.replace("_", " "), str(one["n_columns"]), *cells])
    title = f"past the interpolation threshold: shortest solutions on {descent['n_rows']} rows"
    headings = ["columns", "where", "number", "median error", "95 % interval"]
    return Display(title, headings, rows, _descent_remark(kinds))


def _descent_remark(kinds: Mapping[str, Mapping[str, Any]]) -> str:
    """Where the error is highest, and whether it ever falls below its first minimum."""
    peaks = sorted({found["peak"]["n_columns"] for found in kinds.values()})
    said = f"The median error is highest at {' and '.join(map(str, peaks))} columns"
    both = [one for one in kinds.values() if {"lowest_below", "lowest_beyond"} <= set(one)]
    if not both:
        return f"{said}."
    below, beyond = (
        min(one[name]["median_error"]["mean"] for one in both)
        for name in ("lowest_below", "lowest_beyond")
    )
    than = "below" if beyond < below else "above"
    return (
        f"{said}; beyond, it falls to {number(beyond)}, {than} the {number(below)} of the best "
        "model with fewer columns than rows."
    )


def function_label(name: str) -> str:
    """What tables and figures call a function whose expected loss is shown."""
    named = {"regression_function": "f~", "shifted": "f~ shifted", "tilted": "f~ tilted"}
    if name.startswith("fit_degree_"):
        return f"a fit, degree {name.removeprefix('fit_degree_')}"
    return named.get(name, name.replace("_", " "))


def _ordered(losses: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The functions in their order."""
    functions = losses["functions"]
    return dict(sorted(functions.items(), key=lambda item: item[1]["index"]))


def _losses(losses: Mapping[str, Any]) -> Display:
    """(A.4) and (A.12): E[L] of each function beside the noise and E h^2, and (A.11)."""
    functions = _ordered(losses)
    rows = [
        [
            function_label(name),
            number(one["excess_exact"]),
            number(one["loss_exact"]),
            *interval(one["expected_loss"]),
            *interval(one["cross_term"]),
        ]
        for name, one in functions.items()
    ]
    title = f"expected loss of f~ and other functions, {losses['n_draws']} draws of (x, t) a seed"
    headings = ["function f~ + h", "E h^2", "noise + E h^2", "measured", "95 % interval"]
    headings += ["cross term", "95 % interval"]
    return Display(title, headings, rows, _losses_remark(losses["noise"], functions))


def _losses_remark(noise: float, functions: Mapping[str, Mapping[str, Any]]) -> str:
    """The best function, the cheapest other, and how many intervals hold what is exact."""
    exact = {name: one["loss_exact"] for name, one in functions.items()}
    others = {n: v for n, v in exact.items() if n != "regression_function" and v is not None}
    said = f"f~ has the least, the noise {number(noise)}"
    if others:
        nearest = min(others, key=lambda name: others[name])
        said += f", and {function_label(nearest)} the next, {number(others[nearest])}"
    ends = [(one["expected_loss"], exact[name]) for name, one in functions.items()]
    crosses = [
        (one["cross_term"], 0.0) for n, one in functions.items() if n != "regression_function"
    ]
    if any(one["ci_low"] is None for one, _ in ends):
        return f"{said}; one seed or a number that is too large has no interval."
    return (
        f"{said}. {_inside(ends)} of {len(ends)} intervals hold the exact value, and "
        f"{_inside(crosses)} of {len(crosses)} cross terms of the others have 0 in theirs."
    )


def _inside(pairs: Sequence[tuple[Mapping[str, Any], float | None]]) -> int:
    """How many intervals hold their value."""
    return sum(
        value is not None and one["ci_low"] is not None and one["ci_low"] <= value <= one["ci_high"]
        for one, value in pairs
    )


def _slopes(losses: Mapping[str, Any]) -> Display:
    """(A.5): dE[L(f + eps h)]/d eps at eps = 0 along four directions h."""
    functions = _ordered(losses)
    rows = [
        [
            function_label(name),
            *(_with_error(one[f"slope_{k}"]) for k in range(len(DIRECTIONS))),
        ]
        for name, one in functions.items()
    ]
    title = "slope of E[L(f + eps h)] at eps = 0: measured +- standard error"
    headings = ["function", *(f"h a {name}" for name in DIRECTIONS)]
    return Display(title, headings, rows, _slopes_remark(functions))


def _standard_error(summary: Mapping[str, Any]) -> float | None:
    std = summary["std"]
    return None if std is None or summary["n"] < 2 else float(std / summary["n"] ** 0.5)


def _with_error(summary: Mapping[str, Any]) -> str:
    error = _standard_error(summary)
    after = "" if error is None else f" +- {error:.2g}"
    return "-" if summary["mean"] is None else f"{summary['mean']:.3f}{after}"


def _slopes_remark(functions: Mapping[str, Mapping[str, Any]]) -> str:
    """Which functions are stationary in every direction, and which are not."""
    level = [name for name, one in functions.items() if not any(_steep(one))]
    errors = [
        _standard_error(one[f"slope_{k}"])
        for one in functions.values()
        for k in range(len(DIRECTIONS))
    ]
    if None in errors:
        seeds = functions["regression_function"]["slope_0"]["n"]
        why = "One seed gives" if seeds < 2 else "A number that is too large has"
        return f"{why} no standard error, so that not every slope can be told from 0."
    named = " and ".join(map(function_label, level)) or "no function"
    said = f"Within {STANDARD_ERRORS} standard errors the slope is 0 in all four directions of "
    said += f"{named}"
    line = functions["best_line"]
    steep = [name for name, is_steep in zip(DIRECTIONS, _steep(line), strict=True) if is_steep]
    if not steep:
        return f"{said}."
    return f"{said}; the best line can still be bettered along a {' and a '.join(steep)}."


def _steep(one: Mapping[str, Any]) -> list[bool]:
    """Whether the slope along each direction is told from 0."""
    found = []
    for k in range(len(DIRECTIONS)):
        error, mean = _standard_error(one[f"slope_{k}"]), one[f"slope_{k}"]["mean"]
        known = error is not None and mean is not None
        found.append(known and abs(mean) > STANDARD_ERRORS * (error or 0.0))
    return found


def next_command(metrics: Mapping[str, Any]) -> str:
    """Choose the degree by cross-validation; where the highest was best, try higher ones first."""
    degrees, best = _degrees_of(metrics), metrics["best_degree"]
    known = metrics["ensemble"] != "bootstrap"
    if best is None:
        return f"bias-variance --degrees 0-{min(3, degrees[-1])}"
    if known and len(degrees) > 1 and best == degrees[-1] and best + 3 <= metrics["n_rows"]:
        return f"bias-variance --degrees 0-{best + 2}"
    whole = degrees == list(range(degrees[0], degrees[-1] + 1)) and len(degrees) > 1
    listed = f"{degrees[0]}-{degrees[-1]}" if whole else ",".join(map(str, degrees))
    return f"kfold --degrees {listed}"

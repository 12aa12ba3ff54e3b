"""The tables that `bias-variance` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.wording import between, interval, number
from mlcli.result import Display

KNOWN = (
    "bias^2 is that of the mean of S fits; 'unbiased' takes off what their number adds, "
    "variance/(S-1), and may be below zero. median: of the error of a single data set."
)
UNKNOWN = (
    "The regularity is unknown, so bias^2 and noise can't be told apart; their sum with the "
    "variance is the measured error exactly."
)
SHARED = (
    " All seeds split and resample the same rows: the intervals are those of that chance, not of "
    "new data."
)


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """The terms of (A.18) against degree, at the best strength, and past the threshold."""
    shown = [_degrees(metrics)]
    if "best" in metrics.get("strength", {}):
        shown.append(_strength(metrics["strength"]))
    if "descent" in metrics:
        shown.append(_descent(metrics["descent"]))
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


def _degrees(metrics: Mapping[str, Any]) -> Display:
    prefix = "degree_"
    degrees = sorted(int(key.removeprefix(prefix)) for key in metrics if key.startswith(prefix))
    rows = [[str(d), *_cells(metrics[f"{prefix}{d}"])] for d in degrees]
    title = (
        f"squared error over {metrics['n_datasets']} data sets of {metrics['n_rows']} rows "
        f"({metrics['ensemble']}), means over {metrics['n_seeds']} seeds"
    )
    headings = _headings("degree", metrics[f"{prefix}{degrees[0]}"])
    return Display(title, headings, rows, _remark(metrics))


def _remark(metrics: Mapping[str, Any]) -> str:
    best = metrics["best_degree"]
    found = "" if best is None else f"Lowest sum: degree {best}. "
    if metrics["ensemble"] == "bootstrap":
        return found + UNKNOWN + (SHARED if metrics["seeds_share_rows"] else "")
    return found + KNOWN


def _strength(strength: Mapping[str, Any]) -> Display:
    best = strength["best"]
    row = [number(strength["best_strength"]), *_cells(best)]
    title = f"degree {strength['degree']} under the {strength['penalty']} penalty, best strength"
    remark = "Chosen by the lowest mean sum over the same seeds, so its error is a little low."
    return Display(title, _headings("strength", best), [row], remark)


def _descent(descent: Mapping[str, Any]) -> Display:
    rows = []
    for kind, found in sorted(descent.items()):
        if kind == "n_rows":
            continue
        for name in ("lowest_below", "peak", "lowest_beyond"):
            if name in found:
                one = found[name]
                cells = interval(one["median_error"])
                rows.append([kind, name.replace("_", " "), str(one["n_columns"]), *cells])
    title = f"past the interpolation threshold: shortest solutions on {descent['n_rows']} rows"
    headings = ["columns", "where", "number", "median error", "95 % interval"]
    remark = "Past the threshold the shortest solution depends on how the columns are scaled."
    return Display(title, headings, rows, remark)

"""The tables that `kfold` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.wording import between, interval, number
from mlcli.result import Display

LABELS = {"mse": "mean squared error", "mae": "mean absolute error", "error_rate": "error rate"}
KINDS = ("naive", "corrected", "nested")
TARGETS = {"own_error": "of the fit at hand", "expected_error": "expected over data sets"}


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Errors against degree, the choices, the bounds of the chosen one, and their coverage."""
    loss = metrics["loss"]
    shown = [_errors(metrics, loss), _choice(metrics)]
    if "path" in metrics:
        shown.append(_path(metrics["path"], loss))
    if metrics["intervals"]:
        shown.append(_intervals(metrics, loss))
    if metrics["coverage"]:
        shown.append(_coverage(metrics["coverage"]))
    return shown


def _degrees(metrics: Mapping[str, Any]) -> list[int]:
    prefix = "degree_"
    return sorted(int(key.removeprefix(prefix)) for key in metrics if key.startswith(prefix))


def _errors(metrics: Mapping[str, Any], loss: str) -> Display:
    names = [f"train_{loss}", "gcv", f"loo_{loss}", f"expected_{loss}"]
    degrees = _degrees(metrics)
    first = metrics[f"degree_{degrees[0]}"]
    present = [name for name in names if name in first]
    with_strength = "strength" in first
    rows = []
    for degree in degrees:
        found = metrics[f"degree_{degree}"]
        marks = [
            label
            for key, label in (("best_degree", "least"), ("one_se_degree", "one-se"))
            if metrics[key] == degree
        ]
        strength = [number(found["strength"])] if with_strength else []
        scores = [number(found[name]["mean"]) for name in present]
        rows.append(
            [str(degree), *strength, *interval(found[f"cv_{loss}"]), *scores, ", ".join(marks)]
        )
    words = {names[0]: "train", "gcv": "GCV", names[2]: "LOO", names[3]: "true"}
    headings = ["degree", *(["strength"] if with_strength else []), "cv", "95 % interval"]
    headings += [*(words[name] for name in present), "choice"]
    return Display(f"{LABELS[loss]}, {_over(metrics)}", headings, rows)


def _over(metrics: Mapping[str, Any]) -> str:
    splits = f"{metrics['n_splits']} {metrics['scheme']} splits"
    if metrics["independent"]:
        return f"{splits} of each of {metrics['n_seeds']} data sets"
    return f"{splits}, {metrics['n_seeds']} times, of one data set (corrected intervals)"


def _choice(metrics: Mapping[str, Any]) -> Display:
    rows = []
    for rule, words in (("minimum", "least error"), ("one_se", "within one std error")):
        shares = metrics["chosen"][rule]
        often = sorted(shares, key=lambda name: (-shares[name], int(name.removeprefix("degree_"))))
        listed = ", ".join(
            f"{name.removeprefix('degree_')} ({100 * shares[name]:.0f} %)" for name in often[:6]
        )
        prefix = "best" if rule == "minimum" else "one_se"
        strength = metrics.get(f"{prefix}_strength")
        chosen = str(metrics[f"{prefix}_degree"])
        chosen += "" if strength is None else f", strength {number(strength)}"
        rows.append([words, chosen, listed])
    remark = ""
    if "selection_error" in metrics:
        mean, bounds = interval(metrics["selection_error"])
        remark = f"Error of choosing by the least error and fitting, by nested folds: {mean}"
        remark += f" ({bounds})." if bounds else "."
    headings = ["rule", "degree", "degrees that the single repeats choose"]
    return Display("the choice", headings, rows, remark)


def _path(path: Mapping[str, Any], loss: str) -> Display:
    row = [number(path["one_se_strength"]), number(path["best_strength"])]
    row += interval(path[f"cv_{loss}"])
    headings = ["one-se strength", "best strength", "cv", "95 % interval"]
    if f"expected_{loss}" in path:
        row += interval(path[f"expected_{loss}"])
        headings += ["true", "95 % interval"]
    return Display(f"degree {path['degree']}, penalised", headings, [row])


def _intervals(metrics: Mapping[str, Any], loss: str) -> Display:
    rows = [
        [
            kind,
            number(one["estimate"]),
            number(one["std_error"]),
            between(one["ci_low"], one["ci_high"]),
        ]
        for kind in KINDS
        if (one := metrics["intervals"].get(kind)) is not None
    ]
    title = f"bounds for the error of degree {metrics['best_degree']}, first data set"
    return Display(title, ["interval", "estimate", "std error", "95 % interval"], rows)


def _coverage(coverage: Mapping[str, Any]) -> Display:
    rows = []
    for kind in KINDS:
        for target, words in TARGETS.items():
            one = coverage[kind][target]
            share = f"{100 * one['coverage']:.1f} %"
            bounds = f"{100 * one['ci_low']:.1f} to {100 * one['ci_high']:.1f} %"
            rows.append([kind, words, share, bounds, number(one["median_width"])])
    title = (
        f"how often a 95 % interval holds the true error: {coverage['n']} data sets of "
        f"{coverage['rows']} rows, degree {coverage['degree']}"
    )
    headings = ["interval", "error", "coverage", "95 % interval", "median width"]
    return Display(title, headings, rows)

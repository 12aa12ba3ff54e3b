"""The tables that `kfold` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.wording import (
    between,
    interval,
    least_of,
    listed,
    number,
    times,
    with_interval,
)
from mlcli.result import Display

LABELS = {"mse": "mean squared error", "mae": "mean absolute error", "error_rate": "error rate"}
MOST_LOGISTIC = 5
KINDS = ("naive", "corrected", "nested")
TARGETS = {"own_error": "of the fit at hand", "expected_error": "expected over data sets"}


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Errors against degree, the choices, the bounds of the chosen one, and their coverage."""
    loss = metrics["loss"]
    shown = [_errors(metrics, loss), _choice(metrics)]
    if "path" in metrics:
        shown.append(_path(metrics, loss))
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
            [
                str(degree),
                *strength,
                *interval(found[f"cv_{loss}"], _scale(found, loss)),
                *scores,
                ", ".join(marks),
            ]
        )
    words = {names[0]: "train", "gcv": "GCV", names[2]: "LOO", names[3]: "true"}
    headings = ["degree", *(["strength"] if with_strength else []), "cv", "95 % interval"]
    headings += [*(words[name] for name in present), "choice"]
    errors = {str(degree): metrics[f"degree_{degree}"][f"cv_{loss}"] for degree in degrees}
    said = least_of(errors, "degree", "cross-validated error")
    best = metrics[f"degree_{metrics['best_degree']}"]
    beside = [
        f"the {word} error is {number(best[name]['mean'])}"
        for name, word in ((f"train_{loss}", "training"), (f"expected_{loss}", "true"))
        if name in best
    ]
    if beside:
        said += f" At degree {metrics['best_degree']} {listed(beside)}."
    return Display(f"{LABELS[loss]}, {_over(metrics)}", headings, rows, said)


def _scale(found: Mapping[str, Any], loss: str) -> float | None:
    """The usual size of an error, beside which an interval can be beyond all measure."""
    train: Mapping[str, Any] = found.get(f"train_{loss}") or {}
    return train.get("mean")


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
    best, simple = metrics["best_degree"], metrics["one_se_degree"]
    remark = f"Both rules choose degree {best}."
    if best != simple:
        remark = (
            f"The least error is that of degree {best}; degree {simple} is within one standard "
        )
        remark += "error of it, and simpler."
    one = metrics["chosen"]["minimum"]
    if len(one) > 1:
        most = max(one.values())
        remark += f" A single repeat chooses one of {len(one)} degrees by the least error, its "
        remark += f"favourite {100 * most:.0f} % of the time."
    if "selection_error" in metrics:
        scale = metrics[f"degree_{best}"][f"cv_{metrics['loss']}"]["mean"]
        said = with_interval(metrics["selection_error"], scale)
        remark += f" Error of choosing by the least error and fitting, by nested folds: {said}."
    headings = ["rule", "degree", "degrees that the single repeats choose"]
    return Display("the choice", headings, rows, remark)


def _path(metrics: Mapping[str, Any], loss: str) -> Display:
    path, best = metrics["path"], metrics["best_degree"]
    row = [number(path["one_se_strength"]), number(path["best_strength"])]
    row += interval(path[f"cv_{loss}"])
    headings = ["one-se strength", "best strength", "cv", "95 % interval"]
    if f"expected_{loss}" in path:
        row += interval(path[f"expected_{loss}"])
        headings += ["true", "95 % interval"]
    here, there = (part[f"cv_{loss}"] for part in (path, metrics[f"degree_{best}"]))
    said = f"Degree {path['degree']} with the penalty has the error {with_interval(here)}, degree "
    said += f"{best} without it {with_interval(there)}"
    if None not in (here["ci_low"], there["ci_low"]):
        apart = here["ci_low"] > there["ci_high"] or there["ci_low"] > here["ci_high"]
        said += ": " + ("their intervals are apart" if apart else "their intervals overlap")
    return Display(f"degree {path['degree']}, penalised", headings, [row], said + ".")


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
    widths = {
        kind: one["ci_high"] - one["ci_low"]
        for kind in KINDS
        if (one := metrics["intervals"].get(kind)) is not None and one["ci_low"] is not None
    }
    return Display(
        title,
        ["interval", "estimate", "std error", "95 % interval"],
        rows,
        _widest(widths),
    )


def _widest(widths: Mapping[str, float]) -> str:
    """Which kind of interval is the widest, and how much wider than the narrowest."""
    if not widths:
        return "The errors of the folds are beyond a number, and have no interval."
    narrow, wide = (pick(widths, key=lambda kind: widths[kind]) for pick in (min, max))
    if not widths[wide]:
        return "The errors of all folds are the same, and the intervals have no width."
    if len(widths) == 1 or not widths[narrow]:
        return f"The {wide} interval is {number(widths[wide])} wide."
    ratio = times(widths[wide] / widths[narrow])
    return f"The {wide} interval is the widest, {ratio} as wide as the {narrow} one."


def _coverage(coverage: Mapping[str, Any]) -> Display:
    rows = []
    kinds = [kind for kind in KINDS if kind in coverage]
    for kind in kinds:
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
    good = [kind for kind in kinds if _holds_nominal(coverage[kind]["own_error"])]
    bad = [
        f"{kind} ({100 * coverage[kind]['own_error']['coverage']:.1f} %)"
        for kind in kinds
        if kind not in good
    ]
    said = f"Of the fit at hand, 95 % is within the measured coverage of {listed(good)}"
    if not good:
        said = "Of the fit at hand, 95 % is within the measured coverage of no kind"
    said += f", and not within that of {listed(bad)}." if bad else "."
    return Display(title, headings, rows, said)


def _holds_nominal(one: Mapping[str, Any]) -> bool:
    """Whether the interval of a measured coverage holds 95 %."""
    return bool(one["ci_low"] <= 0.95 <= one["ci_high"])


def next_command(metrics: Mapping[str, Any]) -> str:
    """The choice in the command that shows its fit: `fit-poly`, or `logistic` for classes."""
    degrees = sorted({metrics["one_se_degree"], metrics["best_degree"]})
    if metrics["loss"] == "error_rate":
        return f"logistic --degree {min(max(1, degrees[0]), MOST_LOGISTIC)}"
    n_rows, columns = metrics["n_train"] + metrics["n_test"], metrics["n_columns"]
    # A fifth of the rows is set aside there.
    degrees = [d for d in degrees if columns[f"degree_{d}"] <= n_rows / 2]
    if not degrees:
        return f"kfold --penalty l2 --degrees {metrics['one_se_degree']}"
    basis = "" if metrics["basis"] == "polynomial" else f" --basis {metrics['basis']}"
    return f"fit-poly --degrees {','.join(map(str, degrees))}{basis}"

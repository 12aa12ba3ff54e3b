"""The tables that `backprop` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlcli.experiments.wording import between, number
from mlcli.result import Display

# Longer tables are cut; tables/ has them whole.
MOST_ROWS = 40
DEEP = 4
VANISHED = 0.1
# An interval that spans more powers of ten says nothing.
WIDEST = 9


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Both passes step by step, the gradients with their check, the curve, and the cost."""
    steps = list(metrics["steps"].values())
    return [
        _forward(metrics, [one for one in steps if one["pass"] == "forward"]),
        _backward(metrics, [one for one in steps if one["pass"] == "backward"]),
        _gradients(metrics),
        _step_size(metrics["check"], metrics["network"]["n_seeds"]),
        _cost(metrics),
    ]


def _rows(steps: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [
        [one["quantity"], one["numbers"], number(one["value"]), one["equation"]]
        for one in steps[:MOST_ROWS]
    ]


def _cut(n: int, table: str) -> str:
    """A sentence about rows that are not printed, with a space before it."""
    return (
        f" The first {MOST_ROWS} of {n} rows; all are in tables/{table}.csv."
        if n > MOST_ROWS
        else ""
    )


HEADINGS = ("quantity", "with numbers", "value", "equation")


def _forward(metrics: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> Display:
    network = metrics["network"]
    title = (
        f"forward pass of {network['sizes']}, {network['activation']}, at x = {metrics['x']} "
        f"with t = {metrics['t']}"
    )
    outputs = ", ".join(number(one["value"]) for one in steps if one["kind"] == "y")
    E = steps[-1]["value"]
    many = outputs.count(",") > 0
    remark = (
        f"The output{'s' if many else ''} {'are' if many else 'is'} {outputs} where "
        f"{metrics['t']} {'are' if many else 'is'} wanted: E = {number(E)}."
    )
    return Display(title, HEADINGS, _rows(steps), remark + _cut(len(steps), "steps"))


def _backward(metrics: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> Display:
    sizes = metrics["errors"]
    layers = sorted(sizes)
    first, last = sizes[layers[0]], sizes[layers[-1]]
    if len(layers) == 1:
        remark = f"One layer has weights; its errors have root mean square {number(first)}."
    elif not last:
        remark = "The errors of the last layer are 0: every output is its target."
    elif not first:
        remark = (
            f"The errors are {number(last)} in layer {len(layers)} and 0 in layer 1: no gradient."
        )
    else:
        remark = (
            f"Over the minibatch the errors have root mean square {number(last)} in layer "
            f"{len(layers)} and {number(first)} in layer 1: a factor {number(first / last)} on the "
            "way back."
        )
    remark += _cut(len(steps), "steps")
    return Display("backward pass of the same row", HEADINGS, _rows(steps), remark)


def _gradients(metrics: Mapping[str, Any]) -> Display:
    found, check, network = metrics["gradients"], metrics["check"], metrics["network"]
    rows = [
        [
            name.partition(" ")[2],
            f"{one['by_sums']:.10g}",
            f"{one['central']:.10g}",
            f"{one['error']:.1e}",
            f"{one['one_sided_error']:.1e}",
            one["left_out"],
        ]
        for name, one in list(found.items())[:MOST_ROWS]
    ]
    m = network["n_rows"]
    title = f"gradients of E, mean of {m} rows" if m > 1 else "gradients of E"
    headings = [
        "gradient",
        "by sums",
        "central difference",
        "off by",
        "one-sided off by",
        "left out",
    ]
    free = {name: one for name, one in found.items() if not one["left_out"]}
    left_out = len(found) - len(free)
    remark = (
        f"Sums and matrices differ by {check['largest_sums_and_matrices']:.1e} of the largest "
        "gradient at most"
    )
    if free:
        worst = max(free, key=lambda name: free[name]["error"])
        remark += (
            f"; the central difference is farthest off, by {free[worst]['error']:.1e}, for "
            f"{worst.partition(' ')[2]}"
        )
    if left_out:
        remark += f"; {left_out} of {len(found)} weights are left out of the check"
    return Display(title, headings, rows, f"{remark}." + _cut(len(found), "gradients"))


def _power(summary: Mapping[str, Any] | None) -> list[str]:
    if not summary:
        return ["-", ""]
    return [number(summary["mean"]), between(summary["ci_low"], summary["ci_high"])]


def _step(summary: Mapping[str, Any] | None) -> list[str]:
    """A step from the summary of its logarithm."""
    if not summary:
        return ["-", ""]
    low, high = summary["ci_low"], summary["ci_high"]
    ends = "" if low is None or high is None else f"{10**low:.1e} to {10**high:.1e}"
    if low is not None and high is not None and high - low > WIDEST:
        ends = f"over {WIDEST} powers of ten"
    return [f"{10 ** summary['mean']:.1e}", ends]


def _step_size(check: Mapping[str, Any], n_seeds: int) -> Display:
    scale = f"{check['precision'] ** (1 / 3):.1e}, (2u)^(1/3)"
    predicted = _step(check.get("log10_predicted_step"))[0]
    rows = [
        ["error at the fixed step", *_step(check.get("log10_error")), ""],
        ["best step", *_step(check.get("log10_measured_step")), f"{predicted}; scale {scale}"],
        ["power of a large step, central", *_power(check.get("slope_central")), "2"],
        ["power of a large step, one-sided", *_power(check.get("slope_one_sided")), "1"],
        ["power of a small step, central", *_power(check.get("slope_rounding")), "-1"],
    ]
    title = f"error of the differences against their step, {n_seeds} network{'s' * (n_seeds > 1)}"
    headings = ["quantity", "measured", "95 % interval", "theory"]
    measured, theory = check.get("log10_measured_step"), check.get("log10_predicted_step")
    if not measured:
        remark = "Every weight of a network is left out of the check, so there is no curve."
    elif not theory:
        remark = (
            f"Central differences are best with a step of {10 ** measured['mean']:.1e}; theory "
            "names none, since E is a parabola along some network's weights."
        )
    else:
        factor = 10 ** abs(measured["mean"] - theory["mean"])
        remark = (
            f"Central differences are best with a step of {10 ** measured['mean']:.1e}, by theory "
            f"{10 ** theory['mean']:.1e}: a factor {number(factor)}."
        )
    return Display(title, headings, rows, remark)


def _cost(metrics: Mapping[str, Any]) -> Display:
    cost, passes = metrics["cost"], metrics["passes"]
    ahead = cost["forward"]
    rows = [
        ["forward pass", "1", str(ahead), "1"],
        ["backpropagation", "1 and 1 back", f"{cost['backpropagation']}", ""],
        ["one-sided differences, W + 1", str(passes["one_sided"]), f"{cost['one_sided']}", ""],
        ["central differences, 2W", str(passes["central"]), f"{cost['central']}", ""],
    ]
    for row, name in zip(rows[1:], ("backpropagation", "one_sided", "central"), strict=True):
        row[3] = number(cost[name] / ahead)
    headings = ["one gradient of one row", "forward passes", "multiplications", "in forward passes"]
    remark = (
        f"Backpropagation multiplies {cost['backpropagation']} times, central differences "
        f"{cost['central']} times: a factor {number(cost['central'] / cost['backpropagation'])} "
        f"for W = {cost['n_weights']} weights."
    )
    return Display(f"cost of one gradient, W = {cost['n_weights']}", headings, rows, remark)


def display_timings(timings: Mapping[str, Any]) -> list[Display]:
    """Seconds of one gradient by each method, for networks of several widths."""
    found = timings["gradient"]
    rows = []
    for width, one in found.items():
        n = int(width)
        seconds = [one[key] for key in ("forward", "backpropagation", "one_sided", "central")]
        rows.append([f"{n}-{n}-{n}", str(one["n_weights"]), *(f"{1e3 * s:.3g}" for s in seconds)])
    largest = list(found.values())[-1]
    factor = largest["central"] / largest["backpropagation"]
    remark = (
        f"With {largest['n_weights']} weights central differences take {number(factor)} times as "
        "long as backpropagation here, now."
    )
    headings = ["network", "W", "forward", "backpropagation", "W + 1 passes", "2W passes"]
    return [Display("milliseconds of one gradient of one row", headings, rows, remark)]


def next_command(metrics: Mapping[str, Any]) -> str:
    """A deeper network where the errors survive the way back, else one that keeps them."""
    network, errors = metrics["network"], metrics["errors"]
    sizes = network["sizes"].split("-")
    layers = sorted(errors)
    kept = errors[layers[0]] >= VANISHED * errors[layers[-1]] > 0
    activation = network["activation"]
    if not kept:
        activation = "leaky-relu" if activation in ("tanh", "relu") else "tanh"
    elif len(sizes) < DEEP:
        sizes, activation = [sizes[0], "3", "3", "3", sizes[-1]], "sigmoid"
    else:
        activation = "relu" if activation != "relu" else "elu"
    words = ["backprop", "--sizes", "-".join(sizes), "--activation", activation]
    words += ["--loss", network["loss"]]
    if metrics["at"]:
        words += [f"--at={metrics['at']}", f"--targets={metrics['targets']}"]
    return " ".join(words)

"""The tables that `descent` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from math import log, sqrt
from typing import Any

from mlcli.experiments.wording import interval, number, with_interval
from mlcli.result import Display

ROWS = (
    ("condition number", "condition_number"),
    ("critical learning rate 2 / lambda_max", "critical_rate"),
    ("the same, measured by bisection, over theory", "measured_over_critical"),
    ("learning rate of the run", "learning_rate"),
    ("loss at the minimum", "floor"),
    ("excess loss at the end", "final_excess"),
    ("distance to the closed form at the end", "final_distance"),
    ("order at which descent tends to the flow, quadratic", "flow_order"),
    ("the same, log cosh loss", "flow_order_log_cosh"),
)
MOST_STEPS = 1_000_000
DEFAULTS = (("basis", "polynomial"), ("degree", 2))


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """The run, minibatches against theory, the escape, overfitting, and the rates."""
    shown = [_run(metrics), _noise(metrics["noise"]), _rates(metrics["rates"])]
    shown += [_spread(metrics["spread"]), _escape(metrics["escape"])]
    return shown + ([_overfit(metrics["overfit"])] if "overfit" in metrics else [])


def next_command(metrics: Mapping[str, Any]) -> str:
    """More steps where descent has not settled, else momentum, else larger and smaller batches."""
    words = ["descent"]
    (settled,) = metrics["certificates"].values()
    if settled["n_certified"] < settled["n"] and metrics["n_steps"] < MOST_STEPS:
        words.append(f"--n-steps {min(10 * metrics['n_steps'], MOST_STEPS)}")
    elif not metrics["momentum"]:
        root = sqrt(metrics["condition_number"]["mean"])
        words.append(f"--momentum {min(max(((root - 1) / (root + 1)) ** 2, 0.05), 0.99):.2g}")
    else:
        words.append("--batch-sizes 1,16,256 --noise-rates 0.1,0.3,0.9")
    return " ".join(
        [*words, *(f"--{k} {metrics[k]}" for k, value in DEFAULTS if metrics[k] != value)]
    )


def _run(metrics: Mapping[str, Any]) -> Display:
    rows = [[label, *interval(metrics[key])] for label, key in ROWS]
    title = f"descent, {metrics['n_steps']} steps, momentum {metrics['momentum']:g}"
    headings = ["quantity", f"mean over {metrics['n_seeds']}", "95 % interval"]
    share = metrics["learning_rate"]["mean"] / metrics["critical_rate"]["mean"]
    ratio = metrics["measured_over_critical"]["mean"]
    said = (
        f"At {share:.2g} of the critical rate descent ends "
        f"{number(metrics['final_excess']['mean'])} above the minimum; bisection, which knows no "
        f"eigenvalue, finds {ratio:.5g} times 2 / lambda_max."
    )
    return Display(title, headings, rows, said)


def _noise(noise: Mapping[str, Any]) -> Display:
    rows, settled, n_missed = [], [], 0
    for batch in sorted(noise, key=lambda name: int(name.removeprefix("batch_"))):
        for rate in sorted(noise[batch], key=lambda name: float(name[5:])):
            one = noise[batch][rate]
            label = batch.removeprefix("batch_"), rate[5:]
            cells = (number(one["measured"]), number(one["theory"]), str(one["n_diverged"]))
            rows.append([*label, *cells])
            n_missed += one["n_diverged"] > 0
            if one["measured"] is not None:
                settled.append((one["measured"], *label, one["theory"]))
    if not settled:
        said = "No batch settles at any of these learning rates."
    else:
        apart = max((abs(one[0] / one[3] - 1) for one in settled if one[3]), default=0.0)
        least, most = min(settled), max(settled)
        said = f"Measured and theory are at most {100 * apart:.2g} % apart"
        if len(settled) > 1:
            said += (
                f": from {number(least[0])} (batches of {least[1]}, rate {least[2]}) to "
                f"{number(most[0])} (batches of {most[1]}, rate {most[2]})"
            )
        said += "."
    if settled and n_missed:
        rows_ = "row has" if n_missed == 1 else "rows have"
        said += f" {n_missed} {rows_} data sets that diverge."
    headings = ["batch", "rate / critical", "excess loss", "theory", "data sets that diverge"]
    return Display("noise floor of minibatch descent", headings, rows, said)


def _rates(rates: Mapping[str, Any]) -> Display:
    rows = []
    for method in ("plain", "momentum"):
        for name, one in sorted(rates[method].items(), key=lambda i: float(i[0][6:])):
            rows.append([method, name[6:], number(one["measured"]), number(one["theory"])])
    headings = ["method", "condition number", "factor a step", "theory"]
    largest = max(rates["plain"], key=lambda name: float(name[6:]))
    plain, fast = (-log(10) / log(rates[m][largest]["measured"]) for m in ("plain", "momentum"))
    said = (
        f"At condition number {largest[6:]} one more digit takes {plain:.3g} steps, with momentum "
        f"{fast:.3g}: {plain / fast:.2g} times fewer."
    )
    return Display("convergence at the best settings", headings, rows, said)


def _spread(spread: Mapping[str, Any]) -> Display:
    rows, settled = [], []
    batches = sorted(
        (int(name.removeprefix("batch_")), one)
        for name, one in spread.items()
        if name.startswith("batch_")
    )
    for batch, one in batches:
        cells: list[str] = []
        for name in ("stiff", "soft"):
            cells += [*interval(one.get(f"{name}_std")), number(one.get(f"{name}_theory"))]
        rows.append([str(batch), *cells])
        if "stiff_std" in one:
            settled.append((batch, one["stiff_std"]["mean"], one["stiff_theory"]))
    if not settled:
        said = "No batch settles at this rate."
    elif settled[-1][1] == 0:
        said = "Every row is fitted exactly, so that minibatches stay at the minimum."
    elif len(settled) == 1:
        batch, measured, theory = settled[0]
        said = (
            f"Batches of {batch} stay about {number(measured)} from the minimum along the stiffest "
            f"direction; theory says {number(theory)}."
        )
    else:
        (small, far, _), (large, near, _) = settled[0], settled[-1]
        said = (
            f"Along the stiffest direction batches of {small} stay {far / near:.3g} times as far "
            f"from the minimum as batches of {large}; with small steps it would be "
            f"sqrt({large}/{small}) = {sqrt(large / small):.3g}."
        )
    title = (
        f"distance from the minimum in the long run, rate {spread['rate']:g} of the critical one"
    )
    stiff, soft = "along the stiffest", "along the softest"
    headings = ["batch", stiff, "95 % interval", "theory", soft, "95 % interval", "theory"]
    return Display(title, headings, rows, said)


def _escape(escape: Mapping[str, Any]) -> Display:
    rates = sorted(escape["all"], key=lambda name: float(name[5:]))
    rows = [["all", rate[5:], percent(escape["all"][rate]), "", ""] for rate in rates]
    every = []
    for name in sorted((n for n in escape if n.startswith("batch_")), key=lambda n: int(n[6:])):
        for rate in rates:
            share, theory = escape[name][rate]["share"], escape[name][rate]["theory"]
            ends = "" if share["ci_low"] is None else _ends(share)
            rows.append([name[6:], rate[5:], percent(share["mean"]), ends, percent(theory)])
            every.append((share["mean"], name[6:], rate[5:], theory, ends))
    plain = max(escape["all"].values())
    whole = "never leaves" if plain == 0 else f"leaves, in at most {percent(plain)} of the starts,"
    best = max(every, key=lambda one: one[0])
    if best[0] == 0:
        said = f"Descent on every row {whole} the local minimum, and no run of minibatches does."
    else:
        within = f" ({best[4]})" if best[4] else ""
        said = (
            f"Descent on every row {whole} the local minimum; batches of {best[1]} at rate "
            f"{best[2]} do in {percent(best[0])}{within} of the runs, and the Markov chain says "
            f"{percent(best[3])}."
        )
    title = (
        f"leaving a local minimum, {escape['n_runs']} runs of {escape['n_steps']} steps for each "
        "batch"
    )
    headings = ["batch", "rate / critical", "left it", "95 % interval", "Markov chain"]
    return Display(title, headings, rows, said)


def percent(share: float) -> str:
    """A share as a percentage with three digits; the smallest are said in words."""
    return "below 0.1 %" if 0 < share < 1e-3 else f"{100 * share:.3g} %"


def _ends(share: Mapping[str, float]) -> str:
    return f"{100 * share['ci_low']:.3g} to {100 * share['ci_high']:.3g} %"


def _overfit(found: Mapping[str, Any]) -> Display:
    parts = ("overfit", "regularised")
    rows = [
        [label, *(cell for one in parts for cell in interval(found[f"{one}_{key}_mse"]))]
        for label, key in (
            ("training rows, mean", "train"),
            ("test rows, geometric mean", "test"),
        )
    ]
    before, after = (found[f"{one}_test_mse"] for one in parts)
    train = number(found["overfit_train_mse"]["mean"])
    if before["mean"] is None or after["mean"] is None:
        said = "The target does not vary, so that there is nothing to overfit."
    else:
        said = (
            f"Without a penalty the training error falls to {train} and the test error is "
            f"{number(before['mean'])}; with weight decay it is {with_interval(after)}, "
        )
        apart = before["ci_low"] is not None and after["ci_high"] is not None
        if apart and after["ci_high"] < before["ci_low"]:
            said += f"lower in {percent(found['share_better'])} of the data sets."
        elif apart and after["ci_low"] > before["ci_high"]:
            said += "higher than without."
        elif apart:
            said += "and the two can't be told apart."
        else:
            said += "on one data set."
    title = (
        f"first overfit, then regularise: {found['n_columns']} columns on {found['n_train']} rows"
    )
    headings = ["error on", "overfit", "95 % interval", "regularised", "95 % interval"]
    return Display(title, headings, rows, said)

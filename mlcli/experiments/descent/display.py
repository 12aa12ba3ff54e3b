"""The tables that `descent` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.wording import interval, number
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


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """The run, the noise floor against theory, and the rates against the condition number."""
    rows = [[label, *interval(metrics[key])] for label, key in ROWS]
    title = f"descent, {metrics['n_steps']} steps, momentum {metrics['momentum']:g}"
    headings = ["quantity", f"mean over {metrics['n_seeds']}", "95 % interval"]
    shown = [Display(title, headings, rows)]
    rows = []
    for batch in sorted(metrics["noise"], key=lambda name: int(name.removeprefix("batch_"))):
        for rate in sorted(metrics["noise"][batch], key=lambda name: float(name[5:])):
            one = metrics["noise"][batch][rate]
            rows.append(
                [
                    batch.removeprefix("batch_"),
                    rate[5:],
                    number(one["measured"]),
                    number(one["theory"]),
                    str(one["n_diverged"]),
                ]
            )
    headings = ["batch", "rate / critical", "excess loss", "theory", "data sets that diverge"]
    shown.append(Display("noise floor of minibatch descent", headings, rows))
    rows = []
    for method in ("plain", "momentum"):
        for name, one in sorted(metrics["rates"][method].items(), key=lambda i: float(i[0][6:])):
            rows.append([method, name[6:], number(one["measured"]), number(one["theory"])])
    headings = ["method", "condition number", "factor a step", "theory"]
    shown.append(Display("convergence at the best settings", headings, rows))
    return shown

"""The tables that `train-cnn` shows on the console, made from metrics.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.train_mlp.display import display as display_scores
from mlcli.experiments.wording import interval, number
from mlcli.result import Display


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Scores, the layers of the first architecture, and what shifts of the images do."""
    shown = display_scores(metrics)
    layers = metrics["layers"]
    rows = [
        [one["layer"], one["output"], str(one["parameters"]), str(one["bytes_a_row"])]
        for _, one in sorted(layers.items())
    ]
    total = sum(one["parameters"] for one in layers.values())
    shown.append(Display("layers", ["layer", "output", "parameters", "bytes a row"], rows,
                         f"{total} parameters."))  # fmt: skip
    if "shifts" in metrics:
        shown.append(_shifts(metrics))
    return shown


def _shifts(metrics: Mapping[str, Any]) -> Display:
    networks = sorted(metrics["shifts"], key=lambda name: (name == "equal_mlp", name))
    rows = []
    for pixels in sorted(metrics["shifts"][networks[0]]):
        row = [str(int(pixels))]
        for name in networks:
            row += interval(metrics["shifts"][name][pixels])
        rows.append(row)
    headings = ["pixels"]
    for name in networks:
        headings += ["perceptron" if name == "equal_mlp" else name, "95 % interval"]
    equal = metrics["equal_mlp"]
    score = "test_accuracy" if "test_accuracy" in equal else "test_mse"
    return Display(
        f"{score.replace('_', ' ')} on shifted images",
        headings,
        rows,
        f"The perceptron has {equal['n_parameters']} parameters and unshifted "
        f"{number(equal[score]['mean'])}. At most 1000 test rows are shifted.",
    )

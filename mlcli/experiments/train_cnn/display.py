"""The tables that `train-cnn` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.networks.display import display as display_scores
from mlcli.experiments.networks.display import variants_in
from mlcli.experiments.wording import interval
from mlcli.result import Display

SCORES = ("test_accuracy", "test_mse", "test_rounded_accuracy")


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Scores, the layers of the first architecture, and what shifts of the images do."""
    shown = display_scores(metrics)
    layers = metrics["layers"]
    rows = [
        [one["layer"], one["output"], str(one["parameters"]), str(one["bytes_a_row"])]
        for _, one in sorted(layers.items())
    ]
    total = sum(one["parameters"] for one in layers.values())
    shown.append(
        Display(
            "layers", ["layer", "output", "parameters", "bytes a row"], rows, f"{total} parameters."
        )
    )
    if "equal_mlp" in metrics:
        shown.append(_equal(metrics))
    if "shifts" in metrics:
        shown += [_shifts(metrics), _moved(metrics)]
    if "deployed" in metrics:
        shown.append(_deployed(metrics["deployed"]))
    return shown


def _equal(metrics: Mapping[str, Any]) -> Display:
    """The perceptron of equal size beside the first variant."""
    equal = metrics["equal_mlp"]
    first = next(one for _, one in variants_in(metrics))
    names = [name for name in SCORES if name in equal]
    rows = []
    for name, one in (("convolutional", first), ("perceptron", equal)):
        row = [name, str(one["n_parameters"])]
        for key in names:
            row += interval(one[key])
        rows.append(row)
    headings = ["network", "parameters"]
    for name in names:
        headings += [name.replace("_", " "), "95 % interval"]
    return Display("a perceptron of equal size", headings, rows)


def _moved(metrics: Mapping[str, Any]) -> Display:
    moved = metrics["moved_by_a_pixel"]
    rows = [[one["layer"], *interval(one["change"])] for _, one in sorted(moved.items())]
    return Display(
        "what a shift of one pixel changes",
        ["layer", "relative change", "95 % interval"],
        rows,
        "Norm of the change of a layer's output over the norm of the output.",
    )


def _deployed(one: Mapping[str, Any]) -> Display:
    size = one["size"]
    return Display(
        "on a larger picture",
        ["picture", "map", "images in it", "seen as what they are", "dense against convolutional"],
        [
            [
                f"{size} x {size}",
                f"{one['map_height']} x {one['map_width']}",
                str(one["n_images"]),
                str(one["n_right"]),
                f"{one['largest_difference']:.1e}",
            ]
        ],
        "The last is the largest difference of the logits of the network and of its twin without "
        "dense layers, over the largest logit.",
    )


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
    classes = metrics["data"]["task"] == "classification"
    score = "test accuracy" if classes else "test mean squared error in units of training"
    return Display(
        f"{score} on shifted images",
        headings,
        rows,
        "At most 1000 test rows are shifted.",
    )

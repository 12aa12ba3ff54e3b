"""The tables that `train-cnn` shows on the console, made from details.json alone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from mlcli.experiments.networks.display import display as display_scores
from mlcli.experiments.networks.display import variants_in
from mlcli.experiments.wording import interval, number
from mlcli.result import Display

# Layers that put out vectors.
NO_IMAGES = ("dense", "flatten", "global", "scan")
# Rows of a minibatch by default.
DEFAULT_BATCH = 64
# Share of the accuracy by which a shift is costly.
COSTLY = 0.05
SCORES = ("test_accuracy", "test_mse", "test_rounded_accuracy")


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Scores, the layers of the first architecture, and what shifts of the images do."""
    shown = display_scores(metrics)
    layers = metrics["layers"]
    rows = [
        [one["layer"], one["output"], str(one["parameters"]), str(one["bytes_a_row"])]
        for _, one in sorted(layers.items())
    ]
    headings = ["layer", "output", "parameters", "bytes a row"]
    shown.append(Display("layers", headings, rows, _of_layers(layers)))
    if "receptive_fields" in metrics:
        shown.append(_fields(metrics["receptive_fields"]))
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
    said = " ".join([compare_scores(names[0], first[names[0]], equal[names[0]]), _rate(equal)])
    return Display("a perceptron of equal size", headings, rows, said.strip())


def compare_scores(name: str, own: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Which of the two networks is better, and whether their intervals lie apart."""
    words = name.replace("_", " ")
    if own["mean"] is None or other["mean"] is None:
        return f"There is no {words} of both to compare."
    gap = own["mean"] - other["mean"]
    if gap == 0:
        return f"Both have the same {words}, {number(own['mean'])}."
    better = "convolutional network" if (gap > 0) != name.endswith("mse") else "perceptron"
    said = f"The {better} has the better {words}, by {abs(gap):.3g}"
    if own["ci_low"] is None or other["ci_low"] is None:
        return f"{said}; one seed has no interval."
    apart = own["ci_low"] > other["ci_high"] or other["ci_low"] > own["ci_high"]
    return f"{said}; the intervals {'lie apart' if apart else 'overlap'}."


def _rate(equal: Mapping[str, Any]) -> str:
    """At which rate the perceptron trained, where there was a choice."""
    if "rates" not in equal:
        return ""
    score = "accuracy" if "validation_accuracy" in equal["rates"]["rate_0"] else "loss"
    return (
        f"The perceptron is trained at a rate of {number(equal['learning_rate'])}, which has the "
        f"best {score} of {len(equal['rates'])} on the rows to watch."
    )


def _moved(metrics: Mapping[str, Any]) -> Display:
    moved = metrics["moved_by_a_pixel"]
    rows = [[one["layer"], *interval(one["change"])] for _, one in sorted(moved.items())]
    return Display(
        "what a shift of one pixel changes",
        ["layer", "relative change", "95 % interval"],
        rows,
        _of_changes([moved[key] for key in sorted(moved)]),
    )


def _of_changes(moved: Sequence[Mapping[str, Any]]) -> str:
    """What pools do to the change, and what is left of it at the end."""
    changes = [one["change"]["mean"] for one in moved]
    pools = [i for i, one in enumerate(moved) if one["layer"].startswith(("pool", "global")) and i]
    known = [i for i in pools if changes[i] is not None and changes[i - 1] is not None]
    said = "No pool follows a layer whose change is known."
    if known:
        lower = sum(changes[i] < changes[i - 1] for i in known)
        said = f"{lower} of {len(known)} pools change less than what goes into them."
    if changes[0] is None or changes[-1] is None:
        return said
    return (
        f"{said} The first layer changes by {number(changes[0])} of its norm, the outputs by "
        f"{number(changes[-1])}."
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
        _of_the_map(one),
    )


def _of_the_map(one: Mapping[str, Any]) -> str:
    """How many images are recognised, and where there is evidence for a class."""
    said = f"{one['n_right']} of {one['n_images']} images are seen as what they are."
    if "evidence_floor" not in one:
        return said
    return (
        f"{said} At {one['n_places_seen']} of {one['map_height'] * one['map_width']} places the "
        f"largest logit is at least {number(one['evidence_floor'])}, as on 95 % of the watched "
        f"images; {one['n_seen_on_images']} of them lie on an image."
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
        f"{_of_shifts(metrics['shifts'], networks)} At most 1000 test rows are shifted.",
    )


def _of_shifts(shifts: Mapping[str, Any], networks: Sequence[str]) -> str:
    """Where the networks are farthest apart; of one, what the farthest shift costs it."""
    pixels = sorted(shifts[networks[0]])
    means = {
        key: [shifts[name][key]["mean"] for name in networks]
        for key in pixels
        if all(shifts[name][key]["mean"] is not None for name in networks)
    }
    if not means:
        return "There are no scores to compare."
    names = ["the perceptron" if name == "equal_mlp" else name for name in networks]

    def listed(key: str) -> str:
        return ", ".join(f"{number(v)} ({n})" for v, n in zip(means[key], names, strict=True))

    if len(networks) == 1:
        first, last = min(means), max(means)
        return f"Moved by {int(last)} pixels: {listed(last)}; by {int(first)}: {listed(first)}."
    key = max(means, key=lambda one: max(means[one]) - min(means[one]))
    return f"The networks are farthest apart at {int(key)} pixels: {listed(key)}."


def _of_layers(layers: Mapping[str, Any]) -> str:
    """All parameters, and the layer that has the most of them."""
    total = sum(one["parameters"] for one in layers.values())
    most = max(one["parameters"] for one in layers.values())
    names = [one["layer"] for _, one in sorted(layers.items()) if one["parameters"] == most]
    which = names[0] if len(names) == 1 else f"each of {len(names)} layers"
    return f"{total} parameters, {100 * most / max(total, 1):.0f} % of them in {which}."


def _fields(found: Mapping[str, Any]) -> Display:
    """Receptive fields by recursion and by gradients."""
    layers = [one for key, one in sorted(found.items()) if isinstance(one, Mapping)]
    rows = [
        [
            one["layer"],
            str(one["jump"]),
            f"{one['theory_height']} x {one['theory_width']}",
            f"{one['height']} x {one['width']}",
            f"{one['measured_height']} x {one['measured_width']}",
            str(one["half_side"]),
        ]
        for one in layers
    ]
    agree = f"in {found['n_agree']} of {found['n_layers']} layers"
    vectors = (i for i, one in enumerate(layers) if one["layer"].startswith(NO_IMAGES))
    images = layers[: next(vectors, len(layers))] or layers
    wide = max(images, key=lambda one: one["theory_height"] * one["theory_width"])
    remark = (
        f"Gradients reach just the pixels of the recursion {agree}. The widest field of a layer "
        f"of images is {wide['theory_height']} x {wide['theory_width']}, but half of the gradient "
        f"comes from {wide['half_side']} x {wide['half_side']}."
    )
    headings = ["layer", "step", "recursion", "in the image", "gradients", "half of the gradient"]
    return Display("receptive field of the neuron in the middle, pixels", headings, rows, remark)


def next_command(metrics: Mapping[str, Any]) -> str:
    """Training on shifted images where a shift costs much, else more seeds."""
    words = ["train-cnn", *_network(metrics)]
    n_train = metrics["data"]["n_train"]
    if n_train < DEFAULT_BATCH:
        words += ["--batch-size", str(n_train)]
    cost = _costly_shift(metrics)
    if cost:
        return shlex.join([*words, "--augment-shift", str(cost)])
    return shlex.join([*words, "--n-seeds", str(2 * metrics["training"]["n_seeds"])])


def _costly_shift(metrics: Mapping[str, Any]) -> int:
    """The least shift that changes the score by more than `COSTLY` of it; 0 if none does."""
    scores: Mapping[str, Any] = next(iter(metrics.get("shifts", {}).values()), {})
    start = scores.get("00", {}).get("mean")
    for pixels in sorted(scores):
        found = scores[pixels]["mean"]
        if start and found is not None and abs(found - start) > COSTLY * start:
            return int(pixels)
    return 0


def _network(metrics: Mapping[str, Any]) -> list[str]:
    """The flags of the first network."""
    from mlcli.neural.architecture import PRESETS

    lines = [one["layer"] for _, one in sorted(metrics["layers"].items())]
    for name, preset in PRESETS.items():
        if tuple(lines[: len(preset)]) == preset and len(lines) - len(preset) in (1, 2):
            return ["--architecture", name]
    n_outputs = 2 if lines[-2:-1] and lines[-2].endswith("1x1") and "global" in lines[-1] else 1
    return ["--layers", ",".join(lines[:-n_outputs])] if len(lines) > n_outputs else []

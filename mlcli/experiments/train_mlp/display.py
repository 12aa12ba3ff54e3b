"""The tables that `train-mlp` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.networks import display as networks
from mlcli.experiments.networks.display import best_variant, listed, value, variants_in
from mlcli.experiments.wording import interval, number
from mlcli.result import Display

# A network whose test loss is so many times its training loss fits the noise of its rows.
OVERFIT = 3.0
BATCH_SIZE = 64


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Scores and differences of the variants, their hidden units, and the study of two inputs."""
    shown = [*networks.display(metrics), units(metrics)]
    return [*shown, plane(metrics["plane"])] if "plane" in metrics else shown


def units(metrics: Mapping[str, Any]) -> Display:
    """How many hidden units of each variant differ, and by how much."""
    variants = [(name or "all members", one) for name, one in variants_in(metrics)]
    rows = [
        [name, *interval(one["distinct_units"]), *interval(one["units_std"])]
        for name, one in variants
    ]
    headings = ["variant", "share that differ", "95 % interval", "spread of weights"]
    title = "hidden units that no other unit of their layer equals, after training"
    return Display(title, [*headings, "95 % interval"], rows, _remark_on_units(variants))


def _remark_on_units(variants: list[tuple[str, Mapping[str, Any]]]) -> str:
    same = [name for name, one in variants if one["distinct_units"]["mean"] == 0]
    some = {name: one for name, one in variants if 0 < (one["distinct_units"]["mean"] or 0) < 1}
    # A variant that diverged has no spread.
    spreads = {
        name: one["units_std"]["mean"]
        for name, one in variants
        if one["units_std"]["mean"] is not None
    }
    if same:
        others = {name: spread for name, spread in spreads.items() if name not in same}
        least = min(others, key=others.__getitem__, default="")
        beside = f", of {least} {number(others[least])}" if least else ""
        return (
            f"In {listed(same)} all units of a layer stay the same, so that the layer is one unit "
            f"(section 7.1.1); the spread of their weights is {number(spreads[same[0]])}{beside}."
        )
    if some:
        name = min(some, key=lambda one: some[one]["distinct_units"]["mean"])
        share = some[name]["distinct_units"]
        return f"Some units equal others: of {name} the share that differs is {value(share)}."
    least = min(spreads, key=spreads.__getitem__, default="")
    if not least:
        return "Every variant diverged in a seed."
    return (
        f"No unit equals another in any variant; the least spread is {number(spreads[least])}, of "
        f"{least}."
    )


def plane(found: Mapping[str, Any]) -> Display:
    """Accuracy of the networks of two inputs from each start, beside the best rule."""
    rows, known = [], "best_accuracy" in found
    for init in found["inits"]:
        one = found["starts"][f"init_{init}"]
        row = [init, number(one["start_accuracy"]["mean"]), *interval(one["accuracy"])]
        row += interval(one["disagreement"]) if known else []
        rows.append([*row, number(one["distinct_units"]["mean"])])
    headings = ["init", "accuracy at first", "accuracy at last", "95 % interval"]
    headings += ["not as the best rule", "95 % interval"] if known else []
    title = (
        f"two inputs, {found['n_units']} hidden units of {found['activation']}: {found['data']}, "
        f"{found['n_train']} rows to train, {found['n_epochs']} epochs"
    )
    return Display(title, [*headings, "units that differ"], rows, _remark_on_plane(found))


def _remark_on_plane(plane: Mapping[str, Any]) -> str:
    starts = {init: plane["starts"][f"init_{init}"]["accuracy"] for init in plane["inits"]}
    there = {init: one for init, one in starts.items() if one["mean"] is not None}
    if not there:
        return "Every start diverged in a seed."
    best = max(there, key=lambda init: float(there[init]["mean"]))
    said = f"{best} calls {value(there[best])} of the test rows right"
    if "best_accuracy" in plane:
        rule, high = plane["best_accuracy"]["mean"], there[best]["ci_high"]
        said += f", the best rule {number(rule)}"
        if high is not None:
            said += f", which the interval {'reaches' if high >= rule else 'does not reach'}"
    worst = min(there, key=lambda init: float(there[init]["mean"]))
    if worst != best and there[worst]["mean"] < there[best]["mean"]:
        said += f"; {worst} has the least, {value(there[worst])}"
    return f"{said}."


def next_command(metrics: Mapping[str, Any]) -> str:
    """A search for the rate where members diverged; else what the best variant asks for."""
    n_train = metrics["data"]["n_train"]
    small = f" --batch-size {n_train}" if n_train < BATCH_SIZE else ""
    variants, best = list(variants_in(metrics)), best_variant(metrics)
    if best is None or any(one["n_diverged"] for _, one in variants):
        return f"lr-find{small}"
    name, found = best
    if len(variants) == 1:
        return f"train-mlp --init zeros,xavier,he{small}"
    inits = [part.removeprefix("init_") for part in name.split(", ") if part.startswith("init_")]
    if found["test_loss"]["mean"] > OVERFIT * found["train_loss"]["mean"]:
        of_best = f" --init {inits[0]}" if inits else ""
        return f"train-mlp --dropout 0,0.2,0.5{of_best}{small}"
    return f"lr-find{small}"

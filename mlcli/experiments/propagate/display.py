"""The tables that `propagate` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.wording import number
from mlcli.result import Display

MOVES = {
    "forward": "Var a, from layer to layer",
    "backward": "Var delta, from layer to layer backwards",
    "batch_norm_backward": "the same with batch normalisation",
}
TRAINS = {"none": "training accuracy", "batch": "the same with batch normalisation"}


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Factors per layer and theory, one-signed gradients, and which pairs train."""
    deepest = metrics["depths"].split(",")[-1]
    shown = []
    for side, words in MOVES.items():
        inits = list(next(iter(metrics[side].values())))
        rows = [
            [name, *(_factor(by_init[init][f"depth_{deepest}"]) for init in inits)]
            for name, by_init in metrics[side].items()
        ]
        title = f"{words}: factor at depth {deepest} (theory of a wide network)"
        shown.append(Display(title, ["activation", *inits], rows))
    shown.append(_signs(metrics["signs"]))
    for normalisation, words in TRAINS.items():
        pairs = metrics["trains"][normalisation]
        inits = list(next(iter(pairs.values())))
        rows = [
            [name, *(_accuracy(by_init[init]) for init in inits)] for name, by_init in pairs.items()
        ]
        title = (
            f"{words}, depth {metrics['train_depth']}, {metrics['train_steps']} steps, "
            f"best of {metrics['n_rates']} rates"
        )
        remark = (
            f"* trains: the 95 % interval lies above {100 * metrics['threshold']:g} %; ? open: it "
            f"has that inside; the commonest class has {100 * metrics['commonest_class']:.3g} %."
        )
        shown.append(Display(title, ["activation", *inits], rows, remark))
    return shown


def _factor(one: Mapping[str, Any]) -> str:
    return f"{_short(one['factor']['mean'])} ({_short(one['theory'])})"


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _accuracy(one: Mapping[str, Any]) -> str:
    mark = "*" if one["trains"] else " " if one["fails"] else "?"
    return f"{100 * one['accuracy']['mean']:.0f} % {mark}"


def _signs(signs: Mapping[str, Any]) -> Display:
    """The fewest weights that were compared, by batch size."""
    first = next(iter(signs["none"].values()))
    name_n = min(first, key=lambda key: int(key.removeprefix("n_")))
    sizes = sorted(
        (key for key in first[name_n] if key.startswith("batch_")),
        key=lambda key: int(key.removeprefix("batch_")),
    )
    rows = []
    for activation, by_n in signs["none"].items():
        cells = [_short(by_n[name_n][size]["mean"]) for size in sizes]
        # There is none where all minibatches have one row.
        normalised = signs.get("batch", {}).get(activation, {}).get(name_n, {})
        last = normalised[sizes[-1]]["mean"] if normalised else None
        rows.append([activation, *cells, _short(by_n[name_n]["large_batch"]), _short(last)])
    n = name_n.removeprefix("n_")
    headings = [
        "activation",
        *(f"{size.removeprefix('batch_')} rows" for size in sizes),
        "many rows, theory",
        "batch normalisation",
    ]
    remark = f"Centred gradients would have {number(2.0 ** (1 - int(n)))}."
    return Display(
        f"share of gradients of {n} weights of a neuron that have one sign", headings, rows, remark
    )

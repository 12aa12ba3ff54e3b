"""The tables that `propagate` shows on the console, made from details.json alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mlcli.experiments.wording import number
from mlcli.result import Display

MOVES = {
    "forward": "Var a, from layer to layer",
    "backward": "Var delta, from layer to layer backwards",
    "batch_norm_backward": "the same with batch normalisation",
}
SIDES = ("forward", "backward")
TRAINS = {"none": "training accuracy", "batch": "the same with batch normalisation"}
# Pairs that a sentence names; of more it says how many.
NAMED, NAMED_ALIVE = 4, 20
# Activations that only measured networks can have.
NOT_TRAINED = ("linear",)


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Draws of W, factors per layer, one-signed gradients, what stays alive and what trains."""
    deepest = int(metrics["depths"].split(",")[-1])
    shown = [_draws(metrics["draws"], metrics["n_draws"])]
    for side, words in MOVES.items():
        inits = list(next(iter(metrics[side].values())))
        rows = [
            [name, *(_factor(by_init[init][f"depth_{deepest}"]) for init in inits)]
            for name, by_init in metrics[side].items()
        ]
        title = f"{words}: factor at depth {deepest} (theory of a wide network)"
        remark = _nearest_to_one(metrics[side], deepest)
        shown.append(Display(title, ["activation", *inits], rows, remark))
    shown += [_signs(metrics["signs"]), _alive(metrics, deepest)]
    shown.append(_alphas(metrics["alphas"], metrics["alpha_init"], deepest))
    shown += [_trains(metrics, normalisation) for normalisation in TRAINS]
    return shown


def next_command(metrics: Mapping[str, Any]) -> str:
    """Train the initialisation that learns best beside the one that learns worst."""
    pairs = [
        (one["accuracy"]["mean"], name, init)
        for name, init, one in _pairs(metrics["trains"]["none"])
        if name not in NOT_TRAINED
    ]
    if not pairs:
        return "train-mlp --hidden 64-64-64 --init he,normal"
    best, name, init = max(pairs, key=lambda pair: pair[0])
    worst, _, other = min((pair for pair in pairs if pair[1] == name), key=lambda pair: pair[0])
    compared = (
        f"--init {init},{other}" if worst < best else f"--init {init} --normalisation none,batch"
    )
    return f"train-mlp --hidden 64-64-64 --activation {name} {compared}"


def _pairs(tree: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Activation, initialisation and entry of each pair."""
    for name, by_init in tree.items():
        for init, one in by_init.items():
            yield name, init, one


def _named(pairs: Iterable[tuple[str, str]], most: int = NAMED) -> str:
    """``relu with he and lecun, tanh with xavier``; of many the first ones and a count."""
    by_name: dict[str, list[str]] = {}
    every = list(pairs)
    for name, init in every[:most]:
        by_name.setdefault(name, []).append(init)
    words = ", ".join(f"{name} with {_and(inits)}" for name, inits in by_name.items())
    more = len(every) - most
    return f"{words} and {more} more" if more > 0 else words


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _factor(one: Mapping[str, Any]) -> str:
    return f"{_short(one['factor']['mean'])} ({_short(one['theory'])})"


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _nearest_to_one(tree: Mapping[str, Any], depth: int) -> str:
    """Which factors are nearest to 1 and farthest, and what the latter makes of a variance."""
    logs = {
        (name, init): math.log10(one[f"depth_{depth}"]["factor"]["mean"])
        for name, init, one in _pairs(tree)
        if one[f"depth_{depth}"]["factor"]["mean"]
    }
    gone = sum(1 for _ in _pairs(tree)) - len(logs)
    beyond = f" {gone} leave{'s' * (gone == 1)} the range of a float." if gone else ""
    if not logs:
        return f"All variances leave the range of a float within {depth} layers."
    ends = min(map(abs, logs.values())), max(map(abs, logs.values()))
    near, far = (
        [pair for pair, log in logs.items() if math.isclose(abs(log), end, rel_tol=1e-9)]
        for end in ends
    )
    first = f"{_named(near)} {'has' if len(near) == 1 else 'have'} {10 ** logs[near[0]]:.3g}"
    if math.isclose(*ends, rel_tol=1e-9):
        return f"{first}; 1 keeps the variance.{beyond}"
    power = round(logs[far[0]] * (depth - 1))
    total = f"10^{power}" if power else "less than a factor of 4"
    return (
        f"Nearest to 1, which keeps the variance: {first}; farthest: {_named(far)} with "
        f"{10 ** logs[far[0]]:.3g}, {total} through {depth} layers.{beyond}"
    )


def _interval(one: Mapping[str, Any], digits: int) -> str:
    if one["ci_low"] is None:
        return _short(one["mean"])
    ends = f"{one['ci_low']:.{digits}f} to {one['ci_high']:.{digits}f}"
    return f"{one['mean']:.{digits}f} ({ends})"


def _draws(draws: Mapping[str, Any], n_draws: int) -> Display:
    """Means and variances of z and delta in a linear network whose layers grow."""
    rows, inside, n = [], 0, 0
    for init, by_layer in draws.items():
        for layer, one in by_layer.items():
            signal, errors = one["signal"], one["errors"]
            known = (
                (signal["activation_mean"], 0.0),
                (signal["variance"], signal["theory"]),
                (errors["error_mean"], 0.0),
                (errors["variance"], errors["theory"]),
            )
            inside += sum(a["ci_low"] <= theory <= a["ci_high"] for a, theory in known)
            n += len(known)
            cells = (
                f"{_interval(a, 3)}" + (f", {theory:.3g}" if theory else "") for a, theory in known
            )
            rows.append([init, layer.removeprefix("layer_"), *cells])
    steady = {
        side: [
            init
            for init, by_layer in draws.items()
            if all(abs(one[side]["theory"] - 1) < 1e-9 for one in by_layer.values())
        ]
        for side in ("signal", "errors")
    }
    kept = [
        f"{' and '.join(inits)} keep{'s' if len(inits) == 1 else ''} Var {symbol} at 1"
        for (side, inits), symbol in zip(steady.items(), ("z", "delta"), strict=True)
        if inits
    ]
    words = f"{', '.join(kept)}, and none keeps both" if kept else "None keeps a variance at 1"
    return Display(
        f"a linear network whose layers grow, over {n_draws} draws of W; theory of the means is 0",
        ["init", "layer", "mean of z", "Var z, theory", "mean of delta", "Var delta, theory"],
        rows,
        f"{inside} of {n} intervals hold the theory, where {0.95 * n:.0f} are expected. {words}.",
    )


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
    centred = 2.0 ** (1 - int(n))
    shares = {name: by_n[name_n][sizes[0]]["mean"] for name, by_n in signs["none"].items()}
    always = [name for name, share in shares.items() if share == 1]
    size = sizes[0].removeprefix("batch_")
    rows_ = "1 row" if size == "1" else f"{size} rows"
    nearest = min(shares, key=lambda name: abs(shares[name] - centred))
    all_of = f"all gradients of {_and(always)} have one sign; " if always else ""
    remark = (
        f"Over {rows_} {all_of}{nearest} is nearest to the {number(centred)} of centred "
        f"activations, with {shares[nearest]:.3g}."
    )
    return Display(
        f"share of gradients of {n} weights of a neuron that have one sign", headings, rows, remark
    )


def _alive(metrics: Mapping[str, Any], depth: int) -> Display:
    """Powers of 10 that signal and errors change by, and whether what is alive trains."""
    tree = metrics["alive"]
    inits = list(next(iter(tree.values())))
    rows = [[name, *(_life(by_init[init]) for init in inits)] for name, by_init in tree.items()]
    trained = metrics["trains"]["none"]
    living = [(name, init) for name, init, one in _pairs(tree) if one["alive"]]
    n = sum(1 for _ in _pairs(tree))
    percent = 100 * (metrics["kept"] - 1)
    through = f"at most {percent:.0f} % a layer"
    if not living:
        n_train = sum(one["trains"] for _, _, one in _pairs(trained))
        pairs = f"None of {n} pairs changes" if n > 1 else "The pair does not change"
        remark = f"{pairs} signal and errors by {through}; {n_train} of {n} can be trained."
    else:
        train = [pair for pair in living if trained[pair[0]][pair[1]]["trains"]]
        others = sum(one["trains"] for _, _, one in _pairs(trained)) - len(train)
        remark = (
            f"* alive: both change by {through}, which {len(living)} of {n} pairs do: "
            f"{_named(living, NAMED_ALIVE)}. Of these {len(train) or 'none'} can be trained at "
            f"depth {metrics['train_depth']}, and {others or 'none'} of the other "
            f"{n - len(living)}."
        )
    return Display(
        f"powers of 10 by which Var a forward / Var delta backward change through {depth} layers",
        ["activation", *inits],
        rows,
        remark,
    )


def _life(one: Mapping[str, Any]) -> str:
    mark = "*" if one["alive"] else " " if one["lost"] else "?"
    changes = (one[f"log10_{side}"]["mean"] for side in SIDES)
    return f"{' / '.join('out' if c is None else f'{c:+.1f}' for c in changes)} {mark}"


def _alphas(tree: Mapping[str, Any], init: str, depth: int) -> Display:
    """Change of signal and errors against alpha."""
    rows = []
    for name, by_alpha in tree.items():
        for key, one in by_alpha.items():
            cells = (_interval(one[f"log10_{side}"], 2) for side in SIDES)
            rows.append([name, key.removeprefix("alpha_"), *cells])
    told = []
    for name, by_alpha in tree.items():
        worst = {
            key: max(abs(one[f"log10_{side}"]["mean"] or math.inf) for side in SIDES)
            for key, one in by_alpha.items()
        }
        ends = (pick(worst, key=worst.__getitem__) for pick in (min, max))
        least, largest = (f"{key.removeprefix('alpha_')} ({worst[key]:.1f})" for key in ends)
        told.append(f"for {name} least with alpha {least} and most with {largest}")
    return Display(
        f"powers of 10 through {depth} layers with {init} weights, against alpha (95 % interval)",
        ["activation", "alpha", "Var a", "Var delta"],
        rows,
        f"Signal or errors change, in powers of 10, {', '.join(told)}.",
    )


def _trains(metrics: Mapping[str, Any], normalisation: str) -> Display:
    pairs = metrics["trains"][normalisation]
    inits = list(next(iter(pairs.values())))
    rows = [
        [name, *(_accuracy(by_init[init]) for init in inits)] for name, by_init in pairs.items()
    ]
    title = (
        f"{TRAINS[normalisation]}, depth {metrics['train_depth']}, {metrics['train_steps']} steps, "
        f"best of {metrics['n_rates']} rates"
    )
    every = list(_pairs(pairs))
    n_train = sum(one["trains"] for *_, one in every)
    n_open = len(every) - n_train - sum(one["fails"] for *_, one in every)
    top = max(one["accuracy"]["mean"] for *_, one in every)
    best = [(name, init) for name, init, one in every if one["accuracy"]["mean"] == top]
    are_open = f", {n_open} {'is' if n_open == 1 else 'are'} open (?)" if n_open else ""
    remark = (
        f"{n_train} of {len(every)} pairs train (*: the 95 % interval lies above "
        f"{100 * metrics['threshold']:g} %){are_open}. Best: {_named(best)}, {100 * top:.0f} %; "
        f"the commonest class has {100 * metrics['commonest_class']:.3g} %."
    )
    return Display(title, ["activation", *inits], rows, remark)


def _accuracy(one: Mapping[str, Any]) -> str:
    mark = "*" if one["trains"] else " " if one["fails"] else "?"
    return f"{100 * one['accuracy']['mean']:.0f} % {mark}"

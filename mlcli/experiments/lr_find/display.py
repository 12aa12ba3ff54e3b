"""The tables that `lr-find` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlcli.experiments.lr_find.recipes import OF_SCHEDULES, ONE_CYCLE, RECIPES
from mlcli.experiments.networks.display import SIGNIFICANT, listed, value
from mlcli.experiments.wording import between, interval, number, rule_label
from mlcli.optimisation.range_test import RULES
from mlcli.result import Display

# Rows of a minibatch where nothing else is said.
BATCH_SIZE = 64
RATES = ("eta_crit", "eta_max", "eta_min")
CLASSES = (("test_accuracy", "test accuracy"), ("test_loss", "test loss"))
NUMBERS = (("test_mse", "test mse"), ("test_loss", "test loss"))


def _variants(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and metrics of each variant, in the order of the command line."""
    every = metrics["sweep"]["variants"]
    for key in sorted(every, key=int):
        entry: Any = metrics
        path = [step for step in every[key].split(" / ") if step]
        for step in path:
            entry = entry[step]
        yield ", ".join(path), entry


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """The rates, scores of trainings with them, and the differences."""
    variants = list(_variants(metrics))
    shown = [_rates(metrics, variants)]
    compared = [(name, one["comparison"]) for name, one in variants if "comparison" in one]
    if compared:
        shown += [_trainings(metrics, compared), _differences(metrics, compared)]
    return shown


def _rates(metrics: Mapping[str, Any], variants: list[tuple[str, Mapping[str, Any]]]) -> Display:
    several, sweep = len(variants) > 1, metrics["sweep"]
    rows = []
    for name, one in variants:
        found = [(key, one[key]) for key in RATES]
        found += [(rule_label(key), one["suggestions"][key]) for key in RULES]
        for key, entry in found:
            row = [name, key] if several else [key]
            rows.append(
                [
                    *row,
                    number(entry["mean"]),
                    between(entry["ci_low"], entry["ci_high"]),
                    str(entry["n"]),
                ]
            )
    headings = ["variant", "rate"] if several else ["rate"]
    data = metrics["data"]
    title = (
        f"{data['name']}, {data['task']}: {sweep['n_steps']} steps from {sweep['rate_min']:g} to "
        f"{sweep['rate_max']:g}; {sweep['n_seeds']} seed{'s' if sweep['n_seeds'] > 1 else ''}"
    )
    headings += ["geometric mean", "95 % interval", "seeds"]
    return Display(title, headings, rows, _remark_on_rates(variants))


def _remark_on_rates(variants: list[tuple[str, Mapping[str, Any]]]) -> str:
    """The largest rate to train with, and how far the other rules are from it."""
    there = [(name, one) for name, one in variants if one["eta_max"]["mean"] is not None]
    name, found = there[0]
    eta_max, of = found["eta_max"], f" of {name}" if name else ""
    said = f"The loss{of} diverges at {value(found['eta_crit'])}, so that eta_max is "
    said += number(eta_max["mean"])
    others = {rule: found["suggestions"][rule]["mean"] for rule in RULES}
    ratios = {rule: mean / eta_max["mean"] for rule, mean in others.items() if mean is not None}
    if ratios:
        low, high = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
        said += f"; the other rules suggest from {number(ratios[low])} ({low}) to "
        said += f"{number(ratios[high])} times that ({high})"
    return f"{said}."


def _trainings(
    metrics: Mapping[str, Any], compared: list[tuple[str, Mapping[str, Any]]]
) -> Display:
    several = len(compared) > 1
    scores = CLASSES if metrics["data"]["task"] == "classification" else NUMBERS
    headings = [*(["variant"] if several else []), "training", "rate"]
    for _, words in scores:
        headings += [words, "95 % interval"]
    rows = []
    for name, comparison in compared:
        for recipe in RECIPES:
            one = comparison[recipe]
            row = [*([name] if several else []), RECIPES[recipe][2], number(one["learning_rate"])]
            for key, _ in scores:
                row += interval(one[key])
            rows.append([*row, str(one["n_diverged"])])
    epochs = metrics["sweep"]["compare_epochs"]
    remark = _remark_on_trainings(metrics, compared)
    return Display(f"trained for {epochs} epochs", [*headings, "diverged"], rows, remark)


def _remark_on_trainings(
    metrics: Mapping[str, Any], compared: list[tuple[str, Mapping[str, Any]]]
) -> str:
    """The best training, the worst, and those that diverged; of the first variant."""
    (name, found), key = compared[0], _score_of(metrics)
    of, sign = f" of {name}" if name else "", -1.0 if key.endswith("accuracy") else 1.0
    means = {one: found[one][key]["mean"] for one in RECIPES}
    there = [one for one in RECIPES if means[one] is not None]
    gone = [RECIPES[one][2] for one in RECIPES if means[one] is None]
    diverged = f"; in some seeds {listed(gone)} diverged" if gone else ""
    if not there:
        return f"Every training{of} diverged in some seeds."
    there.sort(key=lambda one: sign * means[one])
    best, worst = there[0], there[-1]
    said = f"Best{of} is {RECIPES[best][2]} with {value(found[best][key])}"
    if worst != best:
        said += f", worst {RECIPES[worst][2]} with {value(found[worst][key])}"
    return f"{said}{diverged}."


def _score_of(metrics: Mapping[str, Any]) -> str:
    """The score on which trainings are compared."""
    return "test_accuracy" if metrics["data"]["task"] == "classification" else "test_mse"


def _differences(
    metrics: Mapping[str, Any], compared: list[tuple[str, Mapping[str, Any]]]
) -> Display:
    several, n_seeds = len(compared) > 1, metrics["sweep"]["n_seeds"]
    rows = []
    for name, comparison in compared:
        for recipe in list(RECIPES)[1:]:
            one = comparison["differences"][f"{ONE_CYCLE} - {recipe}"]
            p = "-" if one["p_holm"] is None else f"{one['p_holm']:.2g}"
            row = [*([name] if several else []), f"one cycle - {RECIPES[recipe][2]}"]
            rows.append([*row, *interval(one), p, f"{one['n_better']} of {n_seeds}"])
    words = _score_of(metrics).replace("_", " ")
    headings = ["variant", "difference"] if several else ["difference"]
    return Display(
        f"differences in {words}, seed by seed",
        [*headings, "mean", "95 % interval", "p, Holm", "better in"],
        rows,
        _remark_on_differences(metrics, compared),
    )


def _remark_on_differences(
    metrics: Mapping[str, Any], compared: list[tuple[str, Mapping[str, Any]]]
) -> str:
    """Which schedules the one cycle beats, which beat it, and which are alike: first variant."""
    name, found = compared[0]
    sign = 1.0 if _score_of(metrics) == "test_accuracy" else -1.0
    groups: dict[str, list[str]] = {"beats": [], "loses to": [], "can't be told from": []}
    unknown: list[str] = []
    least = 1.0
    for recipe in list(RECIPES)[1:]:
        one = found["differences"][f"{ONE_CYCLE} - {recipe}"]
        label = RECIPES[recipe][2]
        if one["p_holm"] is None:
            unknown.append(f"{label} (better in {one['n_better']} seeds)")
        elif one["p_holm"] >= SIGNIFICANT:
            groups["can't be told from"].append(label)
            least = min(least, one["p_holm"])
        else:
            verb = "beats" if sign * one["mean"] > 0 else "loses to"
            groups[verb].append(f"{label} by {number(abs(one['mean']))}")
    parts = [f"{verb} {listed(labels)}" for verb, labels in groups.items() if labels]
    if groups["can't be told from"]:
        parts[-1] += f" (least adjusted p {least:.2g})"
    if unknown:
        parts.append(f"has no test against {listed(unknown)}")
    of = f" of {name}" if name else ""
    return f"One cycle{of} {'; it '.join(parts)}."


def next_command(metrics: Mapping[str, Any]) -> str:
    """The training with what was found, its rate and the schedule that did best."""
    variants = list(_variants(metrics))
    found = next(one for _, one in variants if one["eta_max"]["mean"] is not None)
    schedules = ["one-cycle"]
    if "comparison" in found:
        key = _score_of(metrics)
        sign = -1.0 if key.endswith("accuracy") else 1.0
        means = {name: found["comparison"][name][key]["mean"] for name in OF_SCHEDULES}
        there = [name for name in OF_SCHEDULES if means[name] is not None]
        if there:
            best = RECIPES[min(there, key=lambda one: sign * means[one])][0]
            schedules = list(dict.fromkeys([*schedules, best]))
    command = "train-cnn" if metrics["sweep"]["network"] == "cnn" else "train-mlp"
    n_train = metrics["data"]["n_train"]
    small = f" --batch-size {n_train}" if n_train < BATCH_SIZE else ""
    rate = f"{found['eta_max']['mean']:.3g}"
    return f"{command} --learning-rate {rate} --schedule {','.join(schedules)}{small}"

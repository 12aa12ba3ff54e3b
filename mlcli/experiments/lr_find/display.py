"""The tables that `lr-find` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlcli.experiments.lr_find.comparison import RECIPES
from mlcli.experiments.wording import between, interval, number, rule_label
from mlcli.optimisation.range_test import RULES
from mlcli.result import Display

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
    return Display(title, [*headings, "geometric mean", "95 % interval", "seeds"], rows)


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
    return Display(f"trained for {epochs} epochs", [*headings, "diverged"], rows)


def _differences(
    metrics: Mapping[str, Any], compared: list[tuple[str, Mapping[str, Any]]]
) -> Display:
    several, n_seeds = len(compared) > 1, metrics["sweep"]["n_seeds"]
    rows = []
    for name, comparison in compared:
        for recipe in list(RECIPES)[1:]:
            one = comparison["differences"][f"one_cycle - {recipe}"]
            p = "-" if one["p_holm"] is None else f"{one['p_holm']:.2g}"
            row = [*([name] if several else []), f"one cycle - {RECIPES[recipe][2]}"]
            rows.append([*row, *interval(one), p, f"{one['n_better']} of {n_seeds}"])
    words = "test accuracy" if metrics["data"]["task"] == "classification" else "test mse"
    headings = ["variant", "difference"] if several else ["difference"]
    return Display(
        f"differences in {words}, seed by seed",
        [*headings, "mean", "95 % interval", "p, Holm", "better in"],
        rows,
    )

"""The tables that `train-mlp` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlcli.experiments.wording import interval, number
from mlcli.result import Display

CLASSES = (
    ("test_accuracy", "test accuracy"),
    ("test_loss", "test loss"),
    ("train_loss", "train loss"),
)
NUMBERS = (
    ("test_mse", "test mse"),
    ("test_r2", "test R2"),
    ("test_loss", "test loss"),
    ("train_loss", "train loss"),
)
# Scores that depend on the settings.
OPTIONAL = (
    ("test_rounded_accuracy", "rounded right"),
    ("test_accuracy_one_view", "one view"),
    ("test_mse_one_view", "test mse, one view"),
)
# Rows of the table of differences; the others are in tests.csv.
MOST_TESTS = 15


def variants_in(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and metrics of each variant, in the order of the command line."""
    every = metrics["comparison"]["variants"]
    for key in sorted(every, key=int):
        entry: Any = metrics
        path = [step for step in every[key].split(" / ") if step]
        for step in path:
            entry = entry[step]
        yield ", ".join(path), entry


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Scores of each variant, and the differences between them."""
    data, training = metrics["data"], metrics["training"]
    variants = list(variants_in(metrics))
    scores = CLASSES if data["task"] == "classification" else NUMBERS
    scores = tuple(one for one in (*scores, *OPTIONAL) if one[0] in variants[0][1])
    compared = len(variants) > 1
    headings = ["variant" if compared else "network"]
    for _, words in scores:
        headings += [words, "95 % interval"]
    headings += ["best epoch", "parameters"]
    rows = []
    for name, one in variants:
        row = [name or "all members"]
        for key, _ in scores:
            row += interval(one[key])
        rows.append([*row, number(one["best_epoch"]["mean"]), str(one["n_parameters"])])
    title = (
        f"{data['name']}, {data['task']}: {data['n_train']} rows to train, "
        f"{data['n_validation']} to watch, {data['n_test']} to test; {training['n_seeds']} "
        f"seed{'s' if training['n_seeds'] > 1 else ''}, {training['n_epochs']} epochs"
    )
    shown = [Display(title, headings, rows)]
    tests = metrics["comparison"]["tests"]
    if tests:
        shown.append(_differences(metrics, tests))
    return shown


def _differences(metrics: Mapping[str, Any], tests: Mapping[str, Any]) -> Display:
    rows = []
    for name, one in list(tests.items())[:MOST_TESTS]:
        p = [f"{one[key]:.2g}" if one[key] is not None else "-" for key in ("p_value", "p_holm")]
        rows.append([name, *interval(one), *p])
    words = metrics["comparison"]["metric"].replace("_", " ")
    left = len(tests) - len(rows)
    return Display(
        f"differences in {words}, seed by seed",
        ["difference", "mean", "95 % interval", "p", "p, Holm"],
        rows,
        f"{left} more in tests.csv." if left > 0 else "",
    )

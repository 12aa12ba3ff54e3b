"""The tables of trained networks on the console, made from details.json alone.

`train-mlp` and `train-cnn` share them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlcli.experiments.wording import between, interval, number
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
# The level of the tests, which allow for their number.
SIGNIFICANT = 0.05
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
    shown = [Display(title, headings, rows, remark_on_scores(metrics))]
    tests = metrics["comparison"]["tests"]
    if tests:
        shown.append(_differences(metrics, tests))
    return shown


def value(summary: Mapping[str, Any]) -> str:
    """The mean, with its interval in brackets where there is one."""
    mean, ends = interval(summary)
    return f"{mean} ({ends})" if ends else mean


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])


def best_variant(metrics: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Name and metrics of the variant with the best mean; None where every one diverged."""
    key = metrics["comparison"]["metric"]
    sign = -1.0 if key.endswith("accuracy") else 1.0
    there = [one for one in variants_in(metrics) if one[1][key]["mean"] is not None]
    return min(there, key=lambda one: sign * one[1][key]["mean"], default=None)


def remark_on_scores(metrics: Mapping[str, Any]) -> str:
    """Which variant is best, which can't be told from it, and which are worse."""
    key, variants = metrics["comparison"]["metric"], list(variants_in(metrics))
    words, best = key.replace("_", " ").replace("mse", "mean squared error"), best_variant(metrics)
    if best is None:
        return f"Every member diverged, so that there is no {words}."
    name, found = best
    if len(variants) == 1:
        return _alone(metrics, found, words)
    groups: dict[str, list[str]] = {"alike": [], "worse": [], "unknown": [], "diverged": []}
    for other, entry in variants:
        if other != name:
            groups[_beside(metrics, name, other, entry[key]["mean"])].append(other)
    said = {
        "worse": "is worse",
        "alike": "can't be told from it",
        "unknown": "has no test against it",
        "diverged": "diverged in some seeds",
    }
    parts = [
        f"{listed(others)} {words_of(said[group], len(others))}"
        for group in said
        if (others := groups[group])
    ]
    return f"{name} is best with a {words} of {value(found[key])}; {'; '.join(parts)}."


def words_of(said: str, n: int) -> str:
    """A sentence about one as that about several."""
    return said if n == 1 else said.replace("is ", "are ", 1).replace("has ", "have ", 1)


def _alone(metrics: Mapping[str, Any], found: Mapping[str, Any], words: str) -> str:
    key, n_test = metrics["comparison"]["metric"], metrics["data"]["n_test"]
    if key.endswith("accuracy"):
        wrong = round((1.0 - found[key]["mean"]) * n_test)
        return f"The {words} is {value(found[key])}: about {wrong} of {n_test} rows called wrong."
    r2 = found["test_r2"]["mean"]
    explained = "" if r2 is None else f", R2 {number(r2)} of at most 1"
    return f"The {words} is {value(found[key])}{explained}."


def _beside(metrics: Mapping[str, Any], best: str, other: str, mean: float | None) -> str:
    """How a variant stands to the best: by the adjusted p-value of their difference."""
    if mean is None:
        return "diverged"
    tests = metrics["comparison"]["tests"]
    pair = [name.replace(", ", " ") for name in (best, other)]
    test = tests.get(" - ".join(pair)) or tests.get(" - ".join(pair[::-1]))
    p = test and test["p_holm"]
    if p is None:
        return "unknown"
    return "worse" if p < SIGNIFICANT else "alike"


def _differences(metrics: Mapping[str, Any], tests: Mapping[str, Any]) -> Display:
    rows = []
    for name, one in list(tests.items())[:MOST_TESTS]:
        p = [f"{one[key]:.2g}" if one[key] is not None else "-" for key in ("p_value", "p_holm")]
        rows.append([name, *interval(one), *p])
    words = metrics["comparison"]["metric"].replace("_", " ")
    left = len(tests) - len(rows)
    remark = remark_on_differences(tests)
    return Display(
        f"differences in {words}, seed by seed",
        ["difference", "mean", "95 % interval", "p", "p, Holm"],
        rows,
        f"{remark} {left} more in tests.csv." if left > 0 else remark,
    )


def remark_on_differences(tests: Mapping[str, Any]) -> str:
    """How many differences are not due to chance, and the largest of them."""
    known = {name: one for name, one in tests.items() if one["p_holm"] is not None}
    if not known:
        return "No difference has a test: it needs two seeds in which neither diverged."
    sure = {name: one for name, one in known.items() if one["p_holm"] < SIGNIFICANT}
    counted = f"{len(sure)} of {len(known)} differences"
    if not sure:
        least = min(one["p_holm"] for one in known.values())
        return f"{counted} can be told from chance: the least adjusted p is {least:.2g}."
    name = max(sure, key=lambda one: abs(sure[one]["mean"]))
    one = sure[name]
    ends = between(one["ci_low"], one["ci_high"])
    largest = f"{name} is the largest, {number(one['mean'])} ({ends})"
    return f"{counted} can be told from chance (adjusted p below {SIGNIFICANT:g}); {largest}."

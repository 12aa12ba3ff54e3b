"""The tables that `fit-poly` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.wording import between, interval, number
from mlcli.result import Display

EXPLANATION = (
    "lapack cuts off small singular values, as the notes' program did; arnoldi keeps every one "
    "and is the exact fit. Where the effective ranks differ they are two estimators."
)


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Error against degree, and the notes' Table 1 beside ours where it was computed."""
    shown = [_errors("mean squared error", metrics)]
    if "lapack" in metrics:
        remark = EXPLANATION
        shown.append(
            _errors("the same with lapack (the notes' estimator)", metrics["lapack"], remark)
        )
    if "path" in metrics:
        shown.append(_path(metrics["path"]))
    if "table_1" in metrics:
        shown.append(_table_1(metrics["table_1"], metrics["n_seeds"]))
    return shown


def _degrees(metrics: Mapping[str, Any]) -> list[int]:
    prefix = "degree_"
    return sorted(int(key.removeprefix(prefix)) for key in metrics if key.startswith(prefix))


def _errors(title: str, metrics: Mapping[str, Any], remark: str = "") -> Display:
    rows = []
    for degree in _degrees(metrics):
        found = metrics[f"degree_{degree}"]
        test = found.get("test_mse")
        rows.append(
            [
                str(degree),
                *interval(found["train_mse"]),
                *interval(test),
                number(found["effective_rank"]["mean"]),
            ]
        )
    headings = ["degree", "train", "95 % interval", "test", "95 % interval", "effective rank"]
    return Display(title, headings, rows, remark)


def _path(path: Mapping[str, Any]) -> Display:
    test = path.get("test_mse")
    row = [
        number(path["lowest_error_strength"]),
        *interval(path["train_mse"]),
        *interval(test),
        number(path["n_nonzero"]["mean"]),
    ]
    headings = ["strength", "train", "95 % interval", "test", "95 % interval", "nonzero"]
    title = "the highest degree, penalised: the strength with the lowest mean error"
    return Display(title, headings, [row], "Chosen on the test part, so its error is a little low.")


def _table_1(table: Mapping[str, Any], n_seeds: int) -> Display:
    rows = []
    for degree in _degrees(table):
        for loss, label in (("train_mse", "train"), ("test_mse", "test")):
            one = table[f"degree_{degree}"][loss]
            rows.append(
                [
                    f"{degree} {label}",
                    number(one["paper"]),
                    number(one["median"]),
                    between(one["q025"], one["q975"]),
                    "yes" if one["inside"] else "no",
                    between(one["mean_ci_low"], one["mean_ci_high"]),
                ]
            )
    headings = [
        "degree, loss",
        "paper",
        "our median",
        "central 95 %",
        "inside",
        "interval of the mean",
    ]
    return Display(f"Table 1 of the notes, and ours over {n_seeds} draws", headings, rows)

"""The tables that `logistic` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlcli.experiments.wording import BRIER, interval, number
from mlcli.result import Display

SCORES = (
    ("test accuracy", "test_accuracy"),
    ("the same, always the commonest class", "commonest_class_accuracy"),
    ("test cross-entropy, nats", "test_cross_entropy"),
    ("test area under the ROC curve", "test_roc_auc"),
    ("test average precision", "test_average_precision"),
    ("test precision", "test_precision"),
    ("test recall", "test_recall"),
    (f"test {BRIER}", "test_brier"),
    ("test calibration error", "test_calibration_error"),
    ("training accuracy", "train_accuracy"),
    ("training cross-entropy, nats", "train_cross_entropy"),
    ("weights that are not 0", "n_nonzero"),
    ("steps of the solver", "n_steps"),
)
TERMS = ("entropy", "divergence", "cross_entropy")
INFORMATION = {"cells": "test rows, in cells", "truth": "the true p(C_1|x)"}


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """The scores, the terms of (C.5), recovery from saturation, and separable classes."""
    rows = [[label, *interval(metrics[key])] for label, key in SCORES]
    title = f"logistic, {metrics['n_classes']} classes, {metrics['solver']}, {metrics['loss']}"
    headings = ["quantity", f"mean over {metrics['n_seeds']}", "95 % interval"]
    shown = [Display(title, headings, rows, _positive(metrics["classes"]))]
    rows = []
    for name, label in INFORMATION.items():
        if name in metrics["information"]:
            one = metrics["information"][name]
            terms = [number(one[key]["mean"]) for key in TERMS]
            rows.append([label, *terms, f"{one['largest_gap']:.0e}"])
    headings = ["p against the fit", "entropy", "+ divergence", "= cross-entropy", "largest gap"]
    shown.append(Display("information (C.5), nats", headings, rows))
    rows = []
    for name, one in sorted(metrics["saturation"].items(), key=lambda item: float(item[0][11:])):
        rows.append(
            [
                name[11:],
                number(one["confidence"]["mean"]),
                *(_steps(one[loss]) for loss in ("cross_entropy", "square")),
            ]
        )
    headings = ["mean |a| at the start", "confidence", "cross-entropy", "mean square"]
    shown.append(
        Display(
            "steps to recover from a wrong start",
            headings,
            rows,
            "Medians over the seeds, at one learning rate for both.",
        )
    )
    one = metrics["separable"]
    rows = [
        ["none", *_norms(one["no_penalty"]), "infinite"],
        ["l2", *_norms(one["l2"]), number(one["l2"]["norm_of_minimum"]["mean"])],
    ]
    headings = ["penalty", "|w| halfway", "|w| at the end", "at the minimum"]
    shown.append(Display("weights on separable classes", headings, rows))
    return shown


def _positive(classes: Sequence[str]) -> str:
    """Which of two classes precision and recall are of."""
    if len(classes) != 2:
        return ""
    return f"The positive class, C_1, is {classes[1]}; the other is {classes[0]}."


def _steps(one: Mapping[str, Any]) -> str:
    if one["median_steps"] is None:
        return f"not by the end ({100 * one['share_recovered']:.0f} % of seeds)"
    return number(one["median_steps"])


def _norms(one: Mapping[str, Any]) -> list[str]:
    return [number(one[key]["mean"]) for key in ("norm_halfway", "norm_at_end")]

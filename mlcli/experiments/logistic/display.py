"""The tables that `logistic` shows on the console, made from details.json alone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from mlcli.experiments.wording import BRIER, interval, number, with_interval
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
LAW = {"known": "the known law", "normal": "normal classes"}
OF_LAW = {
    "known": (
        ("test log loss of the exact posterior", "law_cross_entropy"),
        ("test log loss of the fit", "fit_cross_entropy"),
        ("the fit's excess", "excess"),
        ("D(exact || fit), mean over test rows", "divergence"),
        ("|exact - fit|, mean over test rows", "absolute_difference"),
        ("test accuracy of the exact posterior", "law_accuracy"),
        ("test accuracy of the fit", "fit_accuracy"),
    ),
    "normal": (
        ("test log loss of normal classes", "law_cross_entropy"),
        ("test log loss of the fit", "fit_cross_entropy"),
        ("the fit's excess", "excess"),
        ("D(normal || fit), mean over test rows", "divergence"),
        ("|normal - fit|, mean over test rows", "absolute_difference"),
        ("test accuracy of normal classes", "law_accuracy"),
        ("test accuracy of the fit", "fit_accuracy"),
    ),
}
INFORMATION = {
    "rows": "the test rows, one by one (C.7)",
    "cells": "the test rows, in cells",
    "truth": "the true p(C_1|x)",
}


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """The scores, densities, information and likelihoods, and the two studies."""
    shown = [_scores(metrics)]
    if "densities" in metrics:
        shown.append(_densities(metrics["densities"]))
    return [
        *shown,
        _information(metrics),
        _likelihood(metrics),
        _normal_model(metrics["normal_model"]),
        _saturation(metrics["saturation"]),
        _separable(metrics["separable"]),
    ]


def next_command(metrics: Mapping[str, Any]) -> str:
    """A curved boundary where the law asks for one, else another cut, penalty or class."""
    solver = "" if metrics["solver"] == "newton" else f" --solver {metrics['solver']}"
    law = metrics.get("densities", {})
    curved = law.get("law") == "known" and _above(law["divergence"], law["expected_excess"])
    if curved and law["n_weights"] <= 3 * (metrics["n_classes"] - 1):
        return f"logistic --basis polynomial --degree 3{solver}"
    if metrics["n_classes"] > 2:
        return f"logistic {_positive(metrics['most_confused']['label'])}{solver}"
    one = "" if metrics["positive"] is None else f" {_positive(metrics['positive'])}"
    if metrics["threshold"] != 0.5:
        return f"logistic --class-weights balanced{one}{solver}"
    finds_fewer = metrics["test_recall"]["mean"] < metrics["test_precision"]["mean"]
    return f"logistic --threshold {0.3 if finds_fewer else 0.7:g}{one}{solver}"


def _positive(label: float | str) -> str:
    text = f"{label:g}" if isinstance(label, int | float) else label
    return shlex.quote(f"--positive={text}")


def _above(found: Mapping[str, Any], value: float) -> bool:
    return found["ci_low"] is not None and found["ci_low"] > value


def _below(found: Mapping[str, Any], value: float) -> bool:
    return found["ci_high"] is not None and found["ci_high"] < value


def _scores(metrics: Mapping[str, Any]) -> Display:
    rows = [[label, *interval(metrics[key])] for label, key in SCORES]
    title = f"logistic, {metrics['n_classes']} classes, {metrics['solver']}, {metrics['loss']}"
    headings = ["quantity", f"mean over {metrics['n_seeds']}", "95 % interval"]
    ours, commonest = metrics["test_accuracy"], metrics["commonest_class_accuracy"]
    what = f"The accuracy, {with_interval(ours)}, "
    if _above(ours, _end(commonest, "ci_high")):
        told = f"{what}is above that of always the commonest class"
    elif _below(ours, _end(commonest, "ci_low")):
        told = f"{what}is below that of always the commonest class"
    else:
        told = f"{what}can't be told from that of always the commonest class"
    told += f", {with_interval(commonest)}."
    return Display(title, headings, rows, f"{told} {_classes(metrics)}")


def _end(found: Mapping[str, Any], key: str) -> float:
    """An end of the interval; without one, the mean."""
    return float(found["mean"] if found[key] is None else found[key])


def _classes(metrics: Mapping[str, Any]) -> str:
    """Which of two classes precision and recall are of; of more, which one is hardest to tell."""
    classes, one = metrics["classes"], metrics["most_confused"]
    if len(classes) == 2:
        return f"The positive class, C_1, is {classes[1]}; the other is {classes[0]}."
    if one["share"] <= 0:
        return "No test row is called another class."
    share = f"{100 * one['share']:.2g} % of its test rows"
    return f"Most often confused: {one['class']} is called {one['called']} in {share}."


def _densities(one: Mapping[str, Any]) -> Display:
    """The posterior from the class densities beside the fit, in the plane of two features."""
    known = one["law"] == "known"
    rows = [[label, *interval(one[key])] for label, key in OF_LAW[one["law"]]]
    found = one["divergence"]
    if known:
        expected = one["expected_excess"]
        rows.append([f"expected of {one['n_weights']} weights, d/(2n)", number(expected), ""])
        told = f"D(exact || fit) is {with_interval(found)} nats and d/(2n) is {number(expected)}: "
        if found["ci_low"] is None:
            told += "one seed can't tell them apart."
        elif _above(found, expected):
            told += (
                "the columns, the penalty, the class weights or too few rows keep the fit from the "
                "exact posterior."
            )
        elif _below(found, expected):
            told += "the penalty makes the fit vary less than the theory has it."
        else:
            told += "estimating the weights is all that the fit loses."
    else:
        excess = one["excess"]
        told = f"The fit's log loss less that of normal classes is {with_interval(excess)} nats: "
        if _above(excess, 0.0):
            told += "normal classes predict better."
        elif _below(excess, 0.0):
            told += "the fit, which assumes no densities, predicts better."
        else:
            told += "the two can't be told apart."
    plane = " and ".join(one["features"])
    title = f"posterior from class densities (5.16), {LAW[one['law']]} in the plane of {plane}"
    headings = ["quantity", "mean over the seeds", "95 % interval"]
    return Display(title, headings, rows, told)


def _information(metrics: Mapping[str, Any]) -> Display:
    """The terms of (C.5) given x, beside the log loss of the same rows."""
    rows, found = [], metrics["information"]
    for name, label in INFORMATION.items():
        if name in found:
            one = found[name]
            x = one["x"]["entropy"]["mean"]
            given = [one[key]["mean"] - x for key in ("entropy", "cross_entropy")]
            terms = [max(given[0], 0.0), one["divergence"]["mean"], given[1]]
            loss = number(metrics["test_cross_entropy"]["mean"])
            rows.append([label, *map(number, terms), loss])
    headings = ["p of the class given x", "H(p)", "+ D(p||q)", "= H(p, q)", "log loss"]
    far = found["rows"]["largest_difference"]
    told = f"H(p, q) of the rows is their log loss, to {far:.0e} nats in every seed"
    if far > 1e-9:
        told = f"H(p, q) of the rows is not their log loss: {far:.1g} nats apart in one seed"
    if "truth" in found:
        told += _off_the_truth(found["truth"]["difference"])
    return Display("information (C.5), nats a row", headings, rows, f"{told}.")


def _off_the_truth(gap: Mapping[str, Any]) -> str:
    """How far the log loss is from what the truth expects, and whether that can be chance."""
    if max(abs(_end(gap, key)) for key in ("ci_low", "ci_high")) < 1e-9:
        return "; of the truth it is the log loss too, as no class is left to chance"
    told = f"; of the truth it is off by {with_interval(gap)}"
    if gap["ci_low"] is None:
        return told
    more = _above(gap, 0.0) or _below(gap, 0.0)
    return told + (", more than chance in the classes" if more else ", by chance in the classes")


def _likelihood(metrics: Mapping[str, Any]) -> Display:
    """The first test rows one by one, with their factors of (5.23)."""
    one, rows = metrics["likelihood"], []
    for row in one["first_rows"]:
        if "targets" in row:
            targets = " ".join(map(str, row["targets"]))
            y = " ".join(f"{p:.4f}" for p in row["probabilities"])
        else:
            targets, y = f"1 at place {row['place']}", f"{row['probability']:.4f} there"
        factor = row["log_probability"]
        rows.append([str(row["row"]), row["class"], targets, y, number(factor), number(-factor)])
    headings = ["row", "class", "t_n (5.21)", "y_n", "ln of its factor", "-ln p (C.1)"]
    total, n, loss = one["log_likelihood"], one["n_test"], metrics["test_cross_entropy"]["mean"]
    # Of a table that is read in batches the seeds have different numbers of test rows.
    even = total["mean"] is None or abs(total["mean"] + n * loss) <= 1e-6 * n * loss
    told = f"The product over {'' if even else 'about '}{n} test rows has the logarithm "
    told += f"{with_interval(total)}: per row, with the sign changed, the log loss {number(loss)}."
    title = "likelihood (5.23), first test rows of the first seed"
    return Display(title, headings, rows, told)


def _normal_model(one: Mapping[str, Any]) -> Display:
    """Slope and constant of -ln likelihood against the squared error."""
    rows = [
        ["slope", number(one["slope"]), number(one["half_precision"]), "beta/2"],
        [
            "constant",
            number(one["constant"]),
            number(one["half_log_of_2_pi_over_precision"]),
            "ln(2 pi / beta)/2",
        ],
    ]
    least, likeliest = one["degree_of_least_error"], one["degree_of_largest_likelihood"]
    told = f"Degree {least} has the least squared error of {one['n_rows']} rows and "
    told += (
        "the largest likelihood: with normal noise they are one loss."
        if least == likeliest
        else f"degree {likeliest} the largest likelihood: they must be one degree."
    )
    title = "-ln likelihood per row = slope x mean squared error + constant (C.11)"
    return Display(title, ["of the line", "measured", "theory", "formula"], rows, told)


def _saturation(found: Mapping[str, Any]) -> Display:
    rows = []
    ordered = sorted(found.items(), key=lambda item: float(item[0][11:]))
    for name, one in ordered:
        losses = (_steps(one[loss]) for loss in ("cross_entropy", "square"))
        rows.append([name[11:], number(one["confidence"]["mean"]), *losses])
    headings = ["mean |a| at the start", "confidence", "cross-entropy", "mean square"]
    name, one = ordered[-1]
    cross, square = (one[loss]["median_steps"] for loss in ("cross_entropy", "square"))
    told = f"From |a| = {name[11:]} "
    if cross and square:
        times = square / cross
        told += f"the mean square needs {number(square)} steps, the cross-entropy {number(cross)}: "
        told += f"{number(round(times, 1))} times as many." if times > 1 else "no more."
    elif cross is None and square is None:
        told += "neither loss had recovered by the end in half of the seeds."
    else:
        either = {"the cross-entropy": cross, "the mean square": square}
        told += " and ".join(
            f"{loss} {'had not recovered by the end' if n is None else f'needs {number(n)} steps'}"
            for loss, n in either.items()
        )
        told += "."
    told += " Medians over the seeds, at one learning rate for both."
    return Display("steps to recover from a wrong start", headings, rows, told)


def _steps(one: Mapping[str, Any]) -> str:
    if one["median_steps"] is None:
        return f"not by the end ({100 * one['share_recovered']:.0f} % of seeds)"
    return number(one["median_steps"])


def _separable(one: Mapping[str, Any]) -> Display:
    """|w| on classes that can be separated, without a penalty and with l2."""
    lowest = one["l2"]["norm_of_minimum"]["mean"]
    rows = [
        ["none", *_norms(one["no_penalty"]), "infinite"],
        ["l2", *_norms(one["l2"]), number(lowest)],
    ]
    headings = ["penalty", "|w| halfway", "|w| at the end", "at the minimum"]
    free, tied = one["no_penalty"], one["l2"]["norm_at_end"]["mean"]
    half, end = free["norm_halfway"]["mean"], free["norm_at_end"]["mean"]
    told = f"Without a penalty |w| went from {number(half)} to {number(end)} in the second half"
    told += " of the steps and has no end; " if end > half else " of the steps; "
    share = abs(tied - lowest) / max(lowest, 1e-300)
    told += (
        f"with l2 it is at its minimum's {number(lowest)}."
        if share < 1e-3
        else f"with l2 it is at {number(tied)}, {100 * share:.2g} % from its minimum's."
    )
    return Display("weights on separable classes", headings, rows, told)


def _norms(one: Mapping[str, Any]) -> list[str]:
    return [number(one[key]["mean"]) for key in ("norm_halfway", "norm_at_end")]

"""The tables that `bayes` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.wording import between, interval, number
from mlcli.result import Display


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """The model, its weights, the evidence against degree, and the coverage of its intervals."""
    shown = [_model(metrics), _weights(metrics["weights"]), _degrees(metrics)]
    if metrics["calibration"]:
        shown.append(_calibration(metrics["calibration"]))
    return shown


def _model(metrics: Mapping[str, Any]) -> Display:
    rows = [
        ["log evidence (nats)", number(metrics["log_evidence"])],
        ["noise precision beta", number(metrics["noise_precision"])],
        ["effective parameters gamma", number(metrics["effective_parameters"])],
        ["log likelihood, maximum", number(metrics["log_likelihood"])],
        ["noise precision, maximum likelihood", number(metrics["noise_precision_ml"])],
    ]
    if metrics["prior_precision"] is not None:
        rows.insert(1, ["prior precision alpha", number(metrics["prior_precision"])])
    over = metrics.get("over_seeds")
    headings = ["quantity", "first data set" if over else "value"]
    if over:
        headings += [f"mean over {metrics['n_seeds']}", "95 % interval"]
        keys = {
            "log evidence (nats)": "log_evidence",
            "prior precision alpha": "prior_precision",
            "noise precision beta": "noise_precision",
            "effective parameters gamma": "effective_parameters",
        }
        rows = [[*row, *interval(over.get(keys.get(row[0], "")))] for row in rows]
    return Display(f"degree {metrics['degree']}, {metrics['basis']} basis", headings, rows)


def _weights(weights: Mapping[str, Mapping[str, Any]]) -> Display:
    ordered = sorted(weights.items(), key=lambda item: item[1]["index"])
    rows = [
        [name, number(one["ml"]), number(one["mean"]), number(one["std"])]
        for name, one in ordered[:20]
    ]
    more = f"{len(ordered) - 20} more in weights.csv." if len(ordered) > 20 else ""
    headings = ["term", "maximum likelihood", "posterior mean (MAP)", "std"]
    return Display("weights", headings, rows, more)


def _degrees(metrics: Mapping[str, Any]) -> Display:
    rows = []
    prefix = "degree_"
    for degree in sorted(
        int(k.removeprefix(prefix))
        for k in metrics
        if k.startswith(prefix) and k.removeprefix(prefix).isdigit()
    ):
        one = metrics[f"{prefix}{degree}"]
        marks = [
            word
            for key, word in (("degree_by_evidence", "evidence"), ("degree_by_kfold", "k-fold"))
            if metrics[key] == degree
        ]
        rows.append(
            [
                str(degree),
                number(one["log_evidence"]),
                number(one["cv_mse"]),
                _share(metrics, "evidence", degree),
                _share(metrics, "kfold", degree),
                ", ".join(marks),
            ]
        )
    headings = [
        "degree",
        "log evidence",
        "10-fold mse",
        "chosen by evidence",
        "by k-fold",
        "choice",
    ]
    return Display("evidence against degree, first data set", headings, rows)


def _share(metrics: Mapping[str, Any], rule: str, degree: int) -> str:
    shares = metrics["chosen"][rule]
    return f"{100 * shares.get(f'degree_{degree}', 0.0):.0f} %"


def _calibration(calibration: Mapping[str, Any]) -> Display:
    rows = []
    for method in ("maximum_likelihood", "evidence", "unknown_noise"):
        for level, one in calibration[method].items():
            nominal = f"{float(level.removeprefix('level_')):.0f} %"
            low, high = one["ci_low"], one["ci_high"]
            rows.append(
                [
                    method.replace("_", " "),
                    nominal,
                    f"{100 * one['mean']:.1f} %",
                    between(100 * low, 100 * high) if low is not None else "",
                ]
            )
    title = (
        f"coverage of the predictive interval: {calibration['n']} data sets of "
        f"{calibration['rows']} rows"
    )
    return Display(title, ["interval from", "nominal", "measured", "95 % interval (%)"], rows)

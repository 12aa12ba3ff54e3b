"""The tables that `bayes` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlcli.experiments.wording import between, interval, number
from mlcli.result import Display

PREFIX = "degree_"
METHODS = ("maximum_likelihood", "evidence", "unknown_noise")


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """The model, its weights, the evidence against degree, what few rows say, and coverage."""
    shown = [_model(metrics), _weights(metrics["weights"]), _degrees(metrics)]
    if "two_weights" in metrics:
        shown.append(_two_weights(metrics["two_weights"]))
    shown.append(_variance(metrics["predictive_variance"], metrics["n_seeds"]))
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
    title = f"degree {metrics['degree']}, {metrics['basis']} basis"
    return Display(title, headings, rows, _model_remark(metrics))


def _model_remark(metrics: Mapping[str, Any]) -> str:
    """The noise as a standard deviation, and how many weights the data determine."""
    gamma, n = metrics["effective_parameters"], len(metrics["weights"])
    said = (
        f"The noise has a standard deviation of {number(metrics['noise_precision'] ** -0.5)}, and "
        f"the data determine {number(gamma)} of {n} weights"
    )
    likely = metrics["noise_precision_ml"]
    if likely is None:
        return f"{said}; maximum likelihood fits them exactly and leaves no noise."
    less = "less" if likely > metrics["noise_precision"] else "no less"
    return f"{said}; maximum likelihood leaves {less} noise, {number(likely**-0.5)}."


def _weights(weights: Mapping[str, Mapping[str, Any]]) -> Display:
    ordered = sorted(weights.items(), key=lambda item: item[1]["index"])
    rows = [
        [name, number(one["ml"]), number(one["mean"]), number(one["std"])]
        for name, one in ordered[:20]
    ]
    headings = ["term", "maximum likelihood", "posterior mean (MAP)", "std"]
    return Display("weights", headings, rows, _weights_remark(weights))


def _weights_remark(weights: Mapping[str, Mapping[str, Any]]) -> str:
    """How many weights are told from 0, and which the prior pulled most."""
    there = {name: one for name, one in weights.items() if one["std"] > 0}
    dropped = len(weights) - len(there)
    parts = [f"{len(weights) - 20} more are in weights.csv"] if len(weights) > 20 else []
    parts += [f"the prior dropped {dropped}"] if dropped else []
    clear = [name for name, one in there.items() if abs(one["mean"]) > 2 * one["std"]]
    parts.append(f"{len(clear)} of {len(weights)} are more than two standard deviations from 0")
    pulled = {name: abs(one["mean"] - one["ml"]) / one["std"] for name, one in there.items()}
    if pulled:
        most = max(pulled, key=lambda name: pulled[name])
        parts.append(
            f"the prior moves {most} most, by {number(pulled[most])} of its standard deviation"
        )
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]}."


def _degrees_of(metrics: Mapping[str, Any]) -> list[int]:
    """The degrees whose evidence is compared, rising."""
    ends = [key.removeprefix(PREFIX) for key in metrics if key.startswith(PREFIX)]
    return sorted(int(end) for end in ends if end.isdigit())


def _degrees(metrics: Mapping[str, Any]) -> Display:
    rows = []
    for degree in _degrees_of(metrics):
        one = metrics[f"{PREFIX}{degree}"]
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
    title = "evidence against degree, first data set"
    return Display(title, headings, rows, _degrees_remark(metrics))


def _degrees_remark(metrics: Mapping[str, Any]) -> str:
    """What the evidence chooses and by how much, how often, and what k-fold chooses."""
    best, folds = metrics["degree_by_evidence"], metrics["degree_by_kfold"]
    if best is None:
        return "The evidence has a maximum at no degree: the columns fit the target exactly."
    values = {d: metrics[f"{PREFIX}{d}"]["log_evidence"] for d in _degrees_of(metrics)}
    others = {d: v for d, v in values.items() if v is not None and d != best}
    if not others:
        return f"Degree {best} alone has an evidence, {number(values[best])} nats."
    second = max(others, key=lambda degree: others[degree])
    gap = number(values[best] - others[second])
    said = f"The evidence chooses degree {best}, {gap} nats above degree {second}"
    if metrics["n_seeds"] > 1:
        said += f", and in {_share(metrics, 'evidence', best)} of {metrics['n_seeds']} data sets"
    if folds is None:
        return f"{said}; there is no k-fold error."
    same = "the same" if folds == best else f"degree {folds}"
    return f"{said}; the least k-fold error has {same}."


def _two_weights(found: Mapping[str, Any]) -> Display:
    """(B.16) to (B.20): the exponent -1/2 w^T A w + b^T w, and the normal law that it is."""
    after = _after(found)
    rows = [
        [
            str(one["n_points"]),
            *(number(one[f"quadratic_{key}"]) for key in ("00", "01", "11")),
            *(number(one[f"linear_{k}"]) for k in (0, 1)),
            *(f"{number(one[f'mean_{k}'])} +- {number(one[f'std_{k}'])}" for k in (0, 1)),
            number(one["correlation"]),
        ]
        for one in after
    ]
    first, second = found["name_0"], found["name_1"]
    title = "two weights of a line, exponent -1/2 w'Aw + b'w: mean A^-1 b, covariance A^-1"
    headings = ["rows", "A00", "A01", "A11", "b0", "b1"]
    headings += [f"w of {first}", f"w of {second}", "correlation"]
    return Display(title, headings, rows, _two_weights_remark(found, after, (first, second)))


def _after(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What was found after each number of rows, rising."""
    every = [one for key, one in found.items() if key.startswith("rows_")]
    return sorted(every, key=lambda one: one["n_points"])


def _two_weights_remark(
    found: Mapping[str, Any], after: Sequence[Mapping[str, Any]], names: tuple[str, str]
) -> str:
    """How far the rows narrow each weight from the prior."""
    prior, last = found["prior_precision"] ** -0.5, after[-1]
    stds = [number(last[f"std_{k}"]) for k in (0, 1)]
    rows = "1 row" if last["n_points"] == 1 else f"{last['n_points']} rows"
    return (
        f"{rows} narrow the prior's standard deviation {number(prior)} to {stds[0]} of {names[0]} "
        f"and {stds[1]} of {names[1]}: each row adds beta phi phi' to A and beta phi t to b."
    )


def _variance(found: Mapping[str, Any], n_seeds: int) -> Display:
    """(B.24): the noise and phi^T S phi, means over the rows, after each number of rows."""
    noise, rows = found["noise_variance"], []
    for one in _after(found):
        weights = one["weights_variance"]
        share = f"{100 * weights / (noise + weights):.3g} %"
        over = one.get("over_seeds", {}).get("weights_variance")
        cells = [str(one["n_points"]), number(noise), number(weights), number(noise + weights)]
        rows.append([*cells, share, *(interval(over) if over else ())])
    headings = ["rows", "1/beta", "phi'S phi", "variance", "share of phi'S phi"]
    if any(len(row) > len(headings) for row in rows):
        headings += [f"phi'S phi, mean over {n_seeds}", "95 % interval"]
    title = "predictive variance 1/beta + phi'S phi (B.24), first data set, mean over its rows"
    return Display(title, headings, rows, _variance_remark(noise, _after(found)))


def _variance_remark(noise: float, after: Sequence[Mapping[str, Any]]) -> str:
    """The share of the uncertain weights before any row, after 20 and after all."""
    told = []
    for one in after:
        n, weights = one["n_points"], one["weights_variance"]
        share = f"{100 * weights / (noise + weights):.2g} %"
        if n == 0:
            told.append(f"{share} before any row")
        elif n == 20 or one is after[-1]:
            told.append(f"{share} after {n}")
    return (
        f"Uncertain weights make up {', '.join(told)} of the predictive variance, noise the rest."
    )


def _share(metrics: Mapping[str, Any], rule: str, degree: int) -> str:
    shares = metrics["chosen"][rule]
    return f"{100 * shares.get(f'degree_{degree}', 0.0):.0f} %"


def _calibration(calibration: Mapping[str, Any]) -> Display:
    rows = []
    for method in METHODS:
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
    headings = ["interval from", "nominal", "measured", "95 % interval (%)"]
    return Display(title, headings, rows, _calibration_remark(calibration))


def _calibration_remark(calibration: Mapping[str, Any]) -> str:
    """What intervals of 95 % really hold, and which methods can't be told from right."""
    found = {m.replace("_", " "): calibration[m]["level_95"] for m in METHODS}
    told = [
        f"{100 * one['mean']:.1f} % from {name}" for name, one in found.items() if "mean" in one
    ]
    if any("mean" not in one or one["ci_low"] is None for one in found.values()):
        return f"Intervals of 95 % hold {', '.join(told) or 'nothing'}; an interval is missing."
    right = [name for name, one in found.items() if one["ci_low"] <= 0.95 <= one["ci_high"]]
    who = " and ".join(right) if right else "none of them"
    verb = "can't be told from" if right else "is within chance of"
    return f"Intervals of 95 % hold {', '.join(told)}; {who} {verb} 95 %."


def next_command(metrics: Mapping[str, Any]) -> str:
    """The degree of the evidence; where it is the model's, a prior that drops columns."""
    degrees, best = _degrees_of(metrics), metrics["degree_by_evidence"]
    basis, degree = metrics["basis"], metrics["degree"]
    listed = ",".join(map(str, degrees))
    if degrees == list(range(degrees[0], degrees[-1] + 1)) and len(degrees) > 2:
        listed = f"{degrees[0]}-{degrees[-1]}"
    common = f"--basis {basis} --degrees {listed}"
    if best not in (None, degree):
        return f"bayes --degree {best} {common}"
    if metrics["prior_precision"] is None:
        return f"bayes --noise student --degree {degree} {common}"
    return f"bayes --prior ard --degree {degree} {common}"

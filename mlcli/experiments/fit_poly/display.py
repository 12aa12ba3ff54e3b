"""The tables that `fit-poly` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf, log10
from typing import Any

from mlcli.experiments.wording import between, interval, least_of, number, times, with_interval
from mlcli.result import Display

LEVELS = ("68", "95")
# What the next command asks of cross-validation.
MOST_DEGREE, MOST_COLUMNS, FEWEST_ROWS = 20, 500, 20


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Errors, the notes' Table 1 beside ours where it was computed, and the linear algebra."""
    errors = _errors("mean squared error", metrics)
    shown = [replace(errors, remark=_least(metrics))]
    if "lapack" in metrics:
        lapack = _errors("the same with lapack (the notes' estimator)", metrics["lapack"])
        shown.append(replace(lapack, remark=_two_estimators(metrics)))
    if "path" in metrics:
        shown.append(_path(metrics))
    if "table_1" in metrics:
        shown.append(_table_1(metrics["table_1"], metrics["n_seeds"]))
    if "memorised" in metrics:
        shown.append(_memorised(metrics))
    shown.append(_normal_equations(metrics["normal_equations"]))
    if "ellipses" in metrics:
        shown.append(_ellipses(metrics["ellipses"]))
    return shown


def next_command(metrics: Mapping[str, Any]) -> str:
    """Cross-validation of the degrees about the best one, or a penalty where columns are many."""
    n_rows, columns = metrics["n_train"] + metrics["n_test"], metrics["n_columns"]
    degrees = _degrees(metrics)
    # A fold leaves nine tenths of the rows for training.
    few = [d for d in degrees if columns[f"degree_{d}"] <= min(n_rows / 2, MOST_COLUMNS)]
    basis = "" if metrics["basis"] == "polynomial" else f" --basis {metrics['basis']}"
    constant = metrics[f"degree_{degrees[0]}"]["train_r2"]["mean"] is None
    if not few or n_rows < FEWEST_ROWS or constant:
        return f"fit-poly --degrees {degrees[0]} --penalty l2{basis}"
    if metrics["basis"] == "linear":
        return "kfold --degrees 1 --basis linear"
    if few[0] > MOST_DEGREE:
        return f"kfold --degrees 0-15{basis}"
    few = [d for d in few if d <= MOST_DEGREE]
    part = "test_mse" if metrics["n_test"] else "train_mse"
    means = {d: metrics[f"degree_{d}"][part]["mean"] for d in few}
    best = min(few, key=lambda d: inf if means[d] is None else means[d])
    above = [d for d in few if d > best]
    last = above[0] if above else best
    first = max(0, best - 2)
    return f"kfold --degrees {last if first == last else f'{first}-{last}'}{basis}"


def _degrees(metrics: Mapping[str, Any]) -> list[int]:
    prefix = "degree_"
    return sorted(int(key.removeprefix(prefix)) for key in metrics if key.startswith(prefix))


def _errors(title: str, metrics: Mapping[str, Any]) -> Display:
    rows = []
    for degree in _degrees(metrics):
        found = metrics[f"degree_{degree}"]
        scale = found["train_mse"]["mean"]
        rows.append(
            [
                str(degree),
                *interval(found["train_mse"]),
                *interval(found.get("test_mse"), scale),
                number(found["effective_rank"]["mean"]),
            ]
        )
    headings = ["degree", "train", "95 % interval", "test", "95 % interval", "effective rank"]
    return Display(title, headings, rows)


def _least(metrics: Mapping[str, Any]) -> str:
    """Which degree has the least error on new rows; without a test part, that there are none."""
    degrees, n_test = _degrees(metrics), metrics["n_test"]
    part, what = ("test_mse", "test error") if n_test else ("train_mse", "training error")
    said = least_of({str(d): metrics[f"degree_{d}"][part] for d in degrees}, "degree", what)
    if not n_test:
        return f"{said} No rows were set aside, and training errors never rise with the degree."
    best = _best(metrics)
    train, test = (metrics[f"degree_{best}"][f"{name}_mse"]["mean"] for name in ("train", "test"))
    if train and test is not None and len(degrees) == 1:
        said += f" That is {times(test / train)} its training error."
    return said


def _best(metrics: Mapping[str, Any]) -> int:
    """The degree with the least mean test error, or training error without a test part."""
    part = "test_mse" if metrics["n_test"] else "train_mse"
    means = {d: metrics[f"degree_{d}"][part]["mean"] for d in _degrees(metrics)}
    return min(means, key=lambda d: inf if means[d] is None else means[d])


def _two_estimators(metrics: Mapping[str, Any]) -> str:
    """At which of the degrees the two estimators differ most, and by how much."""
    ranks = {
        degree: tuple(
            part[f"degree_{degree}"]["effective_rank"]["mean"]
            for part in (metrics, metrics["lapack"])
        )
        for degree in _degrees(metrics)
    }
    degree = max(ranks, key=lambda d: abs(ranks[d][0] - ranks[d][1]))
    exact, cut = ranks[degree]
    if abs(exact - cut) < 1e-9:
        return f"Of up to {number(exact)} directions it cuts off none: both are one estimator."
    said = f"At degree {degree} it keeps {number(cut)} directions after cutting off small singular "
    said += f"values, and the exact fit {number(exact)}: they are two estimators"
    found = [part[f"degree_{degree}"].get("test_mse") for part in (metrics["lapack"], metrics)]
    errors = [None if one is None else one["mean"] for one in found]
    if None not in errors:
        said += f", with the test errors {number(errors[0])} and {number(errors[1])}"
    return said + "."


def _path(metrics: Mapping[str, Any]) -> Display:
    path = metrics["path"]
    test = path.get("test_mse")
    row = [
        number(path["lowest_error_strength"]),
        *interval(path["train_mse"]),
        *interval(test, path["train_mse"]["mean"]),
        number(path["n_nonzero"]["mean"]),
    ]
    headings = ["strength", "train", "95 % interval", "test", "95 % interval", "nonzero"]
    title = "the highest degree, penalised: the strength with the lowest mean error"
    best = _best(metrics)
    part, what = ("test_mse", "test") if test else ("train_mse", "training")
    n = number(path["n_nonzero"]["mean"])
    said = f"With a mean of {n} coefficients that are not zero, its {what} error "
    said += f"{number(path[part]['mean'])} stands beside "
    said += f"{number(metrics[f'degree_{best}'][part]['mean'])} of degree {best} above"
    said += "; chosen on the test part, it is a little low." if test else "."
    return Display(title, headings, [row], said)


def _memorised(metrics: Mapping[str, Any]) -> Display:
    found = metrics["memorised"]
    train, test, expected = (found.get(f"{name}_mse") for name in ("train", "test", "expected"))
    parts = (("training rows", train), ("test rows", test), ("to expect on new rows", expected))
    rows = [[name, *interval(one)] for name, one in parts if one]
    said = f"Its training error is {number(train['mean'])}"
    if train["mean"]:
        said += ": rows with equal inputs have different targets, which no table can hold"
    elif test and test["mean"] is not None:
        best = _best(metrics)
        other = metrics[f"degree_{best}"]["test_mse"]["mean"]
        said += f", and its test error {with_interval(test)}"
        if other:
            said += f", {times(test['mean'] / other)} that of degree {best}"
        if expected:
            inside = test["ci_low"] is not None and test["ci_low"] <= expected["mean"]
            inside = inside and expected["mean"] <= test["ci_high"]
            law = number(expected["mean"])
            said += f"; the law of the rows leads one to expect {law}, which its interval "
            said += "holds" if inside else "does not hold"
    title = f"a fit that memorises (2.9): a table of {found['n_rows']} rows, read at the nearest"
    return Display(title, ["error on", "mean", "95 % interval"], rows, said + ".")


def _normal_equations(found: Mapping[str, Any]) -> Display:
    weights = found["weights"]
    rows = [
        [_weight(term), number(w["normal_equations"]), number(w["qr"])]
        for term, w in weights.items()
    ]
    pairs = [(w["normal_equations"], w["qr"]) for w in weights.values()]
    if found["condition_of_gram"] is None or any(None in pair for pair in pairs):
        said = "Phi^T Phi has no inverse to working precision, so that (4.5) gives no weights"
        if found["rank"] is None:
            said = f"The columns of degree {found['degree']} are beyond a number on these rows"
        elif found["rank"] < found["n_columns"]:
            said = f"Only {found['rank']} of the {found['n_columns']} columns are independent on "
            said += "these rows: Phi^T Phi has no inverse, and QR gives the others the weight 0"
    else:
        said = f"The condition number of Phi is {number(found['condition'])}, that of Phi^T Phi "
        said += f"{number(found['condition_of_gram'])}, its square"
        size = max(abs(qr) for _, qr in pairs)
        apart = max(abs(one - qr) for one, qr in pairs)
        if apart <= 1e-9 * size:
            said += "; both routes agree in nine digits"
        else:
            digits = max(0, int(-log10(apart / size)))
            said += f"; the routes agree in {digits} digit{'s' * (digits != 1)}"
    title = f"least squares (4.5) of degree {found['degree']} on {found['n_rows']} of "
    title += f"{found['n_train']} training rows"
    return Display(title, ["weight", "normal equations", "QR"], rows, said + ".")


def _weight(term: str) -> str:
    """w_3 of the power 3, w(bmi) of any other column."""
    return f"w_{term}" if term.isdigit() else f"w({term})"


def _ellipses(found: Mapping[str, Any]) -> Display:
    pairs = [one for key, one in found.items() if key.startswith("pair_")]
    held = [f"level_{level}" for level in LEVELS if f"level_{level}" in pairs[0]]
    rows, inside = [], 0
    for one in pairs:
        shares = [one[key] for key in held]
        for level, share in zip(LEVELS, shares, strict=False):
            inside += 100 * share["ci_low"] <= float(level) <= 100 * share["ci_high"]
        rows.append(
            [
                _weight(one["first"]),
                number(one["std_error_first"]),
                _weight(one["second"]),
                number(one["std_error_second"]),
                f"{one['correlation']:.2f}",
                *(
                    f"{100 * share['coverage']:.0f} % ({100 * share['ci_low']:.0f} to "
                    f"{100 * share['ci_high']:.0f} %)"
                    for share in shares
                ),
            ]
        )
    most = max(pairs, key=lambda one: abs(one["correlation"]))
    both = f"{_weight(most['first'])} and {_weight(most['second'])}"
    said = f"The errors of {both} go together most, with correlation {most['correlation']:.2f}"
    of = {"seeds": "data sets", "resamples": "resamples of the rows", "none": ""}[found["kind"]]
    if held:
        said += f"; of {len(pairs) * len(held)} shares of {found['n']} {of}, {inside} have the "
        said += "nominal one in their 95 % interval"
    headings = ["first", "std error", "second", "std error", "correlation"]
    headings += [f"{level} % ellipse holds" for level in LEVELS[: len(held)]]
    title = f"error bars of two weights, degree {found['degree']}"
    return Display(title + (f", {found['n']} {of}" if held else ""), headings, rows, said + ".")


def _table_1(table: Mapping[str, Any], n_seeds: int) -> Display:
    rows: list[list[str]] = []
    inside: list[bool] = []
    for degree in _degrees(table):
        for loss, label in (("train_mse", "train"), ("test_mse", "test")):
            one = table[f"degree_{degree}"][loss]
            inside.append(one["inside"])
            rows.append(
                [
                    f"{degree} {label}",
                    number(one["paper"]),
                    number(one["median"]),
                    between(one["q025"], one["q975"], one["q025"]),
                    "yes" if one["inside"] else "no",
                    between(one["mean_ci_low"], one["mean_ci_high"], one["q025"]),
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
    said = f"{sum(inside)} of the {len(inside)} printed numbers lie in the central 95 % of our "
    said += f"{n_seeds} draws."
    return Display(f"Table 1 of the notes, and ours over {n_seeds} draws", headings, rows, said)

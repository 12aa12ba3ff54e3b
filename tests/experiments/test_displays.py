"""What is shown on the terminal are the numbers of details.json, under their headings."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from functools import cache
from math import log, log10
from typing import Any

import pytest
from figure_reading import REPORTS

from mlcli.experiments import load
from mlcli.experiments.baseline import display as baseline
from mlcli.experiments.filters import display as filters_display
from mlcli.experiments.networks import display as networks
from mlcli.experiments.train_cnn import display as train_cnn
from mlcli.experiments.train_mlp import display as train_mlp
from mlcli.experiments.wording import between, least_of, times
from mlcli.result import Display


@cache
def details(section: str) -> Any:
    return json.loads((REPORTS / section / "details.json").read_text(encoding="utf-8"))


@cache
def shown(section: str) -> tuple[Display, ...]:
    return tuple(load(section).display(details(section)))


def num(value: float | None) -> str:
    """Four digits, whole numbers as they are."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.4g}"


def ends(low: float | None, high: float | None) -> str:
    return "" if low is None else f"{num(low)} to {num(high)}"


def both(summary: Mapping[str, Any]) -> list[str]:
    return [num(summary["mean"]), ends(summary["ci_low"], summary["ci_high"])]


def said(summary: Mapping[str, Any]) -> str:
    """A mean with its interval, as in a sentence."""
    mean, interval = both(summary)
    return f"{mean} ({interval})"


def percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def check(
    found: Display, title: str, headings: str, rows: list[list[str]], remark: str = ""
) -> None:
    """The parts of a display; headings are separated by bars."""
    assert found.title == title
    assert list(found.headings) == headings.split(" | ")
    assert [list(row) for row in found.rows] == rows
    assert found.remark == remark


def ends_in_words(m: Mapping[str, Any], scale: float) -> str:
    """The ends of an interval, which are words where they are six powers of ten apart."""
    start = m["ci_low"] or scale
    if m["ci_high"] > 1e6 * start:
        return f"over {math.floor(math.log10(m['ci_high'] / start))} powers of ten"
    return ends(m["ci_low"], m["ci_high"])


def test_fit_poly_shows_errors_ranks_the_path_and_table_1() -> None:
    d = details("fit_poly")
    errors, lapack, path, table, *_ = shown("fit_poly")
    headings = "degree | train | 95 % interval | test | 95 % interval | effective rank"
    for one, part in ((errors, d), (lapack, d["lapack"])):
        rows = []
        for degree in (1, 3, 5, 300):
            m = part[f"degree_{degree}"]
            rank = num(m["effective_rank"]["mean"])
            wide = ends_in_words(m["test_mse"], m["train_mse"]["mean"])
            test = [num(m["test_mse"]["mean"]), wide]
            rows.append([str(degree), *both(m["train_mse"]), *test, rank])
        assert [list(row) for row in one.rows] == rows
        assert " | ".join(one.headings) == headings
        assert one.rows[3][4].startswith("over ")
    assert errors.title == "mean squared error"
    best, far = d["degree_3"]["test_mse"], d["degree_300"]["test_mse"]
    powers = math.floor(math.log10(far["mean"] / best["mean"]))
    words = ends_in_words(far, best["mean"])
    assert errors.remark == (
        f"Degree 3 has the least test error, {num(best['mean'])} "
        f"({ends(best['ci_low'], best['ci_high'])}); the intervals of degrees 1 and 5 overlap it; "
        f"degree 300 has 10^{powers} times that, with an interval of {words}."
    )
    ranks = [part["degree_300"]["effective_rank"]["mean"] for part in (d["lapack"], d)]
    tests = [part["degree_300"]["test_mse"]["mean"] for part in (d["lapack"], d)]
    assert lapack.remark == (
        f"At degree 300 it keeps {num(ranks[0])} directions after cutting off small singular "
        f"values, and the exact fit {num(ranks[1])}: they are two estimators, with the test "
        f"errors {num(tests[0])} and {num(tests[1])}."
    )
    p = d["path"]
    row = [num(p["lowest_error_strength"]), *both(p["train_mse"]), *both(p["test_mse"])]
    check(
        path,
        "the highest degree, penalised: the strength with the lowest mean error",
        "strength | train | 95 % interval | test | 95 % interval | nonzero",
        [[*row, num(p["n_nonzero"]["mean"])]],
        f"With a mean of {num(p['n_nonzero']['mean'])} coefficients that are not zero, its test "
        f"error {num(p['test_mse']['mean'])} stands beside {num(best['mean'])} of degree 3 above; "
        "chosen on the test part, it is a little low.",
    )
    printed = {1: (4.11, 4.88), 3: (3.63, 4.15), 5: (3.61, 4.12), 300: (3.24, 5120)}
    rows, n_inside = [], 0
    for degree, numbers in printed.items():
        for loss, number in zip(("train", "test"), numbers, strict=True):
            m = d["table_1"][f"degree_{degree}"][f"{loss}_mse"]
            inside = "yes" if m["q025"] <= number <= m["q975"] else "no"
            n_inside += inside == "yes"
            edges, of_mean = (
                ends_in_words({"ci_low": m[low], "ci_high": m[high]}, m["q025"])
                for low, high in (("q025", "q975"), ("mean_ci_low", "mean_ci_high"))
            )
            rows.append([f"{degree} {loss}", num(number), num(m["median"]), edges, inside, of_mean])
    check(
        table,
        f"Table 1 of the notes, and ours over {d['n_seeds']} draws",
        "degree, loss | paper | our median | central 95 % | inside | interval of the mean",
        rows,
        f"{n_inside} of the 8 printed numbers lie in the central 95 % of our {d['n_seeds']} draws.",
    )


def test_fit_poly_shows_a_fit_that_memorises() -> None:
    d = details("fit_poly")
    found = shown("fit_poly")[4]
    m = d["memorised"]
    train, test, law = (m[f"{name}_mse"] for name in ("train", "test", "expected"))
    ratio = test["mean"] / d["degree_3"]["test_mse"]["mean"]
    check(
        found,
        f"a fit that memorises (2.9): a table of {m['n_rows']} rows, read at the nearest",
        "error on | mean | 95 % interval",
        [
            ["training rows", *both(train)],
            ["test rows", *both(test)],
            ["to expect on new rows", *both(law)],
        ],
        f"Its training error is 0, and its test error {num(test['mean'])} "
        f"({ends(test['ci_low'], test['ci_high'])}), {ratio:.3g} times that of degree 3; the law "
        f"of the rows leads one to expect {num(law['mean'])}, which its interval holds.",
    )
    other = copy.deepcopy(d)
    other["memorised"]["expected_mse"]["mean"] = 2 * test["ci_high"]
    assert load("fit_poly").display(other)[4].remark.endswith("which its interval does not hold.")
    other["memorised"]["train_mse"]["mean"] = 0.25
    said = "Its training error is 0.25: rows with equal inputs have different targets, "
    assert load("fit_poly").display(other)[4].remark == f"{said}which no table can hold."


def test_fit_poly_shows_the_weights_by_two_routes_and_their_error_bars() -> None:
    d = details("fit_poly")
    normal, ellipses = shown("fit_poly")[5:]
    n = d["normal_equations"]
    rows = [
        [f"w_{k}", num(n["weights"][k]["normal_equations"]), num(n["weights"][k]["qr"])]
        for k in "0123"
    ]
    check(
        normal,
        "least squares (4.5) of degree 3 on 6 of 560 training rows",
        "weight | normal equations | QR",
        rows,
        f"The condition number of Phi is {num(n['condition'])}, that of Phi^T Phi "
        f"{num(n['condition_of_gram'])}, its square; both routes agree in nine digits.",
    )
    e, rows, nominal = d["ellipses"], [], 0
    for k in range(1, 5):
        m = e[f"pair_{k}"]
        cells = []
        for level in (68, 95):
            one = m[f"level_{level}"]
            low, high = 100 * one["ci_low"], 100 * one["ci_high"]
            nominal += low <= level <= high
            cells.append(f"{100 * one['inside'] / 16:.0f} % ({low:.0f} to {high:.0f} %)")
        std = [num(m[f"std_error_{name}"]) for name in ("first", "second")]
        weights = [f"w_{m[name]}" for name in ("first", "second")]
        rows.append([weights[0], std[0], weights[1], std[1], f"{m['correlation']:.2f}", *cells])
    m = e["pair_1"]
    check(
        ellipses,
        "error bars of two weights, degree 3, 16 data sets",
        "first | std error | second | std error | correlation | 68 % ellipse holds"
        " | 95 % ellipse holds",
        rows,
        f"The errors of w_1 and w_3 go together most, with correlation {m['correlation']:.2f}; of "
        f"8 shares of 16 data sets, {nominal} have the nominal one in their 95 % interval.",
    )


def test_normal_equations_without_an_answer_say_so() -> None:
    d = copy.deepcopy(details("fit_poly"))
    n = d["normal_equations"]
    n["weights"]["0"]["qr"] *= 1.001
    size = max(abs(w["qr"]) for w in n["weights"].values())
    digits = int(-math.log10(0.001 * abs(n["weights"]["0"]["qr"]) / size))
    remark = load("fit_poly").display(d)[5].remark
    assert remark.endswith(f"; the routes agree in {digits} digits.")
    n["condition_of_gram"] = None
    remark = load("fit_poly").display(d)[5].remark
    assert remark.startswith("Phi^T Phi has no inverse to working precision")
    n["rank"] = None
    said = "The columns of degree 3 are beyond a number on these rows."
    assert load("fit_poly").display(d)[5].remark == said
    n["rank"] = 3
    assert load("fit_poly").display(d)[5].remark == (
        "Only 3 of the 4 columns are independent on these rows: Phi^T Phi has no inverse, and QR "
        "gives the others the weight 0."
    )


def of(mean: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"mean": mean, "std": None, "ci_low": low, "ci_high": high, "n": 3}


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ({"2": of(3.0, 2.5, 3.5)}, "Degree 2 has the error 3 (2.5 to 3.5)."),
        ({"2": of(3.0)}, "Degree 2 has the error 3."),
        (
            {"1": of(3.0, 2.5, 3.5), "2": of(6.0, 5.0, 7.0)},
            "Degree 1 has the least error, 3 (2.5 to 3.5); no other interval reaches it; degree 2 "
            "has 2 times that.",
        ),
        (
            {"1": of(3.0, 2.5, 3.5), "2": of(3.0, 2.5, 3.5)},
            "Degree 1 has the least error, 3 (2.5 to 3.5); the interval of degree 2 overlaps it.",
        ),
        (
            {str(k): of(3.0 + k, 2.0, 20.0) for k in range(7)},
            "Degree 0 has the least error, 3 (2 to 20); the intervals of 6 other degrees overlap "
            "it; degree 6 has 3 times that.",
        ),
        (
            {"1": of(3.0), "9": of(None)},
            "Degree 1 has the least error, 3; the error of degree 9 is beyond a number.",
        ),
        ({"1": of(None), "9": of(None)}, "No error is a number."),
        (
            {"1": of(0.0, 0.0, 0.0), "2": of(1e-9, 0.0, 1e-8)},
            "Degree 1 has the least error, 0 (0 to 0); the interval of degree 2 overlaps it.",
        ),
    ],
)
def test_the_least_error_is_said_with_what_overlaps_it(errors: Any, said: str) -> None:
    assert least_of(errors, "degree", "error") == said


def test_an_interval_over_powers_of_ten_is_said_in_words_where_its_scale_is_known() -> None:
    assert between(0.0, 7e101, 2.0) == "over 101 powers of ten"
    assert between(4.0, 1e15, 4.0) == "over 14 powers of ten"
    assert between(0.0, 1e5, 2.0) == between(0.0, 1e5) == "0 to 100000"
    assert between(0.0, 7e101) == "0 to 7e+101"
    assert between(-1.0, 7e101, None) == "-1 to 7e+101"
    assert between(None, 1.0, 1.0) == ""
    assert (times(1.5), times(12345.0), times(2e14)) == ("1.5 times", "12300 times", "10^14 times")


def test_bayes_shows_the_model_its_weights_the_degrees_and_coverage() -> None:
    d = details("bayes")
    model, weights, degrees, *_, coverage = shown("bayes")
    over = d["over_seeds"]
    quantities = {
        "log evidence (nats)": "log_evidence",
        "prior precision alpha": "prior_precision",
        "noise precision beta": "noise_precision",
        "effective parameters gamma": "effective_parameters",
    }
    rows = [[label, num(d[key]), *both(over[key])] for label, key in quantities.items()]
    rows.append(["log likelihood, maximum", num(d["log_likelihood"]), "", ""])
    rows.append(["noise precision, maximum likelihood", num(d["noise_precision_ml"]), "", ""])
    headings = f"quantity | first data set | mean over {d['n_seeds']} | 95 % interval"
    noise, likely = (d[key] ** -0.5 for key in ("noise_precision", "noise_precision_ml"))
    less = "less" if likely < noise else "no less"
    remark = (
        f"The noise has a standard deviation of {num(noise)}, and the data determine "
        f"{num(d['effective_parameters'])} of 4 weights; maximum likelihood leaves {less} noise, "
        f"{num(likely)}."
    )
    check(model, f"degree {d['degree']}, {d['basis']} basis", headings, rows, remark)
    terms = [f"P{k}" for k in range(d["degree"] + 1)]
    w = d["weights"]
    rows = [[k, num(w[k]["ml"]), num(w[k]["mean"]), num(w[k]["std"])] for k in terms]
    pulls = {k: abs(w[k]["mean"] - w[k]["ml"]) / w[k]["std"] for k in terms}
    most = sorted(terms, key=pulls.__getitem__)[-1]
    clear = [k for k in terms if not -2 <= w[k]["mean"] / w[k]["std"] <= 2]
    remark = (
        f"{len(clear)} of 4 are more than two standard deviations from 0; the prior moves {most} "
        f"most, by {num(pulls[most])} of its standard deviation."
    )
    headings = "term | maximum likelihood | posterior mean (MAP) | std"
    check(weights, "weights", headings, rows, remark)
    rows = []
    for k in range(10):
        m, key = d[f"degree_{k}"], f"degree_{k}"
        chosen = [percent(d["chosen"][rule].get(key, 0)) for rule in ("evidence", "kfold")]
        rules = {"evidence": d["degree_by_evidence"], "k-fold": d["degree_by_kfold"]}
        mark = ", ".join(rule for rule, degree in rules.items() if degree == k)
        rows.append([str(k), num(m["log_evidence"]), num(m["cv_mse"]), *chosen, mark])
    second, best = sorted(range(10), key=lambda k: d[f"degree_{k}"]["log_evidence"])[-2:]
    gap = d[f"degree_{best}"]["log_evidence"] - d[f"degree_{second}"]["log_evidence"]
    least = min(range(10), key=lambda k: d[f"degree_{k}"]["cv_mse"])
    folds = "the same" if least == best else f"degree {least}"
    often = percent(d["chosen"]["evidence"][f"degree_{best}"])
    check(
        degrees,
        "evidence against degree, first data set",
        "degree | log evidence | 10-fold mse | chosen by evidence | by k-fold | choice",
        rows,
        f"The evidence chooses degree {best}, {num(gap)} nats above degree {second}, and in "
        f"{often} of {d['n_seeds']} data sets; the least k-fold error has {folds}.",
    )
    rows = []
    for method in ("maximum likelihood", "evidence", "unknown noise"):
        for level in (50, 80, 90, 95, 99):
            m = d["calibration"][method.replace(" ", "_")][f"level_{level}"]
            edges = ends(100 * m["ci_low"], 100 * m["ci_high"])
            rows.append([method, f"{level} %", percent(m["mean"], 1), edges])
    n, size = d["calibration"]["n"], d["calibration"]["rows"]
    title = f"coverage of the predictive interval: {n} data sets of {size} rows"
    held = [row for row in rows if row[1] == "95 %"]
    told = ", ".join(f"{row[2]} from {row[0]}" for row in held)
    remark = f"Intervals of 95 % hold {told}; none of them is within chance of 95 %."
    headings = "interval from | nominal | measured | 95 % interval (%)"
    check(coverage, title, headings, rows, remark)


def test_bayes_shows_what_few_rows_say() -> None:
    d = details("bayes")
    *_, line, variance, _ = shown("bayes")
    found = d["two_weights"]
    rows = []
    for n in (1, 2, 5, 20):
        one = found[f"rows_{n}"]
        exponent = [num(one[f"quadratic_{key}"]) for key in ("00", "01", "11")]
        exponent += [num(one[f"linear_{k}"]) for k in (0, 1)]
        normal = [f"{num(one[f'mean_{k}'])} +- {num(one[f'std_{k}'])}" for k in (0, 1)]
        rows.append([str(n), *exponent, *normal, num(one["correlation"])])
    prior, last = found["prior_precision"] ** -0.5, found["rows_20"]
    check(
        line,
        "two weights of a line, exponent -1/2 w'Aw + b'w: mean A^-1 b, covariance A^-1",
        "rows | A00 | A01 | A11 | b0 | b1 | w of P0 | w of P1 | correlation",
        rows,
        f"20 rows narrow the prior's standard deviation {num(prior)} to {num(last['std_0'])} of P0 "
        f"and {num(last['std_1'])} of P1: each row adds beta phi phi' to A and beta phi t to b.",
    )
    found = d["predictive_variance"]
    noise, rows, shares = found["noise_variance"], [], {}
    for n in (0, 1, 2, 5, 20, 700):
        one = found[f"rows_{n}"]
        spread = one["weights_variance"]
        shares[n] = 100 / (1 + noise / spread)
        cells = [str(n), num(noise), num(spread), num(noise + spread), f"{shares[n]:.3g} %"]
        rows.append([*cells, *both(one["over_seeds"]["weights_variance"])])
    check(
        variance,
        "predictive variance 1/beta + phi'S phi (B.24), first data set, mean over its rows",
        "rows | 1/beta | phi'S phi | variance | share of phi'S phi | "
        f"phi'S phi, mean over {d['n_seeds']} | 95 % interval",
        rows,
        f"Uncertain weights make up {shares[0]:.2g} % before any row, {shares[20]:.2g} % after 20, "
        f"{shares[700]:.2g} % after 700 of the predictive variance, noise the rest.",
    )


def test_bayes_says_something_else_of_other_numbers() -> None:
    show, d = load("bayes").display, details("bayes")
    exact = show({**d, "noise_precision_ml": None})
    assert exact[0].remark.endswith("fits them exactly and leaves no noise.")
    none = {f"degree_{k}": {"log_evidence": None, "cv_mse": None} for k in range(10)}
    without = {**d, **none, "degree_by_evidence": None, "degree_by_kfold": None}
    assert "at no degree" in show(without)[2].remark
    one = {k: v for k, v in d.items() if not k.startswith("degree_")} | {
        "degree_3": d["degree_3"],
        "degree_by_evidence": 3,
        "degree_by_kfold": None,
    }
    value = num(d["degree_3"]["log_evidence"])
    assert show(one)[2].remark == f"Degree 3 alone has an evidence, {value} nats."
    streamed = {**d, "n_seeds": 1, "degree_by_kfold": None, "calibration": {}}
    assert show(streamed)[2].remark.endswith("; there is no k-fold error.")
    assert "data sets" not in show(streamed)[2].remark
    dropped = {**d["weights"], "P2": {"index": 2, "ml": 1.0, "mean": 0.0, "std": 0.0}}
    remark = show({**d, "weights": dropped})[1].remark
    assert remark.startswith("The prior dropped 1; 3 of 4 are more")
    near = {
        f"P{k}": {"index": k, "ml": 3.0, "mean": mean, "std": 1.0}
        for k, mean in enumerate((-2.5, 1.5))
    }
    remark = show({**d, "weights": near})[1].remark
    assert remark.startswith("1 of 2 are more than two standard deviations from 0; the prior moves")
    right = {"mean": 0.95, "std": 0.1, "ci_low": 0.94, "ci_high": 0.96, "n": 9}
    methods = ("maximum_likelihood", "evidence", "unknown_noise")
    fine = {key: {**d["calibration"][key], "level_95": right} for key in methods[1:]}
    told = show({**d, "calibration": {**d["calibration"], **fine}})[-1].remark
    assert told.endswith("evidence and unknown noise can't be told from 95 %.")


def test_bayes_proposes_the_degree_of_the_evidence_or_another_prior() -> None:
    propose, d = load("bayes").next_command, details("bayes")
    common = "--basis legendre --degrees 0-9"
    assert propose(d) == f"bayes --prior ard --degree 3 {common}"
    assert propose({**d, "degree_by_evidence": 5}) == f"bayes --degree 5 {common}"
    several = {**d, "prior_precision": None}
    assert propose(several) == f"bayes --noise student --degree 3 {common}"
    one = {"basis": "linear", "degree": 1, "degree_1": {}, "degree_by_evidence": 1}
    found = propose({**one, "prior_precision": 2.0})
    assert found == "bayes --prior ard --degree 1 --basis linear --degrees 1"


def test_kfold_shows_errors_the_choice_bounds_and_their_coverage() -> None:
    d = details("kfold")
    errors, choice, path, bounds, coverage = shown("kfold")
    rows = []
    for degree in range(16):
        m = d[f"degree_{degree}"]
        names = ("train_mse", "gcv", "loo_mse", "expected_mse")
        marks = {"least": d["best_degree"], "one-se": d["one_se_degree"]}
        mark = ", ".join(rule for rule, best in marks.items() if best == degree)
        scores = [num(m[name]["mean"]) for name in names]
        strength = [num(m["strength"])] if "strength" in m else []
        rows.append([str(degree), *strength, *both(m["cv_mse"]), *scores, mark])
    assert [list(row) for row in errors.rows] == rows
    assert list(errors.headings)[-7:] == [
        "cv",
        "95 % interval",
        "train",
        "GCV",
        "LOO",
        "true",
        "choice",
    ]
    splits = f"{d['n_splits']} {d['scheme']} splits of each of {d['n_seeds']} data sets"
    assert errors.title == f"mean squared error, {splits}"
    for row, rule, words, prefix in (
        (choice.rows[0], "minimum", "least error", "best"),
        (choice.rows[1], "one_se", "within one std error", "one_se"),
    ):
        assert row[0] == words
        assert row[1].split(",")[0] == str(d[f"{prefix}_degree"])
        listed = dict(one.split(" ", 1) for one in row[2].split(", "))
        shares = d["chosen"][rule]
        assert all(f"({percent(shares[f'degree_{k}'])})" == text for k, text in listed.items())
        order = [shares[f"degree_{k}"] for k in listed]
        assert order == sorted(shares.values(), reverse=True)[:6]
    mean, edges = both(d["selection_error"])
    most = max(d["chosen"]["minimum"].values())
    assert choice.remark == (
        f"Both rules choose degree 3. A single repeat chooses one of "
        f"{len(d['chosen']['minimum'])} degrees by the least error, its favourite "
        f"{100 * most:.0f} % of the time. Error of choosing by the least error and fitting, by "
        f"nested folds: {mean} ({edges})."
    )
    best = d["degree_3"]
    far = d["degree_0"]["cv_mse"]["mean"] / best["cv_mse"]["mean"]
    top = best["cv_mse"]["ci_high"]
    near = sum(d[f"degree_{k}"]["cv_mse"]["ci_low"] <= top for k in range(16)) - 1
    cv = both(best["cv_mse"])
    assert errors.remark == (
        f"Degree 3 has the least cross-validated error, {cv[0]} ({cv[1]}); the intervals of {near} "
        f"other degrees overlap it; degree 0 has {far:.3g} times that. At degree 3 the training "
        f"error is {num(best['train_mse']['mean'])} and the true error is "
        f"{num(best['expected_mse']['mean'])}."
    )
    p = d["path"]
    check(
        path,
        f"degree {p['degree']}, penalised",
        "one-se strength | best strength | cv | 95 % interval | true | 95 % interval",
        [
            [
                num(p["one_se_strength"]),
                num(p["best_strength"]),
                *both(p["cv_mse"]),
                *both(p["expected_mse"]),
            ]
        ],
        f"Degree 15 with the penalty has the error {' ('.join(both(p['cv_mse']))}), degree 3 "
        f"without it {cv[0]} ({cv[1]}): their intervals overlap.",
    )
    kinds = ("naive", "corrected", "nested")
    rows = []
    for kind in kinds:
        m = d["intervals"][kind]
        edges = ends(m["ci_low"], m["ci_high"])
        rows.append([kind, num(m["estimate"]), num(m["std_error"]), edges])
    title = f"bounds for the error of degree {d['best_degree']}, first data set"
    width = {k: m["ci_high"] - m["ci_low"] for k, m in d["intervals"].items()}
    said = "The nested interval is the widest, "
    said += f"{width['nested'] / width['naive']:.3g} times as wide as the naive one."
    check(bounds, title, "interval | estimate | std error | 95 % interval", rows, said)
    c, rows = d["coverage"], []
    for kind in kinds:
        for target, words in (
            ("own_error", "of the fit at hand"),
            ("expected_error", "expected over data sets"),
        ):
            m = c[kind][target]
            edges = f"{100 * m['ci_low']:.1f} to {100 * m['ci_high']:.1f} %"
            rows.append([kind, words, percent(m["coverage"], 1), edges, num(m["median_width"])])
    title = (
        f"how often a 95 % interval holds the true error: {c['n']} data sets of {c['rows']} rows"
    )
    check(
        coverage,
        f"{title}, degree {c['degree']}",
        "interval | error | coverage | 95 % interval | median width",
        rows,
        "Of the fit at hand, 95 % is within the measured coverage of corrected and nested, and not "
        f"within that of naive ({percent(c['naive']['own_error']['coverage'], 1)}).",
    )


def test_kfold_says_where_the_rules_differ_and_what_no_interval_holds() -> None:
    d = copy.deepcopy(details("kfold"))
    d["one_se_degree"] = 1
    for kind in ("naive", "corrected", "nested"):
        d["coverage"][kind]["own_error"] |= {"coverage": 0.5, "ci_low": 0.4, "ci_high": 0.6}
        d["intervals"][kind] |= {"ci_low": 4.0, "ci_high": 4.0}
    d["path"]["cv_mse"] |= {"ci_low": 8.0, "ci_high": 9.0}
    _, choice, path, bounds, coverage = load("kfold").display(d)
    assert choice.remark.startswith(
        "The least error is that of degree 3; degree 1 is within one standard error of it, and "
        "simpler."
    )
    assert path.remark.endswith(": their intervals are apart.")
    assert bounds.remark == "The errors of all folds are the same, and the intervals have no width."
    for kind in ("corrected", "nested"):
        d["intervals"].pop(kind)
    d["intervals"]["naive"]["ci_high"] = 4.5
    assert load("kfold").display(d)[3].remark == "The naive interval is 0.5 wide."
    assert coverage.remark == (
        "Of the fit at hand, 95 % is within the measured coverage of no kind, and not within that "
        "of naive (50.0 %), corrected (50.0 %) and nested (50.0 %)."
    )


def test_bias_variance_shows_the_terms_of_a_18() -> None:
    d = details("bias_variance")
    degrees, strength, descent, *_ = shown("bias_variance")

    def cells(m: Mapping[str, Any]) -> list[str]:
        terms = ("bias_squared", "bias_squared_unbiased", "variance", "noise")
        gap = ends(m["difference"]["ci_low"], m["difference"]["ci_high"])
        measured = num(m["generalisation_error"]["mean"])
        parts = [num(m[name]["mean"]) for name in terms]
        return [*parts, *both(m["sum"]), measured, gap, num(m["median_error"]["mean"])]

    parts = "bias^2 | unbiased | variance | noise | sum | 95 % interval | measured"
    parts += " | measured - sum, 95 % | median"
    keys = sorted(int(k[7:]) for k in d if k.startswith("degree_"))
    assert [list(row) for row in degrees.rows] == [[str(k), *cells(d[f"degree_{k}"])] for k in keys]
    assert " | ".join(degrees.headings) == f"degree | {parts}"
    sums = {k: d[f"degree_{k}"]["sum"] for k in keys}
    best = min(sums, key=lambda k: sums[k]["mean"])
    over = [k for k in keys if k != best and sums[k]["ci_low"] <= sums[best]["ci_high"]]
    assert over == [12]
    unbiased = [d[f"degree_{k}"]["bias_squared_unbiased"]["ci_low"] for k in keys]
    assert [low > 0 for low in unbiased] == [True] * 3 + [False] * 10
    ends_of = [num(d[f"degree_{k}"]["variance"]["mean"]) for k in (0, 12)]
    assert degrees.remark == (
        f"Degree {best} has the lowest sum, {said(sums[best])}, an interval that overlaps that of "
        "degree 12. Bias^2 can't be told from 0 at degree 3 and above; the variance goes from "
        f"{ends_of[0]} at degree 0 to {ends_of[1]} at 12."
    )
    many = f"squared error over {d['n_datasets']} data sets of {d['n_rows']} rows"
    assert degrees.title == f"{many} ({d['ensemble']}), means over {d['n_seeds']} seeds"
    s = d["strength"]
    check(
        strength,
        f"degree {s['degree']} under the {s['penalty']} penalty, best strength",
        f"strength | {parts}",
        [[num(s["best_strength"]), *cells(s["best"])]],
        f"At strength {num(s['best_strength'])} degree 12 has the sum {said(s['best']['sum'])}, a "
        "little low since the same seeds chose the strength.",
    )
    rows = [
        [kind, where.replace("_", " "), str(m["n_columns"]), *both(m["median_error"])]
        for kind in ("legendre", "orthonormal")
        for where in ("lowest_below", "peak", "lowest_beyond")
        for m in [d["descent"][kind][where]]
    ]
    medians = [
        {k: d["descent"][k][where]["median_error"]["mean"] for k in ("legendre", "orthonormal")}
        for where in ("lowest_below", "lowest_beyond")
    ]
    below, beyond = (num(min(one.values())) for one in medians)
    check(
        descent,
        f"past the interpolation threshold: shortest solutions on {d['descent']['n_rows']} rows",
        "columns | where | number | median error | 95 % interval",
        rows,
        f"The median error is highest at 12 columns; beyond, it falls to {beyond}, above the "
        f"{below} of the best model with fewer columns than rows.",
    )


def test_bias_variance_shows_expected_losses_and_their_variation() -> None:
    d = details("bias_variance")["expected_loss"]
    *_, losses, slopes = shown("bias_variance")
    functions = d["functions"]
    names = sorted(functions, key=lambda name: functions[name]["index"])
    labels = ["f~", "f~ shifted", "f~ tilted", "best line", "best constant"]
    labels += [f"a fit, degree {k}" for k in (1, 3, 12)]
    rows, level = [], []
    for name, label in zip(names, labels, strict=True):
        m = functions[name]
        exact = [num(m["excess_exact"]), num(m["loss_exact"])]
        rows.append([label, *exact, *both(m["expected_loss"]), *both(m["cross_term"])])
        level.append([label, *(with_error(m[f"slope_{k}"]) for k in range(4))])
    held = sum(
        m["expected_loss"]["ci_low"] <= m["loss_exact"] <= m["expected_loss"]["ci_high"]
        for m in functions.values()
    )
    zero = sum(
        m["cross_term"]["ci_low"] <= 0 <= m["cross_term"]["ci_high"]
        for name, m in functions.items()
        if name != "regression_function"
    )
    second = sorted(names, key=lambda name: functions[name]["loss_exact"])[1]
    assert second == "fit_degree_3"
    check(
        losses,
        f"expected loss of f~ and other functions, {d['n_draws']} draws of (x, t) a seed",
        "function f~ + h | E h^2 | noise + E h^2 | measured | 95 % interval | cross term | "
        "95 % interval",
        rows,
        f"f~ has the least, the noise {num(d['noise'])}, and a fit, degree 3 the next, "
        f"{num(functions[second]['loss_exact'])}. {held} of 8 intervals hold the exact value, and "
        f"{zero} of 7 cross terms of the others have 0 in theirs.",
    )
    check(
        slopes,
        "slope of E[L(f + eps h)] at eps = 0: measured +- standard error",
        "function | h a constant | h a line | h a parabola | h a cubic",
        level,
        "Within 4 standard errors the slope is 0 in all four directions of f~; the best line can "
        "still be bettered along a parabola and a cubic.",
    )


def with_error(summary: Mapping[str, Any]) -> str:
    return f"{summary['mean']:.3f} +- {summary['std'] / summary['n'] ** 0.5:.2g}"


def test_bias_variance_says_something_else_of_other_numbers() -> None:
    show, d = load("bias_variance").display, details("bias_variance")
    assert show({**d, "best_degree": None})[0].remark == (
        "No degree has a sum that a number can hold."
    )
    few = {k: v for k, v in d.items() if not k.startswith("degree_")} | {
        "degree_1": d["degree_1"],
        "degree_2": d["degree_2"],
        "best_degree": 2,
    }
    remark = show(few)[0].remark
    assert "overlaps" not in remark
    assert "Bias^2 is above 0 at each degree; the variance goes from" in remark
    one = {"mean": 4.0, "std": None, "ci_low": None, "ci_high": None, "n": 1}
    alone = dict.fromkeys(d["degree_3"], one)
    remark = show({**few, "degree_1": alone, "degree_2": alone})[0].remark
    assert remark == (
        "Degree 2 has the lowest sum, 4. One seed has no interval; the variance goes from 4 at "
        "degree 1 to 4 at 2."
    )
    parts = {"bias_squared_plus_noise": one, "variance": one, "sum": one, "median_error": one}
    unknown = {"ensemble": "bootstrap", "seeds_share_rows": True, "best_degree": 1}
    remark = show({**few, **unknown, "degree_1": parts, "degree_2": parts})[0].remark
    assert remark.endswith("to 4 at 2; all seeds resample the same rows.")
    wide = {**d["degree_2"]["sum"], "ci_high": 1e200}
    remark = show({**few, "degree_2": {**d["degree_2"], "sum": wide}})[0].remark
    assert "an interval without a useful end" in remark
    assert "e+200" not in remark


def test_bias_variance_proposes_cross_validation_or_higher_degrees() -> None:
    propose, d = load("bias_variance").next_command, details("bias_variance")
    assert propose(d) == "kfold --degrees 0-12"
    assert propose({**d, "best_degree": 12}) == "bias-variance --degrees 0-14"
    assert propose({**d, "best_degree": 12, "n_rows": 14}) == "kfold --degrees 0-12"
    assert propose({**d, "best_degree": 12, "ensemble": "bootstrap"}) == "kfold --degrees 0-12"
    assert propose({**d, "best_degree": None}) == "bias-variance --degrees 0-3"
    two = {"degree_1": {}, "degree_4": {}, "best_degree": 1, "ensemble": "x", "n_rows": 9}
    assert propose(two) == "kfold --degrees 1,4"


SCORES_OF_LOGISTIC = {
    "test accuracy": "test_accuracy",
    "the same, always the commonest class": "commonest_class_accuracy",
    "test cross-entropy, nats": "test_cross_entropy",
    "test area under the ROC curve": "test_roc_auc",
    "test average precision": "test_average_precision",
    "test precision": "test_precision",
    "test recall": "test_recall",
    "test Brier score, sum over classes": "test_brier",
    "test calibration error": "test_calibration_error",
    "training accuracy": "train_accuracy",
    "training cross-entropy, nats": "train_cross_entropy",
    "weights that are not 0": "n_nonzero",
    "steps of the solver": "n_steps",
}


def test_logistic_shows_scores_and_the_two_studies() -> None:
    d = details("logistic")
    scores, *_, saturation, separable = shown("logistic")
    keys = SCORES_OF_LOGISTIC
    ours, commonest = said(d["test_accuracy"]), said(d["commonest_class_accuracy"])
    check(
        scores,
        f"logistic, 2 classes, {d['solver']}, {d['loss']}",
        f"quantity | mean over {d['n_seeds']} | 95 % interval",
        [[label, *both(d[key])] for label, key in keys.items()],
        f"The accuracy, {ours}, is above that of always the commonest class, {commonest}. "
        "The positive class, C_1, is 1; the other is 0.",
    )
    rows = []
    for size in (1, 2, 4, 6, 8):
        m = d["saturation"][f"activation_{size}"]
        row = [str(size), num(m["confidence"]["mean"])]
        for loss in ("cross_entropy", "square"):
            steps, share = m[loss]["median_steps"], m[loss]["share_recovered"]
            late = f"not by the end ({percent(share)} of seeds)"
            row.append(late if steps is None else num(steps))
        rows.append(row)
    cross, square = rows[-1][2:]
    check(
        saturation,
        "steps to recover from a wrong start",
        "mean |a| at the start | confidence | cross-entropy | mean square",
        rows,
        f"From |a| = 8 the mean square needs {square} steps, the cross-entropy {cross}: "
        f"{float(square) / float(cross):.1f} times as many. "
        "Medians over the seeds, at one learning rate for both.",
    )
    m = d["separable"]
    halves = {k: [num(m[k][f"norm_{at}"]["mean"]) for at in ("halfway", "at_end")] for k in m}
    half, end = halves["no_penalty"]
    lowest = num(m["l2"]["norm_of_minimum"]["mean"])
    check(
        separable,
        "weights on separable classes",
        "penalty | |w| halfway | |w| at the end | at the minimum",
        [["none", half, end, "infinite"], ["l2", *halves["l2"], lowest]],
        f"Without a penalty |w| went from {half} to {end} in the second half of the steps and has "
        f"no end; with l2 it is at its minimum's {lowest}.",
    )


def test_logistic_shows_the_posterior_beside_the_fit() -> None:
    d = details("logistic")["densities"]
    found = shown("logistic")[1]
    keys = {
        "test log loss of the exact posterior": "law_cross_entropy",
        "test log loss of the fit": "fit_cross_entropy",
        "the fit's excess": "excess",
        "D(exact || fit), mean over test rows": "divergence",
        "|exact - fit|, mean over test rows": "absolute_difference",
        "test accuracy of the exact posterior": "law_accuracy",
        "test accuracy of the fit": "fit_accuracy",
    }
    rows = [[label, *both(d[key])] for label, key in keys.items()]
    rows.append(["expected of 3 weights, d/(2n)", num(3 / (2 * 300)), ""])
    assert d["divergence"]["ci_low"] < 0.005 < d["divergence"]["ci_high"]
    check(
        found,
        "posterior from class densities (5.16), the known law in the plane of x1 and x2",
        "quantity | mean over the seeds | 95 % interval",
        rows,
        f"D(exact || fit) is {said(d['divergence'])} nats and d/(2n) is 0.005: "
        "estimating the weights is all that the fit loses.",
    )


def summary_of(mean: float, low: float | None, high: float | None) -> dict[str, Any]:
    return {"mean": mean, "std": 1.0, "ci_low": low, "ci_high": high, "n": 3}


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (
            0.1,
            0.4,
            "0.3 (0.1 to 0.4) nats and d/(2n) is 0.005: the columns, the penalty, the class ",
        ),
        (0.001, 0.004, "0.3 (0.001 to 0.004) nats and d/(2n) is 0.005: the penalty makes the fit"),
        (None, None, "0.3 nats and d/(2n) is 0.005: one seed can't tell them apart."),
    ],
)
def test_logistic_says_how_the_divergence_stands_to_its_theory(
    low: float | None, high: float | None, said: str
) -> None:
    d = details("logistic")
    of_law = d["densities"] | {"divergence": summary_of(0.3, low, high)}
    found = load("logistic").display(d | {"densities": of_law})[1]
    assert said in found.remark


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.4, "0.2 (0.1 to 0.4) nats: normal classes predict better."),
        (-0.4, -0.1, "(-0.4 to -0.1) nats: the fit, which assumes no densities, predicts better."),
        (-0.1, 0.1, "(-0.1 to 0.1) nats: the two can't be told apart."),
        (None, None, "0.2 nats: the two can't be told apart."),
    ],
)
def test_logistic_says_whether_normal_classes_predict_better(
    low: float | None, high: float | None, said: str
) -> None:
    d = details("logistic")
    of_law = {k: v for k, v in d["densities"].items() if k != "expected_excess"}
    of_law |= {"law": "normal", "excess": summary_of(0.2, low, high)}
    found = load("logistic").display(d | {"densities": of_law})[1]
    assert said in found.remark
    assert found.title.endswith("normal classes in the plane of x1 and x2")
    assert [row[0] for row in found.rows][:2] == [
        "test log loss of normal classes",
        "test log loss of the fit",
    ]


def test_logistic_shows_information_beside_the_log_loss() -> None:
    d = details("logistic")
    found = shown("logistic")[2]
    loss, rows = num(d["test_cross_entropy"]["mean"]), []
    labels = ("the test rows, one by one (C.7)", "the test rows, in cells", "the true p(C_1|x)")
    for name, label in zip(("rows", "cells", "truth"), labels, strict=True):
        m = d["information"][name]
        terms = {key: m[key]["mean"] for key in ("entropy", "divergence", "cross_entropy")}
        x = {"rows": 100, "truth": 100, "cells": 10}[name]
        given = [terms["entropy"] - math.log(x), terms["cross_entropy"] - math.log(x)]
        given[0] = abs(round(given[0], 9))
        rows.append([label, num(given[0]), num(terms["divergence"]), num(given[1]), loss])
    assert rows[0][3] == rows[0][2] == loss
    off = d["information"]["truth"]["difference"]
    far = d["information"]["rows"]["largest_difference"]
    assert off["ci_low"] < 0 < off["ci_high"]
    check(
        found,
        "information (C.5), nats a row",
        "p of the class given x | H(p) | + D(p||q) | = H(p, q) | log loss",
        rows,
        f"H(p, q) of the rows is their log loss, to {far:.0e} nats in every seed; of the truth it "
        f"is off by {said(off)}, by chance in the classes.",
    )


def test_logistic_says_that_the_log_loss_is_not_what_it_must_be() -> None:
    d = json.loads(json.dumps(details("logistic")))
    d["information"]["rows"]["largest_difference"] = 0.02
    d["information"]["truth"]["difference"] = summary_of(0.3, 0.2, 0.4)
    remark = load("logistic").display(d)[2].remark
    assert remark == (
        "H(p, q) of the rows is not their log loss: 0.02 nats apart in one seed; of the truth it "
        "is off by 0.3 (0.2 to 0.4), more than chance in the classes."
    )
    for gap, said in (
        (summary_of(1e-16, 5e-17, 2e-16), "too, as no class is left to chance."),
        (summary_of(0.25, None, None), "of the truth it is off by 0.25."),
    ):
        d["information"]["truth"]["difference"] = gap
        assert load("logistic").display(d)[2].remark.endswith(said)
    del d["information"]["truth"]
    assert load("logistic").display(d)[2].remark.endswith("0.02 nats apart in one seed.")


def test_logistic_shows_rows_with_their_targets_and_factors() -> None:
    d = details("logistic")["likelihood"]
    found = shown("logistic")[3]
    rows = []
    for one in d["first_rows"]:
        y = one["probabilities"][int(one["class"])]
        factor = math.log(y)
        targets = "0 1" if one["class"] == "1" else "1 0"
        both_y = " ".join(f"{p:.4f}" for p in one["probabilities"])
        rows.append([str(one["row"]), one["class"], targets, both_y, num(factor), num(-factor)])
    assert len(rows) == 5
    total = d["log_likelihood"]
    loss = num(details("logistic")["test_cross_entropy"]["mean"])
    check(
        found,
        "likelihood (5.23), first test rows of the first seed",
        "row | class | t_n (5.21) | y_n | ln of its factor | -ln p (C.1)",
        rows,
        f"The product over 100 test rows has the logarithm {said(total)}: per row, with the "
        f"sign changed, the log loss {loss}.",
    )
    other = details("logistic") | {"likelihood": d | {"n_test": 101}}
    assert "over about 101 test rows" in load("logistic").display(other)[3].remark


def test_logistic_shows_the_line_of_normal_noise() -> None:
    found = shown("logistic")[4]
    beta = 1.95**-2
    theory = [num(beta / 2), num(0.5 * math.log(2 * math.pi / beta))]
    check(
        found,
        "-ln likelihood per row = slope x mean squared error + constant (C.11)",
        "of the line | measured | theory | formula",
        [
            ["slope", theory[0], theory[0], "beta/2"],
            ["constant", theory[1], theory[1], "ln(2 pi / beta)/2"],
        ],
        "Degree 4 has the least squared error of 50 rows and the largest likelihood: with normal "
        "noise they are one loss.",
    )
    d = details("logistic")
    other = d["normal_model"] | {"degree_of_largest_likelihood": 3}
    said = load("logistic").display(d | {"normal_model": other})[4].remark
    assert said.endswith("and degree 3 the largest likelihood: they must be one degree.")


def test_logistic_of_many_classes_says_which_are_confused() -> None:
    d = details("logistic")
    many = d | {
        "classes": [*"abcdefg"],
        "n_classes": 7,
        "most_confused": {"class": "c", "called": "f", "share": 0.125, "label": "c"},
        "test_accuracy": summary_of(0.5, 0.4, 0.6),
        "commonest_class_accuracy": summary_of(0.45, 0.4, 0.5),
        "likelihood": d["likelihood"]
        | {
            "first_rows": [
                {"row": 9, "class": "b", "place": 2, "probability": 0.5, "log_probability": -0.693}
            ]
        },
    }
    scores, _, _, rows, *_ = load("logistic").display(many)
    assert scores.remark == (
        "The accuracy, 0.5 (0.4 to 0.6), can't be told from that of always the commonest class, "
        "0.45 (0.4 to 0.5). Most often confused: c is called f in 12 % of its test rows."
    )
    assert [list(row) for row in rows.rows] == [
        ["9", "b", "1 at place 2", "0.5000 there", "-0.693", "0.693"]
    ]
    worse = many | {
        "test_accuracy": summary_of(0.3, 0.2, 0.39),
        "most_confused": {"class": "c", "called": "f", "share": 0.0, "label": "c"},
    }
    remark = load("logistic").display(worse)[0].remark
    assert "0.3 (0.2 to 0.39), is below that of always the commonest class" in remark
    assert remark.endswith("No test row is called another class.")


@pytest.mark.parametrize(
    ("cross", "square", "said"),
    [
        (None, None, "From |a| = 8 neither loss had recovered by the end in half of the seeds. "),
        (
            4.0,
            None,
            "the cross-entropy needs 4 steps and the mean square had not recovered by the ",
        ),
        (4.0, 4.0, "the mean square needs 4 steps, the cross-entropy 4: no more. "),
    ],
)
def test_logistic_says_which_loss_recovers(
    cross: float | None, square: float | None, said: str
) -> None:
    d = json.loads(json.dumps(details("logistic")))
    last = d["saturation"]["activation_8"]
    last["cross_entropy"]["median_steps"], last["square"]["median_steps"] = cross, square
    assert said in load("logistic").display(d)[-2].remark


def test_logistic_says_how_far_descent_is_from_the_minimum() -> None:
    d = json.loads(json.dumps(details("logistic")))
    d["separable"]["l2"]["norm_at_end"]["mean"] = 2.0
    d["separable"]["l2"]["norm_of_minimum"]["mean"] = 2.5
    assert (
        load("logistic")
        .display(d)[-1]
        .remark.endswith("with l2 it is at 2, 20 % from its minimum's.")
    )


def other(section: str, **changed: Any) -> tuple[Display, ...]:
    """The tables of details in which some keys have other values, below dots if nested."""
    d = copy.deepcopy(details(section))
    for path, value in changed.items():
        *parents, last = path.split("__")
        inside = d
        for key in parents:
            inside = inside[key]
        inside[last] = value
    return tuple(load(section).display(d))


def test_perceptron_shows_truth_tables_and_the_learning_rule() -> None:
    d = details("perceptron")
    tables, rule, *_ = shown("perceptron")
    half_adder = " The half adder, which adds two bits, is made of five NAND units."
    check(
        tables,
        "truth tables of units",
        "inputs | NAND (Table 2) | XOR (Table 3) | half adder: sum | half adder: carry"
        " | --truth-table | one unit",
        [
            ["00", "1", "0", "0", "0", "1", "1"],
            ["01", "1", "1", "1", "0", "1", "1"],
            ["10", "1", "1", "1", "0", "1", "1"],
            ["11", "0", "0", "0", "1", "0", "0"],
        ],
        "One unit has the table 1110: it fires where -x_1 - x_2 + 1.5 > 0." + half_adder,
    )
    unit = {"w_1": 0.0, "w_2": 2.0, "b": -0.5}
    assert "fires where 2 x_2 - 0.5 > 0." in other("perceptron", unit=unit)[0].remark
    bits = {"00": 1, "01": 0, "10": 0, "11": 1}
    without = other("perceptron", one_unit_exists=False, truth_tables__asked=bits)[0]
    said = "No single unit has the table 1001, as no line separates its outputs; a hidden unit"
    assert without.remark == f"{said} makes it." + half_adder
    runs = d["learning"]
    names = ["margin_0.02", "margin_0.05", "margin_0.1", "margin_0.2", "data"]
    labels = [*(name.replace("_", " ") for name in names[:-1]), d["data_name"]]
    rows = []
    for name, label in zip(names, labels, strict=True):
        m = runs[name]
        shares = [percent(m[f"share_{k}"]) for k in ("below_bound", "converged")]
        rows.append([label, *both(m["mistakes"]), num(m["smallest_bound"]), *shares])
    headings = "rows | mistakes | 95 % interval | smallest bound | below bound | separated"
    share = {
        label: runs[name]["mistakes"]["mean"] / runs[name]["smallest_bound"]
        for name, label in zip(names, labels, strict=True)
    }
    nearest = max(labels, key=lambda label: share[label])
    bound = (
        "Nearest to the bound (R / gamma)^2, which no order of the rows can pass, comes {}: "
        "{:.2g} % of the mistakes that it allows."
    )
    said = "Every run found a line that separates its rows. "
    check(
        rule,
        "Rosenblatt's rule",
        headings,
        rows,
        said + bound.format(nearest, 100 * share[nearest]),
    )
    data = {**runs["data"], "share_converged": 0.0, "smallest_bound": None}
    changed = other("perceptron", learning__data=data)[1]
    said = "Not every run found a line that separates the rows of iris. "
    del share["iris"]
    nearest = max(share, key=lambda label: share[label])
    assert changed.remark == said + bound.format(nearest, 100 * share[nearest])
    none = {name: {**one, "smallest_bound": None} for name, one in runs.items()}
    remark = other("perceptron", learning=none)[1].remark
    assert remark == "Every run found a line that separates its rows."


def test_perceptron_shows_a_bump_and_the_limit_of_sigmoids() -> None:
    d = details("perceptron")
    bump, sigmoids = shown("perceptron")[2], shown("perceptron")[5]
    values = [num(d["bump"][key]) for key in ("s_1", "s_2", "height", "inside", "before", "after")]
    check(
        bump,
        "a bump from two units, bin 2 of 4",
        "unit 1 fires above | unit 2 fires above | h | between them | before | after",
        [values],
        "Between 0.25 and 0.5 h (unit 1 - unit 2) is 0.7071, the function in the middle of the "
        "bin; before and after it is 0.",
    )
    changed = other("perceptron", bump__s_1=0.1, bump__inside=-3.0)[2].remark
    assert changed.startswith("Between 0.1 and 0.5 h (unit 1 - unit 2) is -3,")
    keys = ("area", "area_theory", "at_zero", "beyond", "beyond_theory")
    steep = ("0.5", "1", "2", "5", "10", "30", "100")
    found = d["sigmoids"]
    check(
        sigmoids,
        "distance of sigma(lambda z) from the step (5.15), |z| < 5",
        "lambda | area | theory | at z = 0 | beyond |z| = 0.1 | theory",
        [[k, *(num(found[f"lambda_{k}"][key]) for key in keys)] for k in steep],
        f"At lambda 100 the area between sigmoid and step is {2 * log(2) / 100:.4g}, at 0.5 2.457; "
        "at z = 0 they stay 0.5 apart. The limit is that of a growing lambda, not of lambda to 0 "
        "as printed.",
    )
    one = other("perceptron", sigmoids={"lambda_2": found["lambda_2"]})[5].remark
    assert one.startswith("At lambda 2 the area between sigmoid and step is 0.6931; at z = 0")


def test_perceptron_shows_staircases_beside_polynomials() -> None:
    d = details("perceptron")
    slopes, families = shown("perceptron")[3:5]
    check(
        slopes,
        f"error against number of bins, {d['function']}",
        "in logarithms | mean | 95 % interval",
        [
            ["slope of the largest error", *both(d["slope_of_largest_error"])],
            ["slope of the rms error", *both(d["slope_of_rms_error"])],
        ],
        f"Twice as many bins leave {2 ** d['slope_of_rms_error']['mean']:.2g} times the rms error; "
        "where the function is smooth, theory says half of it.",
    )
    none = dict.fromkeys(("mean", "std", "ci_low", "ci_high"))
    unknown = other("perceptron", slope_of_rms_error=none)[3].remark
    assert unknown == "The errors have no slope that could be measured."
    keys = ("staircase", "bernstein", "chebyshev", "best_at_least")
    found = d["polynomials"]
    rows = [
        [str(n), *(num(found[f"n_{n}"][key]) for key in keys)] for n in (4, 8, 16, 32, 64, 128, 256)
    ]
    one = found["n_16"]
    check(
        families,
        f"largest error of two universal families, {d['function']}",
        "numbers to choose | staircase of units | Bernstein | Chebyshev points"
        " | best polynomial at least",
        rows,
        "With 16 numbers the best polynomial errs by "
        f"{ends(one['best_at_least'], one['chebyshev'])} and the staircase by "
        f"{num(one['staircase'])}: the polynomial needs fewer numbers for this function.",
    )

    def remark(first: float, last: float, staircase: float = 0.5) -> str:
        both_ = {
            f"n_{n}": {"staircase": s, "bernstein": 1.0, "chebyshev": c, "best_at_least": c / 2}
            for n, c, s in ((4, first, 0.5), (64, last, staircase))
        }
        return other("perceptron", polynomials=both_)[4].remark

    assert remark(0.9, 0.8).startswith("From 4 to 64 numbers neither family halves its largest")
    assert "With 64 numbers the best polynomial errs by 0.01 to 0.02" in remark(0.9, 0.02)
    assert "the polynomial needs" in remark(0.9, 0.02)
    assert "the staircase needs" in remark(0.9, 0.02, 0.01)
    # What is rounding is so beside the size of the function.
    small = {n: {k: 1e-200 * v for k, v in m.items()} for n, m in found.items()}
    tiny = other("perceptron", polynomials=small, largest_value=1e-200)[4].remark
    assert tiny.startswith("With 16 numbers the best polynomial errs by 7.477e-212 to 2.099e-211")
    exact = {"staircase": 0.0, "bernstein": 0.0, "chebyshev": 1e-16, "best_at_least": 0.0}
    same_ = other("perceptron", polynomials={"n_4": exact, "n_8": exact})[4].remark
    assert same_ == "Both families have the function exactly with 4 numbers."


def test_descent_shows_the_run_the_noise_and_the_rates() -> None:
    d = details("descent")
    run, noise, rates = shown("descent")[:3]
    keys = {
        "condition number": "condition_number",
        "critical learning rate 2 / lambda_max": "critical_rate",
        "the same, measured by bisection, over theory": "measured_over_critical",
        "learning rate of the run": "learning_rate",
        "loss at the minimum": "floor",
        "excess loss at the end": "final_excess",
        "distance to the closed form at the end": "final_distance",
        "order at which descent tends to the flow, quadratic": "flow_order",
        "the same, log cosh loss": "flow_order_log_cosh",
    }
    check(
        run,
        f"descent, {d['n_steps']} steps, momentum {d['momentum']:g}",
        f"quantity | mean over {d['n_seeds']} | 95 % interval",
        [[label, *both(d[key])] for label, key in keys.items()],
        f"At 0.5 of the critical rate descent ends {num(d['final_excess']['mean'])} above the "
        "minimum; bisection, which knows no eigenvalue, finds "
        f"{d['measured_over_critical']['mean']:.5g} times 2 / lambda_max.",
    )
    other_rate = other("descent", learning_rate__mean=0.9 * d["critical_rate"]["mean"])[0].remark
    assert other_rate.startswith("At 0.9 of the critical rate")
    rows, apart, measured = [], [], []
    for batch in sorted(int(k[6:]) for k in d["noise"]):
        of_batch = d["noise"][f"batch_{batch}"]
        for rate in sorted(of_batch, key=lambda k: float(k[5:])):
            m = of_batch[rate]
            cells = [num(m["measured"]), num(m["theory"]), str(m["n_diverged"])]
            rows.append([str(batch), rate[5:], *cells])
            apart.append(abs(m["measured"] - m["theory"]) / m["theory"])
            measured.append(m["measured"])
    check(
        noise,
        "noise floor of minibatch descent",
        "batch | rate / critical | excess loss | theory | data sets that diverge",
        rows,
        f"Measured and theory are at most {100 * max(apart):.2g} % apart: from "
        f"{num(min(measured))} (batches of 64, rate 0.01) to {num(max(measured))} (batches of 1, "
        "rate 0.2).",
    )
    exact = {"batch_2": {"rate_0.5": {"measured": 0.0, "theory": 0.0, "n_diverged": 0}}}
    assert other("descent", noise=exact)[1].remark == "Measured and theory are at most 0 % apart."
    missing = {"measured": None, "theory": None, "n_diverged": 16}
    one = {"batch_2": {"rate_0.5": {"measured": 1.1, "theory": 1.0, "n_diverged": 0}}}
    assert other("descent", noise=one)[1].remark == "Measured and theory are at most 10 % apart."
    one["batch_2"]["rate_0.9"] = missing
    remark = other("descent", noise=one)[1].remark
    assert remark == "Measured and theory are at most 10 % apart. 1 row has data sets that diverge."
    remark = other("descent", noise={"batch_2": {"rate_0.9": missing}})[1].remark
    assert remark == "No batch settles at any of these learning rates."
    rows = [
        [method, k[6:], num(m["measured"]), num(m["theory"])]
        for method in ("plain", "momentum")
        for k, m in sorted(d["rates"][method].items(), key=lambda one: float(one[0][6:]))
    ]
    plain, fast = (
        1 / -log10(d["rates"][method]["kappa_300"]["measured"]) for method in ("plain", "momentum")
    )
    check(
        rates,
        "convergence at the best settings",
        "method | condition number | factor a step | theory",
        rows,
        f"At condition number 300 one more digit takes {plain:.3g} steps, with momentum "
        f"{fast:.3g}: {plain / fast:.2g} times fewer.",
    )


def test_descent_shows_how_far_minibatches_stay_from_the_minimum() -> None:
    d = details("descent")
    found = d["spread"]
    rows = [
        [
            str(batch),
            *both(m["stiff_std"]),
            num(m["stiff_theory"]),
            *both(m["soft_std"]),
            num(m["soft_theory"]),
        ]
        for batch in (1, 4, 16, 64)
        for m in [found[f"batch_{batch}"]]
    ]
    ratio = found["batch_1"]["stiff_std"]["mean"] / found["batch_64"]["stiff_std"]["mean"]
    check(
        shown("descent")[3],
        "distance from the minimum in the long run, rate 0.2 of the critical one",
        "batch | along the stiffest | 95 % interval | theory | along the softest | 95 % interval"
        " | theory",
        rows,
        f"Along the stiffest direction batches of 1 stay {ratio:.3g} times as far from the minimum "
        "as batches of 64; with small steps it would be sqrt(64/1) = 8.",
    )
    one = {"rate": 0.3, "batch_2": {**found["batch_1"], "stiff_theory": 0.75}}
    one["batch_1"] = {"n_diverged": 16}
    display = other("descent", spread=one)[3]
    assert list(display.rows[0]) == ["1", "", "", "-", "", "", "-"]
    assert display.remark.startswith("Batches of 2 stay about 0.7637 from the minimum along")
    assert display.remark.endswith("theory says 0.75.")
    remark = other("descent", spread={"rate": 0.9, "batch_1": {"n_diverged": 16}})[3].remark
    assert remark == "No batch settles at this rate."
    still = {"stiff_std": {**found["batch_1"]["stiff_std"], "mean": 0.0}, "stiff_theory": 0.0}
    remark = other("descent", spread={"rate": 0.1, "batch_1": still, "batch_2": still})[3].remark
    assert remark == "Every row is fitted exactly, so that minibatches stay at the minimum."


def test_descent_shows_how_many_runs_leave_a_local_minimum() -> None:
    d = details("descent")["escape"]

    def share(value: float) -> str:
        return "below 0.1 %" if 0 < value < 0.001 else f"{value * 100:.3g} %"

    rates = ("0.01", "0.02", "0.05", "0.1", "0.2")
    rows = [["all", rate, "0 %", "", ""] for rate in rates]
    for batch in (1, 4, 16, 64):
        for rate in rates:
            m = d[f"batch_{batch}"][f"rate_{rate}"]
            low, high = (100 * m["share"][key] for key in ("ci_low", "ci_high"))
            cells = [share(m["share"]["mean"]), f"{low:.3g} to {high:.3g} %", share(m["theory"])]
            rows.append([str(batch), rate, *cells])
    top = d["batch_4"]["rate_0.2"]
    check(
        shown("descent")[4],
        "leaving a local minimum, 400 runs of 500 steps for each batch",
        "batch | rate / critical | left it | 95 % interval | Markov chain",
        rows,
        "Descent on every row never leaves the local minimum; batches of 4 at rate 0.2 do in "
        f"{share(top['share']['mean'])} ({100 * top['share']['ci_low']:.3g} to "
        f"{100 * top['share']['ci_high']:.3g} %) of the runs, and the Markov chain says "
        f"{share(top['theory'])}.",
    )
    alone = {"mean": 0.25, "std": None, "ci_low": None, "ci_high": None, "n": 1}
    small = {"n_steps": 500, "n_runs": 25, "all": {"rate_0.9": 0.04}}
    small["batch_1"] = {"rate_0.9": {"share": alone, "theory": 0.31}}
    remark = other("descent", escape=small)[4].remark
    assert remark == (
        "Descent on every row leaves, in at most 4 % of the starts, the local minimum; batches of "
        "1 at rate 0.9 do in 25 % of the runs, and the Markov chain says 31 %."
    )
    small["batch_1"] = {"rate_0.9": {"share": {**alone, "mean": 0.0}, "theory": 0.0}}
    small["all"] = {"rate_0.9": 0.0}
    remark = other("descent", escape=small)[4].remark
    said = "Descent on every row never leaves the local minimum, and no run of minibatches does."
    assert remark == said


def test_descent_shows_overfitting_and_what_weight_decay_does() -> None:
    d = details("descent")["overfit"]
    train, test = (
        [
            f"{rows} rows, {mean}",
            *both(d[f"overfit_{rows_}_mse"]),
            *both(d[f"regularised_{rows_}_mse"]),
        ]
        for rows, rows_, mean in (
            ("training", "train", "mean"),
            ("test", "test", "geometric mean"),
        )
    )
    said = (
        f"Without a penalty the training error falls to {train[1]} and the test error is "
        f"{test[1]}; with weight decay it is {test[3]} ({test[4]}), "
    )
    check(
        shown("descent")[5],
        "first overfit, then regularise: 60 columns on 20 rows",
        "error on | overfit | 95 % interval | regularised | 95 % interval",
        [train, test],
        said + "lower in 100 % of the data sets.",
    )

    def remark(low: float | None, high: float | None) -> str:
        after = {**d["regularised_test_mse"], "ci_low": low, "ci_high": high}
        return other("descent", overfit__regularised_test_mse=after)[5].remark

    before = d["overfit_test_mse"]
    assert remark(before["ci_high"] + 1, before["ci_high"] + 2).endswith("higher than without.")
    assert remark(before["ci_low"] - 1, before["ci_high"]).endswith("can't be told apart.")
    assert remark(None, None).endswith(f"with weight decay it is {test[3]}, on one data set.")
    nothing = {**d["overfit_test_mse"], "mean": None}
    flat = other("descent", overfit__overfit_test_mse=nothing)[5].remark
    assert flat == "The target does not vary, so that there is nothing to overfit."


@pytest.mark.parametrize("section", ["train_mlp", "train_cnn"])
def test_training_shows_scores_of_each_variant_in_order(section: str) -> None:
    d = details(section)
    scores = shown(section)[0]
    names = [d["comparison"]["variants"][str(k)] for k in range(d["comparison"]["n_variants"])]
    rows = []
    for name in names:
        m = d[name] if name else d
        cells = [cell for k in ("test_accuracy", "test_loss", "train_loss") for cell in both(m[k])]
        label = name or "all members"
        rows.append([label, *cells, num(m["best_epoch"]["mean"]), str(m["n_parameters"])])
    t, data = d["training"], d["data"]
    check(
        scores,
        f"{data['name']}, classification: {data['n_train']} rows to train, "
        f"{data['n_validation']} to watch, {data['n_test']} to test; {t['n_seeds']} seeds, "
        f"{t['n_epochs']} epochs",
        ("variant" if len(names) > 1 else "network")
        + " | test accuracy | 95 % interval | test loss | 95 % interval | train loss"
        " | 95 % interval | best epoch | parameters",
        rows,
        scores.remark,
    )
    if len(names) == 1:
        m = d["test_accuracy"]
        wrong = round((1 - m["mean"]) * data["n_test"])
        said = f"The test accuracy is {said_of(m)}: about {wrong} of {data['n_test']} rows called"
        assert scores.remark == f"{said} wrong."


def said_of(summary: Mapping[str, Any]) -> str:
    mean, interval = both(summary)
    return f"{mean} ({interval})" if interval else mean


def compared(
    best: str, mean: float, others: Mapping[str, tuple[float | None, float | None]]
) -> Any:
    """details.json of variants: the mean of each, and the adjusted p of its difference."""
    means = {best: mean} | {name: one[0] for name, one in others.items()}
    summaries = {
        name: {"mean": m, "ci_low": m and m - 0.01, "ci_high": m and m + 0.01, "n": 4}
        for name, m in means.items()
    }
    tests = {
        f"{best} - {name}": {"mean": 0.2, "ci_low": 0.1, "ci_high": 0.3, "p_value": p, "p_holm": p}
        for name, (_, p) in others.items()
        if p is not None
    }
    return {
        **{name: {"test_accuracy": one} for name, one in summaries.items()},
        "comparison": {
            "metric": "test_accuracy",
            "variants": {str(k): name for k, name in enumerate(means)},
            "tests": tests,
        },
        "data": {"n_test": 200},
    }


def test_training_says_which_variant_is_best_and_which_can_not_be_told_from_it() -> None:
    said = networks.remark_on_scores
    committed = details("train_mlp")
    means = {k: committed[k]["test_accuracy"]["mean"] for k in committed if k.startswith("init_")}
    best = max(means.values())
    name = next(
        k for k in ("init_zeros", "init_normal", "init_xavier", "init_he") if means[k] == best
    )
    start = f"{name} is best with a test accuracy of {said_of(committed[name]['test_accuracy'])}; "
    assert said(committed).startswith(start)
    holm = {k: one["p_holm"] for k, one in committed["comparison"]["tests"].items() if name in k}
    worse = [
        k for k in means if any(k in pair and p < 0.05 for pair, p in holm.items()) and k != name
    ]
    assert worse == ["init_zeros"]
    assert "; init_zeros is worse; " in said(committed)
    found = compared("a", 0.9, {"b": (0.8, 0.01), "c": (0.7, 0.001), "d": (0.89, 0.4)})
    assert said(found) == (
        "a is best with a test accuracy of 0.9 (0.89 to 0.91); b and c are worse; d can't be told "
        "from it."
    )
    found = compared("a", 0.9, {"b": (None, None), "c": (0.7, None)})
    assert said(found) == (
        "a is best with a test accuracy of 0.9 (0.89 to 0.91); c has no test against it; b "
        "diverged in some seeds."
    )
    assert said(compared("a", None, {"b": (None, None)})) == (  # type: ignore[arg-type]
        "Every member diverged, so that there is no test accuracy."
    )


def test_training_says_how_many_differences_are_no_chance() -> None:
    tests = details("train_mlp")["comparison"]["tests"]
    sure = {name: one for name, one in tests.items() if one["p_holm"] < 0.05}
    largest = max(sure, key=lambda name: abs(sure[name]["mean"]))
    one = tests[largest]
    assert shown("train_mlp")[1].remark == (
        f"{len(sure)} of {len(tests)} differences can be told from chance (adjusted p below 0.05); "
        f"{largest} is the largest, {num(one['mean'])} ({ends(one['ci_low'], one['ci_high'])})."
    )
    said = networks.remark_on_differences
    assert said(compared("a", 0.9, {"b": (0.8, 0.25), "c": (0.8, 0.5)})["comparison"]["tests"]) == (
        "0 of 2 differences can be told from chance: the least adjusted p is 0.25."
    )
    assert said({"a - b": {"p_holm": None}}).startswith("No difference has a test: it needs two")


def test_train_mlp_shows_how_hidden_units_differ() -> None:
    d, units = details("train_mlp"), shown("train_mlp")[2]
    names = ["init_zeros", "init_normal", "init_xavier", "init_he"]
    rows = [[k, *both(d[k]["distinct_units"]), *both(d[k]["units_std"])] for k in names]
    check(
        units,
        "hidden units that no other unit of their layer equals, after training",
        "variant | share that differ | 95 % interval | spread of weights | 95 % interval",
        rows,
        "In init_zeros all units of a layer stay the same, so that the layer is one unit (section "
        f"7.1.1); the spread of their weights is 0, of init_xavier {rows[2][3]}.",
    )
    assert rows[0] == ["init_zeros", "0", "0 to 0", "0", "0 to 0"]

    def remark(**shares: float) -> str:
        m = {
            name: {
                "distinct_units": {"mean": share, "ci_low": None, "ci_high": None},
                "units_std": {"mean": 0.5 + share, "ci_low": None, "ci_high": None},
            }
            for name, share in shares.items()
        }
        variants = {"variants": {str(k): name for k, name in enumerate(m)}}
        return train_mlp.units(m | {"comparison": variants}).remark

    assert (
        remark(a=1.0, b=1.0)
        == "No unit equals another in any variant; the least spread is 1.5, of a."
    )
    assert remark(a=1.0, b=0.25) == "Some units equal others: of b the share that differs is 0.25."


def test_train_mlp_shows_the_study_of_two_inputs() -> None:
    plane, study = details("train_mlp")["plane"], shown("train_mlp")[3]
    rows = []
    for init in ("zeros", "normal", "xavier", "he"):
        m = plane["starts"][f"init_{init}"]
        first, last = num(m["start_accuracy"]["mean"]), num(m["distinct_units"]["mean"])
        rows.append([init, first, *both(m["accuracy"]), *both(m["disagreement"]), last])
    accuracies = {k[5:]: m["accuracy"] for k, m in plane["starts"].items()}
    best = max(accuracies.values(), key=lambda m: m["mean"])
    name = next(k for k in ("normal", "xavier", "he") if accuracies[k] == best)
    rule = plane["best_accuracy"]["mean"]
    verb = "reaches" if best["ci_high"] >= rule else "does not reach"
    check(
        study,
        "two inputs, 6 hidden units of relu: two-moons, 400 rows to train, 128 epochs",
        "init | accuracy at first | accuracy at last | 95 % interval | not as the best rule | 95 % "
        "interval | units that differ",
        rows,
        f"{name} calls {said_of(best)} of the test rows right, the best rule {num(rule)}, which "
        f"the interval {verb}; zeros has the least, {said_of(accuracies['zeros'])}.",
    )
    own = {
        "data": "rows.csv",
        "activation": "tanh",
        "n_units": 3,
        "n_train": 40,
        "n_epochs": 8,
        "inits": ["he"],
        "starts": {
            "init_he": {
                "start_accuracy": {"mean": 0.5},
                "accuracy": {"mean": 0.75, "ci_low": None, "ci_high": None},
                "distinct_units": {"mean": 1.0},
            }
        },
    }
    found = train_mlp.plane(own)
    assert found.remark == "he calls 0.75 of the test rows right."
    assert [list(row) for row in found.rows] == [["he", "0.5", "0.75", "", "1"]]
    own["starts"]["init_he"]["accuracy"]["mean"] = None  # type: ignore[index]
    assert train_mlp.plane(own).remark == "Every start diverged in a seed."


def test_train_mlp_proposes_what_its_numbers_ask_for() -> None:
    proposed = load("train_mlp").next_command
    assert proposed(details("train_mlp")) == "train-mlp --dropout 0,0.2,0.5 --init xavier"

    def run(losses: tuple[float, float], n_train: int = 500, n_diverged: int = 0) -> Any:
        one = {
            "test_accuracy": {"mean": 0.9},
            "test_loss": {"mean": losses[0]},
            "train_loss": {"mean": losses[1]},
            "n_diverged": n_diverged,
        }
        names = {"0": "activation_relu", "1": "activation_tanh"}
        compared = {"metric": "test_accuracy", "variants": names}
        return dict.fromkeys(names.values(), one) | {
            "comparison": compared,
            "data": {"n_train": n_train},
        }

    assert proposed(run((0.31, 0.1))) == "train-mlp --dropout 0,0.2,0.5"
    assert proposed(run((0.29, 0.1))) == "lr-find"
    assert proposed(run((0.29, 0.1), n_train=20)) == "lr-find --batch-size 20"
    assert proposed(run((0.9, 0.1), n_diverged=1)) == "lr-find"
    alone = run((0.9, 0.1)) | run((0.9, 0.1))["activation_relu"]
    alone["comparison"] = {"metric": "test_accuracy", "variants": {"0": ""}}
    assert proposed(alone) == "train-mlp --init zeros,xavier,he"


def test_train_mlp_shows_differences_of_variants() -> None:
    tests = details("train_mlp")["comparison"]["tests"]
    differences = shown("train_mlp")[1]
    names = {row[0]: list(row[1:]) for row in differences.rows}
    assert set(names) == set(tests)
    for name, m in tests.items():
        assert names[name] == [*both(m), f"{m['p_value']:.2g}", f"{m['p_holm']:.2g}"]
    assert " | ".join(differences.headings) == "difference | mean | 95 % interval | p | p, Holm"
    assert differences.title == "differences in test accuracy, seed by seed"


def test_train_cnn_shows_layers_shifts_and_the_larger_picture() -> None:
    d = details("train_cnn")
    _, layers, fields, equal, shifts, moved, deployed = shown("train_cnn")
    found = [d["layers"][k] for k in sorted(d["layers"])]
    rows = [[m["layer"], m["output"], str(m["parameters"]), str(m["bytes_a_row"])] for m in found]
    counts = {m["layer"]: m["parameters"] for m in found}
    total = sum(m["parameters"] for m in found)
    said = f"{total} parameters, {percent(counts['dense 96'] / total)} of them in dense 96."
    check(layers, "layers", "layer | output | parameters | bytes a row", rows, said)
    every = [m for k, m in sorted(d["receptive_fields"].items()) if k.isdigit()]
    check(
        fields,
        "receptive field of the neuron in the middle, pixels",
        "layer | step | recursion | in the image | gradients | half of the gradient",
        [
            [
                m["layer"],
                str(m["jump"]),
                *(f"{m[f'{k}height']} x {m[f'{k}width']}" for k in ("theory_", "", "measured_")),
                str(m["half_side"]),
            ]
            for m in every
        ],
        fields.remark,
    )
    assert [m["layer"] for m in every] == [m["layer"] for m in found]
    rows = [
        [name, str(m["n_parameters"]), *both(m["test_accuracy"])]
        for name, m in (("convolutional", d), ("perceptron", d["equal_mlp"]))
    ]
    headings = "network | parameters | test accuracy | 95 % interval"
    gap = d["test_accuracy"]["mean"] - d["equal_mlp"]["test_accuracy"]["mean"]
    rate = d["equal_mlp"]["learning_rate"]
    said = (
        f"The convolutional network has the better test accuracy, by {gap:.3g}; the intervals "
        f"overlap. The perceptron is trained at a rate of {rate:g}, which has the best accuracy "
        "of 4 on the rows to watch."
    )
    check(equal, "a perceptron of equal size", headings, rows, said)
    of_cnn = next(k for k in d["shifts"] if k != "equal_mlp")
    rows = [
        [str(int(k)), *both(d["shifts"][of_cnn][k]), *both(d["shifts"]["equal_mlp"][k])]
        for k in sorted(d["shifts"][of_cnn])
    ]
    headings = f"pixels | {of_cnn} | 95 % interval | perceptron | 95 % interval"
    both_means = {
        k: (d["shifts"][of_cnn][k]["mean"], d["shifts"]["equal_mlp"][k]["mean"])
        for k in d["shifts"][of_cnn]
    }
    far = max(both_means, key=lambda k: abs(both_means[k][0] - both_means[k][1]))
    said = (
        f"The networks are farthest apart at {int(far)} pixels: {num(both_means[far][0])} "
        f"({of_cnn}), {num(both_means[far][1])} (the perceptron). At most 1000 test rows are "
        "shifted."
    )
    check(shifts, "test accuracy on shifted images", headings, rows, said)
    m = d["moved_by_a_pixel"]
    check(
        moved,
        "what a shift of one pixel changes",
        "layer | relative change | 95 % interval",
        [[m[k]["layer"], *both(m[k]["change"])] for k in sorted(m)],
        f"3 of 3 pools change less than what goes into them. The first layer changes by "
        f"{num(m['01']['change']['mean'])} of its norm, the outputs by "
        f"{num(m['17']['change']['mean'])}.",
    )
    m = d["deployed"]
    (row,) = deployed.rows
    size, cells = m["size"], f"{m['map_height']} x {m['map_width']}"
    worst = f"{m['largest_difference']:.1e}"
    assert list(row) == [f"{size} x {size}", cells, str(m["n_images"]), str(m["n_right"]), worst]
    assert deployed.headings[3] == "seen as what they are"
    assert deployed.remark == (
        f"{m['n_right']} of {m['n_images']} images are seen as what they are. At "
        f"{m['n_places_seen']} of {m['map_height'] * m['map_width']} places the largest logit is "
        f"at least {num(m['evidence_floor'])}, as on 95 % of the watched images; "
        f"{m['n_seen_on_images']} of them lie on an image."
    )


def scored(mean: float | None, low: float | None, high: float | None) -> dict[str, float | None]:
    return {"mean": mean, "ci_low": low, "ci_high": high}


@pytest.mark.parametrize(
    ("name", "own", "other", "said"),
    [
        (
            "test_accuracy",
            scored(0.9, 0.89, 0.91),
            scored(0.8, 0.79, 0.81),
            "The convolutional network has the better test accuracy, by 0.1; the intervals lie "
            "apart.",
        ),
        (
            "test_accuracy",
            scored(0.8, 0.7, 0.9),
            scored(0.85, 0.8, 0.9),
            "The perceptron has the better test accuracy, by 0.05; the intervals overlap.",
        ),
        (
            "test_accuracy",
            scored(0.9, 0.85, 0.95),
            scored(0.87, 0.8, 0.92),
            "The convolutional network has the better test accuracy, by 0.03; the intervals "
            "overlap.",
        ),
        (
            "test_mse",
            scored(2.0, 1.0, 3.0),
            scored(9.0, 8.0, 10.0),
            "The convolutional network has the better test mse, by 7; the intervals lie apart.",
        ),
        (
            "test_accuracy",
            scored(0.8, 0.7, 0.9),
            scored(0.8, 0.7, 0.9),
            "Both have the same test accuracy, 0.8.",
        ),
        (
            "test_mse",
            scored(0.5, None, None),
            scored(0.25, None, None),
            "The perceptron has the better test mse, by 0.25; one seed has no interval.",
        ),
        (
            "test_accuracy",
            scored(None, None, None),
            scored(0.8, 0.7, 0.9),
            "There is no test accuracy of both to compare.",
        ),
    ],
)
def test_two_networks_are_told_apart_by_their_intervals(
    name: str, own: dict[str, Any], other: dict[str, Any], said: str
) -> None:
    assert train_cnn.compare_scores(name, own, other) == said


def test_what_train_cnn_says_follows_other_numbers() -> None:
    """Networks with equal layers, one network alone, pools that change more, no evidence."""
    d = json.loads(json.dumps(details("train_cnn")))
    d["layers"] = {k: m | {"parameters": 5} for k, m in d["layers"].items()}
    del d["shifts"]["equal_mlp"]
    d["moved_by_a_pixel"]["02"]["change"]["mean"] = 9.0
    d["moved_by_a_pixel"]["17"]["change"]["mean"] = None
    del d["deployed"]["evidence_floor"]
    del d["equal_mlp"]["rates"]
    d["receptive_fields"]["n_agree"] = 3
    d["receptive_fields"]["01"]["theory_height"] = 500
    _, layers, fields, equal, shifts, moved, deployed = train_cnn.display(d)
    assert layers.remark == "85 parameters, 6 % of them in each of 17 layers."
    assert fields.remark.startswith("Gradients reach just the pixels of the recursion in 3 of 17")
    assert "field of a layer of images is 500 x 3, but half" in fields.remark
    assert equal.remark.endswith("overlap.")
    first, last = (num(d["shifts"]["cnn"][k]["mean"]) for k in ("00", "06"))
    assert shifts.remark.startswith(f"Moved by 6 pixels: {last} (cnn); by 0: {first} (cnn).")
    assert moved.remark == "2 of 3 pools change less than what goes into them."
    assert deployed.remark == "4 of 4 images are seen as what they are."
    assert train_cnn.next_command(d) == "train-cnn --architecture basic --augment-shift 2"
    del d["shifts"]
    d["layers"] = {
        "00": {"layer": "conv 4 3x3"},
        "01": {"layer": "flatten"},
        "02": {"layer": "dense 3"},
    }
    d["data"]["n_train"] = 20
    line = "train-cnn --layers 'conv 4 3x3,flatten' --batch-size 20 --n-seeds 10"
    assert train_cnn.next_command(d) == line
    d["layers"] = {
        "00": {"layer": "relu"},
        "01": {"layer": "conv 3 1x1"},
        "02": {"layer": "global avg"},
    }
    assert train_cnn.next_command(d).startswith("train-cnn --layers relu --batch")


LABELS = {
    "one_cycle": "one cycle up to eta_max",
    "fixed_eta_max": "fixed at eta_max",
    "fixed_eta_max_100th": "fixed at eta_max / 100",
    "fixed_eta_crit": "fixed at eta_crit",
    "power": "power (7.25)",
    "exponential": "exponential (7.26)",
    "piecewise": "piecewise (7.27)",
    "n_cycle": "three cycles",
}


def test_lr_find_shows_rates_trainings_and_differences() -> None:
    d = details("lr_find")
    rates, trainings, differences = shown("lr_find")
    m = d["comparison"]
    rows = [
        [
            label,
            num(m[key]["learning_rate"]),
            *both(m[key]["test_accuracy"]),
            *both(m[key]["test_loss"]),
            str(m[key]["n_diverged"]),
        ]
        for key, label in LABELS.items()
    ]
    means = {key: m[key]["test_accuracy"]["mean"] for key in LABELS}
    best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    check(
        trainings,
        f"trained for {d['sweep']['compare_epochs']} epochs",
        "training | rate | test accuracy | 95 % interval | test loss | 95 % interval | diverged",
        rows,
        f"Best is {LABELS[best]} with {said_of(m[best]['test_accuracy'])}, worst {LABELS[worst]} "
        f"with {said_of(m[worst]['test_accuracy'])}.",
    )
    rows = []
    for key, label in list(LABELS.items())[1:]:
        one = m["differences"][f"one_cycle - {key}"]
        better = f"{one['n_better']} of {d['sweep']['n_seeds']}"
        rows.append([f"one cycle - {label}", *both(one), f"{one['p_holm']:.2g}", better])
    check(
        differences,
        "differences in test accuracy, seed by seed",
        "difference | mean | 95 % interval | p, Holm | better in",
        rows,
        differences.remark,
    )
    cells = {row[0]: list(row) for row in rates.rows}
    for name in ("eta_crit", "eta_max", "eta_min"):
        (row,) = [row for label, row in cells.items() if label.startswith(name)]
        assert row[1:3] == both(d[name])
    ratios = {k: one["mean"] / d["eta_max"]["mean"] for k, one in d["suggestions"].items()}
    low, high = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
    assert rates.remark == (
        f"The loss diverges at {said_of(d['eta_crit'])}, so that eta_max is "
        f"{num(d['eta_max']['mean'])}; the other rules suggest from {num(ratios[low])} ({low}) to "
        f"{num(ratios[high])} times that ({high})."
    )


def test_lr_find_says_which_schedules_the_cycle_can_be_told_from() -> None:
    d = details("lr_find")
    holm = {k[12:]: one["p_holm"] for k, one in d["comparison"]["differences"].items()}
    gaps = {k[12:]: num(one["mean"]) for k, one in d["comparison"]["differences"].items()}
    beaten = [f"{v} by {gaps[k]}" for k, v in LABELS.items() if holm.get(k, 1) < 0.05]
    alike = [label for key, label in LABELS.items() if holm.get(key, 0) >= 0.05]
    joined = [f"{', '.join(one[:-1])} and {one[-1]}" for one in (beaten, alike)]
    said = shown("lr_find")[2].remark
    least = f"(least adjusted p {min(p for p in holm.values() if p >= 0.05):.2g})"
    assert said == f"One cycle beats {joined[0]}; it can't be told from {joined[1]} {least}."
    other = json.loads(json.dumps(d))
    for key, one in other["comparison"]["differences"].items():
        one["p_holm"], one["mean"], one["n_better"] = 0.01, -0.5, 3
        if key.endswith("power"):
            one["p_holm"] = None
    other["comparison"]["fixed_eta_crit"]["test_accuracy"]["mean"] = None
    _, trainings, differences = load("lr_find").display(other)
    every = [f"{v} by 0.5" for k, v in LABELS.items() if k not in ("one_cycle", "power")]
    assert differences.remark == (
        f"One cycle loses to {', '.join(every[:-1])} and {every[-1]}; it has no test against power "
        "(7.25) (better in 3 seeds)."
    )
    assert trainings.remark.endswith("; in some seeds fixed at eta_crit diverged.")


def test_lr_find_proposes_a_training_with_its_rate_and_the_best_schedule() -> None:
    d = json.loads(json.dumps(details("lr_find")))
    proposed, rate = load("lr_find").next_command, f"{d['eta_max']['mean']:.3g}"
    schedules = {"power": "power", "n_cycle": "n-cycle", "fixed_eta_max": "constant"}
    for key, name in schedules.items():
        d["comparison"][key]["test_accuracy"]["mean"] = 2.0
        assert proposed(d) == f"train-mlp --learning-rate {rate} --schedule one-cycle,{name}"
        d["comparison"][key]["test_accuracy"]["mean"] = 0.0
    d["comparison"]["one_cycle"]["test_accuracy"]["mean"] = 1.0
    d["sweep"]["network"], d["data"]["n_train"] = "cnn", 30
    rest = "--schedule one-cycle --batch-size 30"
    assert proposed(d) == f"train-cnn --learning-rate {rate} {rest}"
    del d["comparison"]
    assert proposed(d) == f"train-cnn --learning-rate {rate} {rest}"


def test_propagate_shows_factors_signs_and_which_pairs_train() -> None:
    d = details("propagate")
    _, forward, backward, normalised, signs, _, _, plain, batch = shown("propagate")
    depth = d["depths"].split(",")[-1]
    for one, side, words in (
        (forward, "forward", "Var a, from layer to layer"),
        (backward, "backward", "Var delta, from layer to layer backwards"),
        (normalised, "batch_norm_backward", "the same with batch normalisation"),
    ):
        inits = list(one.headings)[1:]
        for row in one.rows:
            for init, cell in zip(inits, row[1:], strict=True):
                m = d[side][row[0]][init][f"depth_{depth}"]
                pair = [
                    "-" if v is None else f"{v:.3g}" for v in (m["factor"]["mean"], m["theory"])
                ]
                assert cell == f"{pair[0]} ({pair[1]})"
        assert {row[0] for row in one.rows} == set(d[side])
        assert one.title == f"{words}: factor at depth {depth} (theory of a wide network)"
    assert signs.title == "share of gradients of 2 weights of a neuron that have one sign"
    sizes = [heading.removesuffix(" rows") for heading in signs.headings[1:-2]]
    assert sizes == sorted(sizes, key=int)
    for row in signs.rows:
        of = d["signs"]["none"][row[0]]["n_2"]
        cells = [of[f"batch_{size}"]["mean"] for size in sizes]
        last = d["signs"]["batch"][row[0]]["n_2"][f"batch_{sizes[-1]}"]["mean"]
        assert list(row[1:]) == [f"{v:.3g}" for v in (*cells, of["large_batch"], last)]
    assert signs.remark == (
        "Over 1 row all gradients of relu and sigmoid have one sign; elu is nearest to the 0.5 of "
        f"centred activations, with {d['signs']['none']['elu']['n_2']['batch_1']['mean']:.3g}."
    )
    for one, kind in ((plain, "none"), (batch, "batch")):
        for row in one.rows:
            for init, cell in zip(list(one.headings)[1:], row[1:], strict=True):
                m = d["trains"][kind][row[0]][init]
                low, high = m["accuracy"]["ci_low"], m["accuracy"]["ci_high"]
                # Above the threshold, below it, or neither.
                mark = "*" if low > d["threshold"] else "?" if high > d["threshold"] else " "
                assert cell == f"{percent(m['accuracy']['mean'])} {mark}"
        assert f"depth {d['train_depth']}, {d['train_steps']} steps" in one.title
        n_train = sum(cell.endswith("*") for row in one.rows for cell in row)
        n_open = sum(cell.endswith("?") for row in one.rows for cell in row)
        assert one.remark.startswith(f"{n_train} of 48 pairs train (*: ")
        assert f", {n_open} are open (?). Best: " in one.remark
        best = max(
            (m["accuracy"]["mean"], name, init)
            for name, by_init in d["trains"][kind].items()
            for init, m in by_init.items()
        )
        assert f"{best[1]} with {best[2]}, {percent(best[0])}; the commonest" in one.remark


def test_propagate_shows_draws_of_weights_what_stays_alive_and_alphas() -> None:
    d = details("propagate")
    draws, *_, alive, alphas, _, _ = shown("propagate")
    held = 0
    for row in draws.rows:
        one = d["draws"][row[0]][f"layer_{row[1]}"]
        for cell, (side, key) in zip(
            row[2:],
            (
                ("signal", "activation_mean"),
                ("signal", "variance"),
                ("errors", "error_mean"),
                ("errors", "variance"),
            ),
            strict=True,
        ):
            m, exact = one[side][key], one[side]["theory"] if key == "variance" else 0
            ends = f"({m['ci_low']:.3f} to {m['ci_high']:.3f})"
            theory = f", {exact:.3g}" if key == "variance" else ""
            assert cell == f"{m['mean']:.3f} {ends}{theory}"
            held += m["ci_low"] <= exact <= m["ci_high"]
    assert draws.remark == (
        f"{held} of 36 intervals hold the theory, where 34 are expected. lecun keeps Var z at 1, "
        "he-fan-out keeps Var delta at 1, and none keeps both."
    )
    n_alive = sum(one["alive"] for by_init in d["alive"].values() for one in by_init.values())
    n_both = sum(
        one["alive"] and d["trains"]["none"][name][init]["trains"]
        for name, by_init in d["alive"].items()
        for init, one in by_init.items()
    )
    n_train = sum(one["trains"] for of in d["trains"]["none"].values() for one in of.values())
    assert f"at most 15 % a layer, which {n_alive} of 48 pairs do: " in alive.remark
    assert alive.remark.endswith(
        f"Of these {n_both} can be trained at depth 50, and {n_train - n_both} of the other "
        f"{48 - n_alive}."
    )
    other = json.loads(json.dumps(d))
    for one in (one for by_init in other["alive"].values() for one in by_init.values()):
        one["alive"] = False
    (none,) = [one for one in load("propagate").display(other) if one.title == alive.title]
    assert none.remark == (
        f"None of 48 pairs changes signal and errors by at most 15 % a layer; {n_train} of 48 can "
        "be trained."
    )
    for row in alive.rows:
        for init, cell in zip(list(alive.headings)[1:], row[1:], strict=True):
            m = d["alive"][row[0]][init]
            mark = "*" if m["alive"] else " " if m["lost"] else "?"
            changes = " / ".join(f"{m[f'log10_{s}']['mean']:+.1f}" for s in ("forward", "backward"))
            assert cell == f"{changes} {mark}"
    for row in alphas.rows:
        m = d["alphas"][row[0]][f"alpha_{row[1]}"]
        for cell, side in zip(row[2:], ("forward", "backward"), strict=True):
            one = m[f"log10_{side}"]
            ends = f"({one['ci_low']:.2f} to {one['ci_high']:.2f})"
            assert cell == f"{one['mean']:.2f} {ends}"


def test_filters_shows_matrices_filters_pooling_and_shifts() -> None:
    d = details("filters")
    matrix, scan, products, filters, layers, pooling, moved, shifts = shown("filters")
    cells = {row[0]: list(row) for row in matrix.rows}
    assert list(cells)[:2] == ["difference", "vertical"]
    for name, m in d["matrix"].items():
        equal = m.get("equals_notes")
        assert cells[name][3] == ("" if equal is None else "yes" if equal else "no")
        lines = [m[k] for k in sorted(m) if k.startswith("row_")]
        assert lines[0] in cells[name][2]
        assert cells[name][1] == {"difference": "(8.2)", "vertical": "(8.12), corrected"}.get(
            name, ""
        )
    check_filter_examples(d, matrix, scan, products, moved)
    for row in filters.rows:
        m = d["filters"][row[0]]
        shape = f"{m['output_height']} x {m['output_width']} x {m['output_channels']}"
        sizes = [num(m[k]) for k in ("mean_size", "smallest", "largest")]
        assert list(row[2:]) == [shape, "yes", str(m["n_parameters"]), *sizes]
    values = dict(layers.rows)
    assert values["parameters of 10 filters of 3 x 3 x 3 (8.18)"] == "280"
    asked = d["layer"]["asked"]
    assert values["parameters of the layer asked for"] == f"{asked['n_parameters']:,}"
    both_sides = f"{asked['numbers_in']:,}, {asked['numbers_out']:,}"
    assert values["numbers in, numbers out"] == both_sides
    assert values["parameters of a dense layer instead"] == f"{asked['n_parameters_dense']:,}"
    shapes = d["shapes"]
    assert values["shapes as by formula"] == f"{shapes['n_agree']} of {shapes['n_cases']}"
    for row in pooling.rows:
        m = d["pooling"][row[0]]
        kept = f"{100 * m['numbers_kept']:.3g} %"
        assert list(row[2:]) == [kept, num(m["variance_kept"])]
    turned = d["turned_edge"]
    assert num(turned["one_filter"]) in pooling.remark
    assert num(turned["depth_pooled"]) in pooling.remark
    name = ""
    for row in shifts.rows:
        name = row[0].replace(" ", "_") or name
        m = d["shifts"][f"shift_{row[1]}"][name]
        expected = [*both(m["similarity"]), num(m["others"]["mean"]), *both(m["same_class"])]
        assert list(row[2:]) == expected
    headings = "unrolled | shift | cosine with itself | 95 % interval | with others"
    assert " | ".join(shifts.headings) == f"{headings} | nearest of its class | 95 % interval"
    largest = max(d["filters"], key=lambda name: d["filters"][name]["mean_size"])
    said = f"On average {largest} answers most, with {num(d['filters'][largest]['mean_size'])}."
    k = d["picture"]["reduced_by"]
    assert filters.remark == f"{said} Each pixel is the mean of {k} x {k} of the original."
    ratio = asked["n_parameters_dense"] / asked["n_parameters"]
    assert f"has {ratio:,.0f} times the parameters; 54 of 54 shapes" in layers.remark
    assert pooling.remark.startswith("Average pooling keeps more of the variance.")
    first = d["shifts"]["shift_1"]
    pair = [num(first[name]["similarity"]["mean"]) for name in ("pixels", "max_pooled")]
    said = f"leaves a cosine of {pair[0]} with the image itself, and of {pair[1]} after max pooling"
    assert said in shifts.remark


def check_filter_examples(
    d: Mapping[str, Any], matrix: Display, scan: Display, products: Display, moved: Display
) -> None:
    """The tables of the notes' matrix, of Figure 20, of (8.4) to (8.7), and of equivariance."""
    assert matrix.remark == (
        "2 of 2 matrices are as in the notes. To the edge scharr answers most, with 160."
    )
    places = [d["scan"][f"place_{k}"] for k in (1, 2, 3)]
    check(
        scan,
        "filter vertical scans the matrix, stride 1",
        "place | pixels times weights | sum",
        [[f"{m['row']}, {m['column']}", m["products"], num(m["sum"])] for m in places],
        "16 places, one for each pixel of the output. At row 1, column 2 the products add up to "
        "30.",
    )
    m = d["inner_products"]
    cells = [list(row)[2] for row in products.rows]
    keys = ("sum_of_products", "trace", "unrolled")
    expected = [num(m[f"channel_{k}"][key]) for k in (1, 2) for key in keys]
    expected += [num(m["over_channels"]), num(m["tensor_unrolled"])]
    assert cells == [*expected, m["unrolled_tensor"], m["order"]]
    assert products.remark == (
        "In 2 of 2 channels the three agree. The channels add up to 12, the unrolled tensors too."
    )
    rows, most = [], (0.0, "", 0)
    for _, one in sorted(d["equivariance"].items()):
        for k in (1, 2, 3):
            change, exact = one[f"shift_{k}"]["change"], one[f"shift_{k}"]["is_exact"]
            name = one["name"] if k == 1 else ""
            rows.append([name, str(k), "0" if exact else "more", *both(change)])
            if not exact:
                most = max(most, (change["mean"], one["name"], k))
    said = (
        "Where a shift of the image is one of the output, the largest difference is 0 of its norm; "
        f"elsewhere it is up to {num(most[0])}, {most[1]}, at {most[2]} pixel."
    )
    headings = "operation | shift | theory | change | 95 % interval"
    check(moved, "what no shift of the output undoes", headings, rows, said)


def test_what_filters_says_follows_other_numbers() -> None:
    """A filter of one's own that answers as much, a constant picture, routes that differ."""
    d = json.loads(json.dumps(details("filters")))
    d["matrix"]["kernel"] = {"row_1": "0 -160 0"}
    d["matrix"]["vertical"]["equals_notes"] = False
    d["picture"]["reduced_by"] = 1
    d["filters"]["sobel"]["mean_size"] = d["filters"]["scharr"]["mean_size"]
    d["pooling"]["max"]["variance_kept"] = d["pooling"]["average"]["variance_kept"] = None
    d["inner_products"]["channel_1"]["trace"] = 7.0
    d["inner_products"]["tensor_unrolled"] = 13.0
    for one in d["equivariance"].values():
        for k in (1, 2, 3):
            one[f"shift_{k}"]["is_exact"] = True
    matrix, _, products, filters, _, pooling, moved, _ = filters_display.display(d)
    assert matrix.remark == (
        "1 of 2 matrices are as in the notes. To the edge scharr and kernel answer most, with 160."
    )
    assert products.remark == (
        "In 1 of 2 channels the three agree. The channels add up to 12, the unrolled tensors "
        "do not."
    )
    assert filters.remark.startswith("On average scharr and sobel answer most")
    assert "original" not in filters.remark
    assert pooling.remark.startswith("The picture is constant and has no variance to keep.")
    assert ";" not in moved.remark
    assert filters_display.next_command(d) == "filters --stride 2 --padding same"
    d["stride"] = 2
    assert filters_display.next_command(d).startswith("filters --kernel")
    d["pooling"]["max"]["variance_kept"] = 0.9
    assert filters_display.next_command(d) == "filters --pool-size 4"


def test_baseline_shows_the_best_method_first_and_a_verdict() -> None:
    def one(mean: float) -> dict[str, float]:
        return {"mean": mean, "ci_low": mean - 0.5, "ci_high": mean + 0.5}

    metrics: dict[str, Any] = {
        "score": "mse",
        "models": {
            "constant": {"mse": one(9.0), "r2": one(0.0)},
            "linear": {
                "mse": one(4.25),
                "r2": one(0.5),
                "difference": one(-4.75) | {"p_holm": 0.0123},
                "beats_constant": True,
            },
            "trees": {
                "mse": one(3.5),
                "r2": one(0.75),
                "difference": one(-5.5) | {"p_holm": 0.5},
                "beats_constant": False,
            },
        },
        "n_folds": 5,
        "n_seeds": 2,
        "target": "t",
        "data": "rows.csv",
        "task": "regression",
        "n_rows": 80,
        "n_features": 3,
        "best": "trees",
        "as_good_as_the_best": ["linear"],
    }
    (found,) = baseline.display(metrics)
    check(
        found,
        "t of rows.csv, regression: 80 rows, 3 inputs, 10 splits; mean squared error, lower is "
        "better",
        "method | mse | 95 % interval | r2 | minus the constant | 95 % interval | p, Holm | beats "
        "it",
        [
            ["trees", "3.5", "3 to 4", "0.75", "-5.5", "-6 to -5", "0.5", ""],
            ["linear", "4.25", "3.75 to 4.75", "0.5", "-4.75", "-5.25 to -4.25", "0.012", "yes"],
            ["constant", "9", "8.5 to 9.5", "0", "", "", "", ""],
        ],
        found.remark,
    )
    assert found.remark.startswith(
        "Better than the constant: linear. The best mean is that of trees"
    )
    for entry in metrics["models"].values():
        entry["beats_constant"] = False
    assert baseline.verdict(metrics).startswith("Nothing beats the constant: on these 80 rows")
    metrics["score"], metrics["models"] = (
        "accuracy",
        {
            name: {"accuracy": one(mean), "brier": one(0.25)}
            for name, mean in (("constant", 0.5), ("trees", 0.75))
        },
    )
    (found,) = baseline.display(metrics)
    assert [row[0] for row in found.rows] == ["trees", "constant"]
    assert found.headings[1:4] == ["accuracy", "95 % interval", "brier"]


def test_baseline_proposes_the_command_of_the_best_method() -> None:
    proposed = load("baseline").next_command

    def best(method: str, task: str, n_rows: int = 200, **more: Any) -> str:
        metrics = {"best": method, "task": task, "n_rows": n_rows, "n_features": 3, "models": more}
        return str(proposed(metrics))

    assert best("logistic", "classification") == "logistic --penalty l2"
    assert best("ridge", "regression") == "fit-poly --degrees 1"
    assert best("polynomial", "regression") == "fit-poly --degrees 1,2"
    assert best("trees", "regression") == "train-mlp --task regression"
    assert best("linear", "regression", n_rows=11) == "train-mlp --task regression --batch-size 2"
    assert best("neighbours", "classification", cnn={}) == "train-cnn"


def test_baseline_says_which_method_is_the_slowest() -> None:
    (found,) = baseline.display_timings({"seconds_a_fit": {"mlp": 0.75, "linear": 0.25}})
    assert (
        found.remark
        == "The slowest is mlp with 0.75 seconds a fit, 75 % of the time of all methods."
    )
    (found,) = baseline.display_timings({"seconds_a_fit": {"constant": 0.0}})
    assert found.remark == "The slowest is constant with 0 seconds a fit."


def test_backprop_shows_both_passes_the_gradients_the_curve_and_the_cost() -> None:
    d = details("backprop")
    forward, backward, gradients, curve, cost = shown("backprop")
    steps = [d["steps"][f"step_{n:03d}"] for n in range(1, len(d["steps"]) + 1)]
    headings = "quantity | with numbers | value | equation"

    def rows(direction: str) -> list[list[str]]:
        return [
            [one["quantity"], one["numbers"], num(one["value"]), one["equation"]]
            for one in steps
            if one["pass"] == direction
        ]

    value = {one["quantity"]: one["value"] for one in steps}
    check(
        forward,
        f"forward pass of 2-3-2, tanh, at x = {d['x']} with t = {d['t']}",
        headings,
        rows("forward"),
        f"The outputs are {value['y_1']:.4g}, {value['y_2']:.4g} where {d['t']} are wanted: "
        f"E = {value['E']:.4g}.",
    )
    first, last = d["errors"]["layer_1"], d["errors"]["layer_2"]
    check(
        backward,
        "backward pass of the same row",
        headings,
        rows("backward"),
        f"Over the minibatch the errors have root mean square {last:.4g} in layer 2 and "
        f"{first:.4g} in layer 1: a factor {first / last:.4g} on the way back.",
    )
    expected = [
        [
            key.split(" ")[1],
            f"{one['by_sums']:.10g}",
            f"{one['central']:.10g}",
            f"{one['error']:.1e}",
            f"{one['one_sided_error']:.1e}",
            "",
        ]
        for key, one in sorted(d["gradients"].items())
    ]
    worst = max(one["error"] for one in d["gradients"].values())
    (where,) = [key for key, one in d["gradients"].items() if one["error"] == worst]
    check(
        gradients,
        "gradients of E, mean of 4 rows",
        "gradient | by sums | central difference | off by | one-sided off by | left out",
        expected,
        f"Sums and matrices differ by {d['check']['largest_sums_and_matrices']:.1e} of the largest "
        f"gradient at most; the central difference is farthest off, by {worst:.1e}, for "
        f"{where.split(' ')[1]}.",
    )
    found, c = d["check"], d["cost"]
    measured, theory = (
        10 ** found[f"log10_{name}_step"]["mean"] for name in ("measured", "predicted")
    )
    assert [row[0] for row in curve.rows] == [
        "error at the fixed step",
        "best step",
        "power of a large step, central",
        "power of a large step, one-sided",
        "power of a small step, central",
    ]
    assert curve.rows[1][1] == f"{measured:.1e}"
    assert curve.rows[1][3] == f"{theory:.1e}; scale {2.0 ** (-52 / 3):.1e}, (2u)^(1/3)"
    for row, name in zip(curve.rows[2:], ("central", "one_sided", "rounding"), strict=True):
        assert list(row[1:3]) == both(found[f"slope_{name}"])
    factor = max(measured / theory, theory / measured)
    assert curve.remark == (
        f"Central differences are best with a step of {measured:.1e}, by theory {theory:.1e}: "
        f"a factor {factor:.4g}."
    )
    # 2-3-2: 6 + 6 products forward; as many gradients, 6 products and 3 slopes back.
    assert (c["forward"], c["backpropagation"], c["n_weights"]) == (12, 12 + 12 + 6 + 3, 17)
    check(
        cost,
        "cost of one gradient, W = 17",
        "one gradient of one row | forward passes | multiplications | in forward passes",
        [
            ["forward pass", "1", "12", "1"],
            ["backpropagation", "1 and 1 back", "33", "2.75"],
            ["one-sided differences, W + 1", "18", "216", "18"],
            ["central differences, 2W", "34", "408", "34"],
        ],
        "Backpropagation multiplies 33 times, central differences 408 times: a factor 12.36 for "
        "W = 17 weights.",
    )


def test_backprop_says_what_other_numbers_would_mean() -> None:
    d = json.loads(json.dumps(details("backprop")))
    show = load("backprop").display
    d["errors"] = {"layer_1": 0.0, "layer_2": 0.5}
    assert show(d)[1].remark == "The errors are 0.5 in layer 2 and 0 in layer 1: no gradient."
    d["errors"] = {"layer_1": 0.0, "layer_2": 0.0}
    assert show(d)[1].remark == "The errors of the last layer are 0: every output is its target."
    d["errors"] = {"layer_1": 0.25}
    assert show(d)[1].remark.startswith("One layer has weights; its errors have root mean square")
    keys = sorted(d["gradients"])
    for key in keys[:2]:
        d["gradients"][key]["left_out"] = "kink of a_1(1)"
    assert show(d)[2].rows[0][-1] == "kink of a_1(1)"
    assert "; 2 of 17 weights are left out of the check." in show(d)[2].remark
    for key in keys:
        d["gradients"][key]["left_out"] = "kink of a_1(1)"
    assert "farthest" not in show(d)[2].remark
    del d["check"]["log10_predicted_step"]
    assert "theory names none" in show(d)[3].remark
    wide = {"mean": -5.0, "std": 1.0, "ci_low": -80.0, "ci_high": 70.0, "n": 2}
    d["check"]["log10_measured_step"] = wide
    assert show(d)[3].rows[1][2] == "over 9 powers of ten"
    del d["check"]["log10_measured_step"]
    assert show(d)[3].remark.startswith("Every weight of a network is left out")
    steps = d["steps"]
    d["steps"] = {f"step_{n:03d}": steps["step_001"] for n in range(1, 50)}
    assert len(show(d)[0].rows) == 40
    assert show(d)[0].remark.endswith("The first 40 of 49 rows; all are in tables/steps.csv.")


def test_backprop_shows_milliseconds_of_each_method() -> None:
    one = {"n_weights": 40, "forward": 1e-5, "backpropagation": 3e-5, "one_sided": 4e-4}
    (table,) = load("backprop").display_timings({"gradient": {"004": one | {"central": 9e-4}}})
    assert [list(row) for row in table.rows] == [["4-4-4", "40", "0.01", "0.03", "0.4", "0.9"]]
    assert table.remark == (
        "With 40 weights central differences take 30 times as long as backpropagation here, now."
    )

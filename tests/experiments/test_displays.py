"""What is shown on the terminal are the numbers of details.json, under their headings."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from figure_reading import REPORTS

from mlcli.experiments import load
from mlcli.experiments.baseline import display as baseline
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
    model, weights, degrees, coverage = shown("bayes")
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
    check(model, f"degree {d['degree']}, {d['basis']} basis", headings, rows)
    terms = [f"P{k}" for k in range(d["degree"] + 1)]
    w = d["weights"]
    rows = [[k, num(w[k]["ml"]), num(w[k]["mean"]), num(w[k]["std"])] for k in terms]
    check(weights, "weights", "term | maximum likelihood | posterior mean (MAP) | std", rows)
    rows = []
    for k in range(10):
        m, key = d[f"degree_{k}"], f"degree_{k}"
        chosen = [percent(d["chosen"][rule].get(key, 0)) for rule in ("evidence", "kfold")]
        rules = {"evidence": d["degree_by_evidence"], "k-fold": d["degree_by_kfold"]}
        mark = ", ".join(rule for rule, degree in rules.items() if degree == k)
        rows.append([str(k), num(m["log_evidence"]), num(m["cv_mse"]), *chosen, mark])
    check(
        degrees,
        "evidence against degree, first data set",
        "degree | log evidence | 10-fold mse | chosen by evidence | by k-fold | choice",
        rows,
    )
    rows = []
    for method in ("maximum likelihood", "evidence", "unknown noise"):
        for level in (50, 80, 90, 95, 99):
            m = d["calibration"][method.replace(" ", "_")][f"level_{level}"]
            edges = ends(100 * m["ci_low"], 100 * m["ci_high"])
            rows.append([method, f"{level} %", percent(m["mean"], 1), edges])
    n, size = d["calibration"]["n"], d["calibration"]["rows"]
    title = f"coverage of the predictive interval: {n} data sets of {size} rows"
    check(coverage, title, "interval from | nominal | measured | 95 % interval (%)", rows)


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
    degrees, strength, descent = shown("bias_variance")

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
    assert degrees.remark.startswith(f"Lowest sum: degree {d['best_degree']}. bias^2 is that of")
    many = f"squared error over {d['n_datasets']} data sets of {d['n_rows']} rows"
    assert degrees.title == f"{many} ({d['ensemble']}), means over {d['n_seeds']} seeds"
    s = d["strength"]
    check(
        strength,
        f"degree {s['degree']} under the {s['penalty']} penalty, best strength",
        f"strength | {parts}",
        [[num(s["best_strength"]), *cells(s["best"])]],
        "Chosen by the lowest mean sum over the same seeds, so its error is a little low.",
    )
    rows = [
        [kind, where.replace("_", " "), str(m["n_columns"]), *both(m["median_error"])]
        for kind in ("legendre", "orthonormal")
        for where in ("lowest_below", "peak", "lowest_beyond")
        for m in [d["descent"][kind][where]]
    ]
    check(
        descent,
        f"past the interpolation threshold: shortest solutions on {d['descent']['n_rows']} rows",
        "columns | where | number | median error | 95 % interval",
        rows,
        "Past the threshold the shortest solution depends on how the columns are scaled.",
    )


def with_ends(summary: Mapping[str, Any]) -> str:
    """0.84 (0.82 to 0.86)."""
    mean, interval = both(summary)
    return f"{mean} ({interval})"


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
    ours, commonest = with_ends(d["test_accuracy"]), with_ends(d["commonest_class_accuracy"])
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
        f"D(exact || fit) is {with_ends(d['divergence'])} nats and d/(2n) is 0.005: "
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
        f"is off by {with_ends(off)}, by chance in the classes.",
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
        f"The product over 100 test rows has the logarithm {with_ends(total)}: per row, with the "
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


def test_perceptron_shows_truth_tables_the_rule_and_slopes() -> None:
    d = details("perceptron")
    tables, rule, slopes = shown("perceptron")
    check(
        tables,
        "truth tables of units",
        "inputs | NAND (Table 2) | XOR (Table 3) | sum | carry | asked for | one unit",
        [
            ["00", "1", "0", "0", "0", "1", "1"],
            ["01", "1", "1", "1", "0", "1", "1"],
            ["10", "1", "1", "1", "0", "1", "1"],
            ["11", "0", "0", "0", "1", "0", "0"],
        ],
    )
    runs = d["learning"]
    names = ["margin_0.02", "margin_0.05", "margin_0.1", "margin_0.2", "data"]
    labels = [*(name.replace("_", " ") for name in names[:-1]), d["data_name"]]
    rows = []
    for name, label in zip(names, labels, strict=True):
        m = runs[name]
        shares = [percent(m[f"share_{k}"]) for k in ("below_bound", "converged")]
        rows.append([label, *both(m["mistakes"]), num(m["smallest_bound"]), *shares])
    headings = "rows | mistakes | 95 % interval | smallest bound | below bound | separated"
    check(rule, "Rosenblatt's rule", headings, rows)
    check(
        slopes,
        f"error against number of bins, {d['function']}",
        "in logarithms | mean | 95 % interval",
        [
            ["slope of the largest error", *both(d["slope_of_largest_error"])],
            ["slope of the rms error", *both(d["slope_of_rms_error"])],
        ],
    )
    asked = details("perceptron") | {"one_unit_exists": False}
    other = load("perceptron").display(asked)[0]
    assert other.remark == "No single unit has the table asked for."


def test_descent_shows_the_run_the_noise_and_the_rates() -> None:
    d = details("descent")
    run, noise, rates = shown("descent")
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
    )
    rows = []
    for batch in sorted(int(k[6:]) for k in d["noise"]):
        of_batch = d["noise"][f"batch_{batch}"]
        for rate in sorted(of_batch, key=lambda k: float(k[5:])):
            m = of_batch[rate]
            cells = [num(m["measured"]), num(m["theory"]), str(m["n_diverged"])]
            rows.append([str(batch), rate[5:], *cells])
    check(
        noise,
        "noise floor of minibatch descent",
        "batch | rate / critical | excess loss | theory | data sets that diverge",
        rows,
    )
    rows = [
        [method, k[6:], num(m["measured"]), num(m["theory"])]
        for method in ("plain", "momentum")
        for k, m in sorted(d["rates"][method].items(), key=lambda one: float(one[0][6:]))
    ]
    headings = "method | condition number | factor a step | theory"
    check(rates, "convergence at the best settings", headings, rows)


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
    )


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
    _, layers, equal, shifts, moved, deployed = shown("train_cnn")
    found = [d["layers"][k] for k in sorted(d["layers"])]
    rows = [[m["layer"], m["output"], str(m["parameters"]), str(m["bytes_a_row"])] for m in found]
    total = f"{sum(m['parameters'] for m in found)} parameters."
    check(layers, "layers", "layer | output | parameters | bytes a row", rows, total)
    rows = [
        [name, str(m["n_parameters"]), *both(m["test_accuracy"])]
        for name, m in (("convolutional", d), ("perceptron", d["equal_mlp"]))
    ]
    headings = "network | parameters | test accuracy | 95 % interval"
    check(equal, "a perceptron of equal size", headings, rows)
    of_cnn = next(k for k in d["shifts"] if k != "equal_mlp")
    rows = [
        [str(int(k)), *both(d["shifts"][of_cnn][k]), *both(d["shifts"]["equal_mlp"][k])]
        for k in sorted(d["shifts"][of_cnn])
    ]
    headings = f"pixels | {of_cnn} | 95 % interval | perceptron | 95 % interval"
    said = "At most 1000 test rows are shifted."
    check(shifts, "test accuracy on shifted images", headings, rows, said)
    m = d["moved_by_a_pixel"]
    check(
        moved,
        "what a shift of one pixel changes",
        "layer | relative change | 95 % interval",
        [[m[k]["layer"], *both(m[k]["change"])] for k in sorted(m)],
        "Norm of the change of a layer's output over the norm of the output.",
    )
    m = d["deployed"]
    (row,) = deployed.rows
    size, cells = m["size"], f"{m['map_height']} x {m['map_width']}"
    worst = f"{m['largest_difference']:.1e}"
    assert list(row) == [f"{size} x {size}", cells, str(m["n_images"]), str(m["n_right"]), worst]
    assert deployed.headings[3] == "seen as what they are"


def test_lr_find_shows_rates_trainings_and_differences() -> None:
    d = details("lr_find")
    rates, trainings, differences = shown("lr_find")
    m = d["comparison"]
    keys = ("one_cycle", *(k for k in m if k not in ("one_cycle", "differences")))
    by_rate = {row[1]: list(row) for row in trainings.rows}
    for key in keys:
        one = m[key]
        row = by_rate[num(one["learning_rate"])]
        expected = [*both(one["test_accuracy"]), *both(one["test_loss"]), str(one["n_diverged"])]
        assert row[2:] == expected or len(by_rate) < len(keys)
    assert trainings.title == f"trained for {d['sweep']['compare_epochs']} epochs"
    words = "test accuracy | 95 % interval | test loss | 95 % interval | diverged"
    assert " | ".join(trainings.headings) == f"training | rate | {words}"
    found = {row[1]: list(row) for row in differences.rows}
    for one in m["differences"].values():
        row = found[both(one)[0]]
        better = f"{one['n_better']} of {d['sweep']['n_seeds']}"
        assert row[2:] == [both(one)[1], f"{one['p_holm']:.2g}", better]
    cells = {row[0]: list(row) for row in rates.rows}
    for name in ("eta_crit", "eta_max", "eta_min"):
        (row,) = [row for label, row in cells.items() if label.startswith(name)]
        assert row[1:3] == both(d[name])


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
    matrix, filters, layers, pooling, shifts = shown("filters")
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

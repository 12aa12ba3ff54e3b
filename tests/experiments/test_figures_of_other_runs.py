"""Figures of runs that the pipeline has none of: without a part, or with other variants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from figure_reading import (
    REPORTS,
    across,
    bands,
    bars,
    dots,
    frame,
    label_of,
    legend,
    lines,
    reason,
    same,
    styles,
    texts,
    ticks,
)
from matplotlib.figure import Figure

from mlcli.experiments.bayes import figures as bayes
from mlcli.experiments.bias_variance import figures as bias_variance
from mlcli.experiments.descent import figures as descent
from mlcli.experiments.fit_poly import figures as fit_poly
from mlcli.experiments.kfold import figures as kfold
from mlcli.experiments.logistic import figures as logistic
from mlcli.experiments.lr_find import figures as lr_find
from mlcli.experiments.networks import figures as networks
from mlcli.experiments.perceptron import figures as perceptron
from mlcli.experiments.train_cnn import figures as train_cnn
from mlcli.experiments.train_mlp import figures as train_mlp
from mlcli.experiments.train_mlp import plane_figures
from mlcli.plotting import COLOURS, read_table

Table = dict[str, list[str]]


def table(text: str, *rows: str) -> Table:
    """A table as it is read: its heading and its rows, cells apart by spaces."""
    names = text.split()
    cells = [row.split(" ") for row in rows]
    return {name: [row[i] for row in cells] for i, name in enumerate(names)}


def of(section: str, name: str) -> Table:
    return read_table(REPORTS / section / "tables" / f"{name}.csv")


NO_LAW = "The law of these data is not known, and with it p(x, t) and E[t|x]."
SEVERAL = "Several inputs have no curve along x."
NO_PATH = "No path was asked for (path_penalty: none)."
NO_LAYERS = "The layers were not looked into (n_statistics is 0)."
NOT_SHIFTED = "The test images were not shifted (max_shift is 0)."
EMPTY: list[tuple[Callable[[], Figure], str]] = [
    (lambda: bayes.predictive_band({}, table("x")), SEVERAL),
    (lambda: bayes.posterior_draws({}, table("x"), table("x")), SEVERAL),
    (lambda: bayes.posterior_draws({}, table("x"), table("x", "1")), "No draws were asked for."),
    (lambda: bayes.sequential(table("n_points")), "The model has fewer than two weights."),
    (lambda: bayes.evidence(table("degree", "3")), "One degree has nothing to be compared with."),
    (
        lambda: bayes.evidence({"degree": ["1", "2"], "mean_log_evidence": ["", ""]}),
        "The evidence of no degree has a maximum on every data set.",
    ),
    (
        lambda: bayes.evidence_surface(table("log_evidence")),
        "Only the isotropic prior with one noise precision has this map.",
    ),
    (lambda: bayes.calibration(table("method")), "Calibration needs data of known law."),
    (lambda: bayes.weights(table("n_points"), {}, {}), "The model has fewer than two weights."),
    (lambda: bayes.target_law(table("row"), {}, []), "The model has fewer than two weights."),
    (lambda: fit_poly.data(table("a b t part"), {}), SEVERAL),
    (lambda: fit_poly.penalised_coefficients(table("term")), NO_PATH),
    (
        lambda: fit_poly.coefficients(table("term")),
        "No second estimator was asked for.",
    ),
    (lambda: fit_poly.regularized_fits(table("x t part"), table("x")), NO_PATH),
    (lambda: fit_poly.regularized_fits(table("a b t part"), table("x")), SEVERAL),
    (lambda: fit_poly.path(table("strength"), {}, {}), NO_PATH),
    (lambda: bias_variance.regression_function(table("x"), table("x")), NO_LAW),
    (
        lambda: bias_variance.regression_function(table("x"), table("x", "1")),
        "Without noise, or with next to none, all of p(x, t) lies on the regularity.",
    ),
    (lambda: bias_variance.expected_loss(table("function")), NO_LAW),
    (lambda: bias_variance.variation({}, table("function")), NO_LAW),
    (
        lambda: bias_variance.strength(table("strength")),
        "No penalty was asked for (penalty: none).",
    ),
    (lambda: bias_variance.pointwise(table("x"), {}, {}), SEVERAL),
    (
        lambda: bias_variance.descent(table("n_columns")),
        "Not asked for (no descent), or the generator is not known.",
    ),
    (lambda: kfold.strengths(table("strength", "1")), "No grid of strengths was asked for."),
    (lambda: kfold.intervals(table("kind")), "One split has no interval."),
    (
        lambda: kfold.coverage(table("kind")),
        "Coverage needs data of known law and the squared loss.",
    ),
    (
        lambda: logistic.boundary(table("x"), {}, {}, {}),
        "There are no two features that vary: no plane to draw a boundary in.",
    ),
    (
        lambda: logistic.densities(table("x"), table("x", "1"), {}),
        "No densities: more than 25 classes, or features that are flat within a class.",
    ),
    (
        lambda: logistic.posteriors(table("x"), {}, table("x"), {}),
        "There are no two features that vary: no plane to draw a boundary in.",
    ),
    (lambda: logistic.curves({"recall": ["", ""]}), "No test part has rows of both kinds."),
    (lambda: logistic.threshold({"recall": ["", ""]}), "A threshold is for two classes."),
    (
        lambda: logistic.confusion({"class": [str(k) for k in range(26)]}),
        "More than 25 classes: see confusion.csv.",
    ),
    (
        lambda: perceptron.rate(table("n_bins largest_error", "4 0.1", "8 0")),
        "The staircase is exact: there is no error to draw.",
    ),
    (
        lambda: perceptron.deformation(table("rms_error", "0", "0")),
        "The sigmoids are exact: there is no error to draw.",
    ),
    (
        lambda: perceptron.polynomials(table("n_numbers staircase bernstein chebyshev", "4 0 0 0")),
        "Every family has the function exactly: there is no error to draw.",
    ),
    (
        lambda: descent.noise({"measured": ["", ""]}),
        "No batch settles at any of these learning rates.",
    ),
    (
        lambda: descent.flow(table("loss n_steps distance ci_low ci_high", "square 2 0 0 0")),
        "Descent and the flow are too near each other to be told apart.",
    ),
    (
        lambda: networks.curves({"minibatch_loss": [""], "validation_loss": [""]}, classes=False),
        "No epoch ended with finite losses.",
    ),
    (lambda: networks.confusion(table("class"), "a"), "A regression has no classes to confuse."),
    (
        lambda: networks.calibration(table("variant"), "a"),
        "A regression has no confidence to check.",
    ),
    (
        lambda: networks.misclassified({}, classes=False),
        "A regression has no classes to be called wrong.",
    ),
    (
        lambda: networks.misclassified(table("row"), classes=True),
        "No test row of the first seed was called wrong.",
    ),
    (
        lambda: networks.misclassified({"row": ["1"], "pixels": [""]}, classes=True),
        "The rows are not images; misclassified.csv lists them.",
    ),
    (lambda: train_mlp.layers(table("variant"), "a"), NO_LAYERS),
    (lambda: train_mlp.start(table("variant")), NO_LAYERS),
    (
        lambda: train_mlp.architecture([]),
        "No weights were kept, and so no shape of a network.",
    ),
    (lambda: train_cnn.shifts(table("network"), classes=True), NOT_SHIFTED),
    (lambda: train_cnn.invariance(table("layer")), NOT_SHIFTED),
    (
        lambda: train_cnn.filters(table("filter channel")),
        "The first layer has no filters of its own to draw.",
    ),
    (
        lambda: train_cnn.feature_maps(table("stage layer values", "0 image 1")),
        "No layer of the network puts out images.",
    ),
    (
        lambda: train_cnn.class_map({}, table("label")),
        "No larger picture was asked for (deploy_size is not set).",
    ),
    (
        lambda: train_cnn.receptive_fields(table("number"), table("number pixels", "0 1")),
        "No layer of the network looks at more than a pixel.",
    ),
    (lambda: lr_find.schedule(table("variant")), "No variant has an eta_max."),
    (
        lambda: lr_find.compare(table("variant"), ()),
        "Nothing was trained (compare_epochs is 0).",
    ),
    (
        lambda: networks.predictions(table("row")),
        "The first seed diverged and predicts nothing.",
    ),
    (
        lambda: plane_figures.plane({"plane_grid": table("epoch")}, {}),
        plane_figures.NO_STUDY,
    ),
]


@pytest.mark.parametrize(("draw", "said"), EMPTY, ids=[said for _, said in EMPTY])
def test_a_figure_without_rows_says_why(draw: Callable[[], Figure], said: str) -> None:
    assert reason(draw()) == said


def test_fit_poly_with_several_inputs_shows_the_error_against_the_degree() -> None:
    errors = table(
        "estimator degree train_mse train_ci_low train_ci_high test_mse test_ci_low test_ci_high",
        "arnoldi 1 5 4 6.5 7 6 9",
        "arnoldi 3 2 1 3.5 4 3 6",
        "lapack 1 9 8 9 9 8 9",
    )
    (axes,) = fit_poly.fits({}, table("x"), errors).axes
    same(
        lines(axes),
        [("train, mean over seeds", [1, 3], [5, 2]), ("test, mean over seeds", [1, 3], [7, 4])],
    )
    ends = [([1, 3], [5, 2], [4, 1], [6.5, 3.5]), ([1, 3], [7, 4], [6, 3], [9, 6])]
    same([one[1:] for one in bars(axes)], ends)
    title = "Error against degree, with the interval of the mean (95 %)"
    assert frame(axes)[:3] == (title, "degree", "mean squared error")
    assert [place for place, _ in ticks(axes.xaxis)] == [1, 3]


def test_fit_poly_names_no_estimator_where_there_is_one() -> None:
    rows = table("x t part", "0 1 train", "1 3 train", "0.5 2 test")
    along = table(
        "estimator degree x fit low high truth", "a 1 0 1 0.5 2 ", "a 1 1 3 2 4 ", "a 2 0 1 0 2 "
    )
    figure = fit_poly.fits(rows, along, {})
    assert [axes.get_title() for axes in figure.axes] == ["degree 1", "degree 2"]
    # Without a known regularity the line is not drawn.
    same(lines(figure.axes[0]), [("fit of the first seed", [0, 1], [1, 3])])
    assert "underlying regularity" not in legend(figure)


def test_bayes_without_cross_validation_shows_the_evidence_alone() -> None:
    found = of("bayes", "evidence")
    for name in found:
        if "cv_mse" in name:
            found[name] = [""] * len(found[name])
    top, bottom = bayes.evidence(found).axes
    assert not bottom.axison
    assert top.get_xlabel() == "degree"
    assert len(lines(top)) == 3


def test_bayes_names_two_of_several_weights() -> None:
    found = of("bayes", "sequential")
    n = len(found["n_points"])
    found |= {"name_0": [r"a\$b"] * n, "name_1": ["x" * 50] * n, "n_weights": ["4"] * n}
    figure = bayes.sequential(found)
    shown = [axes for axes in figure.axes if axes.axison]
    assert figure.get_suptitle() == "Two of 4 weights, whatever the others are"
    assert shown[-1].get_xlabel() == r"a\$b"
    assert shown[0].get_ylabel() == "x" * 33 + "…"


def test_weights_of_one_row_are_drawn_in_one_column() -> None:
    found, lines_ = of("bayes", "two_weights"), of("bayes", "lines")
    one = {name: column[:1] for name, column in found.items()}
    figure = bayes.weights(one, lines_, of("bayes", "data"))
    assert [axes.get_title() for axes in figure.axes] == ["1 row", ""]


def test_a_function_that_is_far_worse_is_left_to_the_table() -> None:
    found = of("bias_variance", "expected_loss")
    last = found["function"][-1]
    for name in found:
        if name != "function":
            found[name][-1] = "1e9"
    shown = [
        text.get_text() for text in bias_variance.expected_loss(found).axes[0].get_yticklabels()
    ]
    assert len(shown) == len(found["function"]) - 1
    assert last == "fit_degree_12"
    assert "a fit, degree 12" not in shown


def test_bias_variance_of_unknown_noise_shows_bias_and_noise_together() -> None:
    found = of("bias_variance", "decomposition")
    for name in list(found):
        if name.startswith("noise"):
            found[name] = [""] * len(found[name])
    _, every = bias_variance.decomposition(found).axes
    labels = [one[0] for one in lines(every)]
    assert labels[:3] == ["bias squared and noise", "variance", "their sum"]
    assert "noise" not in labels


def test_logistic_shows_the_lines_of_the_first_seed_where_classes_have_no_scores() -> None:
    grid = [(x, y) for y in range(5) for x in range(5)]
    called = ["a" if x < 2 else "b" if y < 3 else "c" for x, y in grid]
    plane = {
        "x": [str(x) for x, _ in grid],
        "y": [str(y) for _, y in grid],
        "class": called,
        "probability": ["0.9"] * len(grid),
    }
    points = table("x_name y_name x y class", "u v 0 1 a", "u v 3 1 b", "u v 3 4 c")
    counts = {"class": [k for k in "abc" for _ in "abc"]}
    borders = table("seed line x y", "0 0 1.5 0", "0 0 1.5 4", "0 1 2 2.5", "0 1 4 2.5", "1 0 9 9")
    (axes,) = logistic.boundary(plane, borders, points, counts).axes
    nothing = float("nan")
    first = ("", [1.5, 1.5, nothing, 2, 4], [0, 4, nothing, 2.5, 2.5])
    expected = [first, ("class a", [0], [1]), ("class b", [3], [1]), ("class c", [3], [4])]
    same(lines(axes), expected)
    assert [style[2] for style in styles(axes)] == ["None", "o", "^", "s"]
    assert frame(axes)[1:3] == ("u", "v")
    (filled,) = (one for one in axes.collections if hasattr(one, "levels"))
    assert [*filled.levels] == [-0.5, 0.5, 1.5, 2.5]


def test_logistic_names_many_classes_of_long_names_in_a_legend() -> None:
    names = [f"species {k}" for k in range(6)]
    grid = [(x, y) for y in range(3) for x in range(7)]
    rows = [
        ["normal", name, str(x), str(y), str(-((x - k) ** 2) - y), str(-((x - k) ** 2)), "1", "1"]
        for k, name in enumerate(names)
        for x, y in grid
    ]
    columns = ("law", "class", "x", "y", "log_density", "score", "posterior", "fitted")
    found = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
    points = {
        "x_name": ["u"] * 6,
        "y_name": ["v"] * 6,
        "x": [*"012345"],
        "y": [*"000111"],
        "class": names,
    }
    counts = {"class": [k for k in names for _ in names]}
    borders = table("seed line x y", "0 0 0 1")
    for figure in (
        logistic.densities(found, points, counts),
        logistic.posteriors(found, borders, points, counts),
    ):
        assert not [text for axes in figure.axes for text in axes.texts]
        assert legend(figure) == [f"class {name}" for name in names]


def test_logistic_shows_borders_of_three_classes_as_lines_where_two_scores_are_equal() -> None:
    """a = x against b = 3.3 - x and c = 2 y - 4: no border has a step of the grid."""
    grid = [(x, y) for y in range(5) for x in range(5)]
    scores = np.array([[x, 3.3 - x, 2 * y - 4.0] for x, y in grid])
    plane = {
        "x": [str(x) for x, _ in grid],
        "y": [str(y) for _, y in grid],
        "class": ["abc"[k] for k in scores.argmax(axis=1)],
        "probability": ["0.9"] * len(grid),
        **{f"score_{k}": [str(one) for one in scores[:, k]] for k in range(3)},
    }
    points = table("x_name y_name x y class", "u v 0 1 a", "u v 3 1 b", "u v 3 4 c")
    counts = {"class": [k for k in "abc" for _ in "abc"]}
    (axes,) = logistic.boundary(plane, {}, points, counts).axes
    every = [one for one in axes.collections if hasattr(one, "levels")]
    assert len(every) == 5
    for border in every[3:]:
        for x, y in (point for path in border.get_paths() for point in path.vertices):
            first, second = sorted([x, 3.3 - x, 2 * y - 4])[:0:-1]
            # Two scores are the largest, but for the cells in which three areas meet.
            assert first == pytest.approx(second, abs=1e-9) or max(abs(x - 1.65), y - 2.8) < 1
    assert [text.get_text() for text in axes.texts] == ["a", "b", "c"]


def test_logistic_writes_long_names_of_classes_aslant_and_shortened() -> None:
    names = ["short", "a name that is much longer than others", "b" * 30]
    counts = {
        "class": [k for k in names for _ in names],
        "called": names * 3,
        "rows": [str(k) for k in range(9)],
    }
    (axes,) = logistic.confusion(counts).axes
    expected = ["short", "a name that is much lon…", "b" * 23 + "…"]
    assert (
        [one for _, one in ticks(axes.xaxis)] == [one for _, one in ticks(axes.yaxis)] == expected
    )
    assert {text.get_rotation() for text in axes.get_xticklabels()} == {40}
    (axes,) = logistic.confusion(counts | {"class": [*"aaabbbccc"], "called": [*"abcabcabc"]}).axes
    assert {text.get_rotation() for text in axes.get_xticklabels()} == {0}


def test_logistic_shows_scores_of_three_classes_where_odds_have_no_name() -> None:
    grid = [(x, y) for y in range(4) for x in range(4)]
    rows = [
        f"normal {k} {x} {y} {-((x - i) ** 2) - y} {a} 0.5 0.5"
        for i, (k, a) in enumerate((("a", 1), ("b", 2), ("c", 0)))
        for x, y in grid
    ]
    found = table("law class x y log_density score posterior fitted", *rows)
    points = table("x_name y_name x y class", "u v 0 1 a", "u v 3 1 b", "u v 3 3 c")
    counts = {"class": [k for k in "abc" for _ in "abc"]}
    left, right = logistic.densities(found, points, counts).axes
    assert frame(left)[0] == "p(x|C_k), as normal classes"
    assert frame(right)[0] == "the largest a_k = ln p(x|C_k) p(C_k)"
    # b has the largest score everywhere, and so the only name.
    assert [text.get_text() for text in right.texts] == ["b"]
    assert [text.get_text() for text in left.texts] == ["a", "b", "c"]
    borders = table("seed line x y", "0 0 0 1", "0 0 1 1", "0 1 2 2", "0 1 2 3", "1 0 0 0")
    left, right = logistic.posteriors(found, borders, points, counts).axes
    nothing = float("nan")
    expected = [("fits of 2 seeds", [0, 1, nothing, 2, 2], [1, 1, nothing, 2, 3]), ("", [0], [0])]
    same(lines(right), expected)
    assert legend(right) == ["fits of 2 seeds", "of normal classes"]
    assert frame(left)[0] == "Of normal classes, from the densities"


def test_nothing_is_drawn_where_no_training_or_study_was_made() -> None:
    nothing = lr_find.NOTHING_TRAINED
    assert reason(lr_find.schedule_scores(table("variant"), {})) == nothing
    units = {"plane_units": table("epoch"), "plane_final": table("x1")}
    assert reason(plane_figures.units(units, {})) == plane_figures.NO_STUDY
    assert reason(plane_figures.learning(table("epoch"), {})) == plane_figures.NO_STUDY


def test_networks_of_a_regression_show_predictions_beside_targets() -> None:
    found = table("row target predicted", "1 2 2.5", "4 -1 -3", "6 7 6")
    (axes,) = networks.predictions(found).axes
    expected = [("", [-3, 7], [-3, 7]), ("", [2, -1, 7], [2.5, -3, 6])]
    same(lines(axes), expected)
    assert frame(axes)[:3] == ("Test rows of the first seed", "target", "predicted")


def test_a_variant_that_diverged_has_its_finite_seeds_and_no_mean() -> None:
    members = table("variant test_accuracy", "a 0.5", "a 0.75", "b 0.25", "b ")
    (axes,) = networks.scores(members, {"data": {"n_test": 40}}, "test_accuracy", "score").axes
    assert [list(one[1]) for one in lines(axes)] == [[0.5, 0.75], [0.25]]
    assert [list(one[1]) for one in bars(axes)] == [[0.625]]
    same(texts(axes), [("diverged", 0.5, 1)])
    assert ticks(axes.yaxis) == [(0, "a"), (1, "b")]
    single = table("variant test_accuracy", "all 0.5")
    (axes,) = networks.scores(single, {"data": {"n_test": 40}}, "test_accuracy", "score").axes
    ((_, mean, place, low, _),) = bars(axes)
    assert (mean, place) == ([0.5], [0])
    assert np.isnan(low).all()


def test_schedules_that_differ_have_a_line_each() -> None:
    rows = ["a 0 1", "a 1 2", "b 0 1", "b 1 2", "c 0 0.01", "c 1 0.02"]
    (axes,) = networks.schedule(table("variant epoch learning_rate", *rows)).axes
    same(lines(axes), [("a", [0, 1], [1, 2]), ("c", [0, 1], [0.01, 0.02])])
    assert axes.get_yscale() == "log"
    assert legend(axes) == ["a", "c"]
    (axes,) = networks.schedule(table("variant epoch learning_rate", *rows[:4])).axes
    same(lines(axes), [("all", [0, 1], [1, 2])])


def test_a_band_of_a_positive_mean_ends_above_0() -> None:
    rows = table(
        "variant epoch minibatch_loss minibatch_loss_ci_low minibatch_loss_ci_high validation_loss",
        "a 1 2 -1 4 ",
        "a 2 1 0.5 2 ",
    )
    (axes,) = networks.curves(rows, classes=False).axes
    same(lines(axes), [("a", [1, 2], [2, 1])])
    same(bands(axes), [([1, 2], [1, 0.5], [4, 2])])
    assert frame(axes) == ("training, minibatches", "epoch", "loss", "linear", "linear")


def test_many_variants_are_told_apart_by_colour_and_dashes() -> None:
    looks = [tuple(networks.line_style(k).values()) for k in range(24)]
    assert len(set(looks)) == 24
    assert networks.line_style(7) == {"color": COLOURS[1], "linestyle": "--"}


def test_lr_find_shows_a_pair_of_panels_for_each_variant() -> None:
    sweep, rates = of("lr_find", "sweep"), of("lr_find", "suggestions")
    twice = [
        {k: v + v if k != "variant" else ["adam"] * len(v) + ["sgd"] * len(v) for k, v in t.items()}
        for t in (sweep, rates)
    ]
    # sgd finds nothing.
    n = len(rates["seed"])
    for name, *_ in lr_find.RATES:
        twice[1][name] = [*rates[name], *[""] * n]
    figure = lr_find.range_test(*twice)
    first, below, second, empty = figure.axes
    assert (first.get_title(), second.get_title()) == ("adam", "sgd")
    same(lines(first), lines(second))
    assert len(bars(below)) == 6
    assert across(second) == across(empty) == bars(empty) == []
    same(texts(empty), [("none", 1.01, k) for k in range(6)])
    assert legend(figure) == ["one seed", "level (does not lag)", "moving average (lags)"]
    left, right = lr_find.suggestions(twice[1]).axes
    assert (left.get_title(), right.get_title()) == ("adam", "sgd")
    same(texts(right), [("none", 0.5, k) for k in range(6)])


def test_lr_find_shows_a_loss_of_one_decade_on_a_linear_axis() -> None:
    sweep, rates = of("lr_find", "sweep"), of("lr_find", "suggestions")
    n = len(sweep["step"])
    for name in sweep:
        if name.startswith(("level", "smoothed", "loss")) or name == "first_seed":
            sweep[name] = [str(2 + np.cos(k / n)) for k in range(n)]
    upper, _ = lr_find.range_test(sweep, rates).axes
    assert upper.get_yscale() == "linear"
    assert upper.get_ylim() == pytest.approx((0, 1.6 * 3))


def test_panels_above_an_empty_one_carry_the_numbers_of_their_axis() -> None:
    found = of("bayes", "sequential")
    five = {name: column[:5] for name, column in found.items()}
    axes = bayes.sequential(five).axes
    assert [one.axison for one in axes] == [True] * 5 + [False] * 3
    shown = [one.xaxis.get_tick_params()["labelbottom"] for one in axes[:5]]
    assert shown == [False, True, True, True, True]


def test_a_path_that_is_exact_leaves_no_gap() -> None:
    rows = table(
        "loss n_steps distance ci_low ci_high", "square 20 0.4 0.001 0.6", "square 40 0.2 0.1 0.3"
    )
    (axes,) = descent.flow(rows).axes
    same(lines(axes), [("square loss", [20, 40], [0.4, 0.2]), ("slope -1", [20, 40], [0.4, 0.2])])
    same(bands(axes), [([20, 40], [0.04, 0.1], [0.6, 0.3])])


def test_points_of_a_file_are_named_by_its_columns(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("area,price,part\n1,2,train\n3,5,test\n")
    (axes,) = fit_poly.data(read_table(tmp_path / "data.csv"), table("x truth low high")).axes
    same(dots(axes), [("train rows", [1], [2]), ("test rows", [3], [5])])
    assert frame(axes)[1:3] == ("area", "price")
    assert axes.get_ylim() == pytest.approx((2 - 0.24, 5 + 0.24))
    assert [label_of(one) for one in axes.collections] == ["train rows", "test rows"]

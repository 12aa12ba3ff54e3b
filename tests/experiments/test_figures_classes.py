"""The figures of `logistic`, `perceptron` and `descent` show their tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_reading import (
    across,
    band_of,
    bands,
    bars,
    committed,
    dots,
    frame,
    groups,
    legend,
    lines,
    reason,
    same,
    styles,
    texts,
    ticks,
)
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from scipy.interpolate import RegularGridInterpolator

from mlcli.experiments.descent import figures as descent
from mlcli.experiments.perceptron import figures as perceptron
from mlcli.plotting import COLOURS


def test_logistic_shows_probability_rows_and_the_boundary_between_the_classes() -> None:
    run = committed("logistic")
    axes, bar = run.axes("boundary")
    table, points = run.table("boundary"), run.table("points")
    rows = dict(groups(points, "class"))
    same(lines(axes), [(f"class {k}", rows[k].x, rows[k].y) for k in sorted(rows)])
    assert frame(axes)[:3] == ("Decision boundary in the plane of two features", "x1", "x2")
    assert bar.get_ylabel() == "probability of class 1"
    filled, border = (one for one in axes.collections if hasattr(one, "levels"))
    assert [*filled.levels] == pytest.approx(np.linspace(0, 1, 11))
    # The border is where the log odds are between those of the two classes.
    (level,) = border.levels
    called = dict(groups(table, "class"))
    assert called[0].score_1.max() < level < called[1].score_1.min()
    odds = table.pivot(index="y", columns="x", values="score_1")
    for x, y in border.get_paths()[0].vertices:
        i, j = np.searchsorted(odds.index, y), np.searchsorted(odds.columns, x)
        corners = odds.iloc[max(i - 1, 0) : i + 1, max(j - 1, 0) : j + 1].to_numpy()
        assert corners.min() - 1e-9 <= level <= corners.max() + 1e-9
    at = table.pivot(index="y", columns="x", values="probability")
    np.testing.assert_allclose(at, 1 / (1 + np.exp(-odds)), atol=1e-4)
    # The first band of colour is where the probability is lowest.
    lowest = filled.get_paths()[0].vertices
    i, j = np.unravel_index(at.to_numpy().argmin(), at.shape)
    x, y = at.columns[j], at.index[i]
    assert lowest[:, 0].min() <= x <= lowest[:, 0].max()
    assert lowest[:, 1].min() <= y <= lowest[:, 1].max()


def contours(axes: Axes) -> list[Any]:
    """The contour lines and filled contours of axes, in the order of drawing."""
    return [one for one in axes.collections if hasattr(one, "levels")]


def on_the_grid(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table.pivot(index="y", columns="x", values=name)


def heights_at(grid: pd.DataFrame, points: np.ndarray) -> np.ndarray:
    """The height at each point, bilinear between the four corners around it."""
    places = grid.index.to_numpy(), grid.columns.to_numpy()
    interpolate = RegularGridInterpolator(places, grid.to_numpy())
    inside = [one.clip(at[0], at[-1]) for one, at in zip(points.T[::-1], places, strict=True)]
    np.testing.assert_allclose(np.array(inside[::-1]).T, points, atol=1e-9)
    return np.asarray(interpolate(np.array(inside).T))


def test_logistic_shows_class_densities_and_log_odds() -> None:
    run = committed("logistic")
    left, right = run.axes("densities")
    table, points = run.table("densities"), run.table("points")
    assert set(table.law) == {"known"}
    rows = dict(groups(points, "class"))
    same(lines(left), [(f"class {k}", rows[k].x, rows[k].y) for k in sorted(rows)])
    of = dict(groups(table, "class"))
    drawn = contours(left)
    assert len(drawn) == 4
    for k, (filled, edges) in zip(
        sorted(of), zip(drawn[::2], drawn[1::2], strict=True), strict=True
    ):
        density = np.exp(of[k].log_density)
        levels = [s * density.max() for s in (0.1, 0.3, 0.5, 0.7, 0.9)]
        assert [*edges.levels] == pytest.approx([one for one in levels if one > density.min()])
        assert [*filled.levels[:-1]] == pytest.approx([*edges.levels])
        grid = on_the_grid(of[k].assign(density=density), "density")
        for level, path in zip(edges.levels, edges.get_paths(), strict=True):
            assert heights_at(grid, path.vertices) == pytest.approx(level, rel=0.02)
        assert to_hex(edges.get_edgecolor()[0]) == COLOURS[k].lower()
        # The name is in the corner where the density is largest.
        (name,) = [one for one in left.texts if one.get_text() == str(k)]
        top = of[k].loc[density.idxmax()]
        for at, value, low in zip(
            name.get_position(), (top.x, top.y), (table.x.min(), table.y.min()), strict=True
        ):
            assert (at < 0.5) == (value < low + 2)
    odds = on_the_grid(of[1].assign(a=of[1].score.to_numpy() - of[0].score.to_numpy()), "a")
    (shown,) = contours(right)
    assert [*shown.levels] == [-6, -4, -2, 0, 2, 4, 6]
    for level, path in zip(shown.levels, shown.get_paths(), strict=True):
        assert heights_at(odds, path.vertices) == pytest.approx(level, abs=0.01)
    assert {text.get_text() for text in right.texts} == {f"{v:g}" for v in shown.levels}
    widths = dict(zip(shown.levels, shown.get_linewidths(), strict=True))
    assert all((widths[level] > 1.5) == (level == 0) for level in shown.levels)
    assert frame(left)[:3] == ("p(x|C_k), as the rows are drawn", "x1", "x2")
    assert frame(right)[:2] == ("ln odds a(x) of 1 against 0", "x1")


def test_logistic_shows_the_posterior_and_the_boundaries_of_all_seeds() -> None:
    run = committed("logistic")
    left, right, bar = run.axes("posterior")
    table, borders = run.table("densities"), run.table("borders")
    of = dict(groups(table, "class"))
    assert bar.get_ylabel() == "probability of class 1"
    for axes, name in ((left, "posterior"), (right, "fitted")):
        filled, exact = contours(axes)
        grid = on_the_grid(of[1], name)
        low = filled.get_paths()[0].vertices
        i, j = np.unravel_index(grid.to_numpy().argmin(), grid.shape)
        assert low[:, 0].min() <= grid.columns[j] <= low[:, 0].max()
        assert low[:, 1].min() <= grid.index[i] <= low[:, 1].max()
        # Half of the probability of the law on both sides of the thick line.
        half = heights_at(on_the_grid(of[1], "posterior"), exact.get_paths()[0].vertices)
        assert half == pytest.approx(0.5, abs=0.005)
    assert lines(left) == []
    seeds = groups(borders, "seed")
    assert len(seeds) == run.details["n_seeds"]
    found = lines(right)
    assert [one[0] for one in found] == ["fits of 16 seeds", *[""] * 15]
    for (_, rows), (_, x, y) in zip(seeds, found, strict=True):
        there = np.isfinite(x)
        np.testing.assert_allclose(np.column_stack([x, y])[there], rows[["x", "y"]])
    first = seeds[0][1][["x", "y"]].to_numpy()
    assert heights_at(on_the_grid(of[1], "fitted"), first) == pytest.approx(0.5, abs=0.005)
    assert legend(right) == ["fits of 16 seeds", "exact"]
    titles = [axes.get_title() for axes in (left, right)]
    assert titles == ["Exact, from the densities", "Fit of the first seed"]


def test_logistic_shows_information_and_the_line_of_normal_noise() -> None:
    run = committed("logistic")
    left, right = run.axes("information")
    rows, line = run.table("information"), run.table("normal_model")
    curve, drawn = lines(left)
    assert curve[0] == "information, -ln p"
    np.testing.assert_allclose(curve[2], -np.log(curve[1]))
    same([drawn], [("test rows", rows.probability, rows.information)])
    np.testing.assert_allclose(rows.information, -np.log(rows.probability), atol=1e-9)
    mean = rows.information.mean()
    assert across(left) == [("y", pytest.approx(mean))]
    assert [text.get_text() for text in left.texts] == [f"{mean:.4g} nats"]
    beta = 1.95**-2
    law = beta / 2 * line.mse + np.log(2 * np.pi / beta) / 2
    np.testing.assert_allclose(line.line, law, rtol=1e-9)
    np.testing.assert_allclose(line.cross_entropy, law, rtol=1e-9)
    theory, points = lines(right)
    ordered = line.sort_values("mse")
    same([theory], [("theory (C.11)", ordered.mse, ordered.line)])
    same([points], [("polynomials, by their degree", line.mse, line.cross_entropy)])
    named = sorted(int(k) for text in right.texts for k in text.get_text().split(", "))
    assert named == [*range(10)]
    for text in right.texts:
        (x, _), first = text.xy, int(text.get_text().split(", ")[0])
        assert x == pytest.approx(line.mse[first])
    labels = ("mean squared error of the test rows", "-ln likelihood of a test row, nats")
    assert frame(right)[1:3] == labels


def test_logistic_shows_roc_and_precision() -> None:
    run = committed("logistic")
    roc, precision = run.axes("curves")
    table = run.table("curves")
    same(lines(roc), [("model", table.place, table.recall), ("guessing", [0, 1], [0, 1])])
    same(lines(precision), [("model", table.place, table.precision)])
    same(bands(roc), [band_of(table, "place", "recall")])
    same(bands(precision), [band_of(table, "place", "precision")])
    words = ("ROC", "false-positive rate", "recall (true-positive rate)", "linear", "linear")
    assert frame(roc) == words
    assert frame(precision)[:3] == ("Precision and recall", "recall", "precision")
    for axes in (roc, precision):
        assert (axes.get_xlim(), axes.get_ylim()) == ((-0.02, 1.02), (-0.02, 1.04))


def test_logistic_shows_what_the_threshold_decides() -> None:
    run = committed("logistic")
    (axes,) = run.axes("threshold")
    table = run.table("thresholds")
    names = ("precision", "recall", "accuracy")
    same(lines(axes), [(name, table.threshold, table[name]) for name in names])
    same(bands(axes), [band_of(table, "threshold", name) for name in names])
    assert frame(axes)[:3] == ("What the threshold decides", "threshold p_0", "share")
    assert (axes.get_ylim(), legend(axes)) == ((0, 1.02), [*names])


def test_logistic_shows_shares_that_came_true_against_predictions() -> None:
    run = committed("logistic")
    (axes,) = run.axes("calibration")
    table = run.table("calibration")
    same(lines(axes), [("as promised", [0, 1], [0, 1])])
    table = table.assign(
        ci_low=table.ci_low.fillna(table.observed), ci_high=table.ci_high.fillna(table.observed)
    )
    drawn = ("observed", table.predicted, table.observed, table.ci_low, table.ci_high)
    same(bars(axes), [drawn])
    words = ("Calibration on test rows", "predicted probability, mean of the bin")
    assert frame(axes)[:3] == (*words, "share that came true")
    assert (axes.get_xlim(), axes.get_ylim()) == ((-0.02, 1.02), (-0.05, 1.05))


def test_logistic_shows_shares_of_each_class() -> None:
    run = committed("logistic")
    (axes,) = run.axes("confusion")
    table = run.table("confusion").pivot(index="class", columns="called", values="rows")
    share = table.div(table.sum(axis=1), axis=0).to_numpy()
    (image,) = axes.images
    np.testing.assert_allclose(image.get_array(), share)
    assert image.get_clim() == (0, 1)
    expected = [(f"{100 * value:.1f}", j, i) for (i, j), value in np.ndenumerate(share)]
    same(texts(axes), expected)
    assert [text.get_color() for text in axes.texts] == [
        "white" if value > 0.6 else "black" for value in share.ravel()
    ]
    named = [(k, str(name)) for k, name in enumerate(table.index)]
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == named
    assert frame(axes)[:3] == ("Test rows of a class, %", "called", "class")


def test_logistic_shows_recovery_from_a_confident_start() -> None:
    run = committed("logistic")
    left, right = run.axes("saturation")
    table, errors = run.table("saturation"), run.table("saturation_errors")
    step = errors.step.clip(lower=0.5)
    drawn, steps = [], []
    for loss, rows in groups(table, "loss"):
        name = loss.replace("-", "_")
        drawn.append((loss, step, errors[name], errors[f"{name}_low"], errors[f"{name}_high"]))
        # Where a share of the seeds did not recover, the band ends at the last step.
        high = rows.high.fillna(step.iloc[-1]).where(rows.median_steps.notna())
        steps.append((loss, rows.activation, rows.median_steps, rows.low, high))
    same(lines(left), [one[:3] for one in drawn])
    same(bands(left), [(one[1], *one[3:]) for one in drawn])
    same(lines(right), [one[:3] for one in steps])
    finite = [np.isfinite(one[4].to_numpy()) & np.isfinite(one[3].to_numpy()) for one in steps]
    same(
        bands(right),
        [
            tuple(v[kept] for v in (one[1], *one[3:]))
            for one, kept in zip(steps, finite, strict=True)
        ],
    )
    start = f"From a start with mean |a| = {table.activation.iloc[-1]:g}"
    wrong = "share of training rows on the wrong side"
    assert frame(left) == (start, "step of descent", wrong, "log", "linear")
    words = ("Recovery from confidence", "mean |a| at the start")
    assert frame(right) == (*words, "steps until 90 % of the error is gone", "linear", "log")
    assert left.get_ylim() == (0, 1.02)
    assert legend(left) == legend(right) == ["cross-entropy", "square"]


def test_logistic_shows_weights_that_grow_without_a_penalty() -> None:
    run = committed("logistic")
    left, right = run.axes("separable")
    table = run.table("separable")
    step = table.step.clip(lower=0.5)
    kinds = {"no_penalty": "no penalty", "l2": "l2"}
    for axes, name in ((left, "norm"), (right, "loss")):
        same(lines(axes), [(label, step, table[f"{name}_{key}"]) for key, label in kinds.items()])
        ends = [band_of(table, "step", f"{name}_{key}") for key in kinds]
        same(bands(axes), [(step, low, high) for _, low, high in ends])
        assert legend(axes) == [*kinds.values()]
    assert frame(left) == ("Weights", "step of descent", "|w|", "log", "linear")
    words = ("Loss without the penalty", "step of descent", "training cross-entropy, nats")
    assert frame(right) == (*words, "log", "log")


INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
GATES = {"NAND": [1, 1, 1, 0], "XOR": [0, 1, 1, 0]}


def side_of(line: tuple[str, np.ndarray, np.ndarray], points: np.ndarray) -> np.ndarray:
    """On which side of a drawn line points are: +1 for those above or to the right of it."""
    _, x, y = line
    normal = np.array([y[0] - y[1], x[1] - x[0]])
    return np.sign((points - [x[0], y[0]]) @ normal * np.sign(normal @ [1, 1]))


def test_perceptron_draws_lines_that_separate_the_outputs_of_the_gates() -> None:
    run = committed("perceptron")
    nand, xor = run.axes("gates")
    table = run.table("gates").set_index("unit")
    # Each end of a drawn line is where the unit of the table changes its output.
    for axes, units in (
        (nand, {"NAND": "the unit"}),
        (
            xor,
            {
                "XOR, hidden 0": "output, hidden unit 0",
                "XOR, hidden 1": "output, hidden unit 1",
                "XOR hidden": "hidden unit",
            },
        ),
    ):
        assert [one[0] for one in lines(axes)] == [*units.values()]
        for unit, (_, x, y) in zip(units, lines(axes), strict=True):
            row = table.loc[unit]
            assert row.w_1 * x + row.w_2 * y + row.b == pytest.approx(np.zeros(2), abs=1e-12)
            assert max(x[1] - x[0], y[1] - y[0]) == pytest.approx(2.2)
    # What is drawn computes the gates: the line of NAND cuts off (1, 1), and XOR's hidden unit,
    # which fires beyond its own line, decides which of two lines counts.
    (line,) = lines(nand)
    assert [*(side_of(line, INPUTS) < 0)] == [bool(out) for out in GATES["NAND"]]
    without, with_hidden, hidden = lines(xor)
    fires = side_of(hidden, INPUTS) > 0
    above = np.where(fires, side_of(with_hidden, INPUTS), side_of(without, INPUTS)) > 0
    assert [*above] == [bool(out) for out in GATES["XOR"]]
    for axes, (gate, outputs) in zip((nand, xor), GATES.items(), strict=True):
        fires = np.array(outputs) == 1
        drawn = [(f"input with output {k}", *INPUTS[fires == k].T) for k in (0, 1)]
        same(dots(axes), drawn)
        colours = [one.get_facecolor()[0, :3].tolist() for one in axes.collections[-2:]]
        assert colours == [[1, 1, 1], [0, 0, 0]]
        assert frame(axes) == (gate, "x_1", "x_2", "linear", "linear")
        assert axes.get_xlim() == axes.get_ylim() == (-0.6, 1.6)
        inside = [
            any(patch.get_path().contains_point(point) for patch in axes.patches)
            for point in INPUTS
        ]
        assert inside == fires.tolist()
    names = ["output, hidden unit 0", "output, hidden unit 1", "hidden unit"]
    points = ["input with output 0", "input with output 1", "output 1"]
    assert legend(run.figures["gates"]) == [*names, *points]


UNITS = [("NAND", -1, -1, 1.5), ("XOR hidden", 1, 1, -1.5)]
XOR_LINES = [("XOR, hidden 0", 1, 1, -0.5), ("XOR, hidden 1", 1, 1, -2.5)]
ASKED = [
    ("1001 hidden", 1, 1, -1.5),
    ("1001, hidden 0", -1, -1, 0.5),
    ("1001, hidden 1", -1, -1, 2.5),
]


def table_of_units(*rows: tuple[str, float, float, float]) -> dict[str, list[str]]:
    names = ("unit", "w_1", "w_2", "b")
    return {name: [str(row[k]) for row in rows] for k, name in enumerate(names)}


def test_a_table_that_is_asked_for_has_a_panel_of_its_own() -> None:
    table = table_of_units(*UNITS, *XOR_LINES, *ASKED)
    *_, asked = perceptron.gates(table).axes
    assert asked.get_title() == "1001"
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.6, 1.6, (500, 2))
    sums = points.sum(axis=1)
    expected = np.where(sums > 1.5, sums < 2.5, sums < 0.5)
    inside = [
        any(patch.get_path().contains_point(point) for patch in asked.patches) for point in points
    ]
    assert inside == expected.tolist()
    # A table of which nothing or everything is 1 has no line that cuts the square.
    never = table_of_units(("0000", 0, 0, -0.5))
    (axes,) = perceptron.gates(never).axes
    assert (lines(axes), [len(patch.get_path()) for patch in axes.patches]) == ([], [0])
    always = table_of_units(("1111", 0, 0, 0.5))
    (axes,) = perceptron.gates(always).axes
    assert axes.patches[0].get_path().contains_point((1.5, -0.5))


def test_perceptron_draws_each_network_with_its_weights_and_biases() -> None:
    run = committed("perceptron")
    nand, xor = run.axes("networks")
    assert [axes.get_title() for axes in (nand, xor)] == ["NAND, table 1110", "XOR, table 0110"]
    written = [sorted(one[0] for one in texts(axes) if one[0]) for axes in (nand, xor)]
    assert written[0] == sorted(["x_1", "x_2", "output", "1.5", "−1", "−1"])
    weights = ["1", "1", "1", "1", "−2"]
    assert written[1] == sorted(["x_1", "x_2", "output", "hidden unit", "−1.5", "−0.5", *weights])
    # One arrow for each weight.
    arrows = [
        sum(one.arrow_patch is not None for one in axes.texts if hasattr(one, "arrow_patch"))
        for axes in (nand, xor)
    ]
    assert arrows == [2, 5]
    *_, asked = perceptron.networks(table_of_units(*UNITS, *XOR_LINES, *ASKED)).axes
    assert asked.get_title() == "table 1001"
    found = sorted(one[0] for one in texts(asked) if one[0])
    assert found == sorted(
        ["x_1", "x_2", "output", "hidden unit", "−1.5", "0.5", "1", "1", "−1", "−1", "2"]
    )


def test_perceptron_draws_the_boundary_on_the_data() -> None:
    run = committed("perceptron")
    (axes,) = run.axes("boundary")
    table = run.table("boundary")
    sides = [table[table.side == side] for side in (-1, 1)]
    *points, line = lines(axes)
    same(points, [(one["class"].iloc[0], one.x, one.y) for one in sides])
    assert [one[0] for one in points] == ["class 0", "class 1"]
    label, x, y = line
    first = table.iloc[0]
    assert label == "boundary, w · x + b = 0"
    assert first.w_x * x + first.w_y * y + first.b == pytest.approx(np.zeros(2), abs=1e-9)
    assert (table.side * (first.w_x * table.x + first.w_y * table.y + first.b) > 0).all()
    words = ("Rosenblatt's rule on the data: the first seed", "along the weights w")
    assert frame(axes)[:3] == (*words, "at a right angle to w")


def test_perceptron_shows_two_steps_their_bump_and_the_bumps_of_all_bins() -> None:
    run = committed("perceptron")
    above, below, right = run.axes("steps")
    table = run.table("steps")
    same(lines(above), [(f"unit {k}", table.x, table[f"step_{k}"]) for k in (1, 2)])
    same(lines(below), [("bump", table.x, table.bump)])
    bumps = [table[table[f"bump {k}"] != 0] for k in range(1, 5)]
    tops = [("", one.x, one[f"bump {k}"]) for k, one in enumerate(bumps, start=1)]
    curves = [("sum of the bumps", table.x, table["sum"]), ("function", table.x, table.function)]
    same(lines(right), [*tops, *curves])
    under = [(one[1], one[2].clip(upper=0), one[2].clip(lower=0)) for one in tops]
    same(bands(right), under)
    assert frame(above)[:3] == ("Two steps, each from one unit", "", "output")
    words = ("Their difference times h: a bump", "x", "h (unit 1 − unit 2)")
    assert frame(below)[:3] == words
    assert frame(right)[:3] == ("One bump for each of 4 bins, and their sum", "x", "f(x)")


def test_perceptron_shows_units_beside_polynomials() -> None:
    run = committed("perceptron")
    (axes,) = run.axes("polynomials")
    table = run.table("polynomials")
    n = table.n_numbers
    drawn = {
        "staircase": "staircase of units",
        "bernstein": "Bernstein's polynomial",
        "chebyshev": "polynomial through Chebyshev points",
    }
    same(lines(axes), [(label, n, table[key]) for key, label in drawn.items()])
    same(bands(axes)[:1], [(n, table.best_at_least, table.chebyshev)])
    words = ("Two families that approximate any continuous function",)
    words += ("numbers to choose: heights of bins, or coefficients",)
    assert frame(axes) == (*words, "largest error on the interval", "log", "log")
    assert legend(axes) == [*drawn.values(), "the best polynomial is here"]
    same(ticks(axes.xaxis), [(k, f"{k}") for k in n])


def test_perceptron_shows_sigmoids_that_become_a_step() -> None:
    run = committed("perceptron")
    left, right = run.axes("sigmoids")
    curves, table = run.table("sigmoid_curves"), run.table("sigmoids")
    shown = [f"lambda {k}" for k in ("0.5", "2", "5", "10", "100")]
    expected = [("lambda → 0", [0, 1], [0.5, 0.5])]
    expected += [(name, curves.z, curves[name]) for name in shown]
    same(lines(left), [*expected, ("step", curves.z, curves.step)])
    labels = {"area": "area between them, |z| < 5", "beyond": "largest distance where |z| > 0.1"}
    expected = []
    for key, label in labels.items():
        expected += [("", table.steepness, table[f"{key}_theory"])]
        expected += [(label, table.steepness, table[key])]
    same(lines(right), [*expected, ("distance at z = 0", table.steepness, table.at_zero)])
    assert frame(left)[:3] == ("The steeper, the nearer to a step", "z", "sigma(lambda z)")
    words = ("Measured (points) and theory (lines)", "steepness lambda", "distance from the step")
    assert frame(right) == (*words, "log", "log")


def test_perceptron_draws_a_learnt_line_between_its_rows() -> None:
    run = committed("perceptron")
    left, right = run.axes("learning")
    rows, runs = run.table("rows"), run.table("learning")
    sides = [rows[rows.side == side] for side in (-1, 1)]
    *points, line = lines(left)
    same(
        points,
        [(f"class {side}", s.x_1, s.x_2) for side, s in zip(("-1", "+1"), sides, strict=True)],
    )
    label, x, y = line
    first = rows.iloc[0]
    assert label == "learnt line"
    assert first.w_1 * x + first.w_2 * y + first.b == pytest.approx(np.zeros(2), abs=1e-12)
    below, above = (side_of(line, s[["x_1", "x_2"]].to_numpy()) for s in sides)
    assert set(below) | set(-above) in ({1.0}, {-1.0})
    bounds = [
        (f"margin {margin:g}", one.bound, one.mistakes.clip(lower=0.5))
        for margin, one in groups(runs, "margin")
    ]
    ends = [1, runs.bound.max()]
    same(lines(right), [*bounds, ("bound", ends, ends)])
    words = ("No run passes the bound", "bound (R / gamma)^2", "mistakes made", "log", "log")
    assert frame(right) == words
    assert frame(left)[:3] == ("Rows of the first seed, widest margin", "x_1", "x_2")
    assert left.get_xlim() == left.get_ylim() == (-1.05, 1.05)
    assert legend(right) == [*(one[0] for one in bounds), "bound"]


def test_perceptron_draws_a_line_along_the_axis_it_is_not_steep_in() -> None:
    from matplotlib.figure import Figure

    from mlcli.experiments.perceptron.figures import _line

    axes: Axes = Figure().add_subplot()
    _line(axes, (2.0, 1.0), -1.0, (0.0, 1.0))
    _line(axes, (1.0, -4.0), 2.0, (0.0, 1.0))
    _line(axes, (2.0, 0.0), 1.0, (0.0, 1.0))
    _line(axes, (0.0, 0.0), 1.0, (0.0, 1.0))
    expected = [("", [0.5, 0.0], [0, 1]), ("", [0, 1], [0.5, 0.75]), ("", [-0.5, -0.5], [0, 1])]
    same(lines(axes), expected)


def test_perceptron_shows_staircases_and_sigmoids() -> None:
    run = committed("perceptron")
    (axes,) = run.axes("approximation")
    table = run.table("approximation")
    bins = [name for name in table if name.endswith("bins")]
    assert len(bins) == 3
    drawn = {"function": "function"} | {name: name for name in bins} | {"smooth": "sigmoids"}
    same(lines(axes), [(label, table.x, table[name]) for name, label in drawn.items()])
    title = "A function from threshold units in one hidden layer"
    assert frame(axes) == (title, "x", "f(x)", "linear", "linear")
    assert legend(axes) == [*drawn.values()]


def test_perceptron_shows_errors_against_bins_and_steepness() -> None:
    run = committed("perceptron")
    (axes,) = run.axes("rate")
    table = run.table("rate")
    n = table.n_bins
    labels = {"largest_error": "largest error", "rms_error": "rms error"}
    slope = ("slope -1", n, table.largest_error[0] * n[0] / n)
    same(lines(axes), [*((label, n, table[key]) for key, label in labels.items()), slope])
    ends = [band_of(table, "n_bins", key) for key in labels]
    means = [table[key] for key in labels]
    low_enough = [np.maximum(low, mean / 10) for (_, low, _), mean in zip(ends, means, strict=True)]
    same(bands(axes), [(n, low, end[2]) for low, end in zip(low_enough, ends, strict=True)])
    title = "Error of the staircase against its number of bins"
    assert frame(axes) == (title, "bins", "error", "log", "log")
    same(ticks(axes.xaxis), [(k, f"{k}") for k in n])
    above, below = run.axes("deformation")
    table = run.table("deformation")
    for axes, key in ((above, "rms_error"), (below, "live_units")):
        same(lines(axes), [("", table.steepness, table[key])])
        same(bands(axes), [band_of(table, "steepness", key)])
    title = "From sigmoid to step: what steepness costs"
    assert frame(above) == (title, "", "rms error", "log", "log")
    steepness = "steepness of the sigmoids, in units of 1 / bin"
    words = ("", steepness, "share of units\nwith a gradient", "log", "linear")
    assert frame(below) == words
    assert below.get_ylim() == (0, 1.02)


def test_descent_shows_each_path_on_the_contours_of_its_loss() -> None:
    run = committed("descent")
    table = run.table("paths")
    (_, flow), *paths = groups(table, "rate")
    shown = run.axes("paths")
    assert len(shown) == len(paths)
    start = flow.iloc[0]
    x_reach, y_reach = 1.25 * abs(start.stiff), 1.25 * abs(start.soft)
    for axes, (rate, rows) in zip(shown, paths, strict=True):
        stiff = rows.stiff.clip(-50 * x_reach, 50 * x_reach)
        same(
            lines(axes),
            [
                ("flow", flow.stiff, flow.soft),
                ("descent", stiff, rows.soft),
                ("minimum", [0], [0]),
            ],
        )
        assert axes.get_title() == f"rate {rate:g} of the critical one"
        assert axes.get_xlim() == pytest.approx((-x_reach, x_reach))
        assert axes.get_ylim() == pytest.approx((-y_reach, y_reach))
        (contours,) = (one for one in axes.collections if hasattr(one, "levels"))
        for level, path in zip(contours.levels, contours.get_paths(), strict=True):
            a, b = path.vertices.T
            height = 0.5 * (start.lambda_max * a**2 + start.lambda_min * b**2)
            np.testing.assert_allclose(height, level, atol=2e-3 * contours.levels[-1])
    assert shown[-1].get_xlabel() == "along the stiffest direction"
    assert shown[0].get_ylabel() == "along the softest"
    assert legend(run.figures["paths"]) == ["flow", "descent", "minimum"]


def test_descent_shows_minibatches_in_the_ellipse_of_their_law() -> None:
    run = committed("descent")
    table = run.table("stochastic")
    (_, full), *batches = groups(table, "batch_size")
    shown = run.axes("stochastic")
    assert len(shown) == len(batches) == 4
    for axes, (batch, rows) in zip(shown, batches, strict=True):
        path, every, ellipse, minimum = lines(axes)
        clipped = (rows.stiff, rows.soft)
        same([path, every], [("minibatches", *clipped), ("every row", full.stiff, full.soft)])
        same([minimum], [("minimum", [0], [0])])
        first = rows.iloc[0]
        S = np.array(
            [[first.stiff_stiff, first.stiff_soft], [first.stiff_soft, first.soft_soft]], float
        )
        label, x, y = ellipse
        at = np.column_stack([x, y])
        assert label == "theory: 2 std. dev."
        # Two standard deviations in every direction, and half of the ellipse is on each side.
        np.testing.assert_allclose(np.einsum("ni,ij,nj->n", at, np.linalg.inv(S), at), 4)
        assert x.max() == pytest.approx(2 * np.sqrt(S[0, 0]), rel=1e-3)
        assert axes.get_title() == f"batches of {batch}"
    assert shown[-1].get_xlabel() == "along the stiffest direction"
    names = ["minibatches", "every row", "theory: 2 std. dev.", "minimum"]
    assert legend(run.figures["stochastic"]) == names


def test_a_batch_that_diverges_has_no_ellipse() -> None:
    names = ("batch_size", "step", "stiff", "soft", "stiff_stiff", "stiff_soft", "soft_soft")
    rows = [("all", 0, 1, 1, 0, 0, 0), ("all", 1, 0, 0, 0, 0, 0), ("1", 0, 1, 1, "", "", "")]
    rows += [("1", 1, 1e9, 2, "", "", "")]
    table = {name: [str(row[k]) for row in rows] for k, name in enumerate(names)}
    table |= {"lambda_max": ["2"] * 4, "lambda_min": ["1"] * 4}
    (axes,) = descent.stochastic(table).axes
    # Nothing is drawn of the ellipse.
    path, _, minimum = lines(axes)
    assert axes.get_title() == "batches of 1, which diverges"
    assert minimum[0] == "minimum"
    assert path[1].max() == pytest.approx(50 * axes.get_xlim()[1])


def test_descent_shows_the_escape_from_a_local_minimum() -> None:
    run = committed("descent")
    above, below, right = run.axes("escape")
    curve, paths, table = (run.table(f"escape{end}") for end in ("_loss", "_paths", ""))
    drawn, *stars = lines(above)
    same([drawn], [("", curve.w, curve.loss)])
    assert [float(star[1][0]) for star in stars] == pytest.approx([-1.244, 1.4518], abs=0.02)
    assert [one[0] for one in texts(above)] == ["local minimum", "global minimum"]
    (_, whole), *batches = groups(paths, "batch_size")
    same(lines(below), [*(("", r.w, r.step) for _, r in batches), ("", whole.w, whole.step)])
    assert below.get_ylim()[0] > below.get_ylim()[1]
    (_, plain), *shares = groups(table, "batch_size")
    same(
        lines(right),
        [*(("", r.rate, r.theory) for _, r in shares), ("every row", plain.rate, plain.share)],
    )
    same(
        bars(right),
        [(f"batches of {b}", r.rate, r.share, r.share_ci_low, r.share_ci_high) for b, r in shares],
    )
    words = ("Measured, and the Markov chain of the steps (lines)",)
    words += ("learning rate, in units of the critical one",)
    assert frame(right)[:4] == (*words, "share of runs that left the local minimum", "log")
    assert frame(below)[1:3] == ("weight w", "step")
    assert frame(above)[::2][:2] == ("A loss with two minima", "loss E(w)")


def test_descent_shows_overfitting_and_then_weight_decay() -> None:
    run = committed("descent")
    table = run.table("overfit")
    lowest = 1e-3 * table.test.min()
    parts = dict(groups(table, "part"))
    panels = run.axes("overfit")
    titles = ("First overfit: no penalty", "Then regularise: weight decay")
    for axes, part, title in zip(panels, ("overfit", "regularised"), titles, strict=True):
        rows = parts[part]
        names = {"test": "test rows", "train": "training rows"}
        same(
            lines(axes),
            [(label, rows.step, rows[key].clip(lower=lowest)) for key, label in names.items()],
        )
        same(
            bands(axes),
            [
                (rows.step, *(rows[f"{key}_{end}"].clip(lower=lowest) for end in ("low", "high")))
                for key in names
            ],
        )
        assert frame(axes)[:2] == (title, "steps of this part")
        assert frame(axes)[3:] == ("symlog", "log")
    assert panels[0].get_ylabel() == "mean squared error, units of the target squared"
    zero = {name: ["0"] * 2 for name in table.columns}
    assert "does not vary" in reason(descent.overfit(zero))
    assert "no noise" in reason(descent.noise({"measured": ["0", ""]}))
    empty = {name: list[str]() for name in table.columns}
    assert "at least 12" in reason(descent.overfit(empty))


def test_descent_shows_the_loss_against_the_step() -> None:
    run = committed("descent")
    (axes,) = run.axes("loss")
    table = run.table("loss").clip(lower=1e-32)
    step = run.table("loss").step
    same(lines(axes), [("median", step, table["median"]), ("first data set", step, table.excess)])
    same(bands(axes), [(step, table.low, table.high)])
    title = "Descent at the learning rate of the run"
    assert frame(axes) == (title, "step", "loss above the minimum", "linear", "log")
    assert legend(axes) == ["central 95 % of data sets", "median", "first data set"]


def test_descent_shows_measured_noise_beside_its_theory() -> None:
    run = committed("descent")
    (axes,) = run.axes("noise")
    table = run.table("noise")
    by_batch = groups(table, "batch_size")
    same(lines(axes), [("", rows.rate, rows.theory) for _, rows in by_batch])
    expected = []
    for batch, rows in by_batch:
        low = np.maximum(rows.ci_low, rows.measured / 10).fillna(rows.measured)
        high = rows.ci_high.fillna(rows.measured)
        expected.append((f"batch {batch}", rows.rate, rows.measured, low, high))
    # Where nothing was measured there is no bar.
    found = [[v if isinstance(v, str) else np.asarray(v) for v in one] for one in bars(axes)]
    for one, other in zip(found, expected, strict=True):
        seen = np.isfinite(other[2].to_numpy())
        assert one[0] == other[0]
        same([(one[1], one[2])], [(other[1], other[2])])
        same([tuple(v[seen] for v in one[3:])], [tuple(v[seen] for v in other[3:])])
    title = "Where minibatch descent settles: measured, and exact theory (lines)"
    words = (title, "learning rate, in units of the critical one", "mean loss above the minimum")
    assert frame(axes) == (*words, "log", "log")
    assert [colour for colour, _, _ in styles(axes)] == [
        bar.lines[0].get_color().lower() for bar in axes.containers
    ]


def test_descent_shows_first_order_and_the_price_of_a_condition_number() -> None:
    run = committed("descent")
    (axes,) = run.axes("flow")
    kinds = groups(run.table("flow"), "loss")
    last = kinds[-1][1].reset_index()
    n = last.n_steps
    slope = ("slope -1", n, last.distance[0] * n[0] / n)
    same(lines(axes), [*((f"{k} loss", r.n_steps, r.distance) for k, r in kinds), slope])
    same(
        bands(axes),
        [(r.n_steps, np.maximum(r.ci_low, r.distance / 10), r.ci_high) for _, r in kinds],
    )
    title = "Descent tends to the flow to first order, means and 95 % intervals"
    words = (title, "steps n of size T / n", "distance to the flow at T", "log", "log")
    assert frame(axes) == words
    (axes,) = run.axes("rates")
    methods = groups(run.table("rates"), "method")

    def per_digit(factor: pd.Series) -> pd.Series:
        """Steps for one more digit of an error that shrinks by a factor at each step."""
        return 1 / -np.log10(factor)

    same(lines(axes), [("", r.condition_number, per_digit(r.theory)) for _, r in methods])
    same(
        bars(axes),
        [
            (
                name,
                r.condition_number,
                *(per_digit(r[k]) for k in ("measured", "ci_low", "ci_high")),
            )
            for name, r in methods
        ],
    )
    title = "The price of a condition number: measured, and theory (lines)"
    assert frame(axes) == (title, "condition number", "steps for one more digit", "log", "log")
    assert legend(axes) == [name for name, _ in methods]


def test_no_figure_of_the_pipeline_is_empty() -> None:
    for section in ("logistic", "perceptron", "descent"):
        assert not any(map(reason, committed(section).figures.values()))

"""Figures of `bias-variance` and `bayes` about expectations and few rows show their tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_reading import (
    across,
    bars,
    committed,
    dots,
    frame,
    groups,
    legend,
    lines,
    same,
    texts,
    ticks,
)
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, StepPatch

LABELS = {
    "regression_function": "f~",
    "shifted": "f~ shifted",
    "tilted": "f~ tilted",
    "best_line": "best line",
    "best_constant": "best constant",
    **{f"fit_degree_{d}": f"a fit, degree {d}" for d in (1, 3, 12)},
}


def with_ends(rows: pd.DataFrame, name: str) -> list[pd.Series]:
    return [rows[name], rows[f"{name}_ci_low"], rows[f"{name}_ci_high"]]


def test_the_regression_function_lies_over_the_joint_density() -> None:
    run = committed("bias_variance")
    axes = run.axes("regression_function")[0]
    joint, regression = run.table("joint"), run.table("regression_function")
    (image,) = axes.images
    p = joint.pivot(index="t", columns="x", values="density")
    np.testing.assert_allclose(image.get_array(), p)
    assert image.get_extent() == pytest.approx(
        [p.columns[0], p.columns[-1], p.index[0], p.index[-1]]
    )
    assert image.origin == "lower"
    at_x = joint.drop_duplicates("x")
    *slices, curve = lines(axes)
    same([curve], [("regression function E[t|x]", at_x.x, at_x.regression_function)])
    # A slice stands at its x and is the density there, all on one scale.
    scale = 0.25 * 4.0 / joint.density.max()
    for upright, (_, right, t) in zip(slices[::2], slices[1::2], strict=True):
        place = upright[1][0]
        rows = joint[np.isclose(joint.x, place)]
        there = rows[rows.density > 0.003 * joint.density.max()]
        np.testing.assert_allclose(right, place + scale * there.density)
        np.testing.assert_allclose(t, there.t)
    assert len(slices) == 6
    same(bars(axes), [("measured", regression.x, *with_ends(regression, "conditional_mean"))])
    title = "The best prediction is the mean of t at each x"
    assert frame(axes) == (title, "x", "t", "linear", "linear")
    said = ["p(t|x) at three x", "regression function E[t|x]", "measured"]
    assert legend(run.figures["regression_function"]) == said


def test_expected_losses_and_cross_terms_stand_beside_what_is_exact() -> None:
    run = committed("bias_variance")
    left, right = run.axes("expected_loss")
    table = run.table("expected_loss")
    place = np.arange(len(table))

    def of(name: str, label: str, shift: float = 0.0) -> tuple[object, ...]:
        mean, low, high = with_ends(table, name)
        return label, mean, place + shift, low, high

    same(bars(left), [of("expected_loss", "measured, 95 %")])
    same(lines(left), [("exact", table.loss_exact, place)])
    about = "cross_term_about_shifted"
    same(
        bars(right),
        [of("cross_term", "around f~", -0.14), of(about, "around f~ shifted", 0.14)],
    )
    same(lines(right), [("exact", table[f"{about}_exact"], place + 0.14)])
    assert across(left) == [("x", table.loss_exact[0])]
    assert across(right) == [("x", 0)]
    names = [LABELS[name] for name in table.function]
    same(ticks(left.yaxis), list(zip(place, names, strict=True)))
    assert left.get_ylim()[0] > left.get_ylim()[1]
    assert frame(left)[:2] == ("Expected loss (A.4)", "E[L]")
    assert frame(right)[:2] == ("Cross term (A.11)", "E[(f - g)(g - t)]")
    (said,) = texts(left)
    assert said[0] == " noise 3.8"
    wanted = ["exact", "measured, 95 %", "around f~", "around f~ shifted"]
    assert legend(run.figures["expected_loss"]) == wanted


def test_the_variation_is_level_for_the_regression_function_alone() -> None:
    run = committed("bias_variance")
    top, bottom = run.axes("variation")
    curves, table = run.table("functions"), run.table("variation")
    names = list(table.function.unique())
    drawn = [curves[curves.function == name] for name in names]
    same(lines(top), [(LABELS[n], c.x, c.f) for n, c in zip(names, drawn, strict=True)])
    rows = [part for _, part in groups(table, "function")]
    same(bars(bottom), [("", part.x, *with_ends(part, "slope_measured")) for part in rows])
    steps = [one for one in bottom.patches if isinstance(one, StepPatch)]
    for step, part in zip(steps, rows, strict=True):
        values, edges, _ = step.get_data()
        np.testing.assert_allclose(values, part.slope_exact)
        np.testing.assert_allclose(edges, [*part.x_low, part.x_high.iloc[-1]])
    assert across(bottom) == [("y", 0)]
    assert frame(bottom)[1:3] == ("x", "dE[L] / df(x)")
    assert frame(top)[2] == "f(x)"
    assert legend(run.figures["variation"]) == [LABELS[name] for name in names]


def inside(A: np.ndarray, b: np.ndarray, w: np.ndarray) -> np.ndarray:
    """How far -1/2 w'Aw + b'w is below its maximum, in squared standard deviations."""
    centre = np.linalg.pinv(A, rcond=1e-9) @ b
    return np.asarray(np.einsum("ni,ij,nj->n", w - centre, A, w - centre))


def outlines(axes: Axes, label: str) -> list[np.ndarray]:
    """The outlines in the colour of a label, the outer one first."""
    if label == "prior":
        return [line.get_xydata() for line in axes.lines if line.get_linestyle() == "--"]
    patches = [one for one in axes.patches if isinstance(one, Polygon)]
    (named,) = [one for one in patches if one.get_label() == label]
    colour = named.get_facecolor()[:3]
    return [one.get_xy() for one in patches if one.get_facecolor()[:3] == colour]


def test_weights_shows_prior_likelihood_and_posterior_after_few_rows() -> None:
    run = committed("bayes")
    shown = run.axes("weights")
    table, drawn, data = run.table("two_weights"), run.table("lines"), run.table("data")
    n = len(table)
    assert table.n_points.tolist() == [1, 2, 5, 20]
    for axes, row in zip(shown[:n], table.itertuples(), strict=True):
        b = np.array([row.linear_0, row.linear_1])
        matrices = {
            "prior": (row.prior_precision * np.eye(2), 0 * b),
            "likelihood": (matrix(row, "likelihood"), b),
            "posterior": (matrix(row, "quadratic"), b),
        }
        for label, (A, linear) in matrices.items():
            found = outlines(axes, label)
            for k, outline in zip((2, 1), found, strict=True):
                # After one row the likelihood is a stripe, cut off far outside of the picture.
                near = np.abs(outline).max(axis=1) < 10
                np.testing.assert_allclose(inside(A, linear, outline[near]), k**2, rtol=2e-2)
                assert near.any()
        mean = [line for line in axes.lines if line.get_marker() == "o"]
        np.testing.assert_allclose(mean[0].get_xydata(), [[row.mean_0, row.mean_1]])
        assert axes.get_title() == f"{row.n_points} row{'s' * (row.n_points > 1)}"
        assert axes.get_xlabel() == "weight of P0"
    assert shown[0].get_ylabel() == "weight of P1"
    for axes, (count, rows) in zip(shown[n:], groups(drawn, "n_points"), strict=True):
        found = {"mean": "posterior mean", "draw 1": "draws"}
        expected = [(found.get(name, ""), one.x, one.y) for name, one in groups(rows, "line")]
        same(lines(axes), expected)
        same(dots(axes), [("rows so far", data.x[:count], data.t[:count])])
    said = ["likelihood", "prior", "posterior", "posterior mean", "draws", "rows so far"]
    assert sorted(legend(run.figures["weights"])) == sorted(said)


def matrix(row: object, name: str) -> np.ndarray:
    parts = [float(getattr(row, f"{name}_{key}")) for key in ("00", "01", "11")]
    return np.array([[parts[0], parts[1]], [parts[1], parts[2]]])


def test_target_law_shows_the_density_of_each_target() -> None:
    run = committed("bayes")
    table = run.table("target_law")
    span = np.ptp(run.table("lines").x)
    beta = table.noise_precision[0]
    scale = 0.2 * span / np.sqrt(beta / (2 * np.pi))
    for axes, (name, rows) in zip(run.axes("target_law"), groups(table, "weights"), strict=True):
        curve, *bells = lines(axes)
        ordered = rows.sort_values("x")
        same([curve], [("w . phi(x)", ordered.x, ordered["mean"])])
        for k, row in enumerate(rows.itertuples()):
            bell, _, bar = bells[3 * k : 3 * k + 3]
            density = np.sqrt(beta / 2 / np.pi) * np.exp(-beta / 2 * (bell[2] - row.mean) ** 2)
            np.testing.assert_allclose(bell[1], row.x + scale * density)
            np.testing.assert_allclose(bar[1], [row.x, row.x + scale * row.density])
            np.testing.assert_allclose(bar[2], [row.t, row.t])
        same(dots(axes), [("first rows", rows.x, rows.t)])
        assert axes.get_title() == f"w = {name}\nln p(t|w) = {rows.log_density.sum():.2f}"
    assert len(legend(run.figures["target_law"])) == 4


def test_variance_terms_shows_both_terms_after_few_rows() -> None:
    run = committed("bayes")
    (axes,) = run.axes("variance_terms")
    table = run.table("variance_terms")
    parts = groups(table, "n_points")
    assert [n for n, _ in parts] == [0, 1, 2, 5, 20, 700]
    same(lines(axes), [("", rows.x, rows.weights) for _, rows in parts])
    assert across(axes) == [("y", table.noise[0])]
    named = {text: (x, y) for text, x, y in texts(axes)}
    assert next(iter(named)) == "noise, 1 / beta"
    for n, rows in parts:
        text = "0 rows, the prior" if n == 0 else "1 row" if n == 1 else f"{n} rows"
        x, y = named[text]
        assert y == pytest.approx(rows.weights[np.isclose(rows.x, x)].item())
    assert frame(axes)[1:] == ("x", "variance of t", "linear", "log")

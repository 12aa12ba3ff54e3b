"""The figures of the linear algebra of a fit, and of a fit that memorises, show their tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_reading import (
    Run,
    across,
    bars,
    committed,
    dots,
    drawn,
    frame,
    groups,
    legend,
    lines,
    reason,
    same,
    texts,
    ticks,
)
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon

from mlcli.experiments.fit_poly.algebra_figures import number_text, term_label
from mlcli.plotting import COLOURS

Call = Callable[..., Any]


def run_of(mlcli: Call, flags: str) -> Run:
    done = mlcli("fit-poly", *flags.split(), "--out", "o", "--quiet", "--no-plots")
    assert done.code == 0, done.err
    return drawn("fit_poly", Path("o"))


def test_fit_poly_shows_the_basis_functions_and_what_they_add_up_to() -> None:
    run = committed("fit_poly")
    above, below = run.axes("basis")
    table, fits = run.table("basis"), run.table("fits")
    by_term = groups(table, "term")
    labels = ["1", "x", "x²", "x³", "x⁴", "x⁵"]
    assert [term for term, _ in by_term] == list(range(6))
    named = list(zip(labels, (rows for _, rows in by_term), strict=True))
    same(lines(above), [(label, rows.x, rows.phi) for label, rows in named])
    total = table.groupby("x").weighted.sum()
    expected = [(label, rows.x, rows.weighted) for label, rows in named]
    same(lines(below), [*expected, ("sum = fit of the first seed", total.index, total)])
    for term, rows in by_term:
        np.testing.assert_allclose(rows.phi, rows.x**term, rtol=1e-8, atol=1e-9)
    # The sum is the fit that is drawn elsewhere, over the range of the training rows.
    fit = fits[(fits.estimator == "arnoldi") & (fits.degree == 5)]
    np.testing.assert_allclose(np.interp(total.index, fit.x, fit.fit), total, atol=2e-3)
    assert above.get_title() == "Degree 5: its 6 basis functions"
    assert (below.get_xlabel(), below.get_ylabel()) == ("x", "t")
    assert legend(run.figures["basis"]) == [*labels, "sum = fit of the first seed"]


@pytest.mark.parametrize("basis", ["legendre", "chebyshev", "fourier", "gaussian", "sigmoid"])
def test_every_basis_adds_up_to_its_fit(mlcli: Call, empty_folder: Path, basis: str) -> None:
    run = run_of(mlcli, f"--data sine --basis {basis} --degrees 4,30 --n-seeds 1")
    table, fits = run.table("basis"), run.table("fits")
    assert table.degree.unique() == [4]
    total = table.groupby("x").weighted.sum()
    fit = fits[fits.degree == 4]
    np.testing.assert_allclose(np.interp(total.index, fit.x, fit.fit), total, atol=5e-3)


def test_of_many_basis_functions_twelve_are_shown_without_weights(
    mlcli: Call, empty_folder: Path
) -> None:
    run = run_of(mlcli, "--data sine --degrees 40 --n-seeds 1")
    (axes,) = run.axes("basis")
    assert axes.get_title() == "Degree 40: 12 of its 41 basis functions"
    assert len(lines(axes)) == 12
    assert run.table("basis").weighted.isna().all()
    assert "sum" not in " ".join(legend(run.figures["basis"]))


def test_several_inputs_have_numbers_and_ellipses_with_their_names(
    mlcli: Call, empty_folder: Path
) -> None:
    run = run_of(mlcli, "--data diabetes --degrees 1 --n-seeds 2")
    assert (
        reason(run.figures["basis"]) == "With several inputs a basis function is no curve along x."
    )
    (axes,) = run.axes("normal_equations")
    said = [text for text, _, _ in texts(axes)]
    assert {"age", "sex", "bmi"} <= set(said)
    labels = {axes.get_xlabel() for axes in run.axes("ellipses")}
    assert labels <= {f"weight of {one}" for one in ("1", "age", "sex", "bmi", "bp")} | {
        f"weight of s{k}" for k in range(1, 7)
    }
    # The errors of the memory are there, though it has no curve along x.
    (axes,) = run.axes("memorised")
    assert [name for _, name in ticks(axes.yaxis)] == ["table of rows", "degree 1"]


def test_fit_poly_shows_the_normal_equations_as_numbers() -> None:
    run = committed("fit_poly")
    (axes,) = run.axes("normal_equations")
    table = run.table("normal_equations")
    shown: dict[str, int] = {}
    for text, _, _ in texts(axes):
        shown[text] = shown.get(text, 0) + 1
    for value in table[table.matrix.isin(["Phi", "t", "Phi^T Phi", "Phi^T t"])].value:
        text = number_text(value)
        assert shown.get(text, 0) > 0, text
        shown[text] -= 1
    for matrix in ("w by QR", "w by the normal equations"):
        for value in table[table.matrix == matrix].value:
            assert shown.get(f"{value:.5g}", 0) > 0
            shown[f"{value:.5g}"] -= 1
    one, two = table[table.matrix == "condition number"].value
    said = f"cond(Φ) = {number_text(one)}\ncond(ΦᵀΦ) = {number_text(two)}, its square"
    assert shown[said] == 1
    title = run.figures["normal_equations"].get_suptitle()
    assert title == "(ΦᵀΦ) w = Φᵀt in numbers: 6 training rows of the first seed"


def outlines(axes: Any) -> list[np.ndarray]:
    return [line.get_xydata() for line in axes.lines if len(line.get_xdata()) > 1]


def fisher(points: np.ndarray, row: pd.Series) -> np.ndarray:
    """d^T C^-1 d of points about the weights of a row."""
    C = np.array(
        [[row.variance_first, row.covariance], [row.covariance, row.variance_second]], dtype=float
    )
    d = points - [row.w_first, row.w_second]
    return np.asarray(np.einsum("ni,ij,nj->n", d, np.linalg.inv(C), d))


def test_fit_poly_shows_an_ellipse_of_each_seed_and_what_it_should_hold() -> None:
    run = committed("fit_poly")
    shown, table = run.axes("ellipses"), run.table("ellipses")
    pairs = groups(table, "first", "second")
    assert len(shown) == len(pairs) == 4
    for axes, (_, rows) in zip(shown, pairs, strict=True):
        seeds = rows[rows.kind == "seed"]
        (truth,), (fit,) = (
            [row for _, row in rows[rows.kind == kind].iterrows()] for kind in ("truth", "fit")
        )
        drawn_outlines = outlines(axes)
        assert len(drawn_outlines) == len(seeds) == 16
        at = np.array([[truth.w_first, truth.w_second]])
        for line, (_, row) in zip(axes.lines, seeds.iterrows(), strict=False):
            np.testing.assert_allclose(fisher(line.get_xydata(), row), row.radius_95**2)
            holds = fisher(at, row)[0] <= row.radius_95**2
            assert holds == bool(row.holds_95)
            assert (fisher(at, row)[0] <= row.radius_68**2) == bool(row.holds_68)
            # The ellipses that miss have another colour.
            assert to_hex(line.get_color()) == COLOURS[0 if holds else 1].lower()
        same(dots(axes), [("weights of a data set", seeds.w_first, seeds.w_second)])
        filled = [one.get_xy() for one in axes.patches if isinstance(one, Polygon)]
        for points, radius in zip(filled, (fit.radius_95, fit.radius_68), strict=True):
            np.testing.assert_allclose(fisher(points, fit), radius**2)
        cross = axes.lines[-1]
        np.testing.assert_allclose(cross.get_xydata(), at)
        counts = re.findall(r"(\d+) of 16 held, (\S+) expected", axes.get_title())
        held = [int(seeds.holds_68.sum()), int(seeds.holds_95.sum())]
        assert counts == [(str(held[0]), "10.9"), (str(held[1]), "15.2")]


def test_ellipses_of_data_of_unknown_law_are_beside_resampled_rows(
    mlcli: Call, empty_folder: Path
) -> None:
    x = np.random.default_rng(0).uniform(0, 5, 60)
    t = 2 - x + np.random.default_rng(1).normal(0, 1, 60)
    with Path("own.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("dose", "effect"), *zip(x, t, strict=True)])
    run = run_of(mlcli, "--data own.csv --target effect --degrees 1 --n-seeds 2")
    (axes,) = run.axes("ellipses")
    table = run.table("ellipses")
    assert set(table.kind) == {"fit", "resample"}
    points = table[table.kind == "resample"]
    same(dots(axes), [("weights of resampled rows", points.w_first, points.w_second)])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("weight of 1", "weight of dose")
    fit = table[table.kind == "fit"].iloc[0]
    inside = fisher(points[["w_first", "w_second"]].to_numpy(), fit) <= fit.radius_95**2
    assert (inside == points.holds_95.astype(bool)).all()
    # Normal noise of one size: the formula is right, and so are 400 resamples about it.
    assert 0.85 < inside.mean() < 0.99


@pytest.mark.parametrize("flags", ["--penalty l2", "--degrees 0", "--noise-std 0 --degrees 3"])
def test_what_has_no_ellipse_says_why(mlcli: Call, empty_folder: Path, flags: str) -> None:
    run = run_of(mlcli, f"--degrees 1 --n-seeds 2 {flags}")
    assert reason(run.figures["ellipses"]).startswith("No two weights have an ellipse")
    assert "ellipses" not in run.details


def test_fit_poly_shows_a_table_that_passes_through_its_rows_and_its_errors() -> None:
    run = committed("fit_poly")
    above, below = run.axes("memorised")
    table, errors, law = (run.table(name) for name in ("memorised", "memorised_errors", "law"))
    steps, rows, truth = lines(above)
    same([rows], [("training rows", table.x, table.t)])
    assert steps[0] == "table, read at the nearest row"
    np.testing.assert_allclose(steps[1], np.ravel(table[["left", "right"]]))
    np.testing.assert_allclose(steps[2], np.repeat(table.t, 2))
    np.testing.assert_allclose(truth[2], np.interp(truth[1], law.x, law.truth))
    data = run.table("data")
    train = data[data.part == "train"]
    assert table.t.isin(train.t).all()
    # Half-way to the neighbours.
    np.testing.assert_allclose(table.right[:-1], table.left[1:])
    np.testing.assert_allclose(table.right[:-1], (table.x[:-1] + table.x[1:].to_numpy()) / 2)
    models = ["table of rows", "degree 1", "degree 3", "degree 5"]
    assert [name for _, name in ticks(below.yaxis)] == models
    expected = []
    for part, offset in (("train", -0.12), ("test", 0.12)):
        shown = errors[(errors.part == part) & errors.model.isin(models)]
        y = [models.index(model) + offset for model in shown.model]
        expected.append((f"{part} error", shown["mean"], y, shown.low, shown.high))
    same(bars(below), expected)
    (law_says,) = errors[errors.part == "expected"]["mean"]
    assert across(below) == [("x", law_says)]
    words = "mean squared error (degree 300: beyond the frame)"
    assert frame(below)[1:] == (words, "", "linear", "linear")


def test_basis_functions_have_short_names() -> None:
    assert term_label("0", "dose") == "1"
    assert term_label("12", "a very long name") == "a very lo…¹²"
    assert term_label("gauss(mu=0.99179)", "x") == "gauss 0.99"
    assert term_label("sigm(bmi, mu=-12.5)", "x") == "sigm bmi -12"
    assert term_label("sin(2x)", "x") == "sin(2x)"
    assert [number_text(v) for v in (0.0, 12345.0, -1e-7, np.nan)] == ["0", "1.23e4", "-1e-7", "–"]


def test_a_high_degree_is_drawn_where_it_turns(mlcli: Call, empty_folder: Path) -> None:
    run = run_of(mlcli, "--data sine --n-samples 200 --degrees 2,60 --n-seeds 1")
    fits = run.table("fits")
    low, high = (fits[fits.degree == degree].x.unique() for degree in (2, 60))
    assert len(low) == 201
    np.testing.assert_allclose(np.diff(low), (low[-1] - low[0]) / 200)
    # Chebyshev's points, four for each turning point that it can have.
    assert len(high) == 241
    middle, half = (low[0] + low[-1]) / 2, (low[-1] - low[0]) / 2
    expected = middle - half * np.cos(np.pi * np.arange(241) / 240)
    np.testing.assert_allclose(high, expected, atol=1e-9)

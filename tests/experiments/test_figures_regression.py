"""The figures of `fit-poly`, `bias-variance`, `kfold` and `bayes` show their tables."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from figure_reading import (
    across,
    band_of,
    bands,
    bars,
    columns,
    committed,
    dots,
    frame,
    groups,
    legend,
    lines,
    reason,
    same,
    segments,
    ticks,
)
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from scipy.stats import norm

ERROR = "mean squared error"


def rows_of(data: pd.DataFrame) -> list[tuple[str, pd.Series, pd.Series]]:
    parts = dict(groups(data, "part"))
    return [(f"{name} rows", parts[name].x, parts[name].t) for name in ("train", "test")]


def check_fit(axes: Axes, data: pd.DataFrame, fits: pd.DataFrame) -> None:
    """One panel with the rows, a fit, its band and the truth."""
    same(dots(axes), rows_of(data))
    truth = ("underlying regularity", fits.x, fits.truth)
    low, high = axes.get_ylim()
    reach = 50 * (high - low)
    drawn = fits[["fit", "low", "high"]].clip(low - reach, high + reach)
    same(lines(axes), [truth, ("fit of the first seed", fits.x, drawn.fit)])
    same(bands(axes), [(fits.x, drawn.low, drawn.high)])
    margin = 0.08 * (data.t.max() - data.t.min())
    assert axes.get_ylim() == pytest.approx((data.t.min() - margin, data.t.max() + margin))


def test_fit_poly_shows_the_rows_of_the_first_seed_and_the_truth() -> None:
    run = committed("fit_poly")
    (axes,) = run.axes("data")
    data, law = run.table("data"), run.table("law")
    same(dots(axes), rows_of(data))
    same(lines(axes), [("underlying regularity", law.x, law.truth)])
    same(bands(axes), [(law.x, law.low, law.high)])
    # The band holds 95 % of the rows of the law, which is (3.12).
    np.testing.assert_allclose(law.truth, 0.5 * law.x**3 + 0.3 * law.x**2 - 0.25 * law.x + 1)
    np.testing.assert_allclose(law.high - law.truth, norm.ppf(0.975) * 1.95)
    np.testing.assert_allclose(law.truth - law.low, norm.ppf(0.975) * 1.95)
    title = "700 rows of the first seed, 140 of them kept for testing"
    assert frame(axes) == (title, "x", "t", "linear", "linear")
    words = ["train rows", "test rows", "95 % of all rows that there could be"]
    assert legend(run.figures["data"]) == [*words, "underlying regularity"]
    marks = [one for one in axes.collections if isinstance(one, PathCollection)]
    assert len({to_hex(one.get_facecolor()[0]) for one in marks}) == 2
    assert len({len(one.get_paths()[0].vertices) for one in marks}) == 2


def test_fit_poly_shows_a_panel_for_each_degree_and_each_other_estimator() -> None:
    run = committed("fit_poly")
    data, fits = run.table("data"), run.table("fits")
    estimators, degrees = fits.estimator.unique(), fits.degree.unique()
    panels = [(estimators[0], degree) for degree in degrees]
    panels += [(other, degrees[-1]) for other in estimators[1:]]
    shown = [axes for axes in run.axes("fits") if axes.axison]
    assert len(shown) == len(panels)
    for axes, (estimator, degree) in zip(shown, panels, strict=True):
        check_fit(axes, data, fits[(fits.estimator == estimator) & (fits.degree == degree)])
        assert axes.get_title() == f"degree {degree} ({estimator})"
    # A panel is left over, which has the legend.
    (rest,) = (axes for axes in run.axes("fits") if not axes.axison)
    assert legend(rest) == [
        "train rows",
        "test rows",
        "underlying regularity",
        "fit of the first seed",
        "central 95 % of seeds",
    ]
    # The lowest panel of each column names x, the first of each row names t.
    assert [axes.get_xlabel() for axes in shown][-2:] == ["x", "x"]
    assert [axes.get_ylabel() for axes in shown][::2] == ["t"] * -(-len(shown) // 2)


def test_fit_poly_shows_the_strongest_penalty_first() -> None:
    run = committed("fit_poly")
    data, fits = run.table("data"), run.table("path_fits")
    strengths = sorted(fits.strength.unique())
    shown = run.axes("regularized_fits")
    assert len(shown) == len(strengths) == 4
    for axes, strength in zip(shown, fits.strength.unique()[::-1], strict=True):
        check_fit(axes, data, fits[fits.strength == strength])
        assert axes.get_title() == f"strength {strength:.3g}"


def test_fit_poly_draws_degree_300_on_four_points_for_each_turning_point() -> None:
    fits = committed("fit_poly").table("fits")
    for (_, degree), rows in groups(fits, "estimator", "degree"):
        assert len(rows) == (201 if degree <= 50 else 4 * degree + 1)
        x = rows.x.to_numpy()
        assert (np.diff(x) > 0).all()
        middle, half = (x[0] + x[-1]) / 2, (x[-1] - x[0]) / 2
        if degree == 300:
            # Chebyshev's points are even in the angle.
            angle = np.arccos(np.clip((middle - x) / half, -1, 1))
            np.testing.assert_allclose(np.diff(angle), np.pi / 1200, rtol=1e-4)


def test_fit_poly_shows_many_coefficients_as_points_and_few_as_columns() -> None:
    run = committed("fit_poly")
    table = run.table("coefficients")
    many, few = run.axes("coefficients")[0], run.axes("regularized_coefficients")[0]
    position = np.arange(1, len(table) + 1)
    same(lines(many), [("", position, table.least_squares)])
    same(segments(many), [(position, table.least_squares_low, table.least_squares_high)])
    said = "Coefficients, {}: first seed, central 95 % of seeds"
    label = "coefficient of the standardised column"
    assert frame(many) == (
        said.format("least squares (lapack)"),
        "power of x",
        label,
        "linear",
        "symlog" if table.least_squares.abs().max() > 1e4 else "linear",
    )
    largest = table.penalised_mean.abs().sort_values(ascending=False, kind="stable").index[:16]
    used = table.loc[sorted(largest)]
    assert (used.penalised_mean != 0).all()
    position = np.arange(1, len(used) + 1)
    ends = used.penalised_mean_ci_low, used.penalised_mean_ci_high
    # The whiskers are around the columns.
    assert ((ends[0] <= used.penalised_mean) & (used.penalised_mean <= ends[1])).all()
    same(columns(few), [("mean over seeds", position, used.penalised_mean)])
    (whiskers,) = [one.lines[2][0] for one in few.containers if isinstance(one, ErrorbarContainer)]
    drawn = np.array(whiskers.get_segments())
    np.testing.assert_allclose(drawn[:, :, 1].T, ends)
    np.testing.assert_allclose(drawn[:, 0, 0], position)
    same(lines(few), [("first seed", position, used.penalised)])
    same(ticks(few.xaxis), list(zip(position, used.term.astype(str), strict=True)))
    words = f"term ({len(table) - len(used)} others are smaller or zero)"
    title = "Coefficients under the penalty, at the strength with the least mean error"
    assert frame(few) == (title, words, label, "linear", "linear")


def power(term: object) -> str:
    """x with a raised power, as a term 0, 1, 2, ... is called."""
    raised = "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(term))
    return {"0": "1", "1": "x"}.get(str(term), f"x{raised}")


def test_fit_poly_shows_errors_terms_and_coefficients_along_the_path() -> None:
    run = committed("fit_poly")
    top, middle, bottom = run.axes("path")
    table, w = run.table("path"), run.table("path_coefficients")
    x = table.strength
    same(lines(top), [("training error", x, table.train_mse), ("test error", x, table.test_mse)])
    same(bands(top), [band_of(table, "strength", name) for name in ("train_mse", "test_mse")])
    same(lines(middle), [("coefficients that are not zero", x, table.n_nonzero)])
    same(bands(middle), [band_of(table, "strength", "n_nonzero")])
    by_size = sorted(groups(w, "term"), key=lambda one: -one[1].coefficient.abs().max())
    drawn = [
        (f"weight of {power(term)}" if k < 6 else "", rows.strength, rows.coefficient)
        for k, (term, rows) in enumerate(by_size)
    ]
    same(lines(bottom), drawn)
    title = "Along the path of the penalty: means over seeds with 95 % intervals"
    assert frame(top) == (title, "", ERROR, "log", "linear")
    assert frame(middle) == ("", "", "count", "log", "linear")
    expected = ("", "strength of the penalty", "coefficient, first seed", "log", "linear")
    assert frame(bottom) == expected
    assert [len(legend(axes)) for axes in (top, middle, bottom)] == [2, 1, 6]


TERMS = {
    "bias_squared_unbiased": "bias squared",
    "variance": "variance",
    "noise": "noise",
    "sum": "their sum",
}


def check_terms(near: Axes, every: Axes, x: pd.Series, table: pd.DataFrame) -> None:
    """The terms of (A.18) below, and the sum and the measured error above."""
    bottom = every.get_ylim()[0]
    assert every.get_yscale() == "log"
    drawn = table[[*TERMS]].clip(lower=bottom)
    same(
        lines(every),
        [
            *((label, x, drawn[name]) for name, label in TERMS.items()),
            ("bias squared of the mean fit", x, table.bias_squared.clip(lower=bottom)),
            ("median error of a data set", x, table.median_error),
        ],
    )
    ends = [
        [table[f"{name}_ci_{end}"].clip(lower=bottom) for end in ("low", "high")] for name in TERMS
    ]
    same(bands(every), [(x, *both) for both in ends])
    measured = ("measured error", *band_of(table, "generalisation_error", "generalisation_error"))
    same(bars(every), [(measured[0], x, *measured[1:])])
    same(bars(near), [(measured[0], x, *measured[1:])])
    same(lines(near), [("", x, table.noise), ("", x, table["sum"]), ("", x, table.median_error)])
    names = ("noise", "sum")
    same(
        bands(near),
        [(x, table[f"{name}_ci_low"], table[f"{name}_ci_high"]) for name in names],
    )
    # The least term is in the picture; of one that can't be told from zero the end of its interval.
    least = [table.bias_squared.min()]
    for name in TERMS:
        clear = table[f"{name}_ci_low"] > 0
        least += [table[name][clear].min(), table[f"{name}_ci_high"][~clear].min()]
    assert bottom == pytest.approx(0.5 * np.nanmin(least))
    low, high = near.get_ylim()
    assert low < table["sum"].min() < high < every.get_ylim()[1]
    assert (near.get_ylabel(), every.get_ylabel()) == ("squared error, near", "squared error")
    assert near.get_title() == "Where the error comes from: means over seeds, 95 % intervals"


def test_bias_variance_shows_the_terms_against_degree_and_strength() -> None:
    run = committed("bias_variance")
    table = run.table("decomposition")
    near, every = run.axes("decomposition")
    check_terms(near, every, table.degree, table)
    assert (every.get_xlabel(), every.get_xscale()) == ("degree", "linear")
    same(ticks(every.xaxis), [(d, f"{d}") for d in table.degree])
    table = run.table("strengths")
    near, every = run.axes("strength")
    check_terms(near, every, table.strength, table)
    assert (every.get_xlabel(), every.get_xscale()) == ("strength of the penalty", "log")
    for name in ("decomposition", "strength"):
        said = [*TERMS.values(), "bias squared of the mean fit"]
        assert legend(run.figures[name]) == [*said, "median error of a data set", "measured error"]


def test_bias_variance_shows_single_fits_and_their_mean() -> None:
    run = committed("bias_variance")
    data, along, members = (run.table(name) for name in ("data", "pointwise", "members"))
    shown = run.axes("pointwise")
    assert len(shown) == along.degree.nunique()
    both = pd.concat([data.t, along.truth])
    margin = 0.1 * (both.max() - both.min())
    low, high = both.min() - margin, both.max() + margin
    reach = 50 * (high - low)
    for axes, (degree, rows) in zip(shown, groups(along, "degree"), strict=True):
        same(dots(axes), [("rows of one data set", data.x, data.t)])
        drawn = rows.clip(low - reach, high + reach)
        same(bands(axes), [(rows.x, drawn.low, drawn.high)])
        fits = groups(members[members.degree == degree], "member")
        expected = [
            ("" if k else "fits to single data sets", m.x, m.fit.clip(low - reach, high + reach))
            for k, (_, m) in enumerate(fits)
        ]
        expected.append(("mean of all fits", rows.x, drawn.mean_fit))
        same(lines(axes), [*expected, ("underlying regularity", rows.x, rows.truth)])
        assert axes.get_ylim() == pytest.approx((low, high))
        assert axes.get_title() == f"degree {degree}"
        assert axes.get_xlabel() == "x"
    assert shown[0].get_ylabel() == "t"
    assert legend(run.figures["pointwise"]) == [
        "rows of one data set",
        "central 95 % of fits",
        "fits to single data sets",
        "mean of all fits",
        "underlying regularity",
    ]


def test_bias_variance_shows_the_second_descent() -> None:
    run = committed("bias_variance")
    table = run.table("descent")
    top, near, bottom = run.axes("descent")
    labels = {"legendre": "columns P_k", "orthonormal": "columns sqrt(2k+1) P_k"}
    names = {top: "median_error", near: "median_error", bottom: "median_norm"}
    for axes, name in names.items():
        kinds = groups(table, "basis")
        same(lines(axes), [(labels[kind], rows.n_columns, rows[name]) for kind, rows in kinds])
        expected = []
        for _, rows in kinds:
            least = 0.5 * rows[name][rows[name] > 0].min()
            _, low, high = band_of(rows, "n_columns", name)
            expected.append((rows.n_columns, low.clip(lower=least), high.clip(lower=least)))
        same(bands(axes), expected)
        assert across(axes) == [("x", table.n_rows[0])]
    title = "Shortest solutions: medians over data sets, 95 % intervals over seeds"
    assert frame(top) == (title, "", "squared error", "log", "log")
    assert frame(near) == ("", "", "squared error, near", "log", "linear")
    assert frame(bottom) == ("", "number of columns", "length of w", "log", "log")
    low, high = near.get_ylim()
    least = table.median_error.min()
    assert 0.5 * least < low < least < high < 4 * least
    assert legend(run.figures["descent"]) == [*labels.values(), "as many columns as rows"]


KFOLD = {
    "train": "training error",
    "gcv": "generalised cross-validation",
    "loo": "leave-one-out",
    "expected": "true expected error of the fit",
}


def check_errors(axes: Axes, x: str, table: pd.DataFrame) -> None:
    best = table.cv.idxmin()
    same(
        lines(axes),
        [
            *((label, table[x], table[name]) for name, label in KFOLD.items()),
            ("cross-validated error", table[x], table.cv),
            ("least", [table[x][best]], [table.cv[best]]),
        ],
    )
    same(bands(axes), [band_of(table, x, name) for name in ("expected", "cv")])
    assert axes.get_ylabel() == "error"
    assert legend(axes) == [*KFOLD.values(), "cross-validated error", "least"]
    low, high = axes.get_ylim()
    drawn = table[["cv", "cv_ci_low", "cv_ci_high", *KFOLD]]
    assert low < drawn.min().min()
    # What is up to four times the least error is inside, and the picture says if anything is not.
    inside = drawn[drawn <= 4 * table.cv.min()].max().max()
    assert inside < high < inside + 0.25 * (inside - low)
    said = [text.get_text() for text in axes.texts]
    assert said == ["larger errors are above the frame"] * bool(drawn.max().max() > inside)


def test_kfold_shows_errors_against_degree_and_strength() -> None:
    run = committed("kfold")
    (axes,) = run.axes("errors")
    table = run.table("errors")
    best = table.loc[table.groupby("degree").cv.idxmin()].reset_index(drop=True)
    check_errors(axes, "degree", best)
    title = "Error against degree, with 95 % intervals"
    assert frame(axes) == (title, "degree", "error", "linear", "linear")
    (axes,) = run.axes("strengths")
    table = run.table("strengths")
    check_errors(axes, "strength", table)
    title = f"Error against strength at degree {table.degree[0]}, with 95 % intervals"
    assert frame(axes) == (title, "strength of the penalty", "error", "log", "linear")


def test_kfold_shows_how_often_each_degree_is_chosen() -> None:
    run = committed("kfold")
    (axes,) = run.axes("choices")
    table = run.table("choices")
    expected = []
    for rule, label, offset in (
        ("minimum", "least error", -0.2),
        ("one_se", "within one standard error", 0.2),
    ):
        counts = sorted(Counter(table[f"{rule}_degree"]).items())
        places = [degree + offset for degree, _ in counts]
        expected.append((label, places, [100 * n / len(table) for _, n in counts]))
    same(columns(axes), expected)
    n = len(table)
    words = ("What single repeats choose", "degree", f"share of {n} repeats (%)")
    assert frame(axes)[:3] == words
    assert axes.get_ylim() == (0, 118)


def test_kfold_shows_intervals_and_their_coverage() -> None:
    run = committed("kfold")
    (axes,) = run.axes("intervals")
    table = run.table("intervals")
    places = np.arange(len(table))[::-1]
    label = "estimate, 95 % interval"
    same(bars(axes), [(label, table.estimate, places, table.ci_low, table.ci_high)])
    assert across(axes) == [("x", table.expected[0])]
    same(ticks(axes.yaxis), list(zip(places, table.kind, strict=True)))
    assert frame(axes)[:2] == ("Three bounds for one error", "error of the chosen model")
    assert legend(axes) == ["true error of this fit", label]
    (axes,) = run.axes("coverage")
    table = run.table("coverage")
    own, expected = (table[table.target == name] for name in ("own_error", "expected_error"))
    same(
        bars(axes),
        [
            (
                label,
                np.arange(3) + offset,
                *(100 * rows[k] for k in ("coverage", "ci_low", "ci_high")),
            )
            for label, offset, rows in (
                ("error of the fit at hand", -0.1, own),
                ("expected error", 0.1, expected),
            )
        ],
    )
    assert across(axes) == [("y", 95)]
    names = [
        f"{kind}\nmedian width {width:.3g}"
        for kind, width in zip(own.kind, own.median_width, strict=True)
    ]
    same(ticks(axes.xaxis), list(enumerate(names)))
    title = f"How often the interval holds the true error, {table.n[0]} data sets"
    assert frame(axes)[:3] == (title, "", "coverage (%)")


def test_bayes_shows_the_predictive_distribution_and_draws() -> None:
    run = committed("bayes")
    (axes,) = run.axes("predictive_band")
    data, band, draws = (run.table(name) for name in ("data", "band", "draws"))
    same(dots(axes), [("data", data.x, data.t)])
    same(bands(axes), [(band.x, band.low, band.high), (band.x, band.mean_low, band.mean_high)])
    same(lines(axes), [("mean", band.x, band["mean"]), ("truth", band.x, band.truth)])
    title = "Predictive distribution, first data set"
    assert frame(axes) == (title, "x", "t", "linear", "linear")
    assert legend(axes) == ["data", "95 % of new points", "95 % of the mean", "mean", "truth"]
    (axes,) = run.axes("posterior_draws")
    same(dots(axes), [("data", data.x, data.t)])
    label = "draws from the posterior"
    drawn = [("" if k else label, one.x, one.y) for k, (_, one) in enumerate(groups(draws, "draw"))]
    same(lines(axes), [*drawn, ("truth", band.x, band.truth)])
    title = "Curves drawn from the posterior, first data set"
    assert frame(axes) == (title, "x", "t", "linear", "linear")
    assert legend(axes) == ["data", label, "truth"]


def test_bayes_shows_ellipses_of_one_and_two_standard_deviations() -> None:
    run = committed("bayes")
    table = run.table("sequential")
    shown = [axes for axes in run.axes("sequential") if axes.axison]
    assert len(shown) == len(table)
    reach = [
        1.1 * (table[f"mean_{k}"].abs() + 2 * np.sqrt(table[f"variance_{k}"])).max() for k in (0, 1)
    ]
    for axes, row in zip(shown, table.itertuples(), strict=True):
        S = np.array([[row.variance_0, row.covariance], [row.covariance, row.variance_1]])
        outlines = [patch.get_xy() for patch in axes.patches]
        for deviations, outline in zip((2, 1), outlines, strict=True):
            gap = outline - [row.mean_0, row.mean_1]
            distance = np.einsum("ni,ij,nj->n", gap, np.linalg.inv(S), gap)
            np.testing.assert_allclose(distance, deviations**2, rtol=1e-6)
            # The ellipse is closed: it reaches its farthest on both sides of each axis.
            for k, std in enumerate(np.sqrt(np.diag(S))):
                ends = gap[:, k].min(), gap[:, k].max()
                assert ends == pytest.approx((-deviations * std, deviations * std), rel=1e-3)
        same(lines(axes), [("", [table.mean_0.iloc[-1]], [table.mean_1.iloc[-1]])])
        assert axes.get_title() == f"{row.n_points} point{'s' * (row.n_points != 1)}"
        assert axes.get_xlim() == pytest.approx((-reach[0], reach[0]))
        assert axes.get_ylim() == pytest.approx((-reach[1], reach[1]))


def test_bayes_shows_evidence_and_cross_validation_against_degree() -> None:
    run = committed("bayes")
    table = run.table("evidence")
    for axes, name, label, best in zip(
        run.axes("evidence"),
        ("log_evidence", "cv_mse"),
        ("log evidence (nats)", "10-fold error"),
        (table.mean_log_evidence.idxmax(), table.mean_cv_mse.idxmin()),
        strict=True,
    ):
        mean = table[f"mean_{name}"]
        same(
            lines(axes),
            [
                ("mean over data sets", table.degree, mean),
                ("first data set", table.degree, table[name]),
                (f"degree {table.degree[best]}", [table.degree[best]], [mean[best]]),
            ],
        )
        same(bands(axes), [band_of(table, "degree", name)])
        assert axes.get_ylabel() == label
        low, high = axes.get_ylim()
        assert low < mean[best] < high
    assert run.axes("evidence")[1].get_xlabel() == "degree"
    assert run.axes("evidence")[0].get_title() == "Evidence and cross-validation against degree"


def test_bayes_shows_the_evidence_around_its_maximum() -> None:
    run = committed("bayes")
    axes, bar = run.axes("evidence_surface")
    table = run.table("evidence_surface")
    best = table.loc[table.log_evidence.idxmax()]
    same(lines(axes), [("maximum", [best.noise_precision], [best.prior_precision])])
    # Along each contour the evidence is that many nats below: interpolated in the table.
    at = table.pivot(index="prior_precision", columns="noise_precision", values="log_evidence")
    filled, drawn = (one for one in axes.collections if hasattr(one, "levels"))
    assert [*drawn.levels] == [-10, -5, -2, -1, -0.5]
    assert [*filled.levels] == [*drawn.levels, 0]
    below = at - best.log_evidence
    for level, path in zip(drawn.levels, drawn.get_paths(), strict=True):
        for beta, alpha in path.vertices[::7]:
            i, j = np.searchsorted(at.index, alpha), np.searchsorted(at.columns, beta)
            corners = below.iloc[max(i - 1, 0) : i + 1, max(j - 1, 0) : j + 1].to_numpy()
            assert corners.min() - 1e-9 <= level <= corners.max() + 1e-9
    names = ("Log evidence, first data set", "noise precision beta", "prior precision alpha")
    assert frame(axes) == (*names, "linear", "log")
    assert bar.get_ylabel() == "nats below the maximum"


def test_bayes_shows_measured_minus_nominal_coverage() -> None:
    run = committed("bayes")
    (axes,) = run.axes("calibration")
    table = run.table("calibration")
    expected = []
    for (method, rows), shift in zip(groups(table, "method"), (-0.09, 0, 0.09), strict=True):
        ends = [100 * (rows[key] - rows.level) for key in ("mean", "ci_low", "ci_high")]
        expected.append((method, np.arange(len(rows)) + shift, *ends))
    same(bars(axes), expected)
    assert across(axes) == [("y", 0)]
    names = [f"{100 * level:g} %" for level in table.level.unique()]
    same(ticks(axes.xaxis), list(enumerate(names)))
    title = f"Coverage of the predictive interval, {table.n[0]} data sets"
    words = (title, "nominal coverage", "measured minus nominal (points)", "linear", "linear")
    assert frame(axes) == words
    assert legend(axes) == [*table.method.unique()]


def test_no_figure_of_the_pipeline_is_empty() -> None:
    for section in ("fit_poly", "bias_variance", "kfold", "bayes"):
        assert not any(map(reason, committed(section).figures.values()))

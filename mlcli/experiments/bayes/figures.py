"""The figures of `bayes`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlcli.experiments.bayes.few_rows_figures import target_law, variance_terms, weights
from mlcli.plotting import (
    COLOURS,
    POINTS,
    TRUTH,
    Array,
    Table,
    distinct,
    new_figure,
    nothing_to_draw,
    numbers,
    read_table,
    shade,
    shortened,
    where,
)

SEVERAL_INPUTS = "Several inputs have no curve along x."
NAME_CHARACTERS = 34
# Nats below the maximum at which contours are drawn.
CONTOURS = (-10.0, -5.0, -2.0, -1.0, -0.5)


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    names = (
        "band",
        "calibration",
        "data",
        "draws",
        "evidence",
        "evidence_surface",
        "lines",
        "sequential",
        "target_law",
        "two_weights",
        "variance_terms",
    )
    tables = {name: read_table(folder / "tables" / f"{name}.csv") for name in names}
    data = tables["data"]
    return {
        "predictive_band": predictive_band(tables["data"], tables["band"]),
        "posterior_draws": posterior_draws(tables["data"], tables["draws"], tables["band"]),
        "weights": weights(tables["two_weights"], tables["lines"], data),
        "target_law": target_law(tables["target_law"], tables["lines"], list(data)),
        "variance_terms": variance_terms(
            tables["variance_terms"], next(iter(data)), several=len(data) > 2
        ),
        "sequential": sequential(tables["sequential"]),
        "evidence": evidence(tables["evidence"]),
        "evidence_surface": evidence_surface(tables["evidence_surface"]),
        "calibration": calibration(tables["calibration"]),
    }


def _points(axes: Axes, data: Table) -> None:
    names = list(data)
    x_name, t_name = names[0], names[-1]
    axes.scatter(
        numbers(data[x_name]),
        numbers(data[t_name]),
        s=9,
        color=POINTS,
        alpha=0.55,
        linewidths=0,
        label="data",
    )
    axes.set_xlabel(x_name)
    axes.set_ylabel(t_name)


def _truth(axes: Axes, band: Table) -> None:
    truth = numbers(band["truth"])
    if truth.size and np.isfinite(truth).all():
        axes.plot(numbers(band["x"]), truth, "--", color=TRUTH, label="truth")


def predictive_band(data: Table, band: Table) -> Figure:
    """Predictive mean, its band for new points and the band of the mean."""
    if not band["x"]:
        return nothing_to_draw(SEVERAL_INPUTS)
    figure = new_figure(7.0, 4.6)
    axes = figure.add_subplot()
    _points(axes, data)
    x = numbers(band["x"])
    shade(axes, x, numbers(band["low"]), numbers(band["high"]), COLOURS[0])
    axes.fill_between([], [], [], color=COLOURS[0], alpha=0.2, label="95 % of new points")
    shade(axes, x, numbers(band["mean_low"]), numbers(band["mean_high"]), COLOURS[1])
    axes.fill_between([], [], [], color=COLOURS[1], alpha=0.3, label="95 % of the mean")
    axes.plot(x, numbers(band["mean"]), color=COLOURS[0], linewidth=1.6, label="mean")
    _truth(axes, band)
    axes.set_title("Predictive distribution, first data set")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=5, fontsize=9)
    return figure


def posterior_draws(data: Table, draws: Table, band: Table) -> Figure:
    """Curves from the posterior."""
    if not draws["x"]:
        reason = "No draws were asked for." if band["x"] else SEVERAL_INPUTS
        return nothing_to_draw(reason)
    figure = new_figure(7.0, 4.6)
    axes = figure.add_subplot()
    _points(axes, data)
    for index, draw in enumerate(distinct(draws["draw"])):
        rows = where(draws, draw=draw)
        label = "draws from the posterior" if index == 0 else None
        x, y = numbers(rows["x"]), numbers(rows["y"])
        axes.plot(x, y, color=COLOURS[0], alpha=0.45, linewidth=1, label=label)
    _truth(axes, band)
    axes.set_title("Curves drawn from the posterior, first data set")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, fontsize=9)
    return figure


def sequential(table: Table) -> Figure:
    """Ellipses of two weights after 0, 1, 2, ... points."""
    if not table["n_points"]:
        return nothing_to_draw("The model has fewer than two weights.")
    n = len(table["n_points"])
    columns = min(4, n)
    rows = -(-n // columns)
    figure = new_figure(8.6, 2.35 * rows + 0.3)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[n:]:
        axes.axis("off")
    means = np.stack([numbers(table["mean_0"]), numbers(table["mean_1"])], axis=1)
    reach = _reach(table)
    several = "name_0" in table
    names = ["first weight", "second weight"]
    if several:
        given = (table[f"name_{k}"][0].replace(r"\$", "$") for k in (0, 1))
        names = [shortened(name, NAME_CHARACTERS).replace("$", r"\$") for name in given]
    for index, axes in zip(range(n), grid.flat, strict=False):
        S = np.array(
            [
                [float(table["variance_0"][index]), float(table["covariance"][index])],
                [float(table["covariance"][index]), float(table["variance_1"][index])],
            ]
        )
        for k, alpha in ((2.0, 0.25), (1.0, 0.45)):
            outline = means[index] + k * _ellipse(S)
            axes.fill(*outline.T, color=COLOURS[0], alpha=alpha, linewidth=0)
        axes.plot(*means[-1], "x", color=TRUTH, markersize=7)
        count = table["n_points"][index]
        axes.set_title("1 point" if count == "1" else f"{count} points", fontsize=10)
        axes.set_xlim(-reach[0], reach[0])
        axes.set_ylim(-reach[1], reach[1])
        axes.label_outer()
    for column in range(columns):
        # The lowest panel of a column carries its labels, also above an empty one.
        lowest = grid[(n - 1 - column) // columns, column]
        lowest.tick_params(labelbottom=True)
        lowest.set_xlabel(names[0], fontsize=9 if several else None)
    for axes in grid[:, 0]:
        axes.set_ylabel(names[1], fontsize=9 if several else None)
    if several:
        n_weights = table["n_weights"][0]
        figure.suptitle(f"Two of {n_weights} weights, whatever the others are", fontsize=11)
    return figure


def _reach(table: Table) -> tuple[float, float]:
    """Room for two standard deviations of the prior and every later mean."""
    sides = []
    for k in "01":
        mean, std = numbers(table[f"mean_{k}"]), np.sqrt(numbers(table[f"variance_{k}"]))
        sides.append(1.1 * float(np.max(np.abs(mean) + 2 * std)))
    return sides[0], sides[1]


def _ellipse(S: Array) -> Array:
    angle = np.linspace(0, 2 * np.pi, 181)
    values, vectors = np.linalg.eigh(S)
    circle = np.stack([np.cos(angle), np.sin(angle)])  # (2, n)
    root = np.sqrt(np.maximum(values, 0.0))
    return np.asarray((vectors * root @ circle).T)


def evidence(table: Table) -> Figure:
    """Log evidence above, cross-validated error below, against degree."""
    degree = numbers(table["degree"])
    if degree.size < 2:
        return nothing_to_draw("One degree has nothing to be compared with.")
    if np.isnan(numbers(table["mean_log_evidence"])).all():
        return nothing_to_draw("The evidence of no degree has a maximum on every data set.")
    figure = new_figure(7.0, 5.4)
    top, bottom = figure.subplots(2, 1, sharex=True)
    _one_curve(top, degree, table, "log_evidence", COLOURS[0], np.nanargmax, "log evidence (nats)")
    if np.isfinite(numbers(table["mean_cv_mse"])).any():
        _one_curve(bottom, degree, table, "cv_mse", COLOURS[1], np.nanargmin, "10-fold error")
    else:
        bottom.axis("off")
        top.tick_params(labelbottom=True)
    (bottom if bottom.axison else top).set_xlabel("degree")
    bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
    top.set_title("Evidence and cross-validation against degree")
    return figure


def _one_curve(
    axes: Axes, degree: Array, table: Table, name: str, colour: str, best: object, label: str
) -> None:
    mean = numbers(table[f"mean_{name}"])
    low, high = numbers(table[f"{name}_ci_low"]), numbers(table[f"{name}_ci_high"])
    axes.plot(degree, mean, "o-", color=colour, markersize=4, label="mean over data sets")
    shade(axes, degree, low, high, colour)
    first = numbers(table[name])
    if not np.allclose(first, mean, equal_nan=True):
        axes.plot(degree, first, ":", color=colour, label="first data set")
    chosen = int(best(mean))  # type: ignore[operator]
    axes.plot(
        degree[chosen],
        mean[chosen],
        "*",
        color=COLOURS[4],
        markersize=15,
        zorder=5,
        label=f"degree {degree[chosen]:.0f}",
    )
    shown = np.concatenate([mean, first])
    shown = shown[np.isfinite(shown)]
    inside = shown[
        np.abs(shown - mean[chosen])
        <= 20 * max(float(np.median(np.abs(shown - mean[chosen]))), 1e-12)
    ]
    margin = 0.15 * (float(np.ptp(inside)) or 1.0)
    axes.set_ylim(float(inside.min()) - margin, float(inside.max()) + margin)
    axes.set_ylabel(label)
    axes.legend(fontsize=9)


def evidence_surface(table: Table) -> Figure:
    """Contours of the log evidence over both precisions."""
    if not table["log_evidence"]:
        return nothing_to_draw("Only the isotropic prior with one noise precision has this map.")
    alphas = np.unique(numbers(table["prior_precision"]))
    betas = np.unique(numbers(table["noise_precision"]))
    values = numbers(table["log_evidence"]).reshape(alphas.size, betas.size)
    below = values - values.max()
    figure = new_figure(7.0, 4.6)
    axes = figure.add_subplot()
    filled = axes.contourf(betas, alphas, below, levels=[*CONTOURS, 0.0], cmap="Blues")
    axes.contour(betas, alphas, below, levels=CONTOURS, colors="black", linewidths=0.5)
    i, j = np.unravel_index(int(values.argmax()), values.shape)
    axes.plot(betas[j], alphas[i], "*", color=COLOURS[4], markersize=15, label="maximum")
    axes.set_yscale("log")
    axes.set_xlabel("noise precision beta")
    axes.set_ylabel("prior precision alpha")
    axes.set_title("Log evidence, first data set")
    figure.colorbar(filled, ax=axes, label="nats below the maximum")
    axes.legend(loc="upper right")
    return figure


def calibration(table: Table) -> Figure:
    """Measured minus nominal coverage of three methods."""
    if not table["method"]:
        return nothing_to_draw("Calibration needs data of known law.")
    figure = new_figure(7.0, 4.4)
    axes = figure.add_subplot()
    methods = distinct(table["method"])
    for method, colour, marker, shift in zip(
        methods, COLOURS, "so^", (-0.09, 0, 0.09), strict=False
    ):
        rows = where(table, method=method)
        level, mean, low, high = (
            100 * numbers(rows[key]) for key in ("level", "mean", "ci_low", "ci_high")
        )
        place = np.arange(level.size) + shift
        axes.errorbar(
            place,
            mean - level,
            yerr=[mean - low, high - mean],
            fmt=marker,
            color=colour,
            capsize=3,
            label=method,
        )
    levels = 100 * numbers(where(table, method=methods[0])["level"])
    axes.set_xticks(range(levels.size), [f"{level:g} %" for level in levels])
    axes.axhline(0, color="black", linewidth=1)
    # Room for the words above the line, whatever the methods do.
    axes.set_ylim(top=axes.get_ylim()[1] + 0.08 * float(np.ptp(axes.get_ylim())))
    axes.annotate(
        "0: as sure as it should be; below: too sure",
        (1.0, 0.0),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=9,
    )
    axes.set_xlabel("nominal coverage")
    axes.set_ylabel("measured minus nominal (points)")
    axes.set_title(f"Coverage of the predictive interval, {table['n'][0]} data sets")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3, fontsize=9)
    return figure

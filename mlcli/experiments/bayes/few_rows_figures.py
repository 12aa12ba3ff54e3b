"""Two weights after few rows, the law of a target, and the two terms of the predictive variance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    shortened,
    where,
)

FEW_WEIGHTS = "The model has fewer than two weights."
NAME_CHARACTERS = 24
PRIOR, LIKELIHOOD, POSTERIOR = POINTS, COLOURS[1], COLOURS[0]
# Of a direction in which the likelihood is level: so many times the width of the picture.
ENDLESS = 100.0
# A density below this share of its highest is not drawn.
TAIL = 0.01
# The plane reaches at most so many times as far as the prior, for a likelihood far from it.
MOST_ROOM = 2.0


def rows_of(n: str) -> str:
    """``1 row``, ``5 rows``."""
    return f"{n} row" if n == "1" else f"{n} rows"


def weights(table: Table, lines: Table, data: Table) -> Figure:
    """Above prior, likelihood and posterior of two weights, below lines from the posterior."""
    if not table["n_points"]:
        return nothing_to_draw(FEW_WEIGHTS)
    n = len(table["n_points"])
    figure = new_figure(max(4.6, 2.25 * n), 5.6)
    grid = figure.subplots(2, n, sharex="row", sharey="row", squeeze=False, height_ratios=(1.1, 1))
    limits = _limits(table)
    for place, count in enumerate(table["n_points"]):
        top, bottom = grid[:, place]
        _plane(top, _numbers_of(table, place), float(np.ptp(limits)))
        top.set_xlim(*limits[0])
        top.set_ylim(*limits[1])
        top.set_title(rows_of(count))
        top.set_xlabel(_name(table, 0))
        _lines(bottom, where(lines, n_points=count), data, int(count))
    grid[0, 0].set_ylabel(_name(table, 1))
    x_name, *_, t_name = data
    for axes in grid[1]:
        axes.set_xlabel(shortened(x_name, NAME_CHARACTERS))
    grid[1, 0].set_ylabel(shortened(t_name, NAME_CHARACTERS))
    _limit(grid[1, 0], lines, data, int(table["n_points"][-1]))
    handles, labels = grid[0, 0].get_legend_handles_labels()
    more_handles, more_labels = grid[1, 0].get_legend_handles_labels()
    handles, labels = handles + more_handles, labels + more_labels
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _name(table: Table, k: int) -> str:
    return f"weight of {shortened(table[f'name_{k}'][0], NAME_CHARACTERS)}"


def _limits(table: Table) -> Array:
    """Room for prior and posteriors, and for most likelihoods that have a maximum, (2, 2)."""
    half = 2.0 * float(table["prior_precision"][0]) ** -0.5
    low, high = np.full(2, -half), np.full(2, half)
    for place in range(len(table["n_points"])):
        one = _numbers_of(table, place)
        b = np.array([one["linear_0"], one["linear_1"]])
        for name, k, most in (("quadratic", 2.0, np.inf), ("likelihood", 1.0, MOST_ROOM * half)):
            outline = _outline(_matrix(one, name), b, k, half)
            if np.ptp(outline, axis=0).max() < ENDLESS * half:
                low = np.minimum(low, np.maximum(outline.min(axis=0), -most))
                high = np.maximum(high, np.minimum(outline.max(axis=0), most))
    margin = 0.06 * (high - low)
    return np.stack([low - margin, high + margin], axis=1)


def _numbers_of(table: Table, place: int) -> dict[str, float]:
    """One row of the table without its texts."""
    texts = {key: column[place] for key, column in table.items()}
    return {key: float(text) for key, text in texts.items() if not key.startswith("name")}


def _plane(axes: Axes, one: dict[str, float], width: float) -> None:
    """One and two standard deviations of each, from the two terms of its exponent."""
    likelihood = _matrix(one, "likelihood")
    prior = one["prior_precision"] * np.eye(2)
    b = np.array([one["linear_0"], one["linear_1"]])
    drawn = (
        ("likelihood", likelihood, b, LIKELIHOOD, True),
        ("prior", prior, np.zeros(2), PRIOR, False),
        ("posterior", _matrix(one, "quadratic"), b, POSTERIOR, True),
    )
    for label, A, linear, colour, filled in drawn:
        for k, alpha in ((2.0, 0.22), (1.0, 0.4)):
            outline = _outline(A, linear, k, width)
            named = label if k == 1.0 else None
            if filled:
                axes.fill(*outline.T, color=colour, alpha=alpha, linewidth=0, label=named)
            else:
                axes.plot(*outline.T, "--", color=colour, linewidth=1.2, label=named)
    mean = [one["mean_0"], one["mean_1"]]
    axes.plot(*mean, "o", color=POSTERIOR, markersize=3.5)


def _matrix(one: dict[str, float], name: str) -> Array:
    off = one[f"{name}_01"]
    return np.array([[one[f"{name}_00"], off], [off, one[f"{name}_11"]]])


def _outline(A: Array, b: Array, k: float, width: float) -> Array:
    """Where -1/2 w^T A w + b^T w is k^2 / 2 below its maximum, (n, 2); a stripe is cut off."""
    values, vectors = np.linalg.eigh(A)
    known = values > 1e-9 * values.max()
    inverse = np.where(known, 1 / np.where(known, values, 1.0), 0.0)
    centre = vectors @ (inverse * (vectors.T @ b))
    axes = np.where(known, np.minimum(k * np.sqrt(inverse), ENDLESS * width), ENDLESS * width)
    angle = np.linspace(0, 2 * np.pi, 721)
    circle = np.stack([np.cos(angle), np.sin(angle)])  # (2, n)
    return np.asarray(centre + (vectors * axes @ circle).T)


def _lines(axes: Axes, lines: Table, data: Table, count: int) -> None:
    x_name, *_, t_name = data
    for name in distinct(lines["line"]):
        one = where(lines, line=name)
        mean = name == "mean"
        axes.plot(
            numbers(one["x"]),
            numbers(one["y"]),
            color=POSTERIOR,
            linewidth=2.2 if mean else 0.9,
            alpha=1.0 if mean else 0.5,
            label="posterior mean" if mean else ("draws" if name == "draw 1" else None),
        )
    axes.scatter(
        numbers(data[x_name][:count]),
        numbers(data[t_name][:count]),
        s=22,
        color="black",
        zorder=5,
        label="rows so far",
    )


def _limit(axes: Axes, lines: Table, data: Table, count: int) -> None:
    """Room for the rows, whatever the wildest line does."""
    t = numbers(list(data.values())[-1][:count])
    low, high = float(t.min()), float(t.max())
    margin = 0.25 * ((high - low) or float(np.ptp(numbers(lines["y"]))) or 1.0)
    axes.set_ylim(low - margin, high + margin)


def target_law(table: Table, lines: Table, names: Sequence[str]) -> Figure:
    """The density of each of the first targets at two pairs of weights."""
    if not table["row"]:
        return nothing_to_draw(FEW_WEIGHTS)
    given = distinct(table["weights"])
    figure = new_figure(7.4, 4.2)
    panels = figure.subplots(1, len(given), sharex=True, sharey=True, squeeze=False)[0]
    x_all = numbers(lines["x"])
    scale = 0.2 * float(np.ptp(x_all)) / _peak(table)
    for axes, name in zip(panels, given, strict=True):
        rows = where(table, weights=name)
        total = float(numbers(rows["log_density"]).sum())
        axes.set_title(f"w = {name}\nln p(t|w) = {total:.2f}")
        x, t, mean = (numbers(rows[key]) for key in ("x", "t", "mean"))
        order = np.argsort(x)
        axes.plot(x[order], mean[order], color=COLOURS[0], linewidth=1.4, label="w . phi(x)")
        precision = float(rows["noise_precision"][0])
        z = np.linspace(-3.03, 3.03, 121)
        density = np.sqrt(precision / (2 * np.pi)) * np.exp(-0.5 * z**2)
        for k in range(x.size):
            at = mean[k] + z / precision**0.5
            axes.plot(
                x[k] + scale * density,
                at,
                color=POINTS,
                linewidth=1.2,
                label=None if k else "N(t | w . phi(x), 1 / beta)",
            )
            axes.plot([x[k], x[k]], at[[0, -1]], color=POINTS, linewidth=0.6)
            axes.plot(
                [x[k], x[k] + scale * float(rows["density"][k])],
                [t[k], t[k]],
                color=COLOURS[1],
                linewidth=2.4,
                label=None if k else "density of the target",
            )
        axes.scatter(x, t, s=22, color="black", zorder=5, label="first rows")
        axes.set_xlabel(shortened(names[0], NAME_CHARACTERS))
    panels[0].set_ylabel(shortened(names[-1], NAME_CHARACTERS))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _peak(table: Table) -> float:
    """The highest density that the law has anywhere."""
    return float(np.sqrt(float(table["noise_precision"][0]) / (2 * np.pi)))


def variance_terms(table: Table, x_name: str, several: bool) -> Figure:
    """Noise and uncertain weights along x, after each number of rows."""
    figure = new_figure(7.2, 4.6)
    axes = figure.add_subplot()
    counts = distinct(table["n_points"])
    noise = float(table["noise"][0])
    x = numbers(where(table, n_points=counts[0])["x"])
    spreads = [numbers(where(table, n_points=count)["weights"]) for count in counts]
    axes.axhline(noise, color=TRUTH, linestyle="--", linewidth=1.8)
    for spread, strength in zip(spreads, np.linspace(0.45, 1.0, len(counts)), strict=True):
        axes.plot(x, spread, color=COLOURS[0], alpha=float(strength), linewidth=1.8)
    axes.set_yscale("log")
    axes.set_xlim(x[0], x[-1])
    place = _apart([*spreads, np.full(x.size, noise)])
    _label(axes, x[place], noise, "noise, 1 / beta", TRUTH)
    for count, spread in zip(counts, spreads, strict=True):
        said = rows_of(count) + (", the prior" if count == "0" else "")
        _label(axes, x[place], float(spread[place]), said, COLOURS[0])
    others = ", other inputs at their means" if several else ""
    axes.set_xlabel(shortened(x_name, NAME_CHARACTERS) + others)
    axes.set_ylabel("variance of t")
    axes.set_title("Predictive variance: noise, and uncertain weights after n rows")
    return figure


def _apart(curves: list[Array]) -> int:
    """Where curves on a logarithmic axis are farthest from each other, away from the edges."""
    every = np.log(np.maximum(np.stack(curves), np.finfo(float).tiny))
    gaps = np.diff(np.sort(every, axis=0), axis=0).min(axis=0)
    edge = gaps.size // 5
    return int(edge + gaps[edge : gaps.size - edge].argmax())


def _label(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    """A name on its curve."""
    if y > 0:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        axes.text(x, y, text, color=colour, fontsize=9, ha="center", va="center", bbox=box)

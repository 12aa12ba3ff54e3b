"""Figures of the linear algebra of a fit, and of a fit that memorises its rows."""

from __future__ import annotations

import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcli.experiments.wording import number
from mlcli.linear.ellipses import outline
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

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
DASHES = ("-", "--")
# Ellipses of more seeds would cover one another.
MOST_OUTLINES = 40
INK = "#000000"
# Number grids: inches of a cell.
CELL_WIDTH, CELL_HEIGHT = 0.73, 0.27
# Degrees with errors above so many times that of the table are not in its picture.
TALLEST = 4.0
UNDER_THE_LAW = "weights under the known law"
NO_ELLIPSES = (
    "No two weights have an ellipse: it takes a fit without a penalty, at least two independent "
    "columns, rows to spare, noise, and rows that are all at hand."
)


def term_label(term: str, name: str) -> str:
    """What a basis function is called: 0, 1, 2 are 1, x and x² of the input's own name.

    A bump or a step is called by its centre, to two digits.
    """
    centred = re.fullmatch(r"(gauss|sigm)\((?:(.*), )?mu=(.*)\)", term)
    if centred:
        kind, owner, centre = centred.groups()
        return f"{kind} {shortened(owner, 8) + ' ' if owner else ''}{float(centre):.2g}"
    if not term.isdigit():
        return shortened(term, 14)
    power = "" if term == "1" else term.translate(SUPERSCRIPTS)
    return "1" if term == "0" else shortened(name, 10) + power


def basis(table: Table, data: Table) -> Figure:
    """The basis functions, and below them the weighted ones with their sum."""
    if not table["x"]:
        return nothing_to_draw("With several inputs a basis function is no curve along x.")
    name, target = next(iter(data)), [one for one in data if one != "part"][-1]
    terms = distinct(table["term"])
    weighted = bool(table["weighted"][0])
    figure = new_figure(7.0, 6.0 if weighted else 3.8)
    panels = figure.subplots(2 if weighted else 1, 1, sharex=True, squeeze=False)[:, 0]
    total: Array | float = 0.0
    for k, term in enumerate(terms):
        rows = where(table, term=term)
        x = numbers(rows["x"])
        style = {
            "color": COLOURS[k % len(COLOURS)],
            "linestyle": DASHES[k // len(COLOURS)],
            "linewidth": 1.5,
        }
        label = term_label(term, name)
        panels[0].plot(x, numbers(rows["phi"]), label=label, **style)
        if weighted:
            product = numbers(rows["weighted"])
            panels[1].plot(x, product, label=label, **style)
            total = total + product
    degree, every = table["degree"][0], int(table["n_columns"][0])
    shown = f"{len(terms)} of its {every}" if len(terms) < every else f"its {every}"
    panels[0].set_title(f"Degree {degree}: {shown} basis functions")
    panels[0].set_ylabel("value of a function")
    if weighted:
        panels[1].plot(x, total, color=INK, linewidth=2.4, label="sum = fit of the first seed")
        panels[1].set_title("Each times its weight, and their sum: the fit")
        panels[1].set_ylabel(target)
    panels[-1].set_xlabel(name)
    handles, labels = panels[-1].get_legend_handles_labels()
    across = max(1, min(5, 60 // (6 + max(len(label) for label in labels[: len(terms)]))))
    figure.legend(handles, labels, loc="outside lower center", ncols=across, fontsize=9)
    return figure


def normal_equations(table: Table, data: Table) -> Figure:
    """Phi, t and their products as grids of numbers, and the weights by both routes."""
    grids = {name: where(table, matrix=name) for name in distinct(table["matrix"])}
    terms = distinct(grids["Phi"]["column"])
    n, p = len(distinct(grids["Phi"]["row"])), len(terms)
    values = {name: numbers(rows["value"]) for name, rows in grids.items()}
    shown = [shortened(term_label(term, next(iter(data))), 10) for term in terms]
    wide = max(9.6, p + 5.7)
    figure = new_figure(wide * CELL_WIDTH, (n + p + 6.6) * CELL_HEIGHT)
    axes = figure.add_subplot()
    axes.axis("off")
    axes.set_xlim(-0.9, wide - 0.9)
    axes.set_ylim(n + p + 4.4, -1.6)

    def grid(left: float, top: float, name: str, heading: str, columns: list[str]) -> None:
        size = len(columns)
        _number_grid(axes, left, top, values[name].reshape(-1, size), columns)
        axes.text(left + size / 2, top - 1.15, heading, ha="center", va="center", fontsize=11)

    grid(0, 0, "Phi", "Φ (4.2), a row for each datum", shown)
    grid(p + 0.7, 0, "t", "t", [""])
    below = n + 2.6
    for k, term in enumerate(shown):
        axes.text(-0.15, below + k + 0.5, term, ha="right", va="center", fontsize=8)
        axes.text(p + 3.3, k + 0.5, term, ha="right", va="center", fontsize=8)
    grid(0, below, "Phi^T Phi", "ΦᵀΦ (4.4)", shown)
    grid(p + 0.7, below, "w by QR", "w", [""])
    axes.text(p + 2.1, below + p / 2, "=", ha="center", va="center", fontsize=13)
    grid(p + 2.5, below, "Phi^T t", "Φᵀt (4.3)", [""])
    _both_routes(axes, p + 3.5, values, n)
    figure.suptitle(f"(ΦᵀΦ) w = Φᵀt in numbers: {n} training rows of the first seed", fontsize=11)
    return figure


def _number_grid(axes: Axes, left: float, top: float, values: Array, columns: list[str]) -> None:
    """Numbers between brackets, each column under its name."""
    rows, size = values.shape
    for k, name in enumerate(columns):
        axes.text(left + k + 0.5, top - 0.35, name, ha="center", fontsize=8, color=POINTS)
        for i in range(rows):
            text = number_text(values[i, k])
            axes.text(left + k + 0.95, top + i + 0.5, text, ha="right", va="center", fontsize=9)
    for x, inwards in ((left - 0.02, 0.12), (left + size + 0.07, -0.12)):
        ends = [top, top, top + rows, top + rows]
        axes.plot([x + inwards, x, x, x + inwards], ends, color=INK, linewidth=1)


def number_text(value: float) -> str:
    """Three digits; a dash where there is no number."""
    if not np.isfinite(value):
        return "–"
    return f"{value:.3g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")


def _both_routes(axes: Axes, left: float, values: dict[str, Array], n: int) -> None:
    """The weights by both routes below each other's digits, and the condition numbers."""
    axes.text(left, -1.15, "w by two routes", fontsize=11, va="center")
    normal, qr = values["w by the normal equations"], values["w by QR"]
    axes.text(left, -0.35, "(4.5)", fontsize=8, color=POINTS)
    axes.text(left + 1.2, -0.35, "Φ = QR", fontsize=8, color=POINTS)
    for k, both in enumerate(zip(normal, qr, strict=True)):
        for place, w in zip((left, left + 1.2), both, strict=True):
            text = f"{w:.5g}" if np.isfinite(w) else "–"
            axes.text(place, k + 0.5, text, fontsize=9, va="center")
    condition, squared = values["condition number"]
    if np.isfinite(squared):
        said = f"cond(Φ) = {number_text(condition)}\ncond(ΦᵀΦ) = {number_text(squared)}, its square"
    else:
        said = "ΦᵀΦ has no inverse\nto working precision"
    axes.text(left - 0.9, n - 0.5, said, fontsize=9, va="center")


def ellipses(table: Table, data: Table) -> Figure:
    """Error bars of two weights at once, for a few pairs."""
    if not table["first"]:
        return nothing_to_draw(NO_ELLIPSES)
    pairs = list(dict.fromkeys(zip(table["first"], table["second"], strict=True)))
    columns = min(2, len(pairs))
    lines = -(-len(pairs) // columns)
    figure = new_figure(3.5 * columns + (3.5 if columns == 1 else 0), 3.2 * lines + 0.5)
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat[len(pairs) :]:
        axes.axis("off")
    for axes, (first, second) in zip(grid.flat, pairs, strict=False):
        rows = where(table, first=first, second=second)
        _pair(axes, rows)
        for name, text in (("x", first), ("y", second)):
            label = f"weight of {term_label(text, next(iter(data)))}"
            getattr(axes, f"set_{name}label")(label)
    kinds = set(table["kind"])
    figure.suptitle(
        "Error bars of two weights at once: 95 % ellipses of independent data sets"
        if "seed" in kinds
        else "Error bars of two weights at once, first seed",
        fontsize=11,
    )
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _pair(axes: Axes, rows: Table) -> None:
    """The first seed's ellipses, and the other seeds' with what they should hold."""
    (fit,) = _laws(where(rows, kind="fit"))
    seeds, resamples = where(rows, kind="seed"), where(rows, kind="resample")
    labelled = set()
    for k, (w, C, radii) in enumerate(_laws(seeds)[:MOST_OUTLINES]):
        misses = seeds["holds_95"][k] == "0"
        colour = COLOURS[1] if misses else COLOURS[0]
        label = "95 %, misses them" if misses else "95 %, holds the weights under the law"
        axes.plot(
            *outline(w, C, radii[1]).T,
            color=colour,
            linewidth=1.2 if misses else 0.8,
            alpha=1.0 if misses else 0.45,
            label=None if label in labelled else label,
        )
        labelled.add(label)
    for points, colour, size, label in (
        (seeds, INK, 10, "weights of a data set"),
        (resamples, POINTS, 7, "weights of resampled rows"),
    ):
        if points["w_first"]:
            axes.scatter(
                numbers(points["w_first"]),
                numbers(points["w_second"]),
                s=size,
                color=colour,
                linewidths=0,
                label=label,
                zorder=3,
            )
    w, C, radii = fit
    for radius, alpha, label in ((radii[1], 0.2, "95 %"), (radii[0], 0.35, "68 %")):
        name = f"{label}, first seed"
        axes.fill(*outline(w, C, radius).T, color=COLOURS[0], alpha=alpha, linewidth=0, label=name)
    truth = where(rows, kind="truth")
    if truth["w_first"]:
        at = numbers(truth["w_first"]), numbers(truth["w_second"])
        axes.plot(
            *at, "x", color=TRUTH, markersize=9, markeredgewidth=2, label=UNDER_THE_LAW, zorder=4
        )
    axes.set_title(_share_inside(seeds if seeds["kind"] else resamples), fontsize=9)


def _laws(rows: Table) -> list[tuple[Array, Array, tuple[float, float]]]:
    """w, covariance and the two radii of each row."""
    columns = (
        numbers(rows[name])
        for name in (
            "w_first",
            "w_second",
            "variance_first",
            "covariance",
            "variance_second",
            "radius_68",
            "radius_95",
        )
    )
    return [
        (np.array([a, b]), np.array([[u, c], [c, v]]), (r, s))
        for a, b, u, c, v, r, s in zip(*columns, strict=True)
    ]


def _share_inside(rows: Table) -> str:
    """How many are held, beside how many should be."""
    n = len(rows["kind"])
    if not n:
        return "from the formula alone"
    inside = {level: rows[f"holds_{level}"].count("1") for level in (68, 95)}
    return "\n".join(
        f"{level} %: {count} of {n} held, {level * n / 100:.3g} expected"
        for level, count in inside.items()
    )


def memorised(table: Table, law: Table, errors: Table, data: Table) -> Figure:
    """A table of rows along x, and its errors beside those of the fits."""
    along, scored = bool(table["x"]), bool(errors["mean"])
    if not scored:
        return nothing_to_draw("A file that is read in batches is not memorised.")
    below = 1.3 + 0.5 * len(distinct(errors["model"]))
    heights = [3.0, below] if along else [below]
    figure = new_figure(7.0, sum(heights))
    grid = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)
    panels = list(grid[:, 0])
    if along:
        _staircase(panels[0], table, law, data)
    _errors_of_memory(panels[-1], errors)
    return figure


def _staircase(axes: Axes, table: Table, law: Table, data: Table) -> None:
    x, t, left, right = (numbers(table[name]) for name in ("x", "t", "left", "right"))
    steps = np.stack([left, right], axis=1).ravel(), np.repeat(t, 2)
    axes.plot(*steps, color=COLOURS[1], linewidth=1.5, label="table, read at the nearest row")
    axes.plot(x, t, "o", color=POINTS, markersize=5, label="training rows", zorder=3)
    if law["x"]:
        along, truth = numbers(law["x"]), numbers(law["truth"])
        near = np.linspace(left[0], right[-1], 101)
        axes.plot(
            near,
            np.interp(near, along, truth),
            "--",
            color=TRUTH,
            linewidth=1.8,
            label="underlying regularity",
        )
    names = [name for name in data if name != "part"]
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[-1])
    axes.set_title(f"A table passes through every row: the middle {x.size}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, fontsize=9)


def _errors_of_memory(axes: Axes, errors: Table) -> None:
    """Training and test error of the table and of the fits, with intervals."""
    top = TALLEST * np.nanmax(numbers(where(errors, model=errors["model"][0])["mean"]))
    high = {
        model
        for model, mean in zip(errors["model"], numbers(errors["mean"]), strict=True)
        if not mean <= top
    }
    labels = [model for model in distinct(errors["model"]) if model not in high]
    for name, colour, marker, offset in (
        ("train", COLOURS[0], "o", -0.12),
        ("test", COLOURS[1], "^", 0.12),
    ):
        every = where(errors, part=name)
        kept = [i for i, model in enumerate(every["model"]) if model in labels]
        if not kept:
            continue
        mean, low, high_end = (numbers(every[key])[kept] for key in ("mean", "low", "high"))
        y = np.array([labels.index(every["model"][i]) for i in kept]) + offset
        bars = [np.nan_to_num(mean - low), np.nan_to_num(high_end - mean)]
        axes.errorbar(
            mean, y, xerr=bars, fmt=marker, color=colour, capsize=4, label=f"{name} error"
        )
        for value, place in zip(mean, y, strict=True):
            axes.annotate(
                number(value),
                (value, place),
                (0, 5 if name == "train" else -5),
                textcoords="offset points",
                fontsize=8,
                ha="center",
                va="bottom" if name == "train" else "top",
                color=colour,
            )
    expected = where(errors, part="expected")
    if expected["mean"]:
        at = float(expected["mean"][0])
        axes.axvline(at, color=TRUTH, linestyle="--", label="to expect of the table")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(left=-0.04 * max(axes.get_xlim()[1], 1e-300))
    beyond = ", ".join(model for model in distinct(errors["model"]) if model in high)
    axes.set_xlabel("mean squared error" + (f" ({beyond}: beyond the frame)" if beyond else ""))
    axes.set_title("Errors of the table and of fits, means over seeds with 95 % intervals")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=3, fontsize=9)

"""The figures of `logistic` in the plane of two features: boundary, densities, posterior."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from mlcli.plotting import (
    COLOURS,
    Array,
    Table,
    distinct,
    new_figure,
    nothing_to_draw,
    numbers,
    shortened,
    where,
)

MARKERS = "o^sDvP*Xhd"
# From the first class to the second, white where the model can't tell.
TWO = LinearSegmentedColormap.from_list("two", [COLOURS[0], "#FFFFFF", COLOURS[1]])
LEVELS = np.linspace(0, 1, 11)
# Contours of a density, as shares of its largest value.
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
NO_PLANE = "There are no two features that vary: no plane to draw a boundary in."
NO_DENSITIES = "No densities: more than 25 classes, or features that are flat within a class."
MOST_LETTERS, MOST_LEGEND_LETTERS, MOST_IN_PLANE = 24, 78, 12


def boundary(table: Table, borders: Table, points: Table, counts: Table) -> Figure:
    """Probability and decision over a plane, with test rows.

    `borders` has the lines of the first seed, for more classes than have scores in `table`.
    """
    if not table["x"]:
        return nothing_to_draw(NO_PLANE)
    classes = distinct(counts["class"])
    x, y = (np.unique(numbers(table[key])) for key in ("x", "y"))
    shape = (y.size, x.size)
    called = np.array([classes.index(name) for name in table["class"]]).reshape(shape)
    A = _activations(table, len(classes), shape)
    figure = new_figure(6.4, 4.8)
    axes = figure.add_subplot()
    axes.grid(visible=False)
    if len(classes) == 2:
        p = numbers(table["probability"]).reshape(shape)
        filled = axes.contourf(x, y, p, levels=LEVELS, cmap=TWO, alpha=0.55)
        bar = f"probability of class {shortened(classes[1], MOST_LETTERS)}"
        figure.colorbar(filled, ax=axes, label=bar)
    elif A is None:
        hues = [_hue(k) for k in range(len(classes))]
        axes.contourf(
            x, y, called, levels=np.arange(len(classes) + 1) - 0.5, colors=hues, alpha=0.25
        )
    else:
        _fill_areas(axes, x, y, A)
    if A is None and borders["seed"]:
        first = where(borders, seed=borders["seed"][0])
        axes.plot(*_with_gaps(first), color="black", linewidth=1.2)
        _fix_limits([axes], x, y)
    for border, level in () if A is None else _borders(A, called):
        # The lines of a negative level would be dashed.
        axes.contour(
            x, y, border, levels=[level], colors="black", linewidths=1.2, linestyles="solid"
        )
    if A is not None and len(classes) > 2:
        _name_areas(axes, x, y, A, classes)
    _rows(axes, points, classes, 4.5)
    _name_axes(axes, points)
    axes.set_title("Decision boundary in the plane of two features")
    _legend_below(axes, classes)
    return figure


def densities(table: Table, points: Table, counts: Table) -> Figure:
    """Contours of the class densities, and the log odds or the largest score from them."""
    if not table["x"]:
        return nothing_to_draw(NO_DENSITIES if points["x"] else NO_PLANE)
    classes = distinct(counts["class"])
    x, y, by = _grids(table, classes, ("log_density", "score"))
    figure = new_figure(8.6, 4.6)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    known = table["law"][0] == "known"
    for k, name in enumerate(classes):
        density = np.exp(np.nan_to_num(by["log_density"][k], nan=-np.inf))
        top = float(density.max())
        if np.ptp(density) > 0:
            levels = [share * top for share in SHARES if share * top > density.min()]
            left.contourf(x, y, density, levels=[*levels, 1.01 * top], cmap=_growing(_hue(k)))
            left.contour(x, y, density, levels=levels, colors=_hue(k), linewidths=0.8)
        if _have_space(classes):
            _name_area(left, x, y, density, name, k)
    _rows(left, points, classes, 3.0)
    left.set_title("p(x|C_k), " + ("as the rows are drawn" if known else "as normal classes"))
    if len(classes) == 2:
        _log_odds(right, x, y, by["score"][1] - by["score"][0], classes)
    else:
        _fill_areas(right, x, y, by["score"])
        _draw_borders(right, x, y, by["score"], color="black", linewidth=1.6)
        _name_areas(right, x, y, by["score"], classes)
        right.set_title("the largest a_k = ln p(x|C_k) p(C_k)")
    for axes in (left, right):
        axes.grid(visible=False)
        _name_axes(axes, points)
    right.set_ylabel("")
    if not _have_space(classes):
        _legend_of(figure, left, classes)
    return figure


def posteriors(table: Table, borders: Table, points: Table, counts: Table) -> Figure:
    """The posterior from the densities and that of the fit, with the boundaries of several seeds.

    `borders` has their lines, point by point.
    """
    if not table["x"]:
        return nothing_to_draw(NO_DENSITIES if points["x"] else NO_PLANE)
    classes = distinct(counts["class"])
    x, y, by = _grids(table, classes, ("score", "posterior", "fitted"))
    figure = new_figure(8.8, 4.6)
    both = figure.subplots(1, 2, sharex=True, sharey=True)
    known = table["law"][0] == "known"
    law = "exact" if known else "of normal classes"
    for axes, name in zip(both, ("posterior", "fitted"), strict=True):
        axes.grid(visible=False)
        if len(classes) == 2:
            axes.contourf(x, y, by[name][1], levels=LEVELS, cmap=TWO, alpha=0.55)
        else:
            _fill_areas(axes, x, y, by[name])
        _name_axes(axes, points)
    if len(classes) == 2:
        bar = ScalarMappable(Normalize(0, 1), TWO)
        label = f"probability of class {shortened(classes[1], MOST_LETTERS)}"
        figure.colorbar(bar, ax=both, label=label, alpha=0.55)
    left, right = both
    seeds = distinct(borders["seed"])
    for place, seed in enumerate(seeds):
        told = f"fits of {len(seeds)} seeds" if place == 0 else None
        right.plot(
            *_with_gaps(where(borders, seed=seed)),
            color=COLOURS[2],
            linewidth=0.9,
            alpha=0.8,
            label=told,
        )
    for axes in both:
        _draw_borders(axes, x, y, by["score"], color="black", linewidth=2.0, label=law)
    _fix_limits(both, x, y)
    right.set_ylabel("")
    left.set_title(f"{law[0].upper()}{law[1:]}, from the densities")
    right.set_title("Fit of the first seed")
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, fontsize=9)
    if len(classes) > 2:
        _name_areas(left, x, y, by["score"], classes)
        if not _have_space(classes):
            _rows(left, points, classes, 3.0)
            _legend_of(figure, left, classes)
    return figure


def _log_odds(axes: Axes, x: Array, y: Array, a: Array, classes: list[str]) -> None:
    """Contours of ln odds, (5.4), with their values; that of 0 is the boundary."""
    finite = a[np.isfinite(a)]
    if not finite.size or not np.ptp(finite) > 0:
        return
    low, high = float(finite.min()), float(finite.max())
    step = _round_step((high - low) / 9)
    levels = step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
    lines = axes.contour(
        x,
        y,
        a,
        levels=levels,
        colors=[COLOURS[1] if v > 0 else COLOURS[0] if v < 0 else "black" for v in levels],
        linewidths=[2.0 if v == 0 else 1.0 for v in levels],
        linestyles="solid",
    )
    axes.clabel(lines, fmt=lambda value: f"{value:g}", fontsize=9, colors="black")
    first, second = (shortened(name, 12) for name in (classes[1], classes[0]))
    axes.set_title(f"ln odds a(x) of {first} against {second}")


def _round_step(step: float) -> float:
    """1, 2 or 5 times a power of ten, at least `step`."""
    power = 10.0 ** np.floor(np.log10(step))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= step * 0.999))


def _activations(table: Table, n_classes: int, shape: tuple[int, ...]) -> Array | None:
    """a_k over the plane, (K, ny, nx); None where the table has none."""
    if n_classes == 2 and "score_1" in table:
        a = numbers(table["score_1"]).reshape(shape)
        return np.stack([np.zeros_like(a), a])
    if f"score_{n_classes - 1}" not in table:
        return None
    return np.stack([numbers(table[f"score_{k}"]).reshape(shape) for k in range(n_classes)])


def _grids(
    table: Table, classes: list[str], names: tuple[str, ...]
) -> tuple[Array, Array, dict[str, Array]]:
    """Places and, by name, the values of each class over them, (K, ny, nx)."""
    x, y = (np.unique(numbers(table[key])) for key in ("x", "y"))
    shape = (len(classes), y.size, x.size)
    return x, y, {name: numbers(table[name]).reshape(shape) for name in names}


def _margin(A: Array, k: int) -> Array:
    """By how much a_k is above the largest of the others, (ny, nx)."""
    return np.asarray(A[k] - np.delete(A, k, axis=0).max(axis=0))


def _fill_areas(axes: Axes, x: Array, y: Array, A: Array) -> None:
    """The colour of the class with the largest a_k, with edges as smooth as a_k."""
    for k in range(len(A)):
        margin = _margin(A, k)
        top = float(np.nanmax(margin))
        if top > 0:
            axes.contourf(x, y, margin, levels=[0.0, top], colors=[_hue(k)], alpha=0.25)


def _borders(A: Array, called: Array) -> Iterator[tuple[Array, float]]:
    """Heights and a level whose contour is a border between the areas of predicted classes."""
    for k in range(1, len(A)):
        # One class and those before it against the classes after: each border is drawn.
        beyond = called >= k
        if len(np.unique(beyond)) < 2:
            continue
        margin = A[k:].max(axis=0) - A[:k].max(axis=0)
        # Of two classes the threshold p_0 need not be where they are equally likely.
        level = float(margin[~beyond].max() + margin[beyond].min()) / 2 if len(A) == 2 else 0.0
        yield margin, level


def _draw_borders(
    axes: Axes, x: Array, y: Array, A: Array, color: str, linewidth: float, label: str = ""
) -> None:
    """Lines where the largest score is that of two classes."""
    for k in range(1, len(A)):
        margin = A[k:].max(axis=0) - A[:k].max(axis=0)
        if np.nanmin(margin) < 0 < np.nanmax(margin):
            axes.contour(x, y, margin, levels=[0.0], colors=color, linewidths=linewidth)
    if label:
        axes.plot([], [], color=color, linewidth=linewidth, label=label)


def _with_gaps(rows: dict[str, list[str]]) -> tuple[Array, Array]:
    """The lines of one seed as one curve, with a gap where a line ends."""
    x, y, line = (numbers(rows[key]) for key in ("x", "y", "line"))
    ends = np.flatnonzero(np.diff(line)) + 1
    return np.insert(x, ends, np.nan), np.insert(y, ends, np.nan)


def _rows(axes: Axes, points: Table, classes: list[str], size: float) -> None:
    """Test rows, each class with its colour and marker."""
    for k, name in enumerate(classes):
        rows = where(points, **{"class": name})
        axes.plot(
            numbers(rows["x"]),
            numbers(rows["y"]),
            MARKERS[k % len(MARKERS)],
            color=_hue(k),
            markersize=size,
            markeredgecolor="white",
            markeredgewidth=size / 9,
            label=f"class {shortened(name, MOST_LETTERS)}",
        )


def _have_space(classes: list[str]) -> bool:
    """Whether the names of the classes can stand side by side in a plane."""
    return len(classes) <= 5 or max(map(len, classes)) <= 4


def _name_areas(axes: Axes, x: Array, y: Array, A: Array, classes: list[str]) -> None:
    """The names of the classes in their areas, where there is space for them."""
    for k, name in enumerate(classes if _have_space(classes) else []):
        _name_area(axes, x, y, _margin(A, k), name, k)


def _name_area(axes: Axes, x: Array, y: Array, height: Array, name: str, k: int) -> None:
    """A class's name where the height is largest, inside the frame; nowhere if it is below 0."""
    if not np.isfinite(height).any() or not np.nanmax(height) > 0:
        return
    i, j = np.unravel_index(int(np.nanargmax(height)), height.shape)
    across, up = j / max(x.size - 1, 1), i / max(y.size - 1, 1)
    text = axes.text(
        0.04 + 0.92 * across,
        0.05 + 0.9 * up,
        shortened(name, MOST_IN_PLANE),
        transform=axes.transAxes,
        ha="left" if across < 0.25 else "right" if across > 0.75 else "center",
        va="center",
        color=_hue(k),
        fontweight="bold",
    )
    text.set_path_effects([patheffects.withStroke(linewidth=3, foreground="white")])


def _name_axes(axes: Axes, points: Table) -> None:
    axes.set_xlabel(shortened(points["x_name"][0], 40))
    axes.set_ylabel(shortened(points["y_name"][0], 32))


def _fix_limits(every: Iterable[Axes], x: Array, y: Array) -> None:
    for axes in every:
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(y[0], y[-1])


def _legend_below(axes: Axes, classes: list[str]) -> None:
    """As many columns of classes as their names leave space for."""
    if len(classes) > 20:
        return
    columns = _columns(classes, MOST_LEGEND_LETTERS)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=columns, fontsize=9)


def _legend_of(figure: Figure, axes: Axes, classes: list[str]) -> None:
    """The classes of one of its axes below the whole figure."""
    handles, labels = axes.get_legend_handles_labels()
    kept = [(one, text) for one, text in zip(handles, labels, strict=True) if "class " in text]
    columns = _columns(classes, MOST_LEGEND_LETTERS + 30)
    of_classes, names = [one for one, _ in kept], [text for _, text in kept]
    figure.legend(of_classes, names, loc="outside lower center", ncols=columns, fontsize=9)


def _columns(classes: list[str], letters: int) -> int:
    longest = min(max(map(len, classes)), MOST_LETTERS) + len("class ") + 4
    return max(1, min(5, letters // longest))


def _hue(k: int) -> str:
    return COLOURS[k % len(COLOURS)]


def _growing(colour: str) -> LinearSegmentedColormap:
    """From nothing to half of a colour."""
    return LinearSegmentedColormap.from_list("growing", [(colour, 0.08), (colour, 0.55)])

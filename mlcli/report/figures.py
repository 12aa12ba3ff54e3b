"""Figures beside those of an experiment: curves of compared runs, the description of a data set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcli.errors import DataError
from mlcli.experiments import about
from mlcli.experiments.experiment import Curve
from mlcli.plotting import (
    COLOURS,
    METADATA,
    Table,
    distinct,
    new_figure,
    numbers,
    read_table,
    save,
    shade,
    shortened,
    styled,
    where,
)

# More curves of one run than this can't be told apart.
MOST_GROUPS = 4
LINES = ("-", "--", ":", "-.")
PANEL = (6.4, 3.6)
MOST_PANELS = 12
ACROSS = 4
TITLE_CHARACTERS = 60
NAME_CHARACTERS = 24
VALUE_CHARACTERS = 12
CORRELATED_CHARACTERS = 10


def overlaid(section: str, runs: Sequence[tuple[str, Path]]) -> list[tuple[str, str, bytes]]:
    """Every curve that all runs have: ``(title, remark, PNG)``.

    Args:
        section: of the command.
        runs: label and folder of each.

    Raises:
        DataError: a table of one of them is no table, or holds no numbers where a curve has some.
    """
    found = []
    for curve in about(section).curves:
        try:
            tables = [(label, _read(folder, curve)) for label, folder in runs]
            present = [(label, table) for label, table in tables if table is not None]
            if len(present) == len(runs):
                found.append(_drawn(curve, present))
        except Exception as error:
            # Drawing meets whatever a damaged table holds, and raises almost anything.
            places = " or ".join(str(folder / "tables" / f"{curve.file}.csv") for _, folder in runs)
            raise DataError(
                f"{places} can't be drawn ({type(error).__name__}: {error})", hint="the run again"
            ) from error
    return found


def _read(folder: Path, curve: Curve) -> Table | None:
    """The columns of a curve; None where the run has no such file or no such number."""
    path = folder / "tables" / f"{curve.file}.csv"
    if not path.is_file():
        return None
    table = read_table(path)
    if not {curve.x, curve.y, *curve.by} <= table.keys() or not any(table[curve.y]):
        return None
    return table


def _drawn(curve: Curve, tables: Sequence[tuple[str, Table]]) -> tuple[str, str, bytes]:
    with styled():
        figure = new_figure(*PANEL)
        axes = figure.add_subplot()
        groups = [_groups(table, curve) for _, table in tables]
        shown = _shown(groups)
        for i, (label, table) in enumerate(tables):
            colour = COLOURS[i % len(COLOURS)]
            for words in groups[i]:
                if words in shown or len(groups[i]) == 1:
                    line = LINES[shown.index(words) % len(LINES)] if words in shown else "-"
                    rows = where(table, **dict(zip(curve.by, words, strict=True)))
                    name = " ".join(word for word in (label, *words) if word)
                    _line(axes, rows, curve, name, colour, line)
        axes.set(xlabel=curve.x.replace("_", " "), ylabel=curve.y.replace("_", " "))
        if curve.log_x:
            axes.set_xscale("log")
        if curve.log_y:
            axes.set_yscale("log")
        axes.legend(fontsize=8)
        content = BytesIO()
        figure.savefig(content, format="png", metadata=METADATA["png"])
    n_groups = len({words for one in groups for words in one})
    left_out = n_groups - len(shown)
    remark = f"The first {len(shown)} of {n_groups} curves." if left_out > 0 else ""
    title = f"{curve.y} against {curve.x}, with 95 % bands".replace("_", " ")
    return title, remark, content.getvalue()


def _groups(table: Table, curve: Curve) -> list[tuple[str, ...]]:
    if not curve.by:
        return [()]
    joined = ["\0".join(words) for words in zip(*(table[name] for name in curve.by), strict=True)]
    return [tuple(one.split("\0")) for one in distinct(joined)]


def _shown(groups: Sequence[Sequence[tuple[str, ...]]]) -> list[tuple[str, ...]]:
    """The groups to draw: those of all runs first."""
    every = list(dict.fromkeys(words for one in groups for words in one))
    common = [words for words in every if all(words in one for one in groups)]
    rest = [words for words in every if words not in common]
    return (common + rest)[:MOST_GROUPS]


def _line(axes: Axes, rows: Table, curve: Curve, name: str, colour: str, line: str) -> None:
    x, y = numbers(rows[curve.x]), numbers(rows[curve.y])
    kept = np.isfinite(x) & np.isfinite(y)
    if curve.log_x:
        kept &= x > 0
    order = np.argsort(x[kept], kind="stable")
    x, y = x[kept][order], y[kept][order]
    marker = "." if x.size <= 30 else ""
    axes.plot(x, y, line, color=colour, label=name, linewidth=1.4, marker=marker, markersize=4)
    if set(curve.band) <= rows.keys():
        low, high = (numbers(rows[column])[kept][order] for column in curve.band)
        # A band that reaches 0 or below has no end on a logarithmic axis: the curve is its end.
        low = np.where(low > 0, low, y) if curve.log_y else low
        shade(axes, x, low, high, colour)


def draw_description(found: Mapping[str, Any], path: Path) -> None:
    """Draw what a file holds into a PNG, SVG or PDF file; `description` has what."""
    with styled():
        save(description(found), path)


def description(found: Mapping[str, Any]) -> Figure:
    """What a file holds: the target first, then the other columns in their order.

    Columns of one value are not drawn. Where not all others fit, the title says how many are shown.

    Args:
        found: as `datasets.describe.describe_table` gives it.
    """
    target = (found["target"] or {}).get("name")
    columns = [one for one in found["columns"] if one["n_distinct"] > 1]
    columns.sort(key=lambda one: one["name"] != target)
    matrix = found["correlations"]["matrix"]
    panels = columns[: MOST_PANELS - bool(matrix)]
    n = len(panels) + bool(matrix)
    across, down = min(ACROSS, max(n, 1)), max(1, math.ceil(n / ACROSS))
    figure = new_figure(2.6 * across, 2.1 * down + 0.3)
    grid = np.atleast_1d(figure.subplots(down, across)).ravel()
    for axes in grid[n:]:
        axes.axis("off")
    for axes, one in zip(grid, panels, strict=False):
        _column(axes, one, COLOURS[1] if one["name"] == target else COLOURS[0])
    if matrix:
        _correlations(grid[n - 1], found["correlations"])
    title = _short(f"{found['file']}: {found['n_rows']} rows", TITLE_CHARACTERS)
    if len(panels) < len(found["columns"]):
        title += f"\n{len(panels)} of {len(found['columns'])} columns"
    figure.suptitle(title, fontsize=11)
    return figure


def _short(text: str, most: int) -> str:
    """At most so many characters, in which no dollar sign starts a formula."""
    return shortened(text, most).replace("$", r"\$")


def _column(axes: Axes, one: Mapping[str, Any], colour: str) -> None:
    axes.set_title(_short(one["name"], NAME_CHARACTERS), fontsize=9)
    axes.tick_params(labelsize=7)
    bars = one.get("histogram")
    if bars:
        edges = np.array(bars["edges"])
        axes.bar(edges[:-1], bars["counts"], np.diff(edges), align="edge", color=colour)
        return
    frequent = one.get("most_frequent") or []
    labels = [_short(value["value"], VALUE_CHARACTERS) for value in frequent]
    places = np.arange(len(labels))
    axes.barh(places, [value["n"] for value in frequent], color=colour)
    axes.set_yticks(places, labels)
    axes.invert_yaxis()


def _correlations(axes: Axes, pairs: Mapping[str, Any]) -> None:
    r = np.array([[np.nan if v is None else v for v in row] for row in pairs["matrix"]])
    image = axes.imshow(r, vmin=-1, vmax=1, cmap="RdBu_r")
    axes.grid(False)
    names = [_short(name, CORRELATED_CHARACTERS) for name in pairs["names"]]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
    axes.set_yticks(range(len(names)), names, fontsize=6)
    axes.set_title("correlations of features", fontsize=9)
    axes.figure.colorbar(image, ax=axes, shrink=0.8).ax.tick_params(labelsize=6)

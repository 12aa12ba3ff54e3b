"""What a reader of the report can move: what is known after more and more rows."""

from __future__ import annotations

from dataclasses import replace
from math import log, sqrt
from pathlib import Path

import numpy as np

from mlcli.experiments.explore import (
    Colour,
    Control,
    Explorable,
    Mark,
    Panel,
    State,
    log_span,
    span,
)
from mlcli.plotting import Array, Table, distinct, numbers, read_table, shortened, where

# Where the reader begins: the posterior is far from the prior, and wide.
START = "5"
NAME_CHARACTERS = 24
MOST_POINTS = 350
# Standard deviations of the 95 % interval of one weight.
INTERVAL = 1.959964
# Percent of a posterior -> the series that shows them.
SHARES: dict[int, Colour] = {68: 0, 95: 5}
# The prior's band may be far wider than the data: so many times their range is shown beyond them.
MARGIN = 1.0
PRIOR: Colour = "points"
MEAN, WEIGHTS, NOISE, DRAWN = 0, 1, 2, 4


def explorables(folder: Path) -> list[Explorable]:
    """Two weights, the curve and the variance after each number of rows.

    Empty of a model with fewer than two uncertain weights, or with too many columns.
    """
    places = [folder / "tables" / f"{name}.csv" for name in ("rows_seen", "rows_seen_curves")]
    if not all(place.exists() for place in places):
        return []
    table, curves = (read_table(place) for place in places)
    data = read_table(folder / "tables" / "data.csv")
    counts = distinct(table["n_points"])
    if len(counts) < 2:
        return []
    states: dict[tuple[int, ...], State] = {}
    for i, count in enumerate(counts):
        along = where(curves, n_points=count)
        marks = [_weights(table, i), _curves(along, data, int(count))]
        marks.append([_line(along, "weights", WEIGHTS, "variance of the mean, from the weights")])
        states[(i,)] = State(marks, _says(table, i))
    start = counts.index(START) if START in counts[:-1] else len(counts) - 2
    return [
        Explorable(
            name="rows",
            title="What is known after so many rows",
            lead="Begin without rows and add them: what do the weights and the band do?",
            controls=[Control("rows seen", counts)],
            panels=_panels(table, curves, data, counts[0]),
            states=states,
            start=(start,),
        )
    ]


def _panels(table: Table, curves: Table, data: Table, first: str) -> list[Panel]:
    outlines = [_outline(table, i, max(SHARES)) for i in range(len(table["n_points"]))]
    true = [numbers(table[f"true_{k}"]) for k in (0, 1)]
    *inputs, t_name = (shortened(_plain(name), NAME_CHARACTERS) for name in data)
    x_name = inputs[0] + (", other inputs at their means" if _several(data) else "")
    ends = span(numbers(curves["x"]), margin=0.02)
    before = where(curves, n_points=first)
    prior = replace(_line(before, "weights", PRIOR, ""), dashed=True)
    noise = _line(before, "noise", NOISE, "variance of the noise, 1 / beta")
    names = [shortened(_plain(table[f"name_{k}"][0]), NAME_CHARACTERS) for k in (0, 1)]
    n_weights = table["n_weights"][0]
    return [
        Panel(
            "Two weights" + (f" of {n_weights}" if n_weights != "2" else ""),
            names[0],
            names[1],
            span(*(outline[0] for outline in outlines), true[0]),
            span(*(outline[1] for outline in outlines), true[1]),
            fixed=[Mark("line", *outlines[0], colour=PRIOR, label="prior", dashed=True)],
        ),
        Panel("Prediction with its 95 % band", x_name, t_name, ends, _height(curves, data)),
        Panel(
            f"Variance of {t_name}, log scale",
            x_name,
            "variance",
            ends,
            log_span(numbers(curves["weights"]), numbers(curves["noise"])),
            fixed=[prior, noise],
            log_y=True,
        ),
    ]


def _several(data: Table) -> bool:
    return len(data) > 2


def _plain(name: str) -> str:
    """A name as the data have it, not as matplotlib takes it."""
    return name.replace(r"\$", "$")


def _height(curves: Table, data: Table) -> tuple[float, float]:
    """Room for rows, bands and the truth, where these don't leave the rows far behind."""
    t = numbers(list(data.values())[-1])
    margin = MARGIN * (float(np.ptp(t)) or 1.0)
    drawn = np.concatenate([numbers(curves[key]) for key in ("low", "high", "truth")])
    return span(t, np.clip(drawn, t.min() - margin, t.max() + margin))


def _outline(table: Table, place: int, share: int) -> tuple[Array, Array]:
    """The ellipse that holds such a share, in percent, of two normal weights."""
    values, vectors = np.linalg.eigh(_covariance(table, place))
    angle = np.linspace(0, 2 * np.pi, 61)
    circle = np.stack([np.cos(angle), np.sin(angle)])  # (2, n)
    # Of two normal numbers the squares' sum is exponential, with the mean 2.
    k = sqrt(-2 * log(1 - share / 100))
    x, y = k * (vectors * np.sqrt(np.maximum(values, 0.0)) @ circle)
    return float(table["mean_0"][place]) + x, float(table["mean_1"][place]) + y


def _covariance(table: Table, place: int) -> Array:
    first, off, second = (
        float(table[name][place]) for name in ("variance_0", "covariance", "variance_1")
    )
    return np.array([[first, off], [off, second]])


def _weights(table: Table, place: int) -> list[Mark]:
    marks = [
        Mark("line", *_outline(table, place, share), colour=colour, label=f"{share} %")
        for share, colour in SHARES.items()
    ]
    x, y = (numbers(table[f"mean_{k}"])[[place]] for k in (0, 1))
    marks.append(Mark("points", x, y, colour=MEAN, label="posterior mean"))
    if table["true_0"][place]:
        x, y = (numbers(table[f"true_{k}"])[[place]] for k in (0, 1))
        marks.append(Mark("points", x, y, colour="truth", label="truth"))
    return marks


def _curves(along: Table, data: Table, count: int) -> list[Mark]:
    x = numbers(along["x"])
    draws = [name for name in along if name.startswith("draw_")]
    marks = [
        Mark("band", x, numbers(along["low"]), numbers(along["high"]), colour=SHARES[95]),
        *_rows(data, count),
        *(_line(along, name, DRAWN, "drawn from the posterior") for name in draws),
        _line(along, "mean", MEAN, "posterior mean"),
    ]
    if np.isfinite(truth := numbers(along["truth"])).all():
        marks.append(Mark("line", x, truth, colour="truth", label="truth", dashed=True))
    return marks


def _rows(data: Table, count: int) -> list[Mark]:
    """The rows seen, thinned; none of several inputs, whose rows are not where the curve is."""
    if _several(data) or not count:
        return []
    x, t = (numbers(column)[:count] for column in data.values())
    step = -(-x.size // MOST_POINTS)
    x, t = x[::step], t[::step]
    label = "rows seen" if x.size == count else f"rows seen, {x.size} of {count} drawn"
    return [Mark("points", x, t, colour="ink", label=label)]


def _line(along: Table, name: str, colour: Colour, label: str) -> Mark:
    return Mark("line", numbers(along["x"]), numbers(along[name]), colour=colour, label=label)


def _says(table: Table, place: int) -> str:
    """Both weights with their intervals, and what the weights add to the variance."""
    counts = table["n_points"]
    count = int(counts[place])
    if count == 0:
        told = "Before the first row there is only the prior:"
    else:
        told = (
            f"After {count} of {counts[-1]} rows"
            if place < len(counts) - 1
            else f"After all {count} rows"
        )
    told += f" the {_weight(table, place, 0, 'is ')} and the {_weight(table, place, 1, '')}."
    if table["true_0"][place]:
        k = _distance(table, place) / -log(1 - 0.95) / 2
        told += f" The true weights are {'inside' if k <= 1 else 'outside'} the 95 % ellipse."
    weights, noise = (float(table[name][place]) for name in ("weights", "noise"))
    share = 100 * weights / (weights + noise)
    told += f" {share:.0f} %" if share >= 10 else f" {share:.2g} %"
    told += " of the predictive variance (mean over the rows) comes from the uncertain weights,"
    return told + " the rest from the noise."


def _weight(table: Table, place: int, k: int, verb: str) -> str:
    mean = float(table[f"mean_{k}"][place])
    half = INTERVAL * sqrt(float(table[f"variance_{k}"][place]))
    name = shortened(_plain(table[f"name_{k}"][place]), NAME_CHARACTERS)
    told = f"{name} {verb}{mean:.3g} (95 %: {mean - half:.3g} to {mean + half:.3g}"
    true = table[f"true_{k}"][place]
    return told + (f", truth {float(true):.3g})" if true else ")")


def _distance(table: Table, place: int) -> float:
    """The squared distance of the true weights from the mean, in standard deviations."""
    off = [float(table[f"true_{k}"][place]) - float(table[f"mean_{k}"][place]) for k in (0, 1)]
    return float(off @ np.linalg.pinv(_covariance(table, place)) @ off)

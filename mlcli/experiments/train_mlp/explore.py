"""What a reader of the report can move: a network in the plane while it learns, from each start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from contourpy import contour_generator

from mlcli.experiments.explore import Control, Explorable, Mark, Panel, State
from mlcli.experiments.wording import between, number
from mlcli.json_file import read_json
from mlcli.plotting import Array, Table, distinct, numbers, read_table, shortened, where

# So many are drawn: training rows, units; and so many positions there are.
MOST_ROWS, MOST_UNITS, MOST_STATES = 200, 8, 36
# Points of a border: of the best rule, of a network, and of one without shades.
MOST_OF_BEST, MOST_POINTS, MOST_ALONE = 400, 80, 140
# Characters of a name.
MOST_NAME = 18
# Where a logarithmic axis has the state before the first epoch.
BEFORE = 0.5
# Length of the arrow to a unit's positive side, as a share of the plane.
ARROW = 0.07
BEST, OWN = "best rule (dashed)", "border of the network"
RIGHT, APART = "classified correctly", "not classified as by the best rule"


@dataclass(frozen=True)
class Study:
    """The tables of a run's networks in the plane.

    Attributes:
        grid, units, epochs, final, rows: plane_inits, plane_inits_units, plane_epochs, plane_final
            and plane_rows.
        about: the entry of details.json.
        first, second: coordinates of the grid's columns and rows.
    """

    grid: Table
    units: Table
    epochs: Table
    final: Table
    rows: Table
    about: Mapping[str, Any]
    first: Array
    second: Array

    @property
    def classes(self) -> list[str]:
        """Names of the classes as the tables have them."""
        return [str(name).replace("$", r"\$") for name in self.about["classes"]]

    @property
    def known(self) -> bool:
        """Whether the best rule is."""
        return "law_class" in self.final and "best_accuracy" in self.about


def explorables(folder: Path) -> list[Explorable]:
    """The plane for each start and kept epoch; nothing of a run without such networks."""
    study = _study(folder)
    if study is None:
        return []
    inits, epochs = distinct(study.units["init"]), distinct(study.units["epoch"])
    # With many starts fewer epochs, the first and the last among them.
    n_shown = min(len(epochs), max(2, MOST_STATES // len(inits)))
    shown = [epochs[round(i)] for i in np.linspace(0, len(epochs) - 1, n_shown)]
    names = ["before training" if epoch == "0" else epoch for epoch in shown]
    return [
        Explorable(
            name="plane",
            title="A network in the plane",
            lead="Move through the epochs: do the units' lines turn until the border fits?",
            controls=[Control("epoch", names), Control("initialisation", inits)],
            panels=_panels(study),
            states={
                (i, j): _state(study, init, epoch)
                for i, epoch in enumerate(shown)
                for j, init in enumerate(inits)
            },
            start=(len(shown) - 1, inits.index(study.about["drawn"])),
        )
    ]


def _study(folder: Path) -> Study | None:
    names = ("plane_inits", "plane_inits_units", "plane_epochs", "plane_final", "plane_rows")
    paths = [folder / "tables" / f"{name}.csv" for name in names]
    if not all(path.is_file() for path in paths):
        return None
    grid, units, epochs, final, rows = (read_table(path) for path in paths)
    about = read_json(folder / "details.json").get("plane")
    if not about or not grid["x1"]:
        return None
    first, second = (np.unique(numbers(grid[name])) for name in ("x1", "x2"))
    return Study(grid, units, epochs, final, rows, about, first, second)


def _panels(study: Study) -> list[Panel]:
    """Both planes, and the curves over the epochs."""
    some, classes = slice(0, MOST_ROWS), study.classes
    x, y = (numbers(study.rows[name][some]) for name in ("x1", "x2"))
    of = np.array([classes.index(name) for name in study.rows["class"][some]])
    shown = [shortened(str(name), MOST_NAME) for name in study.about["classes"]]
    rows = [
        Mark("points", x[of == k], y[of == k], colour=k, label=f"rows of class {name}")
        for k, name in enumerate(shown)
        if (of == k).any()
    ]
    best = _best(study)
    first, second = (shortened(str(name), MOST_NAME) for name in study.about["features"])
    sides = (_ends(study.first), _ends(study.second))
    title = f"Probability of class {shown[1]}" if len(shown) == 2 else "Border between the classes"
    span = (0.8 * BEFORE, 1.25 * max(float(epoch) for epoch in study.epochs["epoch"]))
    accuracy = [study.about["best_accuracy"]["mean"]] * 2 if study.known else []
    return [
        Panel(title, first, second, *sides, over=[*rows, *best]),
        Panel("Hidden units: lines a = 0, arrow to a > 0", first, second, *sides, over=best),
        Panel(
            "Shares of the test rows, 95 % intervals",
            f"epoch (at {BEFORE:g}: before training)",
            "share",
            span,
            (-0.02, 1.02),
            fixed=[Mark("line", span, accuracy, colour="truth", dashed=True)] if accuracy else (),
            log_x=True,
        ),
    ]


def _ends(places: Array) -> tuple[float, float]:
    half = (places[-1] - places[0]) / (len(places) - 1) / 2
    return float(places[0] - half), float(places[-1] + half)


def _best(study: Study) -> list[Mark]:
    """The border of the best rule, where the law of the rows is known."""
    if not study.known:
        return []
    first, second = (np.unique(numbers(study.final[name])) for name in ("x1", "x2"))
    called, p = study.final["law_class"], numbers(study.final["law_probability"])
    x, y = _border(first, second, called, p, study.classes, MOST_OF_BEST)
    return [Mark("line", x, y, colour="truth", label=BEST, dashed=True)] if x.size else []


def _border(
    first: Array,
    second: Array,
    called: Sequence[str],
    p: Array,
    classes: Sequence[str],
    most: int,
) -> tuple[Array, Array]:
    """Where the predicted class changes: points of lines, with NaN between two of them."""
    found = np.array(called)
    left_out = (found == "") | ~np.isfinite(p)
    pieces: list[Array] = []
    for name in classes[:-1]:
        here = found == name
        # Where three classes compete, the largest probability can be below 1/2.
        heights = np.where(here, np.maximum(p, 0.501), np.minimum(1.0 - p, 0.499))
        heights[left_out] = np.nan
        masked = np.ma.masked_invalid(heights.reshape(len(second), len(first)))
        pieces += [np.asarray(one) for one in contour_generator(first, second, masked).lines(0.5)]
        # Its borders are drawn: those between the rest are left.
        left_out |= here
    step = max(1, -(-sum(map(len, pieces)) // most))
    pieces = [np.concatenate([piece[:-1:step], piece[-1:]]) for piece in pieces]
    gap = np.full((1, 2), np.nan)
    joined = [part for piece in pieces for part in (piece, gap)][:-1]
    whole = np.concatenate(joined) if joined else np.empty((0, 2))
    return whole[:, 0], whole[:, 1]


def _state(study: Study, init: str, epoch: str) -> State:
    grid = where(study.grid, epoch=epoch)
    called, p = grid[f"predicted_{init}"], numbers(grid[f"probability_{init}"])
    units = [
        row
        for row in _rows_of(where(study.units, init=init, epoch=epoch))
        if row["unit"] > 0 and np.isfinite(row["bias"])
    ]
    most = MOST_POINTS if len(study.classes) == 2 else MOST_ALONE
    x, y = _border(study.first, study.second, called, p, study.classes, most)
    own = [Mark("line", x, y, colour="ink", label=OWN)] if x.size else []
    shades: list[Mark] = []
    if len(study.classes) == 2:
        second = np.where(np.array(called) == study.classes[1], p, 1.0 - p).round(2)
        values = second.reshape(len(study.second), len(study.first))
        shades = [Mark("shades", _ends(study.first), _ends(study.second), values=values)]
    lines = [(unit, _line(study, unit)) for unit in units]
    seen = [(unit, line) for unit, line in lines if line is not None]
    # The sort is stable: of equal ones the first.
    strongest = sorted(seen, key=lambda one: -float(np.ptp(_outgoing(study, one[0]))))[:MOST_UNITS]
    curves = where(study.epochs, init=init)
    told = [
        _scores_say(study, init, epoch, where(curves, epoch=epoch)),
        _plane_says(study, grid, called),
        _units_say(units, len(seen)),
    ]
    marks = [[*shades, *own], [*own, *_ridges(study, strongest)], _curves(curves, epoch)]
    return State(marks, " ".join(part for part in told if part))


def _rows_of(table: Table) -> list[dict[str, float]]:
    columns = {name: numbers(values) for name, values in table.items() if name != "init"}
    return [
        {name: float(values[i]) for name, values in columns.items()}
        for i in range(len(table["unit"]))
    ]


def _line(study: Study, unit: Mapping[str, float]) -> tuple[Array, Array] | None:
    """Both ends of w . x + b = 0 within the plane; None where it has no such points."""
    w, b = np.array([unit["weight_1"], unit["weight_2"]]), unit["bias"]
    (left, right), (low, high) = _ends(study.first), _ends(study.second)
    found = []
    if w[1]:
        found += [(x, -(w[0] * x + b) / w[1]) for x in (left, right)]
    if w[0]:
        found += [(-(w[1] * y + b) / w[0], y) for y in (low, high)]
    inside = sorted((x, y) for x, y in found if left <= x <= right and low <= y <= high)
    if len(inside) < 2 or inside[0] == inside[-1]:
        return None
    return np.array([inside[0][0], inside[-1][0]]), np.array([inside[0][1], inside[-1][1]])


def _outgoing(study: Study, unit: Mapping[str, float]) -> Array:
    return np.array([unit[f"to_{k + 1}"] for k in range(len(study.classes))])


def _ridges(
    study: Study, units: Sequence[tuple[Mapping[str, float], tuple[Array, Array]]]
) -> list[Mark]:
    """The lines of units in the colour of the class that each favours, arrows, and numbers."""
    wide = np.array([np.ptp(study.first), np.ptp(study.second)])
    of = [int(np.argmax(_outgoing(study, unit))) for unit, _ in units]
    marks, places, texts = [], [], []
    for k, name in enumerate(study.about["classes"]):
        ends = [np.append(line, [[np.nan], [np.nan]], axis=1) for _, line in _picked(units, of, k)]
        if ends:
            label = f"line of a unit for class {shortened(str(name), MOST_NAME)}"
            x, y = np.concatenate(ends, axis=1)
            marks.append(Mark("line", x, y, colour=k, label=label))
    for (unit, line), k in zip(units, of, strict=True):
        # On the screen, whose two axes have other units, a normal of the line.
        normal = np.array([unit["weight_1"], unit["weight_2"]]) * wide
        step = ARROW * normal / np.hypot(*normal) * wide
        # At one end or the other, since most lines cross in the middle.
        share = 0.15 if int(unit["unit"]) % 2 else 0.85
        foot = np.array([one[0] + share * (one[1] - one[0]) for one in line])
        x, y = np.array([foot, foot + step]).T
        marks.append(Mark("arrow", x, y, colour=k))
        places.append(foot - 0.7 * step)
        texts.append(f"{unit['unit']:.0f}")
    x, y = np.reshape(places, (-1, 2)).T
    return [*marks, Mark("text", x, y, texts=texts, colour="ink")] if texts else []


def _picked(units: Sequence[Any], of: Sequence[int], k: int) -> list[Any]:
    return [one for one, own in zip(units, of, strict=True) if own == k]


def _curves(curves: Table, epoch: str) -> list[Mark]:
    """Accuracy and departure from the best rule, with the present epoch marked."""
    x = np.maximum(numbers(curves["epoch"]), BEFORE)
    now = max(float(epoch), BEFORE)
    here = x == now
    marks = [Mark("line", [now, now], [-0.02, 1.02], colour="points", label="this epoch")]
    for name, label, colour in (("accuracy", RIGHT, 2), ("disagreement", APART, 3)):
        if name in curves:
            y, low, high = (numbers(curves[f"{name}{end}"]) for end in ("", "_ci_low", "_ci_high"))
            marks += [
                Mark("band", x, low, high, colour=colour),
                Mark("line", x, y, colour=colour, label=label),
                Mark("points", x[here], y[here], colour=colour),
            ]
    return marks


def _scores_say(study: Study, init: str, epoch: str, scores: Table) -> str:
    """What the networks of all seeds classify correctly, and how far they are from the best."""
    n_seeds = study.about["n_seeds"]
    of = "1 network classifies" if n_seeds == 1 else f"the networks of {n_seeds} seeds classify"
    when = f"after {epoch} epoch{'s' if epoch != '1' else ''}"
    start = f"Initialisation {init}, {'before training' if epoch == '0' else when}"
    if not scores["accuracy"][0]:
        return f"{start}: a network diverged, so that there is no accuracy."
    right, within = _estimate(scores, "accuracy")
    notes = [f"95 % interval {within}"] if within else []
    if study.known:
        notes.append(f"expected of the best rule {number(study.about['best_accuracy']['mean'])}")
    beside = "; ".join(notes)
    said = f"{start}: {of} {right} of the test rows correctly{f' ({beside})' if beside else ''}"
    if study.known:
        apart, within = _estimate(scores, "disagreement")
        said += f" and {apart}{f' ({within})' if within else ''} differently from the best rule"
    return f"{said}."


def _plane_says(study: Study, grid: Table, called: Sequence[str]) -> str:
    """On which share of the plane the drawn network departs from the best rule."""
    if not study.known or not all(called):
        return ""
    points = zip(study.final["x1"], study.final["x2"], study.final["law_class"], strict=True)
    best = {(x, y): name for x, y, name in points if name}
    pairs = zip(grid["x1"], grid["x2"], called, strict=True)
    wrong = [best[x, y] != name for x, y, name in pairs if (x, y) in best]
    return f"The first seed, drawn here, differs from it on {np.mean(wrong):.2g} of the plane."


def _estimate(scores: Table, name: str) -> tuple[str, str]:
    """A mean and its interval, which is empty where there is none."""
    ends = (scores[f"{name}_ci_{end}"][0] for end in ("low", "high"))
    low, high = (float(end) if end else None for end in ends)
    return number(float(scores[name][0])), between(low, high)


def _units_say(units: Sequence[Mapping[str, float]], n_seen: int) -> str:
    """Whether the hidden units are the same, or how many lines are within the plane."""
    n = len(units)
    if not n:
        return "The first seed diverged: nothing is drawn."
    keys = [key for key in units[0] if key not in ("unit", "epoch")]
    if n > 1 and all(one[key] == units[0][key] for one in units for key in keys):
        said = f"All {n} hidden units are the same, so that the layer is one unit"
        if not units[0]["weight_1"] and not units[0]["weight_2"]:
            return f"{said}; its weights are 0, so that it has no line."
        return f"{said}."
    said = f"The lines of {n_seen} of its {n} hidden units cross the plane"
    most = f"; those with the {MOST_UNITS} largest outgoing weights are drawn"
    return f"{said}{most if n_seen > MOST_UNITS else ''}."

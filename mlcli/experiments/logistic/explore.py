"""What a reader of the report can move: the threshold p_0 of two classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.explore import Control, Explorable, Mark, Panel, State
from mlcli.experiments.logistic.densities import border_lines
from mlcli.experiments.logistic.tables import RATES, SHARES
from mlcli.json_file import read_json
from mlcli.plotting import Table, distinct, numbers, read_table, shortened

Array = NDArray[np.float64]
TABLES = ("boundary", "confusion", "information", "points", "thresholds")
# Of the thresholds of the table every second one is a position, without 0 and 1.
POSITIONS = slice(2, -1, 2)
MOST_ROWS, MOST_LINE_POINTS, MOST_LETTERS = 100, 60, 11
# Rows and columns of the plane that is shown, of those in the table every second one.
EVERY = 2
ENDS = (-0.02, 1.02)
# Shades about 0.5 are so much paler that the rows are seen on them.
PALE = 0.4
WRONG = "on the wrong side"
# Bars at the ends are cut off from this many times the highest one between them.
CUT = 2.0


@dataclass(frozen=True)
class _Means:
    """Means over the seeds at every threshold of the table.

    Attributes:
        p0: thresholds, (m,).
        of: mean and ends of the interval of each rate and share by name, (3, m).
        names: of the classes, C_1 last.
        start: index of the position nearest to the run's own threshold.
    """

    p0: Array
    of: dict[str, Array]
    names: tuple[str, str]
    start: int

    @property
    def places(self) -> list[int]:
        """Indices of the thresholds that are positions."""
        return list(range(self.p0.size))[POSITIONS]

    def mean(self, name: str) -> Array:
        """Means of a rate or share, (m,)."""
        return np.asarray(self.of[name][0])


def explorables(folder: Path) -> list[Explorable]:
    """The threshold of two classes; nothing of more classes or without the shares of errors."""
    tables = folder / "tables"
    if not all((tables / f"{name}.csv").exists() for name in TABLES):
        return []
    table = read_table(tables / "thresholds.csv")
    wanted = [f"{name}{end}" for name in (*RATES, *SHARES) for end in ("", "_ci_low", "_ci_high")]
    classes = distinct(read_table(tables / "confusion.csv")["class"])
    if not {"threshold", *wanted} <= set(table) or len(classes) != 2:
        return []
    model = folder / "model" / "model.json"
    info = read_json(model) if model.exists() else {}
    found = _means(table, classes, float(info.get("threshold", 0.5)))
    if len(found.places) < 2 or np.isnan(found.mean("true_positives")).any():
        return []
    view = _plane(tables, classes, found) if len(info.get("features", [])) == 2 else None
    view = view or _scores(found)
    panels = [view[0], _cells_panel(found), *_curve_panels(found)]
    states: dict[tuple[int, ...], State] = {
        (position,): State(
            [
                view[1][position],
                _cells(found, i),
                _point(found, i, "false_positive_rate", "recall"),
                _point(found, i, "recall", "precision"),
            ],
            _says(found, i),
        )
        for position, i in enumerate(found.places)
    }
    return [
        Explorable(
            name="threshold",
            title="The threshold",
            lead="Lower the threshold: which errors become fewer, and which more?",
            controls=[Control("threshold p0", [f"{found.p0[i]:.2f}" for i in found.places])],
            panels=panels,
            states=states,
            start=(found.places.index(found.start),),
        )
    ]


def _means(table: Table, classes: list[str], own: float) -> _Means:
    """The means, with the position nearest to the run's own threshold."""
    p0 = numbers(table["threshold"])
    of = {
        name: np.stack([numbers(table[f"{name}{end}"]) for end in ("", "_ci_low", "_ci_high")])
        for name in (*RATES, *SHARES)
    }
    names = [shortened(one.replace(r"\$", "$"), MOST_LETTERS) for one in classes]
    places = list(range(p0.size))[POSITIONS]
    start = min(places, key=lambda i: abs(float(p0[i]) - own))
    return _Means(p0, of, (names[0], names[1]), start)


def _plane(
    tables: Path, classes: list[str], found: _Means
) -> tuple[Panel, list[list[Mark]]] | None:
    """Rows of two features with the boundary at each position; None where one is constant."""
    grid, rows = read_table(tables / "boundary.csv"), read_table(tables / "points.csv")
    right = numbers(read_table(tables / "information.csv")["probability"])
    if "score_1" not in grid or not rows["x"] or len(rows["x"]) != right.size:
        return None
    x, y = (np.unique(numbers(grid[key])) for key in ("x", "y"))
    score, p = (numbers(grid[key]).reshape(y.size, x.size) for key in ("score_1", "probability"))
    some = slice(None, None, -(-right.size // MOST_ROWS))
    positive = np.array([name == classes[1] for name in rows["class"]])[some]
    u, v = (numbers(rows[key])[some] for key in ("x", "y"))
    of_positive = np.where(positive, right[some], 1.0 - right[some])
    panel = Panel(
        title="Test rows of one seed, and the boundary at p0",
        x=_text(rows["x_name"][0]),
        y=_text(rows["y_name"][0]),
        x_range=(x[0], x[-1]),
        y_range=(y[0], y[-1]),
        fixed=[
            Mark("shades", _edges(x), _edges(y), values=_pale(p)),
            *(
                Mark("points", u[positive == k], v[positive == k], colour=k, label=_named(found, k))
                for k in (0, 1)
            ),
        ],
    )
    marks = []
    for i in found.places:
        wrong = (of_positive > found.p0[i]) != positive
        border = _border(x, y, score, float(found.p0[i]))
        marks.append(
            [
                Mark("line", border[0], border[1], colour="ink"),
                Mark("points", u[wrong], v[wrong], colour="truth", label=WRONG),
            ]
        )
    return panel, marks


def _border(x: Array, y: Array, score: Array, p0: float) -> Array:
    """Points (2, n) where the log odds are ln p_0/(1 - p_0), (5.9), with NaN between lines."""
    scores = np.column_stack([np.zeros(score.size), score.ravel()])
    lines = border_lines(x, y, scores, float(np.log(p0 / (1 - p0))))
    parts = [np.empty((0, 2))]
    for line in lines:
        most = max(MOST_LINE_POINTS // len(lines), 8)
        chosen = np.linspace(0, len(line) - 1, min(len(line), most)).round().astype(int)
        parts += [line[chosen], np.full((1, 2), np.nan)]
    return np.asarray(np.concatenate(parts)[:-1].T)


def _pale(p: Array) -> Array:
    """Shades of every second probability along both axes."""
    return np.asarray((0.5 + PALE * (p[::EVERY, ::EVERY] - 0.5)).round(2))


def _edges(places: Array) -> tuple[float, float]:
    """The ends of cells about every second one of even places."""
    shown = places[::EVERY]
    half = (shown[1] - shown[0]) / 2
    return float(shown[0] - half), float(shown[-1] + half)


def _scores(found: _Means) -> tuple[Panel, list[list[Mark]]]:
    """How the predictions are spread in each class, class C_1 upwards and the other downwards."""
    edges = [0, *found.places, found.p0.size - 1]
    kinds = (("true_positives", "false_negatives"), ("false_positives", "true_negatives"))
    shares = []
    for above, below in kinds:
        beyond = found.mean(above)[edges]
        # No prediction is above 1; one of 0 is in the first bin.
        beyond[0] += found.mean(below)[0]
        shares.append(-100 * np.diff(beyond))
    up, down = shares[0], -shares[1]
    middle = (found.p0[edges][1:] + found.p0[edges][:-1]) / 2
    both = np.abs([up, down])
    top = float(both.max())
    if top > CUT * both[:, 1:-1].max() > 0:
        top = CUT * float(both[:, 1:-1].max())
    texts, xs, ys = [], [], []
    for values in (up, down):
        for k, x in ((0, 0.1), (-1, 0.9)):
            if abs(values[k]) > top:
                texts.append(f"{abs(values[k]):.3g} %")
                xs.append(x)
                ys.append(0.93 * top * np.sign(values[k]))
    panel = Panel(
        title=f"Test rows: {_named(found, 1)} upwards, {_named(found, 0)} downwards",
        x=f"predicted probability of class {found.names[1]}",
        y="% of the test rows",
        x_range=ENDS,
        y_range=(-1.05 * top, 1.05 * top),
        fixed=[
            *(
                Mark("bars", middle, values, colour=k, label=_named(found, k))
                for k, values in ((0, down), (1, up))
            ),
            Mark("text", xs, ys, texts=texts, colour="ink"),
        ],
    )
    marks = []
    for i in found.places:
        cut = found.p0[i]
        wrong = [np.where(middle < cut, up, np.nan), np.where(middle > cut, down, np.nan)]
        marks.append(
            [
                *(Mark("bars", middle, values, colour="truth", label=WRONG) for values in wrong),
                Mark("line", [cut, cut], [-2 * top, 2 * top], colour="ink"),
            ]
        )
    return panel, marks


def _cells_panel(found: _Means) -> Panel:
    """The names of rows and columns of the confusion matrix."""
    columns = [f"called {name}" for name in found.names]
    rows = [f"class {name}" for name in found.names]
    return Panel(
        title="Of 100 test rows, mean over the seeds",
        x="",
        y="",
        x_range=(-1.0, 2.0),
        y_range=(0.0, 2.3),
        bare=True,
        fixed=[
            Mark("text", [0.5, 1.5], [2.12, 2.12], texts=columns, colour="ink"),
            Mark("text", [-0.5, -0.5], [1.5, 0.5], texts=rows, colour="ink"),
        ],
    )


def _cells(found: _Means, i: int) -> list[Mark]:
    """The confusion matrix at a threshold; the colour is that of the class that rows are called."""
    kinds = (("false_negatives", "true_positives"), ("true_negatives", "false_positives"))
    values = np.array([[found.mean(name)[i] for name in row] for row in kinds])
    texts = [[_hundred(100 * value) for value in row] for row in values]
    beside = [name.replace("_", " ") for row in kinds for name in row]
    beside += [_interval(100 * found.of[name][:, i]) for row in kinds for name in row]
    heights = np.repeat([0.8, 1.8, 0.2, 1.2], 2)
    return [
        Mark("cells", [0, 2], [0, 2], texts=texts, values=values * [-1, 1]),
        Mark("text", [0.5, 1.5] * 4, heights, texts=beside, colour="ink"),
    ]


def _curve_panels(found: _Means) -> list[Panel]:
    """The ROC curve and the precision-recall curve through the means at every threshold."""
    share = float(found.mean("true_positives")[0] + found.mean("false_negatives")[0])
    drawn = (
        ("ROC", "false_positive_rate", "recall", [0.0, 1.0]),
        ("Precision and recall", "recall", "precision", [share, share]),
    )
    return [
        Panel(
            title=title,
            x=x.replace("_", " "),
            y=y,
            x_range=ENDS,
            y_range=ENDS,
            fixed=[
                Mark("line", [0, 1], guess, colour="points", label="guessing", dashed=True),
                Mark(
                    "line",
                    found.mean(x),
                    found.mean(y),
                    colour=2,
                    label="all p0, mean over the seeds",
                ),
            ],
        )
        for title, x, y, guess in drawn
    ]


def _point(found: _Means, i: int, x: str, y: str) -> list[Mark]:
    """The means at a threshold with their intervals."""
    label = "this p0" if np.isnan(found.of[x][1, i]) else "this p0, 95 % intervals"
    (at, left, right), (height, low, high) = found.of[x][:, i], found.of[y][:, i]
    return [
        Mark("line", [left, right], [height, height], colour="ink"),
        Mark("line", [at, at], [low, high], colour="ink"),
        Mark("points", [at], [height], colour="ink", label=label),
    ]


def _says(found: _Means, i: int) -> str:
    """Recall, precision and false positives, and how many errors the change costs and saves."""
    p0, start = float(found.p0[i]), found.start
    recall = _measured(found.of["recall"][:, i])
    told = f"At p0 {p0:.2f} recall is {recall} and precision "
    if np.isnan(found.mean("precision")[i]):
        told += f"undefined, as some seed has no row called {found.names[1]}"
    else:
        told += _measured(found.of["precision"][:, i])
    false = 100 * found.of["false_positives"][:, i]
    known = "" if np.isnan(false[1]) else f" ({_interval(false)})"
    told += f"; of 100 test rows {_hundred(false[0])}{known} are false positives. "
    if i == start:
        missed = 100 * float(found.mean("false_negatives")[i])
        return told + f"Another {_hundred(missed)} are false negatives."
    changes = [
        _change(100 * float(found.mean(name)[i] - found.mean(name)[start]), name.replace("_", " "))
        for name in ("false_positives", "false_negatives")
    ]
    return told + f"Against p0 {found.p0[start]:.2f} that is {' and '.join(changes)}."


def _change(rows: float, name: str) -> str:
    told = _hundred(abs(rows))
    if told == "0":
        return f"about as many {name}"
    return f"{told} {'more' if rows > 0 else 'fewer'} {name}"


def _measured(values: Array) -> str:
    """A share with its interval, where it has one."""
    mean, low, high = (f"{value:.3f}" for value in values)
    return mean if np.isnan(values[1]) else f"{mean} ({low} to {high})"


def _named(found: _Means, k: int) -> str:
    return f"class {found.names[k]}"


def _hundred(rows: float) -> str:
    """Of 100 rows, with three digits and at most two decimals."""
    return f"{rows:.3g}" if rows >= 1 else f"{round(float(rows), 2):g}"


def _interval(values: Array) -> str:
    """The ends of an interval of 100 rows; empty where there is none."""
    return "" if np.isnan(values[1]) else f"{_hundred(values[1])} to {_hundred(values[2])}"


def _text(name: str) -> str:
    """A name as it is, without the marks that keep dollars from being mathematics."""
    return shortened(name.replace(r"\$", "$"), 40)

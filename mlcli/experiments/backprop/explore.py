"""What a reader of the report can move: the steps of both passes, and the step of a difference."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlcli.experiments.backprop.figures import Value, values_of
from mlcli.experiments.backprop.figures.drawing import digits
from mlcli.experiments.backprop.steps import plain
from mlcli.experiments.explore import Colour, Control, Explorable, Mark, Panel, State, log_span
from mlcli.plotting import Table, numbers, read_table

# Of a panel in the pixels of the page, so that letters and gaps keep their sizes.
WIDTH, HEIGHT = 376.0, 262.0
MARGIN, MIDDLE, PITCH, LINE = 42.0, 134.0, 88.0, 13.0
# Numbers of two lines that are nearer than this can't be told apart.
APART = 12.0
# Characters of a number beside another.
LONGEST = 5
# Pixels from a unit to a number on its left.
BESIDE = 28.0
# Of larger networks only the numbers and units of the present step are shown.
MOST_UNITS, MOST_LAYERS = 3, 2
# Where a number stands at its unit: lines above it, or below if negative.
SLOTS = {"w": 1, "a": -1, "x": -1, "z": -2, "y": -2, "t": 2, "delta": 1, "dW": -1}
LETTERS = {"w": "b", "delta": "δ"}
SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"
Point = tuple[float, float]
KNOWN: Colour = "ink"
USED: Colour = 0
COMPUTED: Colour = 1
# One error dominates if it is this many times the other.
DOMINATES = 3.0
CENTRAL_STEP = float(np.finfo(np.float64).eps) ** (1 / 3)
TABLES = {
    "steps": (
        *("step", "pass", "layer", "unit", "source", "kind", "quantity", "formula", "numbers"),
        *("value", "equation"),
    ),
    "weights": ("layer", "unit", "source", "value"),
    "matrices": ("matrix", "layer", "row", "column", "value"),
}
CURVE = (
    *("step", "left_out", "log10_central", "log10_central_ci_low", "log10_central_ci_high"),
    *("log10_central_truncation", "log10_central_rounding"),
)


class Item(NamedTuple):
    """A number of the passes, as `values_of` names it: a bias is a w whose source is 0."""

    kind: str
    layer: int
    unit: int
    source: int = 0

    @property
    def panel(self) -> int:
        """0 of the forward pass, 1 of the backward pass."""
        return int(self.kind in ("delta", "dW"))

    @property
    def on_line(self) -> bool:
        """Whether it is written on the line of a weight and not at a unit."""
        return self.source > 0


def explorables(folder: Path) -> list[Explorable]:
    """Both passes step by step, and the error of the central difference against its step."""
    found = []
    tables = {name: _table(folder, name, columns) for name, columns in TABLES.items()}
    steps, weights, matrices = (tables[name] for name in TABLES)
    if steps and weights and matrices:
        found.append(_passes(steps, weights, values_of(steps, weights, matrices)))
    curve = _table(folder, "step_size", CURVE)
    if curve and np.isfinite(numbers(curve["log10_central"])).any():
        check = _table(folder, "check", ())
        n = max(map(len, check.values())) if check else 0
        found.append(_step_size(curve, n))
    return found


def _table(folder: Path, name: str, columns: Iterable[str]) -> Table:
    """A table of the run; empty if it is not there, has no rows, or lacks a column."""
    path = folder / "tables" / f"{name}.csv"
    if not path.is_file():
        return {}
    table = read_table(path)
    there = all(table.get(column) for column in columns)
    return table if there else {}


# The passes


class Layout:
    """Where the numbers of a network are drawn.

    Args:
        sizes: of the layers, inputs first.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = sizes
        self.thin = max(sizes) > MOST_UNITS or len(sizes) - 1 > MOST_LAYERS
        self.margin = BESIDE + 24.0 if self.thin else MARGIN
        self.pitch = min(PITCH, (HEIGHT - 3 * LINE) / max(sizes))
        self.shares = [_share(self, layer) for layer in range(1, len(sizes))]

    def unit(self, layer: int, unit: int) -> Point:
        """The middle of a unit, from 1 at the top."""
        x = self.margin + layer * (WIDTH - 2 * self.margin) / (len(self.sizes) - 1)
        return x, MIDDLE + ((self.sizes[layer] - 1) / 2 - (unit - 1)) * self.pitch

    def text(self, item: Item) -> Point:
        """The middle of a number's text."""
        if item.kind == "E":
            return WIDTH - self.margin, LINE / 2
        if item.on_line:
            return self.along(item, self.shares[item.layer - 1])
        x, y = self.unit(item.layer, item.unit)
        return x, y + LINE * SLOTS[item.kind]

    def text_of_step(self, item: Item, computed: Item, slots: Mapping[Item, int]) -> Point:
        """The same where only the numbers of one step are written.

        Those of weights stand where the lines of the step are farthest apart.
        """
        if item.kind == "w" and item.on_line:
            return self.along(item, 0.35 if computed.kind == "a" else 0.65)
        if item.kind == "E" or item.on_line:
            return self.text(item)
        x, y = self.unit(item.layer, item.unit)
        if computed.kind == "a" and item.layer < computed.layer:
            return x - BESIDE, y
        return x, y + LINE * slots[item]

    def along(self, item: Item, share: float) -> Point:
        """A point on the line of a weight."""
        (xa, ya), (xb, yb) = self.line(item)
        return xa + share * (xb - xa), ya + share * (yb - ya)

    def line(self, item: Item) -> tuple[Point, Point]:
        """Both ends of the line of a weight."""
        return self.unit(item.layer - 1, item.source), self.unit(item.layer, item.unit)

    def all_lines(self) -> list[Item]:
        """Every weight that has a line."""
        return [
            Item("w", layer, k, j)
            for layer in range(1, len(self.sizes))
            for k in range(1, self.sizes[layer] + 1)
            for j in range(1, self.sizes[layer - 1] + 1)
        ]

    def all_units(self) -> list[tuple[int, int]]:
        """Layer and number of every unit."""
        return [(layer, k) for layer, n in enumerate(self.sizes) for k in range(1, n + 1)]


def _share(layout: Layout, layer: int) -> float:
    """How far along the lines of a layer their numbers stand: near the middle, and apart."""

    def gap(share: float) -> float:
        heights = [
            (1 - share) * layout.unit(layer - 1, j)[1] + share * layout.unit(layer, k)[1]
            for j in range(1, layout.sizes[layer - 1] + 1)
            for k in range(1, layout.sizes[layer] + 1)
        ]
        return float(np.diff(np.sort(heights)).min(initial=HEIGHT))

    shares = [one / 100 for one in sorted(range(30, 71), key=lambda one: (abs(one - 50), one))]
    return next((one for one in shares if gap(one) >= APART), max(shares, key=gap))


def _passes(steps: Table, weights: Table, values: Value) -> Explorable:
    last = max(map(int, weights["layer"]))
    ends = [(int(i), int(k), int(j)) for i, k, j in _zip(weights, "layer", "unit", "source")]
    sizes = [max(j for i, _, j in ends if i == 1)]
    sizes += [max(k for i, k, _ in ends if i == layer) for layer in range(1, last + 1)]
    layout = Layout(sizes)
    known = [Item(*key) for key in values if key[0] in ("x", "w", "t")]
    states: dict[tuple[int, ...], State] = {}
    names = []
    softmax = any("sum_j exp" in one for one in steps["formula"])
    for n in range(len(steps["step"])):
        source = steps["source"][n]
        computed = Item(
            "dW" if steps["kind"][n] == "db" else steps["kind"][n],
            int(steps["layer"][n]),
            int(steps["unit"][n]),
            int(source) if source else 0,
        )
        used = _used(computed, sizes, softmax=softmax)
        known.append(computed)
        marks = [_marks(layout, values, known, used, computed, panel) for panel in (0, 1)]
        states[(n,)] = State(marks, _says(steps, n))
        names.append(f"{n + 1}: {_raised(steps['quantity'][n])}")
    titles = (
        "Forward: b, a and z, with w on the lines",
        "Backward: δ over ∂E/∂b, with ∂E/∂w on the lines",
    )
    return Explorable(
        name="steps",
        title="Both passes, step by step",
        lead="Move on step by step: forward from the inputs to E, then back to every gradient.",
        controls=[Control("step", names)],
        panels=[_panel(layout, title) for title in titles],
        states=states,
    )


def _zip(table: Table, *names: str) -> Iterable[tuple[str, ...]]:
    return zip(*(table[name] for name in names), strict=True)


def _panel(layout: Layout, title: str) -> Panel:
    return Panel(
        title,
        x="",
        y="",
        x_range=(0.0, WIDTH),
        y_range=(0.0, HEIGHT),
        fixed=[
            _lines(layout, layout.all_lines(), "grid"),
            _dots(layout, layout.all_units(), "points"),
        ],
        bare=True,
    )


def _used(computed: Item, sizes: Sequence[int], *, softmax: bool) -> list[Item]:
    """The numbers that are put into the formula of a step."""
    kind, i, k, j = computed
    last = len(sizes) - 1

    def z(layer: int, unit: int) -> Item:
        return Item("x" if layer == 0 else "y" if layer == last else "z", layer, unit)

    if kind == "a":
        before = range(1, sizes[i - 1] + 1)
        return [
            *(z(i - 1, unit) for unit in before),
            *(Item("w", i, k, unit) for unit in (0, *before)),
        ]
    if kind == "z" or (kind == "y" and not softmax):
        return [Item("a", i, k)]
    if kind == "y":
        return [Item("a", i, unit) for unit in range(1, sizes[i] + 1)]
    if kind == "E":
        return [Item(name, i, unit) for unit in range(1, sizes[i] + 1) for name in ("y", "t")]
    if kind == "delta" and i == last:
        return [Item("y", i, k), Item("t", i, k)]
    if kind == "delta":
        after = range(1, sizes[i + 1] + 1)
        return [
            *(Item("delta", i + 1, unit) for unit in after),
            *(Item("w", i + 1, unit, k) for unit in after),
            # The slope h'(a) is computed from z.
            Item("a", i, k),
            Item("z", i, k),
        ]
    return [Item("delta", i, k), *([z(i - 1, j)] if j else [])]


def _marks(
    layout: Layout,
    values: Value,
    known: Sequence[Item],
    used: Sequence[Item],
    computed: Item,
    panel: int,
) -> list[Mark]:
    """Numbers, units and lines of one panel: what is known, what is put in, what comes out."""
    groups: list[tuple[Colour, str, list[Item]]] = [
        (KNOWN, "known", [one for one in known if one != computed and one not in used]),
        (USED, "put in", list(used)),
        (COMPUTED, "computed in this step", [computed]),
    ]
    lines, dots, texts = [], [], []
    slots = _slots([*used, computed]) if layout.thin else {}
    for colour, label, items in groups:
        lit = colour != KNOWN
        here = [one for one in items if one.panel == panel and (lit or not layout.thin)]
        if lit and (drawn := [one for one in here if one.on_line]):
            lines.append(_lines(layout, drawn, colour))
        if units := sorted({(one.layer, one.unit) for one in here if _has_unit(one)}):
            dots.append(_dots(layout, units, colour))
        if here:
            x, y = _pixels(
                layout.text_of_step(one, computed, slots) if layout.thin else layout.text(one)
                for one in here
            )
            bare = computed.kind == "a" and layout.thin
            names = [_text(one, values, bare=bare and one.kind in ("x", "z")) for one in here]
            texts.append(Mark("text", x, y, texts=names, colour=colour, label=label))
    return [*lines, *dots, *texts]


def _has_unit(item: Item) -> bool:
    """Whether a number that is known makes its unit known: weights and targets are given."""
    return item.kind in ("x", "a", "z", "y", "delta")


def _slots(items: Sequence[Item]) -> dict[Item, int]:
    """For a small drawing: the first number of a unit above it, the others below."""
    found: dict[Item, int] = {}
    taken: dict[tuple[int, int, int], int] = {}
    for one in items:
        if not one.on_line:
            place = (one.panel, one.layer, one.unit)
            n = taken.setdefault(place, 0)
            found[one] = -n or 1
            taken[place] += 1
    return found


def _text(item: Item, values: Value, *, bare: bool) -> str:
    value = _short(values[item.kind, item.layer, item.unit, item.source])
    if bare or item.kind == "dW" or item.on_line:
        return value
    if item.kind == "E":
        return f"E = {value}"
    return f"{LETTERS.get(item.kind, item.kind)}{SUBSCRIPTS[item.unit]} = {value}"


def _short(value: float) -> str:
    """Three digits, and no more than three after the point."""
    text = digits(value)
    return digits(round(value, 3)) if len(text.lstrip("−")) > LONGEST and "e" not in text else text


def _lines(layout: Layout, items: Sequence[Item], colour: Colour) -> Mark:
    """One path of several lines, parted by points that are not there."""
    parted = (np.nan, np.nan)
    x, y = _pixels(point for one in items for point in (*layout.line(one), parted))
    return Mark("line", x, y, colour=colour)


def _dots(layout: Layout, units: Sequence[tuple[int, int]], colour: Colour) -> Mark:
    x, y = _pixels(layout.unit(*one) for one in units)
    return Mark("points", x, y, colour=colour)


def _pixels(points: Iterable[Point]) -> list[list[float]]:
    """x and y of points, in whole pixels: that keeps the page small."""
    found: list[list[float]] = np.round(list(points)).T.tolist()
    return found


def _says(steps: Table, n: int) -> str:
    """The formula in names and in numbers, its value, and where the notes have it."""
    parts = [_raised(steps["quantity"][n]), _raised(steps["formula"][n]), steps["numbers"][n]]
    value = plain(float(steps["value"][n]))
    if parts[-1] != value:
        parts.append(value)
    way = {"forward": "forward", "backward": "back"}[steps["pass"][n]]
    told = f"Step {n + 1} of {len(steps['step'])}, {way}: {' = '.join(parts)}"
    return f"{told}, {steps['equation'][n]}."


def _raised(name: str) -> str:
    """``a_1(2)`` as ``a_1^(2)``."""
    return re.sub(r"_([0-9a-z]+)\((\d)\)", r"_\1^(\2)", name)


# The step of a difference


def _step_size(table: Table, n_networks: int) -> Explorable:
    step = numbers(table["step"])
    mean, low, high = (
        10.0 ** numbers(table[f"log10_central{end}"]) for end in ("", "_ci_low", "_ci_high")
    )
    theory = {
        name: 10.0 ** numbers(table[f"log10_central_{name}"]) for name in ("truncation", "rounding")
    }
    left_out = numbers(table["left_out"])
    ends = log_span(mean, low, high)
    fixed = [
        Mark("band", step, low, high, colour=0),
        Mark("line", step, mean, colour=0, label="measured, with 95 % interval"),
        *(
            Mark("line", step, theory[name], colour=colour, label=label, dashed=True)
            for name, colour, label in (
                ("truncation", COMPUTED, "theory: terms left out, ε²"),
                ("rounding", 2, "theory: rounding at most, 1/ε"),
            )
            if np.isfinite(theory[name]).any()
        ),
        Mark(
            "line",
            [CENTRAL_STEP] * 2,
            ends,
            colour="points",
            dashed=True,
            label=f"step of the check, {CENTRAL_STEP:.1e}",
        ),
    ]
    states: dict[tuple[int, ...], State] = {}
    for i in range(step.size):
        marks = [Mark("line", [step[i]] * 2, ends, colour="grid")]
        if np.isfinite(mean[i]):
            marks.append(Mark("points", [step[i]], [mean[i]], colour="ink"))
        parts = theory["truncation"][i], theory["rounding"][i]
        told = [_off_by(mean[i], low[i], high[i], n_networks), _dominates(*parts)]
        if left_out[i] > 0:
            told.append(f"On average {left_out[i]:.3g} weights of a network are left out.")
        states[(i,)] = State([marks], f"Step {step[i]:.3g}: {' '.join(told)}")
    return Explorable(
        name="step_size",
        title="The step of a central difference",
        lead="Make the step larger or smaller than at the least error: which error grows?",
        controls=[Control("step ε", [f"{one:.2g}" for one in step])],
        panels=[
            Panel(
                "Largest error over the largest gradient",
                "step ε",
                "",
                log_span(step),
                ends,
                fixed,
                log_x=True,
                log_y=True,
            )
        ],
        states=states,
        start=(int(np.nanargmin(mean)),),
    )


def _off_by(mean: float, low: float, high: float, n_networks: int) -> str:
    if not np.isfinite(mean):
        return "every weight of a network is left out, so there is no error."
    told = f"central differences are off by {mean:.3g} of the largest gradient"
    if n_networks > 1:
        told += f", mean of {n_networks} networks"
    if np.isfinite([low, high]).all():
        told += f" ({low:.3g} to {high:.3g})"
    return f"{told}."


def _dominates(truncation: float, rounding: float) -> str:
    """What theory says of both errors."""
    if not np.isfinite(truncation):
        return f"Rounding dominates: by theory at most {rounding:.3g}, and no terms are left out."
    if truncation > DOMINATES * rounding:
        which = "The terms left out dominate"
    elif rounding > DOMINATES * truncation:
        which = "Rounding dominates"
    else:
        which = "Both errors matter"
    return (
        f"{which}: by theory {truncation:.3g} comes from the terms left out and at most "
        f"{rounding:.3g} from rounding."
    )

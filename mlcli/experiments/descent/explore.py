"""What a reader of the report can move: the learning rate and the momentum of descent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.explore import Control, Explorable, Mark, Panel, State
from mlcli.experiments.wording import number
from mlcli.plotting import Table, distinct, numbers, read_table, where

Array = NDArray[np.float64]
COLUMNS = {
    "grid_paths": ("rate", "momentum", "step", "stiff", "soft", "excess"),
    "grid_factors": (
        *("rate", "momentum", "learning_rate", "critical_rate", "first_step", "last_step"),
        *("measured", "theory", "stiff_theory", "soft_theory", "lambda_max", "lambda_min"),
    ),
}
# Least and most reach of the plane, in units of the start: momentum goes far beyond the minimum.
NEAR, FAR = 1.2, 2.0
N_CONTOURS, AROUND = 7, np.linspace(0, 2 * np.pi, 61)
# Ends of the axis of the loss, in units of the first.
LOWEST, HIGHEST = 1e-12, 1e3
# Two factors closer than this are the same one, rounded.
ALIKE = 1e-6
# A loss that rises to less than this, in units of the first, isn't spoken of.
RISEN = 1.1
# From here on steps have no more digits than whole ones.
MANY = 1000
START = ("0.5", "0.0")


def explorables(folder: Path) -> list[Explorable]:
    """The path and the loss for each learning rate and momentum; nothing without their tables."""
    tables: dict[str, Table] = {}
    for name, columns in COLUMNS.items():
        path = folder / "tables" / f"{name}.csv"
        tables[name] = read_table(path) if path.is_file() else {}
        if not set(columns) <= set(tables[name]):
            return []
    paths, factors = tables["grid_paths"], tables["grid_factors"]
    names = [distinct(factors[key]) for key in ("rate", "momentum")]
    excess = numbers(paths["excess"])
    whole = len(factors["rate"]) == len(names[0]) * len(names[1]) > 0
    if not (whole and excess.size and 0 < excess[0] < np.inf):
        return []
    converges = dict(zip(_keys(factors), numbers(factors["theory"]) < 1 - ALIKE, strict=True))
    seen = np.array([converges.get(key, False) for key in _keys(paths)])
    plane = [numbers(paths[key]) for key in ("stiff", "soft")]
    reach = np.array([_reach(one[0], one[seen]) for one in plane])
    states: dict[tuple[int, ...], State] = {}
    for i, rate in enumerate(names[0]):
        for j, momentum in enumerate(names[1]):
            rows = where(paths, rate=rate, momentum=momentum)
            one = {k: v[0] for k, v in where(factors, rate=rate, momentum=momentum).items()}
            marks = [_path(rows, reach), _loss(rows, float(one["theory"]))]
            states[i, j] = State(marks, _says(one, numbers(rows["excess"])))
    curvatures = [float(factors[key][0]) for key in ("lambda_max", "lambda_min")]
    start = tuple(
        values.index(value) if value in values else 0
        for values, value in zip(names, START, strict=True)
    )
    return [
        Explorable(
            name="rates",
            title="How large a step, and how much momentum",
            lead="Raise the learning rate to its critical value and beyond; then add momentum.",
            controls=[
                Control("learning rate / critical rate", names[0]),
                Control("momentum", [f"{float(one):g}" for one in names[1]]),
            ],
            panels=_panels(paths, reach, _contours(reach, curvatures)),
            states=states,
            start=start,
        )
    ]


def _keys(table: Table) -> list[tuple[str, str]]:
    return list(zip(table["rate"], table["momentum"], strict=True))


def _reach(start: float, values: Array) -> float:
    most = float(np.abs(values).max(initial=0.0))
    return max(float(np.clip(most, NEAR * abs(start), FAR * abs(start))), 1e-12)


def _contours(reach: Array, curvatures: list[float]) -> Mark:
    """Ellipses of equal lambda_max a^2 + lambda_min b^2, each twice as wide as the next."""
    furthest = float(np.sqrt(reach**2 @ np.array(curvatures)))
    sizes = furthest / 2.0 ** np.arange(1, N_CONTOURS + 1)
    ends = [np.append(f(AROUND), np.nan) for f in (np.cos, np.sin)]
    a, b = (
        np.outer(sizes, end).ravel() / np.sqrt(one)
        for end, one in zip(ends, curvatures, strict=True)
    )
    return Mark(
        "line",
        a,
        b,
        colour="points",
        label="contours: loss times 4 from one to the next",
        thin=True,
    )


def _panels(paths: Table, reach: Array, contours: Mark) -> list[Panel]:
    first = float(paths["excess"][0])
    x, y = (float(one) for one in reach)
    return [
        Panel(
            title="Path of the first data set",
            x="along the stiffest direction",
            y="along the softest",
            x_range=(-x, x),
            y_range=(-y, y),
            fixed=[contours, Mark("points", [0], [0], colour="ink", label="minimum")],
        ),
        Panel(
            title="Loss above its minimum",
            x="step",
            y="loss above the minimum",
            x_range=(0.0, float(numbers(paths["step"]).max())),
            y_range=(LOWEST * first, HIGHEST * first),
            log_y=True,
        ),
    ]


def _path(rows: Table, reach: Array) -> list[Mark]:
    # What is far outside is drawn at the same side.
    x, y = (
        np.clip(numbers(rows[key]), -50 * end, 50 * end)
        for key, end in zip(("stiff", "soft"), reach, strict=True)
    )
    return [
        Mark("line", x, y, colour=0, thin=True),
        Mark("points", x, y, colour=0, label="descent"),
    ]


def _loss(rows: Table, factor: float) -> list[Mark]:
    """The loss, and from the same start the loss that shrinks by the factor of theory."""
    step, excess = numbers(rows["step"]), numbers(rows["excess"])
    slope = float(np.log(max(factor, 1e-300)))
    # A steep line ends where it leaves the axes.
    leaves = np.log(LOWEST if slope < 0 else HIGHEST) / slope if slope else np.inf
    ends = np.array([0.0, min(float(step[-1]), float(leaves))])
    return [
        Mark("line", step, excess, colour=0, label="descent"),
        Mark(
            "line",
            ends,
            excess[0] * np.exp(slope * ends),
            colour="truth",
            label="slope of theory",
            dashed=True,
        ),
    ]


def _says(one: dict[str, str], excess: Array) -> str:
    """Whether it converges, how fast, and what another position would do."""
    value = {key: float(text) if text else np.nan for key, text in one.items()}
    momentum, theory = value["momentum"], value["theory"]
    told = f"Learning rate {number(value['learning_rate'])}, "
    critical = f"critical rate {number(value['critical_rate'])}"
    told += "the critical one" if value["rate"] == 1 else f"{value['rate']:g} of the {critical}"
    if momentum:
        told += f", which is {number(1 + momentum)} times that of plain descent"
    method = f"descent with momentum {momentum:g}" if momentum else "plain descent"
    if abs(theory - 1) < ALIKE:
        told += f": {method} neither converges nor diverges, it jumps from side to side along the "
        told += "stiffest direction."
    else:
        told += f": {method} {'converges' if theory < 1 else 'diverges'}."
    rise = _rise(excess) if theory < 1 - ALIKE else ""
    return f"{told} {_factor(value)}{rise}{_hint(value)}"


def _factor(value: dict[str, float]) -> str:
    measured, theory = value["measured"], value["theory"]
    if not np.isfinite(measured):
        return f"It is at the minimum before a factor can be measured (theory: {_digits(theory)})."
    told = f"From step {value['first_step']:.0f} to {value['last_step']:.0f} each step multiplies "
    told += f"the loss above its minimum by {_digits(measured)} (theory: "
    told += f"{_digits(theory)})"
    if abs(theory - 1) < ALIKE or abs(measured - 1) < ALIKE:
        return f"{told}."
    steps = abs(float(np.log(10) / np.log(measured)))
    taken = f"{steps:.3g}" if steps < MANY else f"{steps:.0f}"
    return f"{told}: it {'falls' if measured < 1 else 'grows'} tenfold in {taken} steps."


def _digits(factor: float) -> str:
    """Four digits, and more where only they tell it from 1."""
    near = 1e-4 > abs(factor - 1) > ALIKE
    return f"{factor:.7f}" if near else number(round(factor, 6))


def _rise(excess: Array) -> str:
    """How far the loss rises before it falls, as with much momentum."""
    highest = int(excess.argmax())
    if not 0 < highest < excess.size // 2 or not excess[highest] > RISEN * excess[0]:
        return ""
    return f" The loss first rises to {number(excess[highest] / excess[0])} times its start."


def _hint(value: dict[str, float]) -> str:
    """Which direction decides the factor, and so what would be faster."""
    stiff, soft, momentum = value["stiff_theory"], value["soft_theory"], value["momentum"]
    if max(stiff, soft) > 1 - ALIKE:
        return ""
    if abs(stiff - soft) > ALIKE:
        slowest, other = ("softest", "larger") if soft > stiff else ("stiffest", "smaller")
        return f" The {slowest} direction is the slowest: a {other} rate would be faster."
    if momentum and abs(stiff - momentum) < ALIKE:
        return " All directions shrink equally fast: a little less momentum would be faster."
    return " The stiffest and the softest direction shrink equally fast: no other rate is faster."

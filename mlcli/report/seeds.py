"""How the interval of a run's headline shrinks with its seeds: an explorable of any run."""

from __future__ import annotations

from math import isclose
from typing import Any

import numpy as np

from mlcli.experiments.experiment import About
from mlcli.experiments.explore import Control, Explorable, Mark, Panel, State, span
from mlcli.experiments.summary import range_of
from mlcli.experiments.wording import between, number
from mlcli.linear.statistics import mean_interval
from mlcli.review.runs import Run, per_seed
from mlcli.run.details import quantities

FEWEST = 4
MOST = 64


def explore_seeds(run: Run, about: About) -> list[Explorable]:
    """The interval of one quantity for each number of seeds; nothing where there are few.

    The quantity is the first of the experiment's headlines, and then of all, whose interval in
    details.json is Student's of the values in seeds.csv.
    """
    found = per_seed(run)
    known = quantities(run.metrics)
    wanted = [one.name for one in (*about.headlines, *about.shown)]
    paths = sorted(found, key=lambda path: (_place(path, wanted), path))
    for path in paths:
        values = [found[path][seed] for seed in sorted(found[path])]
        if FEWEST <= len(values) <= MOST and _is_students(path, values, known.get(path)):
            return [_explorable(path, values)]
    return []


def _place(path: str, wanted: list[str]) -> int:
    ends = [i for i, name in enumerate(wanted) if path == name or path.endswith(f".{name}")]
    return ends[0] if ends else len(wanted)


def _is_students(path: str, values: list[float], stated: Any) -> bool:
    try:
        within = range_of(path)
    except LookupError:
        return False
    if not isinstance(stated, dict) or stated.get("ci_low") is None or len(set(values)) == 1:
        return False
    if not np.isfinite(values).all():
        return False
    _, _, low, high, _ = mean_interval(values, within=within)
    ends = zip((low, high), (stated["ci_low"], stated["ci_high"]), strict=True)
    return all(ours is not None and isclose(ours, its, rel_tol=1e-6) for ours, its in ends)


def _explorable(path: str, values: list[float]) -> Explorable:
    n = len(values)
    within = range_of(path)
    every = {k: mean_interval(values[:k], within=within) for k in range(2, n + 1)}
    counts = list(every)
    lows, highs = ([float(every[k][i] or 0.0) for k in counts] for i in (2, 3))
    name = path.replace("_", " ").replace(".", ", ")
    seeds = list(range(1, n + 1))
    panel = Panel(
        title="Each seed, the mean and its 95 % interval",
        x="seeds",
        y=name,
        x_range=(0.0, n + 1.0),
        # Two seeds may have an interval so wide that nothing else would be seen.
        y_range=span(values, lows[1:], highs[1:]),
        fixed=[
            Mark("points", seeds, values, colour="points"),
            Mark("band", counts, lows, highs, colour=5, label="interval for each number of seeds"),
        ],
    )
    whole = highs[-1] - lows[-1]
    states: dict[tuple[int, ...], State] = {}
    for i, k in enumerate(counts):
        mean, _, low, high, _ = every[k]
        says = f"With {k} seeds the mean {name} is {number(mean)} ({between(low, high)})"
        if k < n and whole > 0:
            says += (
                f", an interval {number((highs[i] - lows[i]) / whole)} times as wide as with {n}"
            )
        marks = [
            Mark("points", seeds[:k], values[:k], colour=0, label="seeds so far"),
            Mark("line", [k, k], [lows[i], highs[i]], colour=1, label="interval"),
            Mark("points", [k], [mean], colour=1, label="mean"),
        ]
        states[(i,)] = State([marks], says + ".")
    return Explorable(
        name="seeds",
        title="How many seeds",
        lead="Take more seeds and watch the interval of the mean.",
        controls=[Control("seeds", [str(k) for k in counts])],
        panels=[panel],
        states=states,
        start=(len(counts) - 1,),
    )

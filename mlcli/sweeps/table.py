"""The points of a sweep as a table, and the best of them as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import MlcliError, NoAnswerError
from mlcli.experiments.experiment import Headline
from mlcli.review.compare import overlap
from mlcli.review.runs import Run, per_seed
from mlcli.rng import stream
from mlcli.run.details import is_number, is_summary, quantities
from mlcli.sweeps.axes import N_DRAWS, Point
from mlcli.sweeps.headlines import find, scores, variant_of

DONE, NO_ANSWER, FAILED, WAITING = "done", "no answer", "failed", "waiting"
# An axis of fewer values has hardly an inside.
FEWEST_VALUES = 3
NUMBERS = ("mean", "std", "ci_low", "ci_high", "n")


@dataclass(frozen=True)
class Row:
    """A point of a sweep.

    Attributes:
        point: key and text of each value.
        run: the name of its run.
        outcome: done, no answer (it diverged, say), failed or waiting.
        reason: why there is no number.
        found: the run, once done.
    """

    point: Point
    run: str
    outcome: str = WAITING
    reason: str = ""
    found: Run | None = None


@dataclass(frozen=True)
class Scored:
    """A row with the number it is ranked by; `number` is None where it has none."""

    row: Row
    path: str = ""
    number: Mapping[str, Any] | None = None


def scored(rows: Sequence[Row], headlines: tuple[Headline, ...]) -> tuple[Headline, list[Scored]]:
    """Each row with its number, and the headline that they have in common.

    Raises:
        ConfigError: no metric is in every run, or one has it several times.
    """
    runs = {row.run: row.found for row in rows if row.found is not None}
    done = {name: run.metrics for name, run in runs.items()}
    variants = {name: variant_of(run.manifest["config"]) for name, run in runs.items()}
    chosen, paths = find(headlines, done, variants)
    return chosen, [
        Scored(row)
        if row.found is None
        else Scored(row, paths[row.run], _number(quantities(row.found.metrics)[paths[row.run]]))
        for row in rows
    ]


def _number(value: Any) -> Mapping[str, Any] | None:
    if is_summary(value):
        return value if is_number(value["mean"]) else None
    if is_number(value):
        return {"mean": value, "std": None, "ci_low": None, "ci_high": None, "n": 1}
    return None


def ranked(points: Sequence[Scored], largest: bool) -> list[Scored]:
    """Those with a number, the best first; of equals the earlier."""
    numbered = [one for one in points if one.number is not None]
    sign = -1.0 if largest else 1.0
    return sorted(numbered, key=lambda one: sign * one.number["mean"] if one.number else 0.0)


def columns(points: Sequence[Scored]) -> dict[str, list[Any]]:
    """The columns of sweep.csv, one row a point, in the order of the sweep."""
    keys = [key for key, _ in points[0].row.point]
    found: dict[str, list[Any]] = {"run": [one.row.run for one in points]}
    for place, key in enumerate(keys):
        found[key] = [one.row.point[place][1] for one in points]
    found["outcome"] = [one.row.outcome for one in points]
    found["metric"] = [one.path for one in points]
    for name in NUMBERS:
        found[name] = [None if one.number is None else one.number[name] for one in points]
    found["reason"] = [_reason(one) for one in points]
    return found


def _reason(one: Scored) -> str:
    if one.row.outcome == DONE and one.number is None:
        return f"{one.path} is null"
    return one.row.reason


def metrics_of(command: str, headline: Headline, points: Sequence[Scored]) -> dict[str, Any]:
    """metrics.json of a sweep.

    Raises:
        NoAnswerError: no point has a number, though each ran.
        MlcliError: no point is done, and some failed.
    """
    order = ranked(points, headline.largest)
    n_of = Counter(one.row.outcome for one in points)
    if not order or order[0].row.found is None:
        raise _nothing(points, n_of)
    best = order[0]
    return {
        "command": command,
        "metric": best.path,
        "best_is": "largest" if headline.largest else "smallest",
        "measured_on": headline.rows,
        "n_points": len(points),
        "n_done": n_of[DONE],
        "n_without_answer": n_of[NO_ANSWER],
        "n_failed": n_of[FAILED],
        "best": {
            "run": best.row.run,
            "settings": dict(best.row.point),
            best.path: dict(best.number or {}),
            "test": scores(best.path, order[0].row.found.metrics),
        },
        "at_the_end_of": ends(points, best.row.point),
        "winners_curse": _as_metrics(curse_of(order, headline.largest)),
    }


def _nothing(points: Sequence[Scored], n_of: Mapping[str, int]) -> MlcliError:
    """Why there is no best: points that failed say nothing of whether there is an answer."""
    if n_of[FAILED] and not n_of[DONE]:
        return failed(points, f"none of {len(points)} points is done, and {n_of[FAILED]} failed")
    why = next((_reason(one) for one in points if _reason(one)), "nothing ran")
    return NoAnswerError(f"none of {len(points)} points has a number: {why}")


def failed(points: Sequence[Scored], said: str) -> MlcliError:
    """That points failed, and why the first of them did."""
    why = next(one.row.reason for one in points if one.row.outcome == FAILED)
    return MlcliError(f"{said}: {why}", hint="the same command, which runs those again")


def ends(points: Sequence[Scored], best: Point) -> dict[str, str]:
    """The axes of numbers at whose end the best lies, where a wider one may hold a better."""
    found = {}
    for place, (key, text) in enumerate(best):
        try:
            numbers = sorted({float(one.row.point[place][1]) for one in points})
        except ValueError:
            continue
        if len(numbers) >= FEWEST_VALUES and float(text) in (numbers[0], numbers[-1]):
            found[key] = text
    return found


def curse_of(order: Sequence[Scored], largest: bool) -> Curse | None:
    """How much the best flatters; None where a number has no error, or there is one point only."""
    numbers = [one.number for one in order if one.number is not None]
    runs = [one.row.found for one in order if one.row.found is not None]
    if len(numbers) < 2 or any(one["std"] is None for one in numbers):
        return None
    errors = [one["std"] / one["n"] ** 0.5 for one in numbers]
    values = [per_seed(run).get(one.path) for run, one in zip(runs, order, strict=True)]
    same_rows = all(run.manifest["data"] == runs[0].manifest["data"] for run in runs)
    seeds = [run.manifest["seeds"] for run in runs]
    # Errors go together only where a seed is the same rows and the same draws in every point.
    known = values if same_rows and all(one == seeds[0] for one in seeds) else [None] * len(runs)
    return curse(
        [one["mean"] for one in numbers],
        errors,
        known,
        largest=largest,
        n_seeds=min(one["n"] for one in numbers),
        overlap=overlap(runs[0], order[0].path),
    )


def _as_metrics(found: Curse | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "bias": found.bias,
        "bias_if_all_equal": found.bias_if_equal,
        "n_compared": found.n_compared,
        "errors_taken": "seed by seed"
        if found.joint
        else "as independent, which is too much for points that share their seeds",
    }


Array = NDArray[np.float64]
# Numbers drawn at a time, so that many points need no more memory than few.
BLOCK = 1_000_000


@dataclass(frozen=True)
class Curse:
    """How much the best flatters, in units of the metric, never below 0.

    Attributes:
        bias: with the means as they are.
        bias_if_equal: were all points equally good.
        n_compared: points.
        joint: whether the errors of points are taken together, seed by seed; else as independent.
    """

    bias: float
    bias_if_equal: float
    n_compared: int
    joint: bool


def curse(
    means: Sequence[float],
    errors: Sequence[float],
    values: Sequence[Mapping[int, float] | None],
    *,
    largest: bool,
    n_seeds: int,
    overlap: float = 0.0,
) -> Curse:
    """How much the best of several means flatters.

    Args:
        means: one a point.
        errors: the standard error of each, as of independent seeds.
        values: seed -> value behind each mean, where it is known.
        largest: whether more is better.
        n_seeds: seeds behind a mean.
        overlap: n_test / n_train where seeds are splits of the same rows: errors are larger by
    sqrt(1 + n overlap) then.
    """
    m = np.asarray(means, dtype=float) * (1.0 if largest else -1.0)
    root = _common(values)
    joint = root is not None
    if root is None:
        root = np.diag(np.asarray(errors, dtype=float))
    root = root * sqrt(1 + n_seeds * overlap)
    rng = stream(0, "winners-curse")
    size = max(1, BLOCK // max(root.shape))
    sums, n_done = np.zeros(2), 0
    while n_done < N_DRAWS:
        count = min(size, N_DRAWS - n_done)
        noise = rng.standard_normal((count, root.shape[0])) @ root  # (count, k)
        winners = (m + noise).argmax(axis=1)
        sums += noise[np.arange(count), winners].sum(), noise.max(axis=1).sum()
        n_done += count
    bias, equal = (max(0.0, float(one)) for one in sums / N_DRAWS)
    return Curse(bias, equal, m.size, joint)


def _common(values: Sequence[Mapping[int, float] | None]) -> Array | None:
    """A root of the covariance of the means, (n, k), where all points have the same seeds."""
    known: list[Any] = [one for one in values if one]
    if len(known) < len(values) or not known:
        return None
    seeds = sorted(known[0])
    if len(seeds) < 2 or any(sorted(one) != seeds for one in known):
        return None
    table = np.array([[one[seed] for one in known] for seed in seeds])  # (n, k)
    n = len(seeds)
    centred: Array = (table - table.mean(axis=0)) / sqrt(n * (n - 1))
    return centred

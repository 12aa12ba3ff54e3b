"""What a reader of the report can move: the degree of a fit, and the strength of a penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.explore import Control, Explorable, Mark, Panel, State, log_span, span
from mlcli.experiments.fit_poly.tables import NORMAL_95
from mlcli.experiments.wording import between, number, times
from mlcli.plotting import Table, distinct, numbers, read_table, shortened, where

Array = NDArray[np.float64]
TABLES = (
    "coefficients",
    "data",
    "draw_errors",
    "draw_means",
    "draw_rows",
    "draws",
    "law",
    "path",
    "path_coefficients",
    "path_curves",
    "scores",
)
TRAIN, TEST, FIT = 0, 1, 2
# Errors so many times the one of the lowest degree are beyond the axis.
BEYOND = 4.0
# Errors further apart than this have a logarithmic axis.
FAR_APART = 50.0
# An error within this share of the least one counts as equal to it.
NEAR = 0.05
# A degree so far above the one before stands apart on the axis, after a gap of so many places.
GAP = 2
# Errors so many times smaller than the largest that is shown are zero to rounding.
ROUNDING = 1e-18
MOST_BARS = 10
PARTS = (
    ("train", "training rows and error", TRAIN),
    ("test", "test rows and error", TEST),
)


def explorables(folder: Path) -> list[Explorable]:
    """Both of them as far as the run has their tables; nothing with several inputs."""
    paths = {name: folder / "tables" / f"{name}.csv" for name in TABLES}
    tables = {name: read_table(path) if path.exists() else {} for name, path in paths.items()}
    if len(tables["data"]) != 3:
        return []
    found = []
    if all(tables[name].get("degree") for name in ("draws", "draw_errors", "draw_means")):
        found.append(_degree(tables))
    if all(tables[name].get("strength") for name in ("path_curves", "path", "path_coefficients")):
        found.append(_strength(tables))
    return found


# Common to both.


def _rows(rows: Table, x_name: str, t_name: str) -> list[Mark]:
    """The rows that are shown, training and test rows apart."""
    found = []
    for part, label, colour in PARTS:
        some = where(rows, part=part)
        if some[x_name]:
            x, t = numbers(some[x_name]), numbers(some[t_name])
            found.append(Mark("points", x, t, colour=colour, label=label))
    return found


def _law(law: Table) -> list[Mark]:
    """The true curve, where it is known."""
    if not law.get("x"):
        return []
    step = slice(None, None, 4)
    x, y = numbers(law["x"])[step], numbers(law["truth"])[step]
    return [Mark("line", x, y, colour="truth", label="true curve", dashed=True)]


def _noise(law: Table) -> float | None:
    """The variance of the noise, where it is known."""
    if not law.get("x"):
        return None
    return float(((numbers(law["high"]) - numbers(law["truth"])) / NORMAL_95)[0] ** 2)


def _noise_line(noise: float | None, ends: tuple[float, float]) -> list[Mark]:
    if noise is None:
        return []
    label = "variance of the noise"
    return [Mark("line", ends, [noise, noise], colour="points", label=label, dashed=True)]


def _error(value: float, low: float = np.nan, high: float = np.nan) -> str:
    """``4.2 (3.2 to 5.1)``, as far as the numbers are there."""
    if not np.isfinite(value):
        return "beyond a number"
    inside = between(float(low), float(high), value or None) if np.isfinite(low) else ""
    return number(float(value)) + (f" ({inside})" if inside else "")


def _plot(data: Table, y_range: tuple[float, float]) -> Panel:
    """The axes of rows and fits."""
    x_name, t_name = list(data)[:2]
    names = (shortened(x_name, 30), shortened(t_name, 20))
    x_range = span(numbers(data[x_name]))
    return Panel("Rows and fit", *names, x_range=x_range, y_range=y_range)


def _clipped(values: Array, ends: tuple[float, float]) -> Array:
    """Values far outside the picture, cut to what still leaves it steeply."""
    reach = 3 * (ends[1] - ends[0])
    return np.clip(values, ends[0] - reach, ends[1] + reach)


# The degree.


@dataclass(frozen=True)
class _Degrees:
    """The axis of the degrees and of the errors.

    Attributes:
        names: of the degrees, as the tables have them.
        places: where each stands; the run's highest may stand apart.
        n_low: how many come before it.
        y_range, log: of the axis of the errors.
        noise: the variance of the noise, None where it is not known.
        tested: whether there are test errors.
    """

    names: Sequence[str]
    places: Array
    n_low: int
    y_range: tuple[float, float]
    log: bool
    noise: float | None
    tested: bool


def _degree(tables: dict[str, Table]) -> Explorable:
    means, errors, data = tables["draw_means"], tables["draw_errors"], tables["data"]
    names, seeds = means["degree"], distinct(errors["seed_index"])
    values = numbers(names)
    apart = len(names) > 1 and values[-1] > values[-2] + 1
    places = np.append(values[:-1], values[-2] + GAP) if apart else values
    train, test = numbers(errors["train_mse"]), numbers(errors["test_mse"])
    tested = bool(np.isfinite(test).any())
    first = numbers(where(errors, degree=names[0])["train_mse"])
    limit = BEYOND * float(np.nanmax(np.append(first, numbers(means["test_mse"])[0])))
    seen = np.concatenate([train, test])
    seen = seen[np.isfinite(seen) & (seen <= limit)]
    positive = seen[seen > ROUNDING * seen.max(initial=0.0)]
    log = bool(positive.size and positive.max() > FAR_APART * positive.min())
    y_range = log_span(positive) if log else span(seen)
    n_low, noise = len(names) - int(apart), _noise(tables["law"])
    axis = _Degrees(names, places, n_low, y_range, log, noise, tested)
    x_range = (float(places[0]) - 0.7, float(places[-1]) + 0.9)
    t = numbers(data[list(data)[1]])
    shown = span(t, margin=0.08)
    step = max(1, axis.n_low // 7)
    ticked = [*range(0, axis.n_low, step), *([len(names) - 1] if apart else [])]
    panels = [
        _plot(data, shown),
        Panel(
            "This draw; bands: mean over seeds, 95 %"
            if len(distinct(tables["scores"].get("seed_index", []))) > 1
            else "Errors",
            "degree",
            "mean squared error",
            x_range,
            y_range,
            [*_mean_bands(means, axis), *_noise_line(axis.noise, x_range)],
            log_y=log,
            x_ticks=[(float(places[i]), names[i]) for i in ticked],
        ),
    ]
    start = min(3, len(names) - 1)
    seed_control = [Control("seed of the draw", seeds)] if len(seeds) > 1 else []
    states: dict[tuple[int, ...], State] = {
        (i, k) if seed_control else (i,): state
        for k, seed in enumerate(seeds)
        for i, state in enumerate(_states_of(tables, seed, axis, shown))
    }
    return Explorable(
        name="degree",
        title="Degree of the fit",
        lead="Raise the degree, then take another draw: which degrees stay near the true curve?",
        controls=[Control("degree", names), *seed_control],
        panels=panels,
        states=states,
        start=(start, 0) if seed_control else (start,),
    )


def _mean_bands(means: Table, axis: _Degrees) -> list[Mark]:
    """The intervals of the mean errors over all seeds; of the degree apart a short one."""
    found = []
    for name, _, colour in PARTS:
        low, high = (numbers(means[f"{name}_mse_ci_{end}"]) for end in ("low", "high"))
        n = axis.n_low
        if np.isfinite(low[:n]).any():
            found.append(Mark("band", axis.places[:n], low[:n], high[:n], colour=colour))
        if n < len(axis.names) and np.isfinite(low[n]) and high[n] <= axis.y_range[1]:
            ends = axis.places[n] + np.array([-0.3, 0.3])
            found.append(Mark("band", ends, low[[n, n]], high[[n, n]], colour=colour))
    return found


def _states_of(
    tables: dict[str, Table],
    seed: str,
    axis: _Degrees,
    shown: tuple[float, float],
) -> list[State]:
    """One state for each degree, of one draw."""
    errors = where(tables["draw_errors"], seed_index=seed)
    curves = where(tables["draws"], seed_index=seed)
    rows = _rows(where(tables["draw_rows"], seed_index=seed), "x", "t")
    law = _law(tables["law"])
    lines = []
    for name, _, colour in PARTS:
        y = numbers(errors[f"{name}_mse"])[: axis.n_low]
        if np.isfinite(y).any():
            lines.append(Mark("line", axis.places[: axis.n_low], y, colour=colour))
    found = []
    for i, degree in enumerate(axis.names):
        curve = where(curves, degree=degree)
        x, fit = numbers(curve["x"]), _clipped(numbers(curve["fit"]), shown)
        fitted = Mark("line", x, fit, colour=FIT, label="fit")
        points = _points_at(errors, i, axis)
        marks = [[fitted, *law, *rows], [_here(i, axis, points), *lines, *points]]
        found.append(State(marks, _says_degree(errors, i, seed, axis)))
    return found


def _here(index: int, axis: _Degrees, points: Sequence[Mark]) -> Mark:
    """A line at the present degree, which ends below an arrow and its text."""
    place = float(axis.places[index])
    top = _below_top(axis, 0.25 if any(one.kind == "arrow" for one in points) else 0.0)
    return Mark("line", [place, place], [axis.y_range[0], top], colour="ink", dashed=True)


def _points_at(errors: Table, index: int, axis: _Degrees) -> list[Mark]:
    """Both errors of the present degree; an arrow for one that is beyond the axis."""
    found, place = [], float(axis.places[index])
    for name, _, colour in PARTS:
        value = float(numbers(errors[f"{name}_mse"])[index])
        if np.isnan(value):
            continue
        if value <= axis.y_range[1]:
            found.append(Mark("points", [place], [value], colour=colour))
            continue
        ends = [_below_top(axis, share) for share in (0.14, 0.0)]
        found.append(Mark("arrow", [place, place], ends, colour=colour))
        text = f"10^{int(np.log10(value))}" if value >= 1e4 else number(value)
        foot = [_below_top(axis, 0.19)]
        found.append(Mark("text", [place], foot, texts=[text], colour=colour))
    return found


def _below_top(axis: _Degrees, share: float) -> float:
    """A height so far below the upper end of the errors, as a share of their axis."""
    low, high = axis.y_range
    return high * (low / high) ** share if axis.log else high - share * (high - low)


def _says_degree(errors: Table, index: int, seed: str, axis: _Degrees) -> str:
    train, test = numbers(errors["train_mse"]), numbers(errors["test_mse"])
    said = f"Degree {axis.names[index]}, seed {seed}: training error {_error(train[index])}"
    if not axis.tested:
        return said + ". No rows were set aside to test it."
    low, high = (float(numbers(errors[f"test_ci_{end}"])[index]) for end in ("low", "high"))
    said += f", test error {_error(test[index], low, high)}"
    if axis.noise is not None:
        said += f"; the variance of the noise is {number(axis.noise)}"
        said += _beside(axis.noise, low, high, float(test[index]))
    return f"{said}. {_verdict(train, test, index, axis)}"


def _beside(noise: float, low: float, high: float, test: float) -> str:
    """Where the variance of the noise stands to a test error and its interval."""
    if not test < FAR_APART * noise:
        return ", far below it"
    if not np.isfinite(low):
        return ""
    if low <= noise <= high:
        return ", inside this interval"
    return ", below this interval" if noise < low else ", above this interval"


def _verdict(train: Array, test: Array, index: int, axis: _Degrees) -> str:
    """How the test error stands to those of the other degrees of the draw."""
    if len(test) == 1 or np.isnan(test).all():
        return "There is no other degree to compare it with."
    best = int(np.nanargmin(test))
    name, least = axis.names[best], float(test[best])
    if test[index] <= ROUNDING * test[0]:
        return "This test error is zero to rounding."
    if index == best:
        return "No other degree has a smaller test error in this draw."
    if test[index] <= (1 + NEAR) * least:
        return (
            f"The test error is within {100 * NEAR:.0f} % of the least of this draw, "
            f"{number(least)} at degree {name}."
        )
    ratio = float(test[index]) / least if least > 0 else np.inf
    compared = f"{times(ratio)} that" if np.isfinite(ratio) else "far above that"
    verb = "underfits" if index < best else "overfits"
    change = "and its training error is higher"
    if train[index] <= train[best]:
        change = "while its training error is lower"
    return (
        f"It {verb}: its test error is {compared} of degree {name}, the least of this draw, "
        f"{change}."
    )


# The strength of the penalty.


def _strength(tables: dict[str, Table]) -> Explorable:
    path, curves, data = tables["path"], tables["path_curves"], tables["data"]
    names = [one for one in reversed(distinct(curves["strength"])) if one in path["strength"]]
    t = numbers(data[list(data)[1]])
    shown = span(t, margin=0.08)
    strengths = numbers(path["strength"])
    tested = bool(np.isfinite(numbers(path["test_mse"])).all())
    parts = [one for one in PARTS if tested or one[0] == "train"]
    ends = ("", "_ci_low", "_ci_high")
    y_range = span(*(numbers(path[f"{part}_mse{end}"]) for part, _, _ in parts for end in ends))
    x_range = log_span(strengths)
    noise = _noise(tables["law"])
    bars = _largest(tables["path_coefficients"])
    powers = all(term.isdigit() for term in bars)
    every = np.concatenate([[0.0], *(list(one.values()) for one in bars.values())])
    panels = [
        _plot(data, shown),
        Panel(
            f"Coefficients of seed 0, the largest {len(bars)}",
            f"power of {shortened(next(iter(data)), 20)}" if powers else "term",
            "coefficient",
            (0.3, len(bars) + 0.7),
            span(every),
            [Mark("line", [0.3, len(bars) + 0.7], [0, 0], colour="points")],
            x_ticks=[(i + 1.0, shortened(term, 6)) for i, term in enumerate(bars)],
        ),
        Panel(
            "Mean errors over seeds, 95 %",
            "strength of the penalty",
            "mean squared error",
            x_range,
            y_range,
            [*_path_lines(path, parts), *_noise_line(noise, x_range)],
            log_x=True,
        ),
    ]
    # The rows of the first draw, or of the run where there are no draws.
    rows = where(tables["draw_rows"], seed_index="0") if tables["draw_rows"].get("x") else {}
    marks = _rows(rows, "x", "t") if rows else _rows(_thinned(data), *list(data)[:2])
    marks += _law(tables["law"])
    states: dict[tuple[int, ...], State] = {}
    for i, name in enumerate(names):
        curve, row = where(curves, strength=name), where(path, strength=name)
        fit = _clipped(numbers(curve["fit"]), shown)
        fitted = Mark("line", numbers(curve["x"]), fit, colour=FIT, label="fit of seed 0")
        heights = [bars[term].get(name, 0.0) for term in bars]
        columns = Mark("bars", np.arange(1, len(bars) + 1), heights, colour=FIT)
        at = float(name)
        right = [Mark("line", [at, at], y_range, colour="ink", dashed=True)]
        for part, _, colour in parts:
            right.append(Mark("points", [at], numbers(row[f"{part}_mse"]), colour=colour))
        states[(i,)] = State(
            [[fitted, *marks], [columns], right], _says_strength(tables, name, tested)
        )
    least = numbers(path["test_mse" if tested else "train_mse"])
    best = path["strength"][int(np.argmin(least))]
    return Explorable(
        name="strength",
        title="Strength of the penalty",
        lead="Strengthen the penalty on the highest degree: which coefficients stay?",
        controls=[Control("strength", [f"{float(name):.3g}" for name in names])],
        panels=panels,
        states=states,
        start=(names.index(best) if best in names else 0,),
    )


def _thinned(data: Table) -> Table:
    """Some of the rows, at even distances."""
    size = len(data["part"])
    places = np.unique(np.linspace(0, size - 1, min(size, 120)).round().astype(int)).tolist()
    return {name: [column[i] for i in places] for name, column in data.items()}


def _largest(rows: Table) -> dict[str, dict[str, float]]:
    """Coefficients by strength of the largest terms, in the order of the terms.

    A term is large by its mean share of the largest coefficient at each strength, so that terms
    that matter under a strong penalty are among them.
    """
    every: dict[str, dict[str, float]] = {}
    most: dict[str, float] = {}
    values = numbers(rows["coefficient"])
    for term, strength, value in zip(rows["term"], rows["strength"], values, strict=True):
        every.setdefault(term, {})[strength] = float(value)
        most[strength] = max(most.get(strength, 0.0), abs(float(value)))
    share = {
        term: sum(abs(value) / most[at] for at, value in one.items() if most[at] > 0)
        for term, one in every.items()
    }
    chosen = set(sorted(every, key=lambda term: -share[term])[:MOST_BARS])
    return {term: one for term, one in every.items() if term in chosen}


def _path_lines(path: Table, parts: Sequence[tuple[str, str, int]]) -> list[Mark]:
    """Mean errors along the path with their intervals."""
    x, found = numbers(path["strength"]), []
    for part, _, colour in parts:
        mean, low, high = (numbers(path[f"{part}_mse{end}"]) for end in ("", "_ci_low", "_ci_high"))
        if np.isfinite(low).all():
            found.append(Mark("band", x, low, high, colour=colour))
        found.append(Mark("line", x, mean, colour=colour))
    return found


def _says_strength(tables: dict[str, Table], name: str, tested: bool) -> str:
    path = tables["path"]
    row = {key: float(values[0]) for key, values in _numbers(where(path, strength=name)).items()}
    first = numbers(where(tables["path_coefficients"], strength=name)["coefficient"])
    total = len(tables["coefficients"].get("term", ()))
    used = int(np.count_nonzero(first))
    several = np.isfinite(row["n_nonzero_ci_low"])
    said = f"Strength {float(name):.3g}: {used}{f' of {total}' if total else ''} coefficients "
    said += f"of seed 0 {'is' if used == 1 else 'are'} not zero"
    if several:
        said += f", in the mean over seeds {_number(row, 'n_nonzero')}"
    said += f"; training error {_number(row, 'train_mse')}"
    if not tested:
        return said + ". No rows were set aside to test it."
    said += f", test error {_number(row, 'test_mse')}. "
    test, strengths = numbers(path["test_mse"]), numbers(path["strength"])
    best = int(np.argmin(test))
    if path["strength"][best] == name:
        return said + "No other strength of the path has a smaller test error."
    ratio, least = row["test_mse"] / float(test[best]), f"{strengths[best]:.3g}"
    if ratio <= 1 + NEAR:
        return said + f"That is within {100 * NEAR:.0f} % of the least, at strength {least}."
    fate = "the penalty is too strong: it underfits"
    if float(name) < strengths[best]:
        fate = "the penalty is too weak: it overfits"
    said += f"That is {times(ratio)} the least, at strength {least}: {fate}"
    # Few seeds may have a mean that they don't know well.
    holds = row["test_mse_ci_low"] <= float(test[best]) <= row["test_mse_ci_high"]
    return said + (", though the interval reaches that least." if holds else ".")


def _numbers(table: Table) -> dict[str, Array]:
    return {name: numbers(column) for name, column in table.items()}


def _number(row: dict[str, float], name: str) -> str:
    return _error(row[name], row[f"{name}_ci_low"], row[f"{name}_ci_high"])

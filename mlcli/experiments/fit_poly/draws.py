"""Single draws of the data: their rows, the fits of every low degree, and their errors.

They are what a reader of the report can move: `explore.py` reads the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments import linear_fits
from mlcli.experiments.fit_poly.algebra import count_of
from mlcli.experiments.fit_poly.prepare import FitPolyPrepared, TrainTestRows
from mlcli.experiments.linear_fits import LinearFits
from mlcli.experiments.summary import interval_columns, summary
from mlcli.result import Columns

Array = NDArray[np.float64]
# Every degree up to this one is fitted, beside the run's highest.
MOST_DEGREE = 12
# Of so many draws the rows and the fits are written.
SHOWN_DRAWS, SHOWN_ROWS = 6, 120
LOW_POINTS, HIGH_POINTS = 51, 401
# Larger draws would take more than a moment.
MOST_ROWS = 20_000


@dataclass(frozen=True)
class Draw:
    """What the fits of one seed score, one value per degree, (k,).

    Attributes:
        degrees: k of them, rising.
        train_mse: on the training rows.
        test_mse, test_low, test_high: on the test rows, with the 95 % interval of the mean over
            these rows; NaN where there are none.
        curves: points (n,) along x and the fit there, for each degree; empty beyond the first
            draws.
        rows: some of the rows, as x, t and part; empty beyond the first draws.
    """

    degrees: tuple[int, ...]
    train_mse: Array
    test_mse: Array
    test_low: Array
    test_high: Array
    curves: Sequence[tuple[Array, Array]]
    rows: Sequence[tuple[float, float, str]]


def draw_of(
    prepared: FitPolyPrepared, rows: TrainTestRows, index: int, fits: LinearFits
) -> Draw | None:
    """The low degrees and the highest on the rows of one seed.

    Args:
        prepared: the run.
        rows: of the seed.
        index: of the seed.
        fits: the run's own of this seed.

    Returns:
        None with several inputs, with a basis of one size, and for large data.
    """
    config = prepared.config
    large = rows.data.t.size > MOST_ROWS
    if rows.X_train.shape[1] != 1 or config.basis == "linear" or large:
        return None
    sizes = {degree: count_of(prepared, degree) for degree in range(MOST_DEGREE + 1)}
    low = tuple(d for d, size in sizes.items() if 0 < size <= rows.t_train.size)
    families: list[tuple[LinearFits, Sequence[int]]] = []
    if low:
        # Exact arithmetic would find the same fits slowly.
        solver = "arnoldi" if config.solver == "certified" else config.solver
        spec = replace(prepared.spec, degrees=low, solver=solver)
        found = linear_fits.fit(spec, rows.X_train, rows.t_train, (), rows.data.related)
        families.append((found, range(len(low))))
    if fits.degrees[-1] > MOST_DEGREE or not low:
        families.append((fits, [len(fits.degrees) - 1]))
    with np.errstate(over="ignore", invalid="ignore"):
        test = np.concatenate(
            [(rows.t_test - one.predict(rows.X_test)[:, at].T) ** 2 for one, at in families]
        )  # (k, n_test)
        scores = [summary(errors, "mse") if errors.size else {} for errors in test]
    train = [one.train_rss[at] / rows.t_train.size for one, at in families]
    shown = index < SHOWN_DRAWS
    return Draw(
        tuple(one.degrees[place] for one, at in families for place in at),
        np.concatenate(train),
        _numbers(scores, "mean"),
        _numbers(scores, "ci_low"),
        _numbers(scores, "ci_high"),
        curves=[_curve(rows, one, i) for one, at in families for i in at] if shown else (),
        rows=_some_rows(rows) if shown else (),
    )


def _numbers(scores: Sequence[dict[str, Any]], key: str) -> Array:
    found = [one.get(key) for one in scores]
    return np.array([np.nan if value is None else value for value in found], dtype=float)


def _curve(rows: TrainTestRows, fits: LinearFits, index: int) -> tuple[Array, Array]:
    """One fit along the range of the draw, on points that are denser near the ends."""
    low, high = float(rows.data.X.min()), float(rows.data.X.max())
    n = LOW_POINTS if fits.degrees[index] <= MOST_DEGREE else HIGH_POINTS
    x = low + (high - low) * (0.5 - 0.5 * np.cos(np.pi * np.arange(n) / (n - 1)))
    with np.errstate(over="ignore", invalid="ignore"):
        return x, fits.predict(x[:, None])[:, index]


def _some_rows(rows: TrainTestRows) -> list[tuple[float, float, str]]:
    """Training and test rows in their share, at even distances in their order."""
    parts = (("train", rows.X_train, rows.t_train), ("test", rows.X_test, rows.t_test))
    total = rows.t_train.size + rows.t_test.size
    found = []
    for part, X, t in parts:
        n = min(t.size, -(-SHOWN_ROWS * t.size // total))
        chosen = np.linspace(0, t.size - 1, n).round().astype(int)
        found += [(float(X[i, 0]), float(t[i]), part) for i in chosen]
    return found


def draw_tables(draws: Sequence[Draw | None]) -> dict[str, Columns]:
    """The tables of the draws, one per seed; all are empty where there are none."""
    known = [one for one in draws if one is not None]
    shown = list(enumerate(known[:SHOWN_DRAWS]))
    curves = [
        (index, degree, *point)
        for index, draw in shown
        for degree, (x, fit) in zip(draw.degrees, draw.curves, strict=True)
        for point in zip(x.tolist(), fit.tolist(), strict=True)
    ]
    rows = [(index, *row) for index, draw in shown for row in draw.rows]
    errors = [
        (index, *scores)
        for index, draw in shown
        for scores in zip(
            draw.degrees,
            *(one.tolist() for one in (draw.train_mse, draw.test_mse)),
            *(one.tolist() for one in (draw.test_low, draw.test_high)),
            strict=True,
        )
    ]
    means: dict[str, list[Any]] = {"degree": list(known[0].degrees) if known else []}
    for name in ("train_mse", "test_mse"):
        stacked = [getattr(one, name) for one in known] or [np.empty(0)]
        means |= interval_columns(name, np.stack(stacked))
    score_names = ("train_mse", "test_mse", "test_ci_low", "test_ci_high")
    return {
        "draws": _columns(("seed_index", "degree", "x", "fit"), curves),
        "draw_rows": _columns(("seed_index", "x", "t", "part"), rows),
        "draw_errors": _columns(("seed_index", "degree", *score_names), errors),
        "draw_means": means,
    }


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Columns:
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}

"""A fit that memorises its data (2.9): a table of the training rows, read at the nearest one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.fit_poly.prepare import FitPolyPrepared, TrainTestRows
from mlcli.experiments.summary import summary
from mlcli.result import Columns, Metrics
from mlcli.selection.interpolation import expected_error_of_memory, nearest_rows

Array = NDArray[np.float64]
# More rows than these say nothing new.
MOST_ROWS = 2000
# So many training rows are drawn with the table that passes through them.
SHOWN_ROWS = 24


@dataclass(frozen=True)
class Memory:
    """What a table of the training rows scores with one seed; NaN where there is no such score.

    Attributes:
        n_rows: rows in it.
        train_mse, test_mse: its mean squared errors.
        expected_mse: the error to expect on new rows where their law is known.
    """

    n_rows: int
    train_mse: float
    test_mse: float
    expected_mse: float


def memorise(prepared: FitPolyPrepared, rows: TrainTestRows) -> Memory:
    """Look up the nearest training row for every training and test row of a seed."""
    X, t = rows.X_train[:MOST_ROWS], rows.t_train[:MOST_ROWS]

    def error(points: Array, targets: Array) -> float:
        if not targets.size:
            return np.nan
        with np.errstate(over="ignore", invalid="ignore"):
            return float(((targets - t[nearest_rows(X, points)]) ** 2).mean())

    generator, expected = prepared.source.generator, np.nan
    if generator is not None and X.shape[1] == 1:
        chosen = generator.chosen
        expected = expected_error_of_memory(
            X[:, 0], generator.spec.truth, chosen.noise_std, chosen.x_min, chosen.x_max
        )
    test = error(rows.X_test[:MOST_ROWS], rows.t_test[:MOST_ROWS])
    return Memory(t.size, error(X, t), test, expected)


def metrics(memories: Sequence[Memory]) -> Metrics:
    """Means over the seeds with their intervals, and what the known law leads one to expect."""
    found: Metrics = {"n_rows": memories[0].n_rows}
    for name in ("train_mse", "test_mse", "expected_mse"):
        values = [getattr(one, name) for one in memories]
        if not np.isnan(values).all():
            found[name] = summary(values, name)
    return found


def errors_table(found: Metrics, degrees: Sequence[int]) -> Columns:
    """Errors of the table of rows and of the fits: model, part, mean and interval.

    Args:
        found: the metrics of a run.
        degrees: of its fits.
    """
    columns: dict[str, list[object]] = {key: [] for key in ("model", "part", "mean", "low", "high")}
    if "memorised" not in found:
        return columns
    models = {"table of rows": found["memorised"]}
    models |= {f"degree {degree}": found[f"degree_{degree}"] for degree in degrees}
    for model, scores in models.items():
        for part in ("train", "test", "expected"):
            one = scores.get(f"{part}_mse")
            if one is not None:
                row = (model, part, one["mean"], one["ci_low"], one["ci_high"])
                for key, value in zip(columns, row, strict=True):
                    columns[key].append(value)
    return columns


def table(rows: TrainTestRows) -> Columns:
    """The table along a single input, around the middle of the first seed's training rows.

    Each training row there has the same prediction from half-way to its neighbour on the left to
    half-way to that on the right.
    """
    names = ("x", "t", "left", "right")
    if rows.X_train.shape[1] != 1:
        return {name: [] for name in names}
    X, t = rows.X_train[:MOST_ROWS], rows.t_train[:MOST_ROWS]
    # Of rows with equal inputs the table has one.
    x, first = np.unique(X[:, 0], return_index=True)
    first = nearest_rows(X, X[first])
    between = x[:-1] / 2 + x[1:] / 2
    edges = np.concatenate([x[:1], between, x[-1:]])
    start = max(0, (x.size - SHOWN_ROWS) // 2)
    shown = slice(start, start + SHOWN_ROWS)
    columns = (x, t[first], edges[:-1], edges[1:])
    return {name: values[shown].tolist() for name, values in zip(names, columns, strict=True)}

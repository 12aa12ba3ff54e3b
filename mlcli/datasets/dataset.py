"""What every data source hands out: rows, a target, and what is known about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlcli.preparation.columns import Preparation
from mlcli.preparation.filling import Filling, fit_filling

Array = NDArray[np.float64]
Truth = Callable[[Array], Array]
Task = Literal["regression", "classification"]
MAX_CLASSES = 1000
# Fewer rows a class than this, on average, are measurements rather than classes.
ROWS_A_CLASS = 5


@dataclass(frozen=True)
class Dataset:
    """Inputs and a target, as in t = f(x) + w.

    Attributes:
        name: what the data are called in reports.
        X: inputs, (N, D), in the data's own units.
        t: target, (N,); for a classification set the number of the class.
        feature_names: D names.
        target_name: the name of t.
        truth: the noise-free f, from (n, D) to (n,), where it is known.
        noise_std: standard deviation of w in units of t, where it is known.
        class_probability: p(t = 1|x) of two classes 0 and 1, (n, D) to (n,), where it is known.
        groups: number of the group of each row, (N,), where rows come in groups.
        n_own_test: how many of the last rows the set itself keeps for testing.
        class_names: names of the classes 0..K-1, where the table names them by text.
        preparation: what the inputs were made of, where that was declared. X then has NaN for
            what is missing, until `fitted_to` fills it.
        filling: what filled X.
    """

    name: str
    X: Array
    t: Array
    feature_names: tuple[str, ...]
    target_name: str
    truth: Truth | None = None
    noise_std: float | None = None
    class_probability: Truth | None = None
    groups: NDArray[np.int64] | None = None
    n_own_test: int = 0
    class_names: tuple[str, ...] | None = None
    preparation: Preparation | None = None
    filling: Filling | None = None

    def names_of(self, values: Iterable[float]) -> tuple[str, ...]:
        """Names of some values of the target: names of classes, or the numbers as text."""
        if self.class_names is None:
            return tuple(f"{value:g}" for value in values)
        return tuple(self.class_names[int(value)] for value in values)

    def fitted_to(self, rows: NDArray[np.int64] | None = None) -> Dataset:
        """The data with gaps filled from the training rows; itself if nothing is declared.

        Args:
            rows: numbers of the training rows; None: all.

        Raises:
            DataError: they have no value of a column, or lack a category that another row has.
        """
        if self.preparation is None:
            return self
        filling = fit_filling(self.preparation, self.X if rows is None else self.X[rows])
        return replace(self, X=filling(self.X), filling=filling)

    @property
    def related(self) -> tuple[list[range], list[tuple[int, int]]]:
        """`Preparation.related` of the features; empty lists where nothing is declared."""
        return ([], []) if self.preparation is None else self.preparation.related

    def preparation_metadata(self) -> dict[str, Any]:
        """How inputs are prepared, for the metadata of a model; empty if nothing is declared."""
        if self.preparation is None or self.filling is None:
            return {}
        return {"preparation": self.preparation.to_dict(), "filling": self.filling.to_dict()}


def is_whole(values: Array) -> bool:
    """Whether every value is a whole number."""
    return bool((values == np.round(values)).all())


def few_enough(n_values: int, n_rows: int) -> bool:
    """Whether so many different values in so many rows can be classes."""
    return n_values <= max(2, min(MAX_CLASSES, n_rows // ROWS_A_CLASS))


def task_by_values(t: Array) -> Task:
    """Classes if the values are few whole numbers, else a regression."""
    values = np.unique(t)
    classes = is_whole(values) and few_enough(values.size, t.size) and values.size > 1
    return "classification" if classes else "regression"

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
        class_names: K words, where a table has words for the classes 0..K-1.
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
        """What some of the target's values are called: by their words, or by the numbers."""
        if self.class_names is None:
            return tuple(f"{value:g}" for value in values)
        return tuple(self.class_names[int(value)] for value in values)

    def fitted_to(self, rows: NDArray[np.int64] | None = None) -> Dataset:
        """The same data, prepared by what the training rows say; itself where nothing is declared.

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

    def prepared_words(self) -> dict[str, Any]:
        """What a model has to say of how its inputs are made; empty where nothing is declared."""
        if self.preparation is None or self.filling is None:
            return {}
        return {"preparation": self.preparation.to_dict(), "filling": self.filling.to_dict()}

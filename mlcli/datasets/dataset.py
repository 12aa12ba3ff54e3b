"""What every data source hands out: rows, a target, and what is known about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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

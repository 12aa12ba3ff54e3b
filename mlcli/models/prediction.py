"""What a model says about rows, and what every model has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Rows that a linear model takes at a time: whole blocks of its columns stay in the cache, and a
# multiple of what BLAS computes in one step, so that cutting a file here changes no bit.
BATCH_ROWS = 8192


@dataclass(frozen=True)
class Numbers:
    """Predicted numbers, in the units of the target.

    Attributes:
        mean: (n,).
        std: standard deviation of a new t, (n,); None: it isn't known.
        low, high: ends of the interval in which a new t is to lie, (n,); None: there is no such.
        spread: standard deviation over the networks of an ensemble, (n,); None: a single model.
    """

    mean: Array
    std: Array | None = None
    low: Array | None = None
    high: Array | None = None
    spread: Array | None = None

    def columns(self) -> dict[str, Any]:
        """As a table."""
        found = {"prediction": self.mean, "std": self.std, "low": self.low, "high": self.high}
        found["spread"] = self.spread
        return {name: values for name, values in found.items() if values is not None}


@dataclass(frozen=True)
class Classes:
    """Predicted classes.

    Attributes:
        names: of the K classes.
        predicted: number of the class of each row, (n,).
        P: probabilities, (n, K); None: the model has none.
        spread: standard deviation of the predicted class's probability over an ensemble, (n,).
    """

    names: tuple[str, ...]
    predicted: NDArray[np.int64]
    P: Array | None = None
    spread: Array | None = None

    def columns(self) -> dict[str, Any]:
        """As a table."""
        found: dict[str, Any] = {"class": np.array(self.names, dtype=object)[self.predicted]}
        if self.P is not None:
            found["probability"] = self.P[np.arange(len(self.P)), self.predicted]
            if self.spread is not None:
                found["spread"] = self.spread
            found |= {f"p_{name}": self.P[:, k] for k, name in enumerate(self.names)}
        return found


Prediction = Numbers | Classes


@dataclass(frozen=True)
class Described:
    """What a model is.

    Attributes:
        command: that made it.
        features: names of the D inputs.
        target: name of what is predicted.
        chosen: which of the run's models it is, in words; empty where there was one.
        interval: how its intervals are made, in words; empty where it has none.
        classes: names of the classes; empty for numbers.
        class_values: the target's value of each class in a table, (K,); None stands for any other.
        image_shape: (h, w) or (c, h, w) of a row that is an image.
        resize: (h, w) to which the images of a folder were brought.
        warnings: sentences.
        preparation: what the inputs are made of, in the words of `preparation.columns`; None: they
            are the columns of a table.
        fills: whether a gap in each of the D inputs is filled; empty: none is.
    """

    command: str
    features: tuple[str, ...]
    target: str
    chosen: str = ""
    interval: str = ""
    classes: tuple[str, ...] = ()
    class_values: tuple[float | None, ...] = ()
    image_shape: tuple[int, ...] | None = None
    resize: tuple[int, int] | None = None
    warnings: tuple[str, ...] = field(default=())
    preparation: Mapping[str, Any] | None = None
    fills: tuple[bool, ...] = ()

    def complete(self, X: Array) -> NDArray[np.bool_]:
        """Which rows of X (n, D) can be predicted: all finite but for gaps that are filled."""
        good = np.isfinite(X)
        if any(self.fills):
            good |= np.isnan(X) & np.array(self.fills)
        return np.asarray(good.all(axis=1))


class Model(Protocol):
    """A trained model."""

    @property
    def described(self) -> Described:
        """What it is."""

    @property
    def batch_rows(self) -> int:
        """Rows that go through it at a time; cutting a file at multiples of it changes no bit."""

    def predict(self, X: Array, level: float) -> Prediction:
        """What it says of X (n, D), with intervals of so much probability."""

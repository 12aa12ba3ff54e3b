"""What a model predicts, and the interface that every model has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcli.preparation.columns import preparation_from_dict
from mlcli.preparation.filling import Filling, filling_from_dict

Array = NDArray[np.float64]
# Rows per batch of a linear model: its columns stay in the cache, and it is a multiple of what BLAS
# computes in one step, so that splitting a file here changes no bit.
BATCH_ROWS = 8192


@dataclass(frozen=True)
class NumberPredictions:
    """Predicted numbers, in the units of the target.

    Attributes:
        mean: (n,).
        std: standard deviation of a new t, (n,); None if unknown.
        low, high: ends of the prediction interval of a new t, (n,); None if there is none.
        spread: standard deviation over the networks of an ensemble, (n,); None for one model.
    """

    mean: Array
    std: Array | None = None
    low: Array | None = None
    high: Array | None = None
    spread: Array | None = None

    def columns(self) -> dict[str, Any]:
        """The columns of a table of predictions."""
        found = {"prediction": self.mean, "std": self.std, "low": self.low, "high": self.high}
        found["spread"] = self.spread
        return {name: values for name, values in found.items() if values is not None}


@dataclass(frozen=True)
class ClassPredictions:
    """Predicted classes.

    Attributes:
        names: of the classes, (K,).
        predicted: class of each row, 0..K-1, (n,).
        P: probabilities, (n, K); None if the model has none.
        spread: standard deviation of the predicted class's probability over an ensemble, (n,).
    """

    names: tuple[str, ...]
    predicted: NDArray[np.int64]
    P: Array | None = None
    spread: Array | None = None

    def columns(self) -> dict[str, Any]:
        """The columns of a table of predictions."""
        found: dict[str, Any] = {"class": np.array(self.names, dtype=object)[self.predicted]}
        if self.P is not None:
            found["probability"] = self.P[np.arange(len(self.P)), self.predicted]
            if self.spread is not None:
                found["spread"] = self.spread
            found |= {f"p_{name}": self.P[:, k] for k, name in enumerate(self.names)}
        return found


Prediction = NumberPredictions | ClassPredictions


@dataclass(frozen=True)
class ModelDescription:
    """What a model is: its inputs, its target, and where it comes from.

    Attributes:
        command: the command that made it.
        features: names of the D inputs.
        target: name of what is predicted.
        chosen: which of the run's models it is, as text; empty if there is only one.
        interval: how its intervals are computed, as text; empty if it has none.
        classes: names of the classes; empty for numbers.
        class_values: the target's value of each class in a table, (K,); None stands for any other.
        image_shape: (h, w) or (c, h, w) of a row that is an image.
        resize: (h, w) to which the images of a folder are resized.
        warnings: sentences for the user.
        preparation: how the inputs are made of a table's columns, see `Preparation.to_dict`; None:
            they are its columns.
        fills: whether gaps in each of the D inputs are filled; empty if none are.
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
        """Rows of X (n, D) that can be predicted: every value is finite or a gap that is filled."""
        good = np.isfinite(X)
        if any(self.fills):
            good |= np.isnan(X) & np.array(self.fills)
        return np.asarray(good.all(axis=1))


class Model(Protocol):
    """A trained model."""

    @property
    def described(self) -> ModelDescription:
        """Its description."""

    @property
    def batch_rows(self) -> int:
        """Rows per batch; splitting a file at multiples of it changes no bit of the result."""

    def predict(self, X: Array, level: float) -> Prediction:
        """Predictions for X (n, D), with intervals of probability `level`."""


@dataclass(frozen=True)
class PreprocessedModel:
    """A model whose inputs are made of a table's columns, with gaps filled as in the training.

    Attributes:
        described: its description.
        model: for inputs without gaps.
        filling: statistics of the training rows.
    """

    described: ModelDescription
    model: Model
    filling: Filling

    @property
    def batch_rows(self) -> int:
        """See `Model`."""
        return self.model.batch_rows

    def predict(self, X: Array, level: float) -> Prediction:
        """See `Model`."""
        return self.model.predict(self.filling(X), level)


def with_preprocessing(model: Model, info: Mapping[str, Any]) -> Model:
    """The model with the preprocessing that its model.json describes, if any.

    Raises:
        KeyError, TypeError, ValueError: the description is invalid.
    """
    if "filling" not in info:
        return model
    filling = filling_from_dict(preparation_from_dict(info["preparation"]), info["filling"])
    return PreprocessedModel(described_with(model.described, info, filling), model, filling)


def described_with(
    one: ModelDescription, info: Mapping[str, Any], filling: Filling
) -> ModelDescription:
    """The description of a model with that of its preprocessing.

    Raises:
        ValueError: the inputs are not those of the model.
    """
    if filling.preparation.names != one.features:
        raise ValueError("the prepared inputs are not those of the model")
    return replace(one, preparation=info["preparation"], fills=filling.fills)

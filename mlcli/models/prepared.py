"""A model whose inputs are made of a table's columns, with gaps that training rows say how to fill.

Words and numbers are read back, and nothing else: see `preparation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlcli.models.prediction import Array, Described, Model, Prediction
from mlcli.preparation.columns import from_words
from mlcli.preparation.filling import Filling, filling_from


@dataclass(frozen=True)
class Prepared:
    """A model, and what fills the gaps of its inputs.

    Attributes:
        described: what it is.
        model: of inputs without gaps.
        filling: of the rows that it was fitted to.
    """

    described: Described
    model: Model
    filling: Filling

    @property
    def batch_rows(self) -> int:
        """See `Model`."""
        return self.model.batch_rows

    def predict(self, X: Array, level: float) -> Prediction:
        """See `Model`."""
        return self.model.predict(self.filling(X), level)


def prepared(model: Model, info: Mapping[str, Any]) -> Model:
    """The model as its model.json says that its inputs are made; itself where it says nothing.

    Raises:
        KeyError, TypeError, ValueError: what it says makes no sense.
    """
    if "filling" not in info:
        return model
    filling = filling_from(from_words(info["preparation"]), info["filling"])
    return Prepared(described_with(model.described, info, filling), model, filling)


def described_with(one: Described, info: Mapping[str, Any], filling: Filling) -> Described:
    """What a model is, with how its inputs are made.

    Raises:
        ValueError: they are other inputs than the model's.
    """
    if filling.preparation.names != one.features:
        raise ValueError("the inputs that are made are not those of the model")
    return replace(one, preparation=info["preparation"], fills=filling.fills)

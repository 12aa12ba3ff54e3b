"""The parameters of `mlcli backprop` (sections 6.3 and 6.4 of the notes)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from mlcli.config.common import SeedFields, SourceFields
from mlcli.config.fields import Int, Number, Unset, param, split_list

# More neurons, or layers of weights, can't be read on a drawing of the network.
MOST_NEURONS = 6
MOST_LAYERS = 4
MOST_ROWS = 8
SignedFloats = Annotated[
    tuple[Annotated[float, Number, Field(allow_inf_nan=False)], ...],
    BeforeValidator(split_list),
    Field(min_length=1, max_length=MOST_NEURONS),
]


def sizes_of(text: str) -> tuple[int, ...]:
    """``2-3-1`` as D, n^(1), ..., n^(L), K.

    Raises:
        ValueError: it is no such text, or the network is too large to be drawn.
    """
    parts = text.split("-")
    if not all(part.isdecimal() for part in parts) or not 2 <= len(parts) <= MOST_LAYERS + 1:
        raise ValueError(
            f"must be 2 to {MOST_LAYERS + 1} sizes from the inputs to the outputs, as 2-3-1, "
            f"got {text!r}"
        )
    sizes = tuple(int(part) for part in parts)
    if not all(1 <= size <= MOST_NEURONS for size in sizes):
        raise ValueError(f"must have sizes from 1 to {MOST_NEURONS}, as 2-3-1, got {text!r}")
    return sizes


class BackpropConfig(SourceFields, SeedFields):
    """A small network written out: both passes, and the check of its gradients."""

    data: str = param(
        "two-moons",
        "Rows of the minibatch: a named data set (`mlcli data list`), a CSV, TSV, Parquet or NPZ "
        "file, or a folder of parts of a table. Not read where --at gives a row.",
        example="two-moons",
    )
    sizes: Annotated[str | None, Unset] = param(
        None,
        "Sizes of the layers from the inputs to the outputs, as 2-3-1 (default: 3 hidden neurons "
        "between the columns of the data and the outputs of the target).",
        example="2-3-1",
    )
    activation: Literal["sigmoid", "tanh", "relu", "leaky-relu", "elu", "selu", "linear"] = param(
        "tanh", "Activation h of the hidden layers."
    )
    loss: Annotated[
        Literal["squared-error", "softmax-cross-entropy", "sigmoid-cross-entropy"] | None, Unset
    ] = param(
        None,
        "Loss with its outputs: y = a, softmax(a) or sigma(a) (default: softmax-cross-entropy for "
        "classes, else squared-error).",
    )
    at: Annotated[SignedFloats | None, Unset] = param(
        None, "Inputs x of a single row, in place of rows of the data.", example="0.5,-1"
    )
    targets: Annotated[SignedFloats | None, Unset] = param(
        None,
        "Targets t of that row, one for each output (default: 1 for the first, 0 for the others).",
        example="1",
    )
    n_rows: Int = param(
        4,
        "First rows of the data that make the minibatch.",
        unit="rows",
        example="4",
        ge=1,
        le=MOST_ROWS,
    )
    weights: Annotated[str | None, Unset] = param(
        None,
        "CSV file with the weights of the drawn network, with the columns of tables/weights.csv: "
        "layer, unit, source (0: the bias), value (default: drawn at random).",
        example="weights.csv",
        is_file=True,
    )
    n_seeds: Int = param(
        16,
        "Networks with other random weights whose gradients are checked; the first is drawn.",
        example="16",
        ge=1,
        le=100_000,
    )

    @field_validator("sizes")
    @classmethod
    def _sizes_can_be_drawn(cls, text: str | None) -> str | None:
        return None if text is None else "-".join(map(str, sizes_of(text)))

    @field_validator("targets")
    @classmethod
    def _targets_have_a_row(
        cls, targets: tuple[float, ...] | None, info: ValidationInfo
    ) -> tuple[float, ...] | None:
        if targets is not None and info.data.get("at") is None:
            raise ValueError("must be used with at, which gives the inputs of the row")
        return targets

    def remarks(self) -> tuple[str, ...]:
        """Says so where data were named that are not read."""
        default = type(self).model_fields["data"].default
        if self.at is None or self.data == default:
            return super().remarks()
        return (*super().remarks(), f"--at is the row; the rows of {self.data} are not used")

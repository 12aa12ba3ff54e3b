"""The parameters of `mlcli baseline`: the honest table of simple and standard methods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ValidationInfo, field_validator

from mlcli.config.common import ImageFields, SeedFields, SourceFields
from mlcli.config.fields import Int, Several, Unset, param

MethodName = Literal[
    "constant", "linear", "ridge", "polynomial", "logistic", "neighbours", "trees", "mlp", "cnn"
]
METHODS: tuple[MethodName, ...] = (
    "constant",
    "linear",
    "ridge",
    "polynomial",
    "logistic",
    "neighbours",
    "trees",
    "mlp",
    "cnn",
)
SCORES = {
    "regression": ("mse", "mae", "r2"),
    "classification": ("accuracy", "brier", "cross-entropy"),
}


class BaselineConfig(SourceFields, ImageFields, SeedFields):
    """Every method on the same folds, each against the constant."""

    data: str = param(
        "diabetes",
        "A named data set (`mlcli data list`), a CSV, TSV, Parquet or NPZ file, or a folder of "
        "images by class.",
        example="iris",
    )
    task: Literal["auto", "classification", "regression"] = param(
        "auto",
        "What the target is (default: the data set's own; of a file, classes if its values are few "
        "whole numbers).",
    )
    methods: Several[MethodName] = param(
        METHODS, "Methods to compare; those that suit the task, and always the constant."
    )
    score: Annotated[
        Literal["mse", "mae", "r2", "accuracy", "brier", "cross-entropy"] | None, Unset
    ] = param(None, "What decides (default: mse; of classes accuracy).", example="brier")
    n_folds: Int = param(10, "Folds, the same for all.", unit="folds", ge=2, le=1000)
    hidden: str = param("64-32", "Sizes of the hidden layers of mlp.", example="128-64")
    n_epochs: Int = param(
        60,
        "Passes of mlp over its training rows; the best on a tenth of them is kept.",
        unit="epochs",
        ge=1,
        le=100_000,
    )
    cnn_epochs: Int = param(15, "The same of cnn.", unit="epochs", ge=1, le=100_000)
    n_seeds: Int = param(
        1, "Random partitions into folds.", unit="partitions", example="5", ge=1, le=1000
    )

    @field_validator("score")
    @classmethod
    def _score_of_the_task(cls, score: str | None, info: ValidationInfo) -> str | None:
        known = SCORES.get(str(info.data.get("task")))
        if score is not None and known is not None and score not in known:
            raise ValueError(f"must be one of {', '.join(known)} for this task, got {score}")
        return score

    @field_validator("hidden")
    @classmethod
    def _sizes_are_positive(cls, hidden: str) -> str:
        from mlcli.config.networks import sizes_of

        sizes_of(hidden)
        return hidden

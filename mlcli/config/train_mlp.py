"""The parameters of `mlcli train-mlp` (sections 6 and 7 of the notes)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ValidationInfo, field_validator

from mlcli.config.common import SeedFields, SourceFields
from mlcli.config.fields import Float, Int, Unset, param
from mlcli.config.networks import FitFields, MlpFields, ScheduleFields


class TrainMlpConfig(SourceFields, MlpFields, FitFields, ScheduleFields, SeedFields):
    """Networks that train side by side: every seed of every variant is a member."""

    data: str = param(
        "digits",
        "A named data set (`mlcli data list`) or a CSV, TSV, Parquet or NPZ file.",
        example="two-moons",
    )
    n_epochs: Int = param(40, "Passes over the training rows.", unit="epochs", ge=1, le=1_000_000)
    patience: Annotated[Int | None, Unset] = param(
        None,
        "Epochs without a lower validation loss after which a member stops and goes back to its "
        "best (default: no early stopping).",
        unit="epochs", example="10", ge=1,
    )  # fmt: skip
    min_delta: Float = param(0.0, "By how much the loss must fall to count as lower.", ge=0)
    engine: Literal["torch", "numpy"] = param(
        "torch", "torch: all members at once; numpy: the network that is written out, one by one."
    )
    isolate: bool = param(
        False, "Train each member alone, so that its bytes are those of a run of its own."
    )
    evaluate_training: bool = param(
        False, "Evaluate all training rows after each epoch, not only the minibatches before it."
    )
    n_statistics: Int = param(
        20, "Moments at which the layers are looked into; 0: never.", ge=0, le=10_000
    )
    n_calibration_bins: Int = param(10, "Bins of the calibration curve.", ge=2, le=100)
    n_misclassified: Int = param(
        25, "Misclassified test rows to list, the surest first.", ge=0, le=10_000
    )
    keep_weights: Literal["all", "first"] = param(
        "all", "Whose weights are written: each member's, or those of each variant's first seed."
    )
    n_seeds: Int = param(
        8, "Independent repeats: own splits, initial weights and orders of the rows.",
        example="8", ge=1, le=100_000,
    )  # fmt: skip

    @field_validator("piecewise_factors")
    @classmethod
    def _one_more_factor_than_ends(
        cls, factors: tuple[float, ...], info: ValidationInfo
    ) -> tuple[float, ...]:
        ends = info.data.get("piecewise_ends")
        if ends is not None and (len(factors) != len(ends) + 1 or list(ends) != sorted(ends)):
            raise ValueError(
                f"must be one more than piecewise_ends, which rise, got {len(factors)} for "
                f"{len(ends)}"
            )
        return factors

"""The parameters of `mlcli kfold` (section 2 of the notes)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ValidationInfo, field_validator

from mlcli.config.common import (
    BasisName,
    PenaltyName,
    SeedFields,
    SourceFields,
    StrengthFields,
)
from mlcli.config.fields import Degrees, Float, Int, Unset, param


class KfoldConfig(StrengthFields, SourceFields, SeedFields):
    """Cross-validation of linear basis-function models and of logistic regression."""

    degrees: Degrees = param(tuple(range(16)), "Degrees to compare, as 1,3,5 or 0-15.")
    basis: BasisName = param("polynomial", "Basis functions, as in fit-poly.")
    intercept: bool = param(True, "Fit the constant w_0, which no penalty touches.")
    model: Literal["linear", "logistic"] = param(
        "linear",
        "linear: least squares or penalised, with exact shortcuts; logistic: classes, refitted.",
    )
    loss: Literal["squared", "absolute", "zero-one"] = param(
        "squared", "Loss (2.4) or (2.5); zero-one takes the target's values as classes."
    )
    scheme: Literal[
        "kfold", "stratified", "grouped", "leave-one-out", "time-ordered", "train-test"
    ] = param("kfold", "How rows are split; time-ordered takes the rows' order as that of time.")
    n_folds: Int = param(10, "Folds k.", unit="folds", example="10", ge=2, le=100_000)
    n_repeats: Int = param(
        1, "Random partitions of each data set.", unit="partitions", example="5", ge=1, le=10_000
    )
    test_fraction: Float = param(0.2, "Share of test rows of scheme train-test.", gt=0, lt=1)
    group_column: Annotated[str | None, Unset] = param(
        None, "Column of a file that names the groups of scheme grouped.", example="patient"
    )
    penalty: PenaltyName = param(
        "none", "Penalty of (3.13), on standardised columns, over a grid of strengths."
    )
    path_penalty: PenaltyName = param(
        "l2", "Without a penalty: one whose grid is cross-validated at the highest degree beside."
    )
    standardize: bool = param(True, "Penalise the coefficients of standardised columns.")
    rule: Literal["minimum", "one-se"] = param(
        "minimum", "Which model is written: the least error, or the simplest within one std error."
    )
    n_nested: Int = param(
        20, "Random partitions of the nested interval; 0 leaves it out.", ge=0, le=10_000
    )
    n_coverage: Int = param(
        400,
        "Data sets on which the coverage of the intervals is measured; 0 leaves it out.",
        unit="data sets",
        ge=0,
        le=1_000_000,
    )
    coverage_rows: Int = param(40, "Rows of each of them.", unit="rows", example="40", ge=20)
    coverage_degree: Int = param(5, "Degree of the model that is fitted to them.", ge=0, le=15)

    @field_validator("loss")
    @classmethod
    def _logistic_has_classes(cls, loss: str, info: ValidationInfo) -> str:
        if info.data.get("model") == "logistic" and loss != "zero-one":
            raise ValueError(f"must be zero-one for model logistic, got {loss}; try zero-one")
        return loss

    @field_validator("penalty")
    @classmethod
    def _models_have_their_penalties(cls, penalty: str, info: ValidationInfo) -> str:
        if info.data.get("model") == "logistic" and penalty != "l2":
            raise ValueError(
                "must be l2 for model logistic, since separable classes have no finite maximum "
                f"of the likelihood, got {penalty}; try l2"
            )
        if penalty in ("l1", "elastic") and info.data.get("loss") == "zero-one":
            raise ValueError(f"must be none or l2 for the zero-one loss, got {penalty}")
        return penalty

    @field_validator("path_penalty")
    @classmethod
    def _classes_have_no_l1(cls, path_penalty: str, info: ValidationInfo) -> str:
        if path_penalty in ("l1", "elastic") and info.data.get("loss") == "zero-one":
            raise ValueError(f"must be none or l2 for the zero-one loss, got {path_penalty}")
        return path_penalty

    @field_validator("group_column")
    @classmethod
    def _groups_have_their_scheme(cls, column: str | None, info: ValidationInfo) -> str | None:
        scheme = info.data.get("scheme")
        if scheme is not None and (scheme == "grouped") != (column is not None):
            raise ValueError(f"goes with scheme grouped, got scheme {scheme} and column {column}")
        return column

    @property
    def task(self) -> str:
        """What the loss makes of the target."""
        return "classification" if self.loss == "zero-one" else "regression"

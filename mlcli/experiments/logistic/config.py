"""The parameters of `mlcli logistic` (section 5 and appendix C of the notes)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ValidationInfo, field_validator

from mlcli.config.common import BasisName, PenaltyName, SeedFields, SourceFields
from mlcli.config.fields import Float, Floats, Int, Label, Names, Unset, param

BALANCE = ("none", "balanced")


class LogisticConfig(SourceFields, SeedFields):
    """Logistic regression of two classes (5.8) or more (5.19)."""

    data: str = param(
        "two-planes",
        "A named data set (`mlcli data list`) or a CSV, TSV, Parquet or NPZ file with a column of "
        "classes.",
        example="iris",
    )
    positive: Label = param(
        None,
        "Label of class C_1 (5.1), a number or the class's word, against all others (default: the "
        "larger of two numbers, the last of two words; of more than two classes, none: all by "
        "softmax).",
        example="1",
    )
    basis: BasisName = param("linear", "Basis functions, as in fit-poly.")
    degree: Int = param(1, "Degree of the basis.", ge=0, le=100)
    intercept: bool = param(True, "Fit the constant w_0, which no penalty touches.")
    standardize: bool = param(True, "Penalise the coefficients of standardised columns.")
    test_fraction: Float = param(0.25, "Share of each class set aside for testing.", gt=0, lt=1)
    loss: Literal["cross-entropy", "square"] = param(
        "cross-entropy", "Loss (5.13) or, for comparison, the mean square (5.10)."
    )
    solver: Literal["newton", "lbfgs", "descent"] = param(
        "newton",
        "newton: iteratively reweighted least squares; lbfgs: no l1; descent: the slow one; the "
        "mean square needs one of the last two.",
    )
    penalty: PenaltyName = param("l2", "Penalty of (3.13).")
    l1: Float = param(0.001, "Strength lambda_1 of (3.13).", example="0.01", ge=0)
    l2: Float = param(0.001, "Strength lambda_2 of (3.13).", example="0.01", ge=0)
    class_weights: str = param(
        "none", "none, balanced (each class counts the same), or one weight a class.", example="1,5"
    )
    threshold: Float = param(
        0.5, "p_0 of (5.2): C_1 where p(C_1|x) is above it (two classes).", gt=0, lt=1
    )
    learning_rate: Annotated[Float | None, Unset] = param(
        None, "Learning rate of descent (default: one that never diverges).", example="0.5", gt=0
    )
    max_steps: Int = param(10_000, "Steps at most.", unit="steps", ge=1, le=10_000_000)
    n_calibration_bins: Int = param(10, "Bins of the calibration curve.", ge=2, le=100)
    plane: Annotated[Names | None, Unset] = param(
        None,
        "Two features whose plane shows a decision boundary (default: those that best tell the "
        "classes apart).",
        example="x1,x2",
    )
    start_activations: Floats = param(
        (1.0, 2.0, 4.0, 6.0, 8.0),
        "Mean |a| of the confidently wrong starts of the saturation study.",
        example="1,5",
    )
    n_study: Int = param(
        2000,
        "Steps of descent in the studies of saturation and of separable classes.",
        unit="steps",
        ge=10,
        le=1_000_000,
    )
    separable_l2: Float = param(
        0.01, "l2 of the second run on separable classes.", example="0.1", gt=0
    )

    @field_validator("class_weights")
    @classmethod
    def _weights_are_positive(cls, text: str) -> str:
        if text in BALANCE:
            return text
        try:
            good = all(float(part) > 0 for part in text.split(","))
        except ValueError:
            good = False
        if not good:
            raise ValueError(f"must be none, balanced or positive numbers as 1,5, got {text!r}")
        return text

    @field_validator("plane")
    @classmethod
    def _two_features(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and len(set(names)) != 2:
            raise ValueError(f"must name two features, got {len(set(names))}")
        return names

    @field_validator("penalty")
    @classmethod
    def _a_solver_can_do_it(cls, penalty: str, info: ValidationInfo) -> str:
        solver, loss = info.data.get("solver"), info.data.get("loss")
        if solver == "newton" and loss == "square":
            raise ValueError(
                "solver newton is for the cross-entropy, got loss square; try solver lbfgs"
            )
        if penalty in ("l1", "elastic") and solver == "lbfgs":
            raise ValueError(f"solver lbfgs has no l1, got penalty {penalty}; try newton")
        return penalty

"""The parameters of `mlcli fit-poly` (sections 3 and 4 of the notes)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ValidationInfo, field_validator

from mlcli.config.common import BasisName, PenaltyName, SeedFields, SourceFields
from mlcli.config.fields import Degrees, Float, Int, Unset, param


class FitPolyConfig(SourceFields, SeedFields):
    """Linear basis-function models (3.9), fitted in closed form."""

    degrees: Degrees = param((1, 3, 5, 300), "Degrees to fit, as 1,3,5 or 0-15.", example="0-15")
    basis: BasisName = param(
        "polynomial",
        "Basis functions; several inputs get all products up to the total degree, or, for fourier, "
        "gaussian and sigmoid, a sum over the inputs; linear takes the inputs as they are.",
    )
    intercept: bool = param(True, "Fit the constant w_0, which no penalty touches.")
    test_fraction: Float = param(0.2, "Share of the rows set aside for testing.", ge=0, lt=1)
    solver: Literal["arnoldi", "lapack", "certified"] = param(
        "arnoldi",
        "Least squares: arnoldi is exact at any degree; lapack solves standardised columns and "
        "cuts off small singular values as the notes did; certified is right in every digit.",
    )
    compare_solver: Literal["lapack", "none"] = param(
        "lapack", "A second estimator to show beside the first (the notes' degree 300)."
    )
    rcond: Annotated[Float | None, Unset] = param(
        None,
        "Singular values below rcond times the largest are cut off by lapack "
        "(default: machine epsilon).",
        example="1e-12",
        ge=0,
        lt=1,
    )
    penalty: PenaltyName = param("none", "Penalty of (3.13) in the main fit.")
    l1: Float = param(0.01, "Strength lambda_1 of (3.13).", example="0.01", ge=0)
    l2: Float = param(0.01, "Strength lambda_2 of (3.13).", example="0.01", ge=0)
    standardize: bool = param(True, "Penalise the coefficients of standardised columns.")
    path_penalty: PenaltyName = param(
        "l1", "Penalty whose whole path is computed at the highest degree (Figures 5 and 6)."
    )
    path_min: Float = param(1e-3, "Weakest strength of the path.", example="1e-4", gt=0)
    path_max: Float = param(1.0, "Strongest strength of the path.", example="1", gt=0)
    n_path: Int = param(10, "Strengths on the path, spaced evenly in the logarithm.", ge=2, le=1000)

    @field_validator("path_max")
    @classmethod
    def _path_runs_upwards(cls, path_max: float, info: ValidationInfo) -> float:
        path_min = info.data.get("path_min")
        if path_min is not None and path_min >= path_max:
            raise ValueError(f"must be above path_min, got {path_min} and {path_max}")
        return path_max

    @field_validator("penalty")
    @classmethod
    def _penalties_have_one_solver(cls, penalty: str, info: ValidationInfo) -> str:
        solver = info.data.get("solver")
        if penalty != "none" and solver not in (None, "arnoldi"):
            raise ValueError(
                f"solver {solver} is for plain least squares, got penalty {penalty}; try arnoldi"
            )
        return penalty

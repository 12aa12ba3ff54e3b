"""The parameters of `mlcli bias-variance` (section 3.2 and appendix A of the notes)."""

from __future__ import annotations

from typing import Annotated

from pydantic import ValidationInfo, field_validator

from mlcli.config.common import (
    BasisName,
    PenaltyName,
    SeedFields,
    SourceFields,
    StrengthFields,
)
from mlcli.config.fields import Degrees, Float, Int, Unset, param

# Of the noisy cubic: with its own 700 rows the variance is lost beside the noise, and with 50 the
# mean at degree 12 is that of the one or two worst data sets.
FRESH_ROWS = 100
LARGEST_DESCENT = 2000


class BiasVarianceConfig(StrengthFields, SourceFields, SeedFields):
    """Bias, variance and noise over ensembles of data sets (A.18)."""

    degrees: Degrees = param(tuple(range(13)), "Degrees to compare, as 1,3,5 or 0-12.")
    basis: BasisName = param("polynomial", "Basis functions, as in fit-poly.")
    n_datasets: Int = param(
        100, "Data sets in the ensemble of each seed.", unit="data sets", ge=2, le=10_000
    )
    n_rows: Annotated[Int | None, Unset] = param(
        None,
        f"Rows of each data set of an ensemble (default: {FRESH_ROWS} where the generator is "
        "known and --n-samples is not given; all training rows in a bootstrap).",
        unit="rows",
        example="100",
        ge=2,
    )
    n_test: Int = param(
        1000,
        "Fresh rows of each seed on which the error is measured, generator known.",
        unit="rows",
        example="1000",
        ge=2,
        le=1_000_000,
    )
    test_fraction: Float = param(
        0.2, "Share of the rows set aside for testing where the generator is unknown.", gt=0, lt=1
    )
    penalty: PenaltyName = param(
        "l2", "Penalty of (3.13) on the axis of strengths, on standardised columns."
    )
    strength_degree: Annotated[Int | None, Unset] = param(
        None, "Degree that is penalised (default: the highest of degrees).", example="12", ge=0
    )
    shown_degrees: Degrees = param(
        (1, 3, 12), "Degrees drawn along x, those of them that are fitted."
    )
    descent: bool = param(
        True, "Go on past the interpolation threshold with the shortest solution (one input)."
    )
    descent_rows: Int = param(
        12, "Rows of each data set there: the threshold.", unit="rows", ge=2, le=500
    )
    descent_columns: Degrees = param(
        (
            1,
            2,
            3,
            4,
            5,
            6,
            7,
            8,
            9,
            10,
            11,
            12,
            13,
            14,
            15,
            16,
            18,
            20,
            23,
            27,
            32,
            38,
            46,
            56,
            70,
            90,
            120,
            160,
            220,
            300,
        ),
        "Numbers of Legendre columns there, from far fewer than the rows to far more.",
        example="1-15,20,50,100",
    )

    @field_validator("n_rows")
    @classmethod
    def _rows_are_given_once(cls, n_rows: int | None, info: ValidationInfo) -> int | None:
        n_samples = info.data.get("n_samples")
        if n_rows is not None and n_samples is not None and n_rows != n_samples:
            raise ValueError(
                f"must be left out when n_samples is given, got {n_rows} and {n_samples}"
            )
        return n_rows

    @field_validator("descent_columns")
    @classmethod
    def _columns_can_be_had(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if min(sizes) < 1 or max(sizes) > LARGEST_DESCENT:
            raise ValueError(
                f"must be from 1 to {LARGEST_DESCENT}, got {min(sizes)} to {max(sizes)}"
            )
        return sizes

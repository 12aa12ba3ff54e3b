"""Fields that several sections share: where the data come from, and the seeds."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import ValidationInfo, field_validator

from mlcli.config.fields import Float, Int, Names, Section, Unset, param

BasisName = Literal[
    "polynomial", "legendre", "chebyshev", "fourier", "gaussian", "sigmoid", "linear"
]
PenaltyName = Literal["none", "l2", "l1", "elastic"]


class SyntheticFields(Section):
    """Parameters of the synthetic sets; left out, a set's own values hold."""

    n_samples: Annotated[Int | None, Unset] = param(
        None, "Rows of a synthetic set (default: the set's own).", unit="rows", example="700", ge=2
    )
    x_min: Annotated[Float | None, Unset] = param(
        None, "Lower end of x in a synthetic set (default: the set's own).", example="-2"
    )
    x_max: Annotated[Float | None, Unset] = param(
        None, "Upper end of x in a synthetic set (default: the set's own).", example="2"
    )
    noise_std: Annotated[Float | None, Unset] = param(
        None,
        "Standard deviation of a synthetic set's noise (default: the set's own).",
        unit="that of the target",
        example="1",
        ge=0,
    )


ImputeName = Literal["mean", "median", "most-frequent"]


class SourceFields(SyntheticFields):
    """Which data an experiment reads, and how columns that are no numbers become some."""

    data: str = param(
        "noisy-cubic",
        "A named data set (`mlcli data list`), a CSV, TSV, Parquet or NPZ file, or a folder "
        "of parts of a table.",
        example="noisy-cubic",
    )
    target: Annotated[str | None, Unset] = param(
        None, "Column to predict (default: t, y or target).", example="y"
    )
    features: Annotated[Names | None, Unset] = param(
        None,
        "Columns to predict from (default: all others). In any list of columns, a name with a "
        "comma stands in quotes, as '\"a, b\",c'.",
        example="x1,x2",
    )
    draw_column: Annotated[str | None, Unset] = param(
        None,
        "Column that numbers independent data sets in one file, one per seed.",
        example="draw",
    )
    drop_missing: bool = param(False, "Leave out rows with missing or infinite values.")
    categorical: Annotated[Names | None, Unset] = param(
        None,
        "Columns of categories; each becomes a column of 0 and 1 for every category but the first.",
        example="sex,region",
        optional=True,
    )
    dates: Annotated[Names | None, Unset] = param(
        None,
        "Columns of dates; each becomes years and, of two years or more, the time of year as sine "
        "and cosine. Where 2/1/2024 could be either, when:dmy or when:mdy says which comes first.",
        example="when",
        optional=True,
    )
    impute: Annotated[ImputeName | None, Unset] = param(
        None,
        "What fills missing numbers and dates, from the training rows (default: nothing).",
        optional=True,
    )
    indicate_missing: bool = param(
        False, "A column of 0 and 1 beside each column whose gaps are filled.", optional=True
    )
    unseen: Literal["refuse", "average"] = param(
        "refuse",
        "A category that no training row has: refused, or taken for the training rows' average.",
        optional=True,
    )

    @field_validator("indicate_missing")
    @classmethod
    def _there_are_gaps(cls, indicate: bool, info: ValidationInfo) -> bool:
        if indicate and info.data.get("impute") is None:
            raise ValueError("must be used with impute, which fills the gaps")
        return indicate

    @field_validator("unseen")
    @classmethod
    def _there_are_categories(cls, unseen: str, info: ValidationInfo) -> str:
        if unseen != "refuse" and not info.data.get("categorical"):
            raise ValueError("must be used with categorical, which names columns of categories")
        return unseen


class ImageFields(Section):
    """How the images of a folder are read."""

    resize: Annotated[str | None, Unset] = param(
        None,
        "Height and width that the images of a folder are brought to, as 32x32.",
        example="32x32",
    )
    skip_bad: bool = param(
        False, "Leave out images of a folder that can't be read, each by name.", optional=True
    )

    @field_validator("resize")
    @classmethod
    def _two_sizes(cls, text: str | None) -> str | None:
        if text is not None and not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", text):
            raise ValueError(f"must be a height and a width, as 32x32, got {text!r}")
        return text


class SeedFields(Section):
    """Where the randomness comes from and where the work runs."""

    seed: Int = param(0, "Seed of every random stream.", example="0", ge=0)
    n_seeds: Int = param(
        16,
        "Independent repeats: fresh data where the generator is known, fresh splits where not.",
        example="16",
        ge=1,
        le=100_000,
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = param("auto", "Where the work runs.")


class StrengthFields(Section):
    """A grid of strengths of a penalty, even in the logarithm."""

    strength_min: Float = param(1e-5, "Weakest strength of the grid.", example="1e-5", gt=0)
    strength_max: Float = param(10.0, "Strongest strength of the grid.", example="10", gt=0)
    n_strengths: Int = param(
        19, "Strengths of the grid, spaced evenly in the logarithm.", example="19", ge=1, le=1000
    )

    @field_validator("strength_max")
    @classmethod
    def _strengths_run_upwards(cls, strength_max: float, info: ValidationInfo) -> float:
        strength_min = info.data.get("strength_min")
        if strength_min is not None and strength_min > strength_max:
            raise ValueError(
                f"must be at least strength_min, got {strength_min} and {strength_max}"
            )
        return strength_max

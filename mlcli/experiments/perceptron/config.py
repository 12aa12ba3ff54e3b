"""The parameters of `mlcli perceptron` (section 6.1 of the notes)."""

from __future__ import annotations

import re

from pydantic import field_validator

from mlcli.config.common import SeedFields, SourceFields
from mlcli.config.fields import Degrees, Float, Floats, Int, param


class PerceptronConfig(SourceFields, SeedFields):
    """Threshold units: gates, Rosenblatt's rule and the universal approximator."""

    data: str = param(
        "iris",
        "Rows for the learning rule: the two smallest values of the target are the classes.",
        example="iris",
    )
    truth_table: str = param(
        "1110", "Outputs for the inputs 00, 01, 10, 11 that one unit should have.", example="0110"
    )
    function: str = param(
        "sin(2*pi*x)", "Function of x to approximate: + - * / ^, sin, exp, ...", example="x^2"
    )
    function_min: Float = param(0.0, "Lower end of x for the function.", example="0")
    function_max: Float = param(1.0, "Upper end of x for the function.", example="1")
    n_bins: Degrees = param(
        (4, 8, 16, 32, 64, 128, 256), "Numbers of bins of the approximator.", example="8,16"
    )
    shown_bins: Int = param(16, "Bins of the picture and of the deformation.", ge=1, le=4096)
    steepnesses: Floats = param(
        (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0),
        "Steepness of the sigmoids that replace the steps, in units of 1 / bin.",
        example="1,10",
    )
    margins: Floats = param(
        (0.02, 0.05, 0.1, 0.2), "Margins of the random rows of the learning rule.", example="0.1"
    )
    n_points: Int = param(200, "Random rows of each seed.", unit="rows", ge=2, le=100_000)
    max_passes: Int = param(
        5000, "Passes after which rows are taken for inseparable.", unit="passes", ge=1
    )

    @field_validator("truth_table")
    @classmethod
    def _four_bits(cls, table: str) -> str:
        if re.fullmatch("[01]{4}", table) is None:
            raise ValueError(f"must be four bits, got {table!r}; try 1110")
        return table

    @field_validator("function_max")
    @classmethod
    def _runs_upwards(cls, high: float, info: object) -> float:
        low = getattr(info, "data", {}).get("function_min")
        if low is not None and low >= high:
            raise ValueError(f"must be above function_min, got {low} and {high}")
        return high

    @field_validator("n_bins")
    @classmethod
    def _two_counts(cls, counts: tuple[int, ...]) -> tuple[int, ...]:
        if min(counts) < 1 or len(set(counts)) < 2 or max(counts) > 4096:
            raise ValueError("must be two or more numbers from 1 to 4096, for a slope")
        return counts

    @field_validator("margins")
    @classmethod
    def _margins_are_at_most_half(cls, margins: tuple[float, ...]) -> tuple[float, ...]:
        if max(margins) > 0.5:
            raise ValueError(f"must be at most 0.5 each, got {max(margins)}")
        return margins

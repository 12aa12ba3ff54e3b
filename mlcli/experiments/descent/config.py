"""The parameters of `mlcli descent` (section 4 of the notes)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import field_validator

from mlcli.config.common import SeedFields, SourceFields
from mlcli.config.fields import Degrees, Float, Floats, Int, Unset, param


class DescentConfig(SourceFields, SeedFields):
    """Gradient descent on the loss of a linear basis-function model."""

    degree: Int = param(2, "Degree of the model.", example="2", ge=1, le=12)
    basis: Literal["polynomial", "legendre", "chebyshev", "fourier", "linear"] = param(
        "polynomial", "Basis functions, as in fit-poly; they decide the condition number."
    )
    learning_rate: Annotated[Float | None, Unset] = param(
        None, "Learning rate eta (default: half the critical one).", example="0.1", gt=0
    )
    momentum: Float = param(0.0, "Momentum mu of the main run.", example="0.9", ge=0, lt=1)
    n_steps: Int = param(200, "Steps of the main run.", unit="steps", ge=1, le=1_000_000)
    path_rates: Floats = param(
        (0.1, 0.5, 0.95, 1.02),
        "Learning rates whose paths are shown, in units of the critical one.",
        example="0.1,0.5",
    )
    n_path: Int = param(40, "Steps of these paths.", unit="steps", ge=1, le=10_000)
    batch_sizes: Degrees = param((1, 4, 16, 64), "Batch sizes whose noise floor is measured.")
    noise_rates: Floats = param(
        (0.01, 0.02, 0.05, 0.1, 0.2),
        "Learning rates of the noise floor, in units of the critical one.",
        example="0.01,0.1",
    )
    n_noise: Int = param(
        4000,
        "Steps of each stochastic run; the first half is for settling.",
        unit="steps",
        ge=10,
        le=1_000_000,
    )
    flow_steps: Degrees = param(
        (20, 40, 80, 160, 320), "Numbers of steps in which descent follows the flow."
    )
    condition_numbers: Floats = param(
        (2.0, 5.0, 10.0, 30.0, 100.0, 300.0),
        "Condition numbers whose rate is measured.",
        example="10,100",
    )

    @field_validator("batch_sizes", "flow_steps")
    @classmethod
    def _counts_are_positive(cls, counts: tuple[int, ...]) -> tuple[int, ...]:
        if min(counts) < 1:
            raise ValueError(f"must be at least 1 each, got {min(counts)}")
        return counts

    @field_validator("flow_steps")
    @classmethod
    def _an_order_needs_two(cls, counts: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(counts)) < 2:
            raise ValueError(f"must be at least two numbers, for a slope, got {len(set(counts))}")
        return counts

    @field_validator("condition_numbers")
    @classmethod
    def _above_one(cls, numbers: tuple[float, ...]) -> tuple[float, ...]:
        if min(numbers) <= 1:
            raise ValueError(f"must be above 1 each, got {min(numbers)}")
        return numbers

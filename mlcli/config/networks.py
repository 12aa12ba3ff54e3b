"""What the networks of several commands share: architecture, training, schedule of the rate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from mlcli.config.fields import Float, Int, Names, Number, Section, Several, Unset, param

ActivationName = Literal[
    "sigmoid", "tanh", "relu", "leaky-relu", "rrelu", "prelu", "elu", "gelu", "silu", "selu"
]
InitName = Literal[
    "zeros",
    "normal",
    "uniform",
    "xavier",
    "xavier-normal",
    "xavier-uniform",
    "he",
    "he-normal",
    "he-uniform",
    "he-fan-out",
    "he-fan-out-normal",
    "he-fan-out-uniform",
    "lecun",
    "lecun-normal",
    "lecun-uniform",
    "orthogonal",
]
ArchitectureName = Literal["basic", "lenet", "nin", "fcn", "residual", "scan"]
NormalisationName = Literal["none", "batch", "layer"]
OptimiserName = Literal["sgd", "momentum", "nesterov", "adam", "adamw"]
ScheduleName = Literal[
    "constant", "power", "exponential", "piecewise", "cosine", "one-cycle", "n-cycle"
]
# The learning rate where none is given: what suits a small network on standardised inputs.
DEFAULT_RATES: Mapping[str, float] = MappingProxyType(
    {"sgd": 0.2, "momentum": 0.05, "nesterov": 0.05, "adam": 0.003, "adamw": 0.003}
)

Rate = Annotated[float, Number, Field(allow_inf_nan=False, gt=0)]
Strength = Annotated[float, Number, Field(allow_inf_nan=False, ge=0)]
Share = Annotated[float, Number, Field(allow_inf_nan=False, ge=0, lt=1)]
Factor = Annotated[float, Number, Field(allow_inf_nan=False, gt=0, le=1)]
Count = Annotated[int, Number, Field(ge=1)]
LARGEST_LAYER = 100_000


def sizes_of(hidden: str) -> tuple[int, ...]:
    """``256-128`` as the sizes of the hidden layers.

    Raises:
        ValueError: it is no such text, or a size is not positive or too large.
    """
    parts = hidden.split("-")
    if not all(part.isdigit() for part in parts):
        numbers = re.findall(r"\d+", hidden)
        hint = f"; try {'-'.join(numbers)}" if len(numbers) > 1 else ""
        raise ValueError(f"must be sizes of hidden layers, as 256-128, got {hidden!r}{hint}")
    sizes = tuple(int(part) for part in parts)
    if not all(1 <= size <= LARGEST_LAYER for size in sizes):
        raise ValueError(f"must have sizes from 1 to {LARGEST_LAYER:,}, as 256-128, got {hidden!r}")
    return sizes


class MlpFields(Section):
    """A multilayer perceptron (sections 6.2 and 7); several values of a field are compared."""

    hidden: Several[str] = param(
        ("64-32",),
        "Sizes of the hidden layers, as 256-128; several, as 64,256-128, are compared.",
        example="256-128",
    )
    activation: Several[ActivationName] = param(
        ("relu",),
        "Activation h of the hidden layers.",
        also_called={"swish": "silu", "logistic": "sigmoid"},
    )
    alpha: Annotated[Several[Rate] | None, Unset] = param(
        None,
        "alpha of (7.21) and (7.22): slope of leaky-relu on the left, first slope of prelu, depth "
        "of elu (default: leaky-relu 0.01, prelu 0.25, elu 1).",
        example="0.3",
        optional=True,
    )
    init: Several[InitName] = param(
        ("he",),
        "How the weights start (section 7.1.1); normal is N(0, 1).",
        also_called={"glorot": "xavier", "kaiming": "he"},
    )
    normalisation: Several[NormalisationName] = param(
        ("none",), "Batch (7.24) or layer normalisation before each activation."
    )
    dropout: Several[Share] = param(
        (0.0,), "Probability that an activation is dropped in training.", example="0.1"
    )

    def remarks(self) -> tuple[str, ...]:
        """Says so where layer sizes were perhaps meant as layers of one network."""
        if len(self.hidden) == 1 or any("-" in one for one in self.hidden):
            return super().remarks()
        sizes, n = self.hidden, len(self.hidden)
        return (
            *super().remarks(),
            f"--hidden {','.join(sizes)} compares {n} networks of one hidden layer each; one "
            f"network with {n} hidden layers is --hidden {'-'.join(sizes)}",
        )

    @field_validator("hidden", mode="before")
    @classmethod
    def _numbers_are_sizes(cls, value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return (
            [str(v) if type(v) is int else v for v in value] if isinstance(value, list) else value
        )

    @field_validator("hidden")
    @classmethod
    def _sizes_are_positive(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            sizes_of(value)
        return values


class CnnFields(Section):
    """A convolutional network (section 8); several values of a field are compared."""

    architecture: Several[ArchitectureName] = param(
        ("basic",),
        "Preset: basic is Figure 22, nin a network in network, fcn has no dense layer.",
        also_called={"resnet": "residual", "lenet-5": "lenet", "lenet5": "lenet"},
    )
    layers: Annotated[Names | None, Unset] = param(
        None,
        "Layers of a network of your own in place of a preset, as conv 32 3x3 pad same, "
        "leaky-relu 0.3, pool max 2, batch-norm, dropout 0.2, residual 64 stride 2, global avg, "
        "flatten, dense 64; the outputs are added.",
        example="conv 16 3x3,relu,pool max 2,flatten",
    )
    init: Several[InitName] = param(
        ("he",),
        "How the weights start (section 7.1.1); normal is N(0, 1).",
        also_called={"glorot": "xavier", "kaiming": "he"},
    )


class FitFields(Section):
    """How a network learns, but for the schedule; several values of a field are compared."""

    task: Literal["auto", "classification", "regression"] = param(
        "auto",
        "What the target is (default: the data set's own; of a file, classes if its values are few "
        "whole numbers).",
    )
    test_fraction: Float = param(
        0.2,
        "Share of the rows set aside for testing, where the data set has no test part.",
        gt=0,
        lt=1,
    )
    validation_fraction: Float = param(
        0.1, "Share of the other rows on which training is watched.", ge=0, lt=1
    )
    scaling: Literal["auto", "column", "whole", "none"] = param(
        "auto",
        "Units of the inputs, from the training rows: each column with mean 0 and variance 1; or "
        "column means but one scale for all, as suits images; auto takes that which fits.",
    )
    batch_size: Several[Count] = param((64,), "Rows of a minibatch.", unit="rows", example="64")
    optimiser: Several[OptimiserName] = param(("momentum",), "Optimiser.")
    learning_rate: Annotated[Several[Rate] | None, Unset] = param(
        None,
        "Learning rate eta; of a schedule the largest (default: "
        + ", ".join(f"{name} {rate:g}" for name, rate in DEFAULT_RATES.items())
        + ").",
        example="0.05",
    )
    momentum: Float = param(0.9, "Momentum mu of momentum and nesterov.", gt=0, lt=1)
    beta1: Float = param(0.9, "Share of the mean gradient that adam keeps.", ge=0, lt=1)
    beta2: Float = param(0.999, "Share of the mean squared gradient that adam keeps.", ge=0, lt=1)
    weight_decay: Float = param(0.01, "Decoupled weight decay of adamw.", ge=0)
    l1: Several[Strength] = param(
        (0.0,), "Strength lambda_1 of (3.13), on weights.", example="1e-5"
    )
    l2: Several[Strength] = param(
        (0.0,), "Strength lambda_2 of (3.13), on weights.", example="1e-4"
    )
    clip_norm: Annotated[Float | None, Unset] = param(
        None, "Longest gradient of a member (default: no limit).", example="1", gt=0
    )
    precision: Literal["float32", "float64", "bf16"] = param(
        "float32",
        "Numbers in which it computes; bf16: forward passes in bfloat16 where it is safe.",
    )


class ScheduleFields(Section):
    """How the learning rate moves (section 7.4); several schedules are compared."""

    schedule: Several[ScheduleName] = param(
        ("one-cycle",), "Schedule of the learning rate: (7.25) to (7.27), cosine or cycles."
    )
    power_c: Float = param(1.0, "Exponent c of (7.25).", gt=0)
    decay_epochs: Annotated[Float | None, Unset] = param(
        None,
        "s of (7.25) and (7.26) (default: half of the epochs).",
        unit="epochs",
        example="10",
        gt=0,
    )
    piecewise_ends: Several[Annotated[float, Number, Field(gt=0, lt=1)]] = param(
        (0.5, 0.75), "t_1, t_2, ... of (7.27) as shares of the training.", example="0.5,0.75"
    )
    piecewise_factors: Several[Factor] = param(
        (1.0, 0.1, 0.01),
        "eta_1, eta_2, ... of (7.27) in units of the learning rate.",
        example="1,0.1,0.01",
    )
    n_cycles: Int = param(3, "Cycles of n-cycle.", ge=1, le=1000)
    cycle_share: Float = param(0.9, "Share of the training that cycles take.", gt=0, lt=1)
    cycle_start: Float = param(0.1, "eta_min / eta_max of cycles.", gt=0, le=1)
    cycle_final: Float = param(1e-5, "eta_0 / eta_max, where cycles end.", ge=0, le=1)
    cosine_final: Float = param(0.0, "Share of the rate at which cosine ends.", ge=0, lt=1)

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


class TrainingFields(Section):
    """How long a network trains, and what is said of it afterwards."""

    n_epochs: Int = param(40, "Passes over the training rows.", unit="epochs", ge=1, le=1_000_000)
    patience: Annotated[Int | None, Unset] = param(
        None,
        "Epochs without a lower validation loss after which a member stops and goes back to its "
        "best (default: no early stopping).",
        unit="epochs",
        example="10",
        ge=1,
    )
    min_delta: Float = param(0.0, "By how much the loss must fall to count as lower.", ge=0)
    average_decay: Annotated[Float | None, Unset] = param(
        None,
        "Judge the moving average of the weights, of which each step keeps so much (default: the "
        "last weights themselves).",
        example="0.99",
        ge=0,
        lt=1,
    )

    @field_validator("average_decay")
    @classmethod
    def _no_two_choices_of_weights(cls, decay: float | None, info: ValidationInfo) -> float | None:
        if decay is not None and info.data.get("patience") is not None:
            raise ValueError("can't be used with patience, which goes back to the best weights")
        return decay

    round_metric: bool = param(
        False,
        "Of a regression, also the share of test rows whose prediction, rounded, is their target, "
        "rounded.",
    )
    evaluate_training: bool = param(
        False, "Evaluate all training rows after each epoch, not only the minibatches before it."
    )
    n_calibration_bins: Int = param(10, "Bins of the calibration curve.", ge=2, le=100)
    n_misclassified: Int = param(
        25, "Misclassified test rows to list, the surest first.", ge=0, le=10_000
    )
    keep_weights: Literal["all", "first"] = param(
        "all", "Whose weights are written: each member's, or those of each variant's first seed."
    )

"""The parameters of `mlcli lr-find` (section 7.4 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import ValidationInfo, field_validator, model_validator

from mlcli.config import config_class, inherited_keys
from mlcli.config.common import ImageFields, SeedFields, SourceFields
from mlcli.config.fields import Float, Int, param
from mlcli.config.networks import CnnFields, FitFields, MlpFields


class LrFindConfig(SourceFields, ImageFields, MlpFields, CnnFields, FitFields, SeedFields):
    """The range test: the loss while the learning rate grows at every step.

    A network is described once: what this section has in common with the section that `network`
    chooses from `inherits` and does not say itself is taken from there, but for `not_inherited`:
    how many seeds a training can pay for is no matter of the network, and a sweep is cheaper.
    """

    inherits: ClassVar[Mapping[str, str]] = {"mlp": "train_mlp", "cnn": "train_cnn"}
    inherits_by: ClassVar[str] = "network"
    not_inherited: ClassVar[frozenset[str]] = frozenset({"n_seeds"})
    # The result of the search is not a parameter; a class variable is not a field of pydantic.
    learning_rate: ClassVar[None] = None  # type: ignore[misc]

    network: Literal["mlp", "cnn"] = param(
        "mlp", "Whose rate: of the perceptron of section train_mlp, or the network of train_cnn."
    )
    data: str = param(
        "digits",
        "A named data set (`mlcli data list`), a CSV, TSV, Parquet or NPZ file, or a folder "
        "of parts of a table.",
        example="two-moons",
    )
    rate_min: Float = param(1e-5, "Learning rate of the first step.", example="1e-5", gt=0)
    rate_max: Float = param(10.0, "Learning rate of the last step.", example="10", gt=0, le=1e6)
    n_steps: Int = param(
        300,
        "Steps of the sweep, evenly spaced in the logarithm of the rate.",
        unit="steps",
        example="300",
        ge=50,
        le=10_000,
    )
    smoothing: Float = param(
        0.98,
        "Share beta that the moving average keeps at each step, which fastai's rules read; "
        "eta_crit does not depend on it.",
        example="0.98",
        ge=0,
        lt=1,
    )
    divergence: Float = param(
        4.0,
        "How many times its smallest value the loss must reach to diverge.",
        example="4",
        gt=1,
    )
    eta_0: Float = param(
        1e-6, "Learning rate eta_0 at which the one-cycle schedule ends.", example="1e-6", gt=0
    )
    compare_epochs: Int = param(
        10,
        "Epochs of the trainings with the suggestion and with fixed rates; 0: none.",
        unit="epochs",
        ge=0,
        le=1_000_000,
    )
    n_seeds: Int = param(
        8,
        "Independent repeats: own splits, initial weights and orders of the rows.",
        example="8",
        ge=1,
        le=100_000,
    )

    @field_validator("rate_max")
    @classmethod
    def _rates_run_upwards(cls, rate_max: float, info: ValidationInfo) -> float:
        rate_min = info.data.get("rate_min")
        if rate_min is not None and not rate_min < rate_max:
            raise ValueError(f"must be above rate_min, got {rate_min:g} and {rate_max:g}")
        return rate_max

    @model_validator(mode="before")
    @classmethod
    def _images_for_a_cnn(cls, values: Any) -> Any:
        """Where nobody names data, a convolutional network has those of its training."""
        if isinstance(values, dict) and values.get("network") == "cnn" and "data" not in values:
            training = config_class(cls.inherits["cnn"])
            return values | {"data": training.model_fields["data"].default}
        return values

    @model_validator(mode="after")
    def _fields_of_one_network(self) -> LrFindConfig:
        cnn = {*CnnFields.model_fields, *ImageFields.model_fields}
        mlp = set(MlpFields.model_fields)
        strange = mlp - cnn if self.network == "cnn" else cnn - mlp
        given = sorted(strange & self.model_fields_set)
        if given:
            other = "mlp" if self.network == "cnn" else "cnn"
            raise ValueError(
                f"{given[0]} has no place where network is {self.network}; try network {other}"
            )
        return self


def section_of(config: LrFindConfig) -> str:
    """The section of the training whose learning rate is wanted."""
    return LrFindConfig.inherits[config.network]


def training_of(config: LrFindConfig, **more: Any) -> Any:
    """The config of the training of the same network, with `more` as other settings."""
    section = section_of(config)
    shared = {key: getattr(config, key) for key in inherited_keys(LrFindConfig, section)}
    model: Any = config_class(section)
    return model(**shared, n_seeds=config.n_seeds, **more)

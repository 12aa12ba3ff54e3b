"""The parameters of `mlcli train-mlp` (sections 6 and 7 of the notes)."""

from __future__ import annotations

from typing import Literal

from mlcli.config.common import SeedFields, SourceFields
from mlcli.config.fields import Int, param
from mlcli.config.networks import FitFields, MlpFields, ScheduleFields, TrainingFields


class TrainMlpConfig(
    SourceFields, MlpFields, FitFields, ScheduleFields, TrainingFields, SeedFields
):
    """Networks that train side by side: every seed of every variant is a member."""

    data: str = param(
        "digits",
        "A named data set (`mlcli data list`), a CSV, TSV, Parquet or NPZ file, or a folder "
        "of parts of a table.",
        example="two-moons",
    )
    engine: Literal["torch", "numpy"] = param(
        "torch", "torch: all members at once; numpy: the network that is written out, one by one."
    )
    isolate: bool = param(
        False, "Train each member alone, so that its bytes are those of a run of its own."
    )
    n_statistics: Int = param(
        20, "Moments at which the layers are looked into; 0: never.", ge=0, le=10_000
    )
    plane_units: Int = param(
        6,
        "Hidden units of the networks of two inputs whose boundary is drawn while it is learnt, on "
        "the run's own rows if these have two inputs and classes, else on two-moons; 0: none.",
        unit="units",
        example="3",
        ge=0,
        le=64,
    )
    n_seeds: Int = param(
        8,
        "Independent repeats: own splits, initial weights and orders of the rows.",
        example="8",
        ge=1,
        le=100_000,
    )

"""The parameters of `mlcli data make`, the stage that writes the files under data/."""

from __future__ import annotations

from mlcli.config.common import SyntheticFields
from mlcli.config.fields import Int, Names, param


class DataConfig(SyntheticFields):
    """Which synthetic sets are written, and how many independent draws of each."""

    names: Names = param(("noisy-cubic",), "Synthetic sets to write.", example="noisy-cubic,sine")
    n_draws: Int = param(
        20, "Independent data sets in each file.", unit="draws", example="20", ge=1, le=100_000
    )
    seed: Int = param(0, "Seed of every random stream.", example="0", ge=0)

"""Section `data`: the data that all commands share, and what `mlcli data make` writes."""

from __future__ import annotations

from typing import Annotated

from mlcli.config.common import ImageFields, SourceFields, SyntheticFields
from mlcli.config.fields import Int, Names, Unset, param


class MakeFields(SyntheticFields):
    """Which synthetic sets are written, and how many independent draws of each."""

    names: Names = param(("noisy-cubic",), "Synthetic sets to write.", example="noisy-cubic,sine")
    n_draws: Int = param(
        20, "Independent data sets in each file.", unit="draws", example="20", ge=1, le=100_000
    )
    seed: Int = param(0, "Seed of every random stream.", example="0", ge=0)


class DataConfig(SourceFields, ImageFields, MakeFields):
    """The data of all commands whose own sections name none, and the synthetic sets to write."""

    data: Annotated[str | None, Unset] = param(  # type: ignore[assignment]
        None,
        "The data of every command whose own section names none: a named data set (`mlcli data "
        "list`), a CSV, TSV, Parquet or NPZ file, a folder of parts of a table, or a folder of "
        "images by class (default: each command's own).",
        example="measurements.csv",
    )


SECTION = "data"
# What describes data, for commands that take any.
SHARED = frozenset({*SourceFields.model_fields, *ImageFields.model_fields})
# Of these, what synthetic sets alone have; `mlcli data make` reads them too.
SYNTHETIC = frozenset(SyntheticFields.model_fields)

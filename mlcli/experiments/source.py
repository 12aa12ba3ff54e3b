"""The data that a config asks for."""

from __future__ import annotations

from typing import Any

from mlcli.datasets.dataset import Dataset
from mlcli.datasets.declared import Declared
from mlcli.datasets.source import Source, open_source
from mlcli.errors import DataError
from mlcli.models.parts import PREPARED_SCHEMA

SHOWN_CLASSES = 3


def source_of(config: Any) -> Source:
    """Open and check the data of a validated config of any experiment.

    Raises:
        InputError: the name, the file, its columns or its values won't do.
    """
    return open_source(
        config.data,
        target=config.target,
        features=config.features,
        draw_column=config.draw_column,
        group_column=getattr(config, "group_column", None),
        drop_missing=config.drop_missing,
        n_samples=config.n_samples,
        x_min=config.x_min,
        x_max=config.x_max,
        noise_std=config.noise_std,
        resize=_size(getattr(config, "resize", None)),
        skip_bad=getattr(config, "skip_bad", False),
        declared=Declared(
            config.categorical or (),
            config.dates or (),
            config.impute,
            config.indicate_missing,
            config.unseen,
        ),
    )


def _size(text: str | None) -> tuple[int, int] | None:
    """``32x24`` as (height, width)."""
    if text is None:
        return None
    height, width = text.split("x")
    return int(height), int(width)


def prepared_info(data: Dataset) -> dict[str, Any]:
    """What model.json has to say of how inputs are made; empty where nothing was declared."""
    words = data.prepared_words()
    return {"schema": PREPARED_SCHEMA, **words} if words else {}


def refuse_words(command: str, data: Dataset) -> None:
    """Refuse a target of words where numbers are predicted.

    Raises:
        DataError: naming what takes classes.
    """
    if data.class_names is None:
        return
    names = ", ".join(data.class_names[:SHOWN_CLASSES])
    more = ", ..." if len(data.class_names) > SHOWN_CLASSES else ""
    raise DataError(
        f"target '{data.target_name}' of {command}", must="numbers", got=f"words ({names}{more})",
        hint="`mlcli logistic`, `mlcli train-mlp` or `mlcli kfold --loss zero-one`",
    )  # fmt: skip

"""The data of a config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mlcli.config import config_class
from mlcli.datasets.columns import Declared
from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source, open_source
from mlcli.datasets.tables import TextFeatures
from mlcli.errors import DataError
from mlcli.experiments import EXPERIMENTS, about
from mlcli.experiments.experiment import About
from mlcli.models.parts import PREPARED_SCHEMA
from mlcli.result import Result

SHOWN_CLASSES = 3


def source_of(config: Any) -> Source:
    """Open and check the data of a validated config of any experiment.

    Raises:
        InputError: the name, the file, its columns or its values won't do.
    """
    try:
        return _opened(config)
    except TextFeatures as error:
        one = about(next(name for name in EXPERIMENTS if config_class(name) is type(config)))
        if error.target_texts and _wants_numbers(one, config):
            raise _refusal(one.command, error.target, error.target_texts, error) from None
        raise


def _wants_numbers(one: About, config: Any) -> bool:
    """Whether the target must be numbers."""
    return one.takes == "numbers" or getattr(config, "task", None) == "regression"


def _opened(config: Any) -> Source:
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
    """The part of model.json about how inputs are prepared; empty where nothing was declared."""
    words = data.preparation_metadata()
    return {"schema": PREPARED_SCHEMA, **words} if words else {}


def with_images(result: Result, source: Source) -> Result:
    """The result, its model saying of which shape the images are that it was fitted to."""
    shape = source.image_shape
    if not result.model_info or shape is None:
        return result
    return replace(result, model_info={"image_shape": list(shape), **result.model_info})


def refuse_words(command: str, data: Dataset) -> None:
    """Refuse a target of text where numbers are predicted.

    Raises:
        DataError: naming what takes classes.
    """
    if data.class_names is None:
        return
    raise _refusal(command, data.target_name, data.class_names)


def _refusal(
    command: str, target: str, words: Sequence[str], others: TextFeatures | None = None
) -> DataError:
    names = ", ".join(words[:SHOWN_CLASSES]) + (", ..." if len(words) > SHOWN_CLASSES else "")
    got, hint = (
        f"words ({names})",
        "`mlcli logistic`, `mlcli train-mlp` or `mlcli kfold --loss zero-one`",
    )
    if others is not None:
        got += f", as in {others.listed} too"
        hint += f", with {others.flags}" if others.flags else ""
    return DataError(f"target '{target}' of {command}", must="numbers", got=got, hint=hint)

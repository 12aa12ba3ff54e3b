"""Load the model of a run folder. It reads arrays and JSON only, never code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.errors import ConfigError
from mlcli.models.parts import INFO, ModelFiles
from mlcli.models.prediction import Model, with_preprocessing


def load(
    folder: Path,
    command: str,
    digests: Mapping[str, Any],
    *,
    degree: int | None = None,
    variant: str | None = None,
    seed_index: int | None = None,
    device: str = "auto",
) -> Model:
    """The model of a run; each file is checked against its hash.

    Args:
        folder: the run.
        command: the command that made it.
        digests: SHA-256 of its files, from its manifest.
        degree: of fit-poly; None: the best.
        variant: of networks; None: the best.
        seed_index: one network of an ensemble; None: all.
        device: of networks.

    Raises:
        DataError: a file is missing, altered or damaged.
        ConfigError: there is no such degree, variant or seed.
    """
    _refuse_choices(command, {"--degree": degree}, ("fit-poly",))
    chosen = {"--variant": variant, "--seed-index": seed_index}
    _refuse_choices(command, chosen, ("train-mlp", "train-cnn"))
    parts = ModelFiles(folder, digests)
    info = parts.info()
    try:
        with np.errstate(all="ignore"):
            model = _with_image_shape(
                _load(parts, info, command, degree, variant, seed_index, device), info
            )
            _check_names(model)
            # Arrays whose shapes don't match fail here and not on the user's rows.
            model.predict(np.zeros((1, len(model.described.features))), 0.95).columns()
            model = with_preprocessing(model, info)
    except (
        KeyError,
        TypeError,
        IndexError,
        ValueError,
        AttributeError,
        RuntimeError,
        ArithmeticError,
    ) as error:
        # A GPU that is full is no fault of the files; torch calls it a RuntimeError.
        if isinstance(error, RuntimeError) and "out of memory" in str(error):
            raise
        raise parts.damaged(INFO) from None
    return model


def _load(
    parts: ModelFiles,
    info: Mapping[str, Any],
    command: str,
    degree: int | None,
    variant: str | None,
    seed_index: int | None,
    device: str,
) -> Model:
    if command == "bayes":
        from mlcli.models.bayes import load_bayes

        return load_bayes(parts, info)
    if command in ("train-mlp", "train-cnn"):
        from mlcli.models.networks import load_networks

        return load_networks(parts, info, command, variant, seed_index, device)
    from mlcli.models import linear

    if command == "fit-poly":
        return linear.load_fit_poly(parts, info, degree)
    return (linear.load_kfold if command == "kfold" else linear.load_logistic)(parts, info)


def _with_image_shape(model: Any, info: Mapping[str, Any]) -> Model:
    """The model with the shape of the images that it was fitted to, if any.

    Raises:
        ValueError: its inputs are not the pixels of such images.
    """
    found: Model = model
    if found.described.image_shape is not None or not info.get("image_shape"):
        return found
    shape = tuple(int(n) for n in info["image_shape"])
    if prod(shape) != len(found.described.features) or len(shape) not in (2, 3):
        raise ValueError("inputs that are not the pixels of such images")
    fitted: Model = replace(model, described=replace(found.described, image_shape=shape))
    return fitted


def _check_names(model: Model) -> None:
    one = model.described
    for name in (*one.features, one.target, *one.classes):
        # Training requires this too: names are shown and written.
        if not isinstance(name, str) or not name.isprintable():
            raise ValueError("a name is not printable text")
    if not one.features or len(one.classes) != len(one.class_values):
        raise ValueError("no features, or classes without values")


def _refuse_choices(command: str, given: Mapping[str, Any], of: tuple[str, ...]) -> None:
    for flag, value in given.items():
        if value is not None and command not in of:
            raise ConfigError(
                f"{flag} chooses among the models of {' and '.join(of)}; this run "
                f"of {command} has one"
            )

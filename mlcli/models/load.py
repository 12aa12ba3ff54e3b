"""A run folder -> its model. Nothing here runs what a file holds: numbers and JSON are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.errors import ConfigError
from mlcli.models.parts import INFO, Parts
from mlcli.models.prediction import Model
from mlcli.models.prepared import prepared


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
    """The model of a run, each part checked against its hash.

    Args:
        folder: the run.
        command: that made it.
        digests: SHA-256 of its files, from its manifest.
        degree: of fit-poly; None: the best.
        variant: of networks; None: the best.
        seed_index: one network of an ensemble; None: all.
        device: where networks compute.

    Raises:
        DataError: a part is missing, altered or damaged.
        ConfigError: there is no such degree, variant or seed.
    """
    _refuse_choices(command, {"--degree": degree}, ("fit-poly",))
    chosen = {"--variant": variant, "--seed-index": seed_index}
    _refuse_choices(command, chosen, ("train-mlp", "train-cnn"))
    parts = Parts(folder, digests)
    info = parts.info()
    try:
        with np.errstate(all="ignore"):
            model = _of_images(
                _made(parts, info, command, degree, variant, seed_index, device), info
            )
            _check_names(model)
            # Arrays that don't fit each other are found here and not among the user's rows.
            model.predict(np.zeros((1, len(model.described.features))), 0.95).columns()
            model = prepared(model, info)
    except (
        KeyError,
        TypeError,
        IndexError,
        ValueError,
        AttributeError,
        RuntimeError,
        ArithmeticError,
    ):
        raise parts.damaged(INFO) from None
    return model


def _made(
    parts: Parts,
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


def _of_images(model: Any, info: Mapping[str, Any]) -> Model:
    """The model as it reads images, where it was fitted to some.

    Raises:
        ValueError: its inputs are not their pixels.
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
        # As in the training, which takes no others: they are shown and written.
        if not isinstance(name, str) or not name.isprintable():
            raise ValueError("a name that is none")
    if not one.features or len(one.classes) != len(one.class_values):
        raise ValueError("no features, or classes without values")


def _refuse_choices(command: str, given: Mapping[str, Any], of: tuple[str, ...]) -> None:
    for flag, value in given.items():
        if value is not None and command not in of:
            raise ConfigError(
                f"{flag} chooses among the models of {' and '.join(of)}; this run "
                f"of {command} has one"
            )

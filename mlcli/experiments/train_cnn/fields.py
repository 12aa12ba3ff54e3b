"""Receptive fields of a trained network: by recursion, and by the gradients of its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.networks.architectures import image_shape_of
from mlcli.experiments.networks.fitting import FittedGroup
from mlcli.experiments.networks.member_groups import group_kernels
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.tables import fitted_members
from mlcli.experiments.networks.variants import Variant
from mlcli.experiments.train_cnn.feature_maps import grid_text, standardised
from mlcli.neural.architecture import CNNLayer
from mlcli.neural.cnn import CNN
from mlcli.neural.device import on_device
from mlcli.neural.receptive_fields import (
    ReceptiveField,
    box_of,
    measured_fields,
    receptive_fields,
)
from mlcli.result import Columns
from mlcli.rng import stream

Floats = NDArray[np.float64]
# Images of noise, of all members together: a maximum hides the other pixels of its window, so that
# one image does not show all of a field.
N_NOISE = 40
# Test images whose gradients say how much each pixel matters.
N_IMAGES = 8
# Layers whose strength is written, those that change the field, evenly spaced.
MOST_MAPS = 6
WIDENING = ("conv", "pool", "residual", "scan")


@dataclass(frozen=True)
class MeasuredFields:
    """Receptive fields of the layers of one network.

    Attributes:
        layers: of the network.
        theory: by recursion, one per layer.
        reached: mean |dz / dx| over images of noise, (layers, h, w).
        strength: the same over test images, (layers, h, w).
        image: the first test image as the data have it, its channels as their mean, (h, w).
    """

    layers: tuple[CNNLayer, ...]
    theory: tuple[ReceptiveField, ...]
    reached: Floats
    strength: Floats
    image: Floats


def fields_of(
    config: Any, problem: Problem, fitted: Sequence[FittedGroup], shown: Variant
) -> MeasuredFields:
    """Recursion and gradients of a variant's layers, on its first test images."""
    one, m = fitted_members(fitted, shown)[0]
    net = one.net
    assert isinstance(net, CNN)
    # No more than in a minibatch of the training, which fits into memory.
    most = one.group.common.batch_size
    rows = problem.splits[one.group.members[m].seed_index].test[: min(N_IMAGES, most)]
    images = problem.X[rows].reshape(-1, *image_shape_of(problem))
    rng = stream(config.seed, "receptive fields")
    n_noise = min(-(-N_NOISE // net.n_members), most)
    with group_kernels(one.group, net.theta.device):
        X = standardised(one, problem, images)
        drawn = rng.normal(size=(net.n_members, n_noise, X.shape[2]))
        reached = measured_fields(net, on_device(drawn, X), rng)
        strength = measured_fields(net, X, rng)
    image = problem.in_data(problem.X[rows[0]]).reshape(images.shape[1:]).mean(axis=0)
    return MeasuredFields(net.layers, receptive_fields(net.layers), reached, strength, image)


def half_side(strength: Floats, field: ReceptiveField) -> int:
    """Side of the smallest square around the middle of a field that has half of the strength.

    Args:
        strength: (h, w).
        field: which also counts what lies outside of the image.
    """
    total = strength.sum()
    y, x = ((sum(axis.middle) - 1) / 2 for axis in (field.down, field.across))
    i, j = np.indices(strength.shape)
    reach = np.maximum(np.abs(i - y), np.abs(j - x))
    for distance in np.unique(reach):
        if strength[reach <= distance].sum() >= total / 2:
            return int(2 * distance + 1)
    return 0


def fields_table(found: MeasuredFields) -> Columns:
    """Each layer: its field and its step by recursion, in the image, and by gradients."""
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "number",
            "layer",
            "kind",
            "jump",
            "theory_height",
            "theory_width",
            "top",
            "left",
            "height",
            "width",
            "measured_top",
            "measured_left",
            "measured_height",
            "measured_width",
            "half_side",
        )
    }
    every = zip(found.layers, found.theory, found.reached, found.strength, strict=True)
    for layer, theory, reached, strength in every:
        box, seen = theory.box, box_of(reached)
        row = (
            layer.number,
            layer.name,
            layer.spec.kind,
            max(theory.down.jump, theory.across.jump),
            theory.down.size,
            theory.across.size,
            *_place(box),
            *_place(seen),
            half_side(strength, theory),
        )
        for column, value in zip(columns.values(), row, strict=True):
            column.append(value)
    return columns


def _place(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Top, left, height and width."""
    return box[0], box[1], box[2] - box[0], box[3] - box[1]


def field_maps_table(found: MeasuredFields) -> Columns:
    """The first test image, and the strength of some layers, largest 1: a row of text each."""
    columns: dict[str, list[Any]] = {name: [] for name in ("number", "layer", "pixels")}
    named = [(0, "image", found.image)]
    widening = [i for i, layer in enumerate(found.layers) if layer.spec.kind in WIDENING]
    chosen = np.linspace(0, len(widening) - 1, min(len(widening), MOST_MAPS)).round().astype(int)
    for place in chosen:
        layer, strength = found.layers[widening[place]], found.strength[widening[place]]
        largest = float(strength.max()) or 1.0
        named.append((layer.number, layer.name, np.round(strength / largest, 3)))
    for number, name, pixels in named:
        columns["number"].append(number)
        columns["layer"].append(name)
        columns["pixels"].append(grid_text(pixels))
    return columns


def field_metrics(found: MeasuredFields) -> dict[str, Any]:
    """The rows of `fields_table`, and in how many layers the gradients reach just the theory's."""
    table = fields_table(found)
    names = ("layer", "jump", "theory_height", "theory_width", "height", "width")
    more = ("measured_height", "measured_width", "half_side")
    rows = {
        f"{number:02d}": {name: table[name][i] for name in (*names, *more)}
        for i, number in enumerate(table["number"])
    }
    agree = [
        theory.box == box_of(reached)
        for theory, reached in zip(found.theory, found.reached, strict=True)
    ]
    return {"n_layers": len(agree), "n_agree": sum(agree), **rows}

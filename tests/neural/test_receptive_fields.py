"""Receptive fields by recursion against changed pixels, gradients and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mlcli.neural.architecture import PRESETS, shapes
from mlcli.neural.cnn import CNN, each_layer
from mlcli.neural.layer_spec import parse
from mlcli.neural.receptive_fields import (
    Axis,
    box_of,
    measured_fields,
    middle_of,
    receptive_fields,
)

OWN = {
    "strides and paddings": ("conv 3 3x5 stride 2x1 pad 1x2", "relu", "conv 4 2x3", "tanh"),
    "windows that overlap": ("pool max 3 stride 2", "conv 4 3x3 pad 1", "pool avg 2", "global avg"),
    "a strided residual": ("conv 4 3x3", "residual 5 stride 2", "conv 4 1x1", "flatten", "dense 6"),
    "gaps between windows": ("pool max 2 stride 3", "conv 3 3x3 pad 2 stride 2", "global max"),
}
SIZES = {"strides and paddings": (2, 11, 9), "a strided residual": (1, 12, 10)}


def network(lines: tuple[str, ...], shape: tuple[int, int, int]) -> CNN:
    return CNN(list(lines), shape, 4, [np.random.default_rng(0)], dtype=torch.float64)


@pytest.mark.parametrize("name", [*PRESETS, *OWN])
def test_gradients_reach_just_the_pixels_of_the_recursion(name: str) -> None:
    lines, shape = {**PRESETS, **OWN}[name], SIZES.get(name, (1, 20, 22))
    net = network(lines, shape)
    X = torch.randn(1, 24, int(np.prod(shape)), generator=torch.Generator().manual_seed(0))
    seen = measured_fields(net, X.double(), np.random.default_rng(1))
    assert len(seen) == len(net.layers)
    for layer, field, strength in zip(net.layers, receptive_fields(net.layers), seen, strict=True):
        assert field.box == box_of(strength), layer.name
        assert strength.min() == 0 or field.box == (0, 0, *shape[1:])


@pytest.mark.parametrize("name", [*OWN, "lenet"])
def test_a_pixel_outside_of_the_field_changes_nothing(name: str) -> None:
    """Each pixel is changed by itself, on several images: another route than gradients."""
    lines, (c, h, w) = {**PRESETS, **OWN}[name], SIZES.get(name, (1, 12, 13))
    net = network(lines, (c, h, w))
    rng = np.random.default_rng(2)
    reached = np.zeros((len(net.layers), h, w), dtype=bool)
    for _ in range(6):
        images = np.repeat(rng.normal(size=(1, c, h, w)), 1 + h * w, axis=0)
        for number, (i, j) in enumerate(np.ndindex(h, w), start=1):
            images[number, :, i, j] += rng.normal(scale=3)
        X = torch.tensor(images).flatten(1)[None]
        unrolled = None
        for place, (layer, Z) in enumerate(each_layer(net, X)):
            if layer.spec.kind == "flatten":
                unrolled = layer.input
            if layer.spec.kind in ("dense", "global"):
                unrolled = None
            z = middle_of(layer, Z, unrolled)[0].reshape(1 + h * w, -1)
            moved = ((z[1:] - z[:1]).abs() > 1e-10).any(dim=1).numpy()
            reached[place] |= moved.reshape(h, w)
    for layer, field, pixels in zip(net.layers, receptive_fields(net.layers), reached, strict=True):
        top, left, bottom, right = field.box
        inside = np.zeros((h, w), dtype=bool)
        inside[top:bottom, left:right] = True
        assert not pixels[~inside].any(), layer.name
        assert box_of(pixels.astype(float)) == field.box, layer.name


@pytest.mark.parametrize("n", [1, 2, 5])
def test_filters_of_3_by_3_see_2_n_plus_1_pixels(n: int) -> None:
    layers = shapes(parse(["conv 2 3x3 pad same"] * n), (1, 40, 40), 3)
    field = receptive_fields(layers)[n - 1]
    assert (field.down.size, field.down.jump, field.down.start) == (2 * n + 1, 1, -n)


def test_the_fields_of_figure_22_by_hand() -> None:
    layers = shapes(parse(PRESETS["basic"]), (1, 28, 28), 10)
    fields = receptive_fields(layers)
    kinds = [layer.spec.kind for layer in layers]
    sizes = [
        field.across.size
        for kind, field in zip(kinds, fields, strict=True)
        if kind in ("conv", "pool")
    ]
    assert sizes == [3, 4, 8, 10, 18, 22]
    # A layer that works pixel by pixel, and unrolling, change no field; dense sees every pixel.
    for place, kind in enumerate(kinds):
        if kind in ("batch-norm", "activation", "dropout", "flatten"):
            assert fields[place] == fields[place - 1]
    assert fields[-1].box == (0, 0, 28, 28)


def test_a_field_is_cut_off_at_the_image_and_counts_what_lies_outside() -> None:
    field = receptive_fields(shapes(parse(["conv 2 5x5 pad same"] * 3), (1, 7, 9), 2))[2]
    assert (field.down.size, field.across.size) == (13, 13)
    assert field.down.middle == (-3, 10)
    assert field.box == (0, 0, 7, 9)


def test_pixels_without_a_gradient_are_no_field() -> None:
    assert box_of(np.zeros((3, 4))) == (0, 0, 0, 0)
    one = np.zeros((3, 4))
    one[1, 2] = 1e-300
    assert box_of(one) == (1, 2, 2, 3)
    all_of_them = Axis(5, -1, 3, 2).whole
    assert (all_of_them.start, all_of_them.size, all_of_them.n) == (-1, 11, 1)

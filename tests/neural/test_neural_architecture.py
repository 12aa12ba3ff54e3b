"""Lists of layers: what they mean, which shapes they make, and what is refused in a sentence."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

from mlcli.neural.activations import ACTIVATIONS
from mlcli.neural.architecture import PRESETS, count_parameters, shapes
from mlcli.neural.cnn import CNN
from mlcli.neural.layer_spec import parse

SIZES = [(1, 8, 8), (1, 28, 28), (3, 20, 30), (1, 12, 15)]


def made(lines: list[str], shape: tuple[int, ...] = (3, 9, 8), n: int | None = 4) -> list[tuple]:
    return [layer.output for layer in shapes(parse(lines), shape, n)]


def test_a_convolution_has_as_many_parameters_as_the_notes_count() -> None:
    # (8.18): ten filters of 3 x 3 x 3 and their biases.
    (conv, *_) = shapes(parse(["conv 10 3x3"]), (3, 32, 32), 5)
    assert conv.n_parameters == 280
    assert conv.output == (10, 30, 30)
    assert conv.n_bytes() == 4 * 10 * 30 * 30


def test_a_layer_specification_is_parsed_into_its_fields() -> None:
    conv, pool, drop, residual = parse(
        [
            "CONV 32  3x5 stride 2x1 pad same",
            "pool avg 3 stride 2",
            "dropout .25",
            "residual 64 stride 2 gelu",
        ]
    )
    assert (conv.n, conv.size, conv.stride, conv.padding) == (32, (3, 5), (2, 1), (1, 2))
    assert (pool.pooling, pool.size, pool.stride) == ("avg", (3, 3), (2, 2))
    assert parse(["pool max 2x3"])[0].stride == (2, 3)
    assert drop.rate == 0.25
    assert (residual.n, residual.stride, residual.activation) == (64, (2, 2), "gelu")
    assert parse([conv.line])[0] == conv


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("con 3 3x3", r"layer 2, 'con 3 3x3': the layer must be one of .*; did you mean conv"),
        ("rellu", "did you mean relu"),
        ("", "the layer must be one of"),
        ("conv 3x3", "number of filters must be a whole number above 0, got '3x3'"),
        ("conv 8", "size of the filters must be like 3 or 3x5"),
        ("conv 8 3x0", "at least 1, got '3x0'"),
        ("conv 8 3x3 padding same", "what follows must be one of pad, stride, .* did you mean pad"),
        ("conv 8 2x3 pad same", "pad same must have odd sides, got 2x3"),
        ("conv 8 3x3 stride", "the stride must be like"),
        ("pool mean 2", "the way to pool must be one of max, avg"),
        ("dropout 1", "probability must be at least 0 and below 1"),
        ("dropout x", "got 'x'"),
        ("flatten now", "nothing must follow here, got 'now'"),
        ("relu 3", "alpha is no parameter of relu"),
        ("residual 4 relo", "what follows must be one of stride"),
    ],
)
def test_an_invalid_layer_is_refused_with_its_number(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse(["relu", line])
    assert str(caught.value).startswith("layer 2, ")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["conv 2 3x3", "conv 2 8x3"], "layer 2, 'conv 2 8x3': its height .* got 8 on 7 pixels"),
        (["conv 2 3x11 pad 1"], "its width .* got 11 on 10 pixels .8 with 1 zeros"),
        (["pool max 2", "pool max 2", "pool avg 3"], "layer 3, 'pool avg 3': its height"),
        (["dense 5"], "layer 1, 'dense 5': it must come after flatten"),
        (["flatten", "conv 2 3x3"], "layer 2, 'conv 2 3x3': it must come where there still are"),
        (["global avg", "pool max 2"], "got vectors of 3"),
    ],
)
def test_a_layer_that_does_not_fit_its_input_is_refused_with_its_number(
    lines: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        made(lines)


def test_output_layers_are_added_automatically() -> None:
    assert [one.name for one in shapes(parse(["flatten"]), (1, 4, 4), 3)] == ["flatten", "dense 3"]
    ends = [one.name for one in shapes(parse(["relu"]), (1, 4, 4), 3)]
    assert ends == ["relu", "conv 3 1x1", "global avg"]
    assert made(["flatten", "dense 7"], n=None)[-1] == (7,)
    with pytest.raises(ValueError, match="end in one number an output, got 3 x 9 x 8"):
        made(["relu"], n=None)
    for shape, n in (((4, 4), 3), ((1, 0, 4), 3), ((1, 4, 4), 0)):
        with pytest.raises(ValueError, match="must be"):
            shapes(parse(["flatten"]), shape, n)


def test_a_layer_before_batch_norm_has_no_bias() -> None:
    conv, _, dense, *_ = shapes(
        parse(["conv 4 3x3", "flatten", "dense 5", "batch-norm"]), (1, 5, 5), 2
    )
    assert list(conv.parameters) == ["W1", "b1"]
    assert list(dense.parameters) == ["W3"]


@pytest.mark.parametrize("f", [1, 2, 3, 5])
@pytest.mark.parametrize("s", [1, 2, 3])
@pytest.mark.parametrize("p", [0, 1, 2])
def test_output_shapes_equal_those_of_torch(f: int, s: int, p: int) -> None:
    for h, w in ((5, 6), (7, 11)):
        (conv, *_) = shapes(parse([f"conv 2 {f}x{f} pad {p} stride {s}"]), (3, h, w), 2)
        Z, W = torch.zeros(1, 3, h, w), torch.zeros(2, 3, f, f)
        assert functional.conv2d(Z, W, stride=s, padding=p).shape[1:] == conv.output
        (pool, *_) = shapes(parse([f"pool max {f} stride {s}"]), (3, h, w), 2)
        assert functional.max_pool2d(Z, f, s).shape[1:] == pool.output


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_every_preset_builds_with_the_shapes_and_parameters_of_its_table(
    name: str, shape: tuple[int, ...]
) -> None:
    specs = parse(PRESETS[name])
    if (name, shape) == ("lenet", (1, 8, 8)):
        with pytest.raises(ValueError, match="layer 4, 'conv 16 5x5'"):
            shapes(specs, shape, 10)
        return
    layers = shapes(specs, shape, 10)
    net = CNN(specs, shape, 10, [np.random.default_rng(0)])
    net.eval()
    X = torch.randn(1, 2, *shape, generator=torch.manual_seed(0))
    for i, layer in enumerate(layers, start=1):
        Z = net.by_member(net.through(X, i))
        assert Z.shape == (1, 2, *layer.output), layer.name
    assert net(X).shape == (1, 2, 10)
    assert torch.equal(net(X), net(X.flatten(2)))
    assert count_parameters(layers) == sum(leaf.numel() for leaf in net.leaves.values())
    if shape == (1, 28, 28):
        limits = {"basic": 100_000, "lenet": 61_707, "scan": 100_000, "fcn": 100_000}
        assert count_parameters(layers) < limits.get(name, 400_000)


def test_the_fully_convolutional_preset_has_no_dense_layer() -> None:
    assert not any("dense" in line or line == "flatten" for line in PRESETS["fcn"])
    assert any("1x1" in line for line in PRESETS["nin"])
    assert {spec.kind for spec in parse(PRESETS["residual"])} >= {"residual", "global"}


def test_every_activation_is_a_layer_and_listing_them_does_not_import_torch() -> None:
    assert [spec.activation for spec in parse(tuple(ACTIVATIONS))] == list(ACTIVATIONS)
    code = "import sys, mlcli.neural.architecture; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

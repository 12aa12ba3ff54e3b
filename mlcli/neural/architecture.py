"""Convolutional networks as a readable list of layers, and the shapes they make (section 8).

A layer is one line of text: `conv 32 3x3 pad same stride 1`, `pool max 2`, `pool avg 3 stride 2`,
`batch-norm`, `relu` or another activation, `leaky-relu 0.3` with its alpha, `dropout 0.25`,
`global avg`, `flatten`, `dense 128`, `residual 64 stride 2`, `scan 32`. The output layers are added
automatically.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from mlcli.neural.activations import find_activation
from mlcli.neural.layer_spec import LayerSpec, parse

# (channels, height, width) of images, or (n,) of vectors.
Shape = tuple[int, ...]
Shapes = dict[str, Shape]

_POOLED = ("pool max 2", "batch-norm", "relu")
_NORMAL = ("batch-norm", "relu")

# Pooling comes before normalisation and relu, which then see a quarter of the pixels.
PRESETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # Figure 22: convolution and pooling in turn, then dense layers.
        "basic": (
            "conv 16 3x3 pad same",
            *_POOLED,
            "conv 32 3x3 pad same",
            *_POOLED,
            "conv 64 3x3 pad same",
            *_POOLED,
            "flatten",
            "dense 96",
            "relu",
            "dropout 0.25",
        ),
        # LeNet-5 (LeCun et al. 1998), with plain averages and full connections between maps.
        "lenet": (
            "conv 6 5x5 pad same",
            "tanh",
            "pool avg 2",
            "conv 16 5x5",
            "tanh",
            "pool avg 2",
            "flatten",
            "dense 120",
            "tanh",
            "dense 84",
            "tanh",
        ),
        # 1x1 convolutions after each larger one (section 8.5), and one map per class.
        "nin": (
            "conv 32 3x3 pad same",
            *_POOLED,
            "conv 32 1x1",
            *_NORMAL,
            "conv 96 3x3 pad same",
            *_POOLED,
            "conv 64 1x1",
            *_NORMAL,
            "conv 192 3x3 pad same",
            *_NORMAL,
            "conv 96 1x1",
            *_NORMAL,
        ),
        # No dense layer: it works on images of any size (section 8.6).
        "fcn": (
            "conv 16 3x3 pad same",
            *_POOLED,
            "conv 32 3x3 pad same",
            *_POOLED,
            "conv 64 3x3 pad same",
            *_NORMAL,
            "conv 64 3x3 pad same",
            *_NORMAL,
        ),
        "residual": (
            "conv 32 3x3 pad same",
            *_POOLED,
            "residual 32",
            "residual 64 stride 2",
            "residual 128 stride 2",
            "global avg",
        ),
        # For matrices whose whole rows and columns carry meaning.
        "scan": ("scan 24", "relu", "dense 64", "relu"),
    }
)


@dataclass(frozen=True)
class CNNLayer:
    """A layer on inputs of a known shape: a row of the summary table.

    Attributes:
        number: 1, 2, ...; the names of its parameters end with it.
        spec: its specification.
        input: shape of one row that goes in, (c, h, w) or (n,).
        output: shape of one row that comes out.
        parameters: shapes of the learnt parameters, by name.
        statistics: length of each running statistic, by name.
        n_values: numbers per row that training stores for the backward pass.
    """

    number: int
    spec: LayerSpec
    input: Shape
    output: Shape
    parameters: Mapping[str, Shape] = field(default_factory=dict)
    statistics: Mapping[str, int] = field(default_factory=dict)
    n_values: int = 0

    @property
    def name(self) -> str:
        """The line of text that specifies it."""
        return self.spec.line

    @property
    def n_parameters(self) -> int:
        """Learnt numbers: (8.18) for a convolution, filters times (their size + 1)."""
        return sum(math.prod(shape) for shape in self.parameters.values())

    def n_bytes(self, bytes_a_number: int = 4) -> int:
        """Memory of the activations of one row; 4 bytes a number in float32."""
        return self.n_values * bytes_a_number


def shapes(
    specs: Sequence[LayerSpec], input_shape: Shape, n_outputs: int | None
) -> tuple[CNNLayer, ...]:
    """Each layer's shapes, parameters and memory, the layers of the outputs included.

    Along each axis a filter or a window gives floor((n + 2p - f) / s) + 1 pixels, (8.16) with a
    stride. A network that ends in vectors gets `dense K`; one that ends in images `conv K 1x1`
    and `global avg`, the mean of a map of logits.

    Args:
        specs: the layers.
        input_shape: (c, h, w).
        n_outputs: K; None: the layers make the outputs themselves.

    Raises:
        ValueError: a layer does not fit its input; the message names the layer.
    """
    if len(input_shape) != 3 or min(input_shape) < 1:
        raise ValueError(f"images must be (channels, height, width), got {tuple(input_shape)}")
    if n_outputs is not None and n_outputs < 1:
        raise ValueError(f"there must be at least one output, got {n_outputs}")
    layers: list[CNNLayer] = []
    shape = tuple(int(n) for n in input_shape)
    wanted = list(specs)
    for number, spec in enumerate(wanted, start=1):
        normalised = number < len(wanted) and wanted[number].kind == "batch-norm"
        layers.append(_layer(number, spec, shape, normalised))
        shape = layers[-1].output
    if n_outputs is not None:
        images = len(shape) == 3
        ends = (f"conv {n_outputs} 1x1", "global avg") if images else (f"dense {n_outputs}",)
        for spec in parse(ends):
            layers.append(_layer(len(layers) + 1, spec, shape, False))
            shape = layers[-1].output
    if len(shape) != 1:
        raise ValueError(f"the network must end in one number an output, got {_text(shape)}")
    return tuple(layers)


def count_parameters(layers: Sequence[CNNLayer]) -> int:
    """Learnt numbers of one member."""
    return sum(layer.n_parameters for layer in layers)


def _text(shape: Shape) -> str:
    return " x ".join(map(str, shape)) if len(shape) == 3 else f"vectors of {shape[0]}"


def _layer(number: int, spec: LayerSpec, shape: Shape, normalised: bool) -> CNNLayer:
    """One layer on its input. `normalised`: a batch-norm follows, so it has no bias of its own."""
    where = f"layer {number}, {spec.line!r}"
    for_images = spec.kind in ("conv", "pool", "global", "flatten", "residual", "scan")
    if for_images and len(shape) != 3:
        raise ValueError(f"{where}: it must come where there still are images, got {_text(shape)}")
    if spec.kind == "dense" and len(shape) != 1:
        raise ValueError(f"{where}: it must come after flatten, global or scan, got {_text(shape)}")
    if spec.kind in ("conv", "pool"):
        return _window(number, spec, shape, normalised, where)
    if spec.kind == "residual":
        return _residual(number, spec, shape)
    if spec.kind == "scan":
        return _scan(number, spec, shape)
    if spec.kind == "dense":
        made = _biased(f"{number}", (shape[0], spec.n), spec.n, not normalised)
        return CNNLayer(number, spec, shape, (spec.n,), made, n_values=spec.n)
    if spec.kind == "global":
        return CNNLayer(number, spec, shape, shape[:1], n_values=shape[0])
    n_values = math.prod(shape)
    if spec.kind == "flatten":
        return CNNLayer(number, spec, shape, (n_values,), n_values=n_values)
    if spec.kind == "batch-norm":
        gains, statistics = _normal(f"{number}", shape[0])
        return CNNLayer(number, spec, shape, shape, gains, statistics, n_values)
    slope: Shapes = {f"slope{number}": (1,)} if _learns_slope(spec) else {}
    return CNNLayer(number, spec, shape, shape, slope, n_values=n_values)


def _size(n: int, f: int, s: int, p: int, where: str, axis: str) -> int:
    """floor((n + 2p - f) / s) + 1."""
    if n + 2 * p < f:
        padded = f" ({n} with {p} zeros on either side)" if p else ""
        raise ValueError(
            f"{where}: its {axis} must fit into the image, got {f} on {n + 2 * p} pixels{padded}"
        )
    return (n + 2 * p - f) // s + 1


def _window(number: int, spec: LayerSpec, shape: Shape, normalised: bool, where: str) -> CNNLayer:
    """A convolution, (8.14), or pooling, (8.19)."""
    c, h, w = (
        shape[0],
        _size(shape[1], spec.size[0], spec.stride[0], spec.padding[0], where, "height"),
        _size(shape[2], spec.size[1], spec.stride[1], spec.padding[1], where, "width"),
    )
    if spec.kind == "pool":
        return CNNLayer(number, spec, shape, (c, h, w), n_values=c * h * w)
    made = _biased(f"{number}", (spec.n, c, *spec.size), spec.n, not normalised)
    return CNNLayer(number, spec, shape, (spec.n, h, w), made, n_values=spec.n * h * w)


def _residual(number: int, spec: LayerSpec, shape: Shape) -> CNNLayer:
    """h(x + F(x)), F = 3x3, normalise, h, 3x3, normalise; He et al. 2016, figure 2.

    Where channels or pixels change, x goes through a 1x1 convolution first.
    """
    c, n = shape[0], spec.n
    h, w = ((size - 1) // s + 1 for size, s in zip(shape[1:], spec.stride, strict=True))
    weights: Shapes = {f"W{number}_1": (n, c, 3, 3), f"W{number}_2": (n, n, 3, 3)}
    if c != n or spec.stride != (1, 1):
        weights[f"W{number}_skip"] = (n, c, 1, 1)
    made: Shapes = {}
    statistics: dict[str, int] = {}
    for name, W in weights.items():
        gains, running = _normal(name[1:], n)
        made |= {name: W, **gains}
        statistics |= running
    for part in ("_1", "_2") if _learns_slope(spec) else ():
        made[f"slope{number}{part}"] = (1,)
    # One convolution and one normalisation per weight array, and h twice.
    n_values = (2 * len(weights) + 2) * n * h * w
    return CNNLayer(number, spec, shape, (n, h, w), made, statistics, n_values)


def _scan(number: int, spec: LayerSpec, shape: Shape) -> CNNLayer:
    """n filters 1 x w on rows and n filters h x 1 on columns: n h + n w numbers."""
    (c, h, w), n = shape, spec.n
    made = _biased(f"{number}_rows", (n, c, 1, w), n, True)
    made |= _biased(f"{number}_columns", (n, c, h, 1), n, True)
    return CNNLayer(number, spec, shape, (n * (h + w),), made, n_values=n * (h + w))


def _learns_slope(spec: LayerSpec) -> bool:
    return bool(spec.activation) and find_activation(spec.activation).learns_slope


def _biased(suffix: str, W: Shape, n: int, bias: bool) -> Shapes:
    return {f"W{suffix}": W, f"b{suffix}": (n,)} if bias else {f"W{suffix}": W}


def _normal(suffix: str, n: int) -> tuple[Shapes, dict[str, int]]:
    """gamma and beta of (7.24), and the running mean and variance."""
    gains: Shapes = {f"gamma{suffix}": (n,), f"beta{suffix}": (n,)}
    return gains, {f"mean{suffix}": n, f"var{suffix}": n}

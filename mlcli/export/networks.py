"""Trained networks as graphs: each member layer by layer, and the ensemble of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import DataError
from mlcli.export.graph import INPUT, Builder, Graph
from mlcli.export.linear import ends
from mlcli.linear.student import student_t_quantile
from mlcli.models.networks import Networks, Program
from mlcli.neural.activations import find_activation
from mlcli.neural.architecture import CNNLayer
from mlcli.neural.cnn import CNN
from mlcli.neural.layer_spec import LayerSpec
from mlcli.neural.normalisation import EPSILON

Array = NDArray[Any]
Arrays = Mapping[str, Array]
# What is made of the outputs is computed in these numbers, as `Networks` does.
PRECISE = "float64"
# What is 1 for an image moved by nothing and up to one pixel up, down, left and right.
MOVES = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


def networks_graph(model: Networks, level: float) -> Graph:
    """One network or the mean of several: prediction and interval, or class and probabilities.

    Raises:
        DataError: they compute in bfloat16.
    """
    if any(program.restored.autocast for program in model.programs):
        raise DataError(
            "networks that were trained with --precision bf16 predict in bfloat16, which no "
            "exported format repeats to 1e-5",
            hint="a run with --precision float32",
        )
    dtype = str(next(iter(member_arrays(model.programs[0], 0).values())).dtype)
    # An origin is taken off before anything is rounded.
    far = any(program.restored.origin is not None for program in model.programs)
    entry = PRECISE if far else dtype
    build = Builder(entry)
    described = model.described
    flat = INPUT if described.image_shape is None else build.add("flatten", INPUT)
    raw: list[str] = []
    for program in model.programs:
        rows = _rounded(build, program, flat, entry, dtype)
        for m in range(program.n_members):
            raw.append(_member(build, program, m, rows, f"network{len(raw)}"))
    if dtype == PRECISE:
        logits = raw
    else:
        logits = [build.add("cast", value, to=PRECISE) for value in raw]
        build.dtype = PRECISE
    found = _classes(build, logits) if described.classes else _numbers(build, model, logits, level)
    shape = described.image_shape or (len(described.features),)
    return build.graph(shape, entry, found)


def _rounded(build: Builder, program: Program, flat: str, entry: str, dtype: str) -> str:
    """Rows (n, D) without the program's origin, in the numbers of the network."""
    origin = program.restored.origin
    if origin is not None:
        build.dtype = entry
        units = {"shift": origin, "scale": np.ones_like(origin)}
        flat = build.add("standardise", flat, tensors=units)
    build.dtype = dtype
    return flat if entry == dtype else build.add("cast", flat, to=dtype)


def member_arrays(program: Program, m: int) -> dict[str, Array]:
    """Parameters and running statistics of a member, by name."""
    net = program.restored.net
    return {name: array[m] for name, array in net.named_arrays(net.state_dict()).items()}


def _classes(build: Builder, logits: Sequence[str]) -> dict[str, str]:
    every = [build.add("softmax", value) for value in logits]
    P = every[0]
    for other in every[1:]:
        P = build.add("add", P, other)
    if len(every) > 1:
        P = build.scale(P, 1.0 / len(every))
    return {"class": build.add("argmax", P), "probabilities": P}


def _numbers(
    build: Builder, model: Networks, outputs: Sequence[str], level: float
) -> dict[str, str]:
    units = [
        (program.output_scale[m], program.output_shift[m])
        for program in model.programs
        for m in range(program.n_members)
    ]
    values = build.concat(
        [
            build.add("scale", value, tensors={"gain": gain, "offset": offset})
            for value, (gain, offset) in zip(outputs, units, strict=True)
        ]
    )  # (n, M)
    M = len(outputs)
    mean = values if M == 1 else build.total(values, M, 1.0 / M)
    found = {"prediction": mean}
    variance = None
    if M > 1:
        centring = np.eye(M) - 1.0 / M
        centred = build.add("affine", values, tensors={"W": centring})
        variance = build.total(build.square(centred), M, 1.0 / (M - 1))
        found["spread"] = build.add("sqrt", variance)
    if model.held_out_mse is not None and model.n_held_out:
        mse = model.held_out_mse
        total = build.constant(values, mse) if variance is None else build.scale(variance, 1.0, mse)
        found["std"] = build.add("sqrt", total)
        quantile = student_t_quantile((1 + level) / 2, model.n_held_out)
        found |= ends(build, mean, build.scale(found["std"], quantile))
    return {name: build.add("squeeze", value) for name, value in found.items()}


def _member(build: Builder, program: Program, m: int, rows: str, label: str) -> str:
    """Outputs (n, K) before the output activation of one member, from raw rows (n, D)."""
    restored = program.restored
    own = member_arrays(program, m)
    origin = restored.origin
    shift = restored.shift[m] if origin is None else restored.shift[m] - origin
    units = {"shift": shift, "scale": restored.scale[m]}
    net = restored.net
    forward: Callable[[str], str]
    if isinstance(net, CNN):
        forward = partial(_convolutional, build, net.layers, net.input_shape, own, label)
    else:
        activation = net.activations[m]
        forward = partial(_perceptron, build, net.sizes, activation, net.normalisation, own, label)

    def seen(view: str) -> str:
        return forward(build.add("standardise", view, tensors=units, label=f"{label}.units"))

    if restored.views is None:
        return seen(rows)
    pixels, flips = restored.views
    every = [seen(view) for view in _views(build, rows, pixels.shape, pixels.background, flips)]
    total = every[0]
    for other in every[1:]:
        total = build.add("add", total, other)
    return build.scale(total, 1.0 / len(every))


def _views(
    build: Builder, rows: str, shape: tuple[int, ...], background: float, flips: bool
) -> list[str]:
    """The image, moved by a pixel four ways, and all mirrored; `neural.augmentation.views`."""
    c, h, w = shape
    # The number behind the last pixel stands for what comes in from outside.
    padded = build.concat([rows, build.constant(rows, background)])  # (n, c h w + 1)
    places = np.arange(c * h * w).reshape(c, h, w)
    around = np.pad(places, ((0, 0), (1, 1), (1, 1)), constant_values=c * h * w)
    found = []
    for down, right in MOVES:
        view = around[:, 1 + down : 1 + down + h, 1 + right : 1 + right + w]
        for mirrored in (False, True) if flips else (False,):
            index = (view[:, :, ::-1] if mirrored else view).reshape(-1)
            found.append(build.gather(padded, index, c * h * w + 1))
    return found


def _perceptron(
    build: Builder,
    sizes: Sequence[int],
    activation: str,
    normalisation: str,
    own: Arrays,
    label: str,
    Z: str,
) -> str:
    n_layers = len(sizes) - 1
    for layer, _ in enumerate(pairwise(sizes), start=1):
        Z = _affine(build, own, f"{layer}", label, Z)
        if layer == n_layers:
            break
        if normalisation == "batch":
            Z = _batch_norm(build, own, f"{layer}", label, Z)
        elif normalisation == "layer":
            gains = {"gain": own[f"gamma{layer}"], "offset": own[f"beta{layer}"]}
            tensors = {part: array.reshape(-1) for part, array in gains.items()}
            name = f"{label}.norm{layer}"
            Z = build.add("layer-norm", Z, tensors=tensors, label=name, epsilon=EPSILON)
        Z = _activation(build, activation, own, f"{layer}", label, Z)
    return Z


def _affine(build: Builder, own: Arrays, suffix: str, label: str, Z: str) -> str:
    tensors = {"W": own[f"W{suffix}"]}
    if f"b{suffix}" in own:
        tensors["b"] = own[f"b{suffix}"].reshape(-1)
    return build.add("affine", Z, tensors=tensors, label=f"{label}.layer{suffix}")


def _batch_norm(build: Builder, own: Arrays, suffix: str, label: str, Z: str) -> str:
    """(7.24) with the running statistics."""
    root = np.sqrt(own[f"var{suffix}"] + own[f"var{suffix}"].dtype.type(EPSILON))
    gain = own[f"gamma{suffix}"].reshape(-1) / root
    offset = own[f"beta{suffix}"].reshape(-1)
    tensors = {"mean": own[f"mean{suffix}"], "gain": gain, "offset": offset}
    return build.add("normalise", Z, tensors=tensors, label=f"{label}.norm{suffix}")


def _activation(build: Builder, name: str, own: Arrays, suffix: str, label: str, Z: str) -> str:
    h = find_activation(name)
    if not h.is_leaky:
        if name == "linear":
            return Z
        base = h.name.partition(" ")[0]
        found = build.add(base, Z)
        if h.alpha is None or base == h.name:
            return found
        # elu - relu is 0 on the right, to the last bit, and exp(a) - 1 on the left.
        right = build.add("relu", Z)
        return build.add("add", right, build.scale(build.add("subtract", found, right), h.alpha))
    slope = np.array([h.negative_slope])
    if h.learns_slope:
        slope = own[f"slope{suffix}"].reshape(1)
    return build.add("leaky", Z, tensors={"slope": slope}, label=f"{label}.slope{suffix}")


def _convolutional(
    build: Builder,
    layers: Sequence[CNNLayer],
    shape: tuple[int, ...],
    own: Arrays,
    label: str,
    Z: str,
) -> str:
    Z = build.add("reshape", Z, shape=list(shape))  # (n, c, h, w)
    for layer in layers:
        Z = _LAYERS[layer.spec.kind](build, layer, own, label, Z)
    return Z


def _conv(build: Builder, own: Arrays, suffix: str, spec: LayerSpec, label: str, Z: str) -> str:
    tensors = {"W": own[f"W{suffix}"]}
    if f"b{suffix}" in own:
        tensors["b"] = own[f"b{suffix}"]
    return build.add(
        "conv",
        Z,
        tensors=tensors,
        label=f"{label}.layer{suffix}",
        stride=list(spec.stride),
        padding=list(spec.padding),
    )


def _pool(build: Builder, layer: CNNLayer, own: Arrays, label: str, Z: str) -> str:
    spec = layer.spec
    size, stride = list(spec.size), list(spec.stride)
    return build.add("pool", Z, way=spec.pooling, size=size, stride=stride)


def _residual(build: Builder, layer: CNNLayer, own: Arrays, label: str, Z: str) -> str:
    """h(z + F(z)) with F = normalise conv h normalise conv."""
    name, spec = f"{layer.number}", layer.spec

    def normalised(suffix: str, conv: LayerSpec, value: str) -> str:
        A = _conv(build, own, suffix, conv, label, value)
        return _batch_norm(build, own, suffix, label, A)

    first = LayerSpec("", "conv", stride=spec.stride, padding=(1, 1))
    A = normalised(f"{name}_1", first, Z)
    A = _activation(build, spec.activation, own, f"{name}_1", label, A)
    A = normalised(f"{name}_2", LayerSpec("", "conv", padding=(1, 1)), A)
    if f"W{name}_skip" in own:
        Z = normalised(f"{name}_skip", LayerSpec("", "conv", stride=spec.stride), Z)
    return _activation(build, spec.activation, own, f"{name}_2", label, build.add("add", A, Z))


def _scan(build: Builder, layer: CNNLayer, own: Arrays, label: str, Z: str) -> str:
    parts = [
        _conv(build, own, f"{layer.number}_{way}", LayerSpec("", "conv"), label, Z)
        for way in ("rows", "columns")
    ]
    return build.concat([build.add("flatten", part) for part in parts])


_LAYERS: Mapping[str, Callable[[Builder, CNNLayer, Arrays, str, str], str]] = MappingProxyType(
    {
        "conv": lambda build, layer, own, label, Z: _conv(
            build, own, f"{layer.number}", layer.spec, label, Z
        ),
        "pool": _pool,
        "batch-norm": lambda build, layer, own, label, Z: _batch_norm(
            build, own, f"{layer.number}", label, Z
        ),
        "activation": lambda build, layer, own, label, Z: _activation(
            build, layer.spec.activation, own, f"{layer.number}", label, Z
        ),
        # Of the training alone.
        "dropout": lambda build, layer, own, label, Z: Z,
        "global": lambda build, layer, own, label, Z: build.add(
            "global", Z, way=layer.spec.pooling
        ),
        "flatten": lambda build, layer, own, label, Z: build.add("flatten", Z),
        "dense": lambda build, layer, own, label, Z: _affine(
            build, own, f"{layer.number}", label, Z
        ),
        "residual": _residual,
        "scan": _scan,
    }
)

"""The steps of a graph in plain NumPy: what each operation means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import erf

from mlcli.classification.softmax import sigmoid, softmax
from mlcli.export.graph import INPUT, Graph, Tensor

Values = Sequence[Tensor]
Tensors = Mapping[str, Tensor]
Operation = Callable[[Values, Tensors, Mapping[str, Any]], Tensor]

# Klambauer et al. 2017: the fixed point of mean 0 and variance 1.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def run(graph: Graph, rows: Tensor) -> dict[str, Tensor]:
    """The outputs at rows (n, ...) of the graph's input shape."""
    values = {INPUT: np.asarray(rows, dtype=graph.dtype)}
    for step in graph.steps:
        tensors = {part: graph.tensors[name] for part, name in step.tensors.items()}
        inputs = [values[name] for name in step.inputs]
        values[step.output] = OPERATIONS[step.op](inputs, tensors, step.settings)
    return {name: values[value] for name, value in graph.outputs.items()}


def _along_channels(vector: Tensor, like: Tensor) -> Tensor:
    """(k,) so that it meets the second axis."""
    return vector.reshape(-1, *[1] * (like.ndim - 2))


def _scale(values: Values, t: Tensors, settings: Mapping[str, Any]) -> Tensor:
    (x,) = values
    return x * _along_channels(t["gain"], x) + _along_channels(t["offset"], x)


def _normalise(values: Values, t: Tensors, settings: Mapping[str, Any]) -> Tensor:
    (x,) = values
    mean, gain, offset = (_along_channels(t[name], x) for name in ("mean", "gain", "offset"))
    return (x - mean) * gain + offset


def _layer_norm(values: Values, t: Tensors, settings: Mapping[str, Any]) -> Tensor:
    (x,) = values
    centred = x - x.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1, keepdims=True)
    unit = centred / np.sqrt(variance + x.dtype.type(settings["epsilon"]))
    return np.asarray(unit * t["gain"] + t["offset"])


def _affine(values: Values, t: Tensors, settings: Mapping[str, Any]) -> Tensor:
    product = values[0] @ t["W"]
    return product + t["b"] if "b" in t else product


def _conv(values: Values, t: Tensors, settings: Mapping[str, Any]) -> Tensor:
    """(n, c, h, w) with filters (n_f, c, f_h, f_w) to (n, n_f, h', w'); no filter is turned."""
    (x,), W = values, t["W"]
    (down, across), (p_h, p_w) = settings["stride"], settings["padding"]
    padded = np.pad(x, ((0, 0), (0, 0), (p_h, p_h), (p_w, p_w)))
    windows = sliding_window_view(padded, W.shape[2:], axis=(2, 3))[:, :, ::down, ::across]
    out = np.tensordot(windows, W, axes=((1, 4, 5), (1, 2, 3)))  # (n, h', w', n_f)
    if "b" in t:
        out = out + t["b"]
    return np.ascontiguousarray(out.transpose(0, 3, 1, 2))  # (n, n_f, h', w')


def _pool(values: Values, t: Tensors, settings: Mapping[str, Any]) -> Tensor:
    (x,), (down, across) = values, settings["stride"]
    windows = sliding_window_view(x, settings["size"], axis=(2, 3))[:, :, ::down, ::across]
    return np.asarray(_reduce(settings["way"], windows, (4, 5)))


def _reduce(way: str, x: Tensor, axes: tuple[int, int]) -> Tensor:
    return np.asarray(x.max(axis=axes) if way == "max" else x.mean(axis=axes))


def _softmax(values: Values, t: Tensors, settings: Mapping[str, Any]) -> Tensor:
    (x,) = values
    return softmax(x)


def _elu(x: Tensor) -> Tensor:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _selu(x: Tensor) -> Tensor:
    alpha, scale = (x.dtype.type(number) for number in (SELU_ALPHA, SELU_SCALE))
    return np.asarray(scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))))


def _gelu(x: Tensor) -> Tensor:
    return np.asarray(0.5 * x * (1.0 + erf(x * x.dtype.type(0.5**0.5))))


def _pointwise(function: Callable[[Tensor], Tensor]) -> Operation:
    return lambda values, t, settings: function(values[0])


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "cast": lambda v, t, s: v[0].astype(s["to"]),
        "standardise": lambda v, t, s: (v[0] - t["shift"]) / t["scale"],
        "scale": _scale,
        "normalise": _normalise,
        "layer-norm": _layer_norm,
        "affine": _affine,
        "gather": lambda v, t, s: v[0][:, t["index"]],
        "concat": lambda v, t, s: np.concatenate(v, axis=1),
        "multiply": lambda v, t, s: v[0] * v[1],
        "add": lambda v, t, s: v[0] + v[1],
        "subtract": lambda v, t, s: v[0] - v[1],
        "reshape": lambda v, t, s: v[0].reshape(len(v[0]), *s["shape"]),
        "flatten": lambda v, t, s: v[0].reshape(len(v[0]), -1),
        "squeeze": lambda v, t, s: v[0][:, 0],
        "conv": _conv,
        "pool": _pool,
        "global": lambda v, t, s: _reduce(s["way"], v[0], (2, 3)),
        "softmax": _softmax,
        "argmax": lambda v, t, s: v[0].argmax(axis=1),
        # Whether the second column is above a number, as 0 or 1.
        "above": lambda v, t, s: (v[0][:, 1] > t["threshold"]).astype(np.int64),
        "leaky": lambda v, t, s: np.where(v[0] > 0, v[0], t["slope"] * v[0]),
        "sin": _pointwise(np.sin),
        "cos": _pointwise(np.cos),
        "exp": _pointwise(np.exp),
        "sqrt": _pointwise(np.sqrt),
        "sigmoid": _pointwise(sigmoid),
        "tanh": _pointwise(np.tanh),
        "relu": _pointwise(lambda x: np.maximum(x, 0)),
        "elu": _pointwise(_elu),
        "selu": _pointwise(_selu),
        "gelu": _pointwise(_gelu),
        "silu": _pointwise(lambda x: x * sigmoid(x)),
    }
)

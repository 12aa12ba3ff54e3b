"""A trained model as a list of simple steps on arrays: what every format is made from.

`run` computes the steps in NumPy; `MEANINGS` says what each of them is, (n, k) being columns and
(n, c, h, w) images.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import erf

from mlcli.classification.softmax import sigmoid, softmax

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "cast": "the same numbers in the type `to`",
        "standardise": "(x - shift) / scale, column by column",
        "scale": "x * gain + offset, along axis 1",
        "normalise": "(x - mean) * gain + offset, along axis 1",
        "layer-norm": "(x - m) / sqrt(v + epsilon) * gain + offset, with m and v the mean and "
        "variance (divisor k) of each row",
        "affine": "x @ W + b, or x @ W where there is no b",
        "gather": "x[:, index]",
        "concat": "the inputs side by side along axis 1",
        "multiply": "x * y",
        "add": "x + y",
        "subtract": "x - y",
        "reshape": "each row in the shape `shape`",
        "flatten": "each row as one vector, the last axis fastest",
        "squeeze": "x[:, 0]",
        "conv": "cross-correlation of images with filters W (n_f, c, f_h, f_w), plus b (n_f,) "
        "where there is one; `stride` and zeros on either side, `padding`, along height and width",
        "pool": "the mean (avg) or maximum (max) of windows of `size`, `stride` apart",
        "global": "the mean (avg) or maximum (max) of each channel: (n, c)",
        "softmax": "exp(x_k) / sum_j exp(x_j) of each row",
        "argmax": "the number of the largest column, the first of equal ones",
        "above": "1 where x[:, 1] > threshold, else 0",
        "leaky": "x where x > 0, else slope * x",
        "sin": "sin(x)",
        "cos": "cos(x)",
        "exp": "exp(x)",
        "sqrt": "sqrt(x)",
        "sigmoid": "1 / (1 + exp(-x))",
        "tanh": "tanh(x)",
        "relu": "max(x, 0)",
        "elu": "x where x > 0, else exp(x) - 1",
        "selu": "1.0507009873554805 * (x where x > 0, else 1.6732632423543772 * (exp(x) - 1))",
        "gelu": "x / 2 * (1 + erf(x / sqrt(2)))",
        "silu": "x / (1 + exp(-x))",
    }
)
Tensor = NDArray[Any]
# Of what `description` writes. A reader of another version must not guess.
SCHEMA = 1
INPUT = "x"
Values = Sequence[Tensor]
Tensors = Mapping[str, Tensor]
Operation = Callable[[Values, Tensors, Mapping[str, Any]], Tensor]


@dataclass(frozen=True)
class GraphStep:
    """One operation.

    Attributes:
        op: its name, see `OPERATIONS`.
        inputs: names of values.
        output: name of the value that it makes.
        tensors: names of the tensors that it needs, by the part they play.
        settings: its other settings, plain JSON.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    tensors: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """Steps from rows to predictions.

    Attributes:
        input_shape: of one row, (D,) or that of an image.
        dtype: float32 or float64, of the input rows.
        steps: in an order in which they can be taken.
        outputs: name of a value by the name of the output; each is (n,) or (n, K).
        tensors: by name.
    """

    input_shape: tuple[int, ...]
    dtype: str
    steps: tuple[GraphStep, ...]
    outputs: Mapping[str, str]
    tensors: Mapping[str, Tensor]


class Builder:
    """Takes steps one after the other.

    Args:
        dtype: float32 or float64, of the tensors from here on.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self._steps: list[GraphStep] = []
        self._tensors: dict[str, Tensor] = {}

    def add(
        self,
        op: str,
        *inputs: str,
        label: str = "",
        tensors: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> str:
        """A step; returns the name of its output.

        Args:
            op: its name.
            inputs: names of values.
            label: of its tensors, which get the names ``label.part``; empty: of its output.
            tensors: arrays by the part they play; integers stay, others get the builder's type.
            settings: plain JSON.
        """
        output = f"v{len(self._steps) + 1}"
        names = {
            part: self._keep(f"{label or output}.{part}", np.asarray(array))
            for part, array in (tensors or {}).items()
        }
        self._steps.append(GraphStep(op, inputs, output, names, settings))
        return output

    def _keep(self, name: str, array: Tensor) -> str:
        kept = array if array.dtype.kind == "i" else array.astype(self.dtype)
        kept = np.ascontiguousarray(kept)
        known = self._tensors.setdefault(name, kept)
        # The same layer may be gone through more than once, with the same numbers only.
        assert np.array_equal(known, kept), name
        return name

    def gather(self, value: str, index: Sequence[int] | Tensor, n_columns: int) -> str:
        """Some columns of (n, n_columns), in an order."""
        places = np.asarray(index, dtype=np.int64)
        if np.array_equal(places, np.arange(n_columns)):
            return value
        return self.add("gather", value, tensors={"index": places})

    def concat(self, values: Sequence[str]) -> str:
        """Columns side by side."""
        return values[0] if len(values) == 1 else self.add("concat", *values)

    def scale(self, value: str, gain: float, offset: float = 0.0) -> str:
        """value * gain + offset with the same numbers in every column."""
        return self.add("scale", value, tensors={"gain": [gain], "offset": [offset]})

    def constant(self, value: str, number: float) -> str:
        """A column of one number, (n, 1), for as many rows as `value` (n, ...) has."""
        first = self.add("gather", value, tensors={"index": np.zeros(1, dtype=np.int64)})
        return self.scale(first, 0.0, number)

    def total(self, value: str, n_columns: int, gain: float = 1.0, offset: float = 0.0) -> str:
        """gain times the sum of the columns, plus offset: (n, n_columns) to (n, 1)."""
        tensors = {"W": np.full((n_columns, 1), gain), "b": [offset]}
        return self.add("affine", value, tensors=tensors)

    def square(self, value: str) -> str:
        """Each number times itself."""
        return self.add("multiply", value, value)

    def graph(self, input_shape: Sequence[int], dtype: str, outputs: Mapping[str, str]) -> Graph:
        """What was built.

        Args:
            input_shape: of one row.
            dtype: of the input rows.
            outputs: names of values by the names of the outputs.
        """
        shape = tuple(int(n) for n in input_shape)
        return Graph(shape, dtype, tuple(self._steps), dict(outputs), dict(self._tensors))


def description(graph: Graph, about: Mapping[str, Any]) -> str:
    """The graph without its tensors as JSON, with metadata of the model.

    It contains the meaning of each operation, so that a reader needs nothing else.
    """
    steps = [
        {
            "op": step.op,
            "inputs": list(step.inputs),
            "output": step.output,
            **({"tensors": dict(step.tensors)} if step.tensors else {}),
            **step.settings,
        }
        for step in graph.steps
    ]
    found = {
        "schema": SCHEMA,
        **about,
        "input": {"name": INPUT, "shape": ["n", *graph.input_shape], "dtype": graph.dtype},
        "operations": {op: MEANINGS[op] for op in sorted({step.op for step in graph.steps})},
        "steps": steps,
        "outputs": dict(graph.outputs),
    }
    return json.dumps(found, ensure_ascii=False, allow_nan=False)


def read_description(text: str, tensors: Mapping[str, Tensor]) -> Graph:
    """The graph of a `description`."""
    words = json.loads(text)
    if words["schema"] != SCHEMA:
        raise ValueError(f"the schema must be {SCHEMA}, got {words['schema']}")
    known = ("op", "inputs", "output", "tensors")
    steps = tuple(
        GraphStep(
            step["op"],
            tuple(step["inputs"]),
            step["output"],
            step.get("tensors", {}),
            {key: value for key, value in step.items() if key not in known},
        )
        for step in words["steps"]
    )
    shape = tuple(words["input"]["shape"][1:])
    return Graph(shape, words["input"]["dtype"], steps, words["outputs"], tensors)


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
    """(k,) reshaped to broadcast along the second axis of `like`."""
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

"""A trained model as a list of simple steps on arrays: what every format is made from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.export.operations import MEANINGS

Tensor = NDArray[Any]
# Of what `description` writes. A reader of another version must not guess.
SCHEMA = 1
INPUT = "x"


@dataclass(frozen=True)
class Step:
    """One operation.

    Attributes:
        op: its name, see `numpy_steps.OPERATIONS`.
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
        dtype: float32 or float64, in which rows come in.
        steps: in an order in which they can be taken.
        outputs: name of a value by the name of the output; each is (n,) or (n, K).
        tensors: by name.
    """

    input_shape: tuple[int, ...]
    dtype: str
    steps: tuple[Step, ...]
    outputs: Mapping[str, str]
    tensors: Mapping[str, Tensor]


class Builder:
    """Takes steps one after the other.

    Args:
        dtype: float32 or float64, of the tensors from here on.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self._steps: list[Step] = []
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
        self._steps.append(Step(op, inputs, output, names, settings))
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
            dtype: in which rows come in.
            outputs: names of values by the names of the outputs.
        """
        shape = tuple(int(n) for n in input_shape)
        return Graph(shape, dtype, tuple(self._steps), dict(outputs), dict(self._tensors))


def description(graph: Graph, about: Mapping[str, Any]) -> str:
    """The graph without its tensors as JSON, with what else is to be said of the model.

    What each operation means stands in it too, so that a reader needs nothing else.
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
    """The way back from `description`."""
    words = json.loads(text)
    if words["schema"] != SCHEMA:
        raise ValueError(f"the schema must be {SCHEMA}, got {words['schema']}")
    known = ("op", "inputs", "output", "tensors")
    steps = tuple(
        Step(
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

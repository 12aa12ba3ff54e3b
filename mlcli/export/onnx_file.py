"""A graph as an ONNX file, and what onnxruntime makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mlcli.export.graph import INPUT, SELU_ALPHA, SELU_SCALE, Graph, GraphStep, Tensor

if TYPE_CHECKING:
    import onnx

# Old enough for runtimes of 2022, and it has all that is needed.
OPSET, IR_VERSION = 17, 8
SAME = {
    "multiply": "Mul",
    "add": "Add",
    "subtract": "Sub",
    "sin": "Sin",
    "cos": "Cos",
    "exp": "Exp",
    "sqrt": "Sqrt",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
}


def onnx_bytes(graph: Graph, metadata: Mapping[str, str], classes: tuple[str, ...]) -> bytes:
    """The file: no clock, no host; metadata in the order given.

    Args:
        graph: of the model.
        metadata: written into the file.
        classes: names of the classes, which become the output ``class``; its number is there as
            ``class_number``.
    """
    import onnx
    from onnx import helper

    lowering = _Lowering(graph)
    for step in graph.steps:
        lowering.take(step)
    nodes, outputs = lowering.finish(classes)
    shape: list[str | int | None] = ["n", *graph.input_shape]
    tensors = [onnx.numpy_helper.from_array(a, name) for name, a in lowering.constants.items()]
    made = helper.make_graph(
        nodes,
        "mlcli",
        [helper.make_tensor_value_info(INPUT, _type(graph.dtype), shape)],
        outputs,
        initializer=tensors,
    )
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mlcli",
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def run_onnx(content: bytes, rows: Tensor) -> dict[str, Tensor]:
    """The outputs of the file at rows (n, ...), by onnxruntime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[entry.type]
    names = [one.name for one in session.get_outputs()]
    found = session.run(names, {entry.name: np.asarray(rows, dtype=dtype)})
    return dict(zip(names, found, strict=True))


def _type(dtype: Any) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


class _Lowering:
    """Steps to ONNX nodes.

    Attributes:
        constants: initialisers by name.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.constants: dict[str, Tensor] = {}
        self._nodes: list[onnx.NodeProto] = []
        # Number type and number of axes of each value.
        self._types = {INPUT: (graph.dtype, 1 + len(graph.input_shape))}
        self._n_between = 0

    def node(self, op: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """One node; returns the name of its output."""
        from onnx import helper

        if output is None:
            self._n_between += 1
            output = f"between{self._n_between}"
        self._nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, array: Any, dtype: str) -> str:
        """An initialiser, once."""
        self.constants.setdefault(name, np.asarray(array, dtype=dtype))
        return name

    def number(self, value: float, dtype: str) -> str:
        """A number, by its value."""
        return self.constant(f"number.{value!r}.{dtype}", value, dtype)

    def take(self, step: GraphStep) -> None:
        """Add the nodes of a step."""
        dtype, n_axes = self._types[step.inputs[0]]
        out_type: tuple[str, int] = {
            "cast": (str(step.settings.get("to")), n_axes),
            "argmax": ("int64", 1),
            "above": ("int64", 1),
            "squeeze": (dtype, 1),
            "flatten": (dtype, 2),
            "global": (dtype, 2),
            "reshape": (dtype, 1 + len(step.settings.get("shape", ()))),
        }.get(step.op, (dtype, n_axes))
        if step.op in SAME:
            self.node(SAME[step.op], *step.inputs, output=step.output)
        else:
            make = getattr(self, "_" + step.op.replace("-", "_"))
            make(step, dtype, n_axes)
        self._types[step.output] = out_type

    def _t(self, step: GraphStep, part: str, n_axes: int = 2) -> str:
        """A tensor; of images a vector is brought to their second axis."""
        name = step.tensors[part]
        array = self.graph.tensors[name]
        if n_axes == 4 and array.ndim == 1:
            return self.constant(f"{name}.images", array.reshape(-1, 1, 1), str(array.dtype))
        return self.constant(name, array, str(array.dtype))

    def _single(self, op: str, dtype: str, inputs: list[str], output: str, **settings: Any) -> None:
        """A node that is computed in float32, whatever the type of its input."""
        from onnx import TensorProto

        if dtype == "float32":
            self.node(op, *inputs, output=output, **settings)
            return
        narrow = [self.node("Cast", name, to=TensorProto.FLOAT) for name in inputs]
        found = self.node(op, *narrow, **settings)
        self.node("Cast", found, output=output, to=TensorProto.DOUBLE)

    def _cast(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        self.node("Cast", *step.inputs, output=step.output, to=_type(step.settings["to"]))

    def _standardise(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        centred = self.node("Sub", step.inputs[0], self._t(step, "shift"))
        self.node("Div", centred, self._t(step, "scale"), output=step.output)

    def _scale(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        product = self.node("Mul", step.inputs[0], self._t(step, "gain", n_axes))
        self.node("Add", product, self._t(step, "offset", n_axes), output=step.output)

    def _normalise(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        centred = self.node("Sub", step.inputs[0], self._t(step, "mean", n_axes))
        product = self.node("Mul", centred, self._t(step, "gain", n_axes))
        self.node("Add", product, self._t(step, "offset", n_axes), output=step.output)

    def _layer_norm(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        inputs = [step.inputs[0], self._t(step, "gain"), self._t(step, "offset")]
        epsilon = step.settings["epsilon"]
        self.node("LayerNormalization", *inputs, output=step.output, axis=1, epsilon=epsilon)

    def _affine(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        if "b" not in step.tensors:
            self.node("MatMul", step.inputs[0], self._t(step, "W"), output=step.output)
            return
        product = self.node("MatMul", step.inputs[0], self._t(step, "W"))
        self.node("Add", product, self._t(step, "b"), output=step.output)

    def _gather(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        self.node("Gather", step.inputs[0], self._t(step, "index"), output=step.output, axis=1)

    def _concat(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        self.node("Concat", *step.inputs, output=step.output, axis=1)

    def _reshape(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        shape = self.constant(f"{step.output}.shape", [-1, *step.settings["shape"]], "int64")
        self.node("Reshape", step.inputs[0], shape, output=step.output)

    def _flatten(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        self.node("Flatten", step.inputs[0], output=step.output, axis=1)

    def _squeeze(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        axes = self.constant("axis1", [1], "int64")
        self.node("Squeeze", step.inputs[0], axes, output=step.output)

    def _conv(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        inputs = [
            step.inputs[0],
            *(self._t(step, part) for part in ("W", "b") if part in step.tensors),
        ]
        h, w = step.settings["padding"]
        strides = step.settings["stride"]
        self._single("Conv", dtype, inputs, step.output, strides=strides, pads=[h, w, h, w])

    def _pool(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        size, strides = step.settings["size"], step.settings["stride"]
        settings = {"kernel_shape": size, "strides": strides}
        if step.settings["way"] == "max":
            self.node("MaxPool", step.inputs[0], output=step.output, **settings)
        else:
            self._single("AveragePool", dtype, [step.inputs[0]], step.output, **settings)

    def _global(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        op = "ReduceMax" if step.settings["way"] == "max" else "ReduceMean"
        self.node(op, step.inputs[0], output=step.output, axes=[2, 3], keepdims=0)

    def _softmax(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        self.node("Softmax", step.inputs[0], output=step.output, axis=1)

    def _argmax(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        self.node("ArgMax", step.inputs[0], output=step.output, axis=1, keepdims=0)

    def _above(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        second = self.node("Gather", step.inputs[0], self.constant("one", 1, "int64"), axis=1)
        above = self.node("Greater", second, self._t(step, "threshold"))
        self.node("Cast", above, output=step.output, to=_type("int64"))

    def _leaky(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        zero = self.number(0.0, dtype)
        right = self.node("Max", step.inputs[0], zero)
        left = self.node("Mul", self.node("Min", step.inputs[0], zero), self._t(step, "slope"))
        self.node("Add", right, left, output=step.output)

    def _left_of_elu(self, x: str, dtype: str, alpha: float) -> str:
        falling = self.node("Exp", self.node("Min", x, self.number(0.0, dtype)))
        less = self.node("Sub", falling, self.number(1.0, dtype))
        return less if alpha == 1.0 else self.node("Mul", less, self.number(alpha, dtype))

    def _elu(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        right = self.node("Relu", step.inputs[0])
        left = self._left_of_elu(step.inputs[0], dtype, 1.0)
        self.node("Add", right, left, output=step.output)

    def _selu(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        right = self.node("Relu", step.inputs[0])
        both = self.node("Add", right, self._left_of_elu(step.inputs[0], dtype, SELU_ALPHA))
        self.node("Mul", both, self.number(SELU_SCALE, dtype), output=step.output)

    def _gelu(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        x = step.inputs[0]
        inner = self.node("Mul", x, self.number(0.5**0.5, dtype))
        self._single("Erf", dtype, [inner], f"{step.output}.erf")
        both = self.node("Add", f"{step.output}.erf", self.number(1.0, dtype))
        half = self.node("Mul", x, self.number(0.5, dtype))
        self.node("Mul", half, both, output=step.output)

    def _silu(self, step: GraphStep, dtype: str, n_axes: int) -> None:
        sigmoid = self.node("Sigmoid", step.inputs[0])
        self.node("Mul", step.inputs[0], sigmoid, output=step.output)

    def finish(self, classes: tuple[str, ...]) -> tuple[list[Any], list[Any]]:
        """All nodes, and the outputs with their types and shapes."""
        from onnx import TensorProto, helper

        outputs = []
        for name, value in self.graph.outputs.items():
            dtype, n_axes = self._types[value]
            shape: list[str | int | None] = ["n"]
            shape += [len(classes)] * (n_axes - 1)
            if name == "class":
                self.constants["classes"] = np.array(classes, dtype=object)
                self.node("Gather", "classes", value, output="class")
                outputs.append(helper.make_tensor_value_info("class", TensorProto.STRING, shape))
                name = "class_number"
            self.node("Identity", value, output=name)
            outputs.append(helper.make_tensor_value_info(name, _type(dtype), shape))
        return self._nodes, outputs

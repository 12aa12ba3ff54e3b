"""The operations that a graph is made of, in words: (n, k) are columns, (n, c, h, w) images.

Every format does the same: `numpy_steps` and `onnx_file`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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

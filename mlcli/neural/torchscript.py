"""A graph of operations as a TorchScript program, which runs without this package."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mlcli.neural.activations import ACTIVATIONS

# op, names of inputs, name of the output, names of tensors by part, other settings.
Step = tuple[str, Sequence[str], str, Mapping[str, str], Mapping[str, Any]]
Arrays = Mapping[str, NDArray[Any]]
Operation = Callable[[Sequence[Tensor], Mapping[str, Tensor], Mapping[str, Any]], Tensor]
ABOUT = "mlcli.json"
# Source locations with the paths of this machine, and a hash of them.
_LEFT_OUT = re.compile(r"\.debug_pkl$|/\.data/serialization_id$")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def script(
    steps: Sequence[Step],
    tensors: Arrays,
    outputs: Mapping[str, str],
    rows: NDArray[Any],
    entry: str,
    about: str,
) -> bytes:
    """A TorchScript file whose ``forward(rows)`` gives a dictionary of tensors.

    Args:
        steps: in the order in which they are taken.
        tensors: by name.
        outputs: names of values by the names of the outputs.
        rows: two or more example rows, (n, ...), in the input type.
        entry: name of the input value.
        about: text that is stored as the extra file `ABOUT`.
    """
    held = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}

    def forward(x: Tensor) -> dict[str, Tensor]:
        values = {entry: x}
        for op, inputs, output, parts, settings in steps:
            own = {part: held[name] for part, name in parts.items()}
            values[output] = _OPERATIONS[op]([values[name] for name in inputs], own, settings)
        return {name: values[value] for name, value in outputs.items()}

    with _deprecated(), torch.no_grad():
        example = torch.from_numpy(np.array(rows))
        # A function, not a module: a module's name would count how often one was made.
        trace: Any = torch.jit.trace
        traced = trace(forward, example, strict=False, check_trace=False)
        content: bytes = traced.save_to_buffer({ABOUT: about})
    return _same_everywhere(content)


def run_script(content: bytes, rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The outputs of such a file at rows in the type that it takes, by ``torch.jit.load``."""
    with _deprecated(), torch.no_grad():
        load: Any = torch.jit.load
        loaded = load(io.BytesIO(content), map_location="cpu")
        found = loaded(torch.from_numpy(np.array(rows)))
    return {name: tensor.numpy() for name, tensor in found.items()}


@contextmanager
def _deprecated() -> Iterator[None]:
    """Silence torch's advice against TorchScript: the user chose this format."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
        yield


def _same_everywhere(content: bytes) -> bytes:
    """The archive without what depends on where it was made."""
    found = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(found, "w") as new:
        for entry in old.infolist():
            if not _LEFT_OUT.search(entry.filename):
                new.writestr(zipfile.ZipInfo(entry.filename, _EPOCH), old.read(entry))
    return found.getvalue()


def _along_channels(vector: Tensor, like: Tensor) -> Tensor:
    return vector.view(-1, *[1] * (like.dim() - 2))


def _scale(values: Sequence[Tensor], t: Mapping[str, Tensor], settings: Any) -> Tensor:
    (x,) = values
    return x * _along_channels(t["gain"], x) + _along_channels(t["offset"], x)


def _normalise(values: Sequence[Tensor], t: Mapping[str, Tensor], settings: Any) -> Tensor:
    (x,) = values
    mean, gain, offset = (_along_channels(t[name], x) for name in ("mean", "gain", "offset"))
    return (x - mean) * gain + offset


def _layer_norm(values: Sequence[Tensor], t: Mapping[str, Tensor], settings: Any) -> Tensor:
    return functional.layer_norm(
        values[0], t["gain"].shape, t["gain"], t["offset"], settings["epsilon"]
    )


def _affine(values: Sequence[Tensor], t: Mapping[str, Tensor], settings: Any) -> Tensor:
    product = values[0] @ t["W"]
    return product + t["b"] if "b" in t else product


def _conv(values: Sequence[Tensor], t: Mapping[str, Tensor], settings: Any) -> Tensor:
    return functional.conv2d(
        values[0], t["W"], t.get("b"), stride=settings["stride"], padding=settings["padding"]
    )


def _pool(values: Sequence[Tensor], t: Mapping[str, Tensor], settings: Any) -> Tensor:
    pool: Any = functional.max_pool2d if settings["way"] == "max" else functional.avg_pool2d
    found: Tensor = pool(values[0], settings["size"], settings["stride"])
    return found


def _global(values: Sequence[Tensor], t: Mapping[str, Tensor], settings: Any) -> Tensor:
    x = values[0]
    return x.amax(dim=(2, 3)) if settings["way"] == "max" else x.mean(dim=(2, 3))


def _pointwise(function: Callable[[Tensor], Tensor]) -> Operation:
    return lambda values, t, settings: function(values[0])


_OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "cast": lambda v, t, s: v[0].to(getattr(torch, s["to"])),
        "standardise": lambda v, t, s: (v[0] - t["shift"]) / t["scale"],
        "scale": _scale,
        "normalise": _normalise,
        "layer-norm": _layer_norm,
        "affine": _affine,
        "gather": lambda v, t, s: v[0].index_select(1, t["index"]),
        "concat": lambda v, t, s: torch.cat(list(v), dim=1),
        "multiply": lambda v, t, s: v[0] * v[1],
        "add": lambda v, t, s: v[0] + v[1],
        "subtract": lambda v, t, s: v[0] - v[1],
        "reshape": lambda v, t, s: v[0].reshape(-1, *s["shape"]),
        "flatten": lambda v, t, s: v[0].flatten(1),
        "squeeze": lambda v, t, s: v[0].squeeze(1),
        "conv": _conv,
        "pool": _pool,
        "global": _global,
        "softmax": lambda v, t, s: v[0].softmax(dim=1),
        "argmax": lambda v, t, s: v[0].argmax(dim=1),
        "above": lambda v, t, s: (v[0].select(1, 1) > t["threshold"]).long(),
        "leaky": lambda v, t, s: torch.where(v[0] > 0, v[0], t["slope"] * v[0]),
        "sin": _pointwise(torch.sin),
        "cos": _pointwise(torch.cos),
        "exp": _pointwise(torch.exp),
        "sqrt": _pointwise(torch.sqrt),
        **{h.name: _pointwise(h.value) for h in ACTIVATIONS.values() if h.function and h.value},
    }
)

"""A device that needs no hardware: a GPU as far as mlcli can tell, computed on the CPU.

Inside `other_device(kind)` there is a device of that kind. Its tensors report it, and refuse what
tensors of a real one refuse:

- conversion to NumPy without `cpu()`, which copies;
- an operation together with tensors of the CPU that have an axis, except a copy;
- random numbers from a generator of another device;
- on mps, and where `float64` is false, float64 and complex128;
- on cuda, products and convolutions without deterministic algorithms, without
  CUBLAS_WORKSPACE_CONFIG or with TF32, and operations that have no deterministic algorithm there.

Every call of torch from Python is seen, and no call that torch makes in C++: kernels that a device
lacks, speed and last digits show on hardware only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

KINDS = ("cuda", "mps")
# What mps has no kernels for.
WIDE = (torch.float64, torch.complex128)
# These move values between devices, so they may see tensors of both.
MOVES = ("copy_", "to", "cpu")
# With cuBLAS, and with cuDNN.
PRODUCTS = ("bmm", "matmul", "mm", "addmm", "baddbmm", "linear", "einsum", "__matmul__")
CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
# Without a deterministic algorithm on CUDA, as the documentation of
# `torch.use_deterministic_algorithms` lists them: always, and where a gradient is wanted.
NEVER_THE_SAME = ("cumsum", "histc", "nll_loss", "median", "kthvalue", "put_")
NO_SAME_GRADIENT = ("adaptive_avg_pool2d", "adaptive_max_pool2d", "interpolate", "grid_sample")


class DeviceTensor(Tensor):
    """A tensor of the other device; its values are where those of any tensor of the CPU are."""

    kind = KINDS[0]
    float64 = True

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """The device that it reports."""
        return torch.device(self.kind, 0)

    @property
    def is_cpu(self) -> bool:  # type: ignore[override]
        """False."""
        return False

    @classmethod
    def __torch_function__(
        cls,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch as the other device would."""
        with torch._C.DisableTorchFunctionSubclass():
            return _call(func, tuple(args), dict(kwargs or {}))


class _EveryCall(TorchFunctionMode):
    """Sees calls without a tensor of the device too, such as torch.zeros(3, device="cuda")."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            return _call(func, tuple(args), dict(kwargs or {}))


def _call(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = getattr(func, "__name__", "")
    leaves = tree_leaves((args, kwargs))
    here = any(isinstance(one, DeviceTensor) for one in leaves)
    if name == "to":
        return _moved(args[0], *_target(args[0], args[1:], kwargs))
    wanted = kwargs.get("device")
    asked = wanted is not None and torch.device(wanted).type == DeviceTensor.kind
    if not here and not asked:
        return func(*args, **kwargs)
    _refuse(name, leaves)
    if name == "cpu":
        return _moved(args[0], torch.device("cpu"), args[0].dtype)
    if wanted is not None:
        kwargs["device"] = "cpu"
    if name == "__format__":
        # torch formats the number of a plain tensor only.
        return format(args[0].as_subclass(Tensor), *args[1:])
    if name == "__iter__":
        return iter(_call(torch.unbind, args, kwargs))
    found = func(*args, **kwargs)
    if wanted is not None and not asked:
        return found
    if name in ("tensor", "as_tensor", "asarray"):
        # Values that were on the CPU: the device has a copy of them.
        found = found.clone()
    return tree_map_only(Tensor, _owned, found)


def _owned(tensor: Tensor) -> Tensor:
    """A tensor as one of the device."""
    if isinstance(tensor, DeviceTensor):
        return tensor
    if not DeviceTensor.float64 and tensor.dtype in WIDE:
        raise TypeError(f"the device has no {tensor.dtype}")
    return tensor.as_subclass(DeviceTensor)


def _target(
    tensor: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[torch.device, torch.dtype]:
    """Device and type that `Tensor.to` is asked for."""
    if (args and isinstance(args[0], Tensor)) or "other" in kwargs:
        other = args[0] if args else kwargs["other"]
        return other.device, other.dtype
    device, dtype, *_ = torch._C._nn._parse_to(*args, **kwargs)
    return device or tensor.device, dtype or tensor.dtype


def _moved(tensor: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A tensor on a device in a type; a copy if either is another."""
    if tensor.device.type == device.type and tensor.dtype == dtype:
        return tensor
    plain = tensor.as_subclass(Tensor).to(dtype, copy=True)
    return _owned(plain) if device.type == DeviceTensor.kind else plain


def _refuse(name: str, leaves: Sequence[Any]) -> None:
    """Raise what a real device raises."""
    kind = DeviceTensor.kind
    if name in ("numpy", "__array__", "data_ptr", "untyped_storage"):
        raise TypeError(f"can't convert {kind}:0 device type tensor to numpy")
    for one in leaves:
        if isinstance(one, torch.Generator) and one.device.type != kind:
            raise RuntimeError(f"Expected a '{kind}' generator but found '{one.device}'")
    tensors = [one for one in leaves if isinstance(one, Tensor)]
    strange = [one for one in tensors if not isinstance(one, DeviceTensor) and one.dim()]
    if strange and name not in MOVES and any(isinstance(one, DeviceTensor) for one in tensors):
        raise RuntimeError(
            f"{name}: Expected all tensors to be on the same device, but found at least two "
            f"devices, {kind}:0 and cpu!"
        )
    if kind == "cuda":
        _refuse_other_bytes(name, any(one.requires_grad for one in tensors))


def _refuse_other_bytes(name: str, differentiates: bool) -> None:
    """Raise where a second run on CUDA could have other bytes."""
    if name not in (*PRODUCTS, *CONVOLUTIONS, *NEVER_THE_SAME, *NO_SAME_GRADIENT):
        return
    if not torch.are_deterministic_algorithms_enabled() or torch.backends.cudnn.benchmark:
        raise RuntimeError(f"{name} is called without deterministic algorithms")
    if name in NEVER_THE_SAME or (differentiates and name in NO_SAME_GRADIENT):
        raise RuntimeError(f"{name} does not have a deterministic implementation")
    if name in PRODUCTS and os.environ.get("CUBLAS_WORKSPACE_CONFIG") not in (":4096:8", ":16:8"):
        raise RuntimeError(f"{name} is not deterministic: it uses CuBLAS")
    rounded = torch.backends.cudnn.conv if name in CONVOLUTIONS else torch.backends.cuda.matmul
    if rounded.fp32_precision != "ieee":
        raise RuntimeError(f"{name} may round its factors to TF32")


@contextmanager
def other_device(
    kind: str, monkeypatch: pytest.MonkeyPatch, *, float64: bool | None = None
) -> Iterator[torch.device]:
    """Inside the block this machine has one device of a kind, with 1 TiB.

    Args:
        kind: cuda or mps.
        monkeypatch: of the test.
        float64: whether the device has it; None: as its kind.
    """
    monkeypatch.setattr(DeviceTensor, "kind", kind)
    monkeypatch.setattr(DeviceTensor, "float64", kind != "mps" if float64 is None else float64)
    without_workspace(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: kind == "cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: kind == "mps")
    properties = SimpleNamespace(name="a GPU", total_memory=1 << 40)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(kind == "cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index=0: properties.name)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch, "autocast", _autocast(torch.autocast))
    with _EveryCall():
        yield torch.device(kind)


def without_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    """No CUBLAS_WORKSPACE_CONFIG, and what there was again after the test, whoever sets it."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")


def _autocast(real: Callable[..., Any]) -> Callable[..., Any]:
    def autocast(device_type: str, *args: Any, **kwargs: Any) -> Any:
        own = device_type == DeviceTensor.kind
        return real("cpu" if own else device_type, *args, **kwargs)

    return autocast

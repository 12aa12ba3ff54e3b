"""Devices: which one computes, how it gives the same bytes twice, and the way back to NumPy."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.errors import InputError

DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {"float32": torch.float32, "float64": torch.float64}
)
# Multiplications of a forward pass of one minibatch, all members together, from which a GPU is
# taken to be faster. A training step starts 40 to 70 kernels, counted; about 10 microseconds each
# from Python are half a millisecond, however small the networks are. A core of a CPU does 2.6e10
# multiplications per second, measured; eight cores do three passes of this size in that time.
# Where a GPU really overtakes, `make gpu` measures; no GPU has been measured yet.
WORTH_A_GPU = 30_000_000
# cuBLAS repeats its sums with these settings only, and reads them before its first product.
CUBLAS_VARIABLE = "CUBLAS_WORKSPACE_CONFIG"
CUBLAS_SETTINGS = (":4096:8", ":16:8")

# What holds on other devices than the CPU.
ON_DEVICES: Mapping[str, str] = MappingProxyType(
    {
        "cuda": "on cuda the kernels are torch's deterministic ones, without TF32, which repeat "
        "their bytes on the same GPU with the same versions of torch, CUDA and cuDNN; random "
        "numbers are drawn on the CPU",
        "mps": "on mps torch has no deterministic settings, so bytes can differ from run to run; "
        "random numbers are drawn on the CPU",
    }
)


@dataclass(frozen=True)
class DeviceChoice:
    """A device, and why it computes."""

    device: torch.device
    reason: str


def accelerator() -> str | None:
    """The kind of device besides the CPU: cuda before mps; None if there is none."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def find_device(name: str) -> torch.device:
    """The device of a name other than auto.

    Raises:
        InputError: there is no such device on this machine, or no such name.
    """
    if name not in DEVICES[1:]:
        raise InputError("the device", must=f"one of {', '.join(DEVICES)}", got=name)
    # Asked only for a GPU: in a copy of a process that has one, CUDA answers with a warning.
    absent = (name == "cuda" and not torch.cuda.is_available()) or (
        name == "mps" and not torch.backends.mps.is_available()
    )
    if absent:
        raise InputError(
            f"there is no {name} device on this machine", hint="the device auto or cpu"
        )
    return torch.device(name)


def choose_device(name: str, multiplications: int, dtype: str = "float32") -> DeviceChoice:
    """The device of a name; auto takes a GPU where the work is worth it.

    Args:
        name: one of `DEVICES`.
        multiplications: of a forward pass of one minibatch, all members together.
        dtype: of the parameters.

    Raises:
        InputError: there is no such device, or it can't compute in that type.
    """
    if name != "auto":
        device = find_device(name)
        find_dtype(dtype, device)
        return DeviceChoice(device, "as given")
    kind = accelerator()
    if kind is None:
        return DeviceChoice(torch.device("cpu"), "there is no other")
    if kind == "mps" and dtype == "float64":
        return DeviceChoice(torch.device("cpu"), "mps has no float64")
    size, bound = f"{multiplications:.2g} multiplications per step", f"{WORTH_A_GPU:.0e}"
    if multiplications < WORTH_A_GPU:
        return DeviceChoice(torch.device("cpu"), f"{size} are fewer than {bound}")
    return DeviceChoice(torch.device(kind), f"{size} are at least {bound}")


def provenance(determinism: str, choices: Sequence[DeviceChoice]) -> dict[str, Any]:
    """The fields `determinism` and `devices` of a `result.Result`.

    Args:
        determinism: the statement for the CPU.
        choices: of every group of members. Recorded where there was a choice.
    """
    kinds = sorted({one.device.type for one in choices})
    statement = "; ".join([determinism, *(ON_DEVICES[kind] for kind in kinds if kind != "cpu")])
    devices: list[dict[str, str]] = []
    if accelerator() is not None:
        devices = [{"device": describe(one.device), "reason": one.reason} for one in choices]
    return {
        "determinism": statement,
        "devices": [one for i, one in enumerate(devices) if one not in devices[:i]],
    }


def auto_rule() -> str:
    """What auto chooses on this machine, in a few words."""
    kind = accelerator()
    if kind is None:
        return "cpu, there is no other"
    return f"{kind} from {WORTH_A_GPU:.0e} multiplications per step, cpu below"


def find_dtype(name: str, device: torch.device) -> torch.dtype:
    """The floating-point type of a name.

    Raises:
        InputError: there is no such type, or the device can't compute in it.
    """
    if name not in DTYPES:
        raise InputError("the floating-point type", must=f"one of {', '.join(DTYPES)}", got=name)
    if device.type == "mps" and name == "float64":
        raise InputError("an mps device has no float64", hint="float32, or the device cpu")
    return DTYPES[name]


def describe(device: torch.device) -> str:
    """What decides the bytes of a device besides the version of torch."""
    if device.type != "cuda":
        return device.type
    # Untyped in torch.
    cudnn: Any = torch.backends.cudnn
    name = torch.cuda.get_device_name(device)
    return f"cuda: {name}, CUDA {torch.version.cuda}, cuDNN {cudnn.version()}"


def accelerator_description() -> str:
    """`describe` of the device besides the CPU; empty if there is none."""
    kind = accelerator()
    return "" if kind is None else describe(torch.device(kind))


def device_bytes(device: torch.device) -> int | None:
    """Memory of a device in bytes; None where the system does not report it."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def to_numpy(tensor: Tensor) -> NDArray[Any]:
    """The values of a tensor of any device; of the CPU's it shares the memory."""
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return array


def on_device(values: Any, like: Tensor) -> Tensor:
    """Values of the CPU on the device of a tensor, in its type.

    Rounded on the CPU: mps has no float64, and every device then starts from the same numbers.
    """
    return torch.as_tensor(values).to(like.dtype).to(like.device)


def generators(count: int) -> list[torch.Generator]:
    """Sources of random numbers, on the CPU whatever the device of the networks is.

    A GPU's own numbers depend on how many multiprocessors it has. These are the same everywhere;
    what is drawn is copied.
    """
    return [torch.Generator() for _ in range(count)]


@contextmanager
def repeatable(device: torch.device, n_threads: int) -> Iterator[None]:
    """Inside the block the device gives the same bytes for the same work.

    A CPU does with a fixed number of threads, which decides how sums are split. CUDA does with
    deterministic algorithms; without TF32 its products also have the digits of float32. For mps
    torch has no such setting.

    Args:
        device: of the networks.
        n_threads: of torch's kernels on the CPU.
    """
    with ExitStack() as stack:
        stack.enter_context(threads(n_threads))
        if device.type == "cuda":
            stack.enter_context(_repeatable_cuda())
        yield


@contextmanager
def _repeatable_cuda() -> Iterator[None]:
    """Deterministic algorithms and no TF32 inside the block."""
    if os.environ.get(CUBLAS_VARIABLE) not in CUBLAS_SETTINGS:
        os.environ[CUBLAS_VARIABLE] = CUBLAS_SETTINGS[0]
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    wanted: list[tuple[Any, str, Any]] = [
        (cudnn, "benchmark", False),
        (cudnn, "deterministic", True),
        # No memory is read before it is written.
        (torch.utils.deterministic, "fill_uninitialized_memory", False),
    ]
    if hasattr(cudnn, "conv"):
        wanted += [(cudnn.conv, "fp32_precision", "ieee"), (matmul, "fp32_precision", "ieee")]
    else:
        # torch before 2.9.
        wanted += [(cudnn, "allow_tf32", False), (matmul, "allow_tf32", False)]
    before = [getattr(owner, name) for owner, name, _ in wanted]
    enabled = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        for owner, name, value in wanted:
            setattr(owner, name, value)
        torch.use_deterministic_algorithms(True)
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warns)
        for (owner, name, _), value in zip(wanted, before, strict=True):
            setattr(owner, name, value)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Use `count` threads in torch's kernels inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread inside the block, and flush denormal numbers to zero.

    The split of a sum among threads decides its last bits, and a worker process must not use the
    threads that its parent started. Vanishing gradients are full of numbers below 1e-38, on which
    a processor is about 100 times as slow.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)

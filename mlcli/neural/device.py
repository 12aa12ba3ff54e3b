"""Devices, floating-point types and threads of torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import torch

from mlcli.errors import InputError

DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {"float32": torch.float32, "float64": torch.float64}
)


def find_device(name: str = "auto") -> torch.device:
    """The device of a name; auto takes cuda before mps before cpu.

    Raises:
        InputError: there is no such device on this machine, or no such name.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in present.items() if there))
    if name not in present:
        raise InputError("the device", must=f"one of {', '.join(DEVICES)}", got=name)
    if not present[name]:
        raise InputError(
            f"there is no {name} device on this machine", hint="the device auto or cpu"
        )
    return torch.device(name)


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


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Use `count` threads in torch's kernels inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device_bytes(device: torch.device) -> int | None:
    """Memory of a device in bytes; None where the system does not report it."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


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

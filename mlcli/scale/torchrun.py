"""What `torchrun` tells each process that it starts, through the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from mlcli.errors import ConfigError

HOW = "torchrun --nproc-per-node 2 -m mlcli train-cnn"


@dataclass(frozen=True)
class Launch:
    """One of several processes that were started together.

    Attributes:
        rank: its number, from 0.
        size: how many there are, at least 2.
        local_rank: its number among those of this machine.
        local_size: how many of them this machine has.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int


def launched(environment: Mapping[str, str] | None = None) -> Launch | None:
    """The launch that this process belongs to; None where it works alone.

    Args:
        environment: variables by name; None: those of this process.

    Raises:
        ConfigError: the variables don't fit together.
    """
    given = os.environ if environment is None else environment
    if given.get("WORLD_SIZE", "1").strip() == "1":
        return None
    size = _number(given, "WORLD_SIZE", least=1)
    rank = _number(given, "RANK", least=0, below=size)
    if not given.get("MASTER_ADDR", "").strip():
        raise ConfigError(
            f"MASTER_ADDR of process {rank} of {size}",
            must="the address of the first one",
            got="nothing",
            hint=HOW,
        )
    _number(given, "MASTER_PORT", least=0, below=65_536)
    # Launchers other than torchrun may leave these out: then all are on one machine.
    local_size = _number({"LOCAL_WORLD_SIZE": f"{size}", **given}, "LOCAL_WORLD_SIZE", least=1)
    local = _number({"LOCAL_RANK": f"{rank}", **given}, "LOCAL_RANK", least=0, below=local_size)
    return Launch(rank, size, local, local_size)


def _number(given: Mapping[str, str], name: str, *, least: int, below: int | None = None) -> int:
    text = given.get(name, "").strip()
    must = f"a whole number from {least}" + ("" if below is None else f" to {below - 1}")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if number < least or (below is not None and number >= below):
        got = repr(text) if text else "nothing"
        raise ConfigError(f"the environment variable {name}", must=must, got=got, hint=HOW)
    return number

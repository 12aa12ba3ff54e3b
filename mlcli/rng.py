"""One seed becomes named, independent random streams.

A stream is addressed by words and numbers (``stream(0, "split", 3)``), so the numbers that one
part of a run draws never depend on how many another part drew before it, nor on who runs beside it.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def seed_sequence(seed: int, *address: str | int) -> np.random.SeedSequence:
    """The seed sequence at an address below `seed`.

    Each part of the address enters through the first 8 bytes of its SHA-256, so ``("a", 1)`` and
    ``("a1",)`` are different streams and Python's hash randomisation plays no part.
    """
    words = [seed]
    for part in address:
        digest = hashlib.sha256(f"{type(part).__name__}:{part}".encode()).digest()
        words.append(int.from_bytes(digest[:8], "little"))
    return np.random.SeedSequence(words)


def one_of_each(level: int, start: int, stop: int) -> NDArray[np.int64]:
    """A number out of each run of 2^level numbers, at random but the same every time.

    What is chosen at a level is among what is chosen at the level below, so that a sample can be
    halved as more numbers come.

    Args:
        level: of the runs.
        start, stop: only numbers from `start` to before `stop` are returned, rising.
    """
    chosen = np.arange(start >> level, ((stop - 1) >> level) + 1, dtype=np.int64)
    for one in range(level, 0, -1):
        chosen = 2 * chosen + _coins(chosen, one)
    return chosen[(chosen >= start) & (chosen < stop)]


def _coins(numbers: NDArray[np.int64], salt: int) -> NDArray[np.int64]:
    """0 or 1 for each number, by multiplications that mix all of its bits into one."""
    mixed = (numbers.astype(np.uint64) + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return ((mixed ^ (mixed >> np.uint64(32))) & np.uint64(1)).astype(np.int64)


def stream(seed: int, *address: str | int) -> np.random.Generator:
    """A NumPy generator (PCG64) at an address below `seed`."""
    return np.random.Generator(np.random.PCG64(seed_sequence(seed, *address)))

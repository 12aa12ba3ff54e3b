"""One seed becomes named, independent random streams.

A stream is addressed by words and numbers (``stream(0, "split", 3)``), so the numbers that one
part of a run draws never depend on how many another part drew before it, nor on who runs beside it.
"""

from __future__ import annotations

import hashlib

import numpy as np


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


def stream(seed: int, *address: str | int) -> np.random.Generator:
    """A NumPy generator (PCG64) at an address below `seed`."""
    return np.random.Generator(np.random.PCG64(seed_sequence(seed, *address)))

"""NIST StRD linear sets: certified values and data, and the log relative error.

The files in `nist_strd` are the data sets of NIST's Statistical Reference Datasets
(https://www.itl.nist.gov/div898/strd/) as published, in the public domain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).with_name("nist_strd")
NAMES = ("Norris", "Pontius", "Wampler1", "Wampler2", "Wampler3", "Wampler4", "Wampler5")


@dataclass(frozen=True)
class Certified:
    x: NDArray[np.float64]
    t: NDArray[np.float64]
    w: NDArray[np.float64]
    std_error: NDArray[np.float64]
    residual_std: float
    r_squared: float


def load(name: str) -> Certified:
    text = (FOLDER / f"{name}.dat").read_text(encoding="ascii")
    lines = text.splitlines()
    rows = [re.match(r"\s+B\d+\s+(\S+)\s+(\S+)", line) for line in lines[:60]]
    table = np.array([[float(m[1]), float(m[2])] for m in rows if m])
    data = np.array([[float(v) for v in line.split()] for line in lines[60:] if line.strip()])
    spread = re.search(r"Standard Deviation\s+(\S+)\s+R-Squared\s+(\S+)", text)
    assert spread is not None
    return Certified(
        data[:, 1], data[:, 0], table[:, 0], table[:, 1], float(spread[1]), float(spread[2])
    )


def lre(found: object, certified: object) -> float:
    """Digits that agree, the worst of all entries; for a certified 0 those before the first."""
    a, c = np.atleast_1d(found).astype(float), np.atleast_1d(certified).astype(float)
    error = np.abs(a - c) / np.where(c == 0, 1.0, np.abs(c))
    return float((-np.log10(np.maximum(error, 1e-16))).min())

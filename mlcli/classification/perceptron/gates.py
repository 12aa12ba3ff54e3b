"""Logic from threshold units: NAND, XOR with one hidden unit, and a half adder of NANDs alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bits = NDArray[np.int64]
# All inputs of two bits, in the order of the notes' tables.
INPUTS: Bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


@dataclass(frozen=True)
class Unit:
    """A TLU: Theta(w . x + b), eq (6.1).

    Attributes:
        w: weights, one an input.
        b: bias.
    """

    w: tuple[float, ...]
    b: float

    def fire(self, X: NDArray[np.int64] | Floats) -> Bits:
        """1 where w . x + b > 0, else 0, for X (n, D) -> (n,)."""
        return np.asarray(np.asarray(X) @ np.array(self.w) + self.b > 0, dtype=np.int64)


# Figure 7a and Table 2.
NAND = Unit((-1.0, -1.0), 1.5)
AND = Unit((1.0, 1.0), -1.5)
# Figure 7b and Table 3: with one hidden unit the inputs must reach the output too.
XOR_OUTPUT = Unit((1.0, 1.0, -2.0), -0.5)


def xor(X: Bits) -> Bits:
    """XOR by one hidden unit and connections from the inputs past it, (n, 2) -> (n,)."""
    hidden = AND.fire(X)
    return XOR_OUTPUT.fire(np.column_stack([X, hidden]))


def nand(a: Bits, b: Bits) -> Bits:
    """The unit of Figure 7a on two wires, (n,) each."""
    return NAND.fire(np.column_stack([a, b]))


def half_adder(X: Bits) -> tuple[Bits, Bits]:
    """Sum and carry of two bits from five NAND units, (n, 2) -> two of (n,)."""
    a, b = X[:, 0], X[:, 1]
    first = nand(a, b)
    total = nand(nand(a, first), nand(b, first))
    return total, nand(first, first)


def single_unit(table: tuple[int, int, int, int]) -> Unit | None:
    """A unit with that truth table over `INPUTS`, or None: XOR and its negation have none.

    Weights of -1, 0, 1 and half-integer biases realise every threshold function of two bits, so
    that the search is exact.
    """
    for w1, w2, b in product((-1, 0, 1), (-1, 0, 1), (-1.5, -0.5, 0.5, 1.5)):
        unit = Unit((float(w1), float(w2)), b)
        if tuple(unit.fire(INPUTS).tolist()) == table:
            return unit
    return None

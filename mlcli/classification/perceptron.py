"""Threshold logical units: logic gates, Rosenblatt's learning rule and its bound (section 6.1)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate

Floats = NDArray[np.float64]
Bits = NDArray[np.int64]
# All inputs of two bits, in the order of the notes' tables.
INPUTS: Bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


@dataclass(frozen=True)
class ThresholdUnit:
    """A TLU: Theta(w . x + b), eq (6.1).

    Attributes:
        w: weights, one per input.
        b: bias.
    """

    w: tuple[float, ...]
    b: float

    def fire(self, X: NDArray[np.int64] | Floats) -> Bits:
        """1 where w . x + b > 0, else 0, for X (n, D) -> (n,)."""
        return np.asarray(np.asarray(X) @ np.array(self.w) + self.b > 0, dtype=np.int64)


# Figure 7a and Table 2.
NAND = ThresholdUnit((-1.0, -1.0), 1.5)
AND = ThresholdUnit((1.0, 1.0), -1.5)
# Figure 7b and Table 3: with one hidden unit the inputs must reach the output too.
XOR_OUTPUT = ThresholdUnit((1.0, 1.0, -2.0), -0.5)


def xor(X: Bits) -> Bits:
    """XOR by one hidden unit and connections from the inputs past it, (n, 2) -> (n,)."""
    hidden = AND.fire(X)
    return XOR_OUTPUT.fire(np.column_stack([X, hidden]))


def nand(a: Bits, b: Bits) -> Bits:
    """The unit of Figure 7a for two inputs, (n,) each."""
    return NAND.fire(np.column_stack([a, b]))


def half_adder(X: Bits) -> tuple[Bits, Bits]:
    """Sum and carry of two bits from five NAND units, (n, 2) -> two of (n,)."""
    a, b = X[:, 0], X[:, 1]
    first = nand(a, b)
    total = nand(nand(a, first), nand(b, first))
    return total, nand(first, first)


def single_unit(table: tuple[int, int, int, int]) -> ThresholdUnit | None:
    """A unit with that truth table over `INPUTS`, or None: XOR and its negation have none.

    Weights of -1, 0, 1 and half-integer biases realise every threshold function of two bits, so
    that the search is exhaustive.
    """
    for w1, w2, b in product((-1, 0, 1), (-1, 0, 1), (-1.5, -0.5, 0.5, 1.5)):
        unit = ThresholdUnit((float(w1), float(w2)), b)
        if tuple(unit.fire(INPUTS).tolist()) == table:
            return unit
    return None


@dataclass(frozen=True)
class Gate:
    """A network of one or two units for two bits, as in Figures 7a and 7b.

    Attributes:
        output: the unit that answers; with a hidden one it has three inputs, the last from that.
        hidden: the hidden unit; None: there is none.
    """

    output: ThresholdUnit
    hidden: ThresholdUnit | None = None

    def fire(self, X: NDArray[np.int64] | Floats) -> Bits:
        """The output for inputs (n, 2), which need not be bits, (n,)."""
        if self.hidden is None:
            return self.output.fire(X)
        behind = np.asarray(self.hidden.fire(X), dtype=np.float64)
        return self.output.fire(np.column_stack([np.asarray(X, dtype=np.float64), behind]))


def gate_of(table: tuple[int, int, int, int]) -> Gate:
    """A network with that truth table over `INPUTS`: one unit, or XOR's two or their negation."""
    unit = single_unit(table)
    if unit is not None:
        return Gate(unit)
    xor_table = tuple(xor(INPUTS).tolist())
    sign = 1.0 if table == xor_table else -1.0
    # No input lies on the line of the output unit, so that the opposite weights negate it.
    weights = tuple(sign * w for w in XOR_OUTPUT.w)
    return Gate(ThresholdUnit(weights, sign * XOR_OUTPUT.b), AND)


@dataclass(frozen=True)
class PerceptronFit:
    """Result of Rosenblatt's learning rule.

    Attributes:
        w: weights, the bias last, (D + 1,).
        mistakes: corrections made.
        passes: passes over the rows, the last one without a mistake if it converged.
        n_wrong: rows on the wrong side of w.
    """

    w: Floats
    mistakes: int
    passes: int
    n_wrong: int

    @property
    def certificate(self) -> Certificate:
        """The number of rows on the wrong side, which must be 0."""
        return Certificate("rows on the wrong side", float(self.n_wrong), 0.0)

    @property
    def converged(self) -> bool:
        """Whether every row is on the right side."""
        return self.certificate.converged


def with_bias(X: Floats) -> Floats:
    """Rows with a 1 appended, (n, D) -> (n, D + 1), so that b is one more weight."""
    return np.column_stack([X, np.ones(X.shape[0])])


def fit_perceptron(X: Floats, sides: Floats, max_passes: int) -> PerceptronFit:
    """w <- w + s x for each row x on the wrong side of (6.2), until none is.

    Args:
        X: rows, (n, D).
        sides: s, +1 or -1, (n,).
        max_passes: the largest number of passes, for rows that no line separates.
    """
    signed = with_bias(X) * sides[:, None]  # (n, D + 1)
    w, mistakes, passes, before = np.zeros(signed.shape[1]), 0, 0, -1
    while passes < max_passes and mistakes > before:
        before, passes = mistakes, passes + 1
        for row in signed:
            if row @ w <= 0:
                w = w + row
                mistakes += 1
    return PerceptronFit(w, mistakes, passes, int(np.count_nonzero(signed @ w <= 0)))


def mistake_bound(X: Floats, sides: Floats, separator: Floats) -> float:
    """(R / gamma)^2 of Novikoff: no order of the rows makes more mistakes.

    R is the longest row, the bias's 1 included, gamma the smallest s w . x / |w| of a separating w;
    any separator gives a valid bound, and the one with the widest margin the best.

    Args:
        X: rows, (n, D).
        sides: +1 or -1, (n,).
        separator: w, the bias last, (D + 1,).
    """
    rows = with_bias(X)
    size = float(np.linalg.norm(separator))
    margin = float((sides * (rows @ separator)).min()) / size if size > 0 else 0.0
    longest = float(np.linalg.norm(rows, axis=1).max())
    return (longest / margin) ** 2 if margin > 0 else float("inf")


def facing_the_boundary(X: Floats, w: Floats) -> Floats:
    """Two directions in which a plane's boundary w . x + b = 0 is seen as a line, (D, 2).

    The first is that of w; the second, at a right angle to it, is the one in which the rows vary
    most. Two features are left as they are; of one, the second direction is 0.

    Args:
        X: rows, (n, D), of mean 0.
        w: weights without the bias, (D,).
    """
    n_features = w.size
    if n_features <= 2:
        return np.eye(n_features, 2)
    size = float(np.linalg.norm(w))
    first = w / size if size > 0 else np.eye(n_features)[0]
    rest = X - np.outer(X @ first, first)
    second = np.linalg.svd(rest, full_matrices=False)[2][0]
    # Whichever way the SVD turned it, its largest part is positive.
    second = second * np.sign(second[np.abs(second).argmax()])
    return np.column_stack([first, second])

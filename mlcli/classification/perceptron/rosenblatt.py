"""Rosenblatt's learning rule, and the bound on its mistakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Learnt:
    """Where the rule ended.

    Attributes:
        w: weights, the bias last, (D + 1,).
        mistakes: corrections made.
        passes: passes over the rows, the last one without a mistake if it converged.
        n_wrong: rows that are not on their side of w, counted with w itself.
    """

    w: Floats
    mistakes: int
    passes: int
    n_wrong: int

    @property
    def certificate(self) -> Certificate:
        """Every row is on its side."""
        return Certificate("rows on the wrong side", float(self.n_wrong), 0.0)

    @property
    def converged(self) -> bool:
        """Whether every row is on its side."""
        return self.certificate.converged


def with_bias(X: Floats) -> Floats:
    """Rows with a 1 behind them, (n, D) -> (n, D + 1), so that b is one more weight."""
    return np.column_stack([X, np.ones(X.shape[0])])


def learn(X: Floats, sides: Floats, max_passes: int) -> Learnt:
    """w <- w + s x for each row x on the wrong side of (6.2), until none is.

    Args:
        X: rows, (n, D).
        sides: s, +1 or -1, (n,).
        max_passes: passes after which rows that no line separates are given up.
    """
    signed = with_bias(X) * sides[:, None]  # (n, D + 1)
    w, mistakes, passes, before = np.zeros(signed.shape[1]), 0, 0, -1
    while passes < max_passes and mistakes > before:
        before, passes = mistakes, passes + 1
        for row in signed:
            if row @ w <= 0:
                w = w + row
                mistakes += 1
    return Learnt(w, mistakes, passes, int(np.count_nonzero(signed @ w <= 0)))


def mistake_bound(X: Floats, sides: Floats, separator: Floats) -> float:
    """(R / gamma)^2 of Novikoff: no order of the rows makes more mistakes.

    R is the longest row, the bias's 1 included, gamma the smallest s w . x / |w| of a separating w;
    any separator gives a valid bound, the one of the widest margin the best.

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

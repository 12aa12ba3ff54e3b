"""Entropy, Kullback-Leibler divergence and cross-entropy (appendix C), in nats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.classification.logistic.model import Floats


@dataclass(frozen=True)
class Information:
    """The three terms of (C.5), each added up by itself.

    Attributes:
        entropy: H(p) = -sum p ln p (C.2).
        divergence: D(p||q) = -sum p ln(q/p) (C.3).
        cross_entropy: H(p, q) = -sum p ln q (C.5).
    """

    entropy: float
    divergence: float
    cross_entropy: float

    @property
    def gap(self) -> float:
        """|H(p, q) - H(p) - D(p||q)|, 0 but for rounding (C.4)."""
        return abs(self.cross_entropy - self.entropy - self.divergence)


def information(p: Floats, q: Floats) -> Information:
    """The terms for two distributions over the same events, any shape, each adding up to 1.

    Where p is 0 nothing is added, whatever q is; where only q is 0 the divergence is infinite.
    """
    seen = p > 0
    p, q = p[seen], q[seen]
    with np.errstate(divide="ignore"):
        return Information(
            float(-(p * np.log(p)).sum()),
            float(-(p * np.log(q / p)).sum()),
            float(-(p * np.log(q)).sum()),
        )

"""Learning-rate schedules (section 7.4): the factor on eta at each step.

A schedule is a pure function of the step, so a resumed run needs nothing but the step. Each gives
eta(t) / eta of a member's own eta, which is eta_0 of (7.25) and (7.26) and eta_max of the cycles.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

# (step t = 0, 1, ..., number of steps) -> factor.
Schedule = Callable[[int, int], float]


def constant() -> Schedule:
    """eta(t) = eta."""
    return lambda step, n_steps: 1.0


def power(s: float, c: float = 1.0) -> Schedule:
    """eta(t) = eta_0 / (1 + t/s)^c, (7.25); s in steps."""
    if not s > 0:
        raise ValueError(f"s must be positive, got {s}")
    return lambda step, n_steps: (1.0 + step / s) ** -c


def exponential(s: float) -> Schedule:
    """eta(t) = eta_0 0.1^(t/s), (7.26): a tenth every s steps."""
    if not s > 0:
        raise ValueError(f"s must be positive, got {s}")
    return lambda step, n_steps: 0.1 ** (step / s)


def piecewise(ends: Sequence[float], factors: Sequence[float]) -> Schedule:
    """eta(t) = eta_1 for t < t_1, eta_2 for t_1 <= t < t_2, ..., (7.27).

    Args:
        ends: t_1 < t_2 < ... as shares of all steps, in (0, 1).
        factors: eta_1/eta, eta_2/eta, ..., one more than there are ends.
    """
    if len(factors) != len(ends) + 1 or list(ends) != sorted(set(ends)):
        raise ValueError(f"give rising ends and one more factor, got {ends} and {factors}")

    def factor(step: int, n_steps: int) -> float:
        # A step index is compared with the bound in steps: 0.3 * 10 must be 3, which it is.
        return factors[bisect_right([round(end * n_steps) for end in ends], step)]

    return factor


def cosine(final: float = 0.0) -> Schedule:
    """eta(t) falls from eta at the first step to final * eta at the end along half a cosine."""

    def factor(step: int, n_steps: int) -> float:
        return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * step / n_steps))

    return factor


def n_cycle(
    n_cycles: int = 1, share: float = 0.9, start: float = 0.1, final: float = 1e-5
) -> Schedule:
    """Linear from eta_min up to eta_max and back, n times, then down to eta_0 (section 7.4).

    With one cycle it is torch's OneCycleLR with three phases, linear, and pct_start = share / 2.

    Args:
        n_cycles: n.
        share: of the steps that the cycles take, in (0, 1).
        start: eta_min / eta_max.
        final: eta_0 / eta_max; eta_max = 0.1 has the eta_0 = 1e-6 of the notes.
    """
    if n_cycles < 1 or not 0 < share < 1:
        raise ValueError(f"give at least one cycle and 0 < share < 1, got {n_cycles} and {share}")
    values = [start, *[1.0, start] * n_cycles, final]

    def factor(step: int, n_steps: int) -> float:
        half = share * n_steps / (2 * n_cycles) - 1.0
        knots = [0.0, *(j * half for j in range(1, 2 * n_cycles + 1)), n_steps - 1.0]
        for j in range(1, len(knots)):
            if step <= knots[j] and knots[j] > knots[j - 1]:
                t = (step - knots[j - 1]) / (knots[j] - knots[j - 1])
                return values[j - 1] + t * (values[j] - values[j - 1])
        return final

    return factor


def one_cycle(share: float = 0.9, start: float = 0.1, final: float = 1e-5) -> Schedule:
    """One cycle of `n_cycle`, as the notes draw it."""
    return n_cycle(1, share, start, final)


SCHEDULES: Mapping[str, Callable[..., Schedule]] = MappingProxyType(
    {
        "constant": constant,
        "power": power,
        "exponential": exponential,
        "piecewise": piecewise,
        "cosine": cosine,
        "one-cycle": one_cycle,
        "n-cycle": n_cycle,
    }
)

"""Quantiles of Student's t without SciPy, whose import costs a fifth of a second.

With w = sqrt(v log(1 + t^2/v)), v degrees of freedom, the distribution is close to normal for any
v, and exactly

    P(T > t) = C int_w^inf exp(-s^2/2) sqrt(y / (1 - exp(-y))) ds,   y = s^2/v,

with C the density at t = 0. The integrand is smooth and positive, so one quadrature serves all v.
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import exp, expm1, gamma, inf, log, pi, sqrt

import numpy as np

from mlcli.errors import NoAnswerError
from mlcli.linear.arrays import Floats

STEPS = 200
# exp(-s^2/2) is below the smallest float from here on.
FAR = 60.0
# Newton doubles the digits: after a step of this share the next one would change nothing.
CLOSE = 1e-10


@lru_cache(maxsize=256)
def student_t_quantile(p: float, dof: float) -> float:
    """The t with P(T <= t) = p for Student's distribution with `dof` degrees of freedom.

    Newton steps, kept in a bracket, on the logarithm of the tail, or for p near 1/2 of the part
    between 0 and t, which is then the one known without cancellation.

    Raises:
        ValueError: p is not strictly between 0 and 1, or dof is not positive and finite.
    """
    if not 0 < p < 1:
        raise ValueError(f"the probability must be between 0 and 1, got {p}")
    if not 0 < dof < inf:
        raise ValueError(f"the degrees of freedom must be positive and finite, got {dof}")
    if p == 0.5:
        return 0.0
    sign = 1.0 if p > 0.5 else -1.0
    w = _solve(abs(p - 0.5), min(p, 1.0 - p), dof)
    y = w * w / dof
    # sqrt(v expm1(y)) without overflow before t itself overflows.
    return sign * sqrt(dof) * sqrt(-expm1(-y)) * exp(y / 2) if y < 1400 else sign * inf


def _solve(central: float, tail: float, dof: float) -> float:
    """w > 0 with the probability `central` between 0 and t and `tail` beyond t."""
    peak = _peak(dof)
    low, high = 0.0, FAR
    w = min(central / peak, sqrt(-2 * log(2 * tail)) if tail < 0.5 else 1.0)
    for _ in range(STEPS):
        slope = float(_integrand(np.array([w]), dof)[0])
        if central < tail:
            part = _integral(0.0, w, dof)
            step = part / slope * exp(w * w / 2) * log(central / (peak * part))
        else:
            # The integral lacks the factor exp(-w^2/2), which may vanish, and so does the slope.
            rest = _integral(w, FAR, dof)
            step = rest / slope * (log(peak * rest / tail) - w * w / 2)
        if abs(step) <= CLOSE * w:
            return w + step
        low, high = (w, high) if step > 0 else (low, w)
        w = w + step if low < w + step < high else (low + high) / 2
    raise NoAnswerError(
        f"the quantile of Student's t with {dof:g} degrees of freedom did not converge: its "
        f"residual is {abs(step / w):.2g} of it, above {CLOSE:g}"
    )


def _integral(start: float, stop: float, dof: float) -> float:
    """int exp(-(s^2 - start^2)/2) sqrt(y/(1 - exp(-y))) ds over [start, stop], y = s^2/v."""
    # Beyond `reach` the exponential is below 1e-20 of its value at the start.
    reach = 92.0 / (start + sqrt(start * start + 92.0))
    length = min(stop - start, reach)
    nodes, weights = _tanh_sinh()
    v = length * nodes
    values = np.exp(-v * (start + v / 2)) * _integrand(start + v, dof)
    return length * float(weights @ values)


def _integrand(s: Floats, dof: float) -> Floats:
    y = s * s / dof
    return np.sqrt(np.where(y > 1e-20, y, 1.0) / np.where(y > 1e-20, -np.expm1(-y), 1.0))


@cache
def _tanh_sinh() -> tuple[Floats, Floats]:
    """Nodes and weights of the double-exponential rule on [0, 1]."""
    step = 1 / 24
    k = np.arange(-84, 85) * step
    q = np.exp(-np.pi * np.sinh(k))
    return 1 / (1 + q), step * np.pi * np.cosh(k) * q / (1 + q) ** 2


def _peak(dof: float) -> float:
    """The density at 0, Gamma((v+1)/2) / (Gamma(v/2) sqrt(v pi))."""
    a = dof / 2
    if a < 80:
        return gamma(a + 0.5) / gamma(a) / sqrt(dof * pi)
    # Differences of lgamma lose digits as v grows; this series gains them.
    q = 1 / (a * a)
    return exp((-1 / 8 + q * (1 / 192 - q / 640)) / a) / sqrt(2 * pi)

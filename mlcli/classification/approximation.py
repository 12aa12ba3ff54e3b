"""Any function of x: from threshold units, eqs (6.3) to (6.11), and from polynomials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import frexp, ldexp, lgamma, log, pi

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.perceptron import ThresholdUnit
from mlcli.classification.softmax import sigmoid

Floats = NDArray[np.float64]
BLOCK = 4096
# Chebyshev points at which the best polynomial is bounded from below.
N_REFERENCE = 8192


def step_unit(s: float, w: float = 1.0) -> ThresholdUnit:
    """Theta(w x + b) with b = -w s, eq (6.7): it fires where x > s if w > 0, else where x < s.

    Raises:
        ValueError: w is 0, so that the unit has no threshold.
    """
    if w == 0:
        raise ValueError("the weight of a step must not be 0")
    return ThresholdUnit((w,), -w * s)


def bump(x: Floats, s_1: float, s_2: float, h: float, w: float = 1.0) -> Floats:
    """h (f_{s_1}(x) - f_{s_2}(x)), eqs (6.8) and (6.9): h between s_1 and s_2 and 0 elsewhere.

    That needs w > 0, which (6.9) does not say: negative weights invert the sign.

    Args:
        x: points, (n,).
        s_1: where the bump starts.
        s_2: where it ends, s_2 > s_1.
        h: its height.
        w: weight of both units.
    """
    rows = x[:, None]  # (n, 1)
    return np.asarray(h * (step_unit(s_1, w).fire(rows) - step_unit(s_2, w).fire(rows)), np.float64)


@dataclass(frozen=True)
class Staircase:
    """f_0 of (6.5): N bumps of width w between `edges`, each from two units.

    Attributes:
        edges: x_0 .. x_N of (6.4), (N + 1,).
        heights: f at the middles of the bins (6.6), (N,).
    """

    edges: Floats
    heights: Floats

    def evaluate(self, x: Floats, steepness: float | None = None) -> Floats:
        """sum_j h_j (f_{x_{j-1}}(x) - f_{x_j}(x)), eq (6.11), at x (n,).

        Args:
            x: points.
            steepness: lambda of sigma(lambda (x - s)) in place of Theta(x - s); the step is its
                limit lambda to infinity, where (5.15) prints 0.
        """
        # Units at the same edge are one: its output weight is the difference of two heights.
        weights = np.diff(self.heights, prepend=0.0, append=0.0)  # (N + 1,)
        found = np.empty(x.size)
        for start in range(0, x.size, BLOCK):
            part = slice(start, start + BLOCK)
            found[part] = self._units(x[part], steepness) @ weights
        return found

    def _units(self, x: Floats, steepness: float | None) -> Floats:
        distance = x[:, None] - self.edges  # (n, N + 1)
        if steepness is None:
            return (distance > 0).astype(np.float64)
        with np.errstate(over="ignore"):
            return sigmoid(steepness * distance)


def staircase(f: Callable[[Floats], Floats], low: float, high: float, n_bins: int) -> Staircase:
    """The approximation of f over [low, high] with n_bins bins."""
    edges = np.linspace(low, high, n_bins + 1)
    return Staircase(edges, f(edges[:-1] / 2 + edges[1:] / 2))


def area_from_step(steepness: float, reach: float) -> float:
    """Area between sigma(lambda z) and the step Theta(z) of (5.15) over |z| < reach.

    2 [ln 2 - ln(1 + exp(-lambda reach))] / lambda, which is 2 ln 2 / lambda for a large reach: the
    sigmoid tends to the step as lambda grows, while their distance at z = 0 stays 1/2.
    """
    return float(2.0 * (np.log(2.0) - np.logaddexp(0.0, -steepness * reach)) / steepness)


def chebyshev_points(low: float, high: float, n: int) -> Floats:
    """The n zeros of the Chebyshev polynomial of degree n, moved to [low, high], descending."""
    u = np.cos(pi * (np.arange(n) + 0.5) / n)
    return np.asarray(low / 2 + high / 2 + (high - low) / 2 * u)


def chebyshev_coefficients(values: Floats) -> Floats:
    """Coefficients in Chebyshev polynomials of the interpolant of values at their points, (n,)."""
    n = values.size
    doubled = np.fft.fft(np.concatenate([values, values[::-1]]))[:n]
    coefficients = (doubled * np.exp(-0.5j * pi * np.arange(n) / n)).real / n
    coefficients[0] /= 2
    return np.asarray(coefficients)


def chebyshev_interpolant(
    f: Callable[[Floats], Floats], low: float, high: float, n: int, x: Floats
) -> Floats:
    """The polynomial of degree n - 1 that agrees with f at n Chebyshev points, at x."""
    coefficients = chebyshev_coefficients(f(chebyshev_points(low, high, n)))
    u = (x - low / 2 - high / 2) / ((high - low) / 2)
    return np.asarray(np.polynomial.chebyshev.chebval(u, coefficients))


def lebesgue_bound(n: int) -> float:
    """1 + 2/pi ln n: no n Chebyshev points enlarge a function more (Rivlin).

    So the interpolant's largest error is at most 2 + 2/pi ln n times that of the best polynomial.
    """
    return 1.0 + 2.0 / pi * log(n)


def best_errors_from_below(
    f: Callable[[Floats], Floats], low: float, high: float, counts: list[int]
) -> Floats:
    """What the largest error of any polynomial with n coefficients is at least, for each n.

    At N Chebyshev points the largest error is at least the root mean square one, and in their
    orthogonal polynomials that is at least sqrt(sum_{k >= n} c_k^2 / 2), whatever the polynomial.
    """
    c = chebyshev_coefficients(f(chebyshev_points(low, high, N_REFERENCE)))
    unit = frexp(float(np.abs(c).max()))[1]  # a power of two, so that no square is too large
    left = np.sqrt(np.cumsum(np.ldexp(c, -unit)[::-1] ** 2)[::-1] / 2)  # k >= n, at the place n
    return np.asarray([ldexp(float(left[n]), unit) if n < N_REFERENCE else 0.0 for n in counts])


def bernstein(f: Callable[[Floats], Floats], low: float, high: float, n: int, x: Floats) -> Floats:
    """Bernstein's polynomial of degree n - 1 of f, at x: the mean of f at a random place.

    sum_k f(low + (high - low) k / (n - 1)) P(K = k), K binomial with n - 1 trials of chance
    (x - low) / (high - low). It tends to any continuous f, as Weierstrass's theorem has it.
    """
    m = n - 1
    k = np.arange(n)
    heights = f(low + (high - low) * k / max(m, 1))
    chances = np.array([lgamma(m + 1) - lgamma(j + 1) - lgamma(m - j + 1) for j in range(n)])
    share = np.clip((x - low) / (high - low), 0.0, 1.0)
    with np.errstate(divide="ignore"):
        log_share, log_rest = np.log(share), np.log1p(-share)
    found = np.empty(x.size)
    for start in range(0, x.size, BLOCK // 8):
        part = slice(start, start + BLOCK // 8)
        # 0 times log 0 is 0: no trial of chance 0 has to come true.
        first, rest = (
            np.multiply(
                count, logs[part, None], out=np.zeros((logs[part].size, n)), where=count > 0
            )
            for count, logs in ((k, log_share), (m - k, log_rest))
        )
        found[part] = np.exp(chances + first + rest) @ heights
    return found

"""Numerical derivatives, to check backpropagation with (the footnote of section 6.3).

Their error has two parts. Of the expansion in the step epsilon remains epsilon^2/6 E''' of the
central difference and epsilon/2 E'' of the one-sided one; and E itself is rounded, which the
division by epsilon enlarges. The sum is least near the cube root of the machine's precision for the
central difference, and near its square root for the one-sided one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.backpropagation.activations import ActivationFunction
from mlcli.backpropagation.backpropagation import LayerCache, LayerGradient, forward
from mlcli.backpropagation.layers import Network

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]
# u: the largest relative error of one rounded operation.
UNIT = float(np.finfo(np.float64).eps) / 2
# The step at which derivatives of higher order are taken from gradients.
REACH = float(np.finfo(np.float64).eps) ** (1 / 4)


def central_differences(
    f: Callable[[], float], x: Floats, step: float | None = None
) -> NDArray[np.float64]:
    """dE/dx by [E(x + epsilon) - E(x - epsilon)] / (2 epsilon), entry by entry; the shape of x.

    (6.17) made symmetric: the error falls with epsilon^2 instead of epsilon. It takes 2W forward
    passes for W entries; the one-sided form takes W + 1, not the 2W of the notes. Backpropagation
    takes one forward and one backward pass.

    Args:
        f: E as a function of the current values of the array x.
        x: contiguous array that f reads; it is changed during the call and restored.
        step: epsilon; by default the cube root of the machine's precision, where the errors of
            rounding and of curvature are about equal.

    Raises:
        ValueError: x is not contiguous, so that it has no flat view.
    """
    if not x.flags.c_contiguous:
        raise ValueError("x must be contiguous")
    epsilon = float(np.finfo(x.dtype).eps) ** (1 / 3) if step is None else step
    flat = x.reshape(-1)  # (W,)
    derivative = np.empty(flat.size)
    for i, entry in enumerate(flat.copy()):
        flat[i] = entry + epsilon
        above, right = f(), float(flat[i])
        flat[i] = entry - epsilon
        below, left = f(), float(flat[i])
        flat[i] = entry
        # The distance after rounding, which is not exactly 2 epsilon.
        derivative[i] = (above - below) / (right - left)
    return derivative.reshape(x.shape)


def one_sided_differences(f: Callable[[], float], x: Floats, step: float) -> Array:
    """dE/dx by [E(x + epsilon) - E(x)] / epsilon, (6.17) as it is printed; the shape of x.

    It takes W + 1 forward passes: E(x) is the same for every entry.

    Args:
        f, x: as of `central_differences`.
        step: epsilon.

    Raises:
        ValueError: x is not contiguous, so that it has no flat view.
    """
    if not x.flags.c_contiguous:
        raise ValueError("x must be contiguous")
    flat = x.reshape(-1)  # (W,)
    derivative, here = np.empty(flat.size), f()
    for i, entry in enumerate(flat.copy()):
        flat[i] = entry + step
        derivative[i] = (f() - here) / (float(flat[i]) - float(entry))
        flat[i] = entry
    return derivative.reshape(x.shape)


def higher_derivatives(
    gradient: Callable[[], Floats], x: Floats, step: float = REACH
) -> tuple[Array, Array]:
    """E'' and E''' along each entry of the vector x, (W,) each, by differences of gradients.

    What is below the rounding error of the third derivative is 0: along one weight of a network of
    straight lines with squared error E is a parabola.

    Args:
        gradient: dE/dx, (W,), at the current values of x.
        x: vector that it reads; it is changed during the call and restored.
        step: of the differences.
    """
    here = gradient()
    second, third = np.empty(x.size), np.empty(x.size)
    for i, entry in enumerate(x.copy()):
        x[i] = entry + step
        above = gradient()[i]
        x[i] = entry - step
        below = gradient()[i]
        x[i] = entry
        second[i] = (above - below) / (2 * step)
        third[i] = (above - 2 * here[i] + below) / step**2
    noise = 64 * UNIT * float(np.abs(here).max(initial=0.0)) / step**2
    third[np.abs(third) < noise] = 0.0
    return second, third


def rounding_of_loss(
    network: Network,
    caches: Sequence[LayerCache],
    gradients: Sequence[LayerGradient],
    size_of_loss: float,
) -> float:
    """By how much E is off because its sums are rounded, to first order: in units of E.

    u [|E| + sum_{l, k, alpha} |delta_kalpha^(l)| (sum_j |w_kj^(l) z_jalpha^(l-1)| + |b_k^(l)|)]:
    an error of a preactivation reaches E with the factor delta = dE/da. It is the size of one
    rounding of each sum, not a bound.

    Args:
        network: without normalisation.
        caches, gradients: of `backpropagation.forward` and `backward`.
        size_of_loss: |E|, or the largest number that E is computed from if it is larger.
    """
    total = size_of_loss
    for layer, past, found in zip(network, caches, gradients, strict=True):
        terms = np.abs(past.z_in) @ np.abs(layer.W).T + np.abs(layer.b)  # (m_B, n_out)
        total += float((np.abs(found.delta) * terms).sum())
    return UNIT * total


@dataclass(frozen=True)
class DifferenceError:
    """What theory says of the error of the differences, in units of dE/dw.

    Attributes:
        second, third: largest |E''| and |E'''| along a weight that is checked.
        rounding: of E, as `rounding_of_loss` gives it.
    """

    second: float
    third: float
    rounding: float

    def central(self, step: float | Array) -> Any:
        """epsilon^2/6 |E'''| + r/epsilon: two roundings of E, divided by 2 epsilon."""
        truncation, rounding = self.central_parts(step)
        return truncation + rounding

    def central_parts(self, step: float | Array) -> tuple[Any, Any]:
        """The two terms of `central`: of the expansion that is cut off, and of rounding."""
        return step**2 / 6 * self.third, self.rounding / step

    def one_sided(self, step: float | Array) -> Any:
        """epsilon/2 |E''| + 2 r/epsilon."""
        return step / 2 * self.second + 2 * self.rounding / step

    @property
    def best_central(self) -> float:
        """The step of the least error, (3 r / |E'''|)^(1/3); infinite if E''' = 0."""
        return float(np.cbrt(3 * self.rounding / self.third)) if self.third > 0 else float("inf")


def units_at_kink(
    network: Network, X: Floats, w: Floats, reach: float
) -> list[set[tuple[int, int]]]:
    """For each weight the hidden units that change sides when the weight moves by +-reach.

    A difference across such a kink is the mean of two slopes, and neither of them is wrong.

    Args:
        network: with parameters that are views of w, from `layers.on_one_vector`.
        X: rows, (m_B, D).
        w: its parameters, (W,); changed during the call and restored.
        reach: by how much each weight moves.

    Returns:
        Pairs of layer and unit, both from 1, for each weight; empty sets if h is smooth.
    """
    rough = [
        i
        for i, layer in enumerate(network)
        if isinstance(layer.h, ActivationFunction) and not layer.h.smooth
    ]
    if not rough:
        return [set() for _ in w]

    def sides() -> list[NDArray[np.bool_]]:
        caches = forward(network, X)[1]
        return [caches[i].z > 0 for i in rough]

    here, found = sides(), []
    for place, entry in enumerate(w.copy()):
        crossed: set[tuple[int, int]] = set()
        for moved in (entry + reach, entry - reach):
            w[place] = moved
            for i, before, after in zip(rough, here, sides(), strict=True):
                units = np.flatnonzero((before != after).any(axis=0))
                crossed |= {(i + 1, int(k) + 1) for k in units}
        w[place] = entry
        found.append(crossed)
    return found


def largest_moves(network: Network, X: Floats, w: Floats, reach: float) -> Array:
    """By how much each weight moves any preactivation of any row when it moves by +-reach, (W,).

    The expansion behind a difference needs this to be small.

    Args:
        network, X, w, reach: as of `units_at_kink`.
    """

    def sums() -> list[Floats]:
        caches = forward(network, X)[1]
        return [past.z_in @ one.W.T + one.b for one, past in zip(network, caches, strict=True)]

    here, found = sums(), np.empty(w.size)
    for place, entry in enumerate(w.copy()):
        moves = []
        for moved in (entry + reach, entry - reach):
            w[place] = moved
            moves += [np.abs(a - b).max() for a, b in zip(here, sums(), strict=True)]
        w[place] = entry
        found[place] = max(moves)
    return found


def relative_error(found: Floats, expected: Floats) -> float:
    """|found - expected| / max(|found|, |expected|) in the Euclidean norm; 0 if both vanish."""
    size = max(float(np.linalg.norm(found)), float(np.linalg.norm(expected)))
    return float(np.linalg.norm(found - expected)) / size if size > 0 else 0.0

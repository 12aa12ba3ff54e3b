"""The check of one seed's gradients: by sums, by matrices, and by differences of every size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.backpropagation.backpropagation import backward, forward
from mlcli.backpropagation.by_sums import BackwardSums, ForwardSums, backward_sums, forward_sums
from mlcli.backpropagation.gradient_check import (
    REACH,
    DifferenceError,
    central_differences,
    higher_derivatives,
    largest_moves,
    one_sided_differences,
    rounding_of_loss,
    units_at_kink,
)
from mlcli.backpropagation.layers import Network, on_one_vector
from mlcli.certificate import Certificate
from mlcli.errors import NoAnswerError
from mlcli.experiments.backprop.problem import SQUARE, PreparedBackprop

Array = NDArray[np.floating[Any]]
PRECISION = float(np.finfo(np.float64).eps)
CENTRAL_STEP, ONE_SIDED_STEP = PRECISION ** (1 / 3), PRECISION ** (1 / 2)
# Two in each decade.
STEPS = np.logspace(-13.0, 0.0, 27)
# A difference that is exact by luck still has a logarithm.
LEAST = 1e-18
# Where the power of the step is read off: this far from the best step, and below this step.
APART, LARGEST = 5.0, 0.04
FEWEST = 3
LARGEST_MOVE = 0.1


@dataclass(frozen=True)
class Checked:
    """What is known of the gradient of one seed's network on the minibatch.

    Attributes:
        E: of the minibatch, (6.18).
        passes: the passes of each row by sums.
        gradient: dE/dw by matrices, (W,), in the order of `layers.parameters`.
        sums: the same by the sums of (6.38).
        central, one_sided: at the steps `CENTRAL_STEP` and `ONE_SIDED_STEP`, (W,) each.
        n_passes: forward passes that these two took.
        at_kink: for each weight the units whose kink is within `REACH`.
        steep: which weights move a preactivation by more than `LARGEST_MOVE` with such a step.
        central_error, one_sided_error: largest error over the largest gradient at each of `STEPS`;
            NaN where every weight is left out.
        left_out: how many weights are at each of `STEPS`: a larger step crosses more kinks.
        theory: of these errors, in units of the gradient.
        scale: the largest gradient, or 1 if all are 0.
        certificate: of the check; None if every weight is left out.
    """

    E: float
    passes: list[tuple[ForwardSums, BackwardSums]]
    gradient: Array
    sums: Array
    central: Array
    one_sided: Array
    n_passes: tuple[int, int]
    at_kink: list[set[tuple[int, int]]]
    steep: NDArray[np.bool_]
    central_error: Array
    one_sided_error: Array
    left_out: NDArray[np.int64]
    theory: DifferenceError
    scale: float
    certificate: Certificate | None

    @property
    def left_out_because(self) -> list[str]:
        """Why the check leaves out a weight, for each; empty for those that it has."""
        reasons = zip(self.at_kink, self.steep.tolist(), strict=True)
        return [
            f"kink of {kink_names(units)}" if units else "step too large" if steep else ""
            for units, steep in reasons
        ]

    @property
    def largest_difference(self) -> float:
        """Of the gradients by sums from those by matrices, over the largest gradient."""
        return float(np.abs(self.sums - self.gradient).max()) / self.scale

    @property
    def measured_step(self) -> float:
        """The step whose central differences are closest; NaN if there is none."""
        known = np.isfinite(self.central_error)
        return float(STEPS[known][self.central_error[known].argmin()]) if known.any() else np.nan

    @property
    def slopes(self) -> tuple[float, float, float]:
        """Powers of the step: central and one-sided above the best step, central below it."""
        best = self.theory.best_central
        one_sided_best = (
            2 * (self.theory.rounding / self.theory.second) ** 0.5
            if self.theory.second > 0
            else np.inf
        )
        return (
            _power(self.central_error, APART * best, LARGEST),
            _power(self.one_sided_error, APART * one_sided_best, LARGEST),
            _power(self.central_error, 0.0, min(best, LARGEST) / APART),
        )


def kink_names(units: set[tuple[int, int]]) -> str:
    """Units as ``a_2(1) a_3(1)``."""
    return " ".join(f"a_{k}({i})" for i, k in sorted(units))


def _power(errors: Array, low: float, high: float) -> float:
    """The slope of log error against log step between two steps; NaN if it can't be read off."""
    there = (low <= STEPS) & (high >= STEPS) & np.isfinite(errors) & (errors > LEAST)
    if there.sum() < FEWEST:
        return float("nan")
    return float(np.polyfit(np.log(STEPS[there]), np.log(errors[there]), 1)[0])


def check_seed(prepared: PreparedBackprop, index: int) -> Checked:
    """Gradients of one seed's network in three forms, and the errors of the differences.

    Raises:
        NoAnswerError: E or a gradient is not finite.
    """
    X, T = prepared.X, prepared.T
    network, w = on_one_vector(prepared.network(index))
    with np.errstate(over="ignore", invalid="ignore"):
        E, gradient, rounding = _by_matrices(prepared, network)
    if not (np.isfinite(E) and np.isfinite(gradient).all() and np.isfinite(rounding)):
        raise NoAnswerError(
            "E and its gradients",
            must="finite",
            got=f"E = {E:g}",
            hint="inputs or weights of smaller size",
        )
    calls = [0]

    def loss() -> float:
        calls[0] += 1
        return prepared.loss_of(forward(network, X)[0], T)[0]

    with np.errstate(over="ignore", invalid="ignore"):
        central = central_differences(loss, w, CENTRAL_STEP)
        n_central, calls[0] = calls[0], 0
        one_sided = one_sided_differences(loss, w, ONE_SIDED_STEP)
        n_one_sided = calls[0]
        second, third = higher_derivatives(lambda: _by_matrices(prepared, network)[1], w)
        at_kink = units_at_kink(network, X, w, REACH)
        scale = float(np.abs(gradient).max()) or 1.0
        # Where a step moves a sum by much, or across a kink, the expansion says nothing.
        steep = ~(largest_moves(network, X, w, REACH) <= LARGEST_MOVE)
        free = np.array([not units for units in at_kink]) & ~steep
        theory = DifferenceError(
            float(np.abs(second[free]).max(initial=0.0)),
            float(np.abs(third[free]).max(initial=0.0)),
            rounding,
        )
        errors = _errors_by_step(prepared, network, w, gradient, free, loss)
        errors[:2] /= scale
        certificate = _certificate(prepared, np.abs(central - gradient)[free], theory, scale)
    passes = [_passes(prepared, network, x, t) for x, t in zip(X, T, strict=True)]
    return Checked(
        E,
        passes,
        gradient,
        np.mean([_flat(one) for _, one in passes], axis=0),
        central,
        one_sided,
        (n_central, n_one_sided),
        at_kink,
        steep,
        errors[0],
        errors[1],
        errors[2].astype(int),
        theory,
        scale,
        certificate,
    )


def _certificate(
    prepared: PreparedBackprop, differences: Array, theory: DifferenceError, scale: float
) -> Certificate | None:
    """The largest difference at the fixed step against what theory allows there."""
    if not differences.size:
        return None
    # Each sum has as many roundings as terms, and a few more are in h and in the loss.
    n_roundings = max(prepared.sizes) + 4
    allowed = 2 * CENTRAL_STEP**2 / 6 * theory.third + n_roundings * theory.rounding / CENTRAL_STEP
    return Certificate(
        "largest error over largest gradient", float(differences.max()) / scale, allowed / scale
    )


def _by_matrices(prepared: PreparedBackprop, network: Network) -> tuple[float, Array, float]:
    """E, its gradient (W,), and the rounding error of E."""
    A, caches = forward(network, prepared.X)
    E, delta = prepared.loss_of(A, prepared.T)
    found = backward(network, caches, delta)
    gradient = np.concatenate([array.ravel() for one in found for array in one.arrays])
    size = abs(E)
    if prepared.loss != SQUARE:
        # E is a logarithm minus a_t: both may be larger than it.
        size += float(np.abs(A).max(axis=1).mean())
    return E, gradient, rounding_of_loss(network, caches, found, size)


def _errors_by_step(
    prepared: PreparedBackprop,
    network: Network,
    w: Array,
    gradient: Array,
    free: NDArray[np.bool_],
    loss: Any,
) -> Array:
    """Largest errors of central and one-sided differences, and weights left out: (3, steps)."""
    found = np.empty((3, STEPS.size))
    for place, step in enumerate(STEPS):
        # A weight near a kink has no theory, and a larger step may cross further kinks.
        kept = free.copy()
        if step > REACH:
            kept &= [not units for units in units_at_kink(network, prepared.X, w, float(step))]
        found[2, place] = kept.size - kept.sum()
        for row, differences in enumerate((central_differences, one_sided_differences)):
            error = np.abs(differences(loss, w, float(step)) - gradient)[kept]
            found[row, place] = max(float(error.max()), LEAST) if error.size else np.nan
    return found


def _passes(
    prepared: PreparedBackprop, network: Network, x: Array, t: Array
) -> tuple[ForwardSums, BackwardSums]:
    """Both passes of one row by sums."""
    found = forward_sums(network, x.tolist(), prepared.output)
    delta = prepared.loss_of(np.array([found.a[-1]]), t[None])[1][0]
    return found, backward_sums(network, found, delta.tolist())


def _flat(found: BackwardSums) -> Array:
    """Gradients in the order of `layers.parameters`."""
    parts = [np.ravel(one) for W, b in zip(found.W[1:], found.b[1:], strict=True) for one in (W, b)]
    return np.concatenate(parts)

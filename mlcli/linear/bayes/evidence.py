"""Evidence maximisation: the precisions that the data make most probable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlcli.errors import NoAnswerError
from mlcli.linear.arrays import Floats
from mlcli.linear.bayes.spectrum import Spectrum, log_evidence

# Starting points over the decades between data that decide everything and a prior that does.
N_STARTS = 400
LOWEST, HIGHEST = 1e-20, 1e10
# How much lower is looked where nothing was found.
FAR_BELOW = 1e-5
BISECTIONS = 80
# A slope below this is level.
LEVEL = 1e-9


@dataclass(frozen=True)
class EvidenceMaximum:
    """The highest maximum of ln p(t | alpha, beta).

    Attributes:
        prior_precision: alpha, in 1 / weight^2.
        noise_precision: beta, in 1 / target^2.
        log_evidence: in nats.
        effective_parameters: gamma.
        n_maxima: local maxima that were found.
        at_limit: whether the evidence still rose at the strongest prior that was tried: the
            columns explain nothing, and alpha has no finite best value.
    """

    prior_precision: float
    noise_precision: float
    log_evidence: float
    effective_parameters: float
    n_maxima: int
    at_limit: bool


def maximise_evidence(
    data: Spectrum, prior_precision: float | None = None, noise_precision: float | None = None
) -> EvidenceMaximum:
    """Find the precisions that are not given.

    At a maximum alpha = gamma / m^T m and beta = (N - gamma) / rss (MacKay's conditions). Instead
    of iterating them, which crawls, the one that is left after the other is solved for becomes a
    root on a line: with both free beta = N / (rss + ratio m^T m) for any ratio = alpha / beta. The
    line is scanned from end to end first, since there can be several maxima.

    Args:
        data: the spectrum of [Phi t].
        prior_precision: alpha > 0, or None to find it.
        noise_precision: beta > 0, or None to find it.

    Raises:
        NoAnswerError: the evidence has no finite maximum, since the columns fit the target exactly.
    """
    if prior_precision is not None and noise_precision is not None:
        return _described(data, prior_precision, noise_precision, 1, False)
    top = float(data.s.max(initial=0.0)) ** 2 or 1.0
    total = float(data.z @ data.z) + data.rest
    if total == 0.0 or data.n_rows == 0:
        raise NoAnswerError("a target that is zero in every row leaves the precisions open")

    def pair(ratio: Floats) -> tuple[Floats, Floats]:
        if prior_precision is not None:
            return np.full_like(ratio, prior_precision), prior_precision / ratio
        if noise_precision is not None:
            return ratio * noise_precision, np.full_like(ratio, noise_precision)
        beta = data.n_rows / np.maximum(data.energy(ratio), np.finfo(float).tiny)
        return ratio * beta, beta

    def slope(ratio: Floats) -> Floats:
        """Twice the derivative of the log evidence along the line, in ln ratio."""
        alpha, beta = pair(ratio)
        gamma = data.effective_parameters(ratio)
        if prior_precision is None:
            return gamma - alpha * data.mean_square(ratio)
        return beta * data.rss(ratio) + gamma - data.n_rows

    # With alpha fixed the line runs over beta, whose scale is the target's.
    scale = top if prior_precision is None else prior_precision * total / data.n_rows
    ratios = scale * np.geomspace(LOWEST, HIGHEST, N_STARTS)
    maxima, at_limit = maxima_along(slope, ratios, finite_top=prior_precision is not None)
    if not maxima and prior_precision is None:
        maxima, _ = maxima_along(slope, further_down(ratios), finite_top=True)
    if not maxima:
        raise NoAnswerError(
            "the evidence has no maximum: the columns fit the target exactly, and the noise "
            "precision grows without bound",
            hint="--noise-precision, a lower --degree, or more rows",
        )
    alphas, betas = pair(np.array(maxima))
    pairs = zip(alphas.tolist(), betas.tolist(), strict=True)
    found = [_described(data, *pair_of, len(maxima), False) for pair_of in pairs]
    best = max(found, key=lambda one: one.log_evidence)
    on_limit = at_limit and best is found[-1]
    return _described(data, best.prior_precision, best.noise_precision, len(maxima), on_limit)


def further_down(ratios: Floats) -> Floats:
    """Ratios below all of these, for a target whose mean is ten million times its noise.

    The rounding of an exact fit lies lower still.
    """
    return np.asarray(ratios[0] * np.geomspace(FAR_BELOW, 1.0, N_STARTS))


def _described(
    data: Spectrum, alpha: float, beta: float, n_maxima: int, at_limit: bool
) -> EvidenceMaximum:
    gamma = float(data.effective_parameters(alpha / beta))
    value = log_evidence(data, alpha, beta)
    return EvidenceMaximum(alpha, beta, value, gamma, n_maxima, at_limit)


def maxima_along(
    slope: Callable[[Floats], Floats], ratios: Floats, *, finite_top: bool
) -> tuple[list[float], bool]:
    """Where the slope falls through zero; and whether it is still positive at the far end.

    Args:
        slope: of many ratios at once.
        ratios: rising, from end to end.
        finite_top: False takes a slope that is positive to the end for a maximum there.
    """
    values = slope(ratios)
    # Where the evidence is level, as it is when as many columns as rows fit exactly, the sign of
    # the slope is rounding's.
    steep = np.abs(values) > LEVEL
    places, signs = ratios[steep], values[steep]
    falls = np.flatnonzero((signs[:-1] > 0) & (signs[1:] < 0))
    found = _roots(slope, places[falls], places[falls + 1]).tolist()
    at_limit = bool(values[-1] > 0) and not finite_top
    return ([*found, float(ratios[-1])] if at_limit else found), at_limit


def _roots(slope: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """Bisection of all brackets at once, in the logarithm, to the last bit."""
    for _ in range(BISECTIONS):
        middle = np.sqrt(low) * np.sqrt(high)
        inside = (low < middle) & (middle < high)
        if not inside.any():
            break
        up = slope(middle) > 0
        low, high = np.where(inside & up, middle, low), np.where(inside & ~up, middle, high)
    return np.asarray(np.sqrt(low) * np.sqrt(high))

"""Evidence maximisation: the precisions that the data make most probable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mlcli.certificate import Certificate
from mlcli.errors import NoAnswerError
from mlcli.linear.arrays import Floats
from mlcli.linear.bayes.posterior import Spectrum, log_evidence

# Starting points over the decades between data that decide everything and a prior that does.
N_STARTS = 400
LOWEST, HIGHEST = 1e-20, 1e10
# How much lower still, and at how many places.
FAR_BELOW, N_FAR = 1e-15, 200
# Noise of a smaller share of the target's root mean square is the rounding of an exact fit.
NO_NOISE = 1e-14
BISECTIONS = 80
# A slope below this is level.
LEVEL = 1e-9
# The slope at which a maximum counts as one: so much, and so much more a row.
SLOPE, SLOPE_A_ROW = 1e-5, 1e-9


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
        certificate: the largest derivative of the log evidence by the logarithms of the precisions
            that were looked for; None where both were given.
    """

    prior_precision: float
    noise_precision: float
    log_evidence: float
    effective_parameters: float
    n_maxima: int
    at_limit: bool
    certificate: Certificate | None


def evidence_certificate(slope: float, n_rows: int) -> Certificate:
    """Of a derivative of the log evidence by the logarithm of a precision, in nats.

    Curvatures there are of the order of the weights that are determined, and of N for the noise:
    at the tolerance the evidence is below its maximum by less than 1e-8 nats.
    """
    return Certificate("slope of the log evidence", slope, SLOPE + SLOPE_A_ROW * n_rows)


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
        return _described(data, prior_precision, noise_precision, 1, False, None)
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
    ratios = starts(scale, far=prior_precision is None)
    maxima, at_limit = maxima_along(slope, ratios, finite_top=prior_precision is not None)
    if noise_precision is None:
        least = NO_NOISE**2 * total / data.n_rows  # in units of 1 / beta
        maxima = [one for one in maxima if least * pair(np.array(one))[1] < 1.0]
    if not maxima:
        raise NoAnswerError(
            "the evidence has no maximum: the columns fit the target exactly, and the noise "
            "precision grows without bound",
            hint="--noise-precision, a lower --degree, or more rows",
        )
    alphas, betas = pair(np.array(maxima))
    pairs = zip(alphas.tolist(), betas.tolist(), strict=True)
    looked_for = (prior_precision is None, noise_precision is None)
    found = [_described(data, *pair_of, len(maxima), False, looked_for) for pair_of in pairs]
    best = max(found, key=lambda one: one.log_evidence)
    return replace(best, at_limit=at_limit and best is found[-1])


def starts(scale: float, *, far: bool) -> Floats:
    """Ratios between which the maxima are looked for, rising.

    Args:
        scale: of the ratio.
        far: go lower, for a target whose mean is ten million times its noise or more.
    """
    ratios = scale * np.geomspace(LOWEST, HIGHEST, N_STARTS)
    below = ratios[0] * np.geomspace(FAR_BELOW, 1.0, N_FAR)
    return np.concatenate([below[:-1], ratios]) if far else ratios


def _described(
    data: Spectrum,
    alpha: float,
    beta: float,
    n_maxima: int,
    at_limit: bool,
    looked_for: tuple[bool, bool] | None,
) -> EvidenceMaximum:
    gamma = float(data.effective_parameters(alpha / beta))
    value, certificate = log_evidence(data, alpha, beta), None
    if looked_for is not None:
        slopes = 0.5 * np.abs(
            [
                gamma - alpha * float(data.mean_square(alpha / beta)),
                data.n_rows - gamma - beta * float(data.rss(alpha / beta)),
            ]
        )
        certificate = evidence_certificate(float(slopes[list(looked_for)].max()), data.n_rows)
    return EvidenceMaximum(alpha, beta, value, gamma, n_maxima, at_limit, certificate)


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

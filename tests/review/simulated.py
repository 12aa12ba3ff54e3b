"""Simulated comparisons: many pairs of runs at once, and how each verdict comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Rng = np.random.Generator
N_SEEDS = (3, 5, 8, 16)
# The loss of the alternatives, and the margin, in standard deviations of a score over seeds.
STEP = 1.0


@dataclass(frozen=True)
class Law:
    """Two runs of the same code.

    Attributes:
        draw: rng, number of pairs of runs, n -> scores of both, (n_trials, n) each, more is better.
        std: of a score over seeds, the unit of losses and margins.
        paired: whether the same seed of both has something in common.
        overlap: n_test / n_train where seeds are splits of the same rows.
    """

    draw: Callable[[Rng, int, int], tuple[Array, Array]]
    std: float = 1.0
    paired: bool = True
    overlap: float = 0.0


def verdicts(
    a: Array, b: Array, margin: float, paired: bool, overlap: float = 0.0
) -> tuple[Array, Array]:
    """Worse, and not worse, for each row: the rule of `mlcli.review.decisions` for one metric.

    Args:
        a, b: scores, (n_trials, n_a) and (n_trials, n_b).
        margin: in the units of the scores.
        paired: whether column i of both is one seed.
        overlap: n_test / n_train.
    """
    n_a, n_b = a.shape[1], b.shape[1]
    difference = b.mean(axis=1) - a.mean(axis=1)
    if paired:
        spread = np.ptp(b - a, axis=1)
        error = (b - a).std(axis=1, ddof=1) * np.sqrt(1 / n_a + overlap)
        dof = np.full(a.shape[0], n_a - 1.0)
        exact = 2 * 0.5**n_a
    else:
        spread = np.maximum(np.ptp(a, axis=1), np.ptp(b, axis=1))
        parts = [one.var(axis=1, ddof=1) * (1 / one.shape[1] + overlap) for one in (a, b)]
        error = np.sqrt(parts[0] + parts[1])
        shares = [part / np.maximum(parts[0] + parts[1], 1e-300) for part in parts]
        weights = shares[0] ** 2 / (n_a - 1) + shares[1] ** 2 / (n_b - 1)
        dof = 1 / np.maximum(weights, 1e-300)
        exact = 2 / stats.binom(n_a + n_b, 0.5).pmf(n_a) * 0.5 ** (n_a + n_b)
    half = stats.t.ppf(0.975, dof) * error
    worse, not_worse = difference + half < -margin, difference - half >= -margin
    # Nothing varies: an exact test, unless rows are shared; the same scores are not worse.
    size = np.maximum(np.abs(a).max(axis=1), np.abs(b).max(axis=1))
    constant = spread <= 1e-9 * size
    decided = exact <= 0.05 and not overlap
    same = np.abs(difference) <= 1e-9 * size
    worse = np.where(constant, decided & ~same & (difference < -margin), worse)
    not_worse = np.where(constant, same | (decided & (difference >= -margin)), not_worse)
    return worse, not_worse


def rates(law: Law, n: int, n_trials: int, seed: int = 0) -> Mapping[str, float]:
    """How often a verdict comes out, for runs of n seeds.

    Returns:
        ``worse``: of the same code at margin 0; ``at_margin``: worse, if the true loss is the
        margin, which is half a step; ``power``: worse at margin 0, if the true loss is a step;
        ``not_worse``: of the same code at a margin of a step; ``accepted``: not worse at margin 0.
    """
    rng = np.random.default_rng([seed, n])
    a, b = law.draw(rng, n_trials, n)
    step = STEP * law.std

    def share(loss: float, margin: float) -> tuple[float, float]:
        found = verdicts(a, b - loss, margin, law.paired, law.overlap)
        return float(found[0].mean()), float(found[1].mean())

    return {
        "worse": share(0, 0)[0],
        "accepted": share(0, 0)[1],
        "at_margin": share(step / 2, step / 2)[0],
        "power": share(step, 0)[0],
        "not_worse": share(0, step)[1],
    }


def loops(
    n_loops: int, n_proposals: int, n: int, seed: int = 0
) -> Mapping[str, tuple[Array, Array]]:
    """Loops over proposals that change nothing but the seeds, each measured with n fresh ones.

    Returns:
        ``gate`` and ``naive`` -> which proposals are accepted, and the score that the loop reports
        after each, (n_loops, n_proposals). Naive keeps the higher mean, the gate what is not worse
        at margin 0.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for rule in ("gate", "naive"):
        best = rng.normal(size=(n_loops, n))
        accepted, reported = np.zeros((2, n_loops, n_proposals))
        for i in range(n_proposals):
            new = rng.normal(size=(n_loops, n))
            # The version that is kept is measured again beside the new one.
            again = rng.normal(size=(n_loops, n))
            better = verdicts(again, new, 0.0, False)[1].astype(bool)
            if rule == "naive":
                better = new.mean(axis=1) > again.mean(axis=1)
            accepted[:, i] = better
            # Without measuring again, a lucky score is kept for good.
            taken = verdicts(best, new, 0.0, False)[1].astype(bool)
            if rule == "naive":
                taken = new.mean(axis=1) > best.mean(axis=1)
            best[taken] = new[taken]
            reported[:, i] = best.mean(axis=1)
        found[rule] = accepted, reported
    return found


def normal(correlation: float = 0.0, ratio: float = 1.0) -> Callable[..., tuple[Array, Array]]:
    """Normal scores of spread 1 and `ratio`, whose seeds correlate."""

    def draw(rng: Rng, n_trials: int, n: int) -> tuple[Array, Array]:
        seeds = np.sqrt(correlation) * rng.normal(size=(n_trials, n))
        own = np.sqrt(1 - correlation)
        a, b = (seeds + own * rng.normal(size=(n_trials, n)) for _ in range(2))
        return a, ratio * b

    return draw


def many_against_few(rng: Rng, n_trials: int, n: int) -> tuple[Array, Array]:
    """16 seeds before, n after, of half the spread."""
    return rng.normal(size=(n_trials, 16)), 0.5 * rng.normal(size=(n_trials, n))


def accuracies(rng: Rng, n_trials: int, n: int) -> tuple[Array, Array]:
    """Shares of 100 rows with 5 errors to be expected: values are few, and often equal."""
    a, b = rng.binomial(100, 0.95, (2, n_trials, n)) / 100
    return a, b


def skewed(rng: Rng, n_trials: int, n: int) -> tuple[Array, Array]:
    """Losses, exponential around the loss that the seed's data has anyway; more is better."""
    data = rng.exponential(1.0, (n_trials, n))
    a, b = (-(data + rng.exponential(0.5, (n_trials, n))) for _ in range(2))
    return a, b


N_ROWS, N_TEST = 60, 12


def regressions(rng: Rng, n_trials: int, n: int) -> tuple[Array, Array]:
    """Two regressions that are equally good, on n splits of the same 60 rows: -mean squared error.

    t = x_1 + x_2 + noise; one fits x_1, the other x_2.
    """
    X = rng.normal(size=(n_trials, N_ROWS, 2))
    t = X.sum(axis=2) + 0.5 * rng.normal(size=(n_trials, N_ROWS))
    order = rng.random((n_trials, n, N_ROWS)).argsort(axis=2)
    trial = np.arange(n_trials)[:, None, None]
    test, train = order[..., :N_TEST], order[..., N_TEST:]
    scores = []
    for feature in (0, 1):
        x = X[..., feature]
        x_train, t_train = x[trial, train], t[trial, train]
        x_mean, t_mean = x_train.mean(axis=2), t_train.mean(axis=2)
        x_off = x_train - x_mean[..., None]
        slope = (x_off * t_train).sum(axis=2) / (x_off**2).sum(axis=2)
        predicted = t_mean[..., None] + slope[..., None] * (x[trial, test] - x_mean[..., None])
        scores.append(-((t[trial, test] - predicted) ** 2).mean(axis=2))
    return scores[0], scores[1]


OVERLAP = N_TEST / (N_ROWS - N_TEST)
LAWS: Mapping[str, Law] = {
    "paired, seeds correlate by 0.9": Law(normal(0.9)),
    "paired, seeds don't correlate": Law(normal(0.0)),
    "paired, spread of B three times that of A": Law(normal(0.0, 3.0)),
    "unpaired": Law(normal(), paired=False),
    "unpaired, spread of B three times that of A": Law(normal(0.0, 3.0), paired=False),
    "unpaired, A with 16 seeds, B with half the spread": Law(many_against_few, paired=False),
    "paired, accuracies of 100 rows": Law(accuracies, 0.0218),
    "unpaired, accuracies of 100 rows": Law(accuracies, 0.0218, paired=False),
    "paired, skewed losses": Law(skewed, 1.118),
    "splits of the same 60 rows, paired": Law(regressions, 0.45, overlap=OVERLAP),
    "splits of the same 60 rows, unpaired": Law(regressions, 0.45, paired=False, overlap=OVERLAP),
}

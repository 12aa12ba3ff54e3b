"""How often the 95 % interval over seeds holds the true mean: 3, 5, 8 and 16 seeds, many laws.

`pytest -s` prints the table. The laws up to `BEYOND` are those that matter, where at least 93 % is
asked for: shares of 20 to 1,000 rows with true values from 0.5 to 0.999, whose error rate is the
same for every seed or varies by half its mean; scores near 1 and losses, errors and counts whose
standard deviation is up to their mean. Those in `BEYOND` are too skew for so few seeds, or too
rare; the documents say so, and have to change where this changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from mlcli.linear.statistics import (
    AT_MOST_ONE,
    NON_NEGATIVE,
    SHARE,
    SHARE_OF_ROWS,
    Range,
)
from tests.linear.test_bounded_intervals import N_SEEDS, coverage

Array = NDArray[np.float64]
Rng = np.random.Generator
# The values of n seeds, drawn so often: (n_trials, n).
Draw = Callable[[Rng, tuple[int, int]], Array]
Law = tuple[Draw, float, Range, int | None]
N_TRIALS = 4000
# What chance leaves of a coverage of 0.93 in so many trials, but for once in 10,000.
LEAST = float(scipy.stats.binom.ppf(1e-4, N_TRIALS, 0.93)) / N_TRIALS


def shares(rows: int, truth: float, spread: float) -> Draw:
    """Shares of rows; the error rate of a seed is gamma with that standard deviation / mean."""

    def draw(rng: Rng, shape: tuple[int, int]) -> Array:
        wrong = np.full(shape, 1 - truth)
        if spread:
            wrong = np.minimum(rng.gamma(spread**-2, (1 - truth) * spread**2, shape), 1)
        return np.asarray(rng.binomial(rows, 1 - wrong, shape) / rows)

    return draw


def lognormal(sigma: float) -> Draw:
    """Of mean 1."""
    return lambda rng, shape: rng.lognormal(-(sigma**2) / 2, sigma, shape)


def gamma(shape: float, scale: float = 1.0) -> Draw:
    """Of mean `scale`; standard deviation / mean is 1 / sqrt(shape)."""
    return lambda rng, size: rng.gamma(shape, scale / shape, size)


def laws() -> Iterator[tuple[str, Law]]:
    """Those that matter."""
    for rows in (20, 100, 1000):
        for truth in (0.5, 0.8, 0.9, 0.95, 0.99, 0.999):
            yield (
                f"share of {rows} rows, {truth}",
                (shares(rows, truth, 0.0), truth, SHARE_OF_ROWS, rows),
            )
            if truth >= 0.9:
                yield (
                    f"share of {rows} rows, {truth}, seeds apart",
                    (shares(rows, truth, 0.5), truth, SHARE_OF_ROWS, rows),
                )
    for shape in (10, 4, 2, 1):
        yield f"loss, gamma of shape {shape}", (gamma(shape), 1.0, NON_NEGATIVE, None)
    for sigma in (0.2, 0.5):
        yield f"loss, lognormal, sigma {sigma}", (lognormal(sigma), 1.0, NON_NEGATIVE, None)
    yield ("area near 1", (lambda rng, size: 1 - gamma(4, 0.03)(rng, size), 0.97, SHARE, 40))
    yield ("r2 near 1", (lambda rng, size: 1 - gamma(4, 0.1)(rng, size), 0.9, AT_MOST_ONE, None))
    for mean in (2, 10):
        yield (
            f"count, Poisson of mean {mean}",
            (
                lambda rng, size, m=mean: rng.poisson(m, size).astype(float),
                mean,
                NON_NEGATIVE,
                None,
            ),
        )
    yield (
        "count, geometric of mean 20",
        (lambda rng, size: rng.geometric(0.05, size).astype(float), 20.0, NON_NEGATIVE, None),
    )
    yield (
        "difference of two shares of 100 rows",
        (
            lambda rng, size: (rng.binomial(100, 0.97, size) - rng.binomial(100, 0.9, size)) / 100,
            0.07,
            SHARE.of_difference,
            100,
        ),
    )


BEYOND: dict[str, Law] = {
    "loss, lognormal, sigma 1": (lognormal(1.0), 1.0, NON_NEGATIVE, None),
    "share of 1000 rows, 0.95, seeds far apart": (
        shares(1000, 0.95, 1.0),
        0.95,
        SHARE_OF_ROWS,
        1000,
    ),
    "count, Poisson of mean 0.5": (
        lambda rng, size: rng.poisson(0.5, size).astype(float),
        0.5,
        NON_NEGATIVE,
        None,
    ),
}


def covered(name: str, law: Law) -> list[tuple[float, float]]:
    """For each number of seeds, the coverage of ours and of Student's interval alone."""
    draw, truth, within, rows = law
    found = []
    for n in N_SEEDS:
        rng = np.random.default_rng(n)
        found.append(
            coverage(lambda r=rng, k=n: draw(r, (N_TRIALS, k)), truth, within, rows and rows * n)
        )
    ours, student = (" ".join(f"{100 * one[i]:5.1f}" for one in found) for i in (0, 1))
    print(f"{name:<45} {ours}   Student: {student}")
    return found


@pytest.mark.parametrize(
    ("name", "law"), list(laws()), ids=lambda one: one if type(one) is str else ""
)
def test_at_least_93_percent_where_it_matters(name: str, law: Law) -> None:
    assert min(ours for ours, _ in covered(name, law)) >= LEAST


@pytest.mark.parametrize("name", BEYOND)
def test_laws_too_skew_for_so_few_seeds_are_known(name: str) -> None:
    found = covered(name, BEYOND[name])
    assert min(ours for ours, _ in found) < 0.925
    # Never worse than Student's.
    assert all(ours >= student for ours, student in found)

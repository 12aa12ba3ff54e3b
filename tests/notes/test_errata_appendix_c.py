"""Misprints of appendix C, numerically: the printed form fails, the corrected one holds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from mlcli.classification.information import (
    bernoulli_log_probability,
    empirical_cross_entropy,
    log_likelihood,
)

RNG = np.random.default_rng(0)
P = RNG.uniform(0.05, 0.95, 12)
T = (RNG.random(12) < P).astype(float)


def test_c_9_and_c_10_have_the_logarithm_of_1_minus_p() -> None:
    found = empirical_cross_entropy(bernoulli_log_probability(P, T))
    assert found == pytest.approx(log_loss(T, P), rel=1e-12)
    printed = -float((T * np.log(P) + (1 - T) * np.log(1 - np.log(P))).mean())
    assert abs(printed - found) > 0.3
    # Certain and right rows cost nothing, certain and wrong ones without bound; printed, a row of
    # C_2 is rewarded for a small p without bound and costs nothing at p = 1.
    p = np.array([1e-12, 1 - 1e-12])
    zero = -bernoulli_log_probability(p, np.zeros(2))
    assert zero[0] == pytest.approx(0.0, abs=1e-11)
    assert zero[1] > 27
    as_printed = -np.log(1 - np.log(p))
    assert as_printed[0] < -3
    assert as_printed[1] == pytest.approx(0.0, abs=1e-11)
    # Without its brackets the sum of (C.10) ends at the plus sign; what follows is left with alpha.
    without = -float((T * np.log(P)).mean()) + (1 - T) * np.log(1 - P)
    assert np.abs(without - found).min() > 1e-3


def test_the_log_likelihood_is_maximised() -> None:
    """The share of C_1 is the best constant p: least cross-entropy, greatest log likelihood."""
    share = T.mean()

    def row(p: float) -> np.ndarray:
        return bernoulli_log_probability(np.full(12, p), T)

    best = log_likelihood(row(share))
    assert best == pytest.approx(-12 * empirical_cross_entropy(row(share)), rel=1e-13)
    for p in (0.01, share - 0.1, share + 0.1, 0.99):
        assert empirical_cross_entropy(row(p)) > empirical_cross_entropy(row(share))
        assert log_likelihood(row(p)) < best
    # Minimised instead, it would go to a p that makes a row of the data impossible.
    assert log_likelihood(row(0.0)) == -np.inf

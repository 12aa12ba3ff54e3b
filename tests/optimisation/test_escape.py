"""Leaving a local minimum: the loss, the runs, and the chain against runs and every outcome."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mlcli.optimisation.descent import descend
from mlcli.optimisation.escape import (
    BoundedLoss,
    chance_beyond,
    interpolation,
    minibatch_walk,
    two_groups,
)

Array = np.ndarray
LOSS = two_groups(100, 0.35, 1.5, 0.5)


def test_rows_are_in_two_groups_of_the_given_share_and_spread() -> None:
    low, high = LOSS.x[:35], LOSS.x[35:]
    assert (low.size, high.size) == (35, 65)
    assert (low.mean(), high.mean()) == pytest.approx((-1.5, 1.5))
    # Quantiles leave out the tails.
    assert (low.std(), high.std()) == pytest.approx((0.5, 0.5), rel=0.03)


def test_the_gradient_is_the_mean_of_the_rows_and_the_slope_of_the_loss() -> None:
    w = np.linspace(-3, 3, 13)
    numeric = (LOSS.loss(w + 1e-5) - LOSS.loss(w - 1e-5)) / 2e-5
    np.testing.assert_allclose(LOSS.gradient(w), numeric, atol=1e-9)
    np.testing.assert_allclose(LOSS.gradients(w).mean(axis=1), numeric, atol=1e-9)
    one = BoundedLoss(np.array([0.5]))
    assert one.loss(np.array([0.5, 100.0])).tolist() == [0.0, 1.0]
    assert one.stationary.size == 0


def test_two_minima_with_a_barrier_between_them() -> None:
    local, barrier, best = LOSS.stationary
    assert local < barrier < best
    np.testing.assert_allclose(LOSS.gradient(LOSS.stationary), 0, atol=1e-15)
    heights = LOSS.loss(LOSS.stationary)
    assert heights[2] < heights[0] < heights[1]
    w = np.linspace(-2.5, 2.5, 5001)
    assert LOSS.loss(w).min() >= heights[2]
    curvature = np.gradient(LOSS.gradient(w), w)
    assert LOSS.critical_rate == pytest.approx(2 / curvature.max(), rel=1e-4)


def test_descent_on_every_row_stays_in_its_basin() -> None:
    local, barrier, best = LOSS.stationary
    starts = np.array([-2.5, barrier - 1e-3, barrier + 1e-3, 2.5])
    ends = descend(LOSS.gradient, starts, 0.5 * LOSS.critical_rate, 20_000).W[-1]
    np.testing.assert_allclose(ends, [local, local, best, best], atol=1e-9)


def test_a_walk_takes_the_steps_of_the_rows_that_are_drawn() -> None:
    starts, etas = np.array([-1.0, 0.0, 1.0]), np.array([0.1, 0.7])
    walk = list(minibatch_walk(LOSS, starts, etas, 4, 5, np.random.default_rng(3)))
    rng = np.random.default_rng(3)
    W = np.tile(starts, (2, 1))
    for found in walk:
        rows = rng.integers(100, size=(3, 4))
        for r, eta in enumerate(etas):
            for s in range(3):
                W[r, s] -= eta * LOSS.gradients(W[r, s])[rows[s]].mean()
        np.testing.assert_allclose(found, W, rtol=1e-12)
    assert len(walk) == 5


@pytest.mark.parametrize("batch", [1, 2])
def test_the_chain_has_the_chance_of_every_outcome(batch: int) -> None:
    loss = BoundedLoss(np.array([-1.3, 0.9, 1.6]))
    starts, etas, n_steps = np.array([-0.7, -0.5]), np.array([0.6, 0.9]), 6 - batch
    beyond = 0.1
    chances = []
    for eta in etas:
        w = starts[:, None]
        for _ in range(n_steps):
            g = loss.gradients(w)  # (2, n, 3)
            means = [g[..., list(rows)].mean(axis=-1) for rows in product(range(3), repeat=batch)]
            w = np.concatenate([w - eta * mean for mean in means], axis=1)
        chances.append((w > beyond).mean())
    found = chance_beyond(loss, starts, etas, batch, n_steps, beyond, n_nodes=3000, n_bins=512)
    np.testing.assert_allclose(found, chances, atol=0.015)
    assert 0.01 < min(chances) < max(chances) < 0.98


@pytest.mark.parametrize("batch", [1, 4, 16])
def test_the_chain_says_what_share_of_runs_leaves(batch: int) -> None:
    local, barrier, _ = LOSS.stationary
    starts = np.array([local, (local + barrier) / 2])
    etas = LOSS.critical_rate * np.array([0.05, 0.1, 0.2])
    *_, last = minibatch_walk(
        LOSS, np.tile(starts, 400), etas, batch, 300, np.random.default_rng(1)
    )
    share = (last > barrier).mean(axis=1)
    chance = chance_beyond(LOSS, starts, etas, batch, 300, barrier)
    sigma = np.sqrt(np.maximum(chance * (1 - chance), 1e-3) / 800)
    assert (np.abs(share - chance) < 4 * sigma).all()
    finer = chance_beyond(LOSS, starts, etas, batch, 300, barrier, n_nodes=800, n_bins=128)
    np.testing.assert_allclose(chance, finer, atol=2e-3)


def test_small_steps_of_large_batches_do_not_leave() -> None:
    local, barrier, best = LOSS.stationary
    etas = 0.01 * LOSS.critical_rate * np.ones(1)
    assert chance_beyond(LOSS, np.array([local]), etas, 256, 200, barrier)[0] < 1e-6
    assert chance_beyond(LOSS, np.array([best]), etas, 256, 200, barrier)[0] == pytest.approx(1)


def test_interpolation_is_exact_for_cubics_and_takes_the_nearest_end_outside() -> None:
    w = np.linspace(-1, 2, 31)
    at = np.array([[-1.0, 0.123, 1.99], [0.5, -7.0, 9.0]])
    weights = np.array([[0.2, 0.3, 0.5], [1.0, 2.0, 3.0]])

    def cubic(x: Array) -> Array:
        return np.asarray(x**3 - 2 * x**2 + 0.5)

    matrix = interpolation(w, at, weights)
    assert matrix.shape == (2, 31)
    expected = (weights * cubic(np.clip(at, -1, 2))).sum(axis=1)
    np.testing.assert_allclose(matrix @ cubic(w), expected, rtol=1e-12)

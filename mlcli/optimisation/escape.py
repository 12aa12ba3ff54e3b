"""Leaving a local minimum by the noise of minibatches (section 4.1.1), by runs and exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
N_SEARCH = 2001
N_HALVINGS = 60
# How far beyond the rows the chain's nodes reach: there a row's gradient is below 2 % of its most.
BEYOND = 3.5


@dataclass(frozen=True)
class BoundedLoss:
    """E(w) = 1/N sum_a [1 - exp(-(w - x_a)^2 / 2)] of one weight w: rows far from w count little.

    Rows in two groups make a minimum near each, and rows pull into different directions at both.

    Attributes:
        x: rows, (N,).
    """

    x: Floats

    def loss(self, w: Floats) -> Floats:
        """E at each w, of any shape."""
        return np.asarray(1.0 - np.exp(-((w[..., None] - self.x) ** 2) / 2).mean(axis=-1))

    def gradients(self, w: Floats) -> Floats:
        """dE_a/dw of every row, (..., N)."""
        return pull(w[..., None] - self.x)

    def gradient(self, w: Floats) -> Floats:
        """dE/dw, the mean over the rows."""
        return np.asarray(self.gradients(w).mean(axis=-1))

    @cached_property
    def critical_rate(self) -> float:
        """2 over the largest second derivative of E: a larger rate can't settle there."""
        distance = np.linspace(self.x.min(), self.x.max(), N_SEARCH)[:, None] - self.x
        return float(2.0 / ((1 - distance**2) * np.exp(-(distance**2) / 2)).mean(axis=1).max())

    @cached_property
    def stationary(self) -> Floats:
        """Every w at which dE/dw changes its sign, ascending: minima with maxima between them."""
        w = np.linspace(self.x.min(), self.x.max(), N_SEARCH)
        above = self.gradient(w) > 0
        at = np.flatnonzero(above[1:] != above[:-1])
        low, high = w[at], w[at + 1]
        rising = above[at + 1]
        for _ in range(N_HALVINGS):
            middle = (low + high) / 2
            left = (self.gradient(middle) > 0) != rising
            low, high = np.where(left, middle, low), np.where(left, high, middle)
        return np.asarray((low + high) / 2)


def pull(distance: Floats) -> Floats:
    """Derivative of 1 - exp(-d^2 / 2)."""
    return np.asarray(distance * np.exp(-(distance**2) / 2))


def two_groups(n_rows: int, share: float, distance: float, spread: float) -> BoundedLoss:
    """The loss of rows at the quantiles of two normal laws about -distance and +distance.

    Args:
        n_rows: N.
        share: of the rows, those of the group about -distance.
        distance: of either group from 0.
        spread: standard deviation of a group.
    """
    sizes = round(n_rows * share), n_rows - round(n_rows * share)
    quantile = NormalDist().inv_cdf
    groups = [
        sign * distance + spread * np.array([quantile((k + 0.5) / size) for k in range(size)])
        for sign, size in zip((-1, 1), sizes, strict=True)
    ]
    return BoundedLoss(np.concatenate(groups))


def minibatch_walk(
    loss: BoundedLoss,
    starts: Floats,
    learning_rates: Floats,
    batch_size: int,
    n_steps: int,
    rng: np.random.Generator,
) -> Iterator[Floats]:
    """The weights after each step of minibatch descent, (n_rates, n_starts).

    w <- w - eta / m sum of dE_a/dw over m rows drawn with replacement, eq (4.8). All learning rates
    see the same rows.

    Args:
        loss: of the rows.
        starts: the first weight of each run, (n_starts,).
        learning_rates: eta, (n_rates,).
        batch_size: m.
        n_steps: steps.
        rng: draws the rows.
    """
    W = np.tile(starts, (learning_rates.size, 1))
    etas = learning_rates[:, None]
    for _ in range(n_steps):
        drawn = loss.x[rng.integers(loss.x.size, size=(starts.size, batch_size))]
        W = W - etas * pull(W[:, :, None] - drawn).mean(axis=2)
        yield W


def chance_beyond(
    loss: BoundedLoss,
    starts: Floats,
    learning_rates: Floats,
    batch_size: int,
    n_steps: int,
    beyond: float,
    *,
    n_nodes: int = 400,
    n_bins: int = 64,
) -> Floats:
    """P(w > beyond after n_steps) of minibatch descent, without a random number, (n_rates,).

    A step is a Markov chain in w. With u_0(w) = 1 for w > beyond, else 0,

        u_{k+1}(w) = E u_k(w - eta g),   g the mean gradient of m random rows at w,

    is the chance after k + 1 steps from w. u is kept at nodes and interpolated by cubics; the law
    of the sum of m gradients is the m-fold convolution of that of one row. With the nodes and bins
    below, a chance that is neither 0 nor 1 is right to about 0.001.

    Args:
        loss, starts, learning_rates, batch_size, n_steps: as in `minibatch_walk`; the mean over
            the starts is returned.
        beyond: the end of the basin that is left.
        n_nodes: nodes in w.
        n_bins: values that a row's gradient is rounded to, keeping its mean; with m = 1 it is not
            rounded.
    """
    low, high = float(loss.x.min()) - BEYOND, float(loss.x.max()) + BEYOND
    w = np.linspace(low, high, n_nodes)
    law, values = _law_of_mean(loss.gradients(w), batch_size, n_bins)
    found = []
    for eta in learning_rates:
        step = interpolation(w, w[:, None] - eta * values, law)
        u = (w > beyond).astype(np.float64)
        for _ in range(n_steps):
            u = step @ u
        at_starts = interpolation(w, starts[:, None], np.ones((starts.size, 1))) @ u
        found.append(min(max(float(at_starts.mean()), 0.0), 1.0))
    return np.array(found)


def _law_of_mean(gradients: Floats, batch_size: int, n_bins: int) -> tuple[Floats, Floats]:
    """Probabilities and values of the mean of m rows' gradients at each node, (n, k) each."""
    n_nodes, n_rows = gradients.shape
    if batch_size == 1:
        return np.full(gradients.shape, 1.0 / n_rows), gradients
    lowest, highest = float(gradients.min()), float(gradients.max())
    width = (highest - lowest) / (n_bins - 1)
    place = (gradients - lowest) / width
    left = np.minimum(place.astype(int), n_bins - 2)
    right = place - left
    at = left + n_bins * np.arange(n_nodes)[:, None]
    counts = np.bincount(at.ravel(), (1 - right).ravel(), n_nodes * n_bins)
    counts += np.bincount((at + 1).ravel(), right.ravel(), n_nodes * n_bins)
    one = counts.reshape(n_nodes, n_bins) / n_rows
    size = batch_size * (n_bins - 1) + 1
    law = np.fft.irfft(np.fft.rfft(one, size) ** batch_size, size)  # long enough not to wrap
    there = np.flatnonzero(law.max(axis=0) > 1e-12)
    values = lowest + width * np.arange(there[0], there[-1] + 1) / batch_size
    return law[:, there[0] : there[-1] + 1], np.broadcast_to(values, (n_nodes, values.size))


def interpolation(w: Floats, at: Floats, weights: Floats) -> Floats:
    """The matrix that takes values at even nodes w (n,) to sums of cubics at other places, (r, n).

    Args:
        w: nodes.
        at: places, (r, k); one beyond the nodes is taken for the nearest of them.
        weights: of each place in the sum of its row, (r, k).
    """
    n_nodes, n_sums = w.size, at.shape[0]
    place = np.clip((at - w[0]) / (w[1] - w[0]), 0, n_nodes - 1)
    node = np.clip(place.astype(int), 1, n_nodes - 3)
    r = place - node
    cubics = (
        -r * (r - 1) * (r - 2) / 6,
        (r + 1) * (r - 1) * (r - 2) / 2,
        -(r + 1) * r * (r - 2) / 2,
        (r + 1) * r * (r - 1) / 6,
    )
    cell = node + n_nodes * np.arange(n_sums)[:, None]
    total = np.zeros(n_sums * n_nodes)
    for k, cubic in enumerate(cubics, start=-1):
        total += np.bincount((cell + k).ravel(), (weights * cubic).ravel(), total.size)
    return total.reshape(n_sums, n_nodes)

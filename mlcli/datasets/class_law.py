"""Densities p(x|C_k) and shares p(C_k) of classes of known law, as (5.3) and (5.16) need them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Densities = Callable[[Array], Array]
# Quadrature: a panel is as long as two standard deviations of the noise, so that a normal density
# and its tail at 20 standard deviations are integrated to 1e-6 of themselves or better.
NODES_A_PANEL = 10
MOST_PANELS = 1000
MOST_PANELS_A_SIDE = 100
LEAST_PANELS = 8
# The most numbers of one block of rows by nodes.
BLOCK = 2**20


@dataclass(frozen=True)
class ClassLaw:
    """The law that rows and their classes 0..K-1 are drawn from.

    Attributes:
        log_densities: ln p(x|C_k), (n, D) -> (n, K); minus infinity where a class has no rows.
        priors: p(C_k), (K,), adding up to 1.
    """

    log_densities: Densities
    priors: Array

    def against_others(self, k: int) -> ClassLaw:
        """The law of two classes: all classes but k together, and k.

        p(x|not C_k) = sum_{j != k} p(x|C_j) p(C_j) / (1 - p(C_k)).
        """
        rest = np.delete(np.arange(self.priors.size), k)
        shares = self.priors[rest] / self.priors[rest].sum()

        def both(X: Array) -> Array:
            every = self.log_densities(X)
            return np.column_stack([_log_sum(every[:, rest] + np.log(shares)), every[:, k]])

        return ClassLaw(both, np.array([self.priors[rest].sum(), self.priors[k]]))


def _log_sum(A: Array) -> Array:
    """ln sum_j exp a_j over the last axis; minus infinity where every a_j is."""
    top = A.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore", under="ignore"):
        return np.asarray(np.log(np.exp(A - top).sum(axis=-1)) + top[..., 0])


def law_in_a_box(log_odds: Densities, low: float, high: float, n_features: int) -> ClassLaw | None:
    """Two classes with p(C_1|x) = sigma(a(x)) on inputs that are even in a box.

    p(C_1) is the mean of sigma(a) over the box, by Gauss and Legendre's rule in panels in which a
    changes by 2 at most, and p(x|C_k) = p(C_k|x) / (p(C_k) V) with the box's volume V.

    Args:
        log_odds: a, (n, D) -> (n,), without sharp bends.
        low, high: the range of each input.
        n_features: D.

    Returns:
        The law; None where a changes so much that the classes have no blurred border.
    """
    steps = _rises(log_odds, low, high, n_features)
    if not steps <= 2.0 * MOST_PANELS_A_SIDE:
        return None
    places, weights = _even_rule(low, high, max(LEAST_PANELS, math.ceil(steps / 2.0)))
    share = weights / (high - low)
    nodes = np.stack(np.meshgrid(*[places] * n_features), axis=-1).reshape(-1, n_features)
    shares = np.stack(np.meshgrid(*[share] * n_features), axis=-1).reshape(-1, n_features)
    prior = float(shares.prod(axis=1) @ np.exp(-np.logaddexp(0.0, -log_odds(nodes))))
    priors = np.array([1.0 - prior, prior])
    log_volume = n_features * math.log(high - low)

    def log_densities(X: Array) -> Array:
        a = log_odds(X)
        inside = np.all((low <= X) & (high >= X), axis=1)
        posteriors = -np.logaddexp(0.0, np.column_stack([a, -a]))  # ln p(C_k|x)
        found: Array = posteriors - np.log(priors) - log_volume
        found[~inside] = -np.inf
        return found

    return ClassLaw(log_densities, priors)


def _rises(log_odds: Densities, low: float, high: float, n_features: int) -> float:
    """The largest rise of a per step along one input, times the steps of a side."""
    side = np.linspace(low, high, 33)
    grid = np.meshgrid(*[side] * n_features, indexing="ij")
    a = log_odds(np.stack(grid, axis=-1).reshape(-1, n_features)).reshape(grid[0].shape)
    return max(float(np.abs(np.diff(a, axis=i)).max()) for i in range(n_features)) * 32


def law_along_curves(
    curve: Callable[[Array, Array], Array], n_classes: int, noise_std: float
) -> ClassLaw | None:
    """Classes of equal shares with p(x|C_k) = int_0^1 N(x|c_k(u), s^2 I) du.

    Args:
        curve: c, from the classes (n,) and the places u (n,) to (n, D).
        n_classes: K.
        noise_std: s.

    Returns:
        The law; None where the noise is too small for a sum over the curve.
    """
    u = np.linspace(0.0, 1.0, 1001)
    points = [curve(np.full(u.size, float(k)), u) for k in range(n_classes)]
    speed = max(float(np.linalg.norm(np.diff(one, axis=0), axis=1).max()) for one in points) * 1000
    if not noise_std > speed / (2.0 * MOST_PANELS):
        return None
    panels = max(LEAST_PANELS, math.ceil(speed / (2.0 * noise_std)))
    places, weights = _even_rule(0.0, 1.0, panels)
    centres = np.stack([curve(np.full(places.size, float(k)), places) for k in range(n_classes)])
    D = centres.shape[2]
    constant = np.log(weights) - 0.5 * D * math.log(2.0 * math.pi * noise_std**2)

    def log_densities(X: Array) -> Array:
        found = np.empty((len(X), n_classes))
        step = max(1, BLOCK // places.size)
        for start in range(0, len(X), step):
            rows = X[start : start + step]
            for k, at in enumerate(centres):
                squares = (rows**2).sum(axis=1)[:, None] + (at**2).sum(axis=1) - 2.0 * rows @ at.T
                found[start : start + step, k] = _log_sum(
                    constant - 0.5 * np.maximum(squares, 0.0) / noise_std**2
                )
        return found

    return ClassLaw(log_densities, np.full(n_classes, 1.0 / n_classes))


def _even_rule(low: float, high: float, panels: int) -> tuple[Array, Array]:
    """Nodes and weights of Gauss and Legendre's rule in each of some equal panels."""
    x, w = np.polynomial.legendre.leggauss(NODES_A_PANEL)
    edges = np.linspace(low, high, panels + 1)
    half = 0.5 * np.diff(edges)[:, None]
    middle = 0.5 * (edges[1:] + edges[:-1])[:, None]
    return (middle + half * x).ravel(), (half * w).ravel()

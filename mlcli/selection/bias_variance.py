"""Bias, variance and noise over an ensemble of data sets, appendix A of the notes.

Expectations over the ensemble are plain means over its S members, and variances are divided by S,
so that the identities of the appendix hold for the ensemble itself, to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.linear.arrays import Floats


class EnsembleMoments:
    """Mean and variance of predictions over the members, added one at a time (Welford)."""

    def __init__(self, n_points: int, n_models: int) -> None:
        self.n_members = 0
        self.mean = np.zeros((n_points, n_models))
        self._squares = np.zeros((n_points, n_models))

    def add(self, predictions: Floats) -> None:
        """Add y(x; D) of one data set, (n_points, n_models)."""
        self.n_members += 1
        with np.errstate(over="ignore", invalid="ignore"):
            off = predictions - self.mean
            self.mean += off / self.n_members
            self._squares += off * (predictions - self.mean)

    @property
    def variance(self) -> Floats:
        """E_D (y - E_D y)^2 at each point, eq (A.17), with 1/S: (n_points, n_models).

        The notes call it the standard deviation; it is the variance.
        """
        return self._squares / self.n_members


@dataclass(frozen=True)
class Decomposition:
    """The terms of (A.19), one per model (k,), in the units of t squared.

    Attributes:
        bias_squared: average of (f~ - E_D y)^2; the notes' "bias" lacks the word squared.
        variance: average of E_D (y - E_D y)^2.
        noise: average of (t - f~)^2.
        cross: average of 2 (t - f~)(f~ - E_D y): its expectation over t vanishes, (A.11), so
            (A.18) drops it, but on a finite set of t it does not.
        n_members: S.
    """

    bias_squared: Floats
    variance: Floats
    noise: Floats
    cross: Floats
    n_members: int

    @property
    def total(self) -> Floats:
        """bias^2 + variance + noise (+ the cross term), eq (A.18), (k,)."""
        return self.bias_squared + self.variance + self.noise + self.cross

    @property
    def bias_squared_unbiased(self) -> Floats:
        """bias^2 less what a finite ensemble adds to it, (k,); it can be below zero.

        The mean of S independent fits still varies: E (f~ - mean y)^2 is bias^2 plus the true
        variance over S, of which `variance` / (S - 1) is the unbiased estimate.
        """
        return self.bias_squared - self.variance / (self.n_members - 1)


def decompose(
    moments: EnsembleMoments, truth: Floats, weights: Floats, noise_variance: float
) -> Decomposition:
    """(A.18) where p(x, t) is known: averages over x by quadrature, the noise in closed form.

    With targets t in place of f~ and no noise, `bias_squared` is bias^2 and noise together, which
    is all that can be said where f~ is unknown.

    Args:
        moments: of the predictions at the nodes, (n_nodes, k).
        truth: f~ at the nodes, (n_nodes,).
        weights: of the nodes, (n_nodes,), with sum 1.
        noise_variance: of t around f~.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        bias_squared = weights @ (truth[:, None] - moments.mean) ** 2  # (k,)
        variance = weights @ moments.variance  # (k,)
    noise = np.full_like(bias_squared, noise_variance)
    none = np.zeros_like(bias_squared)
    return Decomposition(bias_squared, variance, noise, none, moments.n_members)


def decompose_on_draws(moments: EnsembleMoments, truth: Floats, t: Floats) -> Decomposition:
    """The same on drawn targets: the mean of (t - y)^2 over rows and members, exactly.

    Args:
        moments: of the predictions at the rows, (n_rows, k).
        truth: f~ at the rows, (n_rows,).
        t: targets drawn there, (n_rows,), from which no member learned.
    """
    noise = t - truth  # (n_rows,)
    with np.errstate(over="ignore", invalid="ignore"):
        off = truth[:, None] - moments.mean  # (n_rows, k)
        return Decomposition(
            bias_squared=(off**2).mean(axis=0),
            variance=moments.variance.mean(axis=0),
            noise=np.full(off.shape[1], (noise**2).mean()),
            cross=2.0 * noise @ off / t.size,
            n_members=moments.n_members,
        )


def largest_share(errors: Floats) -> Floats:
    """The share of the single worst member in the sum over members, errors (S, k) -> (k,).

    1/S where all members are alike; near 1 the mean over the ensemble is that of one data set and
    says little. NaN where the errors are all zero or not finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        total = errors.sum(axis=0)
        known = np.isfinite(total) & (total > 0)
        shares = errors.max(axis=0) / np.where(known, total, 1.0)
    return np.where(known, shares, np.nan)

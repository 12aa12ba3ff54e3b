"""The posterior as data arrive, one point at a time."""

from __future__ import annotations

import numpy as np

from mlcli.linear.arrays import Floats
from mlcli.linear.bayes.posterior import Posterior, Prior


def from_prior(prior: Prior, noise_precision: float) -> Posterior:
    """What is known before any data: the posterior of no rows is the prior."""
    return Posterior(prior.mean, prior.factor, noise_precision)


def updated(before: Posterior, phi: Floats, t: float) -> Posterior:
    """Bayes' theorem (B.1) for one more row, the old posterior being the prior.

    With v = F^T phi and a = 1 / (1/beta + v^T v): m += a F v (t - phi^T m), and F -= a / (1 +
    sqrt(a / beta)) F v v^T (Potter's square root): S_N = F F^T stays positive by construction.

    Args:
        before: the posterior so far.
        phi: the row's columns, (p,).
        t: its target.
    """
    v = before.factor.T @ phi  # (q,)
    gain = 1.0 / (1.0 / before.noise_precision + float(v @ v))
    direction = before.factor @ v  # (p,)
    mean = before.mean + gain * direction * (t - float(phi @ before.mean))
    step = gain / (1.0 + np.sqrt(gain / before.noise_precision))
    factor = before.factor - step * np.outer(direction, v)
    return Posterior(mean, factor, before.noise_precision)

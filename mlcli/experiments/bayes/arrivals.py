"""Two weights as points arrive, in the order of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.bayes.columns import basis_of, in_memory, r_factor_of
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.experiments.bayes.fit import PosteriorFit
from mlcli.linear.basis import Basis
from mlcli.linear.bayes.posterior import (
    Posterior,
    Prior,
    from_prior,
    general_posterior,
    updated,
    whitened,
)
from mlcli.linear.r_factor import RFactor

Array = NDArray[np.float64]
ARRIVALS = (0, 1, 2, 5, 20, 100)


@dataclass(frozen=True)
class Arrival:
    """The posterior of two weights after some points.

    Attributes:
        n_points: how many.
        mean: (2,).
        covariance: (2, 2).
    """

    n_points: int
    mean: Array
    covariance: Array


@dataclass(frozen=True)
class Arrivals:
    """The posterior of two weights as points arrive.

    Attributes:
        found: after more and more points, the last one after all rows.
        names: of the two weights where they are two of several; None: the straight line's.
        n_weights: of the model that they belong to.
    """

    found: list[Arrival]
    names: tuple[str, str] | None = None
    n_weights: int = 2


def arrivals_on_a_line(config: BayesConfig, X: Array, t: Array, fitted: PosteriorFit) -> Arrivals:
    """The straight line's two weights as points arrive one at a time.

    The precisions are the model's own, 1 for a prior that has several.

    Args:
        config: validated parameters.
        X: one input, (N, 1).
        t: (N,).
        fitted: the model.
    """
    low, high = X.min(axis=0), X.max(axis=0)
    basis = basis_of(config, low, high, 1)
    if basis.n_columns < 2:
        return Arrivals([])
    Phi = basis.evaluate(X)[:, :2]  # (N, 2)
    alpha = fitted.prior_precision or 1.0
    now = from_prior(Prior(np.zeros(2), np.eye(2) / np.sqrt(alpha)), fitted.noise_precision)
    shown = {*ARRIVALS, t.size}
    found = [_of_two(0, now, [0, 1])]
    for row in range(t.size):
        now = updated(now, Phi[row], float(t[row]))
        if row + 1 in shown:
            found.append(_of_two(row + 1, now, [0, 1]))
    return Arrivals(found)


def arrivals_of_two(
    basis: Basis,
    terms: list[str],
    whole: RFactor,
    X: Array,
    t: Array,
    fitted: PosteriorFit,
    prior: Prior | None,
) -> Arrivals:
    """The model's first two weights as points arrive, whatever the others are.

    Each is the marginal of the posterior of all weights under the model's own prior and noise, so
    that the last is the model's own. Columns that ARD dropped have no spread and
    are passed over.

    Args:
        basis: of the model.
        terms: the name of each column, (p,).
        whole: the R factor of all rows.
        X, t: the rows in their order, (N, D) and (N,); of a file read in batches a sample.
        fitted: the model.
        prior: m_0 and S_0, where the prior is general.
    """
    prior, spread = prior_of(fitted, prior, basis.n_columns)
    two = np.flatnonzero(spread)[:2].tolist()
    if len(two) < 2:
        return Arrivals([])
    found = [_of_two(0, from_prior(prior, fitted.noise_precision), two)]
    for r_factor in _growing(basis, whole, X, t):
        data = whitened(r_factor, prior)
        now = general_posterior(data, prior, fitted.noise_precision)
        found.append(_of_two(r_factor.n_rows, now, two))
    return Arrivals(found, names_of_two(basis, terms, two), basis.n_columns)


def names_of_two(basis: Basis, terms: Sequence[str], two: Sequence[int]) -> tuple[str, str]:
    """What the weights of two columns are called."""
    first, second = (
        "constant" if basis.degrees()[k] == 0 else f"weight of {terms[k]}" for k in two
    )
    return first, second


def prior_of(fitted: PosteriorFit, prior: Prior | None, p: int) -> tuple[Prior, Array]:
    """The model's prior as N(m_0, L L^T), and the spread of each weight under it, (p,)."""
    if prior is None:
        assert fitted.prior_precisions is not None  # only a general prior has none
        prior = Prior(np.zeros(p), np.diag(fitted.prior_precisions**-0.5))
    return prior, np.asarray(np.linalg.norm(prior.factor, axis=1))


def _growing(basis: Basis, whole: RFactor, X: Array, t: Array) -> Iterator[RFactor]:
    """The R factors of the first rows, and in the end that of all."""
    for n in ARRIVALS:
        if 0 < n <= t.size and n < whole.n_rows:
            yield r_factor_of(basis, in_memory(X[:n], t[:n]))
    yield whole


def _of_two(n_points: int, posterior: Posterior, two: list[int]) -> Arrival:
    return Arrival(n_points, posterior.mean[two], posterior.covariance[np.ix_(two, two)])

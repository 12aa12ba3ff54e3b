"""The run's own model after more and more rows: two of its weights, its curve and its variance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import Dataset
from mlcli.experiments.bayes.arrivals import names_of_two, prior_of
from mlcli.experiments.bayes.fit import PosteriorFit
from mlcli.linear.arrays import subsample_indices
from mlcli.linear.basis import Basis
from mlcli.linear.bayes.posterior import Posterior, Prior, from_prior, updated
from mlcli.linear.bayes.unknown_noise import StudentPosterior
from mlcli.result import Columns
from mlcli.rng import stream

Array = NDArray[np.float64]
SHOWN = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
N_CURVES = 6
N_ALONG = 41
# A row more costs the square of it.
MOST_COLUMNS = 300
# Rows over which the second term of (B.24) is averaged at most, as in details.json.
MOST_ROWS = 500
LEVEL = 0.95
# The model holds the truth where their difference is below this share of the truth's size.
SAME = 1e-8


@dataclass(frozen=True)
class RowsSeen:
    """The posterior of all weights of the model after more and more rows.

    The precisions are those of the whole data throughout; unknown noise is taken at its mean.

    Attributes:
        after: rows -> posterior; the last has all rows.
        two: the columns whose weights are shown.
        names: of these weights.
        true_weights: all of them, (p,); None where they are not known.
    """

    after: Mapping[int, Posterior]
    two: tuple[int, int]
    names: tuple[str, str]
    true_weights: Array | None


def rows_seen(
    basis: Basis,
    terms: Sequence[str],
    first: Dataset,
    n_rows: int,
    fitted: PosteriorFit,
    prior: Prior | None,
) -> RowsSeen | None:
    """The posterior after 0, 1, 2, 3, 5, ... and all rows.

    None where fewer than two weights have a spread, or where there are more than 300 columns.

    Args:
        basis: of the model.
        terms: the name of each column, (p,).
        first: rows in their order; of a file read in batches a sample.
        n_rows: of the whole data.
        fitted: the model, on all rows.
        prior: m_0 and S_0, where the prior is general.
    """
    beta, posterior = fitted.noise_precision, fitted.posterior
    if basis.n_columns > MOST_COLUMNS:
        return None
    start, spread = prior_of(fitted, prior, basis.n_columns)
    two = np.flatnonzero(spread)[:2].tolist()
    if len(two) < 2:
        return None
    now = from_prior(start, beta)
    after = {0: now}
    shown = [n for n in SHOWN if n <= first.t.size and n < n_rows]
    Phi = basis.evaluate(first.X[: shown[-1]]) if shown[-1] else np.empty((0, basis.n_columns))
    for row, phi in enumerate(Phi):
        now = updated(now, phi, float(first.t[row]))
        if row + 1 in shown:
            after[row + 1] = now
    # That of unknown noise is in units of the noise.
    unit = beta**-0.5 if isinstance(posterior, StudentPosterior) else 1.0
    after[n_rows] = Posterior(posterior.mean, unit * posterior.factor, beta)
    names = names_of_two(basis, terms, two)
    return RowsSeen(after, (two[0], two[1]), names, _true_weights(basis, first))


def _true_weights(basis: Basis, first: Dataset) -> Array | None:
    """The weights that make the model the truth, (p,); None where no or several weights do."""
    if first.truth is None:
        return None
    X = first.X[subsample_indices(first.X, MOST_ROWS)]
    Phi, truth = basis.evaluate(X), first.truth(X)
    w, _, rank, _ = np.linalg.lstsq(Phi, truth)
    off = float(np.abs(Phi @ w - truth).max())
    same = rank == basis.n_columns and off <= SAME * float(np.abs(truth).max())
    return np.asarray(w) if same else None


def weights_table(found: RowsSeen | None, basis: Basis, X: Array) -> Columns:
    """Two weights after each number of rows, and both terms of (B.24), means over the rows X."""
    names = (
        "n_points name_0 name_1 n_weights mean_0 mean_1 variance_0 covariance variance_1 "
        "true_0 true_1 noise weights"
    )
    columns: dict[str, list[Any]] = {name: [] for name in names.split()}
    if found is None:
        return columns
    Phi, two = basis.evaluate(X[subsample_indices(X, MOST_ROWS)]), list(found.two)
    true = [None, None] if found.true_weights is None else found.true_weights[two].tolist()
    for n, posterior in found.after.items():
        F = posterior.factor[two]
        S = F @ F.T
        values = (
            *(n, *found.names, basis.n_columns, *posterior.mean[two].tolist()),
            *(float(S[0, 0]), float(S[0, 1]), float(S[1, 1]), *true),
            *(1.0 / posterior.noise_precision, float(_spread(posterior, Phi).mean())),
        )
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)
    return columns


def curves_table(
    found: RowsSeen | None, basis: Basis, first: Dataset, low: float, high: float, seed: int
) -> Columns:
    """(B.23), (B.24) and curves drawn from the posterior after each number of rows.

    Along the first input, any others at their means over the rows. The normal numbers of the draws
    are the same for each number of rows, so that one can follow a curve.

    Args:
        found: the posteriors.
        basis: of the model.
        first: the rows, and the truth where it is known.
        low, high: the range of the first input.
        seed: of the run.
    """
    draws = [f"draw_{k + 1}" for k in range(N_CURVES)]
    names = ("n_points", "x", "mean", "low", "high", "noise", "weights", "truth", *draws)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    if found is None:
        return columns
    x = np.linspace(low, high, N_ALONG)
    points = np.tile(first.X.mean(axis=0), (N_ALONG, 1))
    points[:, 0] = x
    Phi, z = basis.evaluate(points), NormalDist().inv_cdf((1 + LEVEL) / 2)
    truth = [None] * N_ALONG if first.truth is None else first.truth(points).tolist()
    normal = stream(seed, "rows seen").normal(size=(basis.n_columns, N_CURVES))
    for n, posterior in found.after.items():
        mean, std = posterior.predict(Phi)
        curves = Phi @ _drawn(posterior, normal)  # (n, n_curves)
        columns["n_points"] += [n] * N_ALONG
        columns["noise"] += [1.0 / posterior.noise_precision] * N_ALONG
        columns["truth"] += truth
        shown = {"x": x, "mean": mean, "low": mean - z * std, "high": mean + z * std}
        shown |= {"weights": _spread(posterior, Phi)}
        shown |= {name: curves[:, k] for k, name in enumerate(draws)}
        for name, values in shown.items():
            columns[name] += values.tolist()
    return columns


def _spread(posterior: Posterior, Phi: Array) -> Array:
    """phi^T S phi, the second term of (B.24), (n,)."""
    return np.asarray(((Phi @ posterior.factor) ** 2).sum(axis=1))


def _drawn(posterior: Posterior, normal: Array) -> Array:
    """Weights from the posterior, (p, n_draws), by its triangular factor.

    That changes little from one number of rows to the next, whatever made the covariance.
    """
    free = np.flatnonzero(posterior.std)
    upper = np.linalg.qr(posterior.factor[free].T, mode="r")  # (k, k)
    lower = (np.where(np.diagonal(upper) < 0, -1.0, 1.0)[:, None] * upper).T
    drawn = np.repeat(posterior.mean[:, None], normal.shape[1], axis=1)
    drawn[free] += lower @ normal[: lower.shape[1]]
    return drawn

"""Fits that pass through their rows, eq (2.9): the shortest solution, and a table of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.linear.arrays import EPSILON, Floats, Ints
from mlcli.linear.basis import fit_basis

COLUMNS = ("legendre", "orthonormal")
# Ranges of the training rows beyond which points of several inputs are moved closer: distances to
# different rows would be the same number.
FAR_AWAY = 1e6


def legendre_columns(x: Floats, low: float, high: float, n_columns: int, kind: str) -> Floats:
    """The first polynomials of Legendre on [low, high], (n,) -> (n, n_columns).

    Args:
        x: points, (n,).
        low, high: the range of x ~ U(low, high).
        n_columns: p, degrees 0 to p - 1.
        kind: ``legendre`` is P_k, with |P_k| <= 1 on the range; ``orthonormal`` is
            sqrt(2k + 1) P_k, whose mean square over x is 1. They span the same functions, but the
            first makes high degrees dearer to a shortest solution.

    Raises:
        ValueError: the kind is neither.
    """
    if kind not in COLUMNS:
        raise ValueError(f"the columns must be one of {', '.join(COLUMNS)}, got {kind!r}")
    P = fit_basis("legendre", [low], [high], n_columns - 1).evaluate(x[:, None])  # (n, p)
    return P * np.sqrt(2 * np.arange(n_columns) + 1) if kind == "orthonormal" else P


@dataclass(frozen=True)
class MinimumNorm:
    """Shortest least-squares solutions of S data sets with the first p columns.

    Attributes:
        W: (S, p).
        effective_rank: singular values above the cut, (S,).
    """

    W: Floats
    effective_rank: Ints

    @property
    def norm(self) -> Floats:
        """|w|, (S,)."""
        return np.asarray(np.linalg.norm(self.W, axis=1))


def minimum_norm(Phi: Floats, t: Floats) -> MinimumNorm:
    """w = Phi^+ t, eq (4.5) with the Moore-Penrose inverse, for each of S data sets.

    With N >= p independent columns this is least squares; with p > N it passes through every row,
    and of all w that do it is the shortest. Which function that is depends on the columns, not
    only on what they span. Singular values below eps max(N, p) times the largest count as zero.

    Args:
        Phi: columns, (S, N, p).
        t: targets, (S, N).
    """
    U, s, Vt = np.linalg.svd(Phi, full_matrices=False)  # (S, N, r), (S, r), (S, r, p)
    cut = EPSILON * max(Phi.shape[1:]) * s.max(axis=1, initial=0.0)  # (S,)
    used = s > cut[:, None]
    inverse = np.where(used, 1.0 / np.where(used, s, 1.0), 0.0)
    c = inverse * np.einsum("snr,sn->sr", U, t)  # (S, r)
    return MinimumNorm(np.einsum("srp,sr->sp", Vt, c), used.sum(axis=1))


def minimum_norms(Phi: Floats, t: Floats, sizes: Sequence[int]) -> Iterator[MinimumNorm]:
    """`minimum_norm` with the first p columns of Phi (S, N, P) for each p in `sizes`."""
    for size in sizes:
        yield minimum_norm(Phi[:, :, :size], t)


def nearest_rows(X_train: Floats, X: Floats) -> Ints:
    """Which training row is nearest to each point, X_train (N, D), X (n, D) -> (n,).

    Distances are those of inputs divided by their ranges on the training rows. A training row is
    nearest to itself, unless an earlier one has the same inputs.
    """
    low, high = X_train.min(axis=0), X_train.max(axis=0)
    if X_train.shape[1] == 1:
        return _nearest_in_order(X_train[:, 0], X[:, 0])
    from scipy.spatial.distance import cdist

    half = high / 2 - low / 2
    half = np.where(half > 0, half, 1.0)
    with np.errstate(over="ignore"):
        points = np.clip(X / half - low / half, -FAR_AWAY, FAR_AWAY)
    return np.asarray(cdist(points, X_train / half - low / half).argmin(axis=1), dtype=np.int64)


def _nearest_in_order(x_train: Floats, x: Floats) -> Ints:
    """The same of one input, (N,) and (n,), by where the points fall between the sorted rows."""
    order = np.argsort(x_train, kind="stable")
    rows = x_train[order]
    right = np.minimum(np.searchsorted(rows, x), rows.size - 1)
    left = np.maximum(right - 1, 0)
    with np.errstate(over="ignore"):
        found = np.where(np.abs(x - rows[left]) <= np.abs(x - rows[right]), left, right)
    # The first of rows with equal inputs.
    return np.asarray(order[np.searchsorted(rows, rows[found])], dtype=np.int64)


def expected_error_of_memory(
    x_train: Floats, truth: Callable[[Floats], Floats], noise_std: float, low: float, high: float
) -> float:
    """E (t - t_nearest(x))^2 of a table of rows that is read at the nearest one, x ~ U(low, high).

    It is 2 noise_std^2, since the noise of the row that is read adds to that of the new one, and
    the mean of (f(x) - f(x_nearest))^2, here over 4,000 points. The inputs are given, the noise is
    averaged over.

    Args:
        x_train: inputs of the N rows that are memorised, (N,).
        truth: f, (n, 1) -> (n,).
        noise_std: standard deviation of t around f.
        low, high: the range of x.
    """
    x = low + (high - low) * (np.arange(4000) + 0.5)[:, None] / 4000  # (4000, 1)
    nearest = x_train[nearest_rows(x_train[:, None], x)]  # (4000,)
    with np.errstate(over="ignore"):
        away = (truth(x) - truth(nearest[:, None])) ** 2
        return float(2 * noise_std**2 + away.mean())

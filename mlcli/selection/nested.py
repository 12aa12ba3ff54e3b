"""Nested cross-validation: how far a cross-validated error is off, measured.

Within the rows that an outer fold leaves, the whole cross-validation is done again; its result and
the outer fold's own mean are two estimates of one error, and their mean squared difference, less
what the fold's own scatter explains, is the squared error of cross-validation (Bates, Hastie and
Tibshirani, Journal of the American Statistical Association 119 (2024) 1434).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from mlcli.linear.arrays import Floats, Ints
from mlcli.scores import squared
from mlcli.selection.cross_validation import Loss, Refit
from mlcli.selection.folds import Folds
from mlcli.selection.intervals import CONFIDENCE, Interval

# The least eigenvalue of a training Gram matrix of orthonormal columns that is still trusted.
SAFE_EIGENVALUE = 1e-8


@dataclass(frozen=True)
class PairLosses:
    """The losses of every row by the fits that saw neither its fold nor one other.

    Attributes:
        fold: the fold of each row, (N,).
        loss: loss[i, b] is row i's by the fit without its own fold and without fold b; where b is
            its own fold, by the fit that saw all other folds. (N, K)
    """

    fold: Ints
    loss: Floats


def fold_numbers(folds: Folds, n_rows: int) -> Ints:
    """The fold of each row, (N,), of a partition in which each block tests once."""
    numbers = np.empty(n_rows, dtype=np.int64)
    for split in range(folds.n_splits):
        numbers[folds.test_rows(split)] = split
    return numbers


def least_squares_pairs(
    P: Floats, t: Floats, folds: Folds, penalty: Floats | None = None, loss: Loss = squared
) -> PairLosses:
    """All K + K (K - 1) / 2 fits at once, from the Gram matrix of each fold.

    Args:
        P: orthonormal columns, (N, p).
        t: targets, (N,).
        folds: a partition into K folds.
        penalty: sum_j penalty_j c_j^2 a training row is added to rss, (p,); None is none.
        loss: one of `mlcli.selection.cross_validation`.
    """
    number, k = fold_numbers(folds, t.size), folds.n_splits
    blocks = [folds.test_rows(split) for split in range(k)]
    G = np.stack([P[rows].T @ P[rows] for rows in blocks])  # (K, p, p)
    c = np.stack([P[rows].T @ t[rows] for rows in blocks])  # (K, p)
    n = folds.n_test
    first, second = np.triu_indices(k)
    apart = (first != second).astype(np.float64)
    left = G.sum(axis=0) - G[first] - apart[:, None, None] * G[second]  # (n_fits, p, p)
    right = c.sum(axis=0) - c[first] - apart[:, None] * c[second]  # (n_fits, p)
    if penalty is not None:
        n_train = t.size - n[first] - apart * n[second]
        left[:, np.arange(P.shape[1]), np.arange(P.shape[1])] += n_train[:, None] * penalty
    C, unsafe = _solve(left, right)
    for fit in np.flatnonzero(unsafe):
        C[fit] = _from_rows(P, t, _rows_without(number, first[fit], second[fit]), penalty)
    fit_of = np.empty((k, k), dtype=np.int64)
    fit_of[first, second] = fit_of[second, first] = np.arange(first.size)
    y = P @ C.T  # (N, n_fits)
    return PairLosses(number, loss(t, np.take_along_axis(y, fit_of[number], axis=1)))


def _rows_without(number: Ints, first: int, second: int) -> np.ndarray:
    return np.asarray((number != first) & (number != second))


def _solve(left: Floats, right: Floats) -> tuple[Floats, np.ndarray]:
    """Each system's solution, (n_fits, p), and which of them the rows hardly determine."""
    # Where no row is left, rounding can leave less than nothing.
    scale = np.sqrt(np.maximum(np.einsum("fii->fi", left), 0.0))  # (n_fits, p)
    scale = np.where(scale > 0, scale, 1.0)
    scaled = left / (scale[:, :, None] * scale[:, None, :])
    unsafe = np.linalg.eigvalsh(scaled)[:, 0] < SAFE_EIGENVALUE
    scaled[unsafe] = np.eye(left.shape[1])
    C = np.asarray(np.linalg.solve(scaled, (right / scale)[:, :, None]))[:, :, 0]  # (n_fits, p)
    return C / scale, unsafe


def _from_rows(P: Floats, t: Floats, kept: np.ndarray, penalty: Floats | None) -> Floats:
    """Least squares from the rows themselves, the penalty as rows below them."""
    damping = np.sqrt(kept.sum() * (np.zeros(P.shape[1]) if penalty is None else penalty))
    rows = np.concatenate([P[kept], np.diag(damping)])  # (n + p, p)
    target = np.concatenate([t[kept], np.zeros(P.shape[1])])  # (n + p,)
    return np.asarray(np.linalg.lstsq(rows, target, rcond=None)[0])


def refitted_pairs(t: Floats, folds: Folds, refit: Refit, loss: Loss = squared) -> PairLosses:
    """The same with honest refits, for models that have no shortcut.

    Args:
        t: targets, (N,).
        folds: a partition into K folds.
        refit: called with training rows, test rows and 0.
        loss: one of `mlcli.selection.cross_validation`.
    """
    number, k = fold_numbers(folds, t.size), folds.n_splits
    found = np.empty((t.size, k))
    for a in range(k):
        for b in range(a, k):
            kept = np.flatnonzero(_rows_without(number, a, b))
            rows = np.flatnonzero((number == a) | (number == b))
            values = loss(t[rows], refit(kept, rows, 0))
            found[rows, np.where(number[rows] == a, b, a)] = values
    return PairLosses(number, found)


# Errors whose squares are beyond a float have no interval.
@np.errstate(over="ignore", invalid="ignore")
def nested_interval(partitions: Iterable[PairLosses], confidence: float = CONFIDENCE) -> Interval:
    """The interval Err_NCV - bias -+ z sqrt((K - 1) / K) sqrt(MSE).

    For outer fold i with mean loss o_i, variance v_i / n_i of that mean, and mean inner loss m_i:
    MSE = mean (m_i - o_i)^2 - mean v_i / n_i, held between the naive squared standard error and K
    times it; bias = (1 + (K - 2) / K) (Err_NCV - Err_CV). Means run over all folds of all
    partitions: several random ones are needed, as MSE is a small difference.

    Args:
        partitions: the pair losses of one or more random partitions; each fold has two rows.
        confidence: between 0 and 1.
    """
    a, b, inner, outer, naive = [], [], [], [], []
    for pairs in partitions:
        n_rows, k = pairs.loss.shape
        own = pairs.loss[np.arange(n_rows), pairs.fold]  # (N,)
        for fold, losses in enumerate(_by_fold(pairs, own)):
            m = float(pairs.loss[pairs.fold != fold, fold].mean())
            a.append(float(np.square(m - losses.mean())))
            b.append(float(losses.var(ddof=1)) / losses.size)
            inner.append(m)
        outer.append(float(own.mean()))
        naive.append(float(own.var(ddof=1)) / n_rows)
    least = float(np.mean(naive))
    mse = min(max(float(np.mean(a)) - float(np.mean(b)), least), k * least)
    bias = (1 + (k - 2) / k) * (float(np.mean(inner)) - float(np.mean(outer)))
    estimate = float(np.mean(inner)) - bias
    std_error = sqrt((k - 1) / k) * sqrt(mse)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * std_error
    return Interval(estimate, std_error, estimate - half, estimate + half)


def _by_fold(pairs: PairLosses, own: Floats) -> Iterator[Floats]:
    for fold in range(pairs.loss.shape[1]):
        yield own[pairs.fold == fold]

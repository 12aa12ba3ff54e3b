"""Standardised columns, minimum-norm least squares on them, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.errors import DataError
from mlcli.linear.arrays import Floats

EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Scaling:
    """What was taken off: z = (phi - mean) / std for each column, b = t - t_mean.

    Attributes:
        mean: (p,), 0 without an intercept.
        std: (p,), with 1/N; 1 for a column that does not vary, whose z is 0.
        t_mean: in the units of t, 0 without an intercept.
    """

    mean: Floats
    std: Floats
    t_mean: float


def standardize(
    Phi: Floats, t: Floats, *, intercept: bool = True, weights: Floats | None = None
) -> tuple[Floats, Floats, Scaling]:
    """Columns of mean 0 and variance 1, so that (3.13) penalises all weights alike.

    Args:
        Phi: the columns without the constant, (N, p).
        t: targets, (N,).
        intercept: False keeps the means and divides by the root mean square.
        weights: how often each row counts in the means, (N,), 0 or more; None: once.

    Returns:
        A (N, p), column-major, b (N,) and the scaling.

    Raises:
        DataError: Phi is not a finite (N, p) array, or t not (N,).
    """
    if Phi.ndim != 2 or t.shape != Phi.shape[:1] or t.size == 0:
        raise DataError(
            "Phi and t", must="of shapes (N, p) and (N,)", got=f"{Phi.shape} and {t.shape}"
        )
    rows = np.ascontiguousarray(Phi.T)  # (p, N)
    largest = np.abs(rows).max(axis=1, initial=0.0)
    if not np.isfinite(largest).all():
        raise DataError(
            "the columns of Phi",
            must="finite",
            got="NaN or infinity",
            hint="dividing x by its largest absolute value",
        )
    # In units of the largest value, so that the squares of x^300 neither vanish nor overflow.
    unit = np.where(largest > 0, largest, 1.0)
    rows = rows / unit[:, None]
    share = None if weights is None else weights / weights.sum()  # (N,)
    mean = _means(rows, share) if intercept else np.zeros(rows.shape[0])
    rows -= mean[:, None]
    squares = "ij,ij->i" if share is None else "ij,ij,j->i"
    parts = (rows, rows) if share is None else (rows, rows, share * t.size)
    std = np.sqrt(np.einsum(squares, *parts) / t.size)
    flat = std <= 10 * EPSILON * np.abs(mean)
    std[flat] = 1.0
    rows[flat] = 0.0
    rows /= std[:, None]
    t_mean = float(_means(t, share)) if intercept else 0.0
    scaling = Scaling(mean * unit, np.where(flat, 1.0, std * unit), t_mean)
    return rows.T, t - t_mean, scaling


def _means(values: Floats, share: Floats | None) -> Floats:
    """Means over the last axis, each value with its share of the whole where there are shares."""
    return np.asarray(values.mean(axis=-1) if share is None else values @ share)


@dataclass(frozen=True)
class UnitStdError:
    """Standard errors over sigma: ``unit`` (p,) is the root of the diagonal of C = (A^T A)^+.

    ``root`` (p, rank) has root root^T = C.
    """

    unit: Floats
    root: Floats


@dataclass(frozen=True)
class LapackFit:
    """Minimum-norm least squares.

    Attributes:
        w: weights of the standardised columns, (p,).
        rank: singular values above the cut.
        singular_values: descending, (min(N, p),).
    """

    w: Floats
    rank: int
    singular_values: Floats

    def unit_std_error(self, A: Floats) -> UnitStdError:
        """Standard errors over sigma on the directions that were kept, from the columns A (N, p).

        C = V S^-2 V^T: the covariance of the weights is sigma^2 C.
        """
        R = np.linalg.qr(A, mode="r")  # (min(N, p), p)
        _, s, Vt = np.linalg.svd(R, full_matrices=False)
        root = Vt[: self.rank].T / s[: self.rank]  # (p, rank)
        return UnitStdError(np.sqrt(np.einsum("ij,ij->i", root, root)), root)


def lapack_least_squares(A: Floats, b: Floats, rcond: float | None = None) -> LapackFit:
    """w = A^+ b, eq (4.5) with the Moore-Penrose inverse, by LAPACK's gelsd.

    (4.5)'s own form of the inverse needs full column rank; here singular values below
    `rcond` times the largest count as zero and w is the shortest solution.

    Args:
        A: (N, p).
        b: (N,).
        rcond: None is the machine epsilon, as in scikit-learn before 1.9 (since then 1e-6).

    Raises:
        ValueError: rcond is negative.
    """
    cut = EPSILON if rcond is None else rcond
    if not cut >= 0:
        raise ValueError(f"rcond must be at least 0, got {cut}")
    w, _, rank, s = np.linalg.lstsq(A, b, rcond=cut)
    return LapackFit(np.asarray(w, dtype=np.float64), int(rank), np.asarray(s, dtype=np.float64))


def to_raw(w_std: Floats, scaling: Scaling) -> tuple[Floats, Floats]:
    """Weights of the unscaled columns, and the intercept of (3.10).

    w_j = w_std_j / std_j and w_0 = t_mean - sum_j w_j mean_j.

    Args:
        w_std: (p,) or (p, k).

    Returns:
        w_0, () or (k,), and w, (p,) or (p, k).
    """
    with np.errstate(over="ignore"):
        w = (w_std.T / scaling.std).T
    # mean / std first: each is of order 1 where w and mean may be 1e300 and 1e-300.
    w0 = scaling.t_mean - (scaling.mean / scaling.std) @ w_std
    return np.asarray(w0), w

"""Cross-validation of penalised fits (3.13): every strength and degree from the same R factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.certificate import Certificate, worst_of
from mlcli.linear.arrays import Floats
from mlcli.linear.penalised import PathFits, fit_path
from mlcli.linear.r_factor import RFactor
from mlcli.selection.blocks import training_r_factors
from mlcli.selection.exact import FoldFits
from mlcli.selection.folds import Folds


@dataclass(frozen=True)
class CentredProblem:
    """The rows of an R factor without the constant: A^T A and A^T b are those of the centred data.

    Attributes:
        A: (M + 1, M); the last row is zero.
        b: (M + 1,); its last entry carries what no column explains.
        slope: means of the columns, (M,); None without a constant.
        level: mean of the target.
    """

    A: Floats
    b: Floats
    slope: Floats | None
    level: float

    def with_constant(self, w: Floats) -> Floats:
        """[w_0; w] (M + 1, k) of w (M, k), eq (3.10); w itself without a constant."""
        if self.slope is None:
            return w
        return np.concatenate([(self.level - self.slope @ w)[None], w])


def centred(r_factor: RFactor, size: int, has_constant: bool) -> CentredProblem:
    """The problem in the first `size` columns, the constant eliminated.

    In an R factor whose first column is that of the constant, the rows below the first belong to
    columns with their means taken off.

    Args:
        r_factor: that of [1 A t], or of [A t].
        size: columns of the model, the constant included.
        has_constant: whether the first column is the constant.
    """
    R, first = r_factor.R, int(has_constant)
    rest = float(np.linalg.norm(R[size:, -1]))
    A = np.concatenate([R[first:size, first:size], np.zeros((1, size - first))])
    b = np.append(R[first:size, -1], rest)
    slope = R[0, 1:size] / R[0, 0] if first else None
    return CentredProblem(A, b, slope, float(R[0, -1] / R[0, 0]) if first else 0.0)


@dataclass(frozen=True)
class PenalisedFits:
    """The fits of every model on every split; a model is a pair of a size and a strength.

    Attributes:
        fits: their coefficients, models ordered by size, then strength.
        relative_gap: the largest duality gap as a share of E(0); 0 for ridge, which is exact.
        certificate: of the worst fit; None for ridge.
    """

    fits: FoldFits
    relative_gap: float
    certificate: Certificate | None


def penalised_fits(
    parts: Sequence[RFactor],
    folds: Folds,
    sizes: Sequence[int],
    l1s: Sequence[float],
    l2s: Sequence[float],
    *,
    has_constant: bool,
) -> PenalisedFits:
    """Minimise (3.13) on each split's training rows, for each size and each pair of strengths.

    Ridge: one SVD a size and split serves all strengths. With l1: warm-started coordinate descent
    on the small R factor, which has the same A^T A and A^T b as the rows.

    Args:
        parts: the R factor of [1 A t], or of [A t], of each block.
        folds: the splits of those blocks.
        sizes: columns of each model, the constant included.
        l1s, l2s: strengths, paired.
        has_constant: whether the first column is the constant.
    """
    p, k = parts[0].R.shape[0] - 1, len(l1s)
    W = np.zeros((folds.n_splits, p, len(sizes) * k))
    largest, certificate = 0.0, None
    for split, r_factor in enumerate(training_r_factors(parts, folds)):
        for i, size in enumerate(sizes):
            problem = centred(r_factor, size, has_constant)
            path = centred_path(problem, r_factor.n_rows, l1s, l2s)
            W[split, :size, i * k : (i + 1) * k] = problem.with_constant(path.w)
            largest = max(largest, float(path.relative_gap.max(initial=0.0)))
            certificate = worst_of(certificate, path.certificate)
    fits = FoldFits(W, np.zeros((folds.n_splits, len(sizes) * k), bool))
    return PenalisedFits(fits, largest, certificate)


def centred_path(
    problem: CentredProblem, n_rows: int, l1s: Sequence[float], l2s: Sequence[float]
) -> PathFits:
    """Ridge by one SVD where every l1 is 0, else warm-started coordinate descent."""
    return fit_path(problem.A, problem.b, n_rows, l1s if any(l1s) else None, l2s)

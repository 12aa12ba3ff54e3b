"""Cross-validation of penalised fits (3.13): every strength and degree from the same R factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlcli.certificate import Certificate, worst_of
from mlcli.linear.arrays import Floats, Ints, subsample_indices
from mlcli.linear.basis import fit_basis
from mlcli.linear.column_families import NestedColumns, StandardisedFamily, standardised_family
from mlcli.linear.design import ColumnScaling, Design
from mlcli.linear.penalised import PathFits, fit_path
from mlcli.linear.polynomial import MANY_ROWS
from mlcli.linear.r_factor import RFactor, triangular
from mlcli.linear.redundant import UNRELATED, Redundant, Related, find_redundant
from mlcli.selection.cross_validation import (
    FoldFits,
    block_r_factors,
    merged,
    polynomial_blocks,
    training_r_factors,
)
from mlcli.selection.folds import Folds


def standardised_blocks(
    kind: str,
    X: Floats,
    t: Floats,
    degrees: tuple[int, ...],
    blocks: Sequence[Ints],
    *,
    intercept: bool = True,
    scaled: bool = True,
    related: Related = UNRELATED,
) -> tuple[StandardisedFamily, list[RFactor]]:
    """The columns that (3.13) penalises, and the R factor of [1 A t] on each block.

    The scale of a column is taken from all rows, once: it uses no target, and the penalty is then
    the same one in every fold, for leave-one-out and for the fit of all rows.

    Args:
        kind: a basis of `mlcli.linear.basis`.
        X, t: data, (N, D) and (N,).
        degrees: a family of `mlcli.linear.column_families.families`.
        blocks: row numbers of each block.
        intercept: whether there is a constant, which no penalty touches.
        scaled: False leaves the columns unscaled (still centred when there is an intercept).
        related: as in `linear.design.build`, which leaves out products that add nothing.
    """
    if kind == "polynomial" and t.size > MANY_ROWS and intercept and scaled:
        return _many_rows(X, t, degrees, blocks, find_redundant(X, *related))
    family = standardised_family(
        kind, X, t, degrees, intercept=intercept, scaled=scaled, related=related
    )
    return family, block_r_factors(family.columns, t, blocks)


def _many_rows(
    X: Floats,
    t: Floats,
    degrees: tuple[int, ...],
    blocks: Sequence[Ints],
    redundant: Redundant,
) -> tuple[StandardisedFamily, list[RFactor]]:
    """The same through nearly orthogonal columns P, of which the powers are combinations P T.

    The rows are then read once, by a Gram matrix that loses nothing; T comes from a sample.
    """
    plain, parts = polynomial_blocks(X, t, degrees, blocks)
    largest = np.abs(X).max(axis=0)
    scale = np.where(largest > 0, largest, 1.0)
    basis = fit_basis(
        "polynomial",
        X.min(axis=0) / scale,
        X.max(axis=0) / scale,
        degrees[-1],
        redundant=redundant,
    )
    every = replace(basis, left_out=())
    sample = subsample_indices(X)
    T = _change(plain.rows(sample), every.evaluate(X[sample] / scale))
    sizes = plain.sizes
    if basis.left_out:
        T = np.delete(T, basis.left_out, axis=1)
        sizes = tuple(int((basis.degrees() <= degree).sum()) for degree in degrees)
    R = merged(parts).R[:-1, :-1] @ T  # (p, q), of the powers
    mean, spread = R[0, 1:] / R[0, 0], np.linalg.norm(R[1:, 1:], axis=0)
    std = np.where(spread > 0, spread, 1.0) / np.sqrt(t.size)
    T[:, 1:] = (T[:, 1:] - np.outer(T[:, 0], mean)) / std
    design = Design(
        basis, scale, ColumnScaling(mean, std, float(t.mean())), np.empty((0, std.size)), t
    )

    def rows(index: Ints | slice) -> Floats:
        return plain.rows(index) @ T

    def evaluate(points: Floats) -> Floats:
        return plain.evaluate(points) @ T

    columns = NestedColumns(degrees, sizes, rows, evaluate, True)
    order = np.arange(std.size)
    return StandardisedFamily(columns, design, order), [_transformed(part, T) for part in parts]


def _change(P: Floats, Phi: Floats) -> Floats:
    """T with Phi = P T, upper triangular as both are nested; P is orthonormal on these rows."""
    T = P.T @ Phi  # (p, p)
    # Once more on what is left: it takes off what rounding made of P's orthogonality.
    return np.triu(T + P.T @ (Phi - P @ T))


def _transformed(part: RFactor, T: Floats) -> RFactor:
    """The R factor of [P T, t] from that of [P t], T (p, q).

    A square T is upper triangular with a diagonal > 0.
    """
    R = np.column_stack([part.R[:, :-1] @ T, part.R[:, -1]])
    return RFactor(R if T.shape[0] == T.shape[1] else triangular(R), part.n_rows)


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

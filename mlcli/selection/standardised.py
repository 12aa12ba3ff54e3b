"""The R factors of standardised columns, for penalised fits, also of many rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mlcli.linear.arrays import Floats, Ints, subsample_indices
from mlcli.linear.basis import fit_basis
from mlcli.linear.column_families import NestedColumns, StandardisedFamily, standardised_family
from mlcli.linear.design import Design, Scaling
from mlcli.linear.polynomial import MANY_ROWS
from mlcli.linear.r_factor import RFactor, triangular
from mlcli.linear.redundant import UNRELATED, Redundant, Related, find_redundant
from mlcli.selection.blocks import block_r_factors, merged, polynomial_blocks


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

    The rows are then met once, by a Gram matrix that loses nothing; T comes from a sample.
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
    design = Design(basis, scale, Scaling(mean, std, float(t.mean())), np.empty((0, std.size)), t)

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
